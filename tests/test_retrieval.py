from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import CurrentIndex, OpenIndex, open_current
from qa_service.indexing import index_documents
from qa_service.retrieval import BilingualRetriever, prepare, retrieve
from qa_service.settings import Settings, load_settings

ARTICLES = {
    "en/bridge": "The old bridge\n\nThe stone bridge over the river was built in 1911. It carries a tramway.",
    "fr/pont": "Le vieux pont\n\nLe pont de pierre a été restauré en 2003. Son gardien s’appelle Anselme.",
    "en/garden": "The herb garden\n\nMint and sage grow behind the school. Children water them every morning.",
    "fr/jardin": "Le jardin\n\nLe jardin compte quarante pommiers. Les abeilles y produisent du miel.",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("retrieval")
    for name, text in ARTICLES.items():
        path = folder / "documents" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    settings = load_settings(documents=folder / "documents", index=folder / "index")
    index_documents([settings.documents], settings)
    return settings


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return EmbeddingModel.load("")


@pytest.fixture(scope="module")
def index(settings: Settings, model: EmbeddingModel) -> Iterator[OpenIndex]:
    opened = open_current(IndexFolder(settings.index), model)
    yield opened
    opened.close()


def best(question: str, index: OpenIndex, model: EmbeddingModel) -> str:
    return retrieve(prepare(question, index, model), index, model)[0].passage.document_id


@pytest.mark.parametrize(
    ("question", "document_id"),
    [
        ("When was the stone bridge built?", "en/bridge"),
        ("Quand le pont a-t-il été construit et que porte-t-il, un tramway ?", "en/bridge"),
        ("How many apple trees does the garden have?", "fr/jardin"),
        ("Combien de pommiers compte le jardin ?", "fr/jardin"),
        ("Qui s'appelle Anselme ?", "fr/pont"),
        ("Who is called Anselme?", "fr/pont"),
        ("menthe et sauge", "en/garden"),
        ("MIEL DES ABEILLES", "fr/jardin"),
    ],
)
def test_the_passage_is_found_in_either_language(
    question: str, document_id: str, index: OpenIndex, model: EmbeddingModel
) -> None:
    assert best(question, index, model) == document_id


def test_both_languages_share_one_ranking(index: OpenIndex, model: EmbeddingModel) -> None:
    found = retrieve(prepare("the bridge over the river", index, model), index, model)
    assert {ranked.passage.language for ranked in found} == {"en", "fr"}
    scores = [ranked.score for ranked in found]
    assert scores == sorted(scores, reverse=True)


def test_count_limits_the_ranking(index: OpenIndex, model: EmbeddingModel) -> None:
    assert len(retrieve(prepare("bridge", index, model), index, model, count=1)) == 1


@pytest.mark.parametrize("question", ["", "the of and", "???", "le la les", "\u0000", "🙂🙂"])
def test_a_question_without_a_subject_finds_nothing_or_little(
    question: str, index: OpenIndex, model: EmbeddingModel
) -> None:
    assert all(ranked.score < 0.5 for ranked in retrieve(prepare(question, index, model), index, model))


def test_weights_sum_to_one_and_rare_words_weigh_more(index: OpenIndex, model: EmbeddingModel) -> None:
    query = prepare("Does the garden have zebras?", index, model)
    weights = dict(zip(query.words.folded, query.weights, strict=True))
    assert np.isclose(query.weights.sum(), 1)
    assert np.isclose(query.importance.sum(), 1)
    assert weights["zebras"] > weights["garden"]


def test_passages_are_spans_of_their_documents(index: OpenIndex, model: EmbeddingModel) -> None:
    for ranked in retrieve(prepare("bridge garden pont jardin", index, model), index, model):
        passage = ranked.passage
        assert index.documents.article(passage.document_id).text[passage.start : passage.end] == passage.text


def test_the_langchain_retriever_gives_documents(settings: Settings, model: EmbeddingModel) -> None:
    current = CurrentIndex(IndexFolder(settings.index), model)
    current.refresh()
    try:
        documents = BilingualRetriever(index=current, model=model, k=2).invoke("Combien de pommiers ?")
    finally:
        current.stop()
    assert len(documents) == 2
    assert documents[0].metadata["document_id"] == "fr/jardin"
    assert documents[0].metadata["language"] == "fr"
    text = Path(settings.documents / "fr/jardin.txt").read_text(encoding="utf-8")
    assert text[documents[0].metadata["start"] : documents[0].metadata["end"]] == documents[0].page_content
