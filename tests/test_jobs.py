"""What becomes of documents, as any worker tells it from the database."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text

from qa_service import jobs as jobs_module
from qa_service.database import Database, now_ms
from qa_service.errors import StorageUnavailable, UnknownJob
from qa_service.jobs import MAX_ATTEMPTS, Jobs
from qa_service.settings import load_settings

CHANGE = {"moves": [[".incoming/x.md", "fr/été.md", 5]], "removals": [["fr/été.txt", 7]]}


@pytest.fixture
def database(settings):
    opened = Database(settings)
    yield opened
    opened.close()


@pytest.fixture
def jobs(database) -> Jobs:
    return Jobs(database)


def added(jobs, document_id="fr/été", action="put"):
    return jobs.add(uuid.uuid4().hex, action, document_id, f"{document_id}.md", CHANGE)


def change(database, job, state, at):
    """Put a job into a state, or leave it in its own, as if that had been at another moment."""
    given = {"state": state, "at": at, "id": job.id}
    query = text("UPDATE qa_jobs SET state = coalesce(nullif(:state, ''), state), updated_at = :at WHERE id = :id")
    database.perform(lambda connection: connection.execute(query, given), writes=True)


def test_a_job_from_its_beginning_to_its_end(jobs):
    job = added(jobs)
    assert (job.document_id, job.action, job.state, job.detail, job.generation) == (
        "fr/été",
        "put",
        "queued",
        None,
        None,
    )
    assert jobs.unplaced() == [(job.id, CHANGE)]
    assert jobs.take() == []  # its change is not made yet
    jobs.queue([job.id])
    assert jobs.waiting()
    assert [(taken.id, taken.name, taken.attempts) for taken in jobs.take()] == [(job.id, "fr/été.md", 0)]
    assert jobs.find(job.id).state == "indexing"
    jobs.end([job.id], "done", of="000007-abc")
    ended = jobs.find(job.id)
    assert (ended.state, ended.generation) == ("done", "000007-abc")
    assert job.created_at == ended.created_at <= ended.updated_at
    assert not jobs.waiting()
    assert jobs.take() == jobs.unplaced() == []


def test_what_a_lost_run_had_taken_is_taken_again(jobs):
    job = added(jobs)
    jobs.queue([job.id])
    assert [taken.attempts for taken in jobs.take()] == [0]
    (taken,) = jobs.take()
    jobs.try_again([taken], failed=True)
    assert jobs.find(job.id).state == "queued"
    assert [taken.attempts for taken in jobs.take()] == [1] < [MAX_ATTEMPTS]


def test_more_jobs_than_one_statement_can_name(jobs, monkeypatch):
    monkeypatch.setattr(jobs_module, "_AT_ONCE", 2)
    made = [added(jobs).id for _ in range(5)]
    jobs.queue(made)
    taken = jobs.take()
    assert {job.id for job in taken} == set(made)
    jobs.try_again(taken, failed=True)
    assert {(jobs.find(job_id).state, job.attempts) for job_id, job in zip(made, jobs.take(), strict=True)} == {
        ("indexing", 1)
    }
    jobs.end(made, "done")
    assert not jobs.waiting()


def test_a_forgotten_job_is_unknown(jobs):
    job = added(jobs)
    jobs.forget(job.id)
    with pytest.raises(UnknownJob):
        jobs.find(job.id)


@pytest.mark.parametrize("job_id", ["", "x", "0" * 32, "0" * 31 + "é", "\0" * 32, "' OR 1=1 --", "0" * 10_000])
def test_what_is_no_job_is_unknown(jobs, job_id):
    with pytest.raises(UnknownJob):
        jobs.find(job_id)
    added(jobs)
    with pytest.raises(UnknownJob):
        jobs.find(job_id)


def test_looking_for_jobs_makes_no_database(settings, jobs):
    assert not jobs.waiting()
    with pytest.raises(UnknownJob):
        jobs.find("0" * 32)
    assert not settings.index.exists()


def test_ended_jobs_are_forgotten_by_age_and_number(jobs, database, monkeypatch):
    waiting, old, *new = (added(jobs) for _ in range(6))
    week = jobs_module.KEPT_DAYS * 24 * 60 * 60 * 1000
    jobs.end([old.id], "done")
    for job in (waiting, old):
        change(database, job, state="", at=now_ms() - week - 1)
    jobs.end([new[0].id], "failed", detail="fr/été.md is encrypted.")
    with pytest.raises(UnknownJob):
        jobs.find(old.id)
    assert jobs.find(new[0].id).detail == "fr/été.md is encrypted."
    assert jobs.find(waiting.id).state == "queued"  # however old: it has not ended
    monkeypatch.setattr(jobs_module, "KEPT_JOBS", 1)
    for number, job in enumerate(new):
        change(database, job, state="done", at=now_ms() - 1000 + number)
    jobs.end([new[-1].id], "done")
    with pytest.raises(UnknownJob):
        jobs.find(new[0].id)
    assert jobs.find(new[-1].id).state == "done"


def test_a_database_that_fails_is_said(tmp_path):
    (tmp_path / "index").write_text("a file in its place")
    database = Database(load_settings(index=tmp_path / "index"))
    with pytest.raises(StorageUnavailable):
        added(Jobs(database))
    database.close()
