"""Words as vectors: content words, and how a question in one language meets a text in the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.embeddings import BilingualEmbeddings
from qa_service.language import LANGUAGES
from qa_service.words import WordVectors, alike, content_words, is_number, similarity


@pytest.fixture(scope="module")
def words(model):
    return model.words


def between(words: WordVectors, left: str, right: str) -> float:
    return float(alike(words.of([left]), words.of([right]))[0, 0])


def meeting(words: WordVectors, left: str, right: str) -> float:
    """The similarity of two words, each written as the table of stems lists it: "en:bridge"."""
    (spoken, asked), (other, said) = left.split(":"), right.split(":")
    return float(similarity(words.of([asked], spoken), words.of([said], other))[0, 0])


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


# With the company of their stems


@pytest.mark.parametrize(
    ("english", "other", "french", "forms"),
    [
        ("bridge", "bridges", "pont", "ponts"),
        ("garden", "gardens", "jardin", "jardins"),
        ("school", "schools", "école", "écoles"),
        ("minister", "ministers", "ministre", "ministres"),
    ],
)
def test_a_translation_counts_like_another_form_of_the_word(words, english, other, french, forms):
    across = meeting(words, f"en:{english}", f"fr:{french}"), meeting(words, f"fr:{french}", f"en:{english}")
    assert min(across) >= max(
        meeting(words, f"en:{english}", f"en:{other}"), meeting(words, f"fr:{french}", f"fr:{forms}")
    )
    assert meeting(words, f"en:{other}", f"fr:{french}") > 0.5
    assert meeting(words, f"fr:{forms}", f"en:{english}") > 0.5


@pytest.mark.parametrize(("english", "french"), [("trip", "visite"), ("ministers", "ministre"), ("signed", "signer")])
def test_the_company_of_stems_helps_across_languages(words, english, french):
    assert meeting(words, f"en:{english}", f"fr:{french}") > between(words, english, french)


@pytest.mark.parametrize("pair", [("en:bridge", "fr:fromage"), ("fr:pont", "en:cheese"), ("en:bridge", "en:cheese")])
def test_what_is_unrelated_in_both_tables_does_not_meet(words, pair):
    assert meeting(words, *pair) == 0


@pytest.mark.parametrize("languages", [("en", "en"), ("en", "fr"), ("fr", "en"), ("fr", "fr")])
def test_numbers_and_unknown_names_keep_no_company(words, languages):
    spoken, other = languages
    left, right = words.of(["2024", "12", "seltalnarpi"], spoken), words.of(["2025", "2024", "talrivennar"], other)
    assert similarity(left, right).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert similarity(left, words.of(["seltalnarpi"], other))[2, 0] == 1


def test_a_name_is_no_related_word_because_its_letters_are(words):
    assert meeting(words, "en:nurtleu", "fr:bourita") == 0


def test_false_friends_are_told_apart(words):
    assert meeting(words, "fr:pain", "en:bread") > meeting(words, "en:pain", "en:bread") + 0.3
    assert meeting(words, "en:pain", "fr:douleur") > meeting(words, "fr:pain", "fr:douleur") + 0.3


def test_without_a_language_the_token_table_says_all(words):
    nowhere = words.of(["trip", "bridge"])
    assert not nowhere.stems.any()
    assert not nowhere.stemmed.any()
    cosine = float(words.of(["bridge"]).vectors[0] @ words.of(["pont"]).vectors[0])
    assert similarity(nowhere, words.of(["pont"]))[1, 0] == pytest.approx(0.9 * cosine)
    # One side that is known is not enough for company.
    assert similarity(nowhere, words.of(["visite"], "fr"))[0, 0] == 0 < meeting(words, "en:trip", "fr:visite")
    assert similarity(nowhere, words.of(["trip"], "en"))[0, 0] == 1


# Texts


def test_each_text_is_judged_by_its_best_word(words):
    question = words.of(["bridge", "2024"], "en")
    met = words.met(question, ["Le pont, le fromage", "", "In 2024"], ["fr", "fr", "en"])
    assert met.shape == (3, 2)
    assert met[0, 0] > 0.5
    assert met[0, 1] == 0
    assert met[1].tolist() == [0, 0]
    assert met[2].tolist() == [0, 1]


def test_a_text_is_read_in_its_own_language(words):
    question = words.of(["bread"], "en")
    french, english = words.met(question, ["Du pain", "A pain"], ["fr", "en"])[:, 0]
    assert french == pytest.approx(meeting(words, "en:bread", "fr:pain"))
    assert english == pytest.approx(meeting(words, "en:bread", "en:pain"))
    assert french > english


def test_the_order_of_the_texts_changes_nothing(words):
    question = words.of(["bridge", "river"], "en")
    texts, languages = ["Le pont", "A river", "the of", "Un fromage", "The old bridges"], ["fr", "en", "en", "fr", "en"]
    met = words.met(question, texts, languages)
    assert words.met(question, texts[::-1], languages[::-1]) == pytest.approx(met[::-1], abs=1e-6)
    for row, (text, language) in enumerate(zip(texts, languages, strict=True)):
        assert words.met(question, [text], [language])[0] == pytest.approx(met[row], abs=1e-6)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("question", "texts"), [([], ["pont"]), (["bridge"], []), (["bridge"], [""]), ([], [])])
def test_nothing_meets_nothing(words, question, texts, language):
    met = words.met(words.of(question, language), texts, [language] * len(texts))
    assert met.shape == (len(texts), len(question))
    assert not met.any()


@pytest.mark.parametrize("language", [None, *LANGUAGES])
@pytest.mark.parametrize("measure", [alike, similarity])
def test_no_words_have_no_rows(words, measure, language):
    none = words.of([], language)
    assert none.vectors.shape == (0, words.table.dimensions)
    assert measure(none, words.of(["pont"], language)).shape == (0, 1)
    assert measure(words.of(["pont"], language), none).shape == (1, 0)


def test_a_word_without_tokens_has_no_length(words):
    of_nothing = words.of([""])
    assert of_nothing.norms.tolist() == [0]
    assert not np.isnan(of_nothing.vectors).any()


@given(
    st.lists(st.text(), max_size=3),
    st.lists(st.text(), max_size=3),
    st.sampled_from(LANGUAGES),
    st.sampled_from(LANGUAGES),
)
def test_similarity_stays_between_0_and_1(words, left, right, spoken, other):
    asked, said = words.of(left, spoken), words.of(right, other)
    for scores in (similarity(asked, said), alike(asked, said)):
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
    scores = alike(asked, said)
    assert list(asked.unknown) == [True, True, False]
    assert scores[0, 0] == 0
    assert scores[0, 1] == 1
    assert scores[0, 2] > 0.35
    assert scores[1, 3] == 1
    assert not scores[1, [0, 1, 2, 4]].any()
    assert scores[2, 4] > 0.5


@pytest.mark.parametrize("text", ["UN?", "US", "WHO"])
def test_an_acronym_alone_is_a_subject(text):
    assert content_words(text) == (text.strip("?").lower(),)
    assert content_words("THE UN COUNCIL") == ("council",)  # in capitals alone it may as well be a French article
