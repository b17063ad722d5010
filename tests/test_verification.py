"""Verification: a fresh look at a new generation finds what is missing from it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from qa_service.chunking import Passage
from qa_service.errors import IndexMismatch, IndexUnavailable
from qa_service.generations import IndexFolder
from qa_service.vector_store import key, write_vectors
from qa_service.verification import MEASURE, REFUSED, WAIT, _find_again, verify


@pytest.fixture
def tampered(folder, sealed_copy):
    """Make a sealed generation that is not current, out of the current one after a change; its name."""

    def make(change=lambda path: None, **manifest) -> str:
        with folder.writing():
            return sealed_copy(folder, change, **manifest).name

    return make


def rewrite_vectors(path, change) -> None:
    """Write all vectors anew, after a change to the rows of number, passage and vector."""
    with sqlite3.connect(path / "documents.db") as connection:
        query = 'SELECT number, document_id, language, position, start, "end", text FROM passages'
        rows = [(number, Passage(*rest, "Title")) for number, *rest in connection.execute(query)]
    connection.close()
    shutil.rmtree(path / "vectors")
    generator = np.random.default_rng(0)
    write_vectors(path, change([(n, p, generator.normal(size=256).astype(np.float32)) for n, p in rows]))


def test_a_whole_generation_passes(folder, tampered):
    assert verify(folder.path, tampered(), "") < 0
    assert [path.name for path in (folder.path / "readers").iterdir()] == ["lock"]


def test_a_missing_vector_is_noticed(folder, tampered):
    name = tampered(lambda path: rewrite_vectors(path, lambda rows: rows[1:]))
    with pytest.raises(IndexUnavailable, match="vectors of en passages"):
        verify(folder.path, name, "")


def test_a_vector_of_another_passage_is_noticed(folder, tampered):
    def misnamed(rows):
        (number, passage, vector), *rest = rows
        return [(number, replace(passage, number=77), vector), *rest]

    name = tampered(lambda path: rewrite_vectors(path, misnamed))
    with pytest.raises(IndexUnavailable, match="has no vector"):
        verify(folder.path, name, "")


def test_a_crowd_of_passages_that_are_nearly_alike_is_no_fault(tmp_path, index_texts):
    """The search is approximate: among so many it may find others of the crowd, and not always the nearest."""
    book = "\n".join(f"Chapter {n} tells of the harbour, the ferry and the lighthouse once more." for n in range(3_000))
    settings = index_texts(tmp_path, {"en/book": book, "en/note": "A note.\n\nThe baker sells rye bread on Fridays."})
    assert verify(settings.index, IndexFolder(settings.index).candidates()[0].name, "") < 0


@pytest.mark.parametrize(
    ("missed", "of", "fault"), [(0, 1, False), (1, 1, True), (2, 2, True), (25, 50, False), (26, 50, True)]
)
def test_most_passages_must_be_found(missed, of, fault):
    passages = [Passage("en/a", "en", n, 0, 4, "text", "T") for n in range(of)]
    vectors = SimpleNamespace(
        vectors=lambda asked: {key(asked[0]): np.full(2, asked[0].number + 1.0)},
        search=lambda vector, language, k: [] if vector[0] <= missed else [("x", 1.0)],
    )
    with pytest.raises(IndexUnavailable, match="not found") if fault else nullcontext():
        _find_again(SimpleNamespace(vectors=vectors), passages)


def test_a_passage_without_direction_is_no_fault(folder, tampered):
    def one_of_zeros(rows):
        return [(*rows[0][:2], np.zeros(256, dtype=np.float32)), *rows[1:]]

    verify(folder.path, tampered(lambda path: rewrite_vectors(path, one_of_zeros)), "")


def test_a_missing_passage_is_noticed(folder, tampered):
    def delete_one(path):
        with sqlite3.connect(path / "documents.db") as connection:
            connection.execute("DELETE FROM passages WHERE number = 0")
        connection.close()

    with pytest.raises(IndexUnavailable, match="Passage 0"):
        verify(folder.path, tampered(delete_one), "")


def test_a_damaged_file_is_noticed(folder, tampered):
    name = tampered()
    (folder.generation(name).path / "vocabulary.json").write_text("{}")
    with pytest.raises(IndexUnavailable, match=r"vocabulary\.json"):
        verify(folder.path, name, "")


def test_another_model_is_noticed(folder, tampered):
    with pytest.raises(IndexMismatch):
        verify(folder.path, tampered(model="openai:small"), "")


def test_as_a_process_it_says_how_well_unrelated_questions_are_met(folder, tampered):
    run = verification(folder, tampered(), MEASURE)
    assert (run.returncode, run.stderr) == (0, "")
    assert float(run.stdout) < 0


def test_as_a_process_it_may_check_alone(folder, tampered):
    run = verification(folder, tampered())
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_as_a_process_it_says_what_is_wrong_in_one_line(folder, tampered):
    run = verification(folder, tampered(lambda path: rewrite_vectors(path, lambda rows: rows[1:])))
    assert run.returncode == REFUSED
    assert run.stderr.count("\n") == 1
    assert "vectors of en passages" in run.stderr


def test_as_a_process_it_may_be_started_before_there_is_anything_and_ends_with_whoever_started_it(folder, tampered):
    told = verification(folder, tampered(), WAIT, MEASURE, said="begin\n")
    assert (told.returncode, told.stderr) == (0, "")
    assert float(told.stdout) < 0
    alone = verification(folder, "000009-none", WAIT, MEASURE, said="")
    assert (alone.returncode, alone.stdout, alone.stderr) == (REFUSED, "", "")


def verification(folder, name, *options, said=None):
    command = [sys.executable, "-m", "qa_service.verification", str(folder.path), name, "", *options]
    return subprocess.run(command, input=said, capture_output=True, text=True, check=False)
