"""What a bot does with a message, whichever chat it came from: claim it, answer it once, and never stay silent.

A chat has a file of its own, which reads its requests and shows replies (see ``bot_platform``). All that is said, when
a sign of life is due, what happens when a worker dies, and in which language, is decided here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from queue import SimpleQueue
from typing import Any

from qa_service import logs
from qa_service.answers import Answer, Delta
from qa_service.channels.bot_platform import Message, Notice, Platform, Reply, TryLater, Undeliverable
from qa_service.channels.small_talk import small_talk
from qa_service.errors import IndexMismatch, IndexUnavailable, QAServiceError, QuestionTooLong, StorageUnavailable
from qa_service.inbox import LEASE_S, Claim, Inbox
from qa_service.language import Language
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

_EXAMPLES = 3


class _TakenOver(Exception):
    """Another worker has the message by now: this one was taken for dead."""


class _Work:
    """A message while it is being answered."""

    reply: Reply

    def __init__(self, claim: Claim) -> None:
        self.message = message = Message(**claim.message)
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
        self._signs: SimpleQueue[_Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._at_work: dict[str, _Work] = {}
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
        for work in self._working():
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

    def help_of(self, text: str, language: Language) -> Notice | None:
        """What is said to small talk, in its language, else in this one; None for every other text."""
        talk = small_talk(text)
        if talk is None:
            return None
        language = talk.language or language
        return Notice("welcome", language) if talk.thanks else self._help(language)

    def _begin(self, claim: Claim) -> None:
        work = _Work(claim)
        kept = {**claim.kept, "attempt": claim.attempt}
        work.reply = self._platform.reply(work.message, kept, lambda state: self._remember(work, state))
        with self._lock:
            # This process stood still for longer than the lease, or the database did.
            if claim.id in self._at_work or claim.id in self._unended:
                return
            self._at_work[claim.id] = work
            with suppress(RuntimeError):  # the process ends
                work.future = self._answers.submit(self._deal_with, work)
                return
        self._leave(work)

    # Answering

    def _deal_with(self, work: _Work) -> None:
        with self._noted(work):
            try:
                self._reply(work)
            except TryLater as error:
                self._set_aside(work, error.seconds)
            except Undeliverable:
                logs.note(outcome="undeliverable")
                self._end(work)
            except _TakenOver:
                logs.note(outcome="taken_over")
            except Exception:  # noqa: BLE001 (of one message, while others wait)
                _LOG.exception("Unexpected error")
                self._say_it_failed(work)
                self._end(work)
            else:
                self._end(work)
            finally:
                self._drop(work)

    def _say_it_failed(self, work: _Work) -> None:
        with work.using, suppress(Exception):  # what went wrong first is in the log
            self._require_mine(work)
            work.shown = True
            work.reply.notice(Notice("failed", work.language))

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

    def _reply(self, work: _Work) -> None:
        message = work.message
        with work.using:
            work.conversation = work.reply.conversation()
        if work.conversation != message.conversation:
            self._remember(work, work.kept)
        if not message.spoken:
            work.language = work.reply.language() or work.language
        if work.attempt > _MOST_ATTEMPTS or work.age_s > _OLDEST_S:
            said: Answer | Notice = Notice("given_up", work.language)
        else:
            said = self.help_of(message.text, work.language) or self._said(work)
        with work.using:
            self._require_mine(work)
            work.shown = True
            if isinstance(said, Answer):
                work.reply.answer(said)
            else:
                work.reply.notice(said)

    def _said(self, work: _Work) -> Answer | Notice:
        """The answer, or what is said where there can be none."""
        try:
            return self._answered(work)
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

    def _answered(self, work: _Work) -> Answer:
        events = self._pipeline.stream(
            work.message.text, work.message.language, work.conversation, default_language=work.language
        )
        with closing(events):
            for event in events:
                if isinstance(event, Answer):
                    return event
                if isinstance(event, Delta):
                    with work.using:
                        work.reply.write(event.text)
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
        for work in self._working():
            # What is in use is being posted, or posted to: no thread waits for that while others want a sign.
            if not work.signed and now - work.began >= _PROMPT_S and not work.using.locked():
                work.signed = True
                self._signs.put(work)

    def _sign(self) -> None:
        while due := self._signs.get():
            try:
                self._give_sign(due)
            except Exception:  # noqa: BLE001 (a failure shows again where the answer is posted)
                _LOG.exception("Unexpected error")

    def _give_sign(self, work: _Work) -> None:
        if not work.using.acquire(blocking=False):
            work.signed = False
            return
        try:
            if not work.shown:
                self._require_mine(work)
                work.reply.alive(work.language)
        except _TakenOver:
            pass  # another's sign may stand there, or its answer
        finally:
            work.using.release()

    def _renew(self) -> None:
        mine = [work.message.id for work in self._working()]
        if mine:
            self._inbox.renew(mine)

    def _working(self) -> list[_Work]:
        with self._lock:
            return list(self._at_work.values())
