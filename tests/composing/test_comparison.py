"""A claim beside sentences: alignment, opposition, standing, and the features made of them."""

from __future__ import annotations

import numpy as np
import pytest

from qa_service.composing.alignment import Alignment, Beside, Source, Texts
from qa_service.composing.comparison import MEANING, Comparison
from qa_service.composing.statements import read_statement
from qa_service.composing.support_model import FEATURES
from qa_service.embedding_model import EmbeddingModel
from qa_service.language import Language

EN = (
    "Germany contributed 6 million dollars and Japan supplied the refrigerators.",
    "No serious side effects were reported.",
    "Fire chief Owen Siddiqui ruled out arson, police spokeswoman Jill Arkwright said.",
)
FR = (
    "L’Allemagne a versé 6 millions de dollars et le Japon a fourni les réfrigérateurs.",
    "Aucun effet secondaire grave n’a été signalé.",
    "Le chef des pompiers, Owen Siddiqui, a exclu un incendie criminel.",
)


def texts(sentences: tuple[str, ...], language: Language, model: EmbeddingModel) -> Texts:
    title = read_statement("", language)
    read = [None, *(read_statement(one, language) for one in sentences), None]
    sources = [Source(one, title, read[at], read[at + 2]) for at, one in enumerate(read[1:-1]) if one]
    return Texts(sources, model)


def compared(claim: str, language: Language, place: int, model: EmbeddingModel) -> list[dict[str, float]]:
    """The features of a claim beside a sentence of either language."""
    one = read_statement(claim, language)
    return [Comparison(one, texts(*of, model)).features((place,)) for of in ((EN, "en"), (FR, "fr"))]


def test_every_feature_is_there_and_finite(model: EmbeddingModel) -> None:
    for found in compared("Japan gave 6 million dollars.", "en", 0, model):
        assert set(found) == set(FEATURES)
        assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize("claim", ["", "Helen Marsh", "12 May 2024", "6", "…"])
def test_claims_of_nothing_of_names_or_of_values_alone_have_features(claim: str, model: EmbeddingModel) -> None:
    for found in compared(claim, "en", 1, model):
        assert np.isfinite(list(found.values())).all()


def test_the_nearest_sentence_comes_first(model: EmbeddingModel) -> None:
    one = read_statement("Des effets secondaires ont été signalés.", "fr")
    assert Comparison(one, texts(EN, "en", model)).nearest([0, 1, 2], 2)[0] == 1


def test_what_the_sentence_denies_and_the_claim_does_not(model: EmbeddingModel) -> None:
    for found in compared("Serious side effects were reported.", "en", 1, model):
        assert found["denied by the sentence with nothing of the kind near"] > 0
    for found in compared("Aucun effet secondaire n’a été signalé.", "fr", 1, model):
        assert found["denied by both"] > 0
        assert found["denied by the sentence with nothing of the kind near"] == 0


def test_opposites_that_stand_in_the_same_company(model: EmbeddingModel) -> None:
    told = texts(("Turnout rose in the north, while prices fell in the south.",), "en", model)
    same = Comparison(read_statement("La participation a augmenté.", "fr"), told).features((0,))
    apart = Comparison(read_statement("La participation a reculé.", "fr"), told).features((0,))
    assert same["opposites alike"] > same["opposites apart"]
    assert apart["opposites apart"] >= same["opposites apart"]


def test_names_that_are_exchanged_stand_by_what_is_said_of_each_other(model: EmbeddingModel) -> None:
    feature = "another name of the claim stands nearer"
    right = compared(
        "Il semble que l’Allemagne a versé l’argent et que le Japon a fourni les réfrigérateurs.", "fr", 0, model
    )
    wrong = compared(
        "Il semble que le Japon a versé l’argent et que l’Allemagne a fourni les réfrigérateurs.", "fr", 0, model
    )
    assert all(ours[feature] < theirs[feature] for ours, theirs in zip(right, wrong, strict=True))


def test_who_says_so_is_compared_where_both_name_it(model: EmbeddingModel) -> None:
    told = texts(("Arson is ruled out, Jill Arkwright said.",), "en", model)
    other = Comparison(read_statement("Selon Owen Siddiqui, ce n’est pas un incendie.", "fr"), told)
    assert other.features((0,))["said by somebody else"] == 1
    same = Comparison(read_statement("Selon Jill Arkwright, ce n’est pas un incendie.", "fr"), told)
    assert same.features((0,))["said by somebody else"] == 0


def test_names_and_values_that_are_nowhere_rule_a_claim_out(model: EmbeddingModel) -> None:
    told = texts(EN, "en", model)
    assert Comparison(read_statement("Le chef Hugo Varnier a exclu cela.", "fr"), told).names_nowhere([0, 1, 2])
    assert Comparison(read_statement("Cela a coûté 7 millions de dollars.", "fr"), told).values_nowhere([0, 1, 2])
    assert not Comparison(read_statement("Owen Siddiqui a exclu cela.", "fr"), told).ruled_out([0, 1, 2])


def test_two_sentences_meet_what_one_does_not(model: EmbeddingModel) -> None:
    one = read_statement("Japan supplied refrigerators, and no side effects were reported.", "en")
    comparison = Comparison(one, texts(EN, "en", model))
    alone, both = comparison.meaning([(0,), (0, 1)])
    assert list(alone) == list(MEANING)
    assert both["words met"] > alone["words met"]
    assert both["two sentences"] == 1


def test_a_word_is_lined_up_with_the_one_in_its_company(model: EmbeddingModel) -> None:
    told = texts(("The red bridge is closed, and the stone bridge is open to trams.",), "en", model)
    claim = read_statement("the stone bridge is open to trams", "en")
    alignment = Alignment(Beside(claim, told, told.names.met(claim)), (0,))
    words = told.sources[0].statement.words
    assert alignment.at[claim.words.index("bridge")] == len(words) - 1 - words[::-1].index("bridge")
