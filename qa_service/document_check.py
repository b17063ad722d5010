"""Whether a file can be read as a document, found out in a process of its own that may spend only so much on it.

A page of a few kilobytes can be made to keep a parser busy for hours, or to fill the memory. Run as
``python -m qa_service.document_check FILE ID BYTES SECONDS``; prints the document's fields as JSON, or on standard
error, in one line, what is wrong with it.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qa_service.articles import Article, DocumentFile, read_article
from qa_service.errors import DocumentError, InvalidDocument

# What reading one document may take. Seconds; bytes of address space.
MAX_SECONDS = 20
MAX_MEMORY = 2 << 30
# Text and Markdown up to this size are read where we are: their worst takes a few tenths of a second, and starting a
# process as long.
_LIGHT_BYTES = 32_000
_LIGHT = (".txt", ".md")
# Whoever asks a question goes first.
_NICENESS = 5

_REFUSED = 3


@dataclass(frozen=True)
class Fields:
    """What a document says of itself, fields file and all."""

    title: str
    language: str
    url: str | None
    published: str | None
    translation_of: str | None


def check(document: DocumentFile, *, max_bytes: int, max_seconds: int = MAX_SECONDS) -> Fields:
    """Read a document as the indexer will; InvalidDocument says in one line why it cannot.

    It may take so many seconds of a processor, and twice as many by the clock.
    """
    if document.path.suffix in _LIGHT and document.path.stat().st_size <= _LIGHT_BYTES:
        try:
            return _fields(read_article(document, max_bytes=max_bytes))
        except DocumentError as error:
            raise InvalidDocument(f"{error}.") from None
    given = [str(document.path), document.id, str(max_bytes), str(max_seconds)]
    command = [sys.executable, "-m", "qa_service.document_check", *given]
    try:
        run = subprocess.run(  # noqa: S603 (our own module)
            command, capture_output=True, text=True, errors="replace", check=False, timeout=2 * max_seconds
        )
    except subprocess.TimeoutExpired:
        raise InvalidDocument(_too_much(document, max_seconds)) from None
    if run.returncode == _REFUSED:
        raise InvalidDocument(f"{run.stderr.strip().rpartition(chr(10))[2]}.")
    if run.returncode != 0:
        raise InvalidDocument(_too_much(document, max_seconds))
    return Fields(**json.loads(run.stdout.rpartition("\n")[2]))


def _too_much(document: DocumentFile, max_seconds: int) -> str:
    return f"{document.name} takes more than {max_seconds} s, or too much memory, to be read."


def _fields(article: Article) -> Fields:
    return Fields(article.title, article.language, article.url, article.published, article.translation_of)


def main(path: str, document_id: str, max_bytes: str, max_seconds: str) -> int:
    """Read the document within the limits, and print its fields; returns the exit status."""
    for what, limit in ((resource.RLIMIT_CPU, int(max_seconds)), (resource.RLIMIT_AS, MAX_MEMORY)):
        with suppress(ValueError, OSError):  # not every system has every limit
            resource.setrlimit(what, (limit, limit))
    with suppress(OSError):
        os.nice(_NICENESS)
    logging.disable()
    try:
        article = read_article(DocumentFile(document_id, Path(path)), max_bytes=int(max_bytes))
    except DocumentError as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED
    sys.stdout.write(json.dumps(vars(_fields(article))))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
