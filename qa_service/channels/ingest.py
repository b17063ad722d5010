"""Documents sent and removed by programs, such as a CMS's publish hook: ``202``, and where to ask what became of it.

A body is the document itself, its fields in headers, or JSON that holds the text and its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Literal
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response, jsonify, request, url_for
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    Forbidden,
    RequestEntityTooLarge,
    ServiceUnavailable,
    UnprocessableEntity,
    UnsupportedMediaType,
)

from qa_service.channels.bodies import BROKEN_OFF, body_of, require_plain
from qa_service.channels.operations import HAS_TEXT, Content, Operation, Parameter, operation
from qa_service.channels.problems import PROBLEM_TYPE, Problem
from qa_service.errors import TooManyDocuments
from qa_service.publishing import FIELDS, LONGEST_ID, SUFFIXES, Job, Publisher

# What JSON adds to a text that is all ASCII: its other fields, quotes and escaped line ends.
_JSON_MORE = 64 * 1024
_BLOCK = 1 << 16
_LONGEST_FIELD = 2_000  # characters
_FORMATS = {"text": ".txt", "markdown": ".md", "html": ".html"}
_HEADER = "X-Document-"
_TAG = "Documents"
# After how long it is worth sending a document again for which there was no room. Seconds.
_ASK_AGAIN_S = 5
# What a document is read without, wherever it stands at an end: white space, control characters, what has no width.
_BLANK = (
    r"[\u0000-\u0020\u007f-\u00a0\u00ad\u061c\u1680\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f\u2060"
    r"\u2066-\u2069\u3000\ufeff]"
)


def _sound(text: str) -> str:
    """A text that can be written; JSON may hold halves of characters, which cannot."""
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise PydanticCustomError("surrogate", "should hold no half of a character")
    return text


Sound = Annotated[str, AfterValidator(_sound)]
Short = Annotated[Sound, Field(max_length=_LONGEST_FIELD)]


def _written(pattern: str) -> Any:  # noqa: ANN401 (as pydantic has it)
    """How the document says that a field is written; what is nothing but blanks is no value."""
    return Field(json_schema_extra={"pattern": f"^{_BLANK}*(?:{pattern})?{_BLANK}*$"})


_LanguageName = Annotated[Short, _written(r"(?:[eE][nN]|[fF][rR])(?:[-_][\s\S]*)?")]
_Address = Annotated[Short, _written(r"[hH][tT][tT][pP][sS]?://[\s\S]+")]
_Date = Annotated[Short, _written(r"[0-9]{4}-?(?:[0-9]{2}-?[0-9]{2}|W[0-9]{2})[\s\S]*")]


class DocumentBody(BaseModel):
    """The body of ``PUT /api/documents/<id>`` as JSON. A field that is given overrides the one within the text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[Sound, Field(json_schema_extra={"pattern": HAS_TEXT})]
    format: Literal["text", "markdown", "html"] = "text"
    title: Short | None = None
    language: _LanguageName | None = None
    url: _Address | None = None
    published: _Date | None = None
    translation_of: Short | None = None


class Accepted(BaseModel):
    """A job that was begun, and where to ask what becomes of it."""

    job_id: str
    status_url: str
    document_id: str
    action: Literal["put", "delete"]
    state: Literal["queued", "indexing", "done", "failed"]


_ID = Parameter(
    "document_id",
    Annotated[str, Field(min_length=1, max_length=LONGEST_ID)],
    "path",
    "Path of the document, without a suffix: names with a slash between them, none of which begins with `.` or `~$`, "
    "ends with `.`, or begins or ends with a space.",
    required=True,
    example="fr/visa",
)
_FIELD_HEADERS = tuple(
    Parameter(
        f"{_HEADER}{name.replace('_', '-').title()}",
        str,
        "header",
        # No bound in the type: percent-encoded a text is longer than it is, and beside JSON a header is not read.
        f"The field `{name}` of a document that is sent as it is.",
    )
    for name in FIELDS
)
_ENGLISH_JSON = {
    "text": "The footbridge over the Alder opened on 12 May 2024.",
    "title": "The footbridge",
    "language": "en",
    "published": "2024-05-13",
}
_FRENCH_JSON = {
    "text": "# La passerelle\n\nLa passerelle sur l’Aulne a été inaugurée le 12 mai 2024.",
    "format": "markdown",
    "language": "fr",
    "url": "https://example.org/fr/passerelle",
    "translation_of": "en/footbridge",
}
_BEGUN = {
    "job_id": "5f0c8a8e6b3f4f7c9d1e2a3b4c5d6e7f",
    "status_url": "/api/jobs/5f0c8a8e6b3f4f7c9d1e2a3b4c5d6e7f",
    "document_id": "fr/passerelle",
    "action": "put",
    "state": "queued",
}
_JOB_DONE = {
    "id": "5f0c8a8e6b3f4f7c9d1e2a3b4c5d6e7f",
    "document_id": "fr/passerelle",
    "action": "put",
    "state": "done",
    "detail": None,
    "generation": "000002-1f7a93",
    "created_at": "2025-03-18T09:30:00.000+00:00",
    "updated_at": "2025-03-18T09:30:04.000+00:00",
}
_JOB_FAILED = _JOB_DONE | {"state": "failed", "detail": "fr/passerelle.pdf is encrypted.", "generation": None}

_NOT_NOW = Content(
    Problem,
    (PROBLEM_TYPE,),
    description="The documents folder or the database cannot be used, or too many documents are being taken in.",
    headers={"Retry-After": "Where too many are being taken in: the seconds until it is worth sending this one again."},
)
_PUT = Operation(
    summary="Publish a document",
    tag=_TAG,
    description="Puts a document into the documents folder, in the place of what its id has now, and indexes it in the "
    "background. The body is the document itself, with its fields in headers, or JSON. It is read before anything "
    "changes: what cannot be read is refused with 422. A field in a header is UTF-8, or `UTF-8''` and percent-encoded, "
    f"of at most {_LONGEST_FIELD} characters; beside JSON it is passed over.",
    access="admin",
    body=Content(DocumentBody, ("application/json", *SUFFIXES), {"English": _ENGLISH_JSON, "French": _FRENCH_JSON}),
    parameters=(_ID, *_FIELD_HEADERS),
    replies={202: Content(Accepted, examples={"queued": _BEGUN}), 503: _NOT_NOW},
    problems=(400, 409, 413, 415, 422),
)
_DELETE = Operation(
    summary="Remove a document",
    tag=_TAG,
    description="Removes the files of a document from the documents folder, and the document from the index.",
    access="admin",
    parameters=(_ID,),
    replies={202: Content(Accepted, examples={"queued": _BEGUN | {"action": "delete"}})},
    problems=(404, 409, 422, 503),
)
_STATUS = Operation(
    summary="Tell what became of a published or removed document",
    tag=_TAG,
    description="`done`: the index has the change, and questions are answered from it within about a second. "
    "`failed`: `detail` says why. Ended jobs are kept for a week.",
    access="admin",
    parameters=(Parameter("job_id", str, "path", required=True, example=_BEGUN["job_id"]),),
    replies={200: Content(Job, examples={"done": _JOB_DONE, "failed": _JOB_FAILED})},
    problems=(404, 503),
)


def blueprint(publisher: Publisher | None) -> Blueprint:
    """The routes that change documents; without a publisher each of them says that documents cannot be changed."""
    routes = Blueprint("ingest", __name__)

    # An empty part of an id is refused, and not passed over.
    @routes.put("/api/documents/<path:document_id>", merge_slashes=False)
    @operation(_PUT)
    def put(document_id: str) -> Response:
        taken = _allowed(publisher)
        _require_whole()
        with _room(taken), _too_large(taken.max_bytes):
            return _accepted(taken.put(document_id, *_sent(taken.max_bytes)))

    @routes.delete("/api/documents/<path:document_id>", merge_slashes=False)
    @operation(_DELETE)
    def delete(document_id: str) -> Response:
        return _accepted(_allowed(publisher).delete(document_id))

    @routes.get("/api/jobs/<job_id>")
    @operation(_STATUS)
    def job(job_id: str) -> Response:
        return _unstored(jsonify(asdict(_allowed(publisher).job(job_id))))

    return routes


def _allowed(publisher: Publisher | None) -> Publisher:
    if publisher is None:
        raise Forbidden("Documents cannot be changed over HTTP here: QA_ADMIN_KEYS is not set.")
    return publisher


def _accepted(job: Job) -> Response:
    address = url_for("ingest.job", job_id=job.id)
    begun = Accepted(job_id=job.id, status_url=address, document_id=job.document_id, action=job.action, state=job.state)
    response = _unstored(jsonify(begun.model_dump()))
    response.status_code = 202
    response.headers["Location"] = address
    return response


@contextmanager
def _room(publisher: Publisher) -> Iterator[None]:
    """Room for a document; where there is none, 503 says when to come back."""
    try:
        with publisher.room():
            yield
    except TooManyDocuments as error:
        raise ServiceUnavailable(str(error), retry_after=_ASK_AGAIN_S) from None


@contextmanager
def _too_large(max_bytes: int) -> Iterator[None]:
    """Say how much is taken, where more comes."""
    try:
        yield
    except RequestEntityTooLarge:
        detail = f"The document is larger than QA_MAX_DOCUMENT_BYTES allows: {max_bytes:,} bytes."
        raise RequestEntityTooLarge(detail) from None


def _unstored(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _require_whole() -> None:
    """Refuse what is not the document itself, as it is."""
    require_plain()
    if "Content-Range" in request.headers:
        raise BadRequest("Send the whole document, without a Content-Range.")
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8") and not request.mimetype.startswith("application/"):
        raise UnsupportedMediaType("The charset must be UTF-8.")


def _sent(max_bytes: int) -> tuple[str, Iterable[bytes], dict[str, str]]:
    """Suffix, content and fields of what was sent, in either form."""
    if request.mimetype == "application/json":
        request.max_content_length = max_bytes + _JSON_MORE
        return _from_json(max_bytes)
    request.max_content_length = max_bytes
    return _suffix(), _blocks(), _header_fields()


def _suffix() -> str:
    suffix = SUFFIXES.get(request.mimetype)
    if suffix is None:
        raise UnsupportedMediaType(f"The Content-Type must be application/json or one of {', '.join(SUFFIXES)}.")
    return suffix


def _blocks() -> Iterator[bytes]:
    """The body as it comes, never all of it in memory; 400 when it ends before its end.

    A server may take a client that goes away, or is too slow, for the end of the body: half a document is none.
    """
    read = 0
    try:
        while block := request.stream.read(_BLOCK):
            read += len(block)
            yield block
    except (OSError, ClientDisconnected):  # what the server raises where chunks break off, and what is made of it
        raise BadRequest(BROKEN_OFF) from None
    if request.content_length is not None and read != request.content_length:
        raise BadRequest(BROKEN_OFF)


def _header_fields() -> dict[str, str]:
    names = {name: f"{_HEADER}{name.replace('_', '-').title()}" for name in FIELDS}
    return {name: _header_value(header) for name, header in names.items() if header in request.headers}


def _header_value(name: str) -> str:
    """A header's text: RFC 8187's form, else UTF-8 as clients send it, else the Latin-1 that HTTP once meant."""
    raw = request.headers[name].encode("latin-1", "replace")
    charset, mark, rest = raw.partition(b"'")
    _, second, encoded = rest.partition(b"'")
    extended = bool(mark and second) and charset.lower() == b"utf-8"
    try:
        value = (unquote_to_bytes(encoded) if extended else raw).decode()
    except UnicodeDecodeError:
        if extended:
            raise UnprocessableEntity(f"{name}: what is percent-encoded is not UTF-8.") from None
        value = raw.decode("latin-1")
    if len(value) > _LONGEST_FIELD:
        raise UnprocessableEntity(f"{name}: longer than {_LONGEST_FIELD} characters.")
    return value


def _from_json(max_bytes: int) -> tuple[str, list[bytes], dict[str, str]]:
    """Suffix, content and fields of a body in JSON; 400 when it is no object, 413 or 422 when a field is wrong."""
    body = body_of(DocumentBody, b"".join(_blocks()))
    content = body.text.encode()
    if len(content) > max_bytes:
        raise RequestEntityTooLarge
    fields = {name: value for name in FIELDS if (value := getattr(body, name)) is not None}
    return _FORMATS[body.format], [content], fields
