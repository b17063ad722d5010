"""The lexical index of one language: BM25 over folded, stemmed words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from qa_service.language import Language, folded_stop_words
from qa_service.stems import folded_words, stems

# bm25s sets its own logger to tell every step.
logging.getLogger("bm25s").setLevel(logging.WARNING)


def terms(text: str, language: Language) -> list[str]:
    """The index terms of a text: words without elisions, accents, stop words and endings; numbers stay whole."""
    stop_words = folded_stop_words(language)
    return stems([word for word in folded_words(text, language) if word not in stop_words], language)


class LexicalIndex:
    """BM25 (Robertson and Zaragoza, 2009) over the passages of one language, by bm25s."""

    def __init__(self, scorer: bm25s.BM25 | None, numbers: NDArray[np.int64], language: Language) -> None:
        """A scorer over passages with these numbers; None for a language without passages."""
        self._scorer = scorer
        self._numbers = numbers
        self._language = language

    @classmethod
    def load(cls, folder: Path, language: Language) -> LexicalIndex:
        """Read what ``write_lexical`` wrote."""
        path = folder / f"lexical-{language}"
        numbers = np.load(path / "numbers.npy", allow_pickle=False)
        scorer = bm25s.BM25.load(path, show_progress=False) if len(numbers) else None
        return cls(scorer, numbers, language)

    def search(self, query: str, count: int) -> list[tuple[int, float]]:
        """The best passages for a query in this language: passage number and BM25 score, best first."""
        wanted = [term for term in terms(query, self._language) if self._scorer and term in self._scorer.vocab_dict]
        if not wanted or self._scorer is None:
            return []
        scores = self._scorer.get_scores(wanted)
        best = np.argsort(-scores, kind="stable")[:count]
        return [(int(self._numbers[row]), float(scores[row])) for row in best if scores[row] > 0]


def write_lexical(folder: Path, language: Language, numbers: Sequence[int], texts: Sequence[str]) -> None:
    """Write the lexical index of one language's passages into a generation's folder."""
    path = folder / f"lexical-{language}"
    path.mkdir()
    # A passage of stop words alone still needs a row; a language of such passages alone has nothing to search.
    documents = [terms(text, language) for text in texts]
    usable = any(documents)
    np.save(path / "numbers.npy", np.asarray(numbers if usable else [], dtype=np.int64))
    if usable:
        scorer = bm25s.BM25()
        scorer.index(documents, show_progress=False)
        scorer.save(path, show_progress=False)
