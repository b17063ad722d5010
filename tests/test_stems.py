"""Folded words and their stems, in both languages."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.language import LANGUAGES, fold
from qa_service.stems import folded_words, stem, stems


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L’école d'été", ["ecole", "ete"]),
        ("Qu’il s’agisse de l'ONU", ["il", "agisse", "de", "onu"]),
        ("lorsqu’elle, jusqu'au, puisqu’on, quoiqu'un", ["elle", "au", "on", "un"]),
        ("aujourd’hui", ["aujourd", "hui"]),
        ("Le pont de l’Aulne", ["le", "pont", "de", "aulne"]),
    ],
)
def test_french_words_stand_without_what_they_elide(text, words):
    assert folded_words(text, "fr") == words


def test_english_elides_nothing():
    assert folded_words("Don't touch l'eau, it's cold", "en") == ["don", "t", "touch", "l", "eau", "it", "s", "cold"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", ["ÉCOLE", "école", "e\u0301cole", "Ecole"])
def test_accents_and_capitals_make_no_other_word(text, language):
    assert folded_words(text, language) == ["ecole"]


def test_ligatures_are_opened():
    assert folded_words("L’ŒUVRE", "fr") == ["oeuvre"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_stay_in_order_and_as_often_as_they_stand(language):
    assert folded_words("Rose, lilac: rose!", language) == ["rose", "lilac", "rose"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_stay_whole(language):
    assert stems(folded_words("3rd, 2024, b2b, 1990s", language), language)[:3] == ["3rd", "2024", "b2b"]


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", ["bridge", "bridges"]),
        ("en", ["close", "closes", "closed", "closing"]),
        ("fr", ["riviere", "rivieres"]),
        ("fr", ["etudiant", "etudiants", "etudiante", "etudiantes"]),
    ],
)
def test_forms_of_a_word_have_one_stem(language, forms):
    assert len(set(stems(forms, language))) == 1


def test_each_language_has_endings_of_its_own():
    assert stem("closing", "en") != stem("closing", "fr")
    assert stem("etudiante", "fr") != stem("etudiante", "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_have_no_stems(language):
    assert folded_words("— ?!", language) == []
    assert stems([], language) == []


@given(st.lists(st.text(min_size=1, max_size=20).map(fold)), st.sampled_from(LANGUAGES))
def test_one_stem_a_word_alone_and_among_others(words, language):
    assert stems(words, language) == [stem(word, language) for word in words]


def test_threads_may_stem_at_once():
    words = [f"{beginning}{ending}" for beginning in ("travers", "plant", "arros") for ending in ("ant", "ees", "ons")]
    expected = {language: stems(words, language) for language in LANGUAGES}
    start = threading.Barrier(4)

    def work(number):
        language = LANGUAGES[number % 2]
        start.wait()
        return all(stems(words, language) == expected[language] for _ in range(500))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
