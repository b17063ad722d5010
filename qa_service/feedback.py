"""What readers think of the answers: a rating and a comment, beside the answer in the database, and gone with it.

Unlike memory, a rating that cannot be kept is told to whoever gave it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    case,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from qa_service.conversations import LONGEST_ANSWER_ID, NOT_KEPT, TURNS, kept_after
from qa_service.database import SCHEMA, Database, now_ms
from qa_service.errors import InvalidFeedback, UnknownAnswer
from qa_service.language import Language, known_language, sound

RATINGS = (1, -1)
# Characters, after cleaning.
LONGEST_COMMENT = 2_000

# Entries that are read at once: so many at most are in memory.
_PAGE = 200
# Where the reading of entries begins: a moment and an answer's id.
_BEFORE_ALL = (-1, "")
# All but the tab and the line break, which a comment may have.
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_FEEDBACK = Table(
    "qa_feedback",
    SCHEMA,
    Column(
        "answer_id",
        String(LONGEST_ANSWER_ID),
        ForeignKey(TURNS.c.answer_id, ondelete="CASCADE"),  # nobody keeps what is said of an answer for longer than it
        primary_key=True,
    ),
    Column("rating", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Column("given_at", BigInteger, nullable=False),  # milliseconds since 1970, UTC
    Index("qa_feedback_by_age", "given_at", "answer_id"),
)


@dataclass(frozen=True)
class Entry:
    """A rating with the question and the answer that it is about. Times are ISO 8601, in UTC."""

    answer_id: str
    conversation_id: str
    asked_at: str
    given_at: str
    question: str
    language: Language
    answer: str
    abstained: bool
    citations: list[dict[str, Any]]
    rating: int
    comment: str


class Feedback:
    """The ratings of the answers that are kept. Safe to share between threads, and after a fork."""

    def __init__(self, database: Database, days: int) -> None:
        """Keep ratings in this database, of answers that are kept for so many days."""
        self._database = database
        self._days = days

    def rate(self, answer_id: str, rating: int, comment: str = "") -> None:
        """Keep what a reader thinks of an answer: 1 or -1, and perhaps a comment.

        It takes the place of an earlier rating of the answer. Where it says the same without a comment, the earlier
        comment stays; where the reader has come to another mind, it goes. Raises InvalidFeedback for another rating
        or a comment that is too long, UnknownAnswer when no kept answer has the id, and StorageUnavailable when the
        database fails.
        """
        if type(rating) is not int or rating not in RATINGS:  # True is no rating
            raise InvalidFeedback("The rating must be 1 or -1.")
        said = _cleaned(comment)
        if len(said) > LONGEST_COMMENT:
            raise InvalidFeedback(f"The comment is longer than {LONGEST_COMMENT} characters.")
        if not self._may_know(answer_id) or not self._database.perform(
            lambda connection: _rate(connection, answer_id, rating, said, self._days), writes=True
        ):
            raise UnknownAnswer(NOT_KEPT)

    def entries(self) -> Iterator[Entry]:
        """Every rating with its question and answer, the oldest rating first, a few in memory at a time.

        Nothing is locked meanwhile; an answer that is rated again while this goes on may come again, at the end.
        Raises StorageUnavailable when the database cannot be read.
        """
        if not self._days or not self._database.exists():
            return
        page = self._page(_BEFORE_ALL)
        while page:
            yield from map(_entry, page)
            page = self._page((page[-1].given_at, page[-1].answer_id))

    def _page(self, last: tuple[int, str]) -> Sequence[Row[Any]]:
        return self._database.perform(lambda connection: _read(connection, last, self._days))

    def _may_know(self, answer_id: str) -> bool:
        # What no id can be is kept from the database, which may fail over it.
        named = len(answer_id) <= LONGEST_ANSWER_ID and answer_id.isprintable()
        return named and self._days > 0 and self._database.exists()


def _cleaned(comment: str) -> str:
    lines = sound(comment).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL_CHARACTERS.sub(" ", lines).strip()


def _rate(connection: Connection, answer_id: str, rating: int, comment: str, days: int) -> bool:
    """Whether there is such an answer, which is rated then."""
    found = select(TURNS.c.number).where(TURNS.c.answer_id == answer_id, TURNS.c.asked_at > kept_after(days))
    given = {"answer_id": answer_id, "rating": rating, "comment": comment, "given_at": now_ms()}
    then = comment or case((_FEEDBACK.c.rating == rating, _FEEDBACK.c.comment), else_="")
    again = (
        update(_FEEDBACK)
        .where(_FEEDBACK.c.answer_id == answer_id)
        # The comment first: on some databases it would see the new rating behind it.
        .ordered_values(("comment", then), ("rating", rating), ("given_at", given["given_at"]))
    )
    if connection.execute(found).first() is None:
        return False
    if connection.execute(again).rowcount:
        return True
    try:
        connection.execute(insert(_FEEDBACK), given)
    except IntegrityError:  # just now somebody else rated it, or it was deleted
        return bool(connection.execute(again).rowcount)
    return True


def _read(connection: Connection, last: tuple[int, str], days: int) -> Sequence[Row[Any]]:
    """The next ratings behind the last one, by their moment and their answer's id."""
    given_at, answer_id = last
    query = (
        select(TURNS, _FEEDBACK.c.rating, _FEEDBACK.c.comment, _FEEDBACK.c.given_at)
        .join(_FEEDBACK, TURNS.c.answer_id == _FEEDBACK.c.answer_id)
        .where(
            TURNS.c.asked_at > kept_after(days),
            _FEEDBACK.c.given_at >= given_at,  # this alone can be met by an index
            or_(_FEEDBACK.c.given_at > given_at, _FEEDBACK.c.answer_id > answer_id),
        )
        .order_by(_FEEDBACK.c.given_at, _FEEDBACK.c.answer_id)
        .limit(_PAGE)
    )
    return connection.execute(query).all()


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        answer_id=row.answer_id,
        conversation_id=row.conversation_id,
        asked_at=_iso(row.asked_at),
        given_at=_iso(row.given_at),
        question=row.question,
        language=known_language(row.language) or "en",
        answer=row.answer,
        abstained=bool(row.abstained),
        citations=list(row.citations),
        rating=row.rating,
        comment=row.comment,
    )


def _iso(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")
