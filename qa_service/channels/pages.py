"""What every page shares: its language and texts, its safety, its errors, and how it is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from werkzeug.exceptions import NotFound

from qa_service.channels.negotiation import preferred_language
from qa_service.channels.operations import Content, Operation, Parameter, operation
from qa_service.channels.page_texts import shown_date, texts, warning_text
from qa_service.channels.problems import is_for_programs, problem_of, status_of
from qa_service.errors import QAServiceError, UnknownDocument
from qa_service.language import Language, known_language, other

SECURITY_HEADERS = {
    # Scripts may not turn text into markup either: no policy of trusted types is allowed.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

_STATIC = Path(__file__).parents[1] / "static"

_ASSET = Operation(
    "Load a style sheet or a script of the pages",
    "Pages",
    access="open",
    parameters=(Parameter("filename", str, "path", "The file's name.", example="page.css"),),
    replies={
        200: Content(media_types=("text/css", "text/javascript"), description="The file."),
        206: Content(media_types=("text/css", "text/javascript"), description="The part in `Range`."),
        304: Content(media_types=(), description="It has not changed."),
    },
    problems=(416,),
)

# The text of the page that says what a status means; for others there is a general one.
_STATUS_TEXTS = {
    400: "error_question",
    403: "error_other_site",
    404: "error_not_found",
    413: "error_question",
    422: "error_question",
    429: "error_too_many",
    503: "error_not_ready",
}

# What stays of an address when the page changes its language: a cited span, a filter, a page of a list, where a
# sign-in leads.
_KEPT = ("start", "end", "filter", "language", "page", "next", "ended")


@dataclass(frozen=True)
class Failure:
    """A message that takes the place of an answer or a page, and what the error itself says (always in English)."""

    text: str
    detail: str = ""


def assets() -> Blueprint:
    """The templates of every page, its styles and its scripts."""
    routes = page_blueprint("assets", template_folder="../templates")

    @routes.get("/assets/<path:filename>", endpoint="static")
    @operation(_ASSET)
    def asset(filename: str) -> Response:
        return send_from_directory(_STATIC, filename)

    return routes


def init_app(app: Flask) -> None:
    """Serve what all pages need, and show a page to a person who asks for an address that there is not."""
    app.register_blueprint(assets())
    app.register_error_handler(NotFound, _not_found)


def page_blueprint(name: str, **options: str) -> Blueprint:
    """Routes that answer with pages: safe ones, and errors as pages too."""
    routes = Blueprint(name, __name__, **options)  # type: ignore[arg-type]
    routes.after_request(_secured)
    routes.register_error_handler(Exception, error_page)
    return routes


def page(template: str, status: int = 200, **values: object) -> Response:
    """A page in its reader's language."""
    language = page_language()
    # In the frame of another site: no page but this one may be shown there.
    embedded = request.blueprint == "widget"
    body = render_template(
        template,
        t=page_texts(),
        language=language,
        switch_to=other(language),
        switch_href=_switch_href(other(language)),
        embedded=embedded,
        home=url_for("widget.chat" if embedded else "web.chat", lang=chosen_language()),
        chosen=chosen_language() or "",
        document_href=document_href,
        shown_date=lambda published: shown_date(published, language),
        warning_text=lambda warning: warning_text(warning, language),
        **values,
    )
    response = make_response(body, status)
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept-Language")
    return response


def error_page(error: Exception) -> Response:
    """A page that says what went wrong; nothing of an error that is not ours, which is logged."""
    status, failure = failure_of(error)
    if status == 500:
        current_app.logger.error("Unexpected error", exc_info=error)
    return page("error.html", status, failure=Failure(failure.text))


def failure_of(error: Exception) -> tuple[int, Failure]:
    """The status of an error, and what the page says of it."""
    ours = isinstance(error, QAServiceError)
    status = status_of(error) if isinstance(error, QAServiceError) else getattr(error, "code", None) or 500
    key = "error_no_article" if isinstance(error, UnknownDocument) else _STATUS_TEXTS.get(status, "error_page")
    return status, Failure(page_texts()[key], str(error) if ours else "")


def page_texts() -> dict[str, str]:
    """Every text, in the language of the page."""
    return texts(page_language())


def page_language() -> Language:
    """The language that the address asks for, else the browser's."""
    return chosen_language() or preferred_language()


def chosen_language() -> Language | None:
    """The language that the address asks for."""
    return known_language(request.args.get("lang"))


def document_href(document_id: str, start: int | None = None, end: int | None = None) -> str:
    """The page of an article in the page's language, with a span of it marked."""
    anchor = None if start is None else "cited"
    return url_for(
        "articles.document", document_id=document_id, start=start, end=end, lang=chosen_language(), _anchor=anchor
    )


def _not_found(error: NotFound) -> Response:
    wants_page = (
        not is_for_programs(request.path)
        and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
    )
    return _secured(error_page(error)) if wants_page else problem_of(error)


def _secured(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _switch_href(language: Language) -> str:
    """This page in another language: only a query, so that the path stays whatever it is."""
    kept = {name: request.args[name] for name in _KEPT if name in request.args}
    return "?" + urlencode(kept | {"lang": language})
