"""Which stems are related: vectors of single stems, of both languages in one space.

The token table holds what makes two sentences translations of each other. This one holds the company that stems keep,
so that "trip" meets "visite" and "sea" meets "océan". ``training/stem_vectors.py`` makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from qa_service.language import Language, fold, other
from qa_service.stems import stem
from qa_service.tokens import MODEL_DIRECTORY

STEMS_FILE = "stems.txt"
VECTORS_FILE = "stems.npz"
# Stemming costs more than looking up; the words of an index come up again and again.
_REMEMBERED = 50_000


def labelled(word: str, language: Language) -> str:
    """A stem with its language, as the table lists it: "pain" is bread in French alone."""
    return f"{language}:{word}"


class RelatedStems:
    """Unit vectors of stems; the row of zeros stands for those it does not know."""

    def __init__(self, places: dict[str, int], vectors: NDArray[np.float32]) -> None:
        """Labelled stems with their rows, and vectors of shape (stems + 1, dimensions), the last row zeros."""
        self._places = places
        self._vectors = vectors
        self.place = lru_cache(maxsize=_REMEMBERED)(self._place)

    def of(self, words: Sequence[str], language: Language) -> NDArray[np.float32]:
        """The vectors of words of one language, shape (words, dimensions); where it lacks one, the other's."""
        return self._vectors[[self.place(word, language) for word in words]]

    def none(self, words: int) -> NDArray[np.float32]:
        """Zeros for so many words of no known language."""
        return np.zeros((words, self._vectors.shape[1]), dtype=np.float32)

    def _place(self, word: str, language: Language) -> int:
        """The row of a word; ``place`` remembers it."""
        folded = fold(word)
        found = self._places.get(labelled(stem(folded, language), language))
        if found is None:
            found = self._places.get(labelled(stem(folded, other(language)), other(language)), -1)
        return found


@cache
def related_stems() -> RelatedStems:
    """The shipped table."""
    names = (MODEL_DIRECTORY / STEMS_FILE).read_text(encoding="utf-8").splitlines()
    with np.load(MODEL_DIRECTORY / VECTORS_FILE, allow_pickle=False) as stored:
        rows = stored["rows"].astype(np.float32) * stored["scales"].astype(np.float32)[:, None]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)
    vectors = np.concatenate([rows, np.zeros((1, rows.shape[1]), dtype=np.float32)])
    return RelatedStems({name: row for row, name in enumerate(names)}, vectors)
