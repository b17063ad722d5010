"""Whether the dates and quantities that a claim gives follow from those of its source.

Stricter than ``values.compatible``, which asks whether two values may be the same: a claim must not be more precise
than its source. Fractions are read here too: "half", "un tiers", "doubled".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from itertools import pairwise

from qa_service.composing.statements import Statement
from qa_service.values import MONTHS, WEEKDAYS, Value, compatible

_COUNTS = {"two": 2, "deux": 2, "three": 3, "trois": 3, "four": 4, "quatre": 4}
_PARTS = {
    word: share
    for words, share in (
        ("half halves moitie", 50.0),
        ("third thirds tiers", 100 / 3),
        ("quarter quarters quart quarts", 25.0),
        ("fifth fifths cinquieme cinquiemes", 20.0),
        ("tenth tenths dixieme dixiemes", 10.0),
    )
    for word in words.split()
}
# Without a number or an article before it, "third" is an order. "A year and a half" is no half.
_FRACTION = re.compile(
    r"(?<!and )(?<!et )(?<!and a )(?<!et une )"
    r"(?<!first )(?<!second )(?<!premier )(?<!premiere )(?<!seconde )(?<!deuxieme )"
    r"(?:\b(?P<count>one|an?|two|three|four|un|une|deux|trois|quatre|les deux|les trois)[ -])?"
    rf"\b(?P<part>{'|'.join(_PARTS)})\b"
    r"(?![ -](?:consecutive|straight|time|place|day|year|meeting|quarter|de finale|fois|phase|final))"
)
_ORDERS = frozenset("third quarter quart fifth cinquieme tenth dixieme".split())
# "A double champion" counts no share, and neither does "twice a year".
_TIMES = (
    (re.compile(r"\b(?:doubled|doubling|twofold|(?:a|ont|avait|aura) double|doubler\w*|doublement)\b"), 200.0),
    (re.compile(r"\b(?:tripled|tripling|threefold|(?:a|ont|avait|aura) triple|tripler\w*|triplement)\b"), 300.0),
)
_DECADE = re.compile(r"\b(?:annees |the )?(1[5-9]|20)(\d)0'?s\b|\bannees (1[5-9]|20)(\d)0\b")
# "Eight people in ten", "huit sur dix": the ten is no count.
_OUT_OF_TEN = re.compile(
    r"\b(?:in|out of|sur) (?:ten|dix|10|a hundred|cent|100)\b"
    r"(?! (?:\w+ )?(?:day|week|month|year|hour|jour|semaine|mois|an|heure)s?\b)"
)
# "One job in five", "un emploi sur cinq": the five is no count, and the one is a share.
_ONE_IN = re.compile(
    r"\b(?:one|an?|une?) (?:\w+ ){0,2}?(?:in|out of|sur) "
    r"(?P<whole>two|three|four|five|six|seven|eight|deux|trois|quatre|cinq|sept|huit|[2-9])\b"
)
_WHOLES = {
    word: number
    for number, words in enumerate(
        ("two deux 2", "three trois 3", "four quatre 4", "five cinq 5", "six 6", "seven sept 7", "eight huit 8", "9"),
        start=2,
    )
    for word in words.split()
}
_TENS = frozenset(("ten", "dix", "10", "hundred", "cent", "100"))
_OF = re.compile(r"\b(?:out of|of|sur|des)\b")
# What a fraction in words leaves open, in points of a percentage.
_POINTS = 1.0
# Kinds that the same figures are read as: "the 2021 record", "only 4", said of percentages.
_COMPARABLE = ({"number", "ordinal"}, {"number", "money"}, {"number", "percentage"})
# A claim may round what its source says by this share.
_OPEN_END = 0.02
_SMALL = 3
# Not so of lengths of time.
_SPANS = frozenset("days weeks months years hours minutes jours semaines mois ans annees heures minutes".split())
# Numbers that may be years.
_FIRST_YEAR, _LAST_YEAR = 1500, 2100


@lru_cache(maxsize=8_192)
def quantities(statement: Statement) -> tuple[Value, ...]:
    """The values of a sentence, its fractions, and its decades."""
    values = statement.values
    if _OUT_OF_TEN.search(statement.folded):
        values = tuple(value for value in values if value.written[-1] not in _TENS)
    if wholes := {found["whole"] for found in _ONE_IN.finditer(statement.folded)}:
        values = tuple(value for value in values if value.written[-1] not in wholes)
    return (*values, *_fractions(statement.folded), *_decades(statement.folded))


def is_possible(statement: Statement) -> bool:
    """Whether the one weekday of a sentence is that of its one full date; true where it has not just one of each."""
    days = [place % 7 for place, name in enumerate(WEEKDAYS) if re.search(rf"\b{name}\b", statement.folded)]
    dates = [value for value in statement.values if value.kind == "date" and value.day and value.month and value.year]
    if len(days) != 1 or len(dates) != 1:
        return True
    try:
        return date(dates[0].year or 0, dates[0].month or 0, dates[0].day or 0).weekday() == days[0]
    except ValueError:  # the 31st of June
        return False


def borne_out(value: Value, given: Sequence[Value], years: frozenset[int], text: str = "") -> bool:
    """Whether a claim's value follows from one of the given ones, which are those of a folded text.

    A year that a source leaves out may be one of the ``years`` that its article is of. Counts of two or three in words
    are often worked out ("one of the two signatories"), and are left to the rest of the comparison.
    """
    if (
        value.kind == "number"
        and (value.low + value.high) / 2 <= _SMALL
        and not value.written[0].isdigit()
        and not _SPANS.intersection(value.unit[:1])
    ):
        return True
    return any(_follows(value, other, years) for other in given) or _is_spelled(value, given, text)


def _is_spelled(value: Value, given: Sequence[Value], text: str) -> bool:
    """Whether a value that is read as one in the claim alone stands in the source: a month, a year, a time."""
    if value.kind == "date" and value.day is None and value.year is None and value.month is not None:
        return any(re.search(rf"\b{name}\b", text) for name in _month_names(value.month))
    if value.kind == "date" and value.month is None:
        return re.search(rf"\b{value.year}\b", text) is not None
    if value.kind == "time" or (value.kind == "number" and _FIRST_YEAR <= value.low <= _LAST_YEAR):
        figures = [word for word in value.written if word.isdigit()]
        return bool(figures) and all(
            re.search(rf"(?<!\d){figure}(?!\d|[.,]\d)", text) or any(other.low == float(figure) for other in given)
            for figure in figures
        )
    return False


@lru_cache(maxsize=12)
def _month_names(month: int) -> tuple[str, ...]:
    return tuple(name for name, number in MONTHS.items() if number == month and len(name) > 3) or ("may", "mai")


def _follows(value: Value, given: Value, years: frozenset[int]) -> bool:
    if value.kind == "date" or given.kind == "date":
        return value.kind == given.kind and _same_date(value, given, years)
    if value.kind != given.kind and {value.kind, given.kind} not in _COMPARABLE:
        return False
    if value.kind == given.kind == "money" and value.unit != given.unit:
        return False
    return _same_amount(value, given)


def _same_date(value: Value, given: Value, years: frozenset[int]) -> bool:
    """Whether a date is another, or says less of it."""
    for ours, theirs in ((value.day, given.day), (value.month, given.month)):
        if ours is not None and ours != theirs:
            return False
    return value.year is None or value.year == given.year or (given.year is None and value.year in years)


def _same_amount(value: Value, given: Value) -> bool:
    """Whether an amount follows from another; "up to 42,000" bears out 42,000, and not 18."""
    if not math.isfinite(given.low) or not math.isfinite(given.high):
        end = given.low if math.isfinite(given.low) else given.high
        if math.isfinite(value.low) and math.isfinite(value.high):
            return compatible(value, replace(given, low=end, high=end))
        ours = value.low if math.isfinite(value.low) else value.high
        same_side = math.isfinite(value.low) == math.isfinite(given.low)
        return same_side and abs(ours - end) <= _OPEN_END * abs(end)
    return compatible(value, given)


def _fractions(folded: str) -> list[Value]:
    found = []
    for match in _FRACTION.finditer(folded):
        part, count = match["part"], (match["count"] or "").removeprefix("les ")
        if part in _ORDERS and not count:
            continue
        share = _PARTS[part] * _COUNTS.get(count, 1)
        found.append(Value("percentage", (part,), low=share - _POINTS, high=share + _POINTS, step=1.0))
    for match in _ONE_IN.finditer(folded):
        share = 100 / _WHOLES[match["whole"]]
        found.append(Value("percentage", (match["whole"],), low=share - _POINTS, high=share + _POINTS, step=1.0))
    for pattern, share in _TIMES:
        found += [
            Value("percentage", (match[0],), low=share, high=share, step=1.0) for match in pattern.finditer(folded)
        ]
    return found


@lru_cache(maxsize=8_192)
def given_quantities(statement: Statement) -> tuple[Value, ...]:
    """The values of a sentence of the sources, and what can be worked out from them."""
    return (*quantities(statement), *_shares(statement))


def _shares(statement: Statement) -> Iterator[Value]:
    """What one count is of the next: "220 jobs out of 1,100", "un sur cinq"."""
    if not _OF.search(statement.folded):
        return
    counts = [value for value in statement.values if value.kind == "number" and value.low == value.high]
    for part, whole in pairwise(counts):
        if 0 < part.low < whole.low:
            share = 100 * part.low / whole.low
            yield Value("percentage", part.written, low=share - _POINTS, high=share + _POINTS, step=1.0)


def _decades(folded: str) -> list[Value]:
    """The decades of a text, as the amounts that their years are."""
    return [
        Value("ordinal", (match[0],), low=year, high=year, step=1.0)
        for match in _DECADE.finditer(folded)
        for year in (float(f"{match[1] or match[3]}{match[2] or match[4]}0"),)
    ]
