"""The question endpoint as OpenAI's clients know it: ``/v1/models`` and ``/v1/chat/completions``.

A conversation is what its messages tell: the last one of the user is the question, and those before complete it. A
client cannot take back what it has shown, so that a stream begins when the answer has been checked as a whole.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import UnprocessableEntity

from qa_service.answers import Answer, Citation, Exchange
from qa_service.channels.bodies import body_of
from qa_service.channels.markdown_text import markdown, markers_in, without_notes
from qa_service.channels.negotiation import preferred_language
from qa_service.channels.openai_bodies import (
    COMPLETE,
    MODEL,
    MODELS,
    ONE_MODEL,
    AssistantMessage,
    Choice,
    Completion,
    CompletionBody,
    Message,
    Model,
    ModelList,
    Source,
    Usage,
)
from qa_service.channels.operations import operation
from qa_service.channels.problems import OpenAIError, openai_problem_of
from qa_service.channels.streams import SILENCE, event, event_stream
from qa_service.language import Language, message, sound
from qa_service.pipeline import Events, Pipeline

# Seconds: a client that hears nothing for longer may go away.
_LONGEST_SILENCE_S = 1.0
# Characters of a client's words that an error repeats.
_REPEATED = 80

# A sentence or a line with what follows it.
_PIECE = re.compile(r".+?(?:[.!?…\]]\s+|\n+|\Z)", re.DOTALL)
# Open WebUI has the model that is talked to name the chat, tag it and suggest questions; each request is a user's
# message of this form.
_CHORE = re.compile(r"### Task:.*<chat_history>", re.DOTALL)
# An error's place, without the form that a value there has.
_FORM = re.compile(r"\.(?:array|string)(?=[.:])")


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The routes under ``/v1``."""
    routes = Blueprint("openai", __name__)

    @routes.get("/v1/models")
    @operation(MODELS)
    def models() -> Response:
        return jsonify(asdict(ModelList()))

    @routes.get("/v1/models/<path:model>")
    @operation(ONE_MODEL)
    def one_model(model: str) -> Response:
        _require_ours(model)
        return jsonify(asdict(Model()))

    @routes.post("/v1/chat/completions")
    @operation(COMPLETE)
    def complete() -> Response:
        body = _body()
        asked, earlier = _conversation(body.messages)
        completing = _Completing(body, pipeline)
        if _CHORE.match(asked):
            events: Events = _declined(asked, preferred_language())
        else:
            events = pipeline.stream(asked, default_language=preferred_language(), earlier=earlier)
        if body.stream:
            return event_stream(completing.sent(events))
        *_, answer = events
        return jsonify(asdict(completing.whole(_finished(answer))))

    return routes


class _Completing:
    """One request, from its answer on."""

    def __init__(self, body: CompletionBody, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._choices = body.n or 1
        self._stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
        self._most = body.max_completion_tokens or body.max_tokens
        self._counted = bool(body.stream_options and body.stream_options.include_usage)
        self._prompt_tokens = sum(pipeline.count_tokens(said.text) for said in body.messages)
        self._root = request.url_root  # a stream has no request
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())

    def whole(self, answer: Answer) -> Completion:
        """The answer as one body."""
        text, reason = self._cut(markdown(answer, self._page))
        said = AssistantMessage(**vars(_source(answer, text)), content=text)
        choices = tuple(Choice(index, said, reason) for index in range(self._choices))
        return Completion(id=self._id, created=self._created, choices=choices, usage=self._usage(text))

    def sent(self, events: Events) -> Iterator[str]:
        """The answer as events: nothing but comments until it stands, then its text, its sources and its end."""
        with closing(events):  # a client that goes away ends the writing
            try:
                yield from self._delta({"role": "assistant", "content": ""})
                spoken, last = time.monotonic(), None
                for part in events:
                    last = part
                    if time.monotonic() - spoken >= _LONGEST_SILENCE_S:
                        spoken = time.monotonic()
                        yield SILENCE
                yield from self._chunks(_finished(last))
            except Exception as error:  # noqa: BLE001 (the status has long been sent)
                yield event(openai_problem_of(error).get_json())

    def _chunks(self, answer: Answer) -> Iterator[str]:
        text, reason = self._cut(markdown(answer, self._page))
        source = asdict(_source(answer, text))
        cited = {"citations": source["citations"]}
        for piece in _PIECE.findall(text):
            yield from self._delta({"content": piece})
        yield from self._delta(source, reason, {} if self._counted else cited)
        if self._counted:
            yield event(self._chunk([]) | cited | {"usage": asdict(self._usage(text))})
        yield "data: [DONE]\n\n"

    def _delta(
        self, delta: dict[str, Any], reason: str | None = None, more: dict[str, Any] | None = None
    ) -> Iterator[str]:
        """The same piece of every choice."""
        for index in range(self._choices):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
            yield event(self._chunk([choice]) | (more or {}))

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        chunk = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": MODEL,
            "choices": choices,
        }
        return chunk | ({"usage": None} if self._counted else {})

    def _cut(self, text: str) -> tuple[str, Literal["stop", "length"]]:
        """A text up to the first of the words that end it, and as long as it may be; and why it ends."""
        text = text[: min((at for at in map(text.find, self._stops) if at >= 0), default=len(text))]
        kept = text if self._most is None else self._pipeline.first_tokens(text, self._most)
        return kept, "stop" if kept == text else "length"

    def _usage(self, text: str) -> Usage:
        completion_tokens = self._choices * self._pipeline.count_tokens(text)
        return Usage(self._prompt_tokens, completion_tokens, self._prompt_tokens + completion_tokens)

    def _page(self, citation: Citation) -> str:
        """Our own page of an article, at the cited place."""
        span = f"start={citation.start}&end={citation.end}"
        return f"{self._root}documents/{quote(citation.document_id)}?{span}#cited"


def _body() -> CompletionBody:
    """The body, if it asks for what there is."""
    try:
        body = body_of(CompletionBody)
    except UnprocessableEntity as error:
        said = _FORM.sub("", error.description or "")
        raise OpenAIError(400, said, param=said.partition(":")[0]) from None
    _require_ours(body.model)
    if body.response_format and body.response_format.type != "text":
        raise OpenAIError(400, "An answer is text: no other response_format is supported.", "response_format")
    return body


def _require_ours(model: str) -> None:
    if model != MODEL:
        named = sound(model)[:_REPEATED]
        raise OpenAIError(404, f"There is no model {named}: use {MODEL}.", "model", "model_not_found")


def _conversation(messages: Sequence[Message]) -> tuple[str, list[Exchange]]:
    """The question, and what was asked and answered before it."""
    last = max((at for at, said in enumerate(messages) if said.role == "user"), default=None)
    if last is None:
        raise OpenAIError(400, "messages: There is no message of the user.", "messages")
    _require_text(messages[last], last)
    earlier: list[Exchange] = []
    for said in messages[:last]:
        text = said.text
        if said.role == "user" and text:
            earlier.append(Exchange(text, ""))
        elif said.role == "assistant" and text and earlier:
            earlier[-1] = Exchange(earlier[-1].question, without_notes(text))
    return messages[last].text, earlier


def _require_text(said: Message, at: int) -> None:
    """Refuse a question that is not made of text alone, or of none."""
    where = f"messages.{at}.content"
    parts = said.content if isinstance(said.content, list) else []
    other = next((part.type for part in parts if not part.is_text), None)
    if other is not None:
        kind = sound(other)[:_REPEATED]
        raise OpenAIError(400, f"{where}: Only text can be read here, and no {kind}.", where)
    if not said.text:
        raise OpenAIError(400, f"{where}: The question is empty.", where)


def _source(answer: Answer, text: str) -> Source:
    """What comes with a text that was perhaps cut off: the citations whose markers it holds."""
    shown = markers_in(without_notes(text))
    citations = tuple(citation for citation in answer.citations if citation.n in shown)
    return Source(
        citations=citations,
        warnings=answer.warnings,
        abstained=answer.abstained,
        language=answer.language,
        answer_id=answer.id,
    )


def _declined(asked: str, language: Language) -> Generator[Answer, None, None]:
    """What a client's own chore gets: the articles are not searched for it, and nothing is kept of it."""
    said = message("not_found", language)
    names = (uuid.uuid4().hex, uuid.uuid4().hex)
    yield Answer(*names, asked, language, said, abstained=True, composer="extractive", citations=())


def _finished(last: object) -> Answer:
    """The last event of a stream, which is its answer."""
    if not isinstance(last, Answer):
        raise TypeError("A stream ends with its answer.")
    return last
