"""The page of an article: a link in, the article out, with what is cited of it marked."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from qa_service.channels.pages import page, page_blueprint
from qa_service.errors import UnknownDocument
from qa_service.language import Language
from qa_service.pipeline import IndexedDocument, Pipeline

_OFFSET = re.compile(r"[0-9]{1,12}")
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


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The pages of articles."""
    routes = page_blueprint("articles")

    @routes.get("/documents/<path:document_id>")
    def document(document_id: str) -> Response:
        found = pipeline.document(document_id)
        span = _cited_span(found.article.text)
        lines = lines_of(found.article.text, *span)
        heading = lines.pop(0) if lines and lines[0].text.strip() == found.article.title.strip() else None
        return page(
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


def _line(raw: str, start: int, end: int) -> Line:
    # Offsets into this line: a span that lies before or behind it cites nothing of it.
    first, last = (min(max(offset, 0), len(raw)) for offset in (start, end))
    if not raw[first:last].strip():
        return Line(raw, "", "")
    return Line(raw[:first], raw[first:last], raw[last:])


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
