"""The chat page within pages of other sites: the script that such a page loads, and the page in the frame it opens."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, request, send_from_directory

from qa_service.channels.pages import SECURITY_HEADERS, page_blueprint
from qa_service.channels.web import answered_page, chat_page
from qa_service.pipeline import Pipeline

_STATIC = Path(__file__).parents[1] / "static"
_POLICY = "Content-Security-Policy"


def blueprint(pipeline: Pipeline, origins: tuple[str, ...]) -> Blueprint:
    """The script and the page, for sites of these origins; nothing is there when there are none."""
    routes = page_blueprint("widget")
    admitted = " ".join(origins)

    @routes.before_request
    def only_for_somebody() -> None:
        if not origins:
            abort(404)

    @routes.get("/embed.js")
    def script() -> Response:
        response = send_from_directory(_STATIC, "embed.js")
        # A site that isolates itself loads from elsewhere only what says that it may.
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    @routes.get("/embed")
    def chat() -> Response:
        return chat_page(pipeline, origins=admitted)

    @routes.post("/embed")
    def ask() -> Response:
        return answered_page(pipeline, origins=admitted)

    @routes.after_request
    def framed(response: Response) -> Response:
        if origins and request.endpoint != "widget.script":
            ancestors = f"frame-ancestors {admitted}"
            response.headers[_POLICY] = SECURITY_HEADERS[_POLICY].replace("frame-ancestors 'none'", ancestors)
        return response

    return routes
