"""Errors over HTTP: ``application/problem+json`` (RFC 9457), never a traceback and never a path."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Annotated

from flask import Flask, Response, json
from pydantic import Field
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from qa_service.errors import (
    EmbeddingsUnavailable,
    IndexMismatch,
    IndexUnavailable,
    InvalidFeedback,
    InvalidQuestion,
    QAServiceError,
    StorageUnavailable,
    UnknownAnswer,
    UnknownDocument,
)

_LOG = logging.getLogger(__name__)

_STATUS: dict[type[QAServiceError], int] = {
    InvalidQuestion: 422,
    InvalidFeedback: 422,
    UnknownDocument: 404,
    UnknownAnswer: 404,
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


def problem(status: int, detail: str) -> Response:
    """A problem document; its title is the status's own name."""
    title = HTTP_STATUS_CODES.get(status, "Unknown")
    told = Problem("about:blank", title, status, detail)
    return Response(json.dumps(asdict(told)), status=status, mimetype="application/problem+json")


def status_of(error: QAServiceError) -> int:
    """The HTTP status that one of our own errors means."""
    return _STATUS.get(type(error), 500)


def problem_of(error: Exception) -> Response:
    """The problem document of one of our own errors or HTTP's; any other is logged, and its document tells nothing."""
    if isinstance(error, QAServiceError):
        return problem(status_of(error), str(error))
    if isinstance(error, HTTPException):
        return _http_problem(error)
    _LOG.error("Unexpected error", exc_info=error)
    return problem(500, "Something went wrong here; the error was logged.")


def init_app(app: Flask) -> None:
    """Answer the errors that no channel shows in its own way with a problem document."""
    app.register_error_handler(HTTPException, problem_of)
    app.register_error_handler(Exception, problem_of)


def _http_problem(error: HTTPException) -> Response:
    response = problem(error.code or 500, error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response
