"""The chat page within pages of other sites: the script that such a page loads, and the page in the frame it opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flask import Blueprint, Response, abort, request, send_from_directory
from werkzeug.exceptions import TooManyRequests

from qa_service.channels.operations import Content, Operation, operation
from qa_service.channels.pages import SECURITY_HEADERS, page_blueprint
from qa_service.channels.web import ASK_FORM, CHAT, answered_page, chat_page, refused_page
from qa_service.pipeline import Pipeline

_STATIC = Path(__file__).parents[1] / "static"
_POLICY = "Content-Security-Policy"
_ABSENT = "It is there for the sites in `QA_EMBED_ORIGINS`."
_SCRIPT = Operation(
    "Load the script that shows the chat page in a frame of another site",
    "Pages",
    _ABSENT,
    access="open",
    replies={200: Content(media_types=("text/javascript",), description="The script.")},
    problems=(404,),
)
# A frame cannot show the sign-in: whoever has no session is told so in it.
_CHAT = replace(
    CHAT, summary="Show the chat page in the frame of another site", description=_ABSENT, problems=(401, 404)
)
_ASK = replace(ASK_FORM, summary="Answer the form of that page", description=_ABSENT, problems=(401, 404, 422, 503))


def blueprint(pipeline: Pipeline, origins: tuple[str, ...]) -> Blueprint:
    """The script and the page, for sites of these origins; nothing is there when there are none."""
    routes = page_blueprint("widget")
    admitted = " ".join(origins)

    @routes.before_request
    def only_for_somebody() -> None:
        if not origins:
            abort(404)

    @routes.get("/embed.js")
    @operation(_SCRIPT)
    def script() -> Response:
        response = send_from_directory(_STATIC, "embed.js")
        # A site that isolates itself loads from elsewhere only what says that it may.
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    @routes.get("/embed")
    @operation(_CHAT)
    def chat() -> Response:
        return chat_page(pipeline, origins=admitted)

    @routes.post("/embed")
    @operation(_ASK)
    def ask() -> Response:
        return answered_page(pipeline, origins=admitted)

    @routes.errorhandler(TooManyRequests)
    def too_often(_error: TooManyRequests) -> Response:
        return refused_page(pipeline, origins=admitted)

    @routes.after_request
    def framed(response: Response) -> Response:
        if origins and request.endpoint != "widget.script":
            # A site that isolates itself frames only what says that it may be.
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            ancestors = f"frame-ancestors {admitted}"
            response.headers[_POLICY] = SECURITY_HEADERS[_POLICY].replace("frame-ancestors 'none'", ancestors)
        return response

    return routes
