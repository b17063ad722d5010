"""Write the vectors as the package ships them: 8-bit rows with one scale each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Rows of shape (tokens, dimensions) as integers in -127..127, and the scale of each row, shape (tokens,)."""
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float16)
    divisors = np.where(scales > 0, scales.astype(np.float32), 1)[:, None]
    return np.clip(np.rint(vectors / divisors), -127, 127).astype(np.int8), scales


def write_weights(vectors: NDArray[np.float32], path: Path) -> None:
    """Write ``rows`` and ``scales`` as one uncompressed ``.npz``."""
    rows, scales = quantise(vectors)
    np.savez(path, rows=rows, scales=scales)
