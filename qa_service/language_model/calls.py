"""One request to a model, on an event loop in the background, so that it can be cancelled at any moment.

A thread that waits for a socket cannot be stopped; a task of an event loop can, and its connection closes with it.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import RunnableConfig

from qa_service.language_model import failures
from qa_service.language_model.allowance import Allowance
from qa_service.language_model.breaker import Permit
from qa_service.language_model.failures import Failure, failure_of, failure_of_finish
from qa_service.language_model.thoughts import VisibleText

_log = logging.getLogger(__name__)

THREAD_NAME = "qa-service-language-model"
# By the names of OpenAI and Mistral, Anthropic, Ollama, Bedrock.
_FINISH = ("finish_reason", "stop_reason", "done_reason", "stopReason")
# What follows the reason to finish is the usage alone: an answer does not wait longer for it.
_USAGE_SECONDS = 1.0
# The task ends itself at the deadline; beyond this the loop itself hangs, and is not waited for.
_GRACE_SECONDS = 1.0
# While a model is silent, its caller hears so this often.
TICK_SECONDS = 5.0


class BackgroundLoop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        """Start it."""
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._work, name=THREAD_NAME, daemon=True)
        self._thread.start()

    def start(self, call: Call, seconds: float) -> None:
        """Let a call run for at most this time. Callbacks of LangChain in the caller's context see it."""
        with self._lock:
            if self._open:
                self._loop.call_soon_threadsafe(call.begin, self._loop, seconds)
            else:
                call.give_up()

    def cancel(self, call: Call) -> None:
        """Stop a call and wait until its connection is closed."""
        with self._lock:
            if self._open and not call.done.is_set():
                self._loop.call_soon_threadsafe(call.cancel)
        call.done.wait(_GRACE_SECONDS)

    def close(self) -> None:
        """Cancel what runs, and end the thread."""
        with self._lock:
            self._open = False
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            running = asyncio.all_tasks(self._loop)
            for task in running:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*running, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()


class Call:
    """One request: its text piece by piece, then how it ended."""

    def __init__(
        self,
        chat: BaseChatModel,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        permit: Permit,
        max_characters: int,
    ) -> None:
        """Nothing is sent before ``begin``."""
        self.failure: Failure | None = failures.CLOSED
        self.done = threading.Event()
        self.input_tokens = 0
        self.output_tokens = 0
        self.received: list[str] = []  # all text, thoughts too: what the provider counts
        self.accepted = False
        self._chat, self._messages, self._config, self._permit = chat, list(messages), config, permit
        self._room = max_characters
        self._visible = VisibleText()
        self._finish: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    # In the thread of the caller

    def pieces(self, allowance: Allowance) -> Iterator[str]:
        """The text that a reader may see, as it comes; at the end ``failure`` tells how it ended.

        While nothing comes, an empty piece now and then: whoever waits may have gone, and can be noticed.
        """
        while True:
            left = allowance.remaining + _GRACE_SECONDS
            try:
                piece = self._pieces.get(timeout=min(left, TICK_SECONDS))
            except queue.Empty:
                if left > TICK_SECONDS:
                    yield ""
                    continue
                self.failure = failures.LATE
                self._permit.settle(False)
                return
            if piece is None:
                return
            yield piece

    # In the event loop

    def begin(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Send the request."""
        self._task = loop.create_task(self._run(seconds))
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Drop the request."""
        if self._task is not None:
            self._task.cancel()

    def _count(self, tokens_in: int, tokens_out: int) -> None:
        """Add what a piece says of tokens; a server that says the whole count so far with each is not added up."""
        if self.input_tokens and tokens_in >= self.input_tokens:
            self.input_tokens, self.output_tokens = tokens_in, max(self.output_tokens, tokens_out)
        else:
            self.input_tokens += tokens_in
            self.output_tokens += tokens_out

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.failure = Failure("error of the program")
            _log.error("A call of the language model failed in our own code: %s.", type(task.exception()).__name__)
        self.give_up()

    def give_up(self) -> None:
        """Nothing more comes."""
        self._permit.settle(None)  # where nothing was said before: the call was cancelled
        self._pieces.put(None)
        self.done.set()

    async def _run(self, seconds: float) -> None:
        failure = await self._read(seconds)
        if self._finish and (failure is None or failure.retriable or failure is failures.LATE):
            failure = failure_of_finish(self._finish)  # whatever came after the end does not matter
        if text := self._visible.rest():
            self._pieces.put(text)
        if failure is None:
            failure = self._flaw()
        self.failure = failure
        self._permit.settle(failure is None or not failure.blames)

    def _flaw(self) -> Failure | None:
        if self._visible.stray:
            return failures.THOUGHTS
        if not self._visible.begun:
            return failures.NOTHING
        return None if self._finish else failures.NO_END

    async def _read(self, seconds: float) -> Failure | None:
        try:
            async with asyncio.timeout(seconds) as limit, aclosing(self._stream()) as chunks:
                async for chunk in chunks:
                    if failure := self._take(chunk):
                        return failure
                    if self._finish:
                        self._hurry(limit)
        except Exception as error:  # noqa: BLE001 (each provider has errors of its own)
            return failures.LATE if limit.expired() else failure_of(error)
        return None

    def _stream(self) -> AsyncGenerator[AIMessageChunk, None]:
        # LangChain promises an iterator and gives a generator, which can be closed.
        return cast("AsyncGenerator[AIMessageChunk, None]", self._chat.astream(self._messages, config=self._config))

    def _hurry(self, limit: asyncio.Timeout) -> None:
        soon = asyncio.get_running_loop().time() + _USAGE_SECONDS
        when = limit.when()
        if when is not None and soon < when:
            limit.reschedule(soon)

    def _take(self, chunk: AIMessageChunk) -> Failure | None:
        self.accepted = True
        if usage := chunk.usage_metadata:
            self._count(max(0, usage["input_tokens"]), max(0, usage["output_tokens"]))
        if self._finish is None:
            self._finish = next(
                (str(chunk.response_metadata[n]) for n in _FINISH if chunk.response_metadata.get(n)), None
            )
        text = str(chunk.text)
        shown = self._visible.add(text[: self._room])
        self.received.append(text[: self._room])
        if shown:
            self._pieces.put(shown)
        if self._visible.stray:
            return failures.THOUGHTS
        if len(text) > self._room:
            return failures.RUNAWAY
        self._room -= len(text)
        return None
