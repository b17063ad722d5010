"""A sentence read for comparing: its words and which of them it denies, its names, its values, its opposites."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.polarity import DENIED_WORDS, Sign, clause_borders, denials, signs
from qa_service.language import LANGUAGES, NAME, WORD, Language, fold, folded_stop_words
from qa_service.values import HEDGES, MONTHS_AND_DAYS, Value, values_of

# They say where a statement stands, and nothing of what it states.
_REPORTING = frozenset(
    """
    article articles say says said according source sources passage report reported reports tell told text document
    explained added add also stated states
    selon dit dire indique indiquer precise apres affirme rapporte explique ajoute aussi egalement declare
    """.split()
)
_STOP_WORDS = frozenset[str]().union(*map(folded_stop_words, LANGUAGES))
_PASSED_OVER = _STOP_WORDS | _REPORTING | HEDGES | MONTHS_AND_DAYS
_NO_NAMES = _STOP_WORDS | MONTHS_AND_DAYS
# A sentence's first word is a name where another capital follows, or a part of it behind a hyphen.
_FIRST_NAME = re.compile(r"[«“\"'‘\s]*([A-ZÀ-Þ][^\W_]*)((?:[-’'][^\W_]+)*)(\s[A-ZÀ-Þ])?")


@dataclass(frozen=True, eq=False)
class Statement:
    """A sentence as it is compared.

    ``words`` are its content words in order, folded, without those of its values; ``denied`` says which of them stand
    in the scope of a denial, ``clauses`` in which clause each stands, and ``named`` which are parts of names.
    ``names`` are the names' words as they are written, and ``runs`` tells which of them stand together.
    """

    text: str
    language: Language
    folded: str
    words: tuple[str, ...]
    denied: NDArray[np.bool_]
    clauses: NDArray[np.int64]
    named: NDArray[np.bool_]
    names: tuple[str, ...]
    runs: tuple[int, ...]
    values: tuple[Value, ...]
    signs: tuple[Sign, ...]
    denies: bool


def plain(text: str) -> str:
    """A text folded, with plain apostrophes and spaces."""
    return " ".join(fold(text.replace("’", "'").replace("‘", "'")).split())


def read_statement(text: str, language: Language) -> Statement:
    """Read a sentence, in linear time."""
    folded = plain(text)
    values = values_of(text, language)
    written = {word for value in values for word in value.written}
    runs = {name: run for name, run in _names(text).items() if fold(name) not in written}
    parts = {fold(part) for part in runs}
    found = [
        (match.start(), match[0])
        for match in WORD.finditer(folded)
        if match[0] not in _PASSED_OVER and match[0] not in written and len(match[0]) > 1
    ]
    borders = clause_borders(folded)
    scopes = [_scope(start, borders, found, len(folded)) for start in denials(folded)]
    return Statement(
        text,
        language,
        folded,
        tuple(word for _, word in found),
        np.array([any(start <= at < end for start, end in scopes) for at, _ in found], dtype=np.bool_),
        np.array([sum(border <= at for border in borders) for at, _ in found], dtype=np.int64),
        np.array([word in parts for _, word in found], dtype=np.bool_),
        tuple(runs),
        tuple(runs.values()),
        values,
        tuple(signs(folded, scopes)),
        bool(scopes),
    )


# Sentences of the index come up again and again.
remembered_statement = lru_cache(maxsize=8_192)(read_statement)


def _scope(start: int, borders: list[int], words: list[tuple[int, str]], length: int) -> tuple[int, int]:
    """What is denied from a place on: the next words, within the clause."""
    end = next((border for border in borders if border > start), length)
    following = [at for at, _ in words if start <= at < end]
    return (start, following[DENIED_WORDS]) if len(following) > DENIED_WORDS else (start, end)


def _names(text: str) -> dict[str, int]:
    """The words of names, and a number for each run of them: capitals within the sentence, and at its start where it
    can be nothing else.
    """
    found = [(match.start(), match[0]) for match in NAME.finditer(text)]
    first = _FIRST_NAME.match(text)
    if first and (first[2] or first[3] or _is_acronym(first[1])):
        found = [(first.start(1), first[1] + first[2]), *found]
    names: dict[str, int] = {}
    run, end = 0, -1
    for start, name in found:
        run += start > end + 1
        end = start + len(name)
        for part in WORD.findall(name):
            if _is_acronym(part) or (len(part) > 1 and part[0].isupper() and fold(part) not in _NO_NAMES):
                names.setdefault(part, run)
    return names


def _is_acronym(word: str) -> bool:
    return sum(char.isupper() for char in word) > 1
