from __future__ import annotations

import time

import numpy as np
import pytest

from qa_service.composing.statements import plain, read_statement


def test_a_sentence_is_words_without_values_and_stop_words() -> None:
    one = read_statement("The agreement allows 16 Norwegian vessels to catch 42,000 tonnes of sardines.", "en")
    assert one.words == ("agreement", "allows", "norwegian", "vessels", "catch", "tonnes", "sardines")
    assert [value.low for value in one.values] == [16, 42_000]


@pytest.mark.parametrize(
    ("text", "language", "denied"),
    [
        ("The ministers did not sign the protocol, which was put off.", "en", {"sign", "protocol"}),
        ("Les ministres n’ont pas signé le protocole, reporté à l’automne.", "fr", {"signe", "protocole"}),
        ("No decision has been taken since the talks began.", "en", {"decision", "taken"}),
    ],
)
def test_a_denial_reaches_to_the_end_of_its_clause(text: str, language: str, denied: set[str]) -> None:
    one = read_statement(text, language)
    assert {word for word, is_denied in zip(one.words, one.denied, strict=True) if is_denied} == denied
    assert one.denies


def test_what_is_denied_twice_is_so() -> None:
    assert not read_statement("Le chef des pompiers n’a pas exclu un incendie criminel.", "fr").denied[-2:].any()
    assert read_statement("Le chef des pompiers a exclu un incendie criminel.", "fr").denied[-2:].all()


def test_an_opposite_that_is_denied_stands_for_the_other() -> None:
    (rose,) = read_statement("Prices rose.", "en").signs
    (denied,) = read_statement("Prices never rose.", "en").signs
    assert (rose[0], rose[1]) == (denied[0], -denied[1])


def test_the_words_of_one_name_are_one_run() -> None:
    one = read_statement("On Monday the mayor, Helen Marsh, met Finance Minister Tomas Reyl.", "en")
    runs = dict(zip(one.names, one.name_runs, strict=True))
    assert runs["Helen"] == runs["Marsh"] != runs["Tomas"] == runs["Minister"]
    assert "Monday" not in runs


def test_a_first_word_may_be_a_name() -> None:
    assert read_statement("Germany contributed six million dollars.", "en").first == 0
    assert read_statement("The country contributed.", "en").first == -1
    assert read_statement("Port Lambert has a new mayor.", "en").names[:2] == ("Port", "Lambert")


@pytest.mark.parametrize(
    ("text", "language", "sayer"),
    [
        ("According to Helen Marsh, the bridge is safe.", "en", {"helen", "marsh"}),
        ("The bridge is safe, Helen Marsh said.", "en", {"helen", "marsh"}),
        ("Selon Helen Marsh, le pont de l’Aulne est sûr.", "fr", {"helen", "marsh"}),
        ("The bridge over the Alder is safe.", "en", set()),
    ],
)
def test_who_says_something_is_known_by_name(text: str, language: str, sayer: set[str]) -> None:
    one = read_statement(text, language)
    assert {word for word, says in zip(one.words, one.sayers, strict=True) if says} == sayer


def test_who_does_something_may_stand_behind_by() -> None:
    one = read_statement("Le texte a été signé par Helen Marsh.", "fr")
    assert dict(zip(one.words, one.agents, strict=True)) == {
        "texte": False,
        "signe": False,
        "helen": True,
        "marsh": True,
    }


@pytest.mark.parametrize("text", ["", "   ", "…", "12", "!?"])
def test_nothing_is_read_from_nothing(text: str) -> None:
    one = read_statement(text, "fr")
    assert one.words == one.names == ()
    assert not one.denies
    assert one.denied.shape == one.clauses.shape == (0,)


def test_every_word_has_its_flags() -> None:
    one = read_statement(
        "Le maire, Samir Oudjani, n’a pas dit si le pont sera rouvert en 2025, mais il l’espère.", "fr"
    )
    for flags in (one.denied, one.negative, one.clauses, one.runs, one.agents, one.loose, one.sayers):
        assert flags.shape == (len(one.words),)
    assert (np.diff(one.clauses) >= 0).all()


def test_reading_takes_linear_time() -> None:
    text = "Nobody said that the bridge did not open, and prices rose by 5 percent in Lambert, " * 40
    read_statement(text, "en")
    began = time.thread_time()
    read_statement(text, "en")
    short = time.thread_time() - began
    began = time.thread_time()
    read_statement(text * 10, "en")
    assert time.thread_time() - began < 40 * short + 0.05


def test_apostrophes_and_spaces_are_plain() -> None:
    assert plain("  L’Été\u202fà\u00a0l‘œil ") == "l'ete a l'oeil"
