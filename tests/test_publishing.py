"""Documents taken in and removed, the jobs that tell of them, and the worker that has the index follow."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest

from qa_service.app import create_app
from qa_service.database import FILE
from qa_service.errors import (
    DocumentsUnavailable,
    IndexUnavailable,
    InvalidDocument,
    QAServiceError,
    StorageUnavailable,
    TooManyDocuments,
    UnknownDocument,
)
from qa_service.generations import IndexFolder
from qa_service.pipeline import Pipeline
from qa_service.publishing import Publisher, warn_of_waiting
from qa_service.settings import load_settings
from tests.test_document_check import docx, pdf

ENGLISH = "The lighthouse of Cape Orlan was lit on 4 March 1962. It is 41 metres high."
FRENCH = "Le phare du cap Orlan a été allumé le 4 mars 1962. Il mesure 41 mètres."


@contextmanager
def publishing(settings, *, started=True):
    publisher = Publisher(settings)
    if started:
        publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


@pytest.fixture
def publisher(settings):
    with publishing(settings, started=False) as made:
        yield made


def put(publisher, document_id, text=ENGLISH, suffix=".txt", **fields):
    return publisher.put(document_id, suffix, [text if isinstance(text, bytes) else text.encode()], fields)


def ended(publisher, job, seconds=120):
    deadline = time.monotonic() + seconds
    while (found := publisher.job(job.id)).state not in ("done", "failed"):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def files(documents, part):
    return sorted(path.name for path in documents.rglob("*") if part in path.name)


def test_what_is_sent_is_answered_from(indexed):
    with publishing(indexed) as publisher:
        sent = [
            put(publisher, "en/phare", ENGLISH, title="The lighthouse", url="https://example.org/phare"),
            put(publisher, "fr/phare", f"# Le phare\n\n{FRENCH}", ".md", language="fr", translation_of="en/phare"),
            put(publisher, "fr/phare-page", f"<title>x</title><p>{FRENCH}</p>".encode(), ".html", title="Une page"),
            put(publisher, "en/phare-pdf", pdf(ENGLISH), ".pdf", title="Printed", published="2025-03-18"),
            put(publisher, "fr/phare-docx", docx(FRENCH), ".docx", title="Écrit"),
            publisher.delete("en/orchard"),
        ]
        found = [ended(publisher, job) for job in sent]
        assert {job.state for job in found} == {"done"}
        current = IndexFolder(indexed.index).current_name()
        assert max(job.generation for job in found) == current
        pipeline = Pipeline(indexed)
        pipeline.open()
        try:
            read = {name: pipeline.document(name).article for name in ("en/phare", "fr/phare", "fr/phare-page")}
            read |= {name: pipeline.document(name).article for name in ("en/phare-pdf", "fr/phare-docx")}
            answer = pipeline.answer("When was the lighthouse of Cape Orlan lit?", remember=False)
            reponse = pipeline.answer("Quand le phare du cap Orlan a-t-il été allumé ?", remember=False)
            with pytest.raises(UnknownDocument):
                pipeline.document("en/orchard")
            translations = pipeline.document("en/phare").translations
        finally:
            pipeline.close()
    assert [read[name].title for name in read] == ["The lighthouse", "Le phare", "Une page", "Printed", "Écrit"]
    assert (read["en/phare"].url, read["en/phare-pdf"].published) == ("https://example.org/phare", "2025-03-18")
    assert "fr/phare" in translations
    assert any("phare" in citation.document_id for citation in answer.citations)
    assert "1962" in reponse.answer


def test_nothing_changes_before_what_is_wrong_is_said(publisher, documents, settings):
    before = sorted(documents.rglob("*"))
    wrong = [
        ("../out", ENGLISH, ".txt", {}),
        ("fr/pdf", b"%PDF-1.4 broken", ".pdf", {}),
        ("fr/vide", b"", ".txt", {}),
        ("fr/latin", "été".encode("latin-1"), ".md", {}),
        ("fr/langue", FRENCH, ".txt", {"language": "de"}),
        ("fr/date", FRENCH, ".txt", {"published": "demain"}),
        ("fr/soi", FRENCH, ".txt", {"translation_of": "fr/soi"}),
        ("fr/soi", f"---\ntranslation_of: fr/soi\n---\n{FRENCH}", ".md", {}),
    ]
    for document_id, text, suffix, fields in wrong:
        with pytest.raises(InvalidDocument):
            put(publisher, document_id, text, suffix, **fields)
    with pytest.raises(UnknownDocument):
        publisher.delete("fr/none")
    assert [path for path in sorted(documents.rglob("*")) if path.name != ".incoming"] == before
    assert not list((documents / ".incoming").iterdir())


def test_the_last_of_many_at_once_wins_and_nothing_is_mixed(publisher, documents):
    said: list[tuple[str, int]] = []

    def send(number):
        job = put(publisher, "en/phare", f"{ENGLISH} {number}", (".txt", ".md")[number % 2], title=f"Title {number}")
        said.append((job.created_at, number))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 12
    document, fields = files(documents, "phare")
    (number,) = {int((documents / "en" / name).read_text().split()[-1]) for name in (document, fields)}
    latest = max(said)[0]
    assert number in {each for at, each in said if at == latest}
    assert document.endswith((".txt", ".md")[number % 2])


def test_a_change_that_cannot_be_written_down_is_not_made(settings, documents):
    settings.index.write_text("a file in its place")
    with publishing(settings, started=False) as publisher, pytest.raises((IndexUnavailable, StorageUnavailable)):
        put(publisher, "en/phare")
    assert files(documents, "phare") == []


def test_a_database_that_takes_no_jobs_is_said_to_be_that(publisher, settings, documents, caplog):
    put(publisher, "en/phare")
    with closing(sqlite3.connect(settings.index / FILE)) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON qa_jobs BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(StorageUnavailable):
        put(publisher, "en/other")
    assert files(documents, "other") == []
    (said,) = warnings(caplog)
    assert said.startswith("Jobs of documents cannot be kept (SQLITE_CONSTRAINT")


def test_a_change_that_cannot_be_made_leaves_no_job(publisher, documents):
    (documents / "en").rename(documents / "was")
    (documents / "en").write_text("in the way")
    with pytest.raises(QAServiceError):
        put(publisher, "en/phare")
    (documents / "en").unlink()
    job = put(publisher, "en/phare")
    assert publisher.job(job.id).state == "queued"


@contextmanager
def killed_before_its_change(publisher, job_id, document_id, text):
    """A process that wrote down what it was about to do, and did nothing of it."""
    with publisher._folder.staged(job_id, ".md") as staged:
        staged.write([text.encode()], {})
        change = publisher._folder.placing(document_id, staged)
        publisher._jobs.add(job_id, "put", document_id, f"{document_id}.md", change.to_dict())
        yield


def test_what_a_killed_process_left_undoes_nothing_that_was_sent_since(publisher, documents):
    with killed_before_its_change(publisher, "a" * 32, "en/phare", "Of the killed one."):
        put(publisher, "en/phare", ENGLISH)
        assert publisher._jobs.unplaced() == []
    assert files(documents, "phare") == ["phare.txt"]
    assert (documents / "en/phare.txt").read_text() == ENGLISH


def test_a_change_that_a_killed_process_left_and_nobody_can_make_holds_nobody_up(publisher, documents):
    with killed_before_its_change(publisher, "a" * 32, "en/phare", "Of the killed one."):
        (documents / "en/phare.md").mkdir()
        put(publisher, "en/other", ENGLISH)
    assert files(documents, "other") == ["other.txt"]
    left = publisher.job("a" * 32)
    assert left.state == "failed"
    assert left.detail.startswith("The documents folder cannot be written (")
    assert str(documents) not in left.detail


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        publishing(load_settings(documents=tmp_path / "file", index=tmp_path / "index"), started=False) as publisher,
        pytest.raises(DocumentsUnavailable),
    ):
        put(publisher, "en/phare")


def test_the_index_is_not_emptied_where_its_documents_are_not_there(indexed, documents):
    documents.rename(documents.with_name("elsewhere"))
    with publishing(indexed, started=False) as publisher:
        for send in (lambda: put(publisher, "en/phare"), lambda: publisher.delete("en/orchard")):
            with pytest.raises(DocumentsUnavailable, match="is not there"):
                send()
            assert not documents.exists()
        documents.mkdir()  # as the place of a disk that is not mounted
        for send in (lambda: put(publisher, "en/phare"), lambda: publisher.delete("en/orchard")):
            with pytest.raises(DocumentsUnavailable, match="is empty"):
                send()
            assert not list(documents.iterdir())
        documents.rmdir()
        documents.with_name("elsewhere").rename(documents)
        put(publisher, "en/phare")


def test_at_least_one_document_is_taken_at_once(tmp_path):
    with (
        publishing(load_settings(documents=tmp_path, index=tmp_path / "index", threads=1), started=False) as publisher,
        publisher.room(),
        pytest.raises(TooManyDocuments),
        publisher.room(),
    ):
        pass


def test_a_service_that_publishes_nothing_says_what_waits(settings, publisher, caplog):
    create_app(settings).extensions["qa_service"].close()
    assert not warnings(caplog)
    for name in ("phare", "other"):
        put(publisher, f"en/{name}")
    create_app(settings).extensions["qa_service"].close()
    (said,) = warnings(caplog)
    assert "not be indexed yet: 2." in said
    assert "QA_ADMIN_KEYS" in said


def test_a_database_that_fails_stops_no_service(settings, caplog):
    settings.index.mkdir()
    (settings.index / FILE).write_text("no database")
    warn_of_waiting(settings)
    assert not warnings(caplog)


def test_what_editors_broke_is_logged_in_a_line_for_each_run(indexed, documents, caplog):
    for number in range(7):
        (documents / f"fr/cassé-{number}.txt").write_bytes(b"caf\xe9")
    (documents / "en/orchard.html.yaml").mkdir()
    with publishing(indexed) as publisher:
        assert ended(publisher, put(publisher, "en/phare")).state == "done"
    (said,) = warnings(caplog)
    assert "en/orchard.html has a .yaml file that is not a regular file; " in said
    assert "fr/cassé-0.txt is not UTF-8 text; " in said
    assert "and 3 more" in said
    assert "fr/cassé-6" not in said
    assert str(documents) not in said


def running(publisher):
    """The process of the run that goes on."""
    deadline = time.monotonic() + 20
    while (run := publisher._worker._run) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return run


def test_many_jobs_wait_for_other_runs_outlive_a_killed_one_and_do_not_stop_each_other(indexed, documents):
    before = IndexFolder(indexed.index).candidates()[0].number
    with publishing(indexed) as publisher:
        with IndexFolder(indexed.index).writing():
            jobs = [put(publisher, f"en/many-{number}", f"{ENGLISH} Number {number}.") for number in range(30)]
            broken = put(publisher, "fr/phare", FRENCH)
            running(publisher).wait()
            (documents / "fr/phare.txt").write_bytes(b"caf\xe9")  # an editor's mistake, after it was checked
            deadline = time.monotonic() + 20
            while {publisher.job(job.id).state for job in jobs} != {"queued"}:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        os.kill(running(publisher).pid, signal.SIGKILL)
        assert {ended(publisher, job).state for job in jobs} == {"done"}
        found = ended(publisher, broken)
    assert (found.state, found.detail) == ("failed", "fr/phare.txt is not UTF-8 text.")
    assert IndexFolder(indexed.index).candidates()[0].number - before <= 2


def test_the_end_of_a_service_ends_its_run_and_the_next_one_takes_everything_up(indexed, documents):
    with publishing(indexed) as publisher:
        job = put(publisher, "en/phare")
        run = running(publisher)
    assert run.returncode is not None  # ended, and no zombie
    # And a process that was killed had written down a change, and made half of it.
    half = "a" * 32
    with publishing(indexed, started=False) as publisher:
        with publisher._folder.staged(half, ".md") as staged:
            staged.write([FRENCH.encode()], {"title": "Le phare"})
            change = publisher._folder.placing("fr/phare", staged)
            publisher._jobs.add(half, "put", "fr/phare", "fr/phare.md", change.to_dict())
            staged.path.replace(documents / "fr/phare.md")
            staged.fields_path.rename(documents / ".incoming/kept")
        (documents / ".incoming/kept").rename(staged.fields_path)
    with publishing(indexed) as publisher:
        assert [ended(publisher, publisher.job(each)).state for each in (job.id, half)] == ["done", "done"]
    assert "Le phare" in (documents / "fr/phare.md.yaml").read_text()


def test_removing_the_last_document_says_that_it_stays_answerable(tmp_path):
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "phare.txt").write_text(ENGLISH)
    settings = load_settings(documents=tmp_path / "documents", index=tmp_path / "index")
    with publishing(settings) as publisher:
        found = ended(publisher, publisher.delete("phare"))
    assert found.state == "failed"
    assert found.detail == "There are no documents to index; the index was left as it was."


def test_after_the_last_document_another_one_can_be_sent(index_texts, tmp_path):
    settings = index_texts(tmp_path, {"phare": ENGLISH})
    with publishing(settings) as publisher:
        assert ended(publisher, publisher.delete("phare")).state == "failed"
        assert ended(publisher, put(publisher, "en/phare")).state == "done"
