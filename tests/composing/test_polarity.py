from __future__ import annotations

import pytest

from qa_service.composing.polarity import clause_borders, denials, not_so, signs
from qa_service.composing.statements import plain


@pytest.mark.parametrize(
    "text",
    [
        "The museum did not open.",
        "The museum didn’t open.",
        "Nobody was hurt.",
        "No decision was taken.",
        "He is no longer mayor.",
        "The bank refused to comment.",
        "Le musée n’a pas ouvert.",
        "Il n'est plus maire.",
        "Aucune décision n’a été prise.",
        "Faute de place, il est parti.",
        "La banque a refusé de répondre.",
    ],
)
def test_words_of_denial_are_found_in_both_languages(text: str) -> None:
    assert denials(plain(text))


@pytest.mark.parametrize(
    "text",
    [
        "It costs no more than 5 euros.",
        "The no-confidence motion passed.",
        "Resolution No 2756 was adopted.",
        "L’eau ne coule que huit heures.",
        "Il y a plus de dix ans.",
        "",
    ],
)
def test_what_only_looks_like_a_denial_is_none(text: str) -> None:
    assert not denials(plain(text))


def test_a_denial_says_where_it_begins_and_whether_it_is_a_verb() -> None:
    folded = plain("She did not say that the bank refused to pay.")
    found = [(folded[start:end], is_verb) for start, end, is_verb in denials(folded)]
    assert found == [("not", False), ("refused", True)]


def test_something_may_be_said_not_to_be_so_without_a_denial() -> None:
    assert not_so("the approval is still pending") == [16, 22]
    assert not_so("le poste reste a pourvoir")
    assert not not_so("the bridge opened")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Turnout rose.", "La participation a reculé."),
        ("The plan was approved.", "Le projet a été rejeté."),
        ("The bridge reopened.", "Le pont reste fermé."),
        ("She won.", "Elle a perdu."),
        ("The strike will go ahead.", "The strike was called off."),
        ("He was convicted.", "Il a été relaxé."),
    ],
)
def test_opposites_stand_on_two_sides_of_one_pair(one: str, other: str) -> None:
    ours = {(sign.pair, sign.side) for sign in signs(plain(one))}
    assert ours & {(sign.pair, -sign.side) for sign in signs(plain(other))}


def test_a_phrase_counts_as_a_whole() -> None:
    """ "Dropped out" is giving up, and no fall."""
    dropped = {sign.pair for sign in signs("prices dropped")}
    assert dropped
    assert not dropped & {sign.pair for sign in signs("she dropped out")}


def test_signs_are_in_order_and_within_the_text() -> None:
    folded = "exports rose and imports fell, but the plant was closed"
    found = signs(folded)
    assert [sign.start for sign in found] == sorted(sign.start for sign in found)
    assert {"rose", "fell", "closed"} <= {folded[sign.start : sign.end] for sign in found}


def test_clauses_begin_at_commas_and_joining_words() -> None:
    folded = "exports rose, while imports fell"
    assert [folded[border:].split(maxsplit=1)[0] for border in clause_borders(folded)] == [",", "while"]
