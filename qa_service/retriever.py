"""The ranking of passages as LangChain knows it."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables.config import run_in_executor
from pydantic import ConfigDict, Field

from qa_service.composing.reading import read
from qa_service.document_store import DocumentSummary
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import InvalidQuestion
from qa_service.index_reader import CurrentIndex
from qa_service.retrieval import RankedPassage

LARGEST_K = 100  # passages of one search


class BilingualRetriever(BaseRetriever):
    """The ranking as a LangChain retriever: passages as ``Document``, best first, both languages in one ranking.

    The metadata of each holds ``document_id``, ``title``, ``language``, ``url`` and ``published`` of its article,
    ``start`` and ``end`` in the article's text (code points), and ``score``. A call may ask for another ``k``. Raises
    IndexUnavailable when there is no index, and InvalidQuestion for a ``k`` that is not from 1 to 100.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: CurrentIndex
    model: EmbeddingModel
    k: Annotated[int, Field(ge=1, le=LARGEST_K)] = 10

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
    ) -> list[Document]:
        return self._found(query, k)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
    ) -> list[Document]:
        return await run_in_executor(None, self._found, query, k)

    def _found(self, query: str, k: int | None) -> list[Document]:
        count = checked_k(self.k if k is None else k)
        with self.index.use() as index:
            ranked = read(query, index, self.model, count).ranked
            ids = {found.passage.document_id for found in ranked}
            summaries = {document_id: index.documents.summary(document_id) for document_id in ids}
        return [_document(found, summaries[found.passage.document_id]) for found in ranked]


def checked_k(k: int) -> int:
    """A number of passages to find; raises InvalidQuestion when it is not from 1 to 100."""
    if not 1 <= k <= LARGEST_K:
        raise InvalidQuestion(f"k must be from 1 to {LARGEST_K}.")
    return k


def _document(found: RankedPassage, article: DocumentSummary) -> Document:
    passage = found.passage
    metadata: dict[str, Any] = {
        "document_id": article.id,
        "title": article.title,
        "language": article.language,
        "url": article.url,
        "published": article.published,
        "start": passage.start,
        "end": passage.end,
        "score": found.score,
    }
    return Document(id=f"{article.id}:{passage.start}-{passage.end}", page_content=passage.text, metadata=metadata)
