"""The ranking as LangChain's retriever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from pydantic import ValidationError

from qa_service import BilingualRetriever
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import IndexUnavailable, InvalidQuestion
from qa_service.generations import IndexFolder
from qa_service.index_reader import CurrentIndex
from qa_service.settings import Settings

ENGLISH = "How many plots has the kitchen garden?"
FRENCH = "Combien de parcelles compte le potager ?"


@pytest.fixture(scope="module")
def current(built: Settings, model: EmbeddingModel) -> Iterator[CurrentIndex]:
    current = CurrentIndex(IndexFolder(built.index), model)
    current.refresh()
    yield current
    current.stop()


@pytest.mark.parametrize("question", [FRENCH, ENGLISH])
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


def test_the_metadata_is_that_of_the_article(current: CurrentIndex, model: EmbeddingModel) -> None:
    found = BilingualRetriever(index=current, model=model).invoke("When was the footbridge inaugurated?")
    bridge = next(document for document in found if document.metadata["document_id"] == "fr/passerelle")
    place = "{start}-{end}".format_map(bridge.metadata)
    assert bridge.id == f"fr/passerelle:{place}"
    assert bridge.metadata.keys() == {
        *("document_id", "title", "language", "url", "published", "start", "end", "score"),
    }
    assert (bridge.metadata["published"], bridge.metadata["url"]) == ("2024-05-13", None)
    assert len({document.id for document in found}) == len(found)


@pytest.mark.parametrize("question", [FRENCH, ENGLISH])
def test_all_ways_of_asking_find_the_same(question: str, current: CurrentIndex, model: EmbeddingModel) -> None:
    retriever = BilingualRetriever(index=current, model=model, k=3)
    found = retriever.invoke(question)
    assert asyncio.run(retriever.ainvoke(question)) == found
    assert retriever.batch([question] * 3) == [found] * 3
    assert list(retriever.stream(question)) == [found]
    assert (retriever | len).invoke(question) == 3


def test_a_call_may_ask_for_another_number(current: CurrentIndex, model: EmbeddingModel) -> None:
    retriever = BilingualRetriever(index=current, model=model, k=3)
    assert len(retriever.invoke(ENGLISH, k=1)) == 1
    assert len(asyncio.run(retriever.ainvoke(ENGLISH, k=2))) == 2


@pytest.mark.parametrize("k", [0, -1, 101])
def test_a_wrong_number_is_refused(k: int, current: CurrentIndex, model: EmbeddingModel) -> None:
    with pytest.raises(ValidationError, match="k"):
        BilingualRetriever(index=current, model=model, k=k)
    with pytest.raises(InvalidQuestion, match="from 1 to 100"):
        BilingualRetriever(index=current, model=model).invoke(ENGLISH, k=k)


class Noted(BaseCallbackHandler):
    """What callbacks are told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []
        self.found: list[Document] = []
        self.failed: list[BaseException] = []

    def on_retriever_start(self, serialized: object, query: str, **rest: object) -> None:
        self.asked.append((query, rest["tags"]))

    def on_retriever_end(self, documents: object, **_: object) -> None:
        assert isinstance(documents, list)
        self.found += documents

    def on_retriever_error(self, error: BaseException, **_: object) -> None:
        self.failed.append(error)


def test_callbacks_hear_of_it(current: CurrentIndex, model: EmbeddingModel) -> None:
    noted = Noted()
    found = BilingualRetriever(index=current, model=model).invoke(FRENCH, {"callbacks": [noted], "tags": ["mine"]})
    assert noted.asked == [(FRENCH, ["mine"])]
    assert noted.found == found


def test_without_an_index_it_says_so(settings: Settings, model: EmbeddingModel) -> None:
    noted = Noted()
    retriever = BilingualRetriever(index=CurrentIndex(IndexFolder(settings.index), model), model=model)
    with pytest.raises(IndexUnavailable, match="qa-service index"):
        retriever.invoke(ENGLISH, {"callbacks": [noted]})
    assert len(noted.failed) == 1
    with pytest.raises(IndexUnavailable):
        asyncio.run(retriever.ainvoke(ENGLISH))
