"""The answers as a LangChain ``Runnable``, for chains of other programs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor
from langchain_core.runnables.utils import AddableDict

from qa_service.answers import Answer, Delta
from qa_service.errors import InvalidQuestion
from qa_service.language import Language
from qa_service.pipeline import Pipeline
from qa_service.retriever import BilingualRetriever
from qa_service.settings import Settings, load_settings

Given = str | dict[str, Any]
Pieces = Generator[AddableDict, None, None]


class AnsweringChain(Runnable[Given, dict[str, Any]]):
    """A question in, an answer out: a dictionary of the shape that an answer has everywhere.

    The question is a text, or a dictionary with ``question`` and, if need be, ``language`` and ``conversation_id``;
    what else is in it belongs to other parts of a chain. A stream gives the answer's text, then the rest, in pieces
    that add up to the answer. What a language model writes is shown once it was held to the sources; with ``drafts``
    a stream also shows it while it is written, under ``draft``. Closing a stream or cancelling a call ends the writing.

    Raises InvalidQuestion, IndexUnavailable and what else ``Pipeline`` raises. Safe to share between threads.
    """

    def __init__(self, pipeline: Pipeline, *, drafts: bool = False) -> None:
        """Answer with a pipeline that is open; it is closed with the chain."""
        self._pipeline = pipeline
        self._drafts = drafts

    @classmethod
    def open(cls, settings: Settings | None = None, *, drafts: bool = False) -> Self:
        """Open the index and follow it, by default with the environment's settings; close the chain after use.

        Call it after any fork. Raises SettingsError or MissingExtra when the settings cannot be met. A missing index
        is no error here: questions raise IndexUnavailable until there is one.
        """
        pipeline = Pipeline(settings or load_settings())
        pipeline.follow()
        return cls(pipeline, drafts=drafts)

    def close(self) -> None:
        """Let go of the index; the retrievers of this chain find nothing to read any more either."""
        self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def retriever(self, k: int = 10) -> BilingualRetriever:
        """The ranking of the same index as a LangChain retriever, which gives at most ``k`` passages, 1 to 100."""
        return self._pipeline.retriever(k)

    # The names below, of arguments too, are LangChain's.

    def invoke(self, input: Given, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ANN401
        """The answer to a question."""
        return self._call_with_config(self._answer, input, config)

    async def ainvoke(self, input: Given, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ANN401
        """The answer to a question; other tasks go on meanwhile."""
        return await self._acall_with_config(self._aanswer, input, config)

    def stream(self, input: Given, config: RunnableConfig | None = None, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: A002, ANN401
        """The answer in pieces that add up to it."""
        return self.transform(iter([input]), config)

    def transform(
        self,
        input: Iterator[Given],  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,  # noqa: ANN401
    ) -> Iterator[dict[str, Any]]:
        """The same for a question that comes in pieces itself."""
        return self._transform_stream_with_config(input, self._pieces, config)

    async def astream(
        self,
        input: Given,  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,  # noqa: ANN401
    ) -> AsyncIterator[dict[str, Any]]:
        """The answer in pieces that add up to it; other tasks go on meanwhile."""

        async def asked() -> AsyncIterator[Given]:
            yield input

        async for piece in self.atransform(asked(), config):
            yield piece

    async def atransform(
        self,
        input: AsyncIterator[Given],  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,  # noqa: ANN401
    ) -> AsyncIterator[dict[str, Any]]:
        """The same for a question that comes in pieces itself."""
        async for piece in self._atransform_stream_with_config(input, self._apieces, config):
            yield piece

    def _answer(self, given: Given) -> dict[str, Any]:
        return self._pipeline.answer(*_asked(given)).to_dict()

    async def _aanswer(self, given: Given) -> dict[str, Any]:
        pieces = _in_threads(self._written(given, drafts=False))
        whole: dict[str, Any] = _joined([piece async for piece in pieces])
        return dict(whole)

    def _pieces(self, given: Iterator[Given]) -> Iterator[dict[str, Any]]:
        with closing(self._written(_joined(given), drafts=self._drafts)) as pieces:
            yield from filter(None, pieces)

    async def _apieces(self, given: AsyncIterator[Given]) -> AsyncIterator[dict[str, Any]]:
        question = _joined([part async for part in given])
        async for piece in _in_threads(self._written(question, drafts=self._drafts)):
            if piece:
                yield piece

    def _written(self, given: Given, *, drafts: bool) -> Pieces:
        """The pieces, with empty ones while there is nothing to show: at each the writing can be ended."""
        with closing(self._pipeline.stream(*_asked(given))) as events:
            for event in events:
                if isinstance(event, Answer):
                    yield from _pieces_of(event if drafts else replace(event, withdrawn=()))  # nobody saw it
                else:
                    text = event.text if drafts and isinstance(event, Delta) else ""
                    yield AddableDict({"draft": text} if text else {})


def _pieces_of(answer: Answer) -> Iterator[AddableDict]:
    """The text by paragraphs, then everything else."""
    rest = answer.to_dict()
    for paragraph in rest.pop("answer").splitlines(keepends=True):
        yield AddableDict(answer=paragraph)
    yield AddableDict(rest)


def _asked(given: object) -> tuple[str, Language | None, str | None]:
    """What the pipeline is asked; it checks the values."""
    parts = given if isinstance(given, dict) else {"question": given}
    question, language, conversation_id = (parts.get(name) for name in ("question", "language", "conversation_id"))
    if not isinstance(question, str):
        raise InvalidQuestion('The input must be a question, or a dictionary that holds one as "question".')
    if not isinstance(language, str | None) or not isinstance(conversation_id, str | None):
        raise InvalidQuestion('"language" and "conversation_id" must be texts.')
    return question, cast("Language | None", language), conversation_id


def _joined(parts: Iterable[Any]) -> Any:  # noqa: ANN401 (whatever the chain before gives)
    """What comes in pieces as a whole: their sum, or the last one where they cannot be added; None for no piece."""
    whole = None
    for part in parts:
        try:
            whole = part if whole is None else whole + part
        except TypeError:
            whole = part
    return whole


async def _in_threads(pieces: Pieces) -> AsyncIterator[AddableDict]:
    """The pieces, each made in a thread. Whoever stops in the midst of one does not wait for it: it is ended there."""
    turn = threading.Lock()

    def made() -> AddableDict | None:
        with turn:
            return next(pieces, None)

    def ended() -> None:
        with turn:
            pieces.close()

    try:
        while (piece := await run_in_executor(None, made)) is not None:
            yield piece
    finally:
        with suppress(RuntimeError):  # the loop is gone, and nobody waits
            asyncio.get_running_loop().run_in_executor(None, ended)
