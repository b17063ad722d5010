from __future__ import annotations

import pytest

from qa_service.chunking import Passage
from qa_service.composing.support import Sources, Support
from qa_service.embedding_model import EmbeddingModel
from qa_service.language import Language

TEXTS: dict[Language, str] = {
    "en": "The footbridge over the river Alder opened on 12 May 2024. It is 84 metres long and rests on three stone "
    "piers. The mayor, Helen Marsh, cut the ribbon in front of four hundred people. No toll will be charged on the "
    "bridge.",
    "fr": "La passerelle sur la rivière Alder a été inaugurée le 12 mai 2024. Elle mesure 84 mètres et repose sur "
    "trois piles en pierre. La maire, Helen Marsh, a coupé le ruban devant quatre cents personnes. Aucun péage ne sera "
    "perçu sur le pont.",
}
TITLES: dict[Language, str] = {"en": "A footbridge over the Alder", "fr": "Une passerelle sur l’Alder"}
OTHER = "The bakery in the old town sells bread, cakes and coffee. Its owner, Paul Grant, is eighty years old."


def passage(text: str, language: Language, document: str = "one", title: str = "") -> Passage:
    return Passage(document, language, 0, 0, len(text), text, title)


@pytest.fixture(params=["en", "fr"])
def sources(request: pytest.FixtureRequest, model: EmbeddingModel) -> Sources:
    told = passage(TEXTS[request.param], request.param, title=TITLES[request.param])
    return Sources([passage(OTHER, "en", "other", "The bakery"), told], {"one": "2024-05-13", "other": None}, model)


@pytest.mark.parametrize(
    ("claim", "language", "begins"),
    [
        ("The footbridge opened on 12 May 2024.", "en", ("The footbridge", "La passerelle")),
        ("La passerelle a été inaugurée le 12/05/2024.", "fr", ("The footbridge", "La passerelle")),
        ("The footbridge is 84 metres long.", "en", ("It is 84", "Elle mesure")),
        ("Helen Marsh a coupé le ruban devant 400 personnes.", "fr", ("The mayor", "La maire")),
    ],
)
def test_a_claim_is_borne_out_by_the_sentence_that_says_so(
    sources: Sources, claim: str, language: Language, begins: tuple[str, ...]
) -> None:
    found = sources.support(claim, language, [2])
    assert found is not None
    assert any(sentence.text.startswith(begins) for sentence in found.sentences)
    assert 0 < found.score < 1


@pytest.mark.parametrize(
    ("claim", "language"),
    [
        ("The footbridge opened on 14 May 2024.", "en"),
        ("La passerelle mesure 48 mètres.", "fr"),
        ("Hugo Varnier cut the ribbon.", "en"),
        ("Le pont est peint en bleu et éclairé toute la nuit par des lampes.", "fr"),
    ],
)
def test_a_claim_with_anything_else_is_not(sources: Sources, claim: str, language: Language) -> None:
    assert sources.support(claim, language, [2]) is None


@pytest.mark.parametrize("cited", [[], [1], [7]])
def test_a_claim_that_cites_the_wrong_passage_is_borne_out_by_the_right_one(sources: Sources, cited: list[int]) -> None:
    found = sources.support("Helen Marsh cut the ribbon in front of 400 people.", "en", cited)
    assert found is not None
    assert {sentence.passage.document_id for sentence in found.sentences} == {"one"}


@pytest.mark.parametrize("claim", ["", " ", "!", "The bridge " + "is very long and " * 60 + "ends."])
def test_nothing_bears_out_nothing_nor_too_much(sources: Sources, claim: str) -> None:
    assert sources.support(claim, "en", [1, 2]) is None


def test_names_and_values_alone_are_looked_for(sources: Sources) -> None:
    for claim in ("Paul Varnier", "12 May 2031", "17"):
        assert sources.support(claim, "en", [2]) is None
    for claim in ("Helen Marsh", "12 May 2024"):
        found = sources.support(claim, "en", [2])
        assert found is None or isinstance(found, Support)


def test_what_was_asked_before_is_remembered(sources: Sources) -> None:
    claim = "The footbridge is 84 metres long."
    assert sources.support(claim, "en", [2]) is sources.support(claim, "en", [2])


def test_one_sentence_is_shown_where_it_suffices(sources: Sources) -> None:
    found = sources.support("No toll will be charged on the bridge.", "en", [2])
    assert found is not None
    assert len(found.sentences) == 1


def test_passages_that_overlap_share_their_sentences(model: EmbeddingModel) -> None:
    text = TEXTS["en"]
    both = Sources([passage(text, "en"), passage(text, "en")], {}, model)
    found = both.support("The footbridge is 84 metres long.", "en", [2])
    assert found is not None
    assert len(set(found.sentences)) == len(found.sentences)
    assert list(both.numbers) == [1, 2]


def test_a_year_may_be_that_of_the_article(model: EmbeddingModel) -> None:
    text = "The footbridge over the river Alder opened on 12 May. The mayor, Helen Marsh, cut the ribbon."
    claim = "The footbridge over the river Alder opened on 12 May 2024."
    assert Sources([passage(text, "en")], {"one": "2024-05-13"}, model).support(claim, "en", [1]) is not None
    assert Sources([passage(text, "en")], {"one": "2019-05-13"}, model).support(claim, "en", [1]) is None
    assert Sources([passage(text, "en")], {}, model).support(claim, "en", [1]) is None


def test_there_may_be_no_sources(model: EmbeddingModel) -> None:
    empty = Sources([], {}, model)
    assert list(empty.numbers) == []
    assert empty.support("The footbridge is long.", "en", [1]) is None
    assert Sources([passage("", "en")], {}, model).support("The footbridge is long.", "en", [1]) is None
    assert empty.features("The footbridge is long.", "en") == []
