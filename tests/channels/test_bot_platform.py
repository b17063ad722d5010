"""What a bot and a chat hand to each other."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import pytest

from qa_service.channels.bot_platform import Message, Notice, TryLater, conversation_id, without_emoji
from qa_service.language import Language


@pytest.mark.parametrize(
    ("text", "asked_for", "spoken"),
    [
        ("When does the visa exemption begin?", None, "en"),
        ("Quand l’exemption de visa commence-t-elle\u202f?", None, "fr"),
        ("When does the visa exemption begin?", "fr", "fr"),
        ("Nurtleu\u202f?", None, None),
    ],
)
def test_a_language_that_is_asked_for_comes_before_the_one_that_is_shown(
    text: str, asked_for: Language | None, spoken: Language | None
) -> None:
    assert Message("chat:1", text, {}, language=asked_for).spoken == spoken


def test_another_process_reads_a_message_as_it_was() -> None:
    message = Message("chat:1", "Où\u202f?", {"channel": "C1", "user": "U1"}, "thread", "fr")
    assert Message(**json.loads(json.dumps(asdict(message)))) == message


@pytest.mark.parametrize(("language", "words"), [("en", "1000 characters"), ("fr", "1000 caractères")])
def test_a_notice_says_what_it_is_about_in_its_language(language: Language, words: str) -> None:
    assert words in Notice("too_long", language, {"longest": 1000}).text


def test_a_conversation_is_known_by_its_place_and_guessed_by_nobody() -> None:
    made = conversation_id("chat", "secret", "C1:1700.1")
    assert made == conversation_id("chat", "secret", "C1:1700.1")
    others = [("other", "secret", "C1:1700.1"), ("chat", "another", "C1:1700.1"), ("chat", "secret", "C1:1700.2")]
    assert made not in [conversation_id(*other) for other in others]
    assert re.fullmatch("chat-[0-9a-f]{64}", made)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Who won? :pray:", "Who won?"),
        (":wave: Qui a gagné\u202f? :+1::skin-tone-2:", " Qui a gagné\u202f?"),
        ("At 10:30:15, by 3:2:1", "At 10:30:15, by 3:2:1"),
        ("Note: this: that", "Note: this: that"),
        (" " * 100_000 + ":", " " * 100_000 + ":"),
    ],
)
def test_the_names_of_emoji_are_left_out(written: str, read: str) -> None:
    assert without_emoji(written) == read


def test_another_attempt_may_have_to_wait() -> None:
    assert TryLater().seconds == 0
    assert TryLater(30).seconds == 30
