from __future__ import annotations

from collections.abc import Iterator

import pytest

from qa_service.composing.evidence import Sentence, sentences_of
from qa_service.composing.parallels import find_parallel, parallel_of_span
from qa_service.embedding_model import EmbeddingModel
from qa_service.errors import UnknownDocument
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex, open_current
from qa_service.indexing import index_documents
from qa_service.language import Language
from qa_service.settings import load_settings

ARTICLES = {
    "en/bridge.md": (
        "translation_of: fr/pont",
        "The stone bridge over the river was opened in 1911. Two hundred people walked over the bridge on the first "
        "day. The keeper of the bridge has a dog.",
    ),
    "fr/pont.md": (
        "published: 1911-05-02",
        "Le pont de pierre sur la rivière a été ouvert en 1911. Le péage du pont coûte quatre francs. Deux cents "
        "personnes ont marché sur le pont le premier jour.",
    ),
    "en/fair.md": (
        "published: 2024-06-01",
        "The autumn fair of Marlow opens on 4 October 2024 and closes two days later. Farmers bring sheep, horses and "
        "cider to the meadow beside the mill. Children ride on a wooden roundabout for free. The mayor, who was born "
        "in Kent, thanked the volunteers from the village of Bisham.",
    ),
    "fr/foire.md": (
        "published: 2024-06-02",
        "La foire d’automne de Marlow ouvre le 4 octobre 2024 et se termine deux jours plus tard. Les fermiers "
        "apportent des moutons, des chevaux et du cidre dans le pré près du moulin. Les enfants montent gratuitement "
        "sur un manège en bois. La maire, née à Dublin, a remercié les bénévoles du village de Cookham.",
    ),
    "fr/date.md": ("published: 1912-05-02", "Le pont de pierre sur la rivière a été ouvert en 1947."),
}


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return EmbeddingModel.load("")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, model: EmbeddingModel) -> Iterator[OpenIndex]:
    folder = tmp_path_factory.mktemp("parallels")
    for name, (meta, text) in ARTICLES.items():
        path = folder / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\ntitle: Bridge\nlanguage: {name[:2]}\n{meta}\n---\n{text}\n", encoding="utf-8")
    settings = load_settings(documents=folder / "documents", index=folder / "index")
    index_documents([settings.documents], settings)
    opened = open_current(IndexFolder(settings.index), model)
    yield opened
    opened.close()


def sentence(index: OpenIndex, document_id: str, words: str) -> Sentence:
    passages = index.documents.passages(index.documents.numbers_of(document_id))
    return next(one for passage in passages for one in sentences_of(passage) if words in one.text)


@pytest.mark.parametrize(
    ("document_id", "words", "document", "said"),
    [
        ("en/bridge", "opened", "fr/pont", "ouvert en 1911"),
        ("fr/pont", "ouvert", "en/bridge", "opened in 1911"),
        ("en/bridge", "Two hundred", "fr/pont", "Deux cents"),
        ("fr/pont", "Deux cents", "en/bridge", "Two hundred"),
    ],
)
def test_a_sentence_has_its_counterpart_in_the_other_version(
    index: OpenIndex, model: EmbeddingModel, document_id: str, words: str, document: str, said: str
) -> None:
    language = "fr" if document_id.startswith("en") else "en"
    found = find_parallel(sentence(index, document_id, words), language, index, model)
    assert found is not None
    assert found.document_id == document
    assert said in found.quote
    assert index.documents.article(document).text[found.start : found.end] == found.quote


@pytest.mark.parametrize(
    ("document_id", "words", "said"),
    [
        ("en/fair", "autumn", "4 octobre 2024"),
        ("fr/foire", "automne", "4 October 2024"),
        ("en/fair", "cider", "cidre"),
        ("fr/foire", "cidre", "cider"),
    ],
)
def test_a_sentence_has_its_counterpart_in_an_article_that_was_paired(
    index: OpenIndex, model: EmbeddingModel, document_id: str, words: str, said: str
) -> None:
    assert index.documents.pairs() == {"en/fair": "fr/foire", "fr/foire": "en/fair"}
    language = "fr" if document_id.startswith("en") else "en"
    found = find_parallel(sentence(index, document_id, words), language, index, model)
    assert found is not None
    assert said in found.quote


@pytest.mark.parametrize(
    ("document_id", "words", "language"), [("en/fair", "Kent", "fr"), ("fr/foire", "Dublin", "en")]
)
def test_other_names_are_another_statement(
    index: OpenIndex, model: EmbeddingModel, document_id: str, words: str, language: Language
) -> None:
    assert find_parallel(sentence(index, document_id, words), language, index, model) is None


def test_another_date_is_another_statement(index: OpenIndex, model: EmbeddingModel) -> None:
    assert find_parallel(sentence(index, "fr/date", "1947"), "en", index, model) is None


@pytest.mark.parametrize(("document_id", "words", "language"), [("fr/pont", "péage", "en"), ("en/bridge", "dog", "fr")])
def test_what_one_version_alone_says_has_no_counterpart(
    index: OpenIndex, model: EmbeddingModel, document_id: str, words: str, language: Language
) -> None:
    assert find_parallel(sentence(index, document_id, words), language, index, model) is None


def test_a_span_has_the_parallel_of_its_sentence(index: OpenIndex, model: EmbeddingModel) -> None:
    text = index.documents.article("en/bridge").text
    start = text.index("Two hundred")
    end = text.index("day.") + len("day.")
    for within in ((start, end), (start + 4, end - 10)):
        found = parallel_of_span("en/bridge", *within, "fr", index, model)
        assert found is not None
        assert found.document_id == "fr/pont"
        assert found.quote.startswith("Deux cents personnes")
        assert index.documents.article("fr/pont").text[found.start : found.end] == found.quote


def test_a_span_that_is_no_part_of_one_sentence_has_no_parallel(index: OpenIndex, model: EmbeddingModel) -> None:
    text = index.documents.article("en/bridge").text
    for span in ((0, len(text)), (text.index("opened"), text.index("walked")), (10**6, 10**6 + 5), (0, 10**9)):
        assert parallel_of_span("en/bridge", *span, "fr", index, model) is None


def test_a_span_has_no_parallel_in_its_own_language(index: OpenIndex, model: EmbeddingModel) -> None:
    assert parallel_of_span("fr/pont", 0, 20, "fr", index, model) is None
    with pytest.raises(UnknownDocument):
        parallel_of_span("en/none", 0, 20, "fr", index, model)
