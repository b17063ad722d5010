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
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

from flask import Blueprint, Response, json, jsonify, request
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from werkzeug.exceptions import UnprocessableEntity

from qa_service.answers import Answer, Citation, Exchange
from qa_service.channels.bodies import body_of
from qa_service.channels.markdown_text import markdown, markers_in, without_notes
from qa_service.channels.negotiation import preferred_language
from qa_service.channels.operations import Content, Operation, Parameter, operation
from qa_service.channels.problems import OpenAIError, openai_problem_of
from qa_service.channels.streams import SILENCE, event_stream
from qa_service.language import Language, message, sound
from qa_service.pipeline import Events, Pipeline

MODEL = "qa-service"
# Clients show it and do nothing with it: the day of the first version, in seconds since 1970.
_CREATED = 1_795_219_200
_MOST_CHOICES = 8
# Seconds: a client that hears nothing for longer may go away.
_LONGEST_SILENCE_S = 1.0
# Characters of a client's words that an error repeats.
_REPEATED = 80

# A sentence or a line with what follows it.
_PIECE = re.compile(r".+?(?:[.!?…\]]\s+|\n+|\Z)", re.DOTALL)
# Open WebUI has the model that is talked to name the chat, tag it and suggest questions; each request is a user's
# message of this form.
_CHORE = re.compile(r"### Task:.*<chat_history>", re.DOTALL)

_LENIENT = ConfigDict(extra="ignore", strict=True)
# Which of its two forms a value has, so that an error is about that one; an error's place leaves the name out.
_EITHER = Discriminator(lambda value: "array" if isinstance(value, list) else "string")
_FORM = re.compile(r"\.(?:array|string)(?=[.:])")


class Part(BaseModel):
    """A part of a message's content."""

    model_config = _LENIENT

    type: str
    text: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is one that is read."""
        return self.type in ("text", "input_text", "output_text")


class Message(BaseModel):
    """What somebody said in the conversation. Only those of the user and the assistant are read."""

    model_config = _LENIENT

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[Annotated[str, Tag("string")] | Annotated[list[Part], Tag("array")], _EITHER] | None = None

    @property
    def text(self) -> str:
        """Its words; parts of other kinds are passed over."""
        if isinstance(self.content, list):
            return sound("\n".join(part.text or "" for part in self.content if part.is_text)).strip()
        return sound(self.content or "").strip()


class StreamOptions(BaseModel):
    """What a stream is asked for besides the text."""

    model_config = _LENIENT

    include_usage: bool | None = None


class ResponseFormat(BaseModel):
    """The form of the answer's text."""

    model_config = _LENIENT

    type: str


_Word = Annotated[str, Field(min_length=1)]
_Stop = Annotated[Annotated[_Word, Tag("string")] | Annotated[list[_Word], Field(max_length=4), Tag("array")], _EITHER]
_Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]


class CompletionBody(BaseModel):
    """The body of ``POST /v1/chat/completions``. What is not listed here is ignored."""

    model_config = _LENIENT

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=_MOST_CHOICES)] | None = None
    stop: _Stop | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    response_format: ResponseFormat | None = None
    # Checked and then left alone: an answer is not drawn by chance.
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None


@dataclass(frozen=True)
class Model:
    """The one model that there is."""

    id: str = MODEL
    object: str = "model"
    created: int = _CREATED
    owned_by: str = MODEL


@dataclass(frozen=True)
class ModelList:
    """The models that there are."""

    object: str = "list"
    data: tuple[Model, ...] = (Model(),)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What comes with an answer besides its text: fields that OpenAI's API does not have."""

    citations: tuple[Citation, ...]
    warnings: tuple[str, ...]
    abstained: bool
    language: Language
    answer_id: str


@dataclass(frozen=True, kw_only=True)
class AssistantMessage(Source):
    """The answer."""

    role: str = "assistant"
    content: str
    refusal: None = None


@dataclass(frozen=True)
class Choice:
    """One of the answers; where several are asked for, they are equal."""

    index: int
    message: AssistantMessage
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


@dataclass(frozen=True)
class Usage:
    """Tokens of the shipped table: of all messages, and of the texts of all choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The answer as a whole."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str = MODEL
    choices: tuple[Choice, ...]
    usage: Usage


class OpenAIErrorDetail(BaseModel):
    """What went wrong, the field that it is about, and a name for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorBody(BaseModel):
    """An error under ``/v1``."""

    error: OpenAIErrorDetail


def _error(description: str, text: str, kind: str, param: str | None, code: str | None) -> Content:
    example = {"error": {"message": text, "type": kind, "param": param, "code": code}}
    return Content(OpenAIErrorBody, examples={"error": example}, description=description)


_INVALID = "invalid_request_error"
_SHARED_ERRORS = {
    401: _error(
        "No key, or a wrong one",
        "This needs a key: Authorization: Bearer KEY.",
        _INVALID,
        None,
        "invalid_api_key",
    ),
    404: _error("Another model", "There is no model x: use qa-service.", _INVALID, "model", "model_not_found"),
    429: _error("Too many requests", "Too many requests.", "requests", None, "rate_limit_exceeded"),
    500: _error("An error of ours", "Something went wrong here; the error was logged.", "server_error", None, None),
}
_ASKING_ERRORS = {
    400: _error(
        "Something in the body cannot be taken",
        "messages: There is no message of the user.",
        _INVALID,
        "messages",
        None,
    ),
    403: _error(
        "A page of another site asks in a reader's name",
        "This request was made by a page of another site.",
        _INVALID,
        None,
        None,
    ),
    413: _error(
        "The body is too large", "The data value transmitted exceeds the capacity limit.", _INVALID, None, None
    ),
    503: _error("There is no index yet", "There is no index yet: run `qa-service index`.", "server_error", None, None),
}

_EXAMPLES = {
    "english": {"model": MODEL, "messages": [{"role": "user", "content": "When was the visa agreement signed?"}]},
    "french": {
        "model": MODEL,
        "messages": [
            {"role": "user", "content": "Qui a signé l’accord sur les visas ?"},
            {"role": "assistant", "content": "Les deux ministres ont signé l’accord [1]."},
            {"role": "user", "content": "Et quand entre-t-il en vigueur ?"},
        ],
    },
}


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The routes under ``/v1``."""
    routes = Blueprint("openai", __name__)

    @routes.get("/v1/models")
    @operation(
        Operation(
            "The models that can be asked: one",
            "OpenAI-compatible",
            replies={200: Content(ModelList), 401: _SHARED_ERRORS[401], 429: _SHARED_ERRORS[429]},
        )
    )
    def models() -> Response:
        return jsonify(asdict(ModelList()))

    @routes.get("/v1/models/<path:model>")
    @operation(
        Operation(
            "One model",
            "OpenAI-compatible",
            parameters=(Parameter("model", place="path", required=True, example=MODEL),),
            replies={200: Content(Model), **_SHARED_ERRORS},
        )
    )
    def one_model(model: str) -> Response:
        _require_ours(model)
        return jsonify(asdict(Model()))

    @routes.post("/v1/chat/completions")
    @operation(
        Operation(
            "Ask, as OpenAI's clients do",
            "OpenAI-compatible",
            description="The conversation is what the messages tell. Messages of the system are not followed.",
            body=Content(CompletionBody, examples=_EXAMPLES),
            replies={
                200: Content(
                    Completion,
                    media_types=("application/json", "text/event-stream"),
                    description="The answer; with `stream`, as chunks and at last `[DONE]`",
                ),
                **_ASKING_ERRORS,
                **_SHARED_ERRORS,
            },
        )
    )
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
                spoken, answer = time.monotonic(), None
                for event in events:
                    answer = event
                    if time.monotonic() - spoken >= _LONGEST_SILENCE_S:
                        spoken = time.monotonic()
                        yield SILENCE
                yield from self._chunks(_finished(answer))
            except Exception as error:  # noqa: BLE001 (the status has long been sent)
                yield _event(openai_problem_of(error).get_json())

    def _chunks(self, answer: Answer) -> Iterator[str]:
        text, reason = self._cut(markdown(answer, self._page))
        source = asdict(_source(answer, text))
        cited = {"citations": source["citations"]}
        for piece in _PIECE.findall(text):
            yield from self._delta({"content": piece})
        yield from self._delta(source, reason, {} if self._counted else cited)
        if self._counted:
            yield _event(self._chunk([]) | cited | {"usage": asdict(self._usage(text))})
        yield "data: [DONE]\n\n"

    def _delta(
        self, delta: dict[str, Any], reason: str | None = None, more: dict[str, Any] | None = None
    ) -> Iterator[str]:
        """The same piece of every choice."""
        for index in range(self._choices):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
            yield _event(self._chunk([choice]) | (more or {}))

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


def _finished(event: object) -> Answer:
    if not isinstance(event, Answer):
        raise TypeError("A stream ends with its answer.")
    return event


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
