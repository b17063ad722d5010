"""The list of articles, and the page of each: a link in, the article out, with what is cited of it marked.

The list works as a plain form. Its script asks ``GET /articles/rows`` instead of sending it, and shows the same rows in
the same shape as ``templates/articles.html``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for

from qa_service.answers import Quote
from qa_service.channels.article_list import CHOICES, LONGEST_FILTER, ArticleList, Found
from qa_service.channels.links import web_address
from qa_service.channels.operations import (
    DOCUMENT_ID,
    PAGE,
    PAGE_LANGUAGE,
    Content,
    Operation,
    Parameter,
    operation,
)
from qa_service.channels.page_texts import shown_date, shown_number
from qa_service.channels.pages import chosen_language, document_href, page, page_blueprint, page_language, page_texts
from qa_service.document_store import DocumentSummary
from qa_service.errors import IndexUnavailable, UnknownDocument
from qa_service.language import Language, other
from qa_service.pipeline import IndexedDocument, Pipeline

_OFFSET = re.compile(r"[0-9]{1,12}")
_PAGE = re.compile(r"[0-9]{1,6}")
# What the list's script says itself.
_SCRIPT_TEXTS = ("language_en", "language_fr", "page_previous", "page_next", "error_unreachable", "error_page")
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
class Version:
    """An article in the other language: with what says the same as the cited span, where that is known."""

    article: DocumentSummary
    passage: Quote | None = None

    @property
    def href(self) -> str:
        """Where it is read."""
        place = (self.passage.start, self.passage.end) if self.passage else ()
        return document_href(self.article.id, *place)


@dataclass(frozen=True)
class ShownVersion:
    """An article in a row of the list: where its page is, and when it appeared, in ISO form and in words."""

    title: str
    language: Language
    href: str
    published: str
    date: str


@dataclass(frozen=True)
class ShownList:
    """A page of the list in words and addresses. A row is the versions in the page's language, and the others."""

    found: str
    rows: list[tuple[list[ShownVersion], list[ShownVersion]]]
    address: str
    position: str
    previous: str
    next: str


# Whatever else they hold is passed over, so that their types do not narrow them.
_LIST_PARAMETERS = (
    Parameter("filter", str, "query", "Words that a title or an id must hold, all of them.", example="visa"),
    Parameter(
        "language",
        str,
        "query",
        "`en` or `fr`: what has a version in it; `alone`: what has no translation.",
        example="alone",
    ),
    Parameter("page", str, "query", "The page's number, from 1.", example="1"),
    PAGE_LANGUAGE,
)
_EVERY = Operation(
    "Show the list of articles", "Pages", parameters=_LIST_PARAMETERS, replies={200: PAGE}, problems=(503,)
)
_ROWS = Operation(
    "Give a page of that list to its script",
    "Pages",
    "For programs there is `GET /api/documents`.",
    parameters=_LIST_PARAMETERS,
    replies={200: Content(ShownList, description="What the page shows.")},
    problems=(503,),
)
_DOCUMENT = Operation(
    "Show an article, with what is cited of it marked",
    "Pages",
    parameters=(
        DOCUMENT_ID,
        Parameter("start", str, "query", "Where the cited span begins, in code points.", example="10"),
        Parameter("end", str, "query", "Where it ends.", example="40"),
        PAGE_LANGUAGE,
    ),
    replies={200: PAGE},
    problems=(503,),
)


def blueprint(pipeline: Pipeline) -> Blueprint:
    """The pages of articles."""
    routes = page_blueprint("articles")
    lists = _Lists(pipeline)

    @routes.get("/articles")
    @operation(_EVERY)
    def every() -> Response:
        articles = lists.of(page_language())
        numbers = {name: _number(count) for name, count in (articles.counts | {"pairs": articles.pairs}).items()}
        return page(
            "articles.html",
            asked=_asked(),
            choices=CHOICES,
            columns=_columns(),
            counted=page_texts()["articles_counted"].format(**numbers),
            list=_shown(_found(articles)),
            longest=LONGEST_FILTER,
            script_texts={key: page_texts()[key] for key in _SCRIPT_TEXTS},
        )

    @routes.get("/articles/rows")
    @operation(_ROWS)
    def rows() -> Response:
        response = jsonify(_shown(_found(lists.of(page_language()))))
        response.headers["Cache-Control"] = "no-cache"
        response.vary.add("Accept-Language")
        return response

    @routes.get("/documents/<path:document_id>")
    @operation(_DOCUMENT)
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
            original=web_address(found.article.url),
            versions=_versions(pipeline, found, span),
        )

    return routes


class _Lists:
    """The list in each language of the page, made once for a generation of the index."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._made: dict[Language, ArticleList] = {}

    def of(self, language: Language) -> ArticleList:
        """The list of the current index; IndexUnavailable when there is nothing in it."""
        works = self._pipeline.works()
        if not works:
            raise IndexUnavailable("There is no article in the index.")
        made = self._made.get(language)
        if made is None or made.works is not works:
            made = self._made[language] = ArticleList(works, language)
        return made


def _asked() -> dict[str, str]:
    """What the address narrows the list to."""
    choice = request.args.get("language", "")
    words = request.args.get("filter", "").strip()[:LONGEST_FILTER]
    return {"filter": words, "language": choice if choice in CHOICES else ""}


def _found(articles: ArticleList) -> Found:
    number = request.args.get("page", "")
    asked = _asked()
    return articles.find(asked["filter"], asked["language"], int(number) if _PAGE.fullmatch(number) else 1)


def _shown(found: Found) -> ShownList:
    """What the template sets, and what the script is sent."""
    texts = page_texts()
    position = texts["page_position"].format(page=_number(found.page), pages=_number(found.pages))
    return ShownList(
        found=texts["articles_found"].format(n=_number(found.count)),
        rows=[(_versions_in(own), _versions_in(others)) for own, others in (row.places for row in found.rows)],
        address=_address(found.page),
        position=position if found.pages > 1 else "",
        previous=_address(found.page - 1) if found.page > 1 else "",
        next=_address(found.page + 1) if found.page < found.pages else "",
    )


def _versions_in(place: Iterable[DocumentSummary]) -> list[ShownVersion]:
    return [
        ShownVersion(
            title=document.title,
            language=document.language,
            href=document_href(document.id),
            published=document.published or "",
            date=shown_date(document.published or "", page_language()),
        )
        for document in place
    ]


def _columns() -> tuple[Language, Language]:
    language = page_language()
    return language, other(language)


def _address(number: int) -> str:
    """A page of the list, narrowed as now."""
    asked: dict[str, Any] = {name: value or None for name, value in _asked().items()}
    return url_for("articles.every", **asked, page=number if number > 1 else None, lang=chosen_language())


def _number(number: int) -> str:
    return shown_number(number, page_language())


def lines_of(text: str, start: int, end: int) -> list[Line]:
    """The lines of a text that hold anything, with the span from ``start`` to ``end`` (code points) cut out."""
    lines: list[Line] = []
    position, targeted = 0, False
    around = ["", *text.split("\n"), ""]
    for before, raw, after in zip(around, around[1:], around[2:], strict=False):
        if raw.strip():
            line = _line(raw, start - position, end - position)
            target = bool(line.cited) and not targeted
            targeted = targeted or target
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


def _versions(pipeline: Pipeline, found: IndexedDocument, span: tuple[int, int]) -> list[Version]:
    """The versions in the other language; where there is one alone, with the passage that says what is cited."""
    versions = []
    for document_id in found.translations:
        try:
            passage = _same_passage(pipeline, found, span) if len(found.translations) == 1 else None
            versions.append(Version(pipeline.summary(document_id), passage))
        except UnknownDocument:  # a new generation of the index came between
            continue
    return versions


def _same_passage(pipeline: Pipeline, found: IndexedDocument, span: tuple[int, int]) -> Quote | None:
    """What says the same as a span (which may be empty) in the other version of an article."""
    start, end = span
    passage = pipeline.parallel(found.article.id, start, end, other(found.article.language)) if start < end else None
    # What another article says may stand beside a quote; a link to this one must not promise it.
    return passage if passage and passage.document_id in found.translations else None
