"""The company that stems keep: which words of either language are related."""

from __future__ import annotations

import numpy as np
import pytest

from qa_service.language import Language
from qa_service.related import RelatedStems, labelled, related_stems
from qa_service.stems import stem
from qa_service.words import alike, similarity

# "pain" in both languages, "bread" in English alone, "douleur" in French alone; the last row is for all others.
NAMES = ["en:pain", "fr:pain", "en:bread", "fr:douleur"]
VECTORS = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [0, 0]], dtype=np.float32)


@pytest.fixture
def table() -> RelatedStems:
    return RelatedStems({name: row for row, name in enumerate(NAMES)}, VECTORS)


def closeness(table: RelatedStems, left: str, spoken: Language, right: str, other: Language) -> float:
    return float((table.of([left], spoken) @ table.of([right], other).T)[0, 0])


def test_a_word_is_looked_up_in_its_own_language_first(table):
    assert table.of(["pain", "pain"], "en").tolist() == [[1, 0], [1, 0]]
    assert table.of(["pain"], "fr").tolist() == [[0, 1]]


@pytest.mark.parametrize(("word", "language"), [("bread", "fr"), ("douleur", "en")])
def test_a_word_that_only_the_other_language_knows_is_found_there(table, word, language):
    assert table.of([word], language).any()


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("word", ["zygote", "", "?", "2024"])
def test_an_unknown_word_has_zeros(table, word, language):
    assert not table.of([word], language).any()


@pytest.mark.parametrize(("word", "language"), [("Breads", "en"), ("DOULEURS", "fr"), ("douleur", "fr")])
def test_endings_and_capitals_do_not_count(table, word, language):
    assert table.place(word, language) == NAMES.index(labelled(stem(word.lower(), language), language))


def test_no_words_have_no_rows(table):
    assert table.of([], "en").shape == (0, 2)
    assert table.none(0).shape == (0, 2)


def test_words_of_no_language_have_zeros(table):
    assert table.none(3).tolist() == [[0, 0]] * 3


# The shipped table


def test_every_known_stem_has_a_vector_of_length_one():
    table = related_stems()
    lengths = np.linalg.norm(table.of(["bridge", "visited", "océan", "zzqxv"], "en"), axis=1)
    assert lengths == pytest.approx([1, 1, 1, 0], abs=1e-5)


@pytest.mark.parametrize(
    ("left", "spoken", "right", "other"),
    [("trip", "en", "visite", "fr"), ("sea", "en", "océan", "fr"), ("ministers", "en", "ministre", "fr")],
)
def test_related_words_meet_that_the_token_table_keeps_further_apart(model, left, spoken, right, other):
    one, another = model.words.of([left], spoken), model.words.of([right], other)
    assert similarity(one, another)[0, 0] > alike(one, another)[0, 0]
    assert similarity(another, one)[0, 0] > alike(another, one)[0, 0]
    assert closeness(related_stems(), left, spoken, right, other) > 0.4


@pytest.mark.parametrize(
    ("word", "near", "far"),
    [
        (("pain", "fr"), ("bread", "en"), ("suffering", "en")),
        (("pain", "en"), ("douleur", "fr"), ("boulanger", "fr")),
        (("chat", "fr"), ("cat", "en"), ("discussion", "en")),
    ],
)
def test_false_friends_keep_the_company_of_their_own_language(word, near, far):
    table = related_stems()
    assert closeness(table, *word, *near) > closeness(table, *word, *far) + 0.2
