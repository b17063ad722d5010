"""The database of what the service keeps: how it is opened, and what becomes of the work when it fails.

A SQLite file in the index folder by default; ``QA_DATABASE_URL`` names any other database of SQLAlchemy's. Every
statement is a transaction of its own, so that nothing waits for anything but the one row that is written.

Whoever keeps something declares a table in ``SCHEMA``, and works through a ``Database``. A process may have several of
one file or server: each has its own connections, and finds out for itself when it fails. A table that an earlier
version of the service did not know is made when the database is opened.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    insert,
    inspect,
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

from qa_service.errors import MissingExtra, SettingsError, StorageUnavailable
from qa_service.settings import Settings

_LOG = logging.getLogger(__name__)

FILE = "conversations.sqlite3"
SCHEMA_VERSION = 1
SCHEMA = MetaData()

# A reader waits this long for a lock, once, and for a server to accept a connection. Seconds.
_LOCK_WAIT_S = 1.0
_CONNECT_WAIT_S = 3
# How long a database that failed is left alone. Seconds.
_RETRY_AFTER_S = 10.0
# Between the attempts to make the tables. Seconds.
_PAUSE_S = 0.05

# SQLite's databases without a file of their own, each connection's apart, and its addresses within an address.
_NO_FILE = re.compile(r"$|:memory:|file:")

# One row: which version of the tables this is.
_VERSION = Table("qa_schema", SCHEMA, Column("version", Integer, primary_key=True, autoincrement=False))

Result = TypeVar("Result")


class _OtherVersion(Exception):
    """Another version of the service made the tables."""


class _LeftAlone(Exception):
    """The database failed a moment ago and is not asked again yet."""


# What the log says when nothing can be written.
_LOST = "Conversations cannot be kept (%s); questions are answered without memory."

# What a database, its driver and its disk raise.
_TROUBLE = (SQLAlchemyError, OSError, ValueError, _OtherVersion)


class Database:
    """The database of one process, opened when it is first needed. Safe to share between threads, and after a fork."""

    def __init__(self, settings: Settings, *, lost: str = _LOST, retry_after_s: float = _RETRY_AFTER_S) -> None:
        """Read the settings; the database is opened when it is first needed, in the process that needs it.

        ``lost`` is what the log says when it fails, with ``%s`` for the reason. Raises SettingsError or MissingExtra
        when ``QA_DATABASE_URL`` cannot be met.
        """
        self._url = database_url(settings)
        self._file = Path(self._url.database or "") if self._url.get_backend_name() == "sqlite" else None
        self._lost = lost
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._opened: tuple[int, tuple[int, int] | None] | None = None
        self._failing = False
        self._retry_at = -math.inf

    def exists(self) -> bool:
        """False when there is no file yet: nothing is kept, and looking for it would make one."""
        try:
            return self._file is None or self._file.exists()
        except OSError:
            return True  # what is wrong with it is said where it is opened

    def attempt(self, work: Callable[[Connection], Result], otherwise: Result, *, writes: bool = False) -> Result:
        """What the work returns; what it would have been otherwise while the database fails, which the log says once.

        Whatever the database does, nothing is raised.
        """
        try:
            return self._done(work, writes=writes)
        except _LeftAlone:
            return otherwise
        except _TROUBLE as error:
            self._fail(error)
            return otherwise

    def perform(self, work: Callable[[Connection], Result], *, writes: bool = False) -> Result:
        """What the work returns, for those who must know that it was done.

        Raises StorageUnavailable while the database fails; where it is to write, the log says so too, once.
        """
        try:
            return self._done(work, writes=writes)
        except _LeftAlone:
            raise StorageUnavailable("The database failed a moment ago; try again in a few seconds.") from None
        except _TROUBLE as error:
            if writes:
                self._fail(error)
            raise StorageUnavailable(
                f"The database cannot be used ({_reason(error)}); try again, or see to what QA_DATABASE_URL names."
            ) from None

    def is_usable(self) -> bool:
        """Whether it answers, and took what was last written to it; while there is no file yet, nothing is known."""
        return not self._failing and (not self.exists() or self.attempt(_is_ours, otherwise=False))

    def close(self) -> None:
        """Close the database; a later call opens it again."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _done(self, work: Callable[[Connection], Result], *, writes: bool) -> Result:
        with self._opened_engine().connect() as connection:
            result = work(connection)
        if writes:  # what can be read may still be read-only, or full
            self._failing = False
        return result

    def _fail(self, error: Exception) -> None:
        first, self._failing = not self._failing, True
        self._leave_alone()
        if first:
            # The error's own text may hold what was asked, or a password.
            _LOG.warning(self._lost, _reason(error))

    def _leave_alone(self) -> None:
        self._retry_at = time.monotonic() + self._retry_after_s

    def _opened_engine(self) -> Engine:
        """The engine, made anew in a forked process and where the file is another one."""
        with self._lock:
            if time.monotonic() < self._retry_at:
                raise _LeftAlone
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
        except _TROUBLE:
            self._leave_alone()  # before the next thread gets the lock, and waits as long
            if engine is not None:
                engine.dispose()
            raise
        return engine


def now_ms() -> int:
    """The moment as the tables hold it: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


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
        # Looking first: where all is there already, nothing waits for those who write.
        if set(inspect(connection).get_table_names()).issuperset(SCHEMA.tables) and _is_ours(connection):
            return
        # All or nothing; of two processes that begin on one file, the second waits for the first.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN")
        try:
            SCHEMA.create_all(connection)
            if not _is_ours(connection):
                connection.execute(insert(_VERSION), {"version": SCHEMA_VERSION})
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _is_ours(connection: Connection) -> bool:
    """Whether the tables are of this version; not yet, where they have just been made."""
    found = connection.execute(select(_VERSION.c.version)).scalars().all()
    if found and found != [SCHEMA_VERSION]:
        raise _OtherVersion
    return bool(found)


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
