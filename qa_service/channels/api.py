"""The HTTP question endpoint, and its neighbours, in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from flask import Blueprint, Response, json, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import BadRequest, UnprocessableEntity

from qa_service.answers import Answer, Citation, Delta, Progress
from qa_service.channels.negotiation import preferred_language
from qa_service.channels.problems import problem_of
from qa_service.language import Language
from qa_service.pipeline import LONGEST_CONVERSATION_ID, Events, Pipeline

Body = TypeVar("Body", bound=BaseModel)

# A proxy must pass a stream on as it comes.
_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_NAMES: dict[type, str] = {Progress: "progress", Delta: "delta", Citation: "citation", Answer: "done"}


class AskBody(BaseModel):
    """The body of ``POST /api/ask``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    question: str
    language: Language | None = None
    conversation_id: Annotated[str, Field(min_length=1, max_length=LONGEST_CONVERSATION_ID)] | None = None
    stream: bool = False
    # Whether a stream also tells what is being done before there is any text: clients have to ask for it.
    progress: bool = False


class SearchBody(BaseModel):
    """The body of ``POST /api/search``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    query: str
    k: Annotated[int, Field(ge=1, le=100)] = 10


class FeedbackBody(BaseModel):
    """The body of ``POST /api/feedback``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    answer_id: str
    rating: Annotated[int, Field(ge=-1, le=1)]  # a Literal would take true for 1; the pipeline refuses 0
    comment: str = ""


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The routes under ``/api``, and the two health checks."""
    routes = Blueprint("api", __name__)

    @routes.post("/api/ask")
    def ask() -> Response:
        body = _body(AskBody)
        asked = (body.question, body.language, body.conversation_id)
        if body.stream or _wants_events():
            events = pipeline.stream(*asked, default_language=preferred_language())
            return Response(_sent(events, progress=body.progress), mimetype="text/event-stream", headers=_UNBUFFERED)
        return jsonify(pipeline.answer(*asked, default_language=preferred_language()).to_dict())

    @routes.post("/api/search")
    def search() -> Response:
        body = _body(SearchBody)
        return jsonify(passages=[asdict(passage) for passage in pipeline.search(body.query, body.k)])

    @routes.post("/api/feedback")
    def feedback() -> Response:
        body = _body(FeedbackBody)
        pipeline.rate(body.answer_id, body.rating, body.comment)
        return Response(status=204)

    @routes.get("/api/documents")
    def documents() -> Response:
        return jsonify(documents=[asdict(document) for document in pipeline.documents()])

    @routes.get("/api/documents/<path:document_id>")
    def document(document_id: str) -> Response:
        found = pipeline.document(document_id)
        return jsonify(asdict(found.article) | {"translations": found.translations})

    @routes.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @routes.get("/readyz")
    def readyz() -> Response:
        return jsonify(status="ready", **asdict(pipeline.status()))

    return routes


def _body(model: type[Body]) -> Body:
    """The request's body as a model; 400 when it is not a JSON object, 422 when a field is wrong."""
    try:
        given = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise BadRequest("The body is not a JSON object.")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        raise UnprocessableEntity(f"{where}: {wrong['msg']}") from None


def _wants_events() -> bool:
    """Whether the client names server-sent events among what it accepts; "anything" does not name them."""
    accepted = request.accept_mimetypes
    return any(kind == "text/event-stream" and quality > 0 for kind, quality in accepted)


def _sent(events: Events, *, progress: bool) -> Iterator[str]:
    """An answer as server-sent events: its text and citations as they come, at last all of it; else an error."""
    with closing(events):  # a reader who goes away ends the writing
        try:
            for event in events:
                if isinstance(event, Progress) and not progress:
                    continue
                silent = isinstance(event, Delta) and not event.text
                # A comment keeps the connection, and tells whether the reader is still there.
                yield ": \n\n" if silent else _event(_NAMES[type(event)], asdict(event))
        except Exception as error:  # noqa: BLE001 (the status has long been sent)
            yield _event("error", problem_of(error).get_json())


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
