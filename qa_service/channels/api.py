"""The HTTP question endpoint, and its neighbours, in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from qa_service.answers import Answer, Citation, Delta, Progress, RelatedPassage
from qa_service.articles import Article
from qa_service.channels import reply_examples
from qa_service.channels.bodies import body_of
from qa_service.channels.negotiation import preferred_language
from qa_service.channels.operations import DOCUMENT_ID, HAS_TEXT, NOTHING, Content, Operation, operation
from qa_service.channels.problems import Problem, problem, problem_of
from qa_service.channels.streams import SILENCE, event, event_stream
from qa_service.document_store import DocumentSummary
from qa_service.language import Language
from qa_service.pipeline import LARGEST_K, LONGEST_COMMENT, LONGEST_CONVERSATION_ID, Events, IndexStatus, Pipeline


def _whole(given: object) -> object:
    """JSON knows one kind of number: 3.0 is 3."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


_AS_WHOLE = BeforeValidator(_whole)

# The longest is a setting, which the pipeline holds questions to.
_QUESTION: dict[str, Any] = {"pattern": HAS_TEXT, "maxLength": "max_question_chars"}


class AskBody(BaseModel):
    """The body of ``POST /api/ask``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    question: Annotated[str, Field(description="In English or French.", json_schema_extra=_QUESTION)]
    language: Annotated[Language | None, Field(description="Of the answer; null for the question's own.")] = None
    conversation_id: Annotated[
        Annotated[str, Field(min_length=1, max_length=LONGEST_CONVERSATION_ID)] | None,
        Field(description="That of an earlier answer, for a question that leans on it; null begins a conversation."),
    ] = None
    stream: Annotated[bool, Field(description="Whether the answer comes as server-sent events.")] = False
    progress: Annotated[
        bool, Field(description="Whether such a stream also tells what is done before there is any text.")
    ] = False


class SearchBody(BaseModel):
    """The body of ``POST /api/search``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    query: Annotated[str, Field(description="Words or a question.", json_schema_extra=_QUESTION)]
    k: Annotated[int, Field(ge=1, le=LARGEST_K, description="How many passages, at most."), _AS_WHOLE] = 10


class FeedbackBody(BaseModel):
    """The body of ``POST /api/feedback``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    answer_id: Annotated[str, Field(description="The `id` of an answer.")]
    # A Literal would take true for 1; the pipeline refuses 0.
    rating: Annotated[
        int,
        Field(ge=-1, le=1),
        _AS_WHOLE,
        WithJsonSchema({"type": "integer", "enum": [-1, 1], "description": "1: helpful, -1: not helpful."}),
    ]
    comment: Annotated[
        str, Field(description="Why, in the reader's words.", json_schema_extra={"maxLength": LONGEST_COMMENT})
    ] = ""


@dataclass(frozen=True)
class Passages:
    """The passages that were found, the best first."""

    passages: list[RelatedPassage]


@dataclass(frozen=True)
class Documents:
    """Every article, without its text."""

    documents: list[DocumentSummary]


@dataclass(frozen=True, kw_only=True)
class Document(Article):
    """An article with its canonical text, and the ids of its versions in the other language."""

    translations: tuple[str, ...]


@dataclass(frozen=True)
class Alive:
    """The process lives."""

    status: Literal["ok"]


@dataclass(frozen=True, kw_only=True)
class Ready(IndexStatus):
    """Questions can be answered, from this index."""

    status: Literal["ready"]
    database: Literal["ok", "unavailable", "off"]
    language_model: Literal["ok", "unavailable", "off"]


_EVENTS = {"progress": Progress, "delta": Delta, "citation": Citation, "done": Answer, "error": Problem}
_NAMES = {kind: name for name, kind in _EVENTS.items()}
_STREAM = """`progress` (if asked for) tells how many passages are read; `delta` brings text, `citation` a source as \
soon as it is cited; `done` brings the whole answer, which takes the place of what was shown. `error`, a problem \
document, ends a stream that failed on the way. A line that is a lone colon keeps the connection."""
_ASK = Operation(
    "Ask a question",
    "Questions",
    "Every statement of the answer carries a marker `[n]` and has the citation of that number, whose quote is \
`text[start:end]` of the document. Where the articles do not hold the answer, `abstained` is true. With `stream`, or \
`Accept: text/event-stream`, the answer comes as server-sent events while it is written.",
    body=Content(
        AskBody,
        examples={
            "English": {"question": "When was the visa agreement signed?"},
            "French": {"question": "Quand l’exemption de visa entre-t-elle en vigueur\u202f?"},
            "A French answer to an English question": {"question": "Who signed the visa agreement?", "language": "fr"},
            "Streamed": {"question": "Où l’accord a-t-il été signé\u202f?", "stream": True, "progress": True},
        },
    ),
    replies={
        200: (
            Content(Answer, examples=reply_examples.ANSWERS, description="The answer, or the events that it comes in."),
            Content(
                media_types=("text/event-stream",),
                examples=reply_examples.ANSWER_EVENTS,
                description=_STREAM,
                events=_EVENTS,
            ),
        )
    },
    problems=(503,),
)
_SEARCH = Operation(
    "Find passages, in both languages at once",
    "Questions",
    body=Content(
        SearchBody,
        examples={
            "English": {"query": "visa exemption", "k": 3},
            "French": {"query": "exemption de visa", "k": 3},
        },
    ),
    replies={
        200: Content(
            Passages,
            examples=reply_examples.PASSAGES,
            description="The passages that an answer would be composed from.",
        )
    },
    problems=(503,),
)
_FEEDBACK = Operation(
    "Rate an answer",
    "Questions",
    "An answer has one rating, and a later one takes its place.",
    body=Content(
        FeedbackBody,
        examples={
            "English": {"answer_id": "0123456789abcdef0123456789abcdef", "rating": -1, "comment": "Wrong year."},
            "French": {"answer_id": "0123456789abcdef0123456789abcdef", "rating": 1, "comment": "C’est exact."},
        },
    ),
    replies={204: NOTHING},
    problems=(404, 503),
)
_DOCUMENTS = Operation(
    "List the articles",
    "Articles",
    replies={200: Content(Documents, examples=reply_examples.DOCUMENTS, description="Every article, by id.")},
    problems=(503,),
)
_DOCUMENT = Operation(
    "Read an article",
    "Articles",
    parameters=(DOCUMENT_ID,),
    replies={
        200: Content(
            Document,
            examples=reply_examples.DOCUMENT,
            description="The article; citations' offsets count in its `text`.",
        )
    },
    problems=(503,),
)
_HEALTHZ = Operation(
    "Tell whether the process lives",
    "Operation",
    access="open",
    replies={200: Content(Alive, examples=reply_examples.ALIVE, description="It does, and follows the index.")},
    problems=(503,),
)
_READYZ = Operation(
    "Tell whether questions can be answered",
    "Operation",
    access="open",
    replies={200: Content(Ready, examples=reply_examples.READY, description="They can; and what is in the index.")},
    problems=(503,),
)


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The routes under ``/api``, and the two health checks."""
    routes = Blueprint("api", __name__)

    @routes.post("/api/ask")
    @operation(_ASK)
    def ask() -> Response:
        body = body_of(AskBody)
        asked = (body.question, body.language, body.conversation_id)
        if body.stream or _wants_events():
            events = pipeline.stream(*asked, default_language=preferred_language())
            return event_stream(_sent(events, progress=body.progress))
        return jsonify(pipeline.answer(*asked, default_language=preferred_language()).to_dict())

    @routes.post("/api/search")
    @operation(_SEARCH)
    def search() -> Response:
        body = body_of(SearchBody)
        return jsonify(passages=[asdict(passage) for passage in pipeline.search(body.query, body.k)])

    @routes.post("/api/feedback")
    @operation(_FEEDBACK)
    def feedback() -> Response:
        body = body_of(FeedbackBody)
        pipeline.rate(body.answer_id, body.rating, body.comment)
        return Response(status=204)

    @routes.get("/api/documents")
    @operation(_DOCUMENTS)
    def documents() -> Response:
        return jsonify(documents=[asdict(document) for document in pipeline.documents()])

    @routes.get("/api/documents/<path:document_id>")
    @operation(_DOCUMENT)
    def document(document_id: str) -> Response:
        found = pipeline.document(document_id)
        return jsonify(asdict(found.article) | {"translations": found.translations})

    @routes.get("/healthz")
    @operation(_HEALTHZ)
    def healthz() -> Response:
        if not pipeline.alive():
            return problem(503, "The index is not followed any more; start this worker again.")
        return jsonify(status="ok")

    @routes.get("/readyz")
    @operation(_READYZ)
    def readyz() -> Response:
        return jsonify(status="ready", **asdict(pipeline.status()), **pipeline.parts())

    return routes


def _wants_events() -> bool:
    """Whether the client names server-sent events among what it accepts; "anything" does not name them."""
    accepted = request.accept_mimetypes
    return any(kind == "text/event-stream" and quality > 0 for kind, quality in accepted)


def _sent(events: Events, *, progress: bool) -> Iterator[str]:
    """An answer as server-sent events: its text and citations as they come, at last all of it; else an error."""
    with closing(events):  # a reader who goes away ends the writing
        try:
            for part in events:
                if isinstance(part, Progress) and not progress:
                    continue
                silent = isinstance(part, Delta) and not part.text
                yield SILENCE if silent else event(asdict(part), _NAMES[type(part)])
        except Exception as error:  # noqa: BLE001 (the status has long been sent)
            yield event(problem_of(error).get_json(), "error")
