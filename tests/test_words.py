"""Words as vectors: content words, and how a question in one language meets a text in the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.embeddings import BilingualEmbeddings
from qa_service.words import WordVectors, content_words, is_number, similarity


@pytest.fixture(scope="module")
def words(model):
    return model.words


def between(words: WordVectors, left: str, right: str) -> float:
    return float(similarity(words.of([left]), words.of([right]))[0, 0])


def test_content_words_are_distinct_in_order_and_without_function_words():
    assert content_words("The Bridge and the river: le pont, the bridge!") == ("bridge", "river", "pont")


def test_elisions_and_apostrophes_leave_the_word():
    assert content_words("L’eau d'hiver") == ("eau", "hiver")


def test_loose_accents_are_composed():
    assert content_words("e\u0301cole") == ("école",)


def test_a_text_of_function_words_or_signs_has_no_content():
    assert content_words("and of the — ?!") == ()


def test_a_word_meets_itself_whatever_its_accents_and_capitals(words):
    assert between(words, "école", "ecole") == 1
    assert between(words, "œuvre", "oeuvre") == 1


@pytest.mark.parametrize(("english", "french"), [("bridge", "pont"), ("water", "eau"), ("school", "école")])
def test_a_word_meets_its_translation(words, english, french):
    assert between(words, english, french) > 0.5
    assert between(words, french, english) == pytest.approx(between(words, english, french))


def test_unrelated_words_do_not_meet(words):
    assert between(words, "bridge", "fromage") == 0


def test_a_number_is_met_by_itself_alone(words):
    assert between(words, "2024", "2024") == 1
    assert between(words, "2024", "2025") == 0
    assert between(words, "3rd", "third") == 0


@pytest.mark.parametrize(("word", "expected"), [("2756", True), ("3rd", True), ("b2b", False), ("", False)])
def test_what_counts_as_a_number(word, expected):
    assert is_number(word) is expected


def test_each_text_is_judged_by_its_best_word(words):
    question = words.of(["bridge", "2024"])
    met = words.met(question, [["pont", "fromage"], [], ["2024"]])
    assert met.shape == (3, 2)
    assert met[0, 0] > 0.5
    assert met[0, 1] == 0
    assert met[1].tolist() == [0, 0]
    assert met[2].tolist() == [0, 1]


@pytest.mark.parametrize(("question", "texts"), [([], [["pont"]]), (["bridge"], []), (["bridge"], [[]]), ([], [])])
def test_nothing_meets_nothing(words, question, texts):
    met = words.met(words.of(question), texts)
    assert met.shape == (len(texts), len(question))
    assert not met.any()


def test_no_words_have_no_rows(words):
    none = words.of([])
    assert none.vectors.shape == (0, words.table.dimensions)
    assert similarity(none, words.of(["pont"])).shape == (0, 1)
    assert similarity(words.of(["pont"]), none).shape == (1, 0)


def test_a_word_without_tokens_has_no_length(words):
    of_nothing = words.of([""])
    assert of_nothing.norms.tolist() == [0]
    assert not np.isnan(of_nothing.vectors).any()


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_similarity_stays_between_0_and_1(words, left, right):
    scores = similarity(words.of(left), words.of(right))
    assert scores.shape == (len(left), len(right))
    assert np.all((scores >= 0) & (scores <= 1 + 1e-5))


def test_remembering_words_changes_nothing(model):
    forgetful = WordVectors(model.words.table, remembered=1)
    asked = ["bridge", "pont", "bridge"]
    assert np.array_equal(forgetful.of(asked).vectors, model.words.of(asked).vectors)


def test_unknown_names_are_met_by_themselves_and_what_begins_alike():
    vectors = WordVectors(BilingualEmbeddings())
    asked = vectors.of(["seltalnarpi", "nurtleu", "gazoduc"])
    said = vectors.of(["talrivennar", "seltalnarpi", "seltalnarpien", "nurtleu", "pipeline"])
    scores = similarity(asked, said)
    assert list(asked.unknown) == [True, True, False]
    assert scores[0, 0] == 0
    assert scores[0, 1] == 1
    assert scores[0, 2] > 0.35
    assert scores[1, 3] == 1
    assert not scores[1, [0, 1, 2, 4]].any()
    assert scores[2, 4] > 0.5
