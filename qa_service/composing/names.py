"""Whether a name that a claim gives is in a sentence: as it is written, in the other language, or as its initials.

Word vectors hold the common names of both languages ("Londres" is "London" and not "Lisbon"). Spelling settles names
that they do not know, and a list those of one thing that share nothing ("ONU" and "UN").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.statements import Statement, is_abbreviation
from qa_service.embedding_model import EmbeddingModel
from qa_service.language import LANGUAGES, WORD, all_stop_words, fold
from qa_service.words import Words, alike, similarity

# One thing a line, by all its names, folded.
_FILE = Path(__file__).with_name("same_names.txt")

# From these similarities on two words are one name in two languages, by the token table and with their company.
_ONE_NAME = 0.45
_SAME_COMPANY = 0.75
# Letters that two spellings of a name share at their beginning, those that settle it, and their likeness as a whole.
_BEGINNING, _SETTLED = 2, 4
_SPELLED_ALIKE = 0.66
# Letters that one of them may have more.
_LONGER = 2
# Names shorter than this are abbreviations, looked for as they are written.
_SHORT = 5

_CAPITALS = re.compile(
    r"[A-ZÀ-Þ][\w’'-]*(?: (?:(?:of|the|for|and|de|du|des|la|le|les|et|pour) |d[’'])*[A-ZÀ-Þ][\w’'-]*)+"
)
_INITIAL = re.compile(r"\b[A-ZÀ-Þ]")


class WrittenNames:
    """The words of some statements as they are written, in which names are looked for."""

    def __init__(self, statements: Sequence[Statement], model: EmbeddingModel) -> None:
        """Read statements; they may be of both languages."""
        self._statements, self._model = statements, model
        self._languages: list[tuple[list[int], Words, NDArray[np.int64], NDArray[np.int64]]] = []
        self._beginnings: list[dict[str, list[tuple[str, int]]]] = []
        for language in LANGUAGES:
            places = [place for place, one in enumerate(statements) if one.language == language]
            words = [_words(statements[place].text) for place in places]
            columns = {word: column for column, word in enumerate(dict.fromkeys(chain.from_iterable(words)))}
            if columns:
                # A column that nothing meets ends every statement, so that none is empty.
                tokens = np.array([columns[word] if word else -1 for text in words for word in (*text, "")])
                starts = np.cumsum([0, *(len(text) + 1 for text in words[:-1])])
                self._languages.append((places, model.words.of(list(columns), language), tokens, starts))
                self._beginnings.append(_by_beginning(columns))
        self._vocabulary = frozenset(word for one in self._beginnings for some in one.values() for word, _ in some)

    def met(self, claim: Statement) -> NDArray[np.bool_]:
        """Which of a claim's names each statement has in any form, shape (statements, names)."""
        found = np.zeros((len(self._statements), len(claim.names)), dtype=np.bool_)
        if not claim.names:
            return found
        ours = self._model.words.of([name.lower() for name in claim.names], claim.language)
        for (places, theirs, tokens, starts), beginnings in zip(self._languages, self._beginnings, strict=True):
            near = (alike(ours, theirs) >= _ONE_NAME) | (similarity(ours, theirs) >= _SAME_COMPANY)
            for row, name in enumerate(claim.names):
                near[row, self._written(fold(name), beginnings)] = True
            near = np.concatenate([near, np.zeros((len(near), 1), dtype=np.bool_)], axis=1)
            found[places] = np.logical_or.reduceat(near[:, tokens], starts, axis=1).T
        for row, name in enumerate(claim.names):
            self._by_other_names(row, name, claim, found)
        return found

    def _written(self, name: str, beginnings: dict[str, list[tuple[str, int]]]) -> list[int]:
        """The columns of words that are a name in this spelling or in a like one: "Norwegian" and "Norvège"."""
        loosely = name not in self._vocabulary
        return [
            column
            for word, column in beginnings.get(name[:_BEGINNING], ())
            if word == name or _spelled_alike(name, word, loosely)
        ]

    def _by_other_names(self, row: int, name: str, claim: Statement, found: NDArray[np.bool_]) -> None:
        """Add the statements that have the thing by another of its names, or an abbreviation spelled out."""
        forms = [
            form
            for number in _things().get(fold(name), ())
            if any(fold(name) in WORD.findall(form) and _has(form, claim) for form in _forms()[number])
            for form in _forms()[number]
            if self._vocabulary.issuperset(WORD.findall(form)) or "." in form
        ]
        short = is_abbreviation(name)
        if not forms and not short:
            return
        for place in np.flatnonzero(~found[:, row]).tolist():
            one = self._statements[place]
            found[place, row] = (short and name.lower() in _initials(one.text)) or any(
                _has(form, one) for form in forms
            )


def _by_beginning(words: Mapping[str, int]) -> dict[str, list[tuple[str, int]]]:
    """Words folded, with their columns, by how they begin."""
    found: dict[str, list[tuple[str, int]]] = {}
    for word, column in words.items():
        folded = _folded(word)
        found.setdefault(folded[:_BEGINNING], []).append((folded, column))
    return found


# Words of the index come up again and again.
_folded = lru_cache(maxsize=50_000)(fold)


@lru_cache(maxsize=8_192)
def _words(text: str) -> tuple[str, ...]:
    """The words of a text that may be names: "is" is no form of "Boris", and "US" no pronoun."""
    small = all_stop_words()
    words = (word for word in WORD.findall(text) if len(word) > 1)
    return tuple(dict.fromkeys(word.lower() for word in words if is_abbreviation(word) or fold(word) not in small))


@lru_cache(maxsize=50_000)
def _spelled_alike(one: str, other: str, loosely: bool) -> bool:
    """Whether two folded words are spellings of one name; loosely where the name stands nowhere as it is."""
    shorter, longer = sorted((len(one), len(other)))
    if shorter < _SETTLED:
        return False
    if one[: _SETTLED + 1] == other[: _SETTLED + 1]:
        return True
    if longer - shorter > _LONGER:
        return False
    return one[:_SETTLED] == other[:_SETTLED] or (
        loosely and SequenceMatcher(None, one, other).ratio() >= _SPELLED_ALIKE
    )


def _has(form: str, statement: Statement) -> bool:
    """Whether a statement holds a form of a name: "who" and "us" only as abbreviations, written in capitals."""
    if len(form) < _SHORT and form.isalpha():
        return any(fold(name) == form for name in statement.names if is_abbreviation(name)) or (
            form not in ("un", "us", "who", "au", "bad", "eau", "dr") and form in statement.words
        )
    return form in statement.folded and re.search(rf"\b{re.escape(form)}\b", statement.folded) is not None


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
