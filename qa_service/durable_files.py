"""Files that are still there after a power cut, once it is said that they are written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_durably(path: Path, blocks: Iterable[bytes], *, new: bool = False) -> None:
    """Write a file, safely to disk; its name is safe when its folder is (``sync``).

    Raises OSError, for one that is to be new also when there is one.
    """
    with path.open("xb" if new else "wb") as stream:
        for block in blocks:
            stream.write(block)
        stream.flush()
        os.fsync(stream.fileno())


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, safely to disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
