"""Which scripts of other sites may call the service (CORS): none, but those of the origins that a setting names.

They may call what programs call, with a key where there are keys, and never with a reader's session: browsers are told
that no credentials are taken.
"""

from __future__ import annotations

import re

from flask import Flask, Response, request
from flask_cors import CORS

from qa_service.settings import Settings

# What programs call; the pages are for readers.
_FOR_SCRIPTS = re.compile(r"/(?:api|v1)/")

_METHODS = ("GET", "HEAD", "POST")
_SHOWN = ("X-Request-ID", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

# How long a browser may remember what it was allowed, in seconds.
_REMEMBERED_S = 600


def init_app(app: Flask, settings: Settings) -> None:
    """Tell browsers what the scripts of the allowed origins may do; nothing at all where none is allowed."""
    origins = settings.scripting_origins
    if not origins:
        return
    app.before_request(lambda: _asked_first(origins))
    app.after_request(_differs_by_origin)
    CORS(
        app,
        resources=_FOR_SCRIPTS,
        origins=list(origins),
        methods=_METHODS,
        expose_headers=_SHOWN,
        max_age=_REMEMBERED_S,
        supports_credentials=False,
        always_send=False,
        vary_header=False,
        # Errors pass the application's own handlers, and what these answer passes here like any answer.
        intercept_exceptions=False,
    )


def from_allowed_script(origins: tuple[str, ...]) -> bool:
    """Whether a request comes from a script of one of these origins, and is for what scripts may call."""
    return request.headers.get("Origin") in origins and bool(_FOR_SCRIPTS.match(request.path))


def _asked_first(origins: tuple[str, ...]) -> Response | None:
    """The answer to a browser that asks, without any key, whether a script may call."""
    asked = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    return Response(status=204) if asked and from_allowed_script(origins) else None


def _differs_by_origin(response: Response) -> Response:
    if _FOR_SCRIPTS.match(request.path):
        response.vary.add("Origin")
    return response
