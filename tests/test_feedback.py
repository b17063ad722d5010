"""Ratings: what is kept of them, for how long, what is refused, and that a rating which is not kept is told."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from qa_service.answers import Answer, Citation
from qa_service.conversations import Conversations
from qa_service.database import FILE, Database
from qa_service.errors import InvalidFeedback, StorageUnavailable, UnknownAnswer
from qa_service.feedback import LONGEST_COMMENT, Feedback
from qa_service.language import Language
from qa_service.settings import Settings, load_settings

CITATION = Citation(1, "fr/roseraie", "La roseraie", "fr", None, "2024-05-13", "Wilhelmina taille.", 10, 28, 0.8)
COMMENT = "Wilhelmina left last year."
QUESTIONS: dict[Language, str] = {"en": "Who prunes the roses?", "fr": "Qui taille les rosiers ?"}


@dataclass(frozen=True)
class Kept:
    """Turns and their ratings in one database."""

    database: Database
    conversations: Conversations
    feedback: Feedback

    def answer(self, language: Language = "en") -> str:
        """The id of an answer that is kept."""
        given = Answer(
            uuid.uuid4().hex, "c", QUESTIONS[language], language, "Wilhelmina. [1]", False, "extractive", (CITATION,)
        )
        self.conversations.add(given, given.question)
        return given.id

    def ratings(self) -> list[tuple[str, int, str]]:
        return [(entry.answer_id, entry.rating, entry.comment) for entry in self.feedback.entries()]


@contextmanager
def keeping(settings: Settings, retry_after_s: float = 0) -> Iterator[Kept]:
    days = settings.conversation_days
    with closing(Database(settings, retry_after_s=retry_after_s)) as database:
        yield Kept(database, Conversations(database, days), Feedback(database, days))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(index=tmp_path / "index")


@pytest.fixture
def file(settings: Settings) -> Path:
    return settings.index / FILE


@pytest.fixture
def kept(settings: Settings) -> Iterator[Kept]:
    with keeping(settings) as kept:
        yield kept


def in_file(file: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return connection.execute(statement, values).fetchall()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# What is kept


@pytest.mark.parametrize(("language", "comment"), [("en", COMMENT), ("fr", "C’est exact : « bien vu » 🙂")])
def test_a_rating_comes_with_its_question_and_answer(kept: Kept, language: Language, comment: str) -> None:
    before = datetime.now(UTC)
    answer_id = kept.answer(language)
    kept.feedback.rate(answer_id, 1, comment)
    (entry,) = kept.feedback.entries()
    assert (entry.answer_id, entry.conversation_id, entry.rating, entry.comment) == (answer_id, "c", 1, comment)
    assert (entry.question, entry.language, entry.answer) == (QUESTIONS[language], language, "Wilhelmina. [1]")
    assert entry.abstained is False
    assert entry.citations == [json.loads(json.dumps(CITATION.__dict__))]
    asked, given = datetime.fromisoformat(entry.asked_at), datetime.fromisoformat(entry.given_at)
    assert asked.utcoffset() == given.utcoffset() == before.utcoffset()
    assert before.timestamp() - 0.01 <= asked.timestamp() <= given.timestamp() <= time.time()


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        ((1, ""), (-1, ""), (-1, "")),
        ((1, "good"), (-1, "mauvais"), (-1, "mauvais")),
        ((1, "good"), (1, "very good"), (1, "very good")),
        ((-1, "mauvais"), (-1, ""), (-1, "mauvais")),
        ((-1, "mauvais"), (-1, " \n"), (-1, "mauvais")),
        ((1, "good"), (-1, ""), (-1, "")),
    ],
)
def test_a_later_rating_takes_the_place_of_the_earlier(
    kept: Kept, first: tuple[int, str], then: tuple[int, str], stands: tuple[int, str]
) -> None:
    answer_id = kept.answer()
    kept.feedback.rate(answer_id, *first)
    (earlier,) = kept.feedback.entries()
    time.sleep(0.005)
    kept.feedback.rate(answer_id, *then)
    (entry,) = kept.feedback.entries()
    assert (entry.rating, entry.comment) == stands
    assert entry.given_at > earlier.given_at


def test_the_oldest_rating_comes_first(kept: Kept) -> None:
    first, second, third = (kept.answer() for _ in range(3))
    for answer_id in (second, first, third, first):
        kept.feedback.rate(answer_id, 1)
        time.sleep(0.003)
    assert [answer_id for answer_id, _, _ in kept.ratings()] == [second, third, first]


def test_ratings_are_there_after_a_restart(settings: Settings, kept: Kept) -> None:
    answer_id = kept.answer()
    kept.feedback.rate(answer_id, -1, COMMENT)
    with keeping(settings) as later:
        assert later.ratings() == [(answer_id, -1, COMMENT)]


@pytest.mark.parametrize(
    ("comment", "stands"),
    [
        ("a\0b", "a b"),
        ("lone \ud800 half", "lone ? half"),
        ("\x1b[2Jcleared\x07\x9b31m", "[2Jcleared  31m"),
        ("👩‍👩‍👧 \u202eabc", "👩‍👩‍👧 \u202eabc"),
        ("un\r\ndeux\rtrois\tquatre\n", "un\ndeux\ntrois\tquatre"),
        ("'; DROP TABLE qa_feedback; --", "'; DROP TABLE qa_feedback; --"),
        ("<script>alert(1)</script> %s {0}", "<script>alert(1)</script> %s {0}"),
        ("\0\x01 \r\n", ""),
        ("é" * LONGEST_COMMENT, "é" * LONGEST_COMMENT),
        (" " * 5_000 + "🙂" * LONGEST_COMMENT + "\n" * 5_000, "🙂" * LONGEST_COMMENT),
    ],
)
def test_any_comment_is_only_text(kept: Kept, comment: str, stands: str) -> None:
    answer_id = kept.answer("fr")
    kept.feedback.rate(answer_id, 1, comment)
    assert kept.ratings() == [(answer_id, 1, stands)]


# What is refused


def test_a_comment_that_is_too_long_is_refused_and_changes_nothing(kept: Kept) -> None:
    answer_id = kept.answer()
    kept.feedback.rate(answer_id, 1, COMMENT)
    with pytest.raises(InvalidFeedback, match="longer than 2000 characters"):
        kept.feedback.rate(answer_id, -1, "é" * (LONGEST_COMMENT + 1))
    assert kept.ratings() == [(answer_id, 1, COMMENT)]


@pytest.mark.parametrize("rating", [0, 2, -2, 10**30, True, False, 1.0, "1", None, float("nan")])
def test_what_is_no_rating_is_refused(kept: Kept, rating: object) -> None:
    answer_id = kept.answer()
    with pytest.raises(InvalidFeedback, match="1 or -1"):
        kept.feedback.rate(answer_id, rating)  # type: ignore[arg-type]
    assert kept.ratings() == []


@pytest.mark.parametrize(
    "answer_id", ["", "0" * 32, "\0", "\ud800", "a" * 33, "é" * 100_000, "' OR 1=1 --", "%", "../x", "\u202e", "🙂"]
)
def test_an_unknown_answer_cannot_be_rated(kept: Kept, caplog: pytest.LogCaptureFixture, answer_id: str) -> None:
    kept.answer()
    with pytest.raises(UnknownAnswer):
        kept.feedback.rate(answer_id, 1, COMMENT)
    assert kept.ratings() == []
    assert warnings(caplog) == []


def test_before_the_first_answer_nothing_is_known_and_no_file_is_made(kept: Kept, file: Path) -> None:
    with pytest.raises(UnknownAnswer):
        kept.feedback.rate("0" * 32, 1)
    assert kept.ratings() == []
    assert not file.parent.exists()


# For how long


def test_a_rating_is_deleted_with_its_answer(settings: Settings, kept: Kept, file: Path) -> None:
    old, new = kept.answer(), kept.answer("fr")
    kept.feedback.rate(old, -1, COMMENT)
    kept.feedback.rate(new, 1)
    in_file(file, "UPDATE qa_turns SET asked_at = ? WHERE answer_id = ?", (time.time() - 31 * 86_400) * 1000, old)
    kept.database.close()
    with keeping(settings) as later:
        later.answer()
        assert later.ratings() == [(new, 1, "")]
    assert in_file(file, "SELECT answer_id FROM qa_feedback") == [(new,)]
    assert all(COMMENT.encode() not in path.read_bytes() for path in file.parent.iterdir())


def test_what_is_older_than_it_may_be_is_neither_shown_nor_rated_before_it_is_deleted(kept: Kept, file: Path) -> None:
    answer_id = kept.answer()
    kept.feedback.rate(answer_id, 1)
    in_file(file, "UPDATE qa_turns SET asked_at = ?", (time.time() - 31 * 86_400) * 1000)
    assert kept.ratings() == []
    with pytest.raises(UnknownAnswer, match="QA_CONVERSATION_DAYS"):
        kept.feedback.rate(answer_id, -1)


def test_where_nothing_is_kept_nothing_is_rated_and_what_was_is_deleted(settings: Settings, kept: Kept) -> None:
    answer_id = kept.answer()
    kept.feedback.rate(answer_id, 1, COMMENT)
    kept.database.close()
    with keeping(load_settings(index=settings.index, conversation_days=0)) as none:
        assert none.ratings() == []
        with pytest.raises(UnknownAnswer):
            none.feedback.rate(answer_id, 1)
        none.answer()
    assert in_file(settings.index / FILE, "SELECT count(*) FROM qa_feedback") == [(0,)]


# Many at once


def test_threads_that_rate_one_answer_leave_one_rating(kept: Kept) -> None:
    answers = [kept.answer() for _ in range(10)]
    with ThreadPoolExecutor(8) as threads:
        for name in range(8):
            for answer_id in answers:
                threads.submit(kept.feedback.rate, answer_id, 1 if name % 2 else -1, f"reader {name % 2}")
    found = kept.ratings()
    assert sorted(answer_id for answer_id, _, _ in found) == sorted(answers)
    assert {(rating, comment) for _, rating, comment in found} <= {(1, "reader 1"), (-1, "reader 0")}


RATER = """
import sys
from pathlib import Path
from qa_service.database import Database
from qa_service.feedback import Feedback
from qa_service.settings import load_settings
database = Database(load_settings(index=Path(sys.argv[1])))
feedback = Feedback(database, 30)
sys.stdin.readline()
for _ in range(5):
    for answer_id in sys.argv[3:]:
        feedback.rate(answer_id, int(sys.argv[2]), sys.argv[2])
database.close()
"""


def test_processes_that_rate_at_once_all_are_heard(settings: Settings, kept: Kept, file: Path) -> None:
    """Also where the table is made only now, by both of them."""
    answers = [kept.answer() for _ in range(10)]
    kept.database.close()
    in_file(file, "DROP TABLE qa_feedback")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RATER, str(settings.index), rating, *answers],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rating in ("1", "-1")
    ]
    time.sleep(2)  # both have imported what they need and wait
    assert [process.communicate("\n", timeout=60)[1] for process in running] == ["", ""]
    found = kept.ratings()
    assert sorted(answer_id for answer_id, _, _ in found) == sorted(answers)
    assert all(str(rating) == comment for _, rating, comment in found)


def rows(file: Path, count: int, size: int = 2_000) -> None:
    """So many rated answers, as they would be after a long time; four ratings in each moment."""
    now = time.time_ns() // 1_000_000
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for number in range(count):
            answer_id = f"{number:032x}"
            connection.execute(
                "INSERT INTO qa_turns (conversation_id, answer_id, asked_at, question, understood, language, "
                "abstained, answer, citations) VALUES ('c', ?, ?, 'q', 'q', 'fr', 0, ?, '[]')",
                (answer_id, now - 1_000_000, "a" * size),
            )
            connection.execute(
                "INSERT INTO qa_feedback VALUES (?, -1, 'non', ?)", (answer_id, now - 500_000 + number // 4)
            )
        connection.execute("COMMIT")


def test_ten_thousand_ratings_are_read_in_little_memory(kept: Kept, file: Path) -> None:
    kept.answer()
    rows(file, 10_000)
    sum(1 for _ in kept.feedback.entries())  # whatever is made once is there
    tracemalloc.start()
    try:
        ids = [entry.answer_id for entry in kept.feedback.entries()]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ids == [f"{number:032x}" for number in range(10_000)]
    assert peak < 4_000_000  # the texts alone are 20 MB


def test_reading_locks_nobody_out(kept: Kept, file: Path) -> None:
    kept.answer()
    rows(file, 500, size=10)
    entries = kept.feedback.entries()
    first = next(entries)
    kept.feedback.rate(first.answer_id, 1)  # comes again, at the end
    later = list(entries)
    assert len(later) == 500
    assert (later[-1].answer_id, later[-1].rating) == (first.answer_id, 1)


# Trouble


def not_a_database(file: Path) -> None:
    file.write_bytes(b"this is no database, whatever its name says\n" * 500)


def a_folder(file: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize("damage", [not_a_database, a_folder])
def test_a_damaged_database_is_told(
    kept: Kept, file: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    file.parent.mkdir()
    damage(file)
    with pytest.raises(StorageUnavailable, match="SQLITE_"):
        kept.feedback.rate("0" * 32, 1, COMMENT)
    with pytest.raises(StorageUnavailable, match="SQLITE_"):
        list(kept.feedback.entries())
    assert len(warnings(caplog)) == 1
    assert COMMENT not in caplog.text


def test_a_locked_database_is_told(kept: Kept, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer_id = kept.answer()
    kept.feedback.rate(answer_id, 1)
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="SQLITE_BUSY"):
            kept.feedback.rate(answer_id, -1, COMMENT)
        assert kept.ratings() == [(answer_id, 1, "")]  # nobody who reads waits for one who writes
    kept.feedback.rate(answer_id, -1, COMMENT)
    assert kept.ratings() == [(answer_id, -1, COMMENT)]
    assert COMMENT not in caplog.text


def test_a_read_only_database_is_told(settings: Settings, kept: Kept) -> None:
    answer_id = kept.answer()
    kept.feedback.rate(answer_id, 1)
    with keeping(settings) as readonly:
        assert readonly.ratings() == [(answer_id, 1, "")]
        engine = readonly.database._engine
        assert isinstance(engine, Engine)
        engine.dispose()
        # SQLite's own way to refuse what writes: file permissions do not hold back who runs tests as root.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
        with pytest.raises(StorageUnavailable, match="SQLITE_READONLY"):
            readonly.feedback.rate(answer_id, -1, COMMENT)
        assert readonly.ratings() == [(answer_id, 1, "")]


def test_a_server_that_is_not_there_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("psycopg")
    url = "postgresql+psycopg://qa:hush-hush@127.0.0.1:1/qa"
    with keeping(load_settings(index=tmp_path, database_url=url)) as kept:
        for work in (lambda: kept.feedback.rate("0" * 32, 1), lambda: list(kept.feedback.entries())):
            with pytest.raises(StorageUnavailable) as caught:
                work()
            assert "hush-hush" not in str(caught.value) + caplog.text


# A file from before there was feedback

BEFORE = """
CREATE TABLE qa_schema (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE qa_turns (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    conversation_id VARCHAR(100) NOT NULL,
    answer_id VARCHAR(32) NOT NULL,
    asked_at BIGINT NOT NULL,
    question TEXT NOT NULL,
    understood TEXT NOT NULL,
    language VARCHAR(2) NOT NULL,
    abstained BOOLEAN NOT NULL,
    answer TEXT NOT NULL,
    citations JSON NOT NULL,
    UNIQUE (answer_id)
);
CREATE INDEX qa_turns_by_age ON qa_turns (asked_at);
CREATE INDEX qa_turns_of_conversation ON qa_turns (conversation_id, number);
INSERT INTO qa_schema VALUES (1);
"""
KEPT_BEFORE = "abcdef0123456789abcdef0123456789"


@pytest.mark.parametrize("first", ["rate", "entries", "turns"])
def test_a_file_from_before_there_was_feedback_takes_it(
    kept: Kept, file: Path, caplog: pytest.LogCaptureFixture, first: str
) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(BEFORE)
        connection.execute(
            "INSERT INTO qa_turns (conversation_id, answer_id, asked_at, question, understood, language, abstained, "
            "answer, citations) VALUES ('c', ?, ?, 'Où ?', 'Où ?', 'fr', 0, 'Là. [1]', '[{\"n\": 1}]')",
            (KEPT_BEFORE, time.time_ns() // 1_000_000),
        )
        connection.commit()
    if first == "entries":
        assert kept.ratings() == []
    if first == "turns":
        assert [turn.question for turn in kept.conversations.turns("c")] == ["Où ?"]
    kept.feedback.rate(KEPT_BEFORE, 1, "bien")
    (entry,) = kept.feedback.entries()
    assert (entry.question, entry.comment, entry.citations) == ("Où ?", "bien", [{"n": 1}])
    assert in_file(file, "SELECT version FROM qa_schema") == [(1,)]
    in_file(file, "DELETE FROM qa_turns")
    assert in_file(file, "SELECT * FROM qa_feedback") == []
    assert warnings(caplog) == []
