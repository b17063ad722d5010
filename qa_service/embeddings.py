"""The embedded bilingual model: texts of either language as vectors in one space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from qa_service.tokens import MODEL_DIRECTORY, token_ids

Vectors = NDArray[np.float32]


class BilingualEmbeddings(Embeddings):
    """Static English/French sentence vectors as a LangChain ``Embeddings``.

    A text's vector is the normalised sum of its tokens' vectors; frequent tokens have short ones, so the weighting by
    frequency is part of the table. Nothing is downloaded and nothing but numpy and tiktoken is needed.
    """

    WEIGHTS_FILE: ClassVar[str] = "vectors.npz"

    def __init__(self, table: Vectors | None = None) -> None:
        """Use the shipped table, or one of shape (tokens, dimensions) for the shipped token table."""
        self.table = _shipped_table() if table is None else table
        self.dimensions = int(self.table.shape[1])

    @classmethod
    def load(cls, directory: Path) -> BilingualEmbeddings:
        """Read the weights of a directory."""
        return cls(_read_table(directory / cls.WEIGHTS_FILE))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (texts, dimensions); a text without any token gives zeros."""
        return unit(self.sums(texts))

    def sums(self, texts: Sequence[str]) -> Vectors:
        """The sums of the texts' token vectors, not scaled: a longer one says more of what its text is about."""
        sums = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, ids in enumerate(token_ids(texts)):
            if ids:
                self.table.take(ids, axis=0).sum(axis=0, out=sums[row])
        return sums

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        vectors: list[list[float]] = self.encode(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text; questions and passages share one space."""
        return self.embed_documents([text])[0]


def unit(rows: Vectors) -> Vectors:
    """Rows scaled to length one; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    scaled: Vectors = rows / lengths
    return scaled


def _read_table(path: Path) -> Vectors:
    with np.load(path, allow_pickle=False) as stored:
        table: Vectors = stored["rows"].astype(np.float32) * stored["scales"].astype(np.float32)[:, None]
    return table


@cache
def _shipped_table() -> Vectors:
    return _read_table(MODEL_DIRECTORY / BilingualEmbeddings.WEIGHTS_FILE)
