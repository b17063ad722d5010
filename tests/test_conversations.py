"""What is kept of each conversation, for how long, and that no trouble of the database costs an answer."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from qa_service.answers import Answer, Citation, KeptAnswer, Quote
from qa_service.conversations import TURNS_READ, Conversations
from qa_service.database import FILE, Database
from qa_service.errors import StorageUnavailable, UnknownAnswer
from qa_service.settings import Settings, load_settings

ASKED = "Who prunes the roses, Wilhelmina?"
CITATION = Citation(1, "en/rose-garden", "The rose garden", "en", None, "2024-05-13", "Volunteers prune.", 10, 27, 0.8)


def answer(conversation_id: str, question: str = ASKED, text: str = "Volunteers prune. [1]") -> Answer:
    return Answer(uuid.uuid4().hex, conversation_id, question, "en", text, False, "extractive", (CITATION,))


@pytest.fixture
def settings(tmp_path):
    return load_settings(index=tmp_path / "index")


@pytest.fixture
def file(settings) -> Path:
    return settings.index / FILE


@contextmanager
def conversations(settings: Settings, retry_after_s: float = 0) -> Iterator[Conversations]:
    """Conversations in a database of their own, which is closed at the end."""
    with closing(Database(settings, retry_after_s=retry_after_s)) as database:
        yield Conversations(database, settings.conversation_days)


@pytest.fixture
def kept(settings):
    with conversations(settings) as kept:
        yield kept


def questions(kept: Conversations, conversation_id: str) -> list[str]:
    return [turn.question for turn in kept.turns(conversation_id)]


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# What is kept


def test_a_turn_is_read_back_as_it_was(kept):
    kept.add(answer("c"), "Who prunes the roses?")
    (turn,) = kept.turns("c")
    assert (turn.question, turn.understood, turn.language) == (ASKED, "Who prunes the roses?", "en")
    assert (turn.abstained, turn.answer) == (False, "Volunteers prune. [1]")
    (citation,) = turn.citations
    assert citation["quote"] == "Volunteers prune."
    assert citation["published"] == "2024-05-13"


def test_conversations_are_kept_apart_and_unknown_ones_are_empty(kept):
    kept.add(answer("a", "one"), "one")
    kept.add(answer("b", "two"), "two")
    assert (questions(kept, "a"), questions(kept, "b"), questions(kept, "c")) == (["one"], ["two"], [])


def test_only_the_last_turns_are_read_oldest_first(kept):
    for number in range(TURNS_READ + 3):
        kept.add(answer("c", str(number)), str(number))
    assert questions(kept, "c") == [str(number) for number in range(3, TURNS_READ + 3)]


@pytest.mark.parametrize("name", ["'; DROP TABLE qa_turns; --", "é" * 100, "../../x", "%00", "a b\n", "🙂"])
def test_any_id_is_only_a_name(kept, name):
    kept.add(answer(name), "u")
    kept.add(answer("other"), "u")
    assert len(kept.turns(name)) == len(kept.turns("other")) == 1


def test_it_is_still_there_after_a_restart(settings, kept):
    kept.add(answer("c"), "u")
    with conversations(settings) as later:
        assert questions(later, "c") == [ASKED]


def test_nothing_is_made_before_it_is_needed(kept, file):
    assert kept.turns("c") == []
    assert not file.parent.exists()


# For how long


def test_what_is_older_than_it_may_be_is_deleted(settings, file):
    with conversations(settings) as first:
        first.add(answer("old"), "u")
        first.add(answer("new"), "u")
    with sqlite3.connect(file) as connection:
        past = (time.time() - 31 * 86_400) * 1000
        connection.execute("UPDATE qa_turns SET asked_at = ? WHERE conversation_id = 'old'", (past,))
    connection.close()
    with conversations(settings) as second:
        second.add(answer("newest"), "u")
        assert [len(second.turns(name)) for name in ("old", "new", "newest")] == [0, 1, 1]
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM qa_turns").fetchone() == (2,)
    connection.close()


def test_what_is_older_than_it_may_be_is_not_read_before_it_is_deleted(kept, file):
    kept.add(answer("old"), "u")
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE qa_turns SET asked_at = ?", ((time.time() - 31 * 86_400) * 1000,))
    connection.close()
    assert kept.turns("old") == []


def test_zero_days_keep_nothing_and_make_no_file(tmp_path):
    with conversations(load_settings(index=tmp_path / "index", conversation_days=0)) as kept:
        kept.add(answer("c"), "u")
        assert kept.turns("c") == []
    assert not (tmp_path / "index").exists()


def test_zero_days_delete_what_was_kept(settings, kept, file):
    kept.add(answer("c"), "u")
    kept._database.close()
    with conversations(load_settings(index=settings.index, conversation_days=0)) as none:
        assert none.turns("c") == []
        none.add(answer("c"), "u")
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM qa_turns").fetchone() == (0,)
    connection.close()
    assert all(b"Wilhelmina" not in path.read_bytes() for path in file.parent.iterdir())


# Many at once


def test_eight_threads_in_one_conversation_all_are_kept(kept, file):
    def ask(name: str) -> None:
        for number in range(25):
            kept.add(answer("c", f"{name} {number}"), "u")
            kept.turns("c")

    threads = [threading.Thread(target=ask, args=(str(name),)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(DISTINCT question) FROM qa_turns").fetchone() == (200,)
    connection.close()


WRITER = """
import sys, uuid
from pathlib import Path
from qa_service.answers import Answer
from qa_service.conversations import Conversations
from qa_service.database import Database
from qa_service.settings import load_settings
database = Database(load_settings(index=Path(sys.argv[1])))
kept = Conversations(database, 30)
sys.stdin.readline()
for _ in range(20):
    kept.add(Answer(uuid.uuid4().hex, "c", "q", "en", "a" * 2_000, True, "extractive", ()), "u")
database.close()
"""


def test_processes_that_begin_at_once_all_write(settings, kept):
    command = [sys.executable, "-c", WRITER, str(settings.index)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    time.sleep(2)  # all have imported what they need and wait
    said = [process.communicate("\n", timeout=60)[1] for process in running]
    assert said == ["", "", ""]
    with sqlite3.connect(settings.index / FILE) as connection:
        assert connection.execute("SELECT count(*) FROM qa_turns").fetchone() == (60,)
    connection.close()
    assert len(kept.turns("c")) == TURNS_READ


def test_a_forked_process_opens_a_connection_of_its_own(kept):
    kept.add(answer("c", "parent"), "u")
    child = os.fork()
    if not child:
        kept.add(answer("c", "child"), "u")
        os._exit(0 if questions(kept, "c") == ["parent", "child"] else 1)
    assert os.waitpid(child, 0)[1] == 0
    kept.add(answer("c", "parent again"), "u")
    assert questions(kept, "c") == ["parent", "child", "parent again"]


# Trouble


def test_a_damaged_file_costs_memory_alone_and_is_said_once(kept, file, caplog):
    file.parent.mkdir()
    file.write_bytes(b"this is no database, whatever its name says\n" * 500)
    for _ in range(3):
        kept.add(answer("c"), "u")
        assert kept.turns("c") == []
    assert warnings(caplog) == ["Conversations cannot be kept (SQLITE_NOTADB); questions are answered without memory."]


def test_a_folder_in_its_place_costs_memory_alone(kept, file, caplog):
    file.mkdir(parents=True)
    kept.add(answer("c"), "u")
    assert kept.turns("c") == []
    assert len(warnings(caplog)) == 1
    assert str(file.parent) not in caplog.text


def test_a_locked_file_is_waited_for_once(settings, file, caplog):
    with conversations(settings, retry_after_s=60) as kept:
        kept.add(answer("c"), "u")
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        for _ in range(20):
            kept.add(answer("c"), "u")
            kept.turns("c")
        assert time.monotonic() - started < 5
        holder.execute("ROLLBACK")
        holder.close()
    assert warnings(caplog) == ["Conversations cannot be kept (SQLITE_BUSY); questions are answered without memory."]
    assert ASKED not in caplog.text


def test_it_remembers_again_when_the_trouble_is_over_and_says_new_trouble(kept, file, caplog):
    for _ in range(2):
        kept.add(answer("c"), "u")
        with sqlite3.connect(file) as connection:
            connection.execute("ALTER TABLE qa_turns RENAME TO gone")
        connection.close()
        kept.add(answer("c"), "u")
        assert kept.turns("c") == []
        with sqlite3.connect(file) as connection:
            connection.execute("ALTER TABLE gone RENAME TO qa_turns")
        connection.close()
    kept.add(answer("c"), "u")
    assert len(kept.turns("c")) == 3
    assert len(warnings(caplog)) == 2
    assert ASKED not in caplog.text


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_that_is_deleted_under_it_is_made_anew(kept, file, caplog, what):
    kept.add(answer("c", "before"), "u")
    if what == "file":
        file.unlink()
    else:
        shutil.rmtree(file.parent)
    assert kept.turns("c") == []
    kept.add(answer("c", "after"), "u")
    assert questions(kept, "c") == ["after"]
    assert file.is_file()
    assert warnings(caplog) == []


FULL = WRITER.replace(
    "sys.stdin.readline()",
    """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
""",
).replace("range(20)", "range(100)")


def test_a_full_disk_costs_memory_alone(settings):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(settings.index)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert "answered without memory" in done.stderr


def test_a_server_that_is_not_there_costs_memory_alone(tmp_path, caplog):
    pytest.importorskip("psycopg")
    url = "postgresql+psycopg://qa:hush-hush@127.0.0.1:1/qa"
    with conversations(load_settings(index=tmp_path, database_url=url), retry_after_s=60) as kept:
        kept.add(answer("c"), "u")
        assert kept.turns("c") == []
    assert len(warnings(caplog)) == 1
    assert "hush-hush" not in caplog.text


# One answer, found again


@pytest.mark.parametrize("parallel", [None, Quote("fr/roseraie", "Des bénévoles taillent.", 3, 26)])
def test_an_answer_is_found_by_its_id(kept, parallel):
    given = answer("c")
    given = replace(given, citations=(replace(CITATION, parallel=parallel),))
    kept.add(answer("c"), "Another?")
    kept.add(given, "Who prunes the roses?")
    assert kept.find(given.id) == KeptAnswer(given.id, "Who prunes the roses?", "en", given.answer, given.citations)


@pytest.mark.parametrize("name", ["", "0" * 32, "x" * 500, "../é", "a\0b"])
def test_an_unknown_answer_is_told_of(kept, name):
    with pytest.raises(UnknownAnswer):
        kept.find(name)
    kept.add(answer("c"), ASKED)
    with pytest.raises(UnknownAnswer):
        kept.find(name)


def test_an_answer_that_cannot_be_looked_for_is_no_unknown_one(kept, file):
    file.parent.mkdir()
    file.write_bytes(b"no database" * 200)
    with pytest.raises(StorageUnavailable):
        kept.find("0" * 32)
