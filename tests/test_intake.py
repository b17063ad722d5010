"""Writing the documents folder: all or nothing, through no link, and the same again after a kill."""

from __future__ import annotations

import json
import os
import time
import unicodedata
from contextlib import contextmanager
from pathlib import Path

import pytest

from qa_service.articles import find_documents
from qa_service.errors import DocumentConflict, DocumentsUnavailable, UnknownDocument
from qa_service.intake import Change, DocumentsFolder


@pytest.fixture
def folder(documents) -> DocumentsFolder:
    return DocumentsFolder(documents)


@contextmanager
def sent(folder, document_id, text="Text.", suffix=".md", **fields):
    """A document staged, and the change that puts it in place, which is not made yet."""
    with folder.staged("job", suffix) as staged:
        staged.write([text.encode()], fields)
        yield folder.placing(document_id, staged)


def put(folder, document_id, text="Text.", suffix=".md", **fields):
    with sent(folder, document_id, text, suffix, **fields) as change:
        folder.apply(change)


def listing(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() or path.is_symlink()}


def test_a_new_document_with_its_fields(folder, documents):
    before = listing(documents)
    put(folder, "fr/2025/été", "Le texte.", title="Un titre : le mien", translation_of="en/orchard")
    assert listing(documents) - before == {"fr/2025/été.md", "fr/2025/été.md.yaml"}
    assert (documents / "fr/2025/été.md").read_text() == "Le texte."
    assert not list((documents / ".incoming").iterdir())
    assert "fr/2025/été" in {file.id for file in find_documents([documents])[0]}


def test_the_place_of_another_format_and_of_older_fields_is_taken(folder, documents):
    put(folder, "en/report", "First.", ".txt", title="First")
    put(folder, "en/report", "Second.", ".md")
    assert {name for name in listing(documents) if "report" in name} == {"en/report.md"}
    put(folder, "en/report", "Third.", ".md", title="Third")
    put(folder, "en/report", "Fourth.", ".md")
    assert {name for name in listing(documents) if "report" in name} == {"en/report.md"}


def test_fields_without_their_document_do_not_come_back(folder, documents):
    (documents / "en/alone.md.yaml").write_text("title: Of another time")
    put(folder, "en/alone")
    assert not (documents / "en/alone.md.yaml").exists()


def test_a_name_that_ends_like_a_suffix_is_another_document(folder, documents):
    put(folder, "en/x", "One.")
    put(folder, "en/x.md", "Two.")
    assert {name for name in listing(documents) if "/x" in name} == {"en/x.md", "en/x.md.md"}
    folder.apply(folder.removing("en/x"))
    assert {name for name in listing(documents) if "/x" in name} == {"en/x.md.md"}


def test_accents_that_the_disk_spells_otherwise_are_the_same_document(folder, documents):
    spelt = unicodedata.normalize("NFD", "fr/é/été")
    (documents / spelt).parent.mkdir()
    (documents / f"{spelt}.txt").write_text("Ancien.")
    put(folder, "fr/é/été", "Nouveau.")
    found, problems = find_documents([documents])
    assert not problems
    assert [file.path.read_text() for file in found if file.id == "fr/é/été"] == ["Nouveau."]


@pytest.mark.parametrize("document_id", ["EN/orchard", "en/Orchard", "FR/new"])
def test_ids_that_differ_only_in_capitals_do_not_stand_beside_each_other(folder, documents, document_id):
    before = listing(documents)
    with pytest.raises(DocumentConflict, match="capitals"):
        put(folder, document_id)
    assert listing(documents) == before


def test_a_file_in_place_of_a_folder_and_the_other_way_round(folder, documents):
    (documents / "note").write_text("no document")
    (documents / "en/map.md").mkdir()
    before = listing(documents)
    for document_id in ("note/x", "en/map"):
        with pytest.raises(DocumentConflict, match="choose another id"):
            put(folder, document_id)
    assert listing(documents) == before


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_something_else_in_place_of_the_fields(folder, documents, make):
    put(folder, "en/gull", "First.", ".txt", title="First")
    make(documents / "en/gull.md.yaml")
    before = listing(documents)
    for fields in ({}, {"title": "A gull"}):
        with pytest.raises(DocumentConflict, match=r"en/gull\.md\.yaml is no file"):
            put(folder, "en/gull", "Second.", ".md", **fields)
    assert listing(documents) == before
    put(folder, "en/gull", "Second.", ".txt")  # whose fields belong elsewhere


def test_a_link_in_place_of_the_fields_is_replaced(folder, documents, tmp_path):
    (tmp_path / "outside").mkdir()
    (documents / "en/gull.md.yaml").symlink_to(tmp_path / "outside")
    put(folder, "en/gull", title="A gull")
    assert not (documents / "en/gull.md.yaml").is_symlink()
    assert not listing(tmp_path / "outside")


def test_nothing_is_written_through_a_link(folder, documents, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("secret")
    (documents / "out").symlink_to(outside)
    (documents / "en/link.md").symlink_to(outside / "secret.md")
    for change in (lambda: put(folder, "out/secret"), lambda: folder.apply(folder.removing("out/secret"))):
        with pytest.raises(DocumentConflict, match="link"):
            change()
    put(folder, "en/link", "Mine.")
    assert not (documents / "en/link.md").is_symlink()
    assert (outside / "secret.md").read_text() == "secret"
    (documents / "en/other.md").symlink_to(outside / "secret.md")
    folder.apply(folder.removing("en/other"))
    assert listing(outside) == {"secret.md"}


def test_a_staging_folder_that_leads_elsewhere_is_not_used(documents, tmp_path):
    (tmp_path / "outside").mkdir()
    (documents / ".incoming").symlink_to(tmp_path / "outside")
    with pytest.raises(DocumentsUnavailable):
        put(DocumentsFolder(documents), "en/x")
    assert not listing(tmp_path / "outside")


def test_removing_takes_all_files_and_what_becomes_empty(folder, documents):
    before = listing(documents)
    put(folder, "fr/a/b/x", title="Un titre")
    put(folder, "fr/a/y")
    folder.apply(folder.removing("fr/a/b/x"))
    assert listing(documents) - before == {"fr/a/y.md"}
    assert not (documents / "fr/a/b").exists()
    folder.apply(folder.removing("fr/a/y"))
    assert not (documents / "fr/a").exists()
    assert listing(documents) == before
    with pytest.raises(UnknownDocument):
        folder.removing("fr/a/y")


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_an_interrupted_change_is_made_again(folder, documents, steps):
    put(folder, "en/report", "Old.", ".txt", title="Old")
    with sent(folder, "en/report", "New.", ".md", title="New") as change:
        kept = Change.of(json.loads(json.dumps(change.to_dict())))
        for source, place, _ in change.moves[:steps]:
            (documents / source).replace(documents / place)
        folder.apply(kept)
        folder.apply(kept)
    assert {name for name in listing(documents) if "report" in name} == {"en/report.md", "en/report.md.yaml"}
    assert (documents / "en/report.md").read_text() == "New."
    assert "New" in (documents / "en/report.md.yaml").read_text()


@pytest.mark.parametrize("suffix", [".md", ".txt"])
def test_where_what_was_sent_is_lost_the_old_stays(folder, documents, suffix):
    put(folder, "en/report", "Old.", ".txt", title="Old")
    before = listing(documents)
    with sent(folder, "en/report", "New.", suffix) as change:
        pass
    folder.apply(change)
    assert listing(documents) == before
    assert (documents / "en/report.txt").read_text() == "Old."


def test_a_change_made_again_spares_what_came_since(folder, documents):
    change = folder.removing("en/orchard")
    editors = documents / "en/orchard.new"
    editors.write_text("<p>The editor's own.</p>")
    editors.replace(documents / "en/orchard.html")
    folder.apply(change)
    assert (documents / "en/orchard.html").exists()


def test_what_killed_processes_left_is_deleted_later(folder, documents):
    with folder.staged("job", ".md") as staged:
        staged.write([b"x"], {})
        strays = [documents / ".incoming" / name for name in ("old.md", "old.md.yaml")]
        for stray in strays:
            stray.write_text("x")
            os.utime(stray, (time.time() - 7_200,) * 2)
        folder.delete_strays()
        assert {path.name for path in (documents / ".incoming").iterdir()} == {"job.md"}


def test_a_folder_that_cannot_be_written_is_said_without_its_path(tmp_path):
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "none" / "documents"):
        with pytest.raises(DocumentsUnavailable) as error:
            put(DocumentsFolder(root), "en/x")
        assert str(tmp_path) not in str(error.value)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_not_the_one_that_was_indexed_is_told_without_its_path(tmp_path):
    (tmp_path / "empty" / "en").mkdir(parents=True)
    (tmp_path / "empty" / "note").write_text("no document")
    (tmp_path / "file").write_text("")
    for name in ("none", "file", "empty"):
        with pytest.raises(DocumentsUnavailable, match="QA_DOCUMENTS") as error:
            DocumentsFolder(tmp_path / name).require_indexed()
        assert str(tmp_path) not in str(error.value)
    assert not (tmp_path / "none").exists()
    assert listing(tmp_path / "empty") == {"note"}


def test_the_folder_that_was_emptied_over_http_is_still_the_right_one(tmp_path):
    (tmp_path / "x.md").write_text("Text.")
    folder = DocumentsFolder(tmp_path)
    folder.require_indexed()
    folder.apply(folder.removing("x"))
    assert not listing(tmp_path)
    folder.require_indexed()


def test_an_empty_start_makes_the_folder(tmp_path):
    put(DocumentsFolder(tmp_path / "documents"), "en/x")
    assert listing(tmp_path / "documents") == {"en/x.md"}
