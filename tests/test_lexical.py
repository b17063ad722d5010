"""The lexical index: terms of each language, and BM25 over them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.lexical import LexicalIndex, terms, write_lexical

FRENCH = ["L’école est fermée pendant l’été.", "La rivière déborde en hiver.", "Les écoliers traversent la rivière."]


@pytest.fixture
def french(tmp_path):
    write_lexical(tmp_path, "fr", [7, 8, 9], FRENCH)
    return LexicalIndex.load(tmp_path, "fr")


def numbers(found):
    return [number for number, _ in found]


def test_endings_stop_words_and_capitals_do_not_count():
    assert terms("The BRIDGES are closed", "en") == terms("a bridge, closing", "en")


def test_french_elisions_and_accents_do_not_count():
    assert terms("L’école", "fr") == terms("l'ecole", "fr") == terms("ÉCOLES", "fr")
    assert terms("lorsqu’il jusqu'au pont", "fr") == terms("pont", "fr")


def test_loose_accents_are_composed():
    assert terms("e\u0301te\u0301", "fr") == terms("été", "fr")


def test_numbers_stay_whole():
    assert terms("12 May 2024", "en") == ["12", "may", "2024"]


def test_the_best_passage_comes_first(french):
    found = french.search("Pourquoi la rivière déborde-t-elle ?", 10)
    assert numbers(found) == [8, 9]
    assert found[0][1] > found[1][1] > 0


def test_count_is_kept(french):
    assert numbers(french.search("rivière", 1)) in ([8], [9])


@pytest.mark.parametrize("query", ["", "?!", "le la les", "zzz", "\ud800", "a\0b"])
def test_a_query_without_known_words_finds_nothing(french, query):
    assert french.search(query, 10) == []


@pytest.mark.parametrize("texts", [[], ["—", "…"], ["le la les"]])
def test_a_language_without_words_can_be_searched(tmp_path, texts):
    write_lexical(tmp_path, "fr", list(range(len(texts))), texts)
    assert LexicalIndex.load(tmp_path, "fr").search("école", 10) == []


def test_a_passage_of_signs_keeps_its_place(tmp_path):
    write_lexical(tmp_path, "en", [3, 4, 5], ["—", "the bridge", "…"])
    assert numbers(LexicalIndex.load(tmp_path, "en").search("bridge", 10)) == [4]


def test_one_passage_is_enough(tmp_path):
    write_lexical(tmp_path, "en", [0], ["the bridge"])
    assert numbers(LexicalIndex.load(tmp_path, "en").search("bridges", 10)) == [0]


@given(st.text())
def test_any_query_is_taken(tmp_path_factory, text):
    assert all(isinstance(term, str) for language in ("en", "fr") for term in terms(text, language))


def test_threads_may_search_at_once(french):
    start = threading.Barrier(4)

    def search(_):
        start.wait()
        return {tuple(numbers(french.search("rivières débordent", 3))) for _ in range(200)}

    with ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(search, range(4))) == {(8, 9)}
