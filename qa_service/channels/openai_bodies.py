"""What OpenAI's clients send and get: the bodies under ``/v1``, and what its routes say of themselves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypedDict

from qa_service.answers import Citation
from qa_service.channels import reply_examples
from qa_service.channels.operations import Content, Operation, Parameter
from qa_service.language import Language, sound

MODEL = "qa-service"
# Clients show it and do nothing with it: the day of the first version, in seconds since 1970.
_CREATED = 1_795_219_200
_MOST_CHOICES = 8

_LENIENT = ConfigDict(extra="ignore", strict=True)
# Which of its two forms a value has, so that an error is about that one; an error's place leaves the name out.
_EITHER = Discriminator(lambda value: "array" if isinstance(value, list) else "string")


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

    model: Annotated[str, Field(description=f"`{MODEL}`; there is no other.")]
    messages: Annotated[
        list[Message], Field(min_length=1, description="The conversation; the user's last message is the question.")
    ]
    stream: Annotated[bool | None, Field(description="Whether the answer comes as server-sent events.")] = None
    stream_options: StreamOptions | None = None
    n: Annotated[
        Annotated[int, Field(ge=1, le=_MOST_CHOICES)] | None, Field(description="So many times the same answer.")
    ] = None
    stop: Annotated[
        _Stop | None, Field(description="The answer, its sources included, ends before the first of these.")
    ] = None
    max_completion_tokens: Annotated[
        Annotated[int, Field(ge=1)] | None,
        Field(description="The answer, its sources included, is no longer, in tokens of the shipped table."),
    ] = None
    max_tokens: Annotated[Annotated[int, Field(ge=1)] | None, Field(description="The same by an older name.")] = None
    response_format: Annotated[
        ResponseFormat | None, Field(description="`text` alone is written; any other is refused.")
    ] = None
    # Checked and then left alone: an answer is not drawn by chance.
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None


@dataclass(frozen=True)
class Model:
    """The one model that there is."""

    id: str = MODEL
    object: Literal["model"] = "model"
    created: int = _CREATED
    owned_by: str = MODEL


@dataclass(frozen=True)
class ModelList:
    """The models that there are."""

    object: Literal["list"] = "list"
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

    role: Literal["assistant"] = "assistant"
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
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str = MODEL
    choices: tuple[Choice, ...]
    usage: Usage


class ChunkChoice(TypedDict):
    """A piece of one of the answers."""

    index: int
    delta: ChunkDelta
    finish_reason: Literal["stop", "length"] | None
    logprobs: None


class ChunkDelta(TypedDict, total=False):
    """Text that was added, or at the end what comes with it."""

    role: Literal["assistant"]
    content: str
    citations: list[Citation]
    warnings: list[str]
    abstained: bool
    language: Language
    answer_id: str


class Chunk(TypedDict):
    """An event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    citations: NotRequired[list[Citation]]
    usage: NotRequired[Usage | None]


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
_NO_MODEL = _error("Another model", "There is no model x: use qa-service.", _INVALID, "model", "model_not_found")
_NOT_TAKEN = _error(
    "Something in the body cannot be taken.", "messages: There is no message of the user.", _INVALID, "messages", None
)

_EXAMPLES = {
    "English": {"model": MODEL, "messages": [{"role": "user", "content": "When was the visa agreement signed?"}]},
    "French": {
        "model": MODEL,
        "messages": [
            {"role": "user", "content": "Qui a signé l’accord sur les visas ?"},
            {"role": "assistant", "content": "Les deux ministres ont signé l’accord [1]."},
            {"role": "user", "content": "Et quand entre-t-il en vigueur ?"},
        ],
    },
}

_ERRORS = Content(OpenAIErrorBody)
MODELS = Operation(
    "List the models that can be asked: one",
    "OpenAI-compatible",
    replies={200: Content(ModelList, examples={"the one model": asdict(ModelList())})},
    error=_ERRORS,
)
ONE_MODEL = Operation(
    "Describe the model",
    "OpenAI-compatible",
    parameters=(Parameter("model", place="path", required=True, example=MODEL),),
    replies={200: Content(Model, examples={"the one model": asdict(Model())}), 404: _NO_MODEL},
    error=_ERRORS,
)
COMPLETE = Operation(
    "Ask, as OpenAI's clients do",
    "OpenAI-compatible",
    description="The conversation is what the messages tell. Messages of the system are not followed.",
    body=Content(CompletionBody, examples=_EXAMPLES),
    replies={
        200: (
            Content(
                Completion,
                examples=reply_examples.COMPLETION,
                description="The answer; with `stream`, as chunks and at last `[DONE]`.",
            ),
            Content(
                media_types=("text/event-stream",),
                examples=reply_examples.CHUNKS,
                events={"": Chunk | OpenAIErrorBody, "end": "[DONE]"},
            ),
        ),
        400: _NOT_TAKEN,
        404: _NO_MODEL,
    },
    problems=(503,),
    error=_ERRORS,
)
