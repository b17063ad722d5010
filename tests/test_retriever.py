"""The ranking as LangChain's retriever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import CurrentIndex
from qa_service.retriever import BilingualRetriever
from qa_service.settings import Settings


@pytest.fixture(scope="module")
def current(built: Settings, model: EmbeddingModel) -> Iterator[CurrentIndex]:
    current = CurrentIndex(IndexFolder(built.index), model)
    current.refresh()
    yield current
    current.stop()


@pytest.mark.parametrize(
    "question", ["Combien de parcelles compte le potager ?", "How many plots has the kitchen garden?"]
)
def test_it_gives_documents_with_their_spans(question: str, current: CurrentIndex, model: EmbeddingModel) -> None:
    documents = BilingualRetriever(index=current, model=model, k=2).invoke(question)
    assert len(documents) == 2
    found = documents[0]
    assert found.metadata["document_id"] == "fr/potager"
    assert (found.metadata["language"], found.metadata["title"]) == ("fr", "Le potager partagé")
    with current.use() as index:
        text = index.documents.article("fr/potager").text
    assert text[found.metadata["start"] : found.metadata["end"]] == found.page_content
    assert found.metadata["score"] >= documents[1].metadata["score"]


@pytest.mark.parametrize("k", [1, 3, 100])
def test_it_gives_no_more_than_asked_for(k: int, current: CurrentIndex, model: EmbeddingModel) -> None:
    documents = BilingualRetriever(index=current, model=model, k=k).invoke("the garden")
    assert len(documents) == min(k, 5)


def test_a_question_without_a_subject_finds_nothing(current: CurrentIndex, model: EmbeddingModel) -> None:
    assert BilingualRetriever(index=current, model=model).invoke("and of the") == []
