"""The dense vectors of one generation: Chroma, with one collection per language.

A metadata filter on the language would cost hundreds of milliseconds on a large collection; a collection of its own
costs nothing. Vectors are always given, so that Chroma's default embedding function, which downloads a model, is
never reached.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from langchain_core.embeddings import Embeddings

from qa_service.chunking import Passage
from qa_service.embeddings import Vectors
from qa_service.errors import IndexMismatch, IndexUnavailable
from qa_service.language import LANGUAGES, Language

if TYPE_CHECKING:  # chromadb and langchain_chroma take a second to import: only those who open a store wait for it
    from chromadb.api.client import Client
    from chromadb.api.collection_configuration import CreateCollectionConfiguration
    from langchain_chroma import Chroma

FOLDER = "vectors"
BATCH = 2_000
# Chroma's default of 100 finds 0.60 of the true neighbours in the worst case measured, 400 finds 0.94.
_HNSW: CreateCollectionConfiguration = {"hnsw": {"space": "cosine", "ef_search": 400}}


class VectorStore:
    """The collections of a generation, opened for reading. Open it after a worker has forked, and close it."""

    def __init__(self, folder: Path, model: Embeddings, dimensions: int) -> None:
        """Open the store in a reader's own copy of a generation; vectors have so many dimensions, 0 without any."""
        from langchain_chroma import Chroma

        self._dimensions = dimensions
        with ExitStack() as resources:
            self._client = _client(folder)
            resources.callback(self._client.close)
            self._collections: dict[Language, Chroma] = {
                language: Chroma(
                    client=self._client,
                    collection_name=_collection(language),
                    embedding_function=model,
                    create_collection_if_not_exists=False,
                )
                for language in LANGUAGES
            }
            self._resources = resources.pop_all()

    def search(self, vector: Sequence[float], language: Language, count: int) -> list[tuple[int, float]]:
        """The passages of one language nearest to a vector: passage number and cosine similarity, best first.

        Raises IndexMismatch for a vector of another length: a provider may change its model under the same name.
        Raises IndexUnavailable when the files are gone.
        """
        _require_own_process()
        if self._dimensions and len(vector) != self._dimensions:
            raise IndexMismatch(
                "The embedding model gives vectors of another length now; run `qa-service index --rebuild`."
            )
        from chromadb.errors import ChromaError

        try:
            found = self._collections[language].similarity_search_by_vector_with_relevance_scores(list(vector), k=count)
        except ChromaError:
            raise IndexUnavailable("The index cannot be read any more; run `qa-service index`.") from None
        return [(document.metadata["number"], 1 - distance) for document, distance in found]

    def count(self, language: Language) -> int:
        """How many passages of a language there are."""
        return self._client.get_collection(_collection(language), embedding_function=None).count()

    def vectors(self, passages: Sequence[Passage]) -> dict[str, Vectors]:
        """The stored vector of each of these passages that has one, by passage key."""
        found: dict[str, Vectors] = {}
        for language in LANGUAGES:
            keys = [key(passage) for passage in passages if passage.language == language]
            for start in range(0, len(keys), BATCH):
                rows = self._collections[language].get(ids=keys[start : start + BATCH], include=["embeddings"])
                found |= zip(rows["ids"], np.asarray(rows["embeddings"], dtype=np.float32), strict=True)
        return found

    def close(self) -> None:
        """Let go of the files."""
        self._resources.close()


def key(passage: Passage) -> str:
    """The id of a passage in Chroma: it stays the same from one generation to the next."""
    return f"{passage.document_id}#{passage.number}"


def write_vectors(folder: Path, rows: Iterable[tuple[int, Passage, Vectors]]) -> None:
    """Write passages, numbered, with their vectors into a new store in a generation's folder, and close it."""
    client = _client(folder)
    try:
        collections = {
            language: client.create_collection(_collection(language), configuration=_HNSW, embedding_function=None)
            for language in LANGUAGES
        }
        by_language: dict[Language, list[tuple[int, Passage, Vectors]]] = {language: [] for language in LANGUAGES}
        for row in rows:
            by_language[row[1].language].append(row)
        for language, own in by_language.items():
            for start in range(0, len(own), BATCH):
                some = own[start : start + BATCH]
                # The service reads ids, vectors and numbers alone. The texts and their places are for others: with
                # them, each collection opens as a LangChain vector store whose documents have content and source.
                collections[language].upsert(
                    ids=[key(passage) for _, passage, _ in some],
                    embeddings=np.stack([vector for _, _, vector in some]),
                    documents=[passage.text for _, passage, _ in some],
                    metadatas=[
                        {
                            "number": number,
                            "document_id": passage.document_id,
                            "start": passage.start,
                            "end": passage.end,
                        }
                        for number, passage, _ in some
                    ],
                )
    finally:
        client.close()


def _collection(language: Language) -> str:
    return f"passages-{language}"


# Chroma's threads do not survive a fork: in a process forked from one that has used it, any call would wait for ever.
_used_in: set[int] = set()


def _require_own_process() -> None:
    if _used_in and os.getpid() not in _used_in:
        raise IndexUnavailable("The index was opened before this process was forked; open it in each worker instead.")
    _used_in.add(os.getpid())


def _client(folder: Path) -> Client:
    import chromadb
    from chromadb.config import Settings

    _require_own_process()
    client = chromadb.PersistentClient(path=str(folder / FOLDER), settings=Settings(anonymized_telemetry=False))
    return cast("Client", client)
