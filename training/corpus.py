"""The training text: sentence pairs and question–passage pairs, with every evaluation sentence taken out."""

from __future__ import annotations

import json
import lzma
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from qa_service.tokens import normalise

Pair = tuple[str, str]

# How often each pair of a file is seen in an epoch. Everyday sentences, terms and questions are rare beside
# parliament and law, and are what readers' questions look like.
REPEATS = {"tatoeba": 2, "terms": 2}
QUESTION_REPEATS = 3

# One French side in twelve loses its accents, so that "securite alimentaire" and capitals without accents are known.
UNACCENTED_SHARE = 12

_NOT_WORD = re.compile(r"\W+")


@dataclass(frozen=True)
class Corpus:
    """Named lists of text pairs: English/French sentences, or a question and the passage that answers it."""

    parts: dict[str, list[Pair]]
    removed: int

    def epoch(self) -> list[Pair]:
        """Every pair as often as an epoch sees it, in file order."""
        return [pair for name, pairs in self.parts.items() for pair in pairs * REPEATS.get(name, 1)]


def fingerprint(sentence: str) -> str:
    """What two sentences share when they differ only in case, accents, punctuation or spacing."""
    decomposed = unicodedata.normalize("NFD", normalise(sentence))
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", letters).strip()


def fingerprints(files: Iterable[Path]) -> set[str]:
    """The fingerprints of every sentence, of either language, in tab-separated evaluation files."""
    return {fingerprint(side) for file in files for pair in read_pairs(file) for side in pair}


def read_pairs(file: Path) -> Iterator[Pair]:
    """The ``en<TAB>fr`` lines of a file (``.xz`` or plain); lines of any other shape are passed over."""
    with _opened(file) as lines:
        for line in lines:
            sides = line.rstrip("\n").split("\t")
            if len(sides) == 2 and all(side.strip() for side in sides):
                yield sides[0], sides[1]


def read_questions(file: Path) -> Iterator[dict[str, str]]:
    """The JSON lines of a question file: at least ``question``, ``context``, ``id``, ``lang``, and mostly ``title``."""
    with _opened(file) as lines:
        for line in lines:
            yield json.loads(line)


def held_out(title: str) -> bool:
    """Whether questions on this title are kept for development: three titles in ten, by checksum of the title."""
    return zlib.crc32(title.encode()) % 10 < 3


def load(pairs: Path, questions: Path | None, excluded: set[str]) -> Corpus:
    """Read all pair files of a folder, and the question files of another, without the excluded sentences."""
    parts: dict[str, list[Pair]] = {}
    removed = 0
    for file in sorted(pairs.glob("*.tsv*")):
        everything = list(read_pairs(file))
        kept = [pair for pair in everything if not excluded.intersection(map(fingerprint, pair))]
        parts[file.name.split(".")[0]] = _with_unaccented(kept)
        removed += len(everything) - len(kept)
    if questions:
        parts["questions"] = list(_question_pairs(questions, excluded)) * QUESTION_REPEATS
    return Corpus(parts, removed)


def _with_unaccented(pairs: list[Pair]) -> list[Pair]:
    return [
        (english, strip_accents(french) if number % UNACCENTED_SHARE == 0 else french)
        for number, (english, french) in enumerate(pairs)
    ]


def strip_accents(text: str) -> str:
    """The text without its accents, ``ç`` and ``œ`` included, as keyboards and capitals often leave it."""
    decomposed = unicodedata.normalize("NFD", text)
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return bare.replace("œ", "oe").replace("Œ", "OE")


def _question_pairs(folder: Path, excluded: set[str]) -> Iterator[Pair]:
    """Question and passage; where both languages have the same question, across them too."""
    by_id: dict[str, dict[str, dict[str, str]]] = {}
    for file in sorted(folder.glob("*.jsonl*")):
        for row in read_questions(file):
            if held_out(row.get("title") or "") and row.get("title"):
                continue
            if fingerprint(row["question"]) not in excluded:
                by_id.setdefault(row["id"], {})[row["lang"]] = row
    for versions in by_id.values():
        for asked in versions.values():
            for answering in versions.values():
                yield asked["question"], answering["context"]


def _opened(file: Path) -> IO[str]:
    return lzma.open(file, "rt", encoding="utf-8") if file.suffix == ".xz" else file.open(encoding="utf-8")
