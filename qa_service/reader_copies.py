"""A reader's own copy of a generation, in ``readers/<name>-<id>/`` of the index folder.

Chroma changes files when it merely opens them and is not safe across processes, so nobody opens a generation where it
lies: each reader gets a copy and checks that, and nothing that happens to the index folder later can reach it. A copy
is locked while its reader lives; the next reader deletes those of the dead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qa_service.generations import Generation, IndexFolder, locked, unwritable


@contextmanager
def private_copy(folder: IndexFolder, generation: Generation) -> Iterator[Path]:
    """A checked copy of a generation for one reader, deleted afterwards.

    Raises IndexUnavailable when a file is missing or differs from the manifest.
    """
    maker = os.getpid()
    own = folder.readers / f"{generation.name}-{maker}-{uuid.uuid4().hex[:6]}"
    with _make_reader(own):
        try:
            generation.copy_to(own / "generation")
            yield own / "generation"
        finally:
            if os.getpid() == maker:  # a process forked from the reader must not take its copy away
                shutil.rmtree(own, ignore_errors=True)


def _make_reader(own: Path) -> IO[str]:
    """Make a reader's folder; returns its lock, held, which tells others that the reader lives."""
    readers = own.parent
    try:
        readers.mkdir(parents=True, exist_ok=True)
        with (readers / "lock").open("a") as entrance:
            fcntl.flock(entrance, fcntl.LOCK_EX)
            _delete_dead(readers)
            own.mkdir()
            alive = (own / "alive").open("w")
            fcntl.flock(alive, fcntl.LOCK_EX)
            return alive
    except OSError as error:
        raise unwritable(error) from None


def _delete_dead(readers: Path) -> None:
    # Readers are made one at a time, so that a folder without a lock is one whose maker was killed.
    for folder in readers.iterdir():
        if folder.is_dir() and not _is_alive(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(reader: Path) -> bool:
    try:
        with (reader / "alive").open("r+") as alive:
            return not locked(alive)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # it cannot be told
