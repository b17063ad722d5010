"""Messages of a chat: each claimed by one worker, gone on with by another when that one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import text

from qa_service.database import FILE, Database
from qa_service.errors import StorageUnavailable
from qa_service.inbox import Claim, Inbox
from qa_service.settings import Settings, load_settings

MESSAGE = {"text": "Quand l’accord a-t-il été signé\u202f?", "place": {"channel": "C1"}}
THREAD = "slack-0123"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(index=tmp_path / "index")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    with closing(Database(settings, retry_after_s=0)) as opened:
        yield opened


@pytest.fixture
def worker(settings: Settings) -> Iterator[Callable[..., Inbox]]:
    """Makes inboxes as workers have them: each with a database of its own."""
    with ExitStack() as opened:

        def make(platform: str = "slack", days: int = 30, lease_s: float = 60) -> Inbox:
            return Inbox(opened.enter_context(closing(Database(settings))), platform, days, lease_s=lease_s)

        yield make


def stored(database: Database, message_id: str = "slack:Ev1") -> dict[str, object]:
    query = text("SELECT message, kept, owner, attempts FROM qa_inbox WHERE id = :id")
    found = database.perform(lambda connection: connection.execute(query, {"id": message_id}).mappings().one())
    return dict(found)


def test_a_message_is_claimed_once_and_known_for_ever_after(worker: Callable[..., Inbox]) -> None:
    first, second = worker(), worker()
    assert first.claim("slack:Ev1", THREAD, MESSAGE) == Claim("slack:Ev1", MESSAGE, 1, 0.0, {})
    assert first.claim("slack:Ev1", THREAD, MESSAGE) is None
    assert second.claim("slack:Ev1", THREAD, MESSAGE) is None
    first.end("slack:Ev1")
    assert second.claim("slack:Ev1", THREAD, MESSAGE) is None
    assert second.lapsed() == []


def test_of_many_workers_that_claim_at_once_one_has_it(worker: Callable[..., Inbox]) -> None:
    inboxes = [worker() for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for number in range(20):
            tried = list(threads.map(lambda each: each.claim(f"slack:Ev{number}", THREAD, MESSAGE), inboxes))  # noqa: B023
            assert sum(claim is not None for claim in tried) == 1


def test_a_lease_that_runs_out_is_taken_over_with_what_was_kept(worker: Callable[..., Inbox]) -> None:
    dead, alive = worker(lease_s=0.05), worker()
    dead.claim("slack:Ev1", "", MESSAGE)
    dead.remember("slack:Ev1", THREAD, {"ts": "1700.2"})
    time.sleep(0.1)
    (claim,) = alive.lapsed()
    assert (claim.id, claim.message, claim.attempt, claim.kept) == ("slack:Ev1", MESSAGE, 2, {"ts": "1700.2"})
    assert 0.05 < claim.age_s < 30
    assert alive.lapsed() == []
    # Whoever had it finds out, and changes nothing of it any more.
    assert dead.renew(["slack:Ev1"]) == set()
    dead.end("slack:Ev1")
    dead.remember("slack:Ev1", THREAD, {})
    assert alive.renew(["slack:Ev1"]) == {"slack:Ev1"}


def test_a_message_that_is_sent_again_is_taken_over_too(worker: Callable[..., Inbox]) -> None:
    dead, alive = worker(lease_s=0.05), worker()
    dead.claim("slack:Ev1", THREAD, MESSAGE)
    time.sleep(0.1)
    claim = alive.claim("slack:Ev1", THREAD, MESSAGE)
    assert claim is not None
    assert claim.attempt == 2


def test_a_lease_that_is_renewed_holds(worker: Callable[..., Inbox]) -> None:
    busy, other = worker(lease_s=1.0), worker()
    busy.claim("slack:Ev1", THREAD, MESSAGE)
    for _ in range(4):
        time.sleep(0.3)
        assert busy.renew(["slack:Ev1", "slack:unknown"]) == {"slack:Ev1"}
    assert other.lapsed() == []


def test_what_is_set_aside_comes_again_when_it_is_due(worker: Callable[..., Inbox]) -> None:
    inbox = worker()
    inbox.claim("slack:Ev1", THREAD, MESSAGE)
    inbox.set_aside("slack:Ev1", 2)
    assert inbox.lapsed() == []
    time.sleep(2.1)
    assert [claim.attempt for claim in inbox.lapsed()] == [2]


def test_what_was_said_is_forgotten_with_the_end(worker: Callable[..., Inbox], database: Database) -> None:
    inbox = worker()
    inbox.claim("slack:Ev1", THREAD, MESSAGE)
    inbox.remember("slack:Ev1", THREAD, {"ts": "1700.2"})
    assert "accord" in str(stored(database)["message"])
    inbox.end("slack:Ev1")
    assert stored(database) == {"message": "{}", "kept": "{}", "owner": "", "attempts": 1}


def test_conversations_are_known_by_their_messages(worker: Callable[..., Inbox]) -> None:
    inbox = worker()
    assert not inbox.knows(THREAD)
    inbox.claim("slack:Ev1", "", MESSAGE)
    assert not inbox.knows(THREAD)
    inbox.remember("slack:Ev1", THREAD, {})
    inbox.end("slack:Ev1")
    assert worker().knows(THREAD)
    assert not inbox.knows("slack-4567")


def test_each_platform_has_its_own(worker: Callable[..., Inbox]) -> None:
    slack, mattermost = worker(lease_s=0.01), worker("mattermost")
    slack.claim("slack:Ev1", THREAD, MESSAGE)
    time.sleep(0.05)
    assert mattermost.lapsed() == []


def test_old_messages_are_deleted(worker: Callable[..., Inbox], database: Database) -> None:
    worker().claim("slack:old", THREAD, MESSAGE)
    worker().claim("slack:new", THREAD, MESSAGE)
    back = text("UPDATE qa_inbox SET received_at = received_at - 172800000 WHERE id = 'slack:old'")
    database.perform(lambda connection: connection.execute(back), writes=True)
    worker(days=0).end("slack:new")
    left = database.perform(lambda connection: connection.execute(text("SELECT id FROM qa_inbox")).scalars().all())
    assert left == ["slack:new"]


def test_without_a_database_nothing_is_made_by_looking(worker: Callable[..., Inbox], settings: Settings) -> None:
    assert worker().lapsed() == []
    assert not worker().knows(THREAD)
    assert not (settings.index / FILE).exists()


def test_a_database_that_fails_is_told_of(settings: Settings) -> None:
    settings.index.mkdir()
    (settings.index / FILE).write_bytes(b"no database" * 200)
    with closing(Database(settings)) as database, pytest.raises(StorageUnavailable):
        Inbox(database, "slack", 30).claim("slack:Ev1", THREAD, MESSAGE)


CLAIMING = """
import sys, time
from qa_service.database import Database
from qa_service.inbox import Inbox
from qa_service.settings import load_settings
inbox = Inbox(Database(load_settings(index=sys.argv[1])), "slack", 30, lease_s=2.0)
assert inbox.claim("slack:Ev1", "slack-0123", {"text": "Who?"})
print("claimed", flush=True)
while True:
    time.sleep(0.1)
    inbox.renew(["slack:Ev1"])
"""


def test_the_message_of_a_process_that_was_killed_is_gone_on_with(
    worker: Callable[..., Inbox], settings: Settings
) -> None:
    command = [sys.executable, "-c", CLAIMING, str(settings.index)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "claimed\n"
            survivor = worker()
            time.sleep(3)  # it renews its lease
            assert survivor.claim("slack:Ev1", THREAD, MESSAGE) is None
        finally:
            process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not (found := survivor.lapsed()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [claim.message for claim in found] == [{"text": "Who?"}]
