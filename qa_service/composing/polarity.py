"""What a sentence denies, and on which side of a pair of opposites it stands: "did not open", "rose" and "fell".

Word vectors do not tell "accepted" from "rejected", nor "signed" from "did not sign". Two lists do, for both languages
at once: words that deny what follows them in their clause, and pairs of opposites. All patterns read folded text with
plain apostrophes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

# Where a denial ends before its clause does.
_OTHERWISE = re.compile(
    r"\b(?:since|from|during|until|depuis|pendant|lors|durant|jusqu|selon|according|when|where|as|quand|lorsque|comme)\b"
)
# Content words after a word of denial that it denies, within its clause.
DENIED_WORDS = 4

_CLAUSE = re.compile(
    r"[,;:()–—]|\b(?:but|and|while|whereas|although|though|because|since|which|who|after|before"
    r"|mais|et|tandis que|alors que|car|bien que|qui|dont|apres|avant)\b"
)
# "Ne" alone denies nothing: something follows it within a few words ("ne … que" restricts).
_FRENCH_DENIAL = re.compile(
    r"\b(?:ne |n')(?=(?:[\w-]+'?[ -]*){0,6}?\b(?:pas|plus|jamais|aucune?|rien|ni|guere|personne|nul)\b)"
)
_DENIAL = re.compile(
    r"\b(?:not|never|nor|neither|none|nobody|nothing|without|cannot|no longer|no one"
    r"|no(?! (?:more|fewer|less) than)(?! ?\d)(?!-)"
    r"|unable|hardly|yet to|instead of|rather than|far from|lack(?:s|ed|ing)?(?: of)?|absence of|devoid of"
    r"|aucune?|sans|jamais vu|faute de|depourvue?s? de|au lieu de|plutot que|loin de|absence de|incapable de)\b|n't\b"
)
# Verbs that deny; where they are denied themselves, what follows is so.
_DENYING_VERB = re.compile(
    r"\b(?:decid\w+ against|declin\w+ to|refus(?:e|es|ed|ing)\b(?! by)|fail(?:s|ed|ing)? to|rul(?:e|es|ed|ing) out"
    r"|escap(?:e|es|ed|ing)|refus(?:e|es|er|ent|ant|ait|ee)\b|exclu(?:t|re|ait)?\b|ecart(?:e|er|ee)\b|renonc\w+ a"
    r"|echou\w+ a|s'abst\w+ de|avoid\w*|evit\w+)\b"
)
# What says that something is not so without denying a word beside it.
_NOT_SO = re.compile(
    r"\b(?:un(?:able|likely|known|paid|available|\w{3,}ed)|in(?:trouv|chang|suffis|achev|demn|dispon)\w*|imp(?:ossib|ay)\w*"
    r"|await\w*|pending|en attente|reste\w* a|remains? to|gave up|giv(?:es?|ing|en) up|stop\w*|ceas\w+|cess\w+|still"
    r"|dropped|abolish\w*|supprim\w+|too early|trop tot|premature\w*|contrary to|unlike|contrairement|alone"
    r"|no-confidence)\b"
)
# Pairs of opposites; the file says how they are written.
_FILE = Path(__file__).with_name("opposites.txt")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")

# They take a side, and deny nothing: "a vaccine against cholera".
_AGAINST = frozenset(("against", "contre"))

# Which pair, and which side of it, 1 or -1.
Side = tuple[int, int]


@dataclass(frozen=True)
class _Opposites:
    """The patterns of either side of each pair, those of one word and those of several, and where any of these is."""

    words: dict[Side, re.Pattern[str]]
    phrases: dict[Side, re.Pattern[str]]
    any_phrase: re.Pattern[str]
    negative: frozenset[int]


@cache
def _opposites() -> _Opposites:
    """The list, read once."""
    found: dict[Side, list[str]] = {}
    negative = set()
    pair = -1
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        mark, _, rest = line.partition(" ")
        if mark in ("=", "!"):
            pair += 1
            negative.update([pair] if mark == "!" else [])
        elif mark in ("+", "-"):
            found.setdefault((pair, 1 if mark == "+" else -1), []).extend(_alternatives(rest))
    words = {side: "|".join(one for one in all_ if not _is_phrase(one)) for side, all_ in found.items()}
    phrases = {side: "|".join(filter(_is_phrase, all_)) for side, all_ in found.items()}
    return _Opposites(
        {side: re.compile(pattern) for side, pattern in words.items() if pattern},
        {side: re.compile(rf"(?:{pattern})(?!\w)") for side, pattern in phrases.items() if pattern},
        re.compile(rf"\b(?:{'|'.join(filter(None, phrases.values()))})(?!\w)"),
        frozenset(negative),
    )


def _is_phrase(pattern: str) -> bool:
    return " " in pattern or "'" in pattern


def _alternatives(pattern: str) -> list[str]:
    """The alternatives of a pattern that stand in no brackets."""
    found, depth, start = [], 0, 0
    for place, char in enumerate(pattern):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and not depth:
            found.append(pattern[start:place])
            start = place + 1
    return [*found, pattern[start:]]


@lru_cache(maxsize=50_000)
def _sides_of(word: str) -> tuple[tuple[int, int], ...]:
    return tuple(side for side, pattern in _opposites().words.items() if pattern.fullmatch(word))


@dataclass(frozen=True)
class Sign:
    """One of two opposites in a text: which pair, which side (1 or -1), and from where to where it stands.

    ``negative`` says whether it tells that something is not so.
    """

    pair: int
    side: int
    start: int
    end: int
    negative: bool


def clause_borders(folded: str) -> list[int]:
    """Where clauses of a text begin, but for the first."""
    return [found.start() for found in _CLAUSE.finditer(folded)]


def denial_ends(folded: str) -> list[int]:
    """Where something else begins that no denial before it reaches."""
    return [found.start() for found in _OTHERWISE.finditer(folded)]


def denials(folded: str) -> list[tuple[int, int, bool]]:
    """Words of denial in order: where each begins, where what it denies does, and whether it is a verb."""
    found = [(match.start(), match.end(), False) for match in _FRENCH_DENIAL.finditer(folded)]
    found += [(match.start(), match.end(), False) for match in _DENIAL.finditer(folded)]
    found += [(match.start(), match.end(), True) for match in _DENYING_VERB.finditer(folded)]
    return sorted(found)


def not_so(folded: str) -> list[int]:
    """Where something else says that something is not so."""
    return [match.start() for match in _NOT_SO.finditer(folded)]


def signs(folded: str) -> list[Sign]:
    """The opposites that a text names, in order; a phrase counts as a whole, and not the words in it."""
    found: list[Sign] = []
    taken: list[tuple[int, int]] = []
    opposites = _opposites()
    for match in opposites.any_phrase.finditer(folded):
        taken.append(match.span())
        sides = [side for side, pattern in opposites.phrases.items() if pattern.match(folded, match.start())]
        found += [_sign(side, match) for side in sides]
    following = iter([*taken, (len(folded), len(folded))])
    start, end = next(following)
    for match in _WORD.finditer(folded):
        while match.start() >= end and end < len(folded):
            start, end = next(following)
        if not start <= match.start() < end:
            found += [_sign(side, match) for side in _sides_of(match[0])]
    return sorted(found, key=lambda sign: sign.start)


def _sign(side: Side, match: re.Match[str]) -> Sign:
    pair, which = side
    negative = which < 0 and pair in _opposites().negative and match[0] not in _AGAINST
    return Sign(pair, which, *match.span(), negative)
