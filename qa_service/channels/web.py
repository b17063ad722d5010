"""The chat page and the document page: a form or a link in, a call of the pipeline, a page out.

The pages work without JavaScript. The script of the chat page asks ``POST /api/ask`` instead of sending the form, and
shows the same answer in the same shape as ``templates/_answer.html``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for

from qa_service.answers import Answer
from qa_service.channels.negotiation import preferred_language
from qa_service.channels.page_texts import shown_date, shown_number, texts
from qa_service.channels.problems import status_of
from qa_service.errors import QAServiceError, UnknownDocument
from qa_service.language import LANGUAGES, Language, known_language, other
from qa_service.pipeline import LONGEST_CONVERSATION_ID, IndexedDocument, Pipeline

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

# The text of the page that says what a status means; for others there is a general one.
_STATUS_TEXTS = {
    400: "error_question",
    413: "error_question",
    422: "error_question",
    429: "error_too_many",
    503: "error_not_ready",
}

_OFFSET = re.compile(r"[0-9]{1,12}")
_MARKER = re.compile(r"\[(\d{1,6})\]")
# Lines shorter than this that follow one another belong together: an address, a poem, a wrapped text.
_PARAGRAPH_FROM = 100
# Canonical text marks no headings: a short line on its own that doesn't end as a sentence does is set as one.
_HEADING = re.compile(r".{0,79}[\w?»”’)]")


@dataclass(frozen=True)
class Line:
    """A line of a document as the page sets it: what is cited of it, what comes before and after."""

    before: str
    cited: str
    after: str
    # How it is set: as a heading, or without a gap after the line before.
    heading: bool = False
    tight: bool = False
    # Whether a link to the citation leads here.
    target: bool = False

    @property
    def text(self) -> str:
        """The whole line."""
        return self.before + self.cited + self.after


@dataclass(frozen=True)
class Failure:
    """A message that takes the place of an answer or a page, and what the error itself says (always in English)."""

    text: str
    detail: str = ""


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The pages, their styles and their scripts."""
    routes = Blueprint(
        "web", __name__, template_folder="../templates", static_folder="../static", static_url_path="/assets"
    )
    routes.after_request(_secured)
    routes.register_error_handler(Exception, _error_page)

    @routes.get("/")
    def chat() -> Response:
        return _chat_page(pipeline)

    @routes.post("/")
    def ask() -> Response:
        question, language = request.form.get("question", ""), _asked_language()
        kept: dict[str, Any] = {"asked_language": language, "conversation_id": _conversation_id()}
        if not question.strip():
            return _chat_page(pipeline, 422, failure=Failure(_texts()["error_empty"]), **kept)
        try:
            answer = pipeline.answer(question, language, _conversation_id(), default_language=_page_language())
        except QAServiceError as error:
            status, key = _shown(error)
            return _chat_page(pipeline, status, question=question, failure=Failure(_texts()[key], str(error)), **kept)
        return _chat_page(pipeline, question=question, answer=answer, paragraphs=paragraphs(answer), **kept)

    @routes.get("/documents/<path:document_id>")
    def document(document_id: str) -> Response:
        found = pipeline.document(document_id)
        span = _cited_span(found.article.text)
        lines = lines_of(found.article.text, *span)
        heading = lines.pop(0) if lines and lines[0].text.strip() == found.article.title.strip() else None
        return _page(
            "document.html",
            article=found.article,
            heading=heading,
            lines=lines,
            marked=any(line.cited for line in [heading, *lines] if line),
            original=_web_address(found.article.url),
            versions=_versions(pipeline, found),
        )

    return routes


def lines_of(text: str, start: int, end: int) -> list[Line]:
    """The lines of a text that hold anything, with the span from ``start`` to ``end`` (code points) cut out."""
    lines: list[Line] = []
    position = 0
    around = ["", *text.split("\n"), ""]
    for before, raw, after in zip(around, around[1:], around[2:], strict=False):
        if raw.strip():
            line = _line(raw, start - position, end - position)
            target = bool(line.cited) and not any(earlier.cited for earlier in lines)
            alone = bool(lines) and not before.strip() and not after.strip()
            heading = alone and _HEADING.fullmatch(raw.strip()) is not None
            lines.append(replace(line, target=target, heading=heading, tight=0 < len(before.strip()) < _PARAGRAPH_FROM))
        position += len(raw) + 1
    return lines


def paragraphs(answer: Answer) -> list[list[str | int]]:
    """The answer's paragraphs, each as its texts and, between them, the numbers of the sources they rest on."""
    known = {citation.n for citation in answer.citations}
    return [_parts(paragraph, known) for paragraph in re.split(r"\n{2,}", answer.answer) if paragraph.strip()]


def _line(raw: str, start: int, end: int) -> Line:
    # Offsets into this line: a span that lies before or behind it cites nothing of it.
    first, last = (min(max(offset, 0), len(raw)) for offset in (start, end))
    if not raw[first:last].strip():
        return Line(raw, "", "")
    return Line(raw[:first], raw[first:last], raw[last:])


def _parts(paragraph: str, known: set[int]) -> list[str | int]:
    parts: list[str | int] = [""]
    for position, piece in enumerate(_MARKER.split(paragraph)):
        if position % 2 and int(piece) in known:
            # The marker stays on the line of the word before it.
            parts[-1] = re.sub(r" $", "\u00a0", str(parts[-1]))
            parts += [int(piece), ""]
        else:
            parts[-1] = f"{parts[-1]}[{piece}]" if position % 2 else f"{parts[-1]}{piece}"
    return parts


def _chat_page(pipeline: Pipeline, status: int = 200, **values: object) -> Response:
    failure = values.pop("failure", None)
    try:
        counts = pipeline.status().documents
    except QAServiceError as error:
        counts, failure = {}, failure or Failure(_texts()["error_not_ready"], str(error))
    language = _page_language()
    numbers = {each: shown_number(counts.get(each, 0), language) for each in LANGUAGES}
    indexed = _texts()["indexed"].format(**numbers) if any(counts.values()) else ""
    return _page("chat.html", status, failure=failure, indexed=indexed, api=f"{request.script_root}/api/ask", **values)


def _page(template: str, status: int = 200, **values: object) -> Response:
    language = _page_language()
    body = render_template(
        template,
        t=_texts(),
        language=language,
        switch_to=other(language),
        switch_href=_switch_href(other(language)),
        home=url_for("web.chat", lang=_chosen_language()),
        documents=f"{request.script_root}/documents/",
        chosen=_chosen_language() or "",
        document_href=_document_href,
        shown_date=lambda published: shown_date(published, language),
        **values,
    )
    response = make_response(body, status)
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept-Language")
    return response


def _error_page(error: Exception) -> Response:
    status, key = _shown(error)
    if status == 500:
        current_app.logger.error("Unexpected error", exc_info=error)
    return _page("error.html", status, failure=Failure(_texts()[key]))


def _shown(error: Exception) -> tuple[int, str]:
    """The status of an error, and the text that says it."""
    if isinstance(error, UnknownDocument):
        return status_of(error), "error_not_found"
    status = status_of(error) if isinstance(error, QAServiceError) else getattr(error, "code", None) or 500
    return status, _STATUS_TEXTS.get(status, "error_page")


def _secured(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers[name] = value
    return response


def _chosen_language() -> Language | None:
    """The page language that the address asks for."""
    return known_language(request.args.get("lang"))


def _page_language() -> Language:
    return _chosen_language() or preferred_language()


def _asked_language() -> Language | None:
    return known_language(request.form.get("language"))


def _conversation_id() -> str | None:
    given = request.form.get("conversation_id", "")
    return given if 0 < len(given) <= LONGEST_CONVERSATION_ID else None


def _texts() -> dict[str, str]:
    return texts(_page_language())


def _switch_href(language: Language) -> str:
    """This page in another language: only a query, so that the path stays whatever it is."""
    kept = {name: request.args[name] for name in ("start", "end") if name in request.args}
    return "?" + urlencode(kept | {"lang": language})


def _document_href(document_id: str, start: int | None = None, end: int | None = None) -> str:
    anchor = None if start is None else "cited"
    return url_for(
        "web.document", document_id=document_id, start=start, end=end, lang=_chosen_language(), _anchor=anchor
    )


def _cited_span(text: str) -> tuple[int, int]:
    """The span that the address names; an empty one when it names none that lies in the text."""
    given = [request.args.get(name, "") for name in ("start", "end")]
    if not all(map(_OFFSET.fullmatch, given)):
        return 0, 0
    start, end = map(int, given)
    return (start, end) if start < end <= len(text) else (0, 0)


def _web_address(url: str | None) -> tuple[str, str] | None:
    """An address of the web and its host; None for any other scheme, which a link must not run."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname
    except ValueError:
        return None
    return (url, host) if url and host and parts.scheme in ("http", "https") else None


def _versions(pipeline: Pipeline, found: IndexedDocument) -> list[tuple[str, str, Language]]:
    """Id, title and language of the versions in the other language."""
    versions = []
    for document_id in found.translations:
        try:
            article = pipeline.document(document_id).article
        except UnknownDocument:  # a new generation of the index came between
            continue
        versions.append((article.id, article.title, article.language))
    return versions
