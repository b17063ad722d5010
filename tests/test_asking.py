"""What may be asked: what is refused and why, what is cleaned, and the language that it is answered in."""

from __future__ import annotations

import pytest

from qa_service.answers import Exchange
from qa_service.asking import LONGEST_CONVERSATION_ID, Asked, checked_language, checked_question, turns_of
from qa_service.errors import InvalidQuestion, QuestionTooLong

FRENCH = Exchange("Qui a signé l’accord ?", "Les deux ministres ont signé l’accord sur les visas [1].")
ENGLISH = Exchange("Who signed the agreement?", "The two ministers signed the agreement on visas [1].")


def asked(question="When was it signed?", language=None, conversation_id=None, told=None, default="en"):
    return Asked.checked(question, language, conversation_id, default, told, longest=40)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"question": ""}, "empty"),
        ({"question": " \n\0\u00a0"}, "empty"),
        ({"question": "x" * 41}, "longer than 40"),
        ({"language": "de"}, "one of en, fr"),
        ({"language": ""}, "one of en, fr"),
        ({"conversation_id": "c" * (LONGEST_CONVERSATION_ID + 1)}, f"longer than {LONGEST_CONVERSATION_ID}"),
    ],
)
def test_what_cannot_be_taken_is_said(wrong, said):
    with pytest.raises(InvalidQuestion, match=said):
        asked(**wrong)


def test_a_question_is_cleaned_before_it_is_measured():
    assert checked_question("  Où\0est-ce ?\ud800 ", 12) == "Où est-ce ??"
    with pytest.raises(QuestionTooLong):
        checked_question("Où est-ce ici ?", 12)


def test_blanks_are_no_id_and_none_is_no_language():
    assert asked(conversation_id=" \n").conversation_id is None
    assert asked(conversation_id=" c ").conversation_id == "c"
    assert checked_language(None) is None
    assert checked_language("fr") == "fr"


@pytest.mark.parametrize(
    ("question", "language", "told", "spoken"),
    [
        ("Quand fut-il signé ?", None, [ENGLISH], "fr"),
        ("When was it signed?", None, [FRENCH], "en"),
        ("When was it signed?", "fr", [ENGLISH], "fr"),
        ("Rabat ?", None, [ENGLISH, FRENCH], "fr"),
        ("Rabat?", None, [FRENCH, ENGLISH], "en"),
        ("Rabat ?", None, [], "en"),
    ],
)
def test_the_language_is_asked_for_or_shown_or_the_conversations(question, language, told, spoken):
    assert asked(question, language).spoken(turns_of(told, 2_000, "en")) == spoken


def test_of_a_conversation_that_is_told_the_last_exchanges_count():
    told = asked(told=[Exchange(f"Question {number} ?", "") for number in range(30)]).told
    assert told is not None
    assert [exchange.question for exchange in told] == [f"Question {number} ?" for number in range(10, 30)]


def test_what_is_told_is_completed_and_cut():
    first, second = turns_of([FRENCH, Exchange("Et où ?", "x" * 5_000)], 2_000, "en")
    assert (first.understood, first.language, second.language) == (FRENCH.question, "fr", "fr")
    assert "signé" in second.understood
    assert len(second.answer) == 2_000
