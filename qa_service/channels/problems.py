"""Errors over HTTP: ``application/problem+json`` (RFC 9457), never a traceback and never a path.

Under ``/v1`` they have the shape that OpenAI's clients expect.
"""

from __future__ import annotations

import logging
import re
from dataclasses import asdict, dataclass
from typing import Annotated

from flask import Flask, Response, has_request_context, json, request
from pydantic import Field
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.http import HTTP_STATUS_CODES

from qa_service.errors import (
    UNEXPECTED,
    DocumentConflict,
    DocumentsUnavailable,
    EmbeddingsUnavailable,
    IndexMismatch,
    IndexUnavailable,
    InvalidDocument,
    InvalidFeedback,
    InvalidQuestion,
    QAServiceError,
    QuestionTooLong,
    StorageUnavailable,
    TooManyDocuments,
    UnknownAnswer,
    UnknownDocument,
    UnknownJob,
)

_LOG = logging.getLogger(__name__)

_STATUS: dict[type[QAServiceError], int] = {
    InvalidQuestion: 422,
    QuestionTooLong: 422,
    InvalidFeedback: 422,
    UnknownDocument: 404,
    UnknownAnswer: 404,
    UnknownJob: 404,
    InvalidDocument: 422,
    DocumentConflict: 409,
    DocumentsUnavailable: 503,
    TooManyDocuments: 503,
    IndexUnavailable: 503,
    IndexMismatch: 503,
    EmbeddingsUnavailable: 503,
    StorageUnavailable: 503,
}


@dataclass(frozen=True)
class Problem:
    """What went wrong (RFC 9457), in one line that says what to do about it."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str


PROBLEM_TYPE = "application/problem+json"

# Who asks for these is a program, which a page does not help.
_FOR_PROGRAMS = re.compile(r"/(?:api|v1|slack|mattermost|metrics|healthz|readyz|openapi\.json)(?:/|$)")
# Where OpenAI's clients ask, and what they are told of a status besides a message: the kind of error and its code.
_OPENAI_PATH = re.compile(r"/v1(?:/|$)")
_OPENAI_KINDS: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    405: ("invalid_request_error", "method_not_supported"),
    429: ("requests", "rate_limit_exceeded"),
}
_NOT_OFFERED = "There is nothing at this address: only /v1/models and /v1/chat/completions are offered."


class OpenAIError(HTTPException):
    """An error of a route under ``/v1``, with what OpenAI's clients are told of it: the wrong field, and a code."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        """An error with this status."""
        super().__init__(message)
        self.code = status
        self.param = param
        self.name_for_programs = code


def problem(status: int, detail: str) -> Response:
    """A problem document; its title is the status's own name. Under ``/v1``, the same in OpenAI's shape."""
    if for_openai_clients():
        return _openai_problem(status, detail)
    title = HTTP_STATUS_CODES.get(status, "Unknown")
    told = Problem("about:blank", title, status, detail)
    return Response(json.dumps(asdict(told)), status=status, mimetype=PROBLEM_TYPE)


def status_of(error: QAServiceError) -> int:
    """The HTTP status that one of our own errors means."""
    return _STATUS.get(type(error), 500)


def problem_of(error: Exception) -> Response:
    """The problem document of one of our own errors or HTTP's; any other is logged, and its document tells nothing."""
    response = openai_problem_of(error) if for_openai_clients() else problem(*_described(error))
    if isinstance(error, HTTPException):
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
    return response


def openai_problem_of(error: Exception) -> Response:
    """The same in OpenAI's shape, also where no request is at hand, as in a stream."""
    if isinstance(error, OpenAIError):
        return _openai_problem(*_described(error), error.param, error.name_for_programs)
    if isinstance(error, QuestionTooLong):
        return _openai_problem(*_described(error), "messages", "context_length_exceeded")
    if isinstance(error, NotFound):
        return _openai_problem(404, _NOT_OFFERED)
    return _openai_problem(*_described(error))


def for_openai_clients() -> bool:
    """Whether the request is for a path where errors have OpenAI's shape."""
    return has_request_context() and is_for_openai_clients(request.path)


def is_for_openai_clients(path: str) -> bool:
    """Whether errors at a path have OpenAI's shape, which knows no 422: they are 400 there."""
    return _OPENAI_PATH.match(path) is not None


def is_for_programs(path: str) -> bool:
    """Whether those who ask for a path are programs, and its errors no pages."""
    return _FOR_PROGRAMS.match(path) is not None


def init_app(app: Flask) -> None:
    """Answer the errors that no channel shows in its own way with a problem document."""
    app.register_error_handler(HTTPException, problem_of)
    app.register_error_handler(Exception, problem_of)


def _described(error: Exception) -> tuple[int, str]:
    """The status of an error, and what may be said of it."""
    if isinstance(error, QAServiceError):
        return status_of(error), str(error)
    if isinstance(error, HTTPException):
        return error.code or 500, error.description or error.name
    _LOG.error("Unexpected error", exc_info=error)
    return 500, UNEXPECTED


def _openai_problem(status: int, message: str, param: str | None = None, code: str | None = None) -> Response:
    """An error as OpenAI's API reports it."""
    known = 400 if status == 422 else status
    kind, usual = _OPENAI_KINDS.get(known, ("server_error" if known >= 500 else "invalid_request_error", None))
    error = {"message": message, "type": kind, "param": param, "code": code or usual}
    return Response(json.dumps({"error": error}), status=known, mimetype="application/json")
