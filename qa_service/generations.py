"""The index folder: whole generations, the pointer to the current one, and the lock of the one writer.

    index/
      CURRENT                  the name of the current generation
      lock                     held by the run that writes
      documents.lock, worker.lock  no part of the index, see ``index_worker``
      generations/<name>/      one complete and verified index, never changed
        manifest.json          every file's size and checksum, the model, the settings, the counts, what refusal needs
        documents.db           canonical texts and passages, and which articles were paired
        lexical-en/, lexical-fr/
        vocabulary.json        the words of each language, and in how many passages each stands
        vocabulary-<language>.npz  which passages hold each word
        vectors/               the Chroma store
      generations/<name>.new/  one that is being built
      readers/<name>-<id>/     one reader's own copy of a generation, locked while it lives
      conversations.sqlite3    no part of the index, see ``conversations``; nothing here touches it

A run builds a generation aside, seals it with a manifest of its files, has it verified, adds to the manifest what was
measured on the way, gives it its name, and renames a new CURRENT over the old one: a reader sees all of it or nothing
of it. Readers never open a generation where it lies, see ``reader_copies``. A killed process leaves folders behind and
nothing else; the next one deletes them. Names are numbered, so that no clock decides which generation is newer.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from qa_service.durable_files import sync, write_durably
from qa_service.errors import IndexBusy, IndexUnavailable

FORMAT = 2  # 2: the documents know which other they were paired with, the vocabulary its passages
_MANIFEST = "manifest.json"
_BUILDING = ".new"
_KEPT = 2  # the current generation and the one to fall back to
_READ_SIZE = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What a generation is made of, and how."""

    model: str
    dimensions: int
    passage_tokens: int
    passage_overlap: int
    documents: dict[str, int]
    passages: dict[str, int]
    unrelated_level: float | None = None
    """How well questions are met that the documents surely do not answer; None when that was not measured."""
    refusal: str | None = None
    """What measured the level: ``composing.refusal.refusal_id``."""
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class Generation:
    """One generation on disk."""

    path: Path

    @property
    def name(self) -> str:
        """Its name: a number that grows, and a random end."""
        return self.path.name

    @property
    def number(self) -> int:
        """The number in its name; 0 for a folder of another making."""
        number = self.name.partition("-")[0]
        return int(number) if number.isascii() and number.isdigit() else 0

    def manifest(self) -> Manifest:
        """Read the manifest; IndexUnavailable when there is none that this version can read."""
        try:
            stored = json.loads((self.path / _MANIFEST).read_text(encoding="utf-8"))
            if stored["format"] != FORMAT:
                raise IndexUnavailable("The index was written by another version of the service.")
            if stored.pop("checksum") != _checksum_of_manifest(stored):
                raise IndexUnavailable(f"Generation {self.name} of the index is damaged ({_MANIFEST}).")
            return Manifest(**stored)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise IndexUnavailable(f"Generation {self.name} of the index is incomplete.") from None

    def seal(self, manifest: Manifest) -> None:
        """Record every file's size and checksum in the manifest, and bring all of it safely to disk."""
        files = {}
        for path in sorted(self.path.rglob("*")):
            if path.is_file() and path.name != _MANIFEST:
                files[path.relative_to(self.path).as_posix()] = (path.stat().st_size, _checksum(path))
            sync(path)
        self.write_manifest(replace(manifest, files=files))

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, with its own checksum, safely to disk; the files are not looked at."""
        stored = asdict(manifest)
        stored["checksum"] = _checksum_of_manifest(stored)
        write_durably(self.path / _MANIFEST, [json.dumps(stored, indent=1).encode()])
        sync(self.path)

    def copy_to(self, folder: Path) -> None:
        """Copy the files of the manifest, and them alone; IndexUnavailable names the first that is not as it was."""
        for name, recorded in self.manifest().files.items():
            target = folder / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.path / name, target)
            except OSError as error:
                raise IndexUnavailable(
                    f"Generation {self.name} of the index cannot be copied ({name}: {error.strerror})."
                ) from None
            self._check(target, name, recorded)

    def check(self) -> None:
        """Compare the files with the manifest; IndexUnavailable names the first that is not as it was."""
        for name, recorded in self.manifest().files.items():
            self._check(self.path / name, name, recorded)

    def delete(self) -> None:
        """Delete the folder, the manifest first: without it nobody takes the rest for a generation."""
        with suppress(OSError):
            (self.path / _MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)

    def _check(self, path: Path, name: str, recorded: tuple[int, str]) -> None:
        try:
            intact = [path.stat().st_size, _checksum(path)] == list(recorded)
        except OSError:
            intact = False
        if not intact:
            raise IndexUnavailable(f"Generation {self.name} of the index is damaged ({name}).")


@dataclass(frozen=True)
class IndexFolder:
    """The folder that holds the generations."""

    path: Path

    @property
    def _generations(self) -> Path:
        return self.path / "generations"

    @property
    def readers(self) -> Path:
        """Where readers keep their copies."""
        return self.path / "readers"

    def current_name(self) -> str | None:
        """What CURRENT says; None when there is no index yet."""
        try:
            return (self.path / "CURRENT").read_text(encoding="ascii").strip() or None
        except (OSError, ValueError):
            return None

    def generation(self, name: str) -> Generation:
        """The generation of a name."""
        return Generation(self._generations / name)

    def candidates(self) -> list[Generation]:
        """Generations worth opening, best first: the current one, then the others from new to old."""
        current = self.current_name()
        finished = [
            Generation(manifest.parent)
            for manifest in self._generations.glob(f"*/{_MANIFEST}")
            if manifest.parent.suffix != _BUILDING
        ]
        return sorted(finished, key=lambda found: (found.name == current, found.number, found.name), reverse=True)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer; IndexBusy when another run is. The lock ends with the process, however it ends."""
        try:
            self._generations.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(error) from None
        with self.lock_file("lock") as lock:
            if not locked(lock):
                raise IndexBusy("Another run is writing the index; wait for it to end.")
            yield

    def lock_file(self, name: str) -> IO[str]:
        """A file of the folder to be locked, made where it is missing; IndexUnavailable when it cannot be."""
        try:
            self.path.mkdir(exist_ok=True)  # a mistyped path makes no tree
            return (self.path / name).open("a")
        except OSError as error:
            raise unwritable(error) from None

    def delete_unfinished(self) -> None:
        """Delete what killed runs left. Call while writing."""
        for path in list(self._generations.iterdir()):
            if path.suffix == _BUILDING or not (path / _MANIFEST).is_file():
                Generation(path).delete()

    def begin(self) -> Generation:
        """An empty new generation, aside. Call while writing."""
        found = [Generation(path) for path in self._generations.iterdir()]
        number = 1 + max((generation.number for generation in found), default=0)
        new = self.generation(f"{number:06d}-{uuid.uuid4().hex[:6]}{_BUILDING}")
        new.path.mkdir()
        return new

    def switch_to(self, built: Generation) -> Generation:
        """Make a sealed and verified generation the current one, in one atomic step; returns it under its name.

        The one before it that can still be trusted is kept, older ones are deleted.
        """
        finished = self.generation(built.path.stem)
        built.path.rename(finished.path)
        sync(self._generations)
        pointer = self.path / "CURRENT.new"
        write_durably(pointer, [f"{finished.name}\n".encode()])
        pointer.replace(self.path / "CURRENT")
        sync(self.path)
        self._delete_old()
        return finished

    def _delete_old(self) -> None:
        kept = 1
        for old in self.candidates()[1:]:
            if kept < _KEPT and _is_intact(old):
                kept += 1
            else:
                old.delete()


def _is_intact(generation: Generation) -> bool:
    try:
        generation.check()
    except IndexUnavailable:
        return False
    return True


def locked(file: IO[str]) -> bool:
    """Lock a file until it is closed; False when another process, or another opening of the file, holds its lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unwritable(error: OSError) -> IndexUnavailable:
    """What is said when the index folder cannot be written: no folder of the machine is named."""
    return IndexUnavailable(f"The index folder cannot be written: {error.strerror}.")


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_READ_SIZE):
            digest.update(block)
    return digest.hexdigest()


def _checksum_of_manifest(stored: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
