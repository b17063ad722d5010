"""How rare a word is in the indexed passages, asked in either language."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.words import Words, WordVectors, content_words, similarity

FILE = "vocabulary.json"

# Rarer words than these tell nothing that "very rare" does not.
_KEPT = 30_000
# From this cosine on, two words of the table are mostly translations or forms of each other.
_SAME_MEANING = 0.6


class Vocabulary:
    """The words of the indexed passages, of both languages, and in how many passages each stands."""

    def __init__(self, counts: dict[str, int], passages: int, vectors: WordVectors) -> None:
        """Word counts over so many passages."""
        self._passages = passages
        self._words = vectors.of(list(counts))
        self._counts = np.array(list(counts.values()), dtype=np.float32)

    @classmethod
    def load(cls, folder: Path, vectors: WordVectors) -> Vocabulary:
        """Read what ``write_vocabulary`` wrote."""
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(stored["counts"], stored["passages"], vectors)

    def rarity(self, question: Words) -> NDArray[np.float32]:
        """Inverse document frequency of each word of a question, by the commonest word that means the same.

        The form is BM25's (Robertson and Zaragoza, 2009), scaled so that a word that stands nowhere has 1.
        """
        counts = np.zeros(len(question.folded), dtype=np.float32)
        if len(self._counts) and len(counts):
            same = similarity(question, self._words) >= _SAME_MEANING
            counts = (same * self._counts).max(axis=1)
        rare = np.log1p((self._passages - counts + 0.5) / (counts + 0.5))
        scaled: NDArray[np.float32] = (rare / np.log1p((self._passages + 0.5) / 0.5)).astype(np.float32)
        return scaled


def write_vocabulary(folder: Path, texts: Iterable[str]) -> None:
    """Count the words of all passages into a generation's folder."""
    counts: Counter[str] = Counter()
    passages = 0
    for text in texts:
        counts.update(content_words(text))
        passages += 1
    stored = {"passages": passages, "counts": dict(counts.most_common(_KEPT))}
    (folder / FILE).write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")
