"""A language model that answers within what an answer may spend, or says in one of three ways that it does not."""

from __future__ import annotations

import itertools
import logging
import os
import random
import threading
import time
from collections.abc import Generator

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from qa_service import metrics, tracing
from qa_service.language_model import failures
from qa_service.language_model.allowance import Allowance, Usage
from qa_service.language_model.breaker import Breaker
from qa_service.language_model.calls import BackgroundLoop, Call
from qa_service.language_model.failures import CutShort, Failure, PromptTooLong, Unavailable
from qa_service.language_model.providers import load_chat_model
from qa_service.settings import Settings
from qa_service.tokens import count_tokens

_log = logging.getLogger(__name__)

_RUN_NAME = "answer"
# No language that is asked for here has tokens this long: beyond it, a server does not heed the longest length.
_CHARACTERS_PER_TOKEN = 12
BACKOFF_SECONDS = 0.5
AT_ONCE = 64
# Threads of a worker that no model may hold up: the page and the health check are asked for meanwhile.
_THREADS_FREE = 2
# No failure: whoever asked does not want the rest.
_STOPPED = Failure("stopped", blames=False)


def answers_at_once(settings: Settings) -> int:
    """How many answers a worker may have written at a time: who asks for one more is refused, and may wait instead."""
    return max(1, settings.threads - _THREADS_FREE)


class LanguageModel:
    """A provider's model behind one deadline, one layer of retries and one breaker. Safe across threads."""

    def __init__(
        self,
        name: str,
        chat: BaseChatModel,
        *,
        seconds: float,
        max_tokens: int,
        breaker: Breaker | None = None,
        backoff: float = BACKOFF_SECONDS,
        at_once: int = AT_ONCE,
    ) -> None:
        """Take a model, its name, and the seconds that a whole answer may take and the tokens that it may have.

        ``backoff`` is about how many seconds pass before the second try; before the third it is twice that. No more
        than ``at_once`` requests are open at a time.
        """
        self.name = name
        self._chat = chat
        self._seconds = seconds
        self._backoff = backoff
        self._max_characters = max_tokens * _CHARACTERS_PER_TOKEN
        self._breaker = breaker or Breaker(name)
        self._places = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._loop: BackgroundLoop | None = None
        self._process = os.getpid()
        self._closed = threading.Event()

    @classmethod
    def load(cls, settings: Settings) -> LanguageModel | None:
        """The model that ``QA_LLM`` names, or None where it names none. Sends no request.

        Raises SettingsError or MissingExtra, in one line.
        """
        if not settings.llm:
            return None
        chat = load_chat_model(settings)
        return cls(
            settings.llm,
            chat,
            seconds=settings.llm_timeout,
            max_tokens=settings.llm_max_tokens,
            at_once=answers_at_once(settings),
        )

    def allowance(self) -> Allowance:
        """What one answer may spend, from now on."""
        return Allowance(self._seconds)

    def stream(
        self, messages: list[BaseMessage], allowance: Allowance, *, retried: bool = True
    ) -> Generator[str, None, None]:
        """The text of an answer as it comes, without a model's thoughts; an empty piece now and then while none comes.

        A request that gave no text is sent again while the allowance lasts, unless ``retried`` is false. Closing the
        generator cancels the request. Raises Unavailable, PromptTooLong or CutShort.
        """
        if not self._places.acquire(blocking=False):
            raise self._unavailable(failures.CROWDED)
        try:
            yield from self._tried(messages, allowance, retried=retried)
        finally:
            self._places.release()

    def _tried(self, messages: list[BaseMessage], allowance: Allowance, *, retried: bool) -> Generator[str, None, None]:
        """One request after the other, until there is text or no sense in a further one."""
        failed: Failure | None = None
        for attempt in itertools.count():
            if self._closed.wait(allowance.pause):
                raise self._unavailable(failed or failures.CLOSED)
            failure = yield from self._call(messages, allowance)
            if failure is None:
                return
            if failure in failures.NOT_SENT:
                raise self._unavailable(failed or failure)
            failed = failure
            wait = self._wait(failed, attempt, allowance)
            if wait is not None and (retried or failure.wait):  # what the provider asked for binds the next call too
                allowance.hold(wait)
            if not retried or wait is None:
                raise self._unavailable(failed)

    @property
    def left_alone(self) -> bool:
        """Whether the provider is to be left alone just now, after failures."""
        return self._breaker.is_open

    def close(self) -> None:
        """Cancel what runs, and end the thread in the background. Later calls raise Unavailable."""
        with self._lock:
            self._closed.set()
            loop, self._loop = self._loop, None
        if loop is not None and self._process == os.getpid():
            loop.close()

    def _call(self, messages: list[BaseMessage], allowance: Allowance) -> Generator[str, None, Failure | None]:
        """The text of one request; how it failed, if no text came."""
        if allowance.spent:
            return failures.SPENT
        background, breaker = self._here()
        if background is None:
            return failures.CLOSED
        permit = breaker.enter()
        if permit is None:
            return failures.LEFT_ALONE
        config = RunnableConfig(run_name=_RUN_NAME, metadata={"qa_service_model": self.name})
        call = Call(self._chat, messages, config, permit, self._max_characters)
        allowance.usage.calls += 1
        came, ended, began = False, False, time.perf_counter()
        with tracing.span("llm", gen_ai__operation__name="chat", gen_ai__request__model=self.name) as traced:
            try:
                background.start(call, allowance.remaining)
                for piece in call.pieces(allowance):
                    came = came or bool(piece)
                    yield piece
                ended = True
            finally:
                background.cancel(call)
                used = _count(call, messages, allowance.usage)
                self._tell(call.failure if ended else _STOPPED, used, time.perf_counter() - began, traced)
        if came and call.failure is not None:
            _log.warning("The language model %s was cut short: %s.", self.name, call.failure.kind)
            raise CutShort(f"The answer of the language model {self.name} was cut short ({call.failure.kind}).")
        return call.failure

    def _tell(self, failure: Failure | None, used: Usage, seconds: float, traced: tracing.Span) -> None:
        """Count a request and what it used, and say so to its span."""
        outcome = "answered" if failure is None else failure.kind if failure is _STOPPED else "failed"
        metrics.llm_called(self.name, outcome, seconds, used.input_tokens, used.output_tokens)
        traced.set(gen_ai__usage__input_tokens=used.input_tokens, gen_ai__usage__output_tokens=used.output_tokens)
        if outcome == "failed" and failure is not None:
            metrics.llm_failed(self.name, failure.kind)
            traced.fail(failure.kind)

    def _here(self) -> tuple[BackgroundLoop | None, Breaker]:
        """The loop of this process, started when it is first needed, and the breaker; no loop after ``close``."""
        with self._lock:
            if self._process != os.getpid():  # a fork has neither the thread of its parent nor its calls
                self._process, self._loop, self._breaker = os.getpid(), None, self._breaker.fresh()
            if self._loop is None and not self._closed.is_set():
                self._loop = BackgroundLoop()
            return self._loop, self._breaker

    def _wait(self, failure: Failure, attempt: int, allowance: Allowance) -> float | None:
        """Seconds until the next try; None: there is none."""
        wait = failure.wait
        if wait is None:
            wait = self._backoff * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
        elif wait >= allowance.remaining:
            self._breaker.leave_alone(wait)
        possible = failure.retriable and allowance.calls_left > 0 and wait < allowance.remaining
        return wait if possible and not self._breaker.is_open else None

    def _unavailable(self, failure: Failure) -> Unavailable:
        if failure in failures.NOT_SENT:
            metrics.llm_failed(self.name, failure.kind)
        else:
            _log.warning("The language model %s gave no answer: %s.", self.name, failure.kind)
        kind = PromptTooLong if failure.too_long else Unavailable
        return kind(f"The language model {self.name} did not answer ({failure.kind}).")


def _count(call: Call, messages: list[BaseMessage], usage: Usage) -> Usage:
    """What a call used, as the provider says, else as the shipped table counts it; added to what the answer used."""
    used = Usage(1)
    if call.accepted:
        used.input_tokens = call.input_tokens or sum(count_tokens(str(message.text)) for message in messages)
        used.output_tokens = call.output_tokens or count_tokens("".join(call.received))
    usage.input_tokens += used.input_tokens
    usage.output_tokens += used.output_tokens
    return used
