"""What was asked and answered in each conversation, so that a question can lean on the one before.

Memory is a help and never a condition: whatever befalls the database, the reader gets the answer, without memory, and
the log gets one line that holds nothing of what was asked.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    insert,
    select,
)

from qa_service.answers import Answer, Citation, KeptAnswer, Quote
from qa_service.database import SCHEMA, Database, now_ms
from qa_service.errors import UnknownAnswer
from qa_service.language import Language, known_language

# Characters: longer ids are refused by those who take them.
LONGEST_ID = 100
# Characters of an answer's id.
LONGEST_ANSWER_ID = 32
NOT_KEPT = "No answer with this id is kept; it may be older than QA_CONVERSATION_DAYS allows."
# No question leans on one further back than this.
TURNS_READ = 6

_DAY_S = 86_400.0

# ``number`` is the order of arrival. Numbers are not given out again, so that other tables may point at a turn.
TURNS = Table(
    "qa_turns",
    SCHEMA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("conversation_id", String(LONGEST_ID), nullable=False),
    Column("answer_id", String(LONGEST_ANSWER_ID), nullable=False, unique=True),
    Column("asked_at", BigInteger, nullable=False),  # milliseconds since 1970, UTC
    Column("question", Text, nullable=False),  # as it was asked
    Column("understood", Text, nullable=False),  # as it was completed from the turns before
    Column("language", String(2), nullable=False),  # of the answer
    Column("abstained", Boolean, nullable=False),
    Column("answer", Text, nullable=False),
    Column("citations", JSON, nullable=False),  # as in the answer's JSON form
    Index("qa_turns_of_conversation", "conversation_id", "number"),
    Index("qa_turns_by_age", "asked_at"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True)
class Turn:
    """A question and its answer as they are remembered."""

    question: str
    understood: str
    language: Language
    abstained: bool
    answer: str
    citations: tuple[dict[str, Any], ...] = ()


class Conversations:
    """The conversations of the last days. Safe to share between threads, and after a fork.

    But for ``find``, no method raises, whatever the database does.
    """

    def __init__(self, database: Database, days: int) -> None:
        """Keep turns in this database for so many days; for none, keep nothing, and delete what was kept."""
        self._database = database
        self._days = days
        self._clean_at = -math.inf

    def turns(self, conversation_id: str) -> list[Turn]:
        """The last turns of a conversation, oldest first; none when it is unknown or cannot be read."""
        if not self._days or not self._database.exists():
            return []
        return self._database.attempt(lambda connection: _read(connection, conversation_id, self._days), [])

    def find(self, answer_id: str) -> KeptAnswer:
        """One answer that is kept.

        Raises UnknownAnswer when none has this id, and StorageUnavailable when the database fails.
        """
        # What no id can be is kept from the database, which may fail over it.
        named = len(answer_id) <= LONGEST_ANSWER_ID and answer_id.isascii() and answer_id.isalnum()
        found = None
        if named and self._days and self._database.exists():
            found = self._database.perform(lambda connection: _find(connection, answer_id, self._days))
        if found is None:
            raise UnknownAnswer(NOT_KEPT)
        return found

    def add(self, answer: Answer, understood: str) -> None:
        """Keep an answer, with its question as it was understood, and delete what is too old once a day."""
        if not self._days and not self._database.exists():
            return
        self._database.attempt(lambda connection: self._write(connection, answer, understood), None, writes=True)

    def _write(self, connection: Connection, answer: Answer, understood: str) -> None:
        if self._days:
            connection.execute(insert(TURNS), _row(answer, understood))
        if time.monotonic() >= self._clean_at:
            connection.execute(TURNS.delete().where(TURNS.c.asked_at <= kept_after(self._days)))
            self._clean_at = time.monotonic() + _DAY_S


def kept_after(days: int) -> int:
    """The moment up to which nothing is kept any more, in milliseconds since 1970."""
    return now_ms() - round(days * _DAY_S * 1000)


def _read(connection: Connection, conversation_id: str, days: int) -> list[Turn]:
    columns = [TURNS.c[name] for name in ("question", "understood", "language", "abstained", "answer", "citations")]
    query = (
        select(*columns)
        .where(TURNS.c.conversation_id == conversation_id, TURNS.c.asked_at > kept_after(days))
        .order_by(TURNS.c.number.desc())
        .limit(TURNS_READ)
    )
    return [
        Turn(question, understood, known_language(language) or "en", bool(abstained), answer, tuple(citations))
        for question, understood, language, abstained, answer, citations in reversed(connection.execute(query).all())
    ]


def _find(connection: Connection, answer_id: str, days: int) -> KeptAnswer | None:
    query = select(TURNS).where(TURNS.c.answer_id == answer_id, TURNS.c.asked_at > kept_after(days))
    row = connection.execute(query).first()
    if row is None:
        return None
    citations = tuple(_citation(kept) for kept in row.citations)
    return KeptAnswer(answer_id, row.understood, known_language(row.language) or "en", row.answer, citations)


def _citation(kept: dict[str, Any]) -> Citation:
    parallel = kept["parallel"]
    return Citation(**{**kept, "parallel": Quote(**parallel) if parallel else None})


def _row(answer: Answer, understood: str) -> dict[str, Any]:
    return {
        "conversation_id": answer.conversation_id,
        "answer_id": answer.id,
        "asked_at": now_ms(),
        "question": answer.question,
        "understood": understood,
        "language": answer.language,
        "abstained": answer.abstained,
        "answer": answer.answer,
        "citations": [asdict(citation) for citation in answer.citations],
    }
