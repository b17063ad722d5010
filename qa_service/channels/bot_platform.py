"""What a bot and a chat hand to each other: messages, and replies to them.

A chat's own file makes a ``Message`` of what reached it and is a ``Platform``; ``bot.Bot`` does the rest.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from qa_service.answers import Answer
from qa_service.channels.bot_texts import bot_text
from qa_service.language import Language, shown_language

# The name of an emoji, as most chats write it, with the space before it.
_EMOJI = re.compile(r" ?(?<!\w):[\w+-]{1,100}:(?!\w)")


class TryLater(Exception):
    """Nothing was posted, or it is not known: the message is to be tried again after so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        """Ask for another attempt, not before so many seconds."""
        super().__init__(seconds)
        self.seconds = seconds


class Undeliverable(Exception):
    """A reply cannot be posted, now or later. Whoever raises it has logged why, and told whom it could."""


@dataclass(frozen=True)
class Message:
    """A question as it reached a bot. Another process may have to answer it, so that all of it is JSON.

    ``id`` is what it is claimed by, of at most 200 characters; ``text`` is plain, without marks of the chat's own;
    ``place`` says where and for whom, in the chat's own terms; ``conversation`` is the conversation's id where it is
    known before anything is posted; ``language`` is one that was asked for.
    """

    id: str
    text: str
    place: dict[str, Any]
    conversation: str = ""
    language: Language | None = None

    @property
    def spoken(self) -> Language | None:
        """The language that was asked for, else the one that the question shows; None where it shows none."""
        return self.language or shown_language(self.text)


@dataclass(frozen=True)
class Notice:
    """What is said that is no answer: help, a question that cannot be taken, a failure; perhaps with examples."""

    key: str
    language: Language
    values: dict[str, str | int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What it says, in plain text."""
        return bot_text(self.key, self.language, **self.values)


def without_emoji(text: str) -> str:
    """A text without the names of emoji: English words that nobody asks for."""
    return _EMOJI.sub("", text)


def conversation_id(platform: str, secret: str, place: str) -> str:
    """The id of the conversation at a place of a chat, which nobody can guess who does not have the secret.

    Whoever knows the id of a conversation can ask on in it over HTTP, and a place may be private.
    """
    return f"{platform}-{hmac.new(secret.encode(), place.encode(), sha256).hexdigest()}"


class Reply(Protocol):
    """Where one message is answered. No two of its methods but ``language`` are called at once."""

    def conversation(self) -> str:
        """The conversation's id; something may have to be posted first, of which the thread is made."""

    def language(self) -> Language | None:
        """The language of whoever asks, where the chat tells it. Never raises."""

    def alive(self, language: Language) -> None:
        """Give a sign of life, because the answer takes a while. Never raises."""

    def write(self, text: str) -> None:
        """Take the next piece of the answer while it is written, perhaps an empty one. Never raises."""

    def answer(self, answer: Answer) -> None:
        """Show the answer, in place of what was shown of it."""

    def notice(self, notice: Notice) -> None:
        """Say something else in place of an answer."""


class Platform(Protocol):
    """A chat. ``name`` stands in metrics and logs."""

    @property
    def name(self) -> str:
        """Its name, in small letters."""

    @property
    def help_key(self) -> str:
        """The text that tells how to use the bot there."""

    def reply(self, message: Message, kept: dict[str, Any], remember: Callable[[dict[str, Any]], None]) -> Reply:
        """Where a message is answered; posts nothing yet.

        ``kept`` is what ``remember`` was given last, perhaps in a process that died, and under ``attempt`` the number
        of the attempt, from 1.
        """
