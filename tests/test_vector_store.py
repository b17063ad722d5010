"""The dense vectors in Chroma: a collection per language, written once and read back as they were."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings
from langchain_chroma import Chroma
from langchain_core.embeddings import FakeEmbeddings

from qa_service.chunking import Passage
from qa_service.errors import IndexMismatch
from qa_service.vector_store import FOLDER, VectorStore, key, write_vectors

DIMENSIONS = 8
OFFLINE = """
import socket, sys
from pathlib import Path
def refuse(*_, **__): raise AssertionError("the network was asked for")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
import numpy as np
from langchain_core.embeddings import FakeEmbeddings
from qa_service.chunking import Passage
from qa_service.vector_store import VectorStore, write_vectors
folder = Path(sys.argv[1])
write_vectors(folder, [(0, Passage("a", "en", 0, 0, 1, "x", "t"), np.ones(8, dtype=np.float32))])
store = VectorStore(folder, FakeEmbeddings(size=8), 8)
assert [number for number, _ in store.search([1.0] * 8, "en", 3)] == [0]
store.close()
"""


def passage(number: int, language: str = "en", document_id: str = "en/a") -> Passage:
    return Passage(document_id, language, number, 0, 4, "text", "Title")


def rows(count: int, language: str = "en", start: int = 0):
    vectors = np.random.default_rng(start).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return [(start + n, passage(n, language, f"{language}/a"), vector) for n, vector in enumerate(vectors)]


def opened(folder, dimensions: int = DIMENSIONS) -> VectorStore:
    return VectorStore(folder, FakeEmbeddings(size=DIMENSIONS), dimensions)


def assert_nothing_piles_up(action) -> None:
    """Open files and threads after many times are about those after a few; Chroma ends its own a moment late."""

    def used() -> int:
        return len(os.listdir("/proc/self/fd")) + len(os.listdir("/proc/self/task"))

    for _ in range(3):
        action()
    before = used()
    for _ in range(20):
        action()
    deadline = time.monotonic() + 10
    while used() > before + 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert used() <= before + 5


@pytest.fixture
def store(tmp_path):
    write_vectors(tmp_path, rows(20) + rows(5, "fr", start=100))
    opening = opened(tmp_path)
    yield opening
    opening.close()


def test_a_vector_finds_its_passage_first(store):
    for number, _, vector in rows(20):
        (found, cosine), *_ = store.search(vector.tolist(), "en", 3)
        assert found == number
        assert cosine == pytest.approx(1, abs=1e-5)


def test_languages_are_apart(store):
    assert (store.count("en"), store.count("fr")) == (20, 5)
    assert {number for number, _ in store.search([1.0] * DIMENSIONS, "fr", 50)} == set(range(100, 105))


def test_best_come_first(store):
    cosines = [cosine for _, cosine in store.search([1.0] * DIMENSIONS, "en", 20)]
    assert cosines == sorted(cosines, reverse=True)
    assert len(cosines) == 20


def test_vectors_are_given_back_as_they_were(store):
    written = rows(20) + rows(5, "fr", start=100)
    found = store.vectors([passage for _, passage, _ in written])
    assert len(found) == 25
    assert all(found[key(passage)] == pytest.approx(vector, abs=1e-6) for _, passage, vector in written)


def test_a_passage_without_a_vector_is_left_out(store):
    assert store.vectors([passage(99)]) == {}
    assert store.vectors([]) == {}


def test_an_empty_language_finds_nothing(tmp_path):
    write_vectors(tmp_path, rows(1))
    store = opened(tmp_path)
    assert store.count("fr") == 0
    assert store.search([1.0] * DIMENSIONS, "fr", 5) == []
    store.close()


@pytest.mark.parametrize("length", [0, 1, DIMENSIONS - 1, DIMENSIONS + 1])
def test_a_vector_of_another_length_is_said_in_one_line(store, length):
    with pytest.raises(IndexMismatch, match=r"^The embedding model gives .*--rebuild`\.$"):
        store.search([1.0] * length, "en", 3)


def test_where_nothing_is_stored_every_length_will_do(tmp_path):
    write_vectors(tmp_path, [])
    store = opened(tmp_path, 0)
    assert store.search([1.0] * DIMENSIONS, "en", 5) == store.search([1.0], "fr", 5) == []
    assert store.vectors([passage(1)]) == {}
    store.close()


def test_langchain_opens_a_collection_and_finds_texts_and_their_places(tmp_path):
    write_vectors(tmp_path, rows(3))
    client = chromadb.PersistentClient(str(tmp_path / FOLDER), settings=Settings(anonymized_telemetry=False))
    chroma = Chroma(
        "passages-en", FakeEmbeddings(size=DIMENSIONS), client=client, create_collection_if_not_exists=False
    )
    (document,) = chroma.similarity_search_by_vector(rows(3)[1][2].tolist(), k=1)
    assert document.page_content == "text"
    assert document.metadata == {"number": 1, "document_id": "en/a", "start": 0, "end": 4}
    client.close()


def test_a_vector_without_direction_is_stored_and_harms_no_other(tmp_path):
    others = rows(10)
    write_vectors(tmp_path, [(50, passage(50), np.zeros(DIMENSIONS, dtype=np.float32)), *others])
    store = opened(tmp_path)
    assert store.search(others[3][2].tolist(), "en", 1)[0][0] == 3
    assert len(store.search([0.0] * DIMENSIONS, "en", 20)) == 11
    assert not store.vectors([passage(50)])[key(passage(50))].any()
    store.close()


def test_more_passages_than_a_batch(tmp_path):
    many = rows(4_500)
    write_vectors(tmp_path, many)
    store = opened(tmp_path)
    assert store.count("en") == 4_500
    assert len(store.vectors([passage for _, passage, _ in many])) == 4_500
    assert store.search(many[4_321][2].tolist(), "en", 1)[0][0] == 4_321
    store.close()


def test_keys_differ_whatever_the_ids():
    keys = [key(passage(n, document_id=name)) for name in ("a", "a#1", "a#1#0", "a/b") for n in range(12)]
    assert len(set(keys)) == len(keys)


def test_threads_may_search_at_once(store):
    start = threading.Barrier(4)

    def search(_):
        start.wait()
        return [store.search(vector.tolist(), "en", 1)[0][0] for _ in range(10) for _, _, vector in rows(20)]

    with ThreadPoolExecutor(4) as pool:
        assert all(found == list(range(20)) * 10 for found in pool.map(search, range(4)))


def test_opening_and_closing_keeps_nothing_open(tmp_path):
    write_vectors(tmp_path, rows(20))

    def open_and_close():
        store = opened(tmp_path)
        store.search([1.0] * DIMENSIONS, "en", 3)
        store.close()

    assert_nothing_piles_up(open_and_close)


def test_a_folder_that_is_no_store_keeps_nothing_open(tmp_path):
    def fail():
        with pytest.raises(Exception, match="passages-en"):
            opened(tmp_path)

    assert_nothing_piles_up(fail)


def test_no_network_is_asked_for(tmp_path):
    run = subprocess.run([sys.executable, "-c", OFFLINE, str(tmp_path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
