"""What was asked and answered in each conversation, in a database, so that a question can lean on the one before.

A SQLite file in the index folder by default; ``QA_DATABASE_URL`` names any other database of SQLAlchemy's. Every
statement is a transaction of its own, so that nothing waits for anything but the one row that is written.

Memory is a help and never a condition: whatever befalls the database, the reader gets the answer, without memory, and
the log gets one line that holds nothing of what was asked.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from qa_service.answers import Answer
from qa_service.errors import MissingExtra, SettingsError
from qa_service.language import Language, known_language
from qa_service.settings import Settings

_LOG = logging.getLogger(__name__)

FILE = "conversations.sqlite3"
# Characters: longer ids are refused by those who take them.
LONGEST_ID = 100
# No question leans on one further back than this.
TURNS_READ = 6
SCHEMA_VERSION = 1

# A reader waits this long for a lock, once, and for a server to accept a connection. Seconds.
_LOCK_WAIT_S = 1.0
_CONNECT_WAIT_S = 3
# How long a database that failed is left alone. Seconds.
_RETRY_AFTER_S = 10.0
# Between the attempts to make the tables. Seconds.
_PAUSE_S = 0.05
_DAY_S = 86_400.0

# SQLite's databases without a file of their own, each connection's apart, and its addresses within an address.
_NO_FILE = re.compile(r"$|:memory:|file:")

_SCHEMA = MetaData()

# One row: which version of the tables this is.
_VERSION = Table("qa_schema", _SCHEMA, Column("version", Integer, primary_key=True, autoincrement=False))

# ``number`` is the order of arrival. Numbers are not given out again, so that other tables may point at a turn.
_TURNS = Table(
    "qa_turns",
    _SCHEMA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("conversation_id", String(LONGEST_ID), nullable=False),
    Column("answer_id", String(32), nullable=False, unique=True),
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

Result = TypeVar("Result")


@dataclass(frozen=True)
class Turn:
    """A question and its answer as they are remembered."""

    question: str
    understood: str
    language: Language
    abstained: bool
    answer: str
    citations: tuple[dict[str, Any], ...] = ()


class _OtherVersion(Exception):
    """Another version of the service made the tables."""


# What a database, its driver and its disk raise.
_TROUBLE = (SQLAlchemyError, OSError, ValueError, _OtherVersion)


class Conversations:
    """The conversations of the last days. Safe to share between threads, and after a fork.

    No method raises, whatever the database does.
    """

    def __init__(self, settings: Settings, *, retry_after_s: float = _RETRY_AFTER_S) -> None:
        """Read the settings; the database is opened when it is first needed, in the process that needs it.

        Raises SettingsError or MissingExtra when ``QA_DATABASE_URL`` cannot be met.
        """
        self._url = database_url(settings)
        self._file = Path(self._url.database or "") if self._url.get_backend_name() == "sqlite" else None
        self._days = settings.conversation_days
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._opened: tuple[int, tuple[int, int] | None] | None = None
        self._failing = False
        self._retry_at = -math.inf
        self._clean_at = -math.inf

    def turns(self, conversation_id: str) -> list[Turn]:
        """The last turns of a conversation, oldest first; none when it is unknown or cannot be read."""
        if not self._days or not self._exists():
            return []
        return self._attempt(lambda connection: _read(connection, conversation_id, self._oldest()), [])

    def add(self, answer: Answer, understood: str) -> None:
        """Keep an answer, with its question as it was understood, and delete what is too old once a day."""
        if not self._days and not self._exists():
            return
        self._attempt(lambda connection: self._write(connection, answer, understood), None, writes=True)

    def close(self) -> None:
        """Close the database; a later call opens it again."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _write(self, connection: Connection, answer: Answer, understood: str) -> None:
        if self._days:
            connection.execute(insert(_TURNS), _row(answer, understood))
        if time.monotonic() >= self._clean_at:
            connection.execute(_TURNS.delete().where(_TURNS.c.asked_at <= self._oldest()))
            self._clean_at = time.monotonic() + _DAY_S

    def _oldest(self) -> int:
        """The moment up to which nothing is kept any more, in milliseconds."""
        return _now_ms() - round(self._days * _DAY_S * 1000)

    def _attempt(self, work: Callable[[Connection], Result], otherwise: Result, *, writes: bool = False) -> Result:
        """What the work returns; what it would have been otherwise while the database fails."""
        try:
            engine = self._opened_engine()
            if engine is None:
                return otherwise
            with engine.connect() as connection:
                result = work(connection)
        except _TROUBLE as error:
            self._fail(error)
            return otherwise
        if writes:  # what can be read may still be read-only, or full
            self._failing = False
        return result

    def _fail(self, error: Exception) -> None:
        first, self._failing = not self._failing, True
        self._retry_at = time.monotonic() + self._retry_after_s
        if first:
            # The error's own text may hold what was asked, or a password.
            _LOG.warning("Conversations cannot be kept (%s); questions are answered without memory.", _reason(error))

    def _exists(self) -> bool:
        try:
            return self._file is None or self._file.is_file()
        except OSError:
            return True  # what is wrong with it is said where it is opened

    def _opened_engine(self) -> Engine | None:
        """The engine, made anew in a forked process and where the file is another one; None while it is left alone."""
        with self._lock:
            if time.monotonic() < self._retry_at:
                return None
            here = (os.getpid(), _identity(self._file))
            if self._engine is None or self._opened != here:
                if self._engine is not None:
                    # Connections of the process before the fork are its own: they are dropped, and not closed.
                    self._engine.dispose(close=self._opened is not None and self._opened[0] == here[0])
                self._engine = None
                self._engine = self._made()
            return self._engine

    def _made(self) -> Engine:
        engine = None
        try:
            engine = _engine(self._url, self._file)
            _make_tables(engine)
            self._opened = (os.getpid(), _identity(self._file))
        except _TROUBLE as error:
            self._fail(error)  # before the next thread gets the lock, and waits as long
            if engine is not None:
                engine.dispose()
            raise
        return engine


def database_url(settings: Settings) -> URL:
    """The database that the settings name, its driver installed.

    Raises SettingsError for what is no address of a database, MissingExtra when the driver's package is not installed.
    Neither repeats the address, which may hold a password.
    """
    given = settings.database_url.get_secret_value()
    if not given:
        return URL.create("sqlite", database=str((settings.index / FILE).absolute()))
    try:
        url = make_url(given)
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except ImportError as error:
        raise MissingExtra(
            f"QA_DATABASE_URL needs the package {error.name or 'of its driver'}; for postgresql+psycopg://… "
            "it is the extra: pip install 'qa-service[postgres]'."
        ) from None
    except (ArgumentError, ValueError):
        raise SettingsError(
            "QA_DATABASE_URL: should be empty or of SQLAlchemy's form, such as postgresql+psycopg://user@host/name"
        ) from None
    if dialect.is_async:
        raise SettingsError(f"QA_DATABASE_URL: should name a driver that is not asynchronous, not {url.drivername}")
    if url.get_backend_name() == "sqlite" and _NO_FILE.match(url.database or ""):
        raise SettingsError("QA_DATABASE_URL: should name a file, as sqlite:////folder/name.sqlite3 does")
    return url


def _engine(url: URL, file: Path | None) -> Engine:
    waits: dict[str, float] = {}
    if file is not None:
        file.parent.mkdir(exist_ok=True)  # the index folder, before its first index; a mistyped path makes no tree
        file.touch(mode=0o600)  # for its owner alone; what SQLite writes beside it follows
        waits = {"timeout": _LOCK_WAIT_S}
    elif url.get_driver_name().startswith("psycopg"):
        waits = {"connect_timeout": _CONNECT_WAIT_S}
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # they hold what people ask
        connect_args=waits,
        pool_pre_ping=file is None,  # a server may have been started again meanwhile
        max_overflow=-1,  # no thread waits for another's connection
    )
    if file is not None:
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 (whatever the driver makes)
    # WAL: nobody who reads waits for one who writes. NORMAL: a power cut may cost the last turns, never the file.
    # What is deleted is overwritten.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _make_tables(engine: Engine) -> None:
    """Make the tables where they are missing. Processes that start at once disturb each other, and try again."""
    deadline = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            return _create(engine)
        except (OperationalError, IntegrityError, ProgrammingError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_S)


def _create(engine: Engine) -> None:
    with engine.connect() as connection:
        # All or nothing; of two processes that begin on one file, the second waits for the first.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN")
        try:
            _SCHEMA.create_all(connection)
            found = connection.execute(select(_VERSION.c.version)).scalars().all()
            if not found:
                connection.execute(insert(_VERSION), {"version": SCHEMA_VERSION})
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
    if found and found != [SCHEMA_VERSION]:
        raise _OtherVersion


def _read(connection: Connection, conversation_id: str, oldest: int) -> list[Turn]:
    columns = [_TURNS.c[name] for name in ("question", "understood", "language", "abstained", "answer", "citations")]
    query = (
        select(*columns)
        .where(_TURNS.c.conversation_id == conversation_id, _TURNS.c.asked_at > oldest)
        .order_by(_TURNS.c.number.desc())
        .limit(TURNS_READ)
    )
    return [
        Turn(question, understood, known_language(language) or "en", bool(abstained), answer, tuple(citations))
        for question, understood, language, abstained, answer, citations in reversed(connection.execute(query).all())
    ]


def _row(answer: Answer, understood: str) -> dict[str, Any]:
    return {
        "conversation_id": answer.conversation_id,
        "answer_id": answer.id,
        "asked_at": _now_ms(),
        "question": answer.question,
        "understood": understood,
        "language": answer.language,
        "abstained": answer.abstained,
        "answer": answer.answer,
        "citations": [asdict(citation) for citation in answer.citations],
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Which file it is, device and number; None for a server, or when there is no file."""
    if file is None:
        return None
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _reason(error: Exception) -> str:
    """What happened, by its name alone: SQLITE_FULL, OperationalError."""
    if isinstance(error, _OtherVersion):
        return "another version of the service made the tables"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorname", None) or type(cause).__name__
