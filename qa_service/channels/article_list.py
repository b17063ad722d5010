"""The list of articles: works in order, those that a filter leaves, and a page of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa_service.document_store import DocumentSummary, Work
from qa_service.language import LANGUAGES, Language, fold, other

ROWS_A_PAGE = 100
# What the list may be narrowed to beside a language: articles that have no version in the other one.
ALONE = "alone"
CHOICES = (*LANGUAGES, ALONE)
# Characters; all words of a filter are looked for in every title.
LONGEST_FILTER = 200

_APOSTROPHES = re.compile(r"[’ʼ‘`´]")


@dataclass(frozen=True)
class Row:
    """A work as the list shows it: its versions in the page's language, and those in the other one."""

    places: tuple[Work, Work]
    # What a filter is held against.
    words: str

    @property
    def languages(self) -> set[str]:
        """The languages that it has a version in."""
        return {document.language for place in self.places for document in place}


@dataclass(frozen=True)
class Found:
    """A page of the rows that a filter leaves, how many these are in all, and on how many pages."""

    rows: Sequence[Row]
    count: int
    page: int
    pages: int


class ArticleList:
    """All works in the order of a page's language: newest first, then by title; those without a date come last."""

    def __init__(self, works: tuple[Work, ...], language: Language) -> None:
        """Put works in order; this takes a moment, so that a list is made once for a generation of the index."""
        self.works = works
        by_title = sorted((_row(work, language) for work in works), key=_title)
        self.rows = sorted(by_title, key=_newest, reverse=True)
        self.pairs = sum(len(row.languages) > 1 for row in self.rows)
        languages = [document.language for work in works for document in work]
        self.counts = {each: languages.count(each) for each in LANGUAGES}

    def find(self, words: str, choice: str, page: int) -> Found:
        """The page of the works that hold all words, each in the title or id of any version; the last one at most."""
        wanted = set(_searchable(words[:LONGEST_FILTER]).split())
        found = [row for row in self.rows if _is_chosen(row, choice) and all(word in row.words for word in wanted)]
        pages = max(1, -(-len(found) // ROWS_A_PAGE))
        page = min(max(page, 1), pages)
        return Found(found[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE], len(found), page, pages)


def _row(work: Work, language: Language) -> Row:
    newest_first = sorted(work, key=lambda document: document.published or "", reverse=True)
    own, foreign = (
        tuple(document for document in newest_first if document.language == each)
        for each in (language, other(language))
    )
    return Row((own, foreign), _searchable("\n".join(f"{document.title}\n{document.id}" for document in work)))


def _first(row: Row) -> DocumentSummary:
    """The version that a work is sorted by: one in the page's language where there is one."""
    return next(document for place in row.places for document in place)


def _title(row: Row) -> tuple[str, str]:
    return fold(_first(row).title), _first(row).id


def _newest(row: Row) -> str:
    return max(document.published or "" for place in row.places for document in place)


def _is_chosen(row: Row, choice: str) -> bool:
    if choice == ALONE:
        return not all(row.places)
    return choice not in LANGUAGES or choice in row.languages


def _searchable(text: str) -> str:
    """A text in which two spellings of its words are one."""
    return _APOSTROPHES.sub("'", fold(text))
