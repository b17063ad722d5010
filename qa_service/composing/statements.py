"""A sentence read for comparing: its words and which of them it denies, its names, its values, its opposites."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.polarity import DENIED_WORDS, clause_borders, denial_ends, denials, not_so, signs
from qa_service.language import NAME, WORD, Language, all_stop_words, fold
from qa_service.values import HEDGES, MONTHS_AND_DAYS, Value, values_of

# They say where a statement stands, and nothing of what it states.
_REPORTING = frozenset(
    """
    article articles say says said according source sources passage report reported reports tell told text document
    explained added add also stated states
    selon dit dire indique indiquer precise apres affirme rapporte explique ajoute aussi egalement declare
    """.split()
)
_PASSED_OVER = all_stop_words() | _REPORTING | HEDGES | MONTHS_AND_DAYS
_NO_NAMES = all_stop_words() | MONTHS_AND_DAYS
# A sentence's first word is a name where another capital follows, or a part of it behind a hyphen.
_FIRST_NAME = re.compile(r"[«“\"'‘\s]*([A-ZÀ-Þ][^\W_]*)((?:[-’'][^\W_]+)*)(\s[A-ZÀ-Þ])?")


# Who says something stands beside these.
_SAYING = re.compile(
    r"\b(?:said|says?|told|tells|announc\w+|stat(?:ed|es)|explain\w*|warn\w*|promis\w+|confirm\w*|report(?:ed|s)"
    r"|argu\w+|claim(?:ed|s)|predict\w*|insist\w*|declar\w+|a dit|affirm\w+|annonc\w+|indiqu\w+|precis(?:e|ee|ait)"
    r"|expliqu\w+|assur\w+|estim(?:e|ait)|ajout(?:e|ait)|promet\w*|averti\w*|fait savoir|soulign\w+)\b"
)
_ACCORDING_TO = re.compile(r"\b(?:according to|selon|d'apres|in the words of)\b")
# Characters between a word of saying and who says it; a title may stand between "according to" and the name.
_SAID_WITHIN, _NAMED_WITHIN = 30, 60
# After these stands where something is, and after those who does it too.
_PLACED = re.compile(r"\b(?:in|at|near|from|a|au|aux|en|dans|sur|pres de|off)(?: (?:the|le|la|les|l'))? ?(?=\w)")
_JOINED = re.compile(r"\b(?:and|et|with|avec|or|ou)(?: (?:the|le|la|les|l'|son|sa|his|her|its))? ?(?=\w)")
# After these stands who does it: "signed by the minister".
_BY = re.compile(r"\b(?:by|par)(?: (?:the|le|la|les|l'|un|une|an?))? ?(?=\w)")
# Words after "by" that may still be a title before a name.
_TITLE_WORDS = 3


@dataclass(frozen=True, eq=False)
class Statement:
    """A sentence as it is compared.

    ``words`` are its content words in order, folded, without those of its values. Of each of them, ``denied`` says
    whether it stands in the scope of a denial, ``negative`` whether it says by itself that something is not so,
    ``clauses`` in which clause it stands, ``runs`` of which name it is a part (-1 for none), ``agents`` whether "by"
    goes before it, ``loose`` whether its place among other names says nothing ("in", "and"), and ``sayers`` whether it
    names who says what the sentence says. ``first`` is the place of a word that may be a name and may owe its capital
    to the beginning of the sentence, or -1. ``names`` are the names' words as they are written, and ``name_runs``
    tells which of them stand together. ``signs`` are its opposites: pair, side and place among the words.
    """

    text: str
    language: Language
    folded: str
    words: tuple[str, ...]
    denied: NDArray[np.bool_]
    negative: NDArray[np.bool_]
    clauses: NDArray[np.int64]
    runs: NDArray[np.int64]
    agents: NDArray[np.bool_]
    loose: NDArray[np.bool_]
    sayers: NDArray[np.bool_]
    first: int
    names: tuple[str, ...]
    name_runs: tuple[int, ...]
    values: tuple[Value, ...]
    signs: tuple[tuple[int, int, int], ...]
    denies: bool


def plain(text: str) -> str:
    """A text folded, with plain apostrophes and spaces."""
    return " ".join(fold(text.replace("’", "'").replace("‘", "'")).split())


def read_statement(text: str, language: Language) -> Statement:
    """Read a sentence, in linear time."""
    folded = plain(text)
    values = values_of(text, language)
    written = {word for value in values for word in value.written}
    names = {name: run for name, run in _names(text).items() if fold(name) not in written}
    parts = {fold(part): run for part, run in reversed(names.items())}
    found = [
        (match.start(), match[0])
        for match in WORD.finditer(folded)
        if match[0] not in _PASSED_OVER and match[0] not in written and len(match[0]) > 1
    ]
    starts = [start for start, _ in found]
    borders = clause_borders(folded)
    ends = sorted([*borders, *denial_ends(folded)])
    denied, negative, agents, loose = (np.zeros(len(found), dtype=np.bool_) for _ in range(4))
    denies = False
    for start, end, is_verb in denials(folded):
        at, scope = bisect_left(starts, start), slice(*_scope(end, ends, starts))
        twice = is_verb and denied[at : at + 1].any()
        denied[scope] = not twice
        negative[at : at + 1] = not twice
        denies |= not twice
    for start in not_so(folded):
        negative[bisect_left(starts, start) :][:1] = True
    signs_found = []
    for sign in signs(folded):
        place, end = bisect_left(starts, sign.start), bisect_left(starts, sign.end)
        turned = bool(denied[place : place + 1].any())
        signs_found.append((sign.pair, -sign.side if turned else sign.side, place))
        if sign.negative:
            negative[place : max(end, place + 1)] = True
    for pattern, flags, reach in ((_BY, agents, _TITLE_WORDS), (_PLACED, loose, 1), (_JOINED, loose, _TITLE_WORDS)):
        for match in pattern.finditer(folded):
            place = bisect_left(starts, match.end())
            if place < len(starts) and starts[place] - match.end() < 4:
                flags[place : place + reach] = True
    run_of = np.array([parts.get(word, -1) for _, word in found], dtype=np.int64)
    return Statement(
        text,
        language,
        folded,
        tuple(word for _, word in found),
        denied,
        negative,
        np.array([bisect_right(borders, start) for start in starts], dtype=np.int64),
        run_of,
        agents,
        loose,
        _sayers(folded, starts, run_of),
        _first(text, found),
        tuple(names),
        tuple(names.values()),
        values,
        tuple(signs_found),
        denies,
    )


# Sentences of the index come up again and again.
remembered_statement = lru_cache(maxsize=8_192)(read_statement)


def _scope(start: int, borders: list[int], words: list[int]) -> tuple[int, int]:
    """What is denied from a place on: the next words, within the clause, by their places among the words."""
    border = bisect_right(borders, start)
    begin = bisect_left(words, start)
    end = bisect_left(words, borders[border]) if border < len(borders) else len(words)
    return begin, min(end, begin + DENIED_WORDS)


def _sayers(folded: str, starts: list[int], runs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which words name who says something: the last name before a word of saying, or else the first one behind."""
    places = np.flatnonzero(runs >= 0)
    begins = np.array(starts, dtype=np.int64)[places]
    found = np.zeros(len(runs), dtype=np.bool_)
    for match in _ACCORDING_TO.finditer(folded):
        place = int(np.searchsorted(begins, match.end()))
        if place < len(begins) and begins[place] - match.end() <= _NAMED_WITHIN:
            found |= runs == runs[places[place]]
    for match in _SAYING.finditer(folded):
        place = int(np.searchsorted(begins, match.start(), side="right"))
        if place and match.start() - begins[place - 1] <= _SAID_WITHIN:
            found |= runs == runs[places[place - 1]]
        elif place < len(begins) and 0 <= begins[place] - match.end() <= _SAID_WITHIN:
            found |= runs == runs[places[place]]
    return found


def _first(text: str, words: list[tuple[int, str]]) -> int:
    """The first word's place where it may be a name: it is written with a capital, as any first word is."""
    first = _FIRST_NAME.match(text)
    return 0 if first and words and words[0][1] == fold(first[1]) and words[0][1] not in _NO_NAMES else -1


def _names(text: str) -> dict[str, int]:
    """The words of names, and a number for each run of them.

    They have capitals within the sentence, or at its start where it can be nothing else.
    """
    found = [(match.start(), match[0]) for match in NAME.finditer(text)]
    first = _FIRST_NAME.match(text)
    if first and (first[2] or first[3] or is_abbreviation(first[1])):
        found = [(first.start(1), first[1] + first[2]), *found]
    names: dict[str, int] = {}
    run, end = 0, -1
    for start, name in found:
        run += start > end + 1
        end = start + len(name)
        for part in WORD.findall(name):
            if is_abbreviation(part) or (len(part) > 1 and part[0].isupper() and fold(part) not in _NO_NAMES):
                names.setdefault(part, run)
    return names


def is_abbreviation(name: str) -> bool:
    """Whether a name is written in capitals: what it stands for may not be known here."""
    return sum(char.isupper() for char in name) > 1
