"""How the database is opened, which tables it gets, and what becomes of work that it fails."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_mock_engine

from qa_service import conversations, database, feedback, inbox, jobs
from qa_service.database import _LOCK_WAIT_S, FILE, SCHEMA_VERSION, Database, database_url
from qa_service.errors import MissingExtra, SettingsError, StorageUnavailable
from qa_service.settings import Settings, load_settings

NOTE = "Who prunes the roses, Wilhelmina?"
TOLD = "Conversations cannot be kept ({}); questions are answered without memory."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(index=tmp_path / "index")


@pytest.fixture
def file(settings: Settings) -> Path:
    return settings.index / FILE


@pytest.fixture
def opened(settings: Settings) -> Iterator[Database]:
    with closing(Database(settings, retry_after_s=0)) as opened:
        yield opened


def writing(text: str = NOTE) -> Callable[[Connection], bool]:
    """Work that writes a note, in a table of the tests' own."""

    def work(connection: Connection) -> bool:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
        connection.exec_driver_sql("INSERT INTO notes VALUES (?)", (text,))
        return True

    return work


def notes(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT text FROM notes ORDER BY rowid").scalars())


def write(opened: Database, text: str = NOTE) -> bool:
    return opened.attempt(writing(text), False, writes=True)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# How it is opened


def test_work_is_done_and_its_result_is_handed_back(opened: Database) -> None:
    assert opened.perform(writing("un"), writes=True)
    assert opened.attempt(writing("two"), False, writes=True)
    assert opened.perform(notes) == opened.attempt(notes, []) == ["un", "two"]


def test_it_is_still_there_after_a_restart_and_a_closed_one_opens_again(settings: Settings, opened: Database) -> None:
    write(opened)
    opened.close()
    assert opened.perform(notes) == [NOTE]
    with closing(Database(settings)) as later:
        assert later.perform(notes) == [NOTE]


def test_the_file_is_for_its_owner_and_nothing_is_made_before_it_is_needed(opened: Database, file: Path) -> None:
    assert not opened.exists()
    assert not file.parent.exists()
    write(opened)
    assert opened.exists()
    for path in file.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_sqlite_is_set_up_for_many_readers_and_a_writer(opened: Database, file: Path) -> None:
    write(opened)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT version FROM qa_schema").fetchall() == [(SCHEMA_VERSION,)]
    for pragma in ("foreign_keys", "secure_delete"):
        assert (
            opened.perform(lambda connection, name=pragma: connection.exec_driver_sql(f"PRAGMA {name}").scalar()) == 1
        )


def test_a_forked_process_opens_a_connection_of_its_own(opened: Database) -> None:
    write(opened, "parent")
    child = os.fork()
    if not child:
        write(opened, "child")
        os._exit(0 if opened.attempt(notes, []) == ["parent", "child"] else 1)
    assert os.waitpid(child, 0)[1] == 0
    write(opened, "parent again")
    assert opened.perform(notes) == ["parent", "child", "parent again"]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_that_is_deleted_under_it_is_made_anew(
    opened: Database, file: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    write(opened, "before")
    if what == "file":
        file.unlink()
    else:
        shutil.rmtree(file.parent)
    assert not opened.exists()
    assert write(opened, "after")
    assert opened.perform(notes) == ["after"]
    assert warnings(caplog) == []


def test_opening_waits_for_nobody_who_writes(settings: Settings, opened: Database, file: Path) -> None:
    write(opened)
    with closing(sqlite3.connect(file, isolation_level=None)) as holder, closing(Database(settings)) as later:
        holder.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert later.perform(notes) == [NOTE]
        assert time.monotonic() - started < _LOCK_WAIT_S


# Its tables


def test_a_database_of_another_kind_gets_the_same_tables() -> None:
    said: list[str] = []
    engine = create_mock_engine(
        "postgresql+psycopg://", lambda sql, *_, **__: said.append(str(sql.compile(dialect=engine.dialect)))
    )
    database.SCHEMA.create_all(engine, checkfirst=False)
    text = " ".join(said)
    assert "number BIGSERIAL NOT NULL" in text
    assert "REFERENCES qa_turns (answer_id) ON DELETE CASCADE" in text
    tables = database.SCHEMA.tables
    assert {"qa_schema", "qa_turns", "qa_feedback", "qa_jobs", "qa_inbox"} == tables.keys()
    assert text.count("CREATE TABLE") == len(tables)
    assert text.count("CREATE INDEX") == sum(len(table.indexes) for table in tables.values()) > 0


def tables(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_table_that_is_missing_is_made_and_the_others_are_left_as_they_are(
    settings: Settings, opened: Database, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(opened)
    opened.close()
    declared = {conversations.TURNS.name, feedback._FEEDBACK.name, jobs._JOBS.name, inbox._INBOX.name}
    assert declared <= tables(file)
    for name in declared:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"DROP TABLE {name}")
        assert name not in tables(file)
        with closing(Database(settings)) as later:
            assert later.perform(notes) == [NOTE]
        assert declared <= tables(file)
    assert warnings(caplog) == []


def test_the_tables_of_another_version_are_left_alone(
    settings: Settings, opened: Database, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(opened)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE qa_schema SET version = 99")
        connection.execute("DROP TABLE qa_feedback")
    with closing(Database(settings, retry_after_s=0)) as later:
        assert not write(later)
        with pytest.raises(StorageUnavailable, match="another version of the service made the tables"):
            later.perform(notes)
    assert warnings(caplog) == [TOLD.format("another version of the service made the tables")]
    assert "qa_feedback" not in tables(file)
    assert opened.perform(notes) == [NOTE]


# Trouble


def not_a_database(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is no database, whatever its name says\n" * 500)


def a_folder(file: Path) -> None:
    file.mkdir(parents=True)


@pytest.mark.parametrize(("damage", "reason"), [(not_a_database, "SQLITE_NOTADB"), (a_folder, "SQLITE_CANTOPEN")])
def test_what_cannot_be_opened_is_logged_once_by_attempts_and_raised_otherwise(
    opened: Database, file: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], reason: str
) -> None:
    damage(file)
    for _ in range(3):
        assert not write(opened)
        assert opened.attempt(notes, ["nothing"]) == ["nothing"]
        with pytest.raises(StorageUnavailable) as caught:
            opened.perform(notes)
        assert f"({reason})" in str(caught.value)
        assert str(file.parent) not in str(caught.value)
    assert warnings(caplog) == [TOLD.format(reason)]
    assert str(file.parent) not in caplog.text


def test_only_what_was_to_be_written_is_logged_where_it_is_raised_too(
    opened: Database, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    not_a_database(file)
    with pytest.raises(StorageUnavailable):
        opened.perform(notes)
    assert warnings(caplog) == []
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            opened.perform(writing(), writes=True)
    assert warnings(caplog) == [TOLD.format("SQLITE_NOTADB")]


def test_a_database_that_failed_is_left_alone_for_a_while(
    settings: Settings, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Database(settings, retry_after_s=60)) as opened:
        write(opened)
        with closing(sqlite3.connect(file, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            started = time.monotonic()
            for _ in range(20):
                assert not write(opened)
                with pytest.raises(StorageUnavailable, match="a moment ago"):
                    opened.perform(writing(), writes=True)
            assert time.monotonic() - started < 5
    assert warnings(caplog) == [TOLD.format("SQLITE_BUSY")]
    assert NOTE not in caplog.text


def test_a_file_that_was_locked_before_holds_nobody_up_for_long(
    settings: Settings, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file, isolation_level=None)) as holder, closing(Database(settings)) as opened:
        holder.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with ThreadPoolExecutor(8) as threads:
            assert not any(threads.map(lambda _: write(opened), range(16)))
        assert time.monotonic() - started < 5
    assert len(warnings(caplog)) == 1


def test_it_works_again_when_the_trouble_is_over_and_new_trouble_is_said(
    opened: Database, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert write(opened)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("ALTER TABLE notes RENAME TO gone")
            connection.execute("CREATE VIEW notes AS SELECT text FROM gone")
            assert not write(opened)
            assert not write(opened)
            connection.execute("DROP VIEW notes")
            connection.execute("ALTER TABLE gone RENAME TO notes")
    assert write(opened)
    assert opened.perform(notes) == [NOTE] * 3
    assert len(warnings(caplog)) == 2
    assert NOTE not in caplog.text


def test_whether_it_is_usable_is_told_without_making_anything(opened: Database, file: Path) -> None:
    assert opened.is_usable()
    assert not file.exists()
    write(opened)
    assert opened.is_usable()
    opened.close()
    file.write_bytes(b"no database")
    assert not opened.is_usable()
    file.unlink()
    assert not opened.is_usable()  # until something was written again
    assert write(opened)
    assert opened.is_usable()


def test_what_others_raise_in_their_work_is_theirs(opened: Database, caplog: pytest.LogCaptureFixture) -> None:
    def work(connection: Connection) -> None:
        raise LookupError(NOTE)

    with pytest.raises(LookupError):
        opened.attempt(work, None)
    with pytest.raises(LookupError):
        opened.perform(work)
    assert warnings(caplog) == []


FULL = """
import resource, signal, sys
from pathlib import Path
from qa_service.database import Database
from qa_service.errors import StorageUnavailable
from qa_service.settings import load_settings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
opened = Database(load_settings(index=Path(sys.argv[1])), retry_after_s=0)
note = lambda connection: connection.exec_driver_sql("INSERT INTO notes VALUES (?)", ("a" * 2_000,))
opened.attempt(lambda connection: connection.exec_driver_sql("CREATE TABLE notes (text TEXT)"), None, writes=True)
for _ in range(100):
    opened.attempt(note, None, writes=True)
try:
    opened.perform(note, writes=True)
except StorageUnavailable as error:
    print(error)
opened.close()
"""


def test_a_full_disk_is_said_once_and_raised(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(settings.index)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "answered without memory" in done.stderr
    assert done.stdout.startswith("The database cannot be used (SQLITE_")


def test_a_server_that_is_not_there_is_trouble_like_any_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("psycopg")
    url = "postgresql+psycopg://qa:hush-hush@127.0.0.1:1/qa"
    with closing(Database(load_settings(index=tmp_path, database_url=url), retry_after_s=0)) as opened:
        assert opened.exists()
        assert not write(opened)
        with pytest.raises(StorageUnavailable) as caught:
            opened.perform(notes)
    assert len(warnings(caplog)) == 1
    assert "hush-hush" not in caplog.text + str(caught.value)


# The setting


def test_the_database_is_a_file_of_the_index_folder_unless_another_is_named(settings: Settings, tmp_path: Path) -> None:
    assert database_url(settings).database == str(settings.index / FILE)
    with closing(Database(load_settings(database_url=f"sqlite:///{tmp_path}/elsewhere.sqlite3"))) as elsewhere:
        write(elsewhere)
    assert (tmp_path / "elsewhere.sqlite3").is_file()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "hush-hush",
        "unknown://qa:hush-hush@host/name",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:name?uri=true&password=hush-hush",
        "postgresql+nothing://qa:hush-hush@host/name",
        "postgresql://qa:hush-hush@host:port/name",
        "sqlite+aiosqlite:///hush-hush.sqlite3",
    ],
)
def test_a_wrong_database_stops_the_start_with_a_line_that_tells_no_password(url: str) -> None:
    with pytest.raises((SettingsError, MissingExtra)) as caught:
        Database(load_settings(database_url=url))
    assert "QA_DATABASE_URL" in str(caught.value)
    assert "hush-hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(MissingExtra, match=r"QA_DATABASE_URL needs the package pg8000.*qa-service\[postgres\]"):
        Database(load_settings(database_url="postgresql+pg8000://qa:hush-hush@host/name"))


def test_the_settings_show_no_password() -> None:
    assert "hush-hush" not in repr(load_settings(database_url="postgresql+psycopg://qa:hush-hush@host/name"))
