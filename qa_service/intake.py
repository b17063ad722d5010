"""The documents folder as it is written: files are staged in it out of sight, and then put in place, all or nothing.

    documents/
      .incoming/                tells that the service has written here
      .incoming/<job>.md        what was sent, while it is checked
      .incoming/<job>.md.yaml   its fields
      fr/visa.md                where a rename puts the first
      fr/visa.md.yaml           and the second

A change is written down before it is made (see ``jobs``). Whoever finds one that was interrupted makes it again: what
was renamed stays as it is, and only the very files that were to go are removed. Nothing is written through a link.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from qa_service.articles import find_documents
from qa_service.durable_files import sync, write_durably
from qa_service.errors import DocumentConflict, DocumentsUnavailable, UnknownDocument
from qa_service.loaders import FIELDS_SUFFIX, LOADERS

_STAGING = ".incoming"  # hidden: the indexer passes it over
# What is staged for longer was left by a process that was killed. Seconds.
_STRAY_AFTER_S = 3_600.0


@dataclass(frozen=True)
class Change:
    """What is done to the folder, in paths relative to it: what goes where, and which files go; each with its inode."""

    moves: tuple[tuple[str, str, int], ...] = ()
    removals: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Change:
        """A change as it was kept in JSON."""
        return cls(tuple(map(tuple, stored["moves"])), tuple(map(tuple, stored["removals"])))

    def to_dict(self) -> dict[str, Any]:
        """The change as JSON keeps it."""
        return asdict(self)


class Staged:
    """A document that was sent, and its fields, out of sight."""

    def __init__(self, folder: Path, job_id: str, suffix: str) -> None:
        """Choose the places; nothing is written yet."""
        self.path = folder / f"{job_id}{suffix}"
        self.fields_path = folder / f"{job_id}{suffix}{FIELDS_SUFFIX}"

    def write(self, content: Iterable[bytes], fields: dict[str, str]) -> None:
        """Bring the document, and its fields where there are any, safely to disk."""
        _write(self.path, content)
        if fields:
            _write(self.fields_path, [yaml.safe_dump(fields, allow_unicode=True, sort_keys=False).encode()])

    def delete(self) -> None:
        """Delete what was not put in place."""
        for path in (self.path, self.fields_path):
            with suppress(OSError):
                path.unlink(missing_ok=True)


class DocumentsFolder:
    """The folder of the documents, to be written. Who plans and applies a change holds a lock over both."""

    def __init__(self, root: Path) -> None:
        """Write into this folder."""
        self._root = root

    def require_indexed(self) -> None:
        """Raise DocumentsUnavailable where this can hardly be the folder that an index was made of.

        That is where it is not there, or has no document and was never written by the service: a mistyped path, or the
        empty place of a disk that is not mounted. A run over what is put there would take all else out of the index.
        """
        with _unavailable():
            if not self._root.is_dir():
                raise DocumentsUnavailable("The documents folder is not there: see to QA_DOCUMENTS, or mount its disk.")
            if not (self._root / _STAGING).exists() and not any(find_documents([self._root])):
                raise DocumentsUnavailable(
                    "The documents folder is empty and the index is not: see to QA_DOCUMENTS, mount its disk, or put "
                    "the first document into it by hand."
                )

    @contextmanager
    def staged(self, job_id: str, suffix: str) -> Iterator[Staged]:
        """Room for a document; what is left in it is deleted. DocumentsUnavailable when it cannot be written."""
        folder = self._root / _STAGING
        with _unavailable():
            self._root.mkdir(exist_ok=True)  # a mistyped path makes no tree
            folder.mkdir(exist_ok=True)
            _require_own(folder)
        staged = Staged(folder, job_id, suffix)
        try:
            yield staged
        finally:
            staged.delete()

    def placing(self, document_id: str, staged: Staged) -> Change:
        """How a staged document takes the place of whatever the id has now.

        Raises DocumentConflict when something that is no document is in the way, or an id that differs only in its
        capitals; DocumentsUnavailable when the folder cannot be read.
        """
        *folders, name = document_id.split("/")
        with _unavailable():
            places = self._places(folders, exclusive=True)
            target = (places[0] if places else self._root.joinpath(*folders)) / (name + staged.path.suffix)
            if target.is_dir() and not target.is_symlink():
                raise DocumentConflict(f"{document_id}{staged.path.suffix} is a folder: choose another id.")
            fields = target.with_name(target.name + FIELDS_SUFFIX)
            if fields.exists() and not fields.is_file() and not fields.is_symlink():
                shown = f"{document_id}{staged.path.suffix}{FIELDS_SUFFIX}"
                raise DocumentConflict(f"{shown} is no file, and the fields belong there: remove it.")
            moves = [(staged.path, target)]
            if staged.fields_path.exists():
                moves.append((staged.fields_path, fields))
            replaced = {place for _, place in moves}
            old = {fields, *self._files_of(places, name, exclusive=True)} - replaced
            return Change(
                tuple((self._relative(one), self._relative(other), one.lstat().st_ino) for one, other in moves),
                self._removals(old),
            )

    def removing(self, document_id: str) -> Change:
        """How the files of a document go. Raises UnknownDocument when it has none, and what ``placing`` raises."""
        *folders, name = document_id.split("/")
        with _unavailable():
            files = self._files_of(self._places(folders, exclusive=False), name, exclusive=False)
            if not files:
                raise UnknownDocument("The documents folder has no document with this id.")
            return Change(removals=self._removals(files))

    def apply(self, change: Change) -> None:
        """Make a change, or what is left of it; what is new is in place before anything goes.

        Nothing goes where what was staged is lost. Raises DocumentsUnavailable when the folder cannot be written.
        """
        with _unavailable():
            if change.removals:
                self._leave_mark()
            placed = [
                self._move(self._root / source, self._root / place, inode) for source, place, inode in change.moves
            ]
            if all(placed):
                for name, inode in change.removals:
                    self._remove(self._root / name, inode)

    def delete_strays(self) -> None:
        """Delete what killed processes left staged. Call when no change of theirs is still to be made."""
        with suppress(OSError):
            for path in (self._root / _STAGING).iterdir():
                if time.time() - path.lstat().st_mtime > _STRAY_AFTER_S:
                    path.unlink(missing_ok=True)

    def _leave_mark(self) -> None:
        """Have the folder show that it is the right one, also when nothing else will be left in it."""
        with suppress(OSError):
            (self._root / _STAGING).mkdir(exist_ok=True)

    def _places(self, folders: list[str], *, exclusive: bool) -> list[Path]:
        """The folders of these names, the one that is spelt alike first: a file system may keep accents in two ways."""
        places = [self._root]
        for depth, name in enumerate(folders, start=1):
            found = []
            for entry in _entries(places):
                if _same(entry.name, name, shown="/".join(folders[:depth]), exclusive=exclusive):
                    _require_folder(entry, "/".join(folders[:depth]))
                    found.append(Path(entry.path))
            places = sorted(found, key=lambda path: path.name != name)
        return places

    def _files_of(self, places: list[Path], name: str, *, exclusive: bool) -> list[Path]:
        """The files of one document, whatever their suffixes, each with its fields file."""
        files = []
        for entry in _entries(places):
            stem, suffix = os.path.splitext(entry.name)  # noqa: PTH122 (thousands of entries)
            if suffix.lower() not in LOADERS or entry.is_dir(follow_symlinks=False):
                continue
            if _same(stem, name, shown=name, exclusive=exclusive):
                path = Path(entry.path)
                files += [path, path.with_name(entry.name + FIELDS_SUFFIX)]
        return files

    def _removals(self, paths: Iterable[Path]) -> tuple[tuple[str, int], ...]:
        there = sorted(path for path in paths if path.is_symlink() or path.is_file())
        return tuple((self._relative(path), path.lstat().st_ino) for path in there)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _move(self, source: Path, place: Path, inode: int) -> bool:
        """Put a staged file in place; whether it is there, where an interrupted change may have got so far."""
        if not source.exists():
            return place.exists() and place.lstat().st_ino == inode
        made = [folder for folder in place.parents if not folder.exists()]
        place.parent.mkdir(parents=True, exist_ok=True)
        source.replace(place)
        for folder in {place.parent, *(each.parent for each in made)}:
            sync(folder)
        return True

    def _remove(self, path: Path, inode: int) -> None:
        with suppress(FileNotFoundError):
            if path.lstat().st_ino != inode:  # another file has taken the name since
                return
            path.unlink()
            sync(path.parent)
        for folder in PurePosixPath(self._relative(path)).parents:
            if folder.name:
                with suppress(OSError):  # something else is in it
                    (self._root / folder).rmdir()


def _same(found: str, wanted: str, *, shown: str, exclusive: bool) -> bool:
    """Whether a name on disk is the wanted one; DocumentConflict where they differ only in capitals."""
    spelt = unicodedata.normalize("NFC", found)
    if exclusive and spelt != wanted and spelt.casefold() == wanted.casefold():
        raise DocumentConflict(f"{shown} differs from {spelt}, which is there, only in capitals: choose another id.")
    return spelt == wanted


def _require_folder(entry: os.DirEntry[str], shown: str) -> None:
    if entry.is_symlink():
        raise DocumentConflict(f"{shown} is a link in the documents folder: nothing is written through it.")
    if not entry.is_dir():
        raise DocumentConflict(f"{shown} is a file in the documents folder: choose another id.")


def _require_own(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise DocumentsUnavailable(f"{_STAGING} in the documents folder is no folder: remove it.")


def _entries(places: Iterable[Path]) -> Iterator[os.DirEntry[str]]:
    for place in places:
        with os.scandir(place) as entries:
            yield from entries


@contextmanager
def _unavailable() -> Iterator[None]:
    """Say in one line, that names no folder of the machine, what the disk does not allow."""
    try:
        yield
    except OSError as error:
        raise DocumentsUnavailable(
            f"The documents folder cannot be written ({error.strerror or type(error).__name__})."
        ) from None


def _write(path: Path, content: Iterable[bytes]) -> None:
    with _unavailable():
        write_durably(path, content, new=True)
