"""What people say to a bot that is no question."""

from __future__ import annotations

import pytest

from qa_service.channels.small_talk import SmallTalk, is_question, small_talk
from qa_service.language import Language


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("help", "en"),
        ("Help!", "en"),
        ("help, please 🙏", "en"),
        ("Hello 👋", "en"),
        (" Aide ", "fr"),
        ("AIDE", "fr"),
        ("aide\u202f?", "fr"),
        ("À l’aide !", "fr"),
        ("Bonjour 👋", "fr"),
        ("?", None),
        ("", None),
        ("🎉", None),
    ],
)
def test_greetings_and_calls_for_help_are_small_talk(said: str, language: Language | None) -> None:
    assert small_talk(said) == SmallTalk(language, thanks=False)
    assert not is_question(said)


@pytest.mark.parametrize(
    ("said", "language"),
    [("Thanks!", "en"), ("Great, thank you so much", "en"), ("Merci beaucoup 🙏", "fr"), ("Super, merci\u202f!", "fr")],
)
def test_thanks_are_small_talk(said: str, language: Language) -> None:
    assert small_talk(said) == SmallTalk(language, thanks=True)
    assert not is_question(said)


@pytest.mark.parametrize(
    "asked", ["Help for whom?", "L’aide de qui ?", "At 10:30:15?", "Me?", "Bonjour, quand est-ce ?"]
)
def test_a_question_may_begin_like_them(asked: str) -> None:
    assert small_talk(asked) is None
    assert is_question(asked)


@pytest.mark.parametrize(
    "said", ["I will tell the desk", "On en parle demain", "ok", "See https://example.org/?q=1", "Thanks, that will do"]
)
def test_not_all_that_is_no_small_talk_is_a_question(said: str) -> None:
    assert small_talk(said) is None
    assert not is_question(said)
