"""Files → articles: the first step of the flow.

A folder of documents is listed, each file is read by the loader of its format, and its text becomes the canonical text
that everything after this module quotes: citations' offsets count its code points. Metadata is checked here, so that
an ``Article`` can be trusted; a file that cannot become one is a ``DocumentError`` of one line.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from qa_service.errors import DocumentError
from qa_service.language import LANGUAGES, Language, detect, known_language
from qa_service.loaders import FIELDS_SUFFIX, LOADERS, MAX_FRONT_MATTER, load_fields

SUFFIXES = tuple(LOADERS)
MAX_TITLE = 200  # characters
_DAYS_APART = 45  # between two publications of one story: what was true then may have changed
MAX_STACKED_MARKS = 30  # combining marks on one letter: Unicode's limit for stream-safe text

Problem = tuple[str, str]  # what is shown as the document's name, and what is wrong with it

_log = logging.getLogger(__name__)

_NOT_REGULAR = "is not a regular file"
_LINE_ENDS = re.compile(r"\r\n|[\r\f\v\x85\u2028\u2029]")
# Control characters, bidirectional controls (they make a quote read otherwise than it is stored), and what has no width
# and would keep a word from being found: soft hyphen, zero-width space, word joiner, byte order mark.
_UNWANTED = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n{3,}")
_MAYBE_STACKED = re.compile(rf"[\u0300-\U0010ffff]{{{MAX_STACKED_MARKS + 1},}}")
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Article:
    """One document, ready to be cut into passages."""

    id: str
    title: str
    language: Language
    text: str
    url: str | None = None
    published: str | None = None
    translation_of: str | None = None


@dataclass(frozen=True)
class DocumentFile:
    """A document not read yet: its id (the path in its folder, POSIX, without the suffix) and where it is."""

    id: str
    path: Path

    @property
    def name(self) -> str:
        """The id with the suffix: what messages call the document."""
        return self.id + self.path.suffix

    @property
    def fields_path(self) -> Path:
        """Where its fields stand, for every format alike: in a file beside it, which may be missing."""
        return self.path.with_name(self.path.name + FIELDS_SUFFIX)


def find_documents(roots: Sequence[Path]) -> tuple[list[DocumentFile], list[Problem]]:
    """All documents under folders (or single files), sorted by id, and what had to be left out.

    Hidden files, office programs' lock files and other suffixes are passed over in silence. Links to folders and links
    that leave their root are not followed, and of two files with one id the first by path is taken: these are problems.
    A root that does not exist raises ``DocumentError``, which tells no more of an absolute path than its last part.
    """
    found: dict[str, DocumentFile] = {}
    problems: list[Problem] = []
    for root in roots:
        if not os.path.exists(root):  # noqa: PTH110 (Path.exists raises below a folder that is closed to us)
            shown = root.name if root.is_absolute() else str(root)
            raise DocumentError(f"There is no file or folder named {_BAD_NAME.sub('?', shown)}.")
        candidates = _files_under(root, problems) if root.is_dir() else [root]
        base = root if root.is_dir() else root.parent
        for path in candidates:
            relative = path.relative_to(base)
            file = DocumentFile(_id(relative), path)
            problem = _refusal(path, root, relative)
            if problem is None:
                first = found.setdefault(file.id, file)
                problem = None if _same_file(first, file) else f"has the same id as {first.name}: rename one of them"
            if problem is not None:
                problems.append((_BAD_NAME.sub("?", file.name), problem))
    return sorted(found.values(), key=lambda file: file.id), sorted(problems)


def _files_under(root: Path, problems: list[Problem]) -> Iterator[Path]:
    """Paths of visible files with a known suffix, in the order of their paths; problems with folders are added."""

    def refuse(path: Path, problem: str) -> None:
        problems.append((_BAD_NAME.sub("?", path.relative_to(root).as_posix()), problem))

    def unreadable(error: OSError) -> None:
        refuse(Path(error.filename), f"cannot be read: {error.strerror}")

    paths: list[Path] = []
    for folder, subfolders, names in os.walk(root, onerror=unreadable):
        subfolders[:] = [name for name in subfolders if _visible(name)]
        for link in filter(Path.is_symlink, (Path(folder, name) for name in subfolders)):
            refuse(link, "is a link to a folder: not followed")
        paths += [Path(folder, name) for name in names if _visible(name) and _suffix(name) in LOADERS]
    return iter(sorted(paths))


def _visible(name: str) -> bool:
    return not name.startswith((".", "~$"))


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _refusal(path: Path, root: Path, relative: Path) -> str | None:
    """Why a listed path is no document, or None."""
    if _suffix(path.name) not in LOADERS:
        return f"is none of {', '.join(SUFFIXES)}"
    if _BAD_NAME.search(str(relative)):  # its folders too: they are part of its id
        return "has a path with control characters or that is not UTF-8: rename it"
    if path != root and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        return "is a link that leaves the documents folder: not followed"
    return None if path.is_file() else _NOT_REGULAR


def _id(relative: Path) -> str:
    # One spelling of accents, whatever the file system keeps: the id is part of addresses.
    return unicodedata.normalize("NFC", relative.with_suffix("").as_posix())


def _same_file(one: DocumentFile, other: DocumentFile) -> bool:
    return os.path.realpath(one.path) == os.path.realpath(other.path)


def content_hash(file: DocumentFile) -> str:
    """The SHA-256 of a document's bytes and of its fields file, if it has one, in hexadecimal.

    Raises ``DocumentError`` when one of them cannot be read.
    """
    try:
        with _opened(file.path) as stream:
            digest = hashlib.file_digest(stream, "sha256")
        fields = _fields_content(file)
        if fields is not None:
            digest.update(hashlib.sha256(fields).digest())
        return digest.hexdigest()
    except DocumentError as error:
        raise DocumentError(f"{file.name} {error}") from None
    except OSError as error:
        raise DocumentError(f"{file.name} cannot be read: {error.strerror}") from None


def read_article(file: DocumentFile, *, max_bytes: int) -> Article:
    """Read one document of at most so many bytes.

    Raises ``DocumentError`` with one line that names the document, never its place on the machine.
    """
    try:
        return _article(file, max_bytes)
    except DocumentError as error:
        raise DocumentError(f"{file.name} {error}") from None
    except OSError as error:
        raise DocumentError(f"{file.name} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise DocumentError(f"{file.name} needs too much memory to be read") from None
    except Exception:  # noqa: BLE001 (a parser raises whatever a broken file leads it to)
        _log.debug("reading %s failed", file.name, exc_info=True)
        raise DocumentError(f"{file.name} is broken or not a {file.path.suffix} file") from None


def _article(file: DocumentFile, max_bytes: int) -> Article:
    loaded = LOADERS[_suffix(file.path.name)](_content(file, max_bytes))
    text = canonical(loaded.text)
    if not text:
        raise DocumentError("has no text")
    fields = _fields_content(file)
    metadata = loaded.metadata if fields is None else {**loaded.metadata, **load_fields(fields)}
    return Article(
        id=file.id,
        title=(_value(metadata, "title") or text.split("\n", 1)[0])[:MAX_TITLE].strip(),
        language=_language(metadata) or detect(text),
        text=text,
        url=_url(metadata),
        published=_published(metadata),
        translation_of=_value(metadata, "translation_of"),
    )


def _content(file: DocumentFile, max_bytes: int) -> bytes:
    """A document's bytes; what is too large is not read at all."""
    with _opened(file.path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > max_bytes:
            raise DocumentError(f"is too large: more than {max_bytes:,} bytes")
        return stream.read(size)  # and nothing that is added meanwhile


def _fields_content(file: DocumentFile) -> bytes | None:
    """The bytes of a document's fields file; None when there is none."""
    path = file.fields_path
    if path.is_symlink():  # nobody checked where it leads
        raise DocumentError(f"has a {FIELDS_SUFFIX} file that is a link: not followed")
    try:
        with _opened(path) as stream:
            return stream.read(4 * MAX_FRONT_MATTER + 1)  # a character takes at most four bytes
    except FileNotFoundError:
        return None
    except DocumentError as error:
        raise DocumentError(f"has a {FIELDS_SUFFIX} file that {error}") from None


def _opened(path: Path) -> io.BufferedReader:
    # A pipe may have taken the place of the file that was listed: opening it would wait for its writer.
    if not stat.S_ISREG(path.stat().st_mode):
        raise DocumentError(_NOT_REGULAR)
    return path.open("rb")


def canonical(text: str) -> str:
    r"""The canonical form of a text: NFC, ``\n`` line ends, no control characters, at most one blank line in a row."""
    text = _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))
    text = limit_marks(_SURROGATES.sub("\ufffd", text))
    text = unicodedata.normalize("NFC", text)
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip()


def limit_marks(text: str) -> str:
    """A text with at most 30 combining marks on a letter: more than any language stacks.

    Normalising takes time with the square of their number, so that this comes first where a text may be anything.
    """
    return _MAYBE_STACKED.sub(_fewer_marks, text)


def _fewer_marks(run: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for char in run[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MAX_STACKED_MARKS:
            kept.append(char)
    return "".join(kept)


def _value(metadata: Mapping[str, object], name: str) -> str | None:
    """A metadata value as one line of text, or None where there is none."""
    value = metadata.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise DocumentError(f"has a {name!r} that is not text: put it in quotes")
    return " ".join(canonical(value).split()) or None


def _language(metadata: Mapping[str, object]) -> Language | None:
    value = _value(metadata, "language")
    if value is None:
        return None
    known = known_language(re.split("[-_]", value.lower(), maxsplit=1)[0])
    if known is None:
        raise DocumentError(f"has the language {value[:20]!r}: it must be {' or '.join(LANGUAGES)}")
    return known


def _url(metadata: Mapping[str, object]) -> str | None:
    value = _value(metadata, "url")
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        allowed = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in value
    except ValueError:
        allowed = False
    if not allowed:
        raise DocumentError("has a url that is not an http:// or https:// address")
    return value


def _published(metadata: Mapping[str, object]) -> str | None:
    value = metadata.get("published")
    if isinstance(value, date):  # YAML reads an unquoted date itself; a datetime is a date
        return value.isoformat()[:10]
    text = _value(metadata, "published")
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        raise DocumentError("has a published date that is not an ISO date such as 2025-03-19") from None


def published_apart(one: str | None, other: str | None) -> bool:
    """Whether so much time lies between two publications, ISO dates, that they tell of different days.

    Where one of the dates is not known, nothing is.
    """
    if one is None or other is None:
        return False
    return abs((date.fromisoformat(one) - date.fromisoformat(other)).days) > _DAYS_APART
