"""Whether a name that a claim gives is in a sentence: as it is written, in the other language, or as its initials.

Word vectors hold the common names of both languages ("Londres" is "London" and not "Lisbon"). Spelling settles names
that they do not know, and a list those of one thing that share nothing ("ONU" and "UN").
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.statements import Statement
from qa_service.embedding_model import EmbeddingModel
from qa_service.language import WORD, fold
from qa_service.words import alike, similarity

# One thing a line, by all its names, folded.
_FILE = Path(__file__).with_name("same_names.txt")

# From these similarities on two words are one name in two languages, by the token table and with their company.
_ONE_NAME = 0.45
_SAME_COMPANY = 0.75
# Letters that two spellings of a name share at their beginning, those that settle it, and their likeness as a whole.
_BEGINNING, _SETTLED = 2, 4
_SPELLED_ALIKE = 0.66
# Names shorter than this are abbreviations, looked for as they are written.
_SHORT = 5

_CAPITALS = re.compile(
    r"[A-ZÀ-Þ][\w’'-]*(?: (?:(?:of|the|for|and|de|du|des|la|le|les|et|pour) |d[’'])*[A-ZÀ-Þ][\w’'-]*)+"
)
_INITIAL = re.compile(r"\b[A-ZÀ-Þ]")


def names_met(claim: Statement, sentence: Statement, model: EmbeddingModel) -> NDArray[np.bool_]:
    """Which of a claim's names a sentence has in any form, shape (names,)."""
    if not claim.names:
        return np.zeros(0, dtype=np.bool_)
    words = _words(sentence.text)
    ours = model.words.of([name.lower() for name in claim.names], claim.language)
    theirs = model.words.of(words, sentence.language)
    near = alike(ours, theirs).max(axis=1, initial=0) >= _ONE_NAME
    near |= similarity(ours, theirs).max(axis=1, initial=0) >= _SAME_COMPANY
    return np.array(
        [
            met or _is_written(name, words) or _is_named(name, claim, sentence)
            for name, met in zip(claim.names, near, strict=True)
        ],
        dtype=np.bool_,
    )


def is_abbreviation(name: str) -> bool:
    """Whether a name is written in capitals: what it stands for may not be known here."""
    return sum(char.isupper() for char in name) > 1


@lru_cache(maxsize=8_192)
def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.lower() for word in WORD.findall(text) if len(word) > 1))


def _is_written(name: str, words: tuple[str, ...]) -> bool:
    """Whether a name is among the words in this spelling or in a like one: "Norwegian" and "Norvège"."""
    folded = fold(name)
    return any(folded == other or _spelled_alike(folded, other) for other in map(fold, words))


def _spelled_alike(one: str, other: str) -> bool:
    if one[:_BEGINNING] != other[:_BEGINNING] or min(len(one), len(other)) < _SETTLED:
        return False
    return one[:_SETTLED] == other[:_SETTLED] or SequenceMatcher(None, one, other).ratio() >= _SPELLED_ALIKE


def _is_named(name: str, claim: Statement, sentence: Statement) -> bool:
    """Whether a sentence has the thing by another of its names, or an abbreviation spelled out."""
    if is_abbreviation(name) and name.lower() in _initials(sentence.text):
        return True
    folded = fold(name)
    for number in _things().get(folded, ()):
        mine = [form for form in _forms()[number] if folded in WORD.findall(form) and _has(form, claim)]
        if mine and any(_has(form, sentence) for form in _forms()[number]):
            return True
    return False


def _has(form: str, statement: Statement) -> bool:
    """Whether a statement holds a form of a name: "who" and "us" only as abbreviations, written in capitals."""
    if len(form) < _SHORT and form.isalpha():
        return any(fold(name) == form for name in statement.names if is_abbreviation(name)) or (
            form not in ("un", "us", "who", "au", "bad", "eau", "dr") and form in statement.words
        )
    return re.search(rf"\b{re.escape(form)}\b", statement.folded) is not None


@lru_cache(maxsize=8_192)
def _initials(text: str) -> frozenset[str]:
    """What names of several words in a text are abbreviated to."""
    return frozenset("".join(_INITIAL.findall(run)).lower() for run in _CAPITALS.findall(text))


@cache
def _forms() -> tuple[tuple[str, ...], ...]:
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return tuple(tuple(form.strip() for form in line.split("|")) for line in lines if line)


@cache
def _things() -> dict[str, tuple[int, ...]]:
    """Which lines of the list a word is in."""
    found: dict[str, dict[int, None]] = {}
    for number, forms in enumerate(_forms()):
        for form in forms:
            for word in WORD.findall(form):
                found.setdefault(word, {})[number] = None
    return {word: tuple(numbers) for word, numbers in found.items()}
