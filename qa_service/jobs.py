"""The jobs of documents that were sent or removed: kept in the database, so that any worker tells of them.

A job is written down before the folder is changed (``placing``), waits for a run of indexing that begins afterwards
(``queued``), is part of one (``indexing``), and ends as ``done`` or ``failed``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    Update,
    delete,
    func,
    insert,
    select,
    update,
)

from qa_service.database import SCHEMA, Database, now_ms
from qa_service.document_ids import LONGEST_ID
from qa_service.errors import UnknownJob

Action = Literal["put", "delete"]
State = Literal["queued", "indexing", "done", "failed"]

# How long, and how many, ended jobs are kept. Days.
KEPT_DAYS = 7
KEPT_JOBS = 10_000
# How often a job is tried whose run ended without a word.
MAX_ATTEMPTS = 3

# How many ids one statement names: databases take some tens of thousands.
_AT_ONCE = 1_000
_ID_LENGTH = 32
_DAY_MS = 24 * 60 * 60 * 1000
_PLACING = "placing"
_WAITING = (_PLACING, "queued", "indexing")

_JOBS = Table(
    "qa_jobs",
    SCHEMA,
    Column("id", String(_ID_LENGTH), primary_key=True),
    Column("document_id", String(LONGEST_ID), nullable=False),
    Column("action", String(8), nullable=False),
    Column("state", String(8), nullable=False),
    Column("detail", Text, nullable=False),
    Column("generation", String(64), nullable=False),
    Column("name", Text, nullable=False),  # what messages of the indexer call the document
    Column("change", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),  # milliseconds since 1970, UTC
    Column("updated_at", BigInteger, nullable=False),
    Index("qa_jobs_by_state", "state", "updated_at"),
)


@dataclass(frozen=True)
class Job:
    """What becomes of a document that was sent or removed. Times are ISO 8601, in UTC.

    ``done`` says that the current generation of the index, ``generation`` or one after it, has the change; ``detail``
    says why a job failed.
    """

    id: str
    document_id: str
    action: Action
    state: State
    detail: str | None
    generation: str | None
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Taken:
    """A job that a run of indexing is to cover."""

    id: str
    action: Action
    name: str
    attempts: int


class Jobs:
    """The jobs of one database. Each method raises StorageUnavailable when the database fails."""

    def __init__(self, database: Database) -> None:
        """Keep jobs in this database."""
        self._database = database

    def add(self, job_id: str, action: Action, document_id: str, name: str, change: dict[str, Any]) -> Job:
        """Write down a job whose change is about to be made."""
        now = now_ms()
        row = {
            "id": job_id,
            "document_id": document_id,
            "action": action,
            "state": _PLACING,
            "detail": "",
            "generation": "",
            "name": name,
            "change": change,
            "attempts": 0,
            "created_at": now,
            "updated_at": now,
        }
        self._database.perform(lambda connection: connection.execute(insert(_JOBS), row), writes=True)
        return self.find(job_id)

    def forget(self, job_id: str) -> None:
        """Delete a job whose change could not be made."""
        self._database.perform(lambda connection: connection.execute(delete(_JOBS).where(_JOBS.c.id == job_id)))

    def find(self, job_id: str) -> Job:
        """One job; UnknownJob when none with this id is kept."""
        # What no id can be is kept from the database, which may fail over it.
        named = len(job_id) == _ID_LENGTH and job_id.isascii() and job_id.isalnum()
        row = None
        if named and self._database.exists():
            query = select(_JOBS).where(_JOBS.c.id == job_id)
            row = self._database.perform(lambda connection: connection.execute(query).first())
        if row is None:
            raise UnknownJob(f"No job with this id is kept; ended ones are for {KEPT_DAYS} days.")
        return _job(row)

    def waiting(self) -> bool:
        """Whether any job has not ended."""
        if not self._database.exists():
            return False
        query = select(_JOBS.c.id).where(_JOBS.c.state.in_(_WAITING)).limit(1)
        return self._database.perform(lambda connection: connection.execute(query).first()) is not None

    def count_waiting(self) -> int:
        """How many jobs have not ended."""
        if not self._database.exists():
            return 0
        query = select(func.count()).select_from(_JOBS).where(_JOBS.c.state.in_(_WAITING))
        return self._database.perform(lambda connection: connection.execute(query).scalar_one())

    def unplaced(self) -> list[tuple[str, dict[str, Any]]]:
        """The jobs whose change may not be wholly made, in their order, with the change."""
        if not self._database.exists():
            return []
        query = select(_JOBS.c.id, _JOBS.c.change).where(_JOBS.c.state == _PLACING).order_by(_JOBS.c.created_at)
        rows = self._database.perform(lambda connection: connection.execute(query).all())
        return [(row.id, row.change) for row in rows]

    def queue(self, job_ids: Sequence[str]) -> None:
        """Their changes are made: they wait for a run that begins from now on."""
        self._set(job_ids, state="queued")

    def take(self) -> list[Taken]:
        """Every job that waits, and every one whose run was lost, for the run that is about to begin."""
        query = select(_JOBS).where(_JOBS.c.state.in_(("queued", "indexing"))).order_by(_JOBS.c.created_at)
        rows = self._database.perform(lambda connection: connection.execute(query).all())
        taken = [Taken(row.id, row.action, row.name, row.attempts) for row in rows]
        self._set([job.id for job in taken], state="indexing")
        return taken

    def try_again(self, jobs: Sequence[Taken], *, failed: bool) -> None:
        """Let jobs wait for another run; whether one more attempt at them failed."""
        self._set([job.id for job in jobs], state="queued", attempts=_JOBS.c.attempts + int(failed))

    def end(self, job_ids: Sequence[str], state: Literal["done", "failed"], *, detail: str = "", of: str = "") -> None:
        """Jobs have ended, in a generation ``of`` the index where there is one; old ones are forgotten."""
        self._set(job_ids, state=state, detail=detail, generation=of)
        self._database.perform(_forget_old, writes=True)

    def _set(self, job_ids: Sequence[str], **values: object) -> None:
        for start in range(0, len(job_ids), _AT_ONCE):
            some = _JOBS.c.id.in_(job_ids[start : start + _AT_ONCE])
            query = update(_JOBS).where(some).values(updated_at=now_ms(), **values)
            self._database.perform(partial(_execute, query), writes=True)


def _execute(query: Update, connection: Connection) -> None:
    connection.execute(query)


def _forget_old(connection: Connection) -> None:
    ended = _JOBS.c.state.in_(("done", "failed"))
    connection.execute(delete(_JOBS).where(ended, _JOBS.c.updated_at < now_ms() - KEPT_DAYS * _DAY_MS))
    newest = select(_JOBS.c.updated_at).where(ended).order_by(_JOBS.c.updated_at.desc()).offset(KEPT_JOBS).limit(1)
    last = connection.execute(newest).scalar()
    if last is not None:
        connection.execute(delete(_JOBS).where(ended, _JOBS.c.updated_at <= last))


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        document_id=row.document_id,
        action=row.action,
        state="queued" if row.state == _PLACING else row.state,
        detail=row.detail or None,
        generation=row.generation or None,
        created_at=_iso(row.created_at),
        updated_at=_iso(row.updated_at),
    )


def _iso(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")
