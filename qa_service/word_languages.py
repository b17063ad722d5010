"""How French or English a single word looks, by the letters that it is made of.

A logistic model over the pieces of a word, of one to four letters and the word as a whole, each counted into one of
32,768 places by its checksum. What both languages share (names, "visa", "date") comes out near zero. It was learned
from words with and without their accents, see ``training/languages.py``.
"""

from __future__ import annotations

import zlib
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.tokens import MODEL_DIRECTORY

FILE = "languages.npz"
PLACES = 1 << 15
_LONGEST_PIECE = 4
# Letters: longer words are no words.
_LONGEST_WORD = 40


def pieces(word: str) -> list[int]:
    """The places of a word's distinct pieces; ``<`` and ``>`` stand for its beginning and its end."""
    marked = f"<{word[:_LONGEST_WORD]}>"
    found = {marked: None}
    for length in range(1, _LONGEST_PIECE + 1):
        for start in range(len(marked) - length + 1):
            found[marked[start : start + length]] = None
    return [zlib.crc32(piece.encode()) % PLACES for piece in found if piece not in "<>"]


@lru_cache(maxsize=50_000)
def frenchness(word: str) -> float:
    """Log odds that a word, in lower case, is French and not English; near zero where it may be either."""
    weights, intercept = _weights()
    return float(weights[pieces(word)].sum()) + intercept


@cache
def _weights() -> tuple[NDArray[np.float32], float]:
    return read_weights(MODEL_DIRECTORY / FILE)


def read_weights(file: Path) -> tuple[NDArray[np.float32], float]:
    """The weight of each place, and the intercept."""
    with np.load(file, allow_pickle=False) as stored:
        return stored["weights"].astype(np.float32) * float(stored["scale"]), float(stored["intercept"])


def write_weights(file: Path, weights: NDArray[np.float32], intercept: float) -> None:
    """Store weights as 8-bit integers with one scale."""
    scale = float(np.abs(weights).max()) / 127 or 1.0
    rounded = np.rint(weights / scale).astype(np.int8)
    np.savez_compressed(file, weights=rounded, scale=np.float32(scale), intercept=np.float32(intercept))
