"""What a bot does with a message, whichever chat it came from: claim it, answer it once, and never stay silent.

A chat has a file of its own, which reads its requests (``Message``) and shows replies (``Platform``, ``Reply``). All
that is said, when a sign of life is due, what happens when a worker dies, and in which language, is decided here.
"""

from __future__ import annotations

import hmac
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from queue import SimpleQueue
from typing import Any, Protocol

from qa_service import logs
from qa_service.answers import Answer, Delta
from qa_service.channels.bot_texts import bot_text
from qa_service.errors import IndexMismatch, IndexUnavailable, QAServiceError, QuestionTooLong, StorageUnavailable
from qa_service.inbox import LEASE_S, Claim, Inbox
from qa_service.language import WORD, Language, asks, fold, shown_language
from qa_service.logs import RequestNotes
from qa_service.pipeline import Pipeline

_LOG = logging.getLogger(__name__)

# Answers that are made at once, unless it is said otherwise.
_THREADS = 6
# Signs of life that are given at once: they must not wait for answers.
_SIGNING_THREADS = 4

# An answer that takes longer than this gets a sign of life first. Seconds.
_PROMPT_S = 1.0
# How often the messages at work are looked after, and how often those that others left. Seconds.
_ROUND_S = 0.25
_LEFT_EVERY_S = 2.0

# A message is tried so often, and for so long; between two attempts lies this, and each time three times as long.
_MOST_ATTEMPTS = 6
_OLDEST_S = 3_600.0
_FIRST_WAIT_S = 10.0
_WAIT_GROWS = 3.0

# What is no question: nothing but such a word, with words that go with them, signs and emoji. A mention with nothing
# else is none either.
_HELP: dict[str, Language] = {
    **dict.fromkeys("help hello hi".split(), "en"),
    **dict.fromkeys("aide aidez bonjour bonsoir salut".split(), "fr"),
}
_THANKS: dict[str, Language] = {"thanks": "en", "thank": "en", "merci": "fr"}
_BESIDE = frozenset("a lot me please so you very much great ok perfect l moi svp beaucoup bien parfait super".split())
# The name of an emoji, as chats write it.
_EMOJI = re.compile(r":[\w+-]{1,100}:")
_EXAMPLES = 3


class TryLater(Exception):
    """Nothing was posted, or it is not known: the message is to be tried again after so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        """Ask for another attempt, not before so many seconds."""
        super().__init__(seconds)
        self.seconds = seconds


class Undeliverable(Exception):
    """A reply cannot be posted, now or later. Whoever raises it has logged why, and told whom it could."""


class _TakenOver(Exception):
    """Another worker has the message by now: this one was taken for dead."""


@dataclass(frozen=True)
class Message:
    """A question as it reached a bot. Another process may have to answer it, so that all of it is JSON.

    ``id`` is what it is claimed by, of at most 200 characters; ``place`` says where and for whom, in the chat's own
    terms; ``conversation`` is the conversation's id where it is known before anything is posted; ``language`` is one
    that was asked for.
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


class _Work:
    """A message while it is being answered."""

    def __init__(self, message: Message, claim: Claim) -> None:
        self.message = message
        self.attempt = claim.attempt
        self.age_s = claim.age_s
        self.conversation = message.conversation
        self.kept = claim.kept
        self.began = time.monotonic()
        self.language: Language = message.spoken or "en"
        self.using = threading.Lock()  # the reply
        self.signed = False
        self.shown = False
        self.future: Future[None] | None = None


class Bot:
    """Answers the messages of one chat from a pipeline, in threads of its own. Made after a fork."""

    def __init__(
        self,
        pipeline: Pipeline,
        inbox: Inbox,
        platform: Platform,
        *,
        longest: int,
        threads: int = _THREADS,
        lease_s: float = LEASE_S,
    ) -> None:
        """Answer for a platform, so many messages at once; the others wait for their turn.

        Questions have at most ``longest`` characters, claims hold for ``lease_s`` seconds.
        """
        self._pipeline = pipeline
        self._inbox = inbox
        self._platform = platform
        self._longest = longest
        self._renew_every_s = lease_s / 4
        self._answers = ThreadPoolExecutor(threads, f"{platform.name}-answer")
        # No executor: those take nothing more once the process ends, while answers are still made.
        self._signs: SimpleQueue[tuple[_Work, Reply] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._at_work: dict[str, tuple[_Work, Reply]] = {}
        self._unended: set[str] = set()  # dealt with, and not written down as such
        self._leaving = False  # for good: nothing more is taken
        self._ended = threading.Event()
        self._attendants: list[threading.Thread] = []

    def start(self) -> None:
        """Go on with what other processes left, and look after what is at work."""
        with self._lock:
            if not self._attendants:
                self._attendants = [
                    threading.Thread(target=task, name=f"{self._platform.name}-bot", daemon=True)
                    for task in (self._attend, *[self._sign] * _SIGNING_THREADS)
                ]
                for thread in self._attendants:
                    thread.start()

    def hand_back(self) -> None:
        """Leave what nobody has begun with to other processes, at once."""
        self._leaving = True
        for work, _ in self._working():
            if work.future and work.future.cancel():
                self._leave(work)

    def close(self) -> None:
        """Answer what was taken, and end. What cannot be answered any more, another process goes on with."""
        self._leaving = True
        self._answers.shutdown()
        self._ended.set()
        for _ in range(_SIGNING_THREADS):
            self._signs.put(None)
        for thread in self._attendants:
            thread.join()
        with suppress(StorageUnavailable):
            self._end_late()

    def take(self, message: Message) -> bool:
        """Answer a message in the background, unless it was taken before; whether it was not.

        Raises StorageUnavailable when the database fails: nothing is answered then, and the chat should send the
        message again.
        """
        self.start()
        with self._lock:
            if message.id in self._at_work or message.id in self._unended:
                return False
        claim = self._inbox.claim(message.id, message.conversation, asdict(message))
        if claim is None:
            return False
        self._begin(claim)
        return True

    def knows(self, conversation: str) -> bool:
        """Whether a message of this conversation was taken before.

        Raises StorageUnavailable when the database fails.
        """
        return self._inbox.knows(conversation)

    def is_question(self, text: str) -> bool:
        """Whether a text that is addressed to nobody asks something."""
        return not self.is_help(text) and asks(text)

    def is_help(self, text: str) -> bool:
        """Whether a text is no question, but asks for help, greets or thanks."""
        return _no_question(text) is not None

    def help_of(self, text: str, language: Language) -> Notice | None:
        """What is said to such a text, in its language, else in this one; None for every other text."""
        word = _no_question(text)
        if word is None:
            return None
        thanked = _THANKS.get(word)
        return Notice("welcome", thanked) if thanked else self._help(_HELP.get(word, language))

    def _begin(self, claim: Claim) -> None:
        work = _Work(Message(**claim.message), claim)
        kept = {**claim.kept, "attempt": claim.attempt}
        reply = self._platform.reply(work.message, kept, lambda state: self._remember(work, state))
        with self._lock:
            # This process stood still for longer than the lease, or the database did.
            if claim.id in self._at_work or claim.id in self._unended:
                return
            self._at_work[claim.id] = work, reply
            with suppress(RuntimeError):  # the process ends
                work.future = self._answers.submit(self._deal_with, work, reply)
                return
        self._leave(work)

    # Answering

    def _deal_with(self, work: _Work, reply: Reply) -> None:
        with self._noted(work):
            try:
                self._reply(work, reply)
            except TryLater as error:
                self._set_aside(work, error.seconds)
            except Undeliverable:
                logs.note(outcome="undeliverable")
                self._end(work)
            except _TakenOver:
                logs.note(outcome="taken_over")
            except Exception:  # noqa: BLE001 (of one message, while others wait)
                _LOG.exception("Unexpected error")
                self._say_it_failed(work, reply)
                self._end(work)
            else:
                self._end(work)
            finally:
                self._drop(work)

    def _say_it_failed(self, work: _Work, reply: Reply) -> None:
        with work.using, suppress(Exception):  # what went wrong first is in the log
            self._require_mine(work)
            work.shown = True
            reply.notice(Notice("failed", work.language))

    @contextmanager
    def _noted(self, work: _Work) -> Iterator[None]:
        """Count and log what is done under the chat's name, and the message's."""
        notes = RequestNotes(work.message.id, channel=self._platform.name)
        logs.begin(notes)
        try:
            yield
        finally:
            seconds = time.monotonic() - work.began
            fields = {"channel": notes.channel, "duration_ms": round(seconds * 1000, 2), **notes.fields}
            _LOG.info("%s message dealt with in %.0f ms", notes.channel, seconds * 1000, extra=fields)
            logs.begin(None)

    def _reply(self, work: _Work, reply: Reply) -> None:
        message = work.message
        with work.using:
            work.conversation = reply.conversation()
        if work.conversation != message.conversation:
            self._remember(work, work.kept)
        if not message.spoken:
            work.language = reply.language() or work.language
        if work.attempt > _MOST_ATTEMPTS or work.age_s > _OLDEST_S:
            said: Answer | Notice = Notice("given_up", work.language)
        else:
            said = self.help_of(message.text, work.language) or self._said(work, reply)
        with work.using:
            self._require_mine(work)
            work.shown = True
            if isinstance(said, Answer):
                reply.answer(said)
            else:
                reply.notice(said)

    def _said(self, work: _Work, reply: Reply) -> Answer | Notice:
        """The answer, or what is said where there can be none."""
        try:
            return self._answered(work, reply)
        except QuestionTooLong:
            return Notice("too_long", work.language, {"longest": self._longest})
        except (IndexUnavailable, IndexMismatch):
            return Notice("not_ready", work.language)
        except QAServiceError as error:
            logs.note(error=type(error).__name__)
            return Notice("failed", work.language)
        except Exception:  # noqa: BLE001 (whatever it is, whoever asked is told something)
            _LOG.exception("Unexpected error")
            return Notice("failed", work.language)

    def _answered(self, work: _Work, reply: Reply) -> Answer:
        events = self._pipeline.stream(
            work.message.text, work.message.language, work.conversation, default_language=work.language
        )
        with closing(events):
            for event in events:
                if isinstance(event, Answer):
                    return event
                if isinstance(event, Delta):
                    with work.using:
                        reply.write(event.text)
        raise TypeError("A stream ends with its answer.")

    def _help(self, language: Language) -> Notice:
        examples: tuple[str, ...] = ()
        with suppress(QAServiceError):  # help is worth more than its examples
            examples = self._pipeline.example_questions(language, _EXAMPLES)
        return Notice(self._platform.help_key, language, examples=examples)

    # Claims: while the database fails, what is known here holds, and the leases see to the rest.

    def _leave(self, work: _Work) -> None:
        """Let another process answer a message that nobody has begun with."""
        self._leaving = True
        self._drop(work)
        with suppress(StorageUnavailable):
            self._inbox.set_aside(work.message.id, 0)

    def _drop(self, work: _Work) -> None:
        with self._lock:
            self._at_work.pop(work.message.id, None)

    def _remember(self, work: _Work, kept: dict[str, Any]) -> None:
        work.kept = kept
        with suppress(StorageUnavailable):
            self._inbox.remember(work.message.id, work.conversation, kept)

    def _require_mine(self, work: _Work) -> None:
        with suppress(StorageUnavailable):
            if not self._inbox.renew([work.message.id]):
                raise _TakenOver

    def _set_aside(self, work: _Work, seconds: float) -> None:
        wait = max(seconds, _FIRST_WAIT_S * _WAIT_GROWS ** (work.attempt - 1))
        if work.attempt >= _MOST_ATTEMPTS or work.age_s > _OLDEST_S:
            _LOG.error("A message could not be answered after %d attempts.", work.attempt)
            logs.note(outcome="undeliverable")
            self._end(work)
            return
        logs.note(outcome="later")
        with suppress(StorageUnavailable):
            self._inbox.set_aside(work.message.id, wait)

    def _end(self, work: _Work) -> None:
        try:
            self._inbox.end(work.message.id)
        except StorageUnavailable:
            with self._lock:
                self._unended.add(work.message.id)

    def _end_late(self) -> None:
        """Write down what has been dealt with and could not be, lest it is answered again."""
        with self._lock:
            late = list(self._unended)
        for message_id in late:
            self._inbox.end(message_id)
            with self._lock:
                self._unended.discard(message_id)

    # Looking after what is at work, and after what was left

    def _attend(self) -> None:
        renew_at, look_at = 0.0, 0.0
        while not self._ended.wait(_ROUND_S):
            now = time.monotonic()
            try:
                self._give_signs(now)
                if now >= renew_at:
                    renew_at = now + self._renew_every_s
                    self._end_late()
                    self._renew()
                if now >= look_at and not self._leaving:
                    look_at = now + _LEFT_EVERY_S
                    self._go_on()
            except StorageUnavailable:
                look_at = now + _LEFT_EVERY_S
            except Exception:  # noqa: BLE001 (the next round must come)
                _LOG.exception("Unexpected error")

    def _go_on(self) -> None:
        """Go on with what others left, or set aside."""
        for claim in self._inbox.lapsed():
            try:
                self._begin(claim)
            except StorageUnavailable:
                raise
            except Exception:  # noqa: BLE001 (another version's, perhaps, which can read it: the others must not wait)
                _LOG.exception("Unexpected error")
                if claim.attempt > _MOST_ATTEMPTS:
                    self._inbox.end(claim.id)

    def _give_signs(self, now: float) -> None:
        for work, reply in self._working():
            # What is in use is being posted, or posted to: no thread waits for that while others want a sign.
            if not work.signed and now - work.began >= _PROMPT_S and not work.using.locked():
                work.signed = True
                self._signs.put((work, reply))

    def _sign(self) -> None:
        while due := self._signs.get():
            try:
                self._give_sign(*due)
            except Exception:  # noqa: BLE001 (a failure shows again where the answer is posted)
                _LOG.exception("Unexpected error")

    def _give_sign(self, work: _Work, reply: Reply) -> None:
        if not work.using.acquire(blocking=False):
            work.signed = False
            return
        try:
            if not work.shown:
                self._require_mine(work)
                reply.alive(work.language)
        except _TakenOver:
            pass  # another's sign may stand there, or its answer
        finally:
            work.using.release()

    def _renew(self) -> None:
        mine = [work.message.id for work, _ in self._working()]
        if mine:
            self._inbox.renew(mine)

    def _working(self) -> list[tuple[_Work, Reply]]:
        with self._lock:
            return list(self._at_work.values())


def _no_question(text: str) -> str | None:
    """The word that makes a text none, folded; empty for one without words, None for a question."""
    words = WORD.findall(fold(_EMOJI.sub(" ", text)))
    found = [word for word in words if word in _HELP or word in _THANKS]
    if len(found) + sum(word in _BESIDE for word in words) < len(words):
        return None
    return found[0] if found else None if words else ""
