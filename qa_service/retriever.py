"""The ranking of passages as LangChain knows it."""

from __future__ import annotations

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from qa_service.composing.reading import read
from qa_service.embedding_model import EmbeddingModel
from qa_service.index_reader import CurrentIndex


class BilingualRetriever(BaseRetriever):
    """The ranking as a LangChain retriever: passages as ``Document``, with their spans in the metadata."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: CurrentIndex
    model: EmbeddingModel
    k: int = 10

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:  # noqa: ARG002
        with self.index.use() as index:
            ranked = read(query, index, self.model, self.k).ranked
        return [
            Document(
                page_content=found.passage.text,
                metadata={
                    "document_id": found.passage.document_id,
                    "title": found.passage.title,
                    "language": found.passage.language,
                    "start": found.passage.start,
                    "end": found.passage.end,
                    "score": found.score,
                },
            )
            for found in ranked
        ]
