"""The yardstick for the embedded model: about the least that can be called an embedding."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa_service.language import WORD


def hashed_words(texts: Sequence[str], dimensions: int = 256) -> NDArray[np.float32]:
    """Unit vectors that count each text's words by checksum: no model, and nothing known of meaning."""
    columns: dict[str, int] = {}
    vectors = np.zeros((len(texts), dimensions), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in WORD.findall(text.lower()):
            if word not in columns:
                columns[word] = zlib.crc32(word.encode()) % dimensions
            vectors[row, columns[word]] += 1
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, 1)
    return vectors
