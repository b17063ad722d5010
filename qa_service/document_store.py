"""Articles and passages of one generation: a SQLite file, written once and then only read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from qa_service.articles import Article
from qa_service.chunking import Passage
from qa_service.errors import IndexUnavailable, UnknownDocument
from qa_service.language import Language, sound

FILE = "documents.db"

# ``translation_of`` is what front matter says, ``paired_with`` what the two texts show: see ``pairing``. The long text
# stands last, so that lists of documents do not read it. Passages keep their own: cutting them out of their document
# would read all of a large one for each.
_SCHEMA = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, language TEXT NOT NULL,
    url TEXT, published TEXT, translation_of TEXT, paired_with TEXT, hash TEXT NOT NULL, text TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, document_id TEXT NOT NULL, language TEXT NOT NULL, position INTEGER NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE INDEX passages_of_document ON passages (document_id);
CREATE INDEX translations ON documents (translation_of);
CREATE INDEX pairs ON documents (paired_with);
"""
_ARTICLE = "id, title, language, text, url, published, translation_of"
_SUMMARY = "id, title, language, url, published, translation_of"


@dataclass(frozen=True)
class IndexedArticle:
    """An article as it was indexed, and the checksum of the file that it came from."""

    article: Article
    hash: str


@dataclass(frozen=True)
class DocumentSummary:
    """What a list of documents shows."""

    id: str
    title: str
    language: Language
    url: str | None
    published: str | None
    translation_of: str | None


# An article in all its versions: each is the translation of another, and there may be several in one language.
Work = tuple[DocumentSummary, ...]


class DocumentStore:
    """The canonical texts and the passages of a generation. Safe to share between threads: it is never written."""

    def __init__(self, folder: Path) -> None:
        """Open the file of a generation's folder."""
        address = f"{(folder / FILE).absolute().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def article(self, document_id: str) -> Article:
        """One article; UnknownDocument when there is none with this id."""
        return Article(*self._row(_ARTICLE, document_id))

    def summary(self, document_id: str) -> DocumentSummary:
        """One article without its text, which may be long; UnknownDocument when there is none with this id."""
        return DocumentSummary(*self._row(_SUMMARY, document_id))

    def _row(self, columns: str, document_id: str) -> tuple[Any, ...]:
        query = f"SELECT {columns} FROM documents WHERE id = ?"  # noqa: S608 (names of ours)
        row: tuple[Any, ...] | None = self._connection.execute(query, (sound(document_id),)).fetchone()
        if row is None:
            raise UnknownDocument("No indexed document has this id.")
        return row

    def hashes(self) -> dict[str, str]:
        """Checksum of each document's file, by document id."""
        return dict(self._connection.execute("SELECT id, hash FROM documents ORDER BY id"))

    def summaries(self) -> list[DocumentSummary]:
        """Every document, by id."""
        query = f"SELECT {_SUMMARY} FROM documents ORDER BY id"  # noqa: S608 (names of ours)
        return [DocumentSummary(*row) for row in self._connection.execute(query)]

    @cached_property
    def works(self) -> tuple[Work, ...]:
        """Every document, the versions of one article together: those that ``translations`` leads to, step by step.

        Works are sorted by the id that each begins with.
        """
        query = f"SELECT {_SUMMARY}, paired_with FROM documents ORDER BY id"  # noqa: S608 (names of ours)
        rows = self._connection.execute(query).fetchall()
        return _works([DocumentSummary(*row[:-1]) for row in rows], {row[0]: row[-1] for row in rows if row[-1]})

    def translations(self, article: Article | DocumentSummary) -> list[str]:
        """Ids of the versions of an article in the other language, whichever of them names the other.

        Those that front matter names, and the one that the article was paired with when it was indexed.
        """
        query = """
            SELECT id FROM documents WHERE id != :id AND language != :language
            AND (translation_of = :id OR id = :of OR (translation_of = :of AND :of IS NOT NULL) OR paired_with = :id)
            ORDER BY id
        """
        values = {"id": article.id, "language": article.language, "of": article.translation_of}
        return [row[0] for row in self._connection.execute(query, values)]

    def pairs(self) -> dict[str, str]:
        """Partner of each article that was paired when it was indexed, and not by front matter, by document id."""
        query = "SELECT id, paired_with FROM documents WHERE paired_with IS NOT NULL ORDER BY id"
        return dict(self._connection.execute(query))

    def passages(self, numbers: Sequence[int]) -> list[Passage]:
        """The passages with these numbers, in the order asked for; IndexUnavailable when one is missing."""
        found = {}
        for start in range(0, len(numbers), 500):
            some = numbers[start : start + 500]
            marks = ",".join("?" * len(some))
            query = f"""
                SELECT number, document_id, p.language, position, start, "end", p.text, title
                FROM passages p JOIN documents d ON d.id = document_id WHERE number IN ({marks})
            """  # noqa: S608 (question marks alone)
            for number, *values in self._connection.execute(query, [int(number) for number in some]):
                found[number] = Passage(*values)
        if missing := [int(number) for number in numbers if int(number) not in found]:
            raise IndexUnavailable(f"Passage {missing[0]} of the index is missing; run `qa-service index --rebuild`.")
        return [found[int(number)] for number in numbers]

    def numbers_of(self, document_id: str) -> list[int]:
        """The numbers of a document's passages, in reading order."""
        query = "SELECT number FROM passages WHERE document_id = ? ORDER BY position"
        return [row[0] for row in self._connection.execute(query, (document_id,))]

    def numbers_at(self, document_id: str, start: int, end: int) -> list[int]:
        """The numbers of a document's passages that hold this span of its text whole, in reading order."""
        query = """
            SELECT number FROM passages WHERE document_id = ? AND start <= ? AND "end" >= ? ORDER BY position
        """
        return [row[0] for row in self._connection.execute(query, (document_id, start, end))]


def write_documents(
    folder: Path, articles: Iterable[IndexedArticle], passages: Iterable[Passage], pairs: Mapping[str, str]
) -> None:
    """Write a generation's file. Passages are numbered from 0 in the order given; pairs are there both ways."""
    connection = sqlite3.connect(folder / FILE)
    try:
        connection.executescript(_SCHEMA)
        rows = (
            (a.id, a.title, a.language, a.url, a.published, a.translation_of, pairs.get(a.id), indexed.hash, a.text)
            for indexed in articles
            for a in (indexed.article,)
        )
        connection.executemany("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        spans = ((n, p.document_id, p.language, p.number, p.start, p.end, p.text) for n, p in enumerate(passages))
        connection.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)", spans)
        connection.commit()
    finally:
        connection.close()


def _works(documents: Sequence[DocumentSummary], pairs: Mapping[str, str]) -> tuple[Work, ...]:
    """Documents, in their order, grouped by what front matter says and by the pairs that were found."""
    by_id = {document.id: document for document in documents}
    groups: dict[str, list[str]] = {}
    for document in documents:
        if original := document.translation_of:
            groups.setdefault(original, [original] if original in by_id else []).append(document.id)
    # Two that name one original are versions of each other in two languages only.
    linked = [ids for ids in groups.values() if len({by_id[document_id].language for document_id in ids}) > 1]
    linked += [[one, other] for one, other in pairs.items() if other in by_id]
    work_of = {document.id: [document.id] for document in documents}
    for first, *others in linked:
        for other in others:
            if work_of[other] is not work_of[first]:
                larger, smaller = sorted((work_of[first], work_of[other]), key=len, reverse=True)
                larger += smaller
                work_of |= dict.fromkeys(smaller, larger)
    distinct = {id(work): work for work in work_of.values()}
    return tuple(tuple(by_id[document_id] for document_id in sorted(work)) for work in distinct.values())
