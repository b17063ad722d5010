"""The dates and quantities that a text states, read alike in every usual English and French form.

"March 19, 2025" and "le 19 mars 2025" are one value, and so are "1.2 million", "1,200,000" and "1 200 000". What can
be meant in two ways is read as little as is sure: "03/04/2025" is the year alone in English, where it is the third of
April to some and the fourth of March to others, and a weekday alone is no value. Two values are compared by
``compatible``: a year meets any day in it, "about 16" meets 16, "more than 10" meets 12.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from qa_service.language import WORD, Language, fold, folded_stop_words

Kind = Literal["date", "time", "number", "percentage", "money", "ordinal"]

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january janvier jan janv",
            "february fevrier feb fev fevr",
            "march mars mar",
            "april avril apr avr",
            "may mai",
            "june juin jun",
            "july juillet jul juil",
            "august aout aug",
            "september septembre sep sept",
            "october octobre oct",
            "november novembre nov",
            "december decembre dec",
        ),
        start=1,
    )
    for name in names.split()
}

# Both languages', each from its Monday on.
WEEKDAYS = (
    "monday tuesday wednesday thursday friday saturday sunday lundi mardi mercredi jeudi vendredi samedi dimanche"
).split()
# What is a part of a date, and says nothing of what is dated.
MONTHS_AND_DAYS = MONTHS.keys() | frozenset(WEEKDAYS)
# What says how sure a number is, and nothing of what is counted.
HEDGES = frozenset(
    """
    about around some nearly almost approximately roughly close more less fewer than least most over environ pres
    quelque quelques peu presque plus moins jusqu up between entre
    """.split()
)

_SMALL: dict[Language, dict[str, int]] = {
    "en": {
        word: number
        for number, word in enumerate(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen".split()
        )
    }
    | {
        word: 10 * number
        for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
    },
    "fr": {
        word: number
        for number, word in enumerate(
            "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize".split()
        )
    }
    | {"une": 1, "vingt": 20, "vingts": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60}
    | {"septante": 70, "huitante": 80, "nonante": 90},
}
_SCALES: dict[Language, dict[str, float]] = {
    "en": {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12},
    # A French "billion" is a million millions.
    "fr": {"cent": 1e2, "cents": 1e2, "mille": 1e3, "million": 1e6, "millions": 1e6, "milliard": 1e9}
    | {"milliards": 1e9, "billion": 1e12, "billions": 1e12},
}
# Counted by these, a number is a rough one: "a dozen", "une vingtaine".
_ROUGH: dict[Language, dict[str, float]] = {
    "en": {"dozen": 12},
    "fr": {"dizaine": 10, "douzaine": 12, "quinzaine": 15, "vingtaine": 20, "trentaine": 30, "quarantaine": 40}
    | {"cinquantaine": 50, "soixantaine": 60, "centaine": 100, "millier": 1e3},
}
# What follows the figures of an amount: "$5bn", "3 M€".
_SHORT_SCALES = {"k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "b": 1e9, "md": 1e9, "mds": 1e9, "tn": 1e12}

_CURRENCIES: dict[str, str] = {
    name: currency
    for currency, names in {
        "dollar": "$ us$ usd dollar",
        "canadian dollar": "ca$ c$ cad",
        "australian dollar": "a$ aud",
        "euro": "€ eur euro",
        "pound": "£ gbp pound livre",
        "yen": "¥ jpy yen",
        "yuan": "yuan",
        "dirham": "mad dh dirham",
        "franc": "franc fcfa xof",
        "rouble": "rouble ruble",
        "tenge": "tenge",
        "dinar": "dinar",
        "naira": "naira",
        "rand": "rand",
        "rupee": "rupee roupie",
        "shilling": "shilling",
        "peso": "peso",
        "riyal": "riyal",
    }.items()
    for name in names.split()
}
_COINS = "|".join(sorted((re.escape(name) for name in _CURRENCIES if name.isalpha()), key=len, reverse=True))
_COUNTRIES = r"(?P<country>us|american|canadian|australian|americains?|canadiens?|australiens?)"

# All patterns read folded text: lower case, no accents, plain spaces and apostrophes.
_MONTH = rf"(?P<month>{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b\.?"
_YEAR = r"(?P<year>1[5-9]\d\d|20\d\d)(?![\d,.]\d|\d| ?%)\b"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:er|st|nd|rd|th)?"
_TO = r"(?: ?[-–/] ?| (?:to|and|through|et|au|a) )(?:the |le )?"
_MORE_DAYS = rf"(?:{_TO}(?P<until>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?(?!\d))?"
_FROM_DAY = rf"(?:(?P<since>[12]\d|3[01]|0?[1-9])(?:er|st|nd|rd|th)?{_TO})?"
_DATES = tuple(
    map(
        re.compile,
        (
            r"(?<![\w-])(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?![\w-])",
            rf"(?<![\w.,/-]){_FROM_DAY}{_DAY} (?:of |du mois de )?{_MONTH}(?:,? (?:of |de )?{_YEAR})?(?!\w)",
            rf"(?<!\w){_MONTH} (?:the )?{_DAY}(?!\d|,\d|[.]\d){_MORE_DAYS}(?:,? {_YEAR})?(?![\w%])",
            rf"(?<!\w){_MONTH},? (?:of |de )?{_YEAR}",
            # A month alone is a date after these words only: "may" and "march" are also verbs.
            rf"\b(?:in|en|since|until|by|last|next|early|late|mid|debut|fin|mi|depuis|mois de)[ -]?{_MONTH}(?! \d|\w)",
        ),
    )
)
_SLASHED = re.compile(r"(?<![\w./-])(\d{1,2})([/.])(\d{1,2})\2(\d{4}|\d\d)(?![\w/-])")
# Before these figures tell one of a series from the others: "resolution 2756".
_NUMBERED = re.compile(
    r"\b(?:resolution|article|flight|vol|chapter|chapitre|nos?\.|n°|number|numero|law|loi|decree|decret|route"
    r"|cop|directive|regulation|reglement)s?"
    r" ?\(?(?:nos?\.? |n° ?)?$"
)
# What stands before a year that is no quantity.
_LONE_YEAR = re.compile(
    rf"(?:(?P<before>\b(?:in|since|of|by|from|until|till|before|after|during|for|to|and|the|its|his|their|year|mid|early"
    r"|late|end|en|de|depuis|des|avant|apres|pour|jusqu'en|d'ici|fin|debut|mi|l'an|l'annee|annee|et|a|le|la|du|au|exercice)"
    rf"[ -]|[(–-]|^) ?){_YEAR}(?! (?:people|persons|personnes|habitants|inhabitants|euros|dollars|dirhams))"
)
_DECADE = re.compile(r"\bannees (?:1[5-9]|20)\d0\b|\b(?:1[5-9]|20)\d0'?s\b")
_TIME = re.compile(
    r"(?<![\w.,:-])(?:(?P<h24>[01]?\d|2[0-3]) ?(?:h|heures?)\b(?: ?(?P<m24>[0-5]\d)\b)?"
    r"|(?P<h12>1[0-2]|0?[1-9])(?:[:.](?P<m12>[0-5]\d))? ?(?P<half>[ap])\.?m\b\.?"
    r"|(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?![:\d]))"
)
# "pendant 3 heures" is a quantity, "à 3 heures" a time of the day.
_AT = re.compile(r"\b(?:a|des|vers|jusqu'a)\s*(?:environ )?$")

_FIGURES = re.compile(
    r"(?<![\w.,/:⁄])(?<!\w-)"
    r"(?P<figures>\d{1,3}(?:[ ,.']\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
    r"(?:(?P<ordinal>st|nd|rd|th|er|ere|eme|e)\b|(?P<short>bn|mn|mds?|tn|k|m|b)(?=\b|€|\$))?(?![\d/:⁄])"
)
# "46 cents" are coins.
_SCALE_WORDS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(rf"\s(?P<scale>{'|'.join(_SCALES['en'])}|thousands)\b"),
    "fr": re.compile(rf"\s(?P<scale>{'|'.join(name for name in _SCALES['fr'] if name[0] != 'c')}|milliers)\b"),
}
# Alone, "84m" is metres to one reader and millions to another.
_UNSURE_ALONE = frozenset(("m", "k", "b"))
_FRACTION = re.compile(r" ?(?:and a half|et demie?|\d ?[/⁄] ?\d)")
_PERCENT = re.compile(r" ?%| ?per ?cent\b(?! of a)| ?pour ?cents?\b| ?pct\b")
_COIN_AFTER = re.compile(
    rf" ?(?P<short>bn|mn|mds?|tn|k|m)?(?:\b| )?(?:d'|de |of )?(?:{_COUNTRIES} )?(?P<coin>[€£$]|(?:{_COINS})(?:s|es)?\b)"
    r"(?: (?P<of>canadiens?|australiens?|cfa))?"
)
_COIN_BEFORE = re.compile(rf"(?:(?:\b(?:us|ca|c|a))?\$|[€£¥]|\b(?:{_COINS}))\s?$")
_ABOUT = re.compile(
    r"(?:\babout|\baround|\bsome|\bnearly|\balmost|\bapproximately|\broughly|\bclose to|\benviron|\bpres d[e']"
    r"|\bquelques?|\ba peu pres|\bautour d[e']|\bpresque|~)\s*(?:an? |une? |the |les )?[€$£]?$"
)
_OVER = re.compile(
    r"(?:\bmore than|\bover|\bat least|\babove|\bexceed(?:s|ed|ing)?|\bupwards of|\bplus d[e']|\bau moins"
    r"|\bau-dela d[e']|\bdepass\w+)\s*(?:an? |une? |the |les )?[€$£]?$"
)
_UNDER = re.compile(
    r"(?:\bless than|\bfewer than|\bunder|\bbelow|\bup to|\bat most|\bno more than|\bmoins d[e']|\bau plus|\bjusqu'a)"
    r"\s*(?:an? |une? |the |les )?[€$£]?$"
)
_BETWEEN = re.compile(r" ?(?:[-–]|\bto\b|\bor\b|\bou\b|\ba\b) ?[€$£]?$| (?:and|et) [€$£]?$")
_TWO_ENDS = re.compile(r"\b(?:between|entre|from|de)\s+[€$£]?$")
_JOIN = {"and", "et"}

# What a rough number may be away from what is meant, as a share of it; what a rounded one may be.
_ROUGHLY = 0.15
_ROUNDED = 0.05
_LOOKED_BACK = 40  # characters
# Words after a quantity that may name what is counted.
_UNIT_WORDS = 3


@dataclass(frozen=True)
class Value:
    """A date, a time of the day or a quantity, and the words it is written in, folded.

    Dates have ``day``, ``month`` and ``year``, each None where it is not said. All others lie from ``low`` to
    ``high``: equal for an exact number, infinite for "more than", minutes since midnight for a time. ``step`` is what
    one more in the last figure would add: 100,000 for "1.2 million". ``unit`` is the currency of an amount, and of a
    number the words after it, one of which is what it counts.
    """

    kind: Kind
    written: tuple[str, ...]
    year: int | None = None
    month: int | None = None
    day: int | None = None
    low: float = math.nan
    high: float = math.nan
    step: float = 0.0
    unit: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Read:
    """A value and where it stands in the folded text."""

    start: int
    end: int
    value: Value


def read_values(text: str, language: Language) -> tuple[Value, ...]:
    """The values of a text in this language, in order; linear in the text's length."""
    folded = " ".join(fold(text.replace("’", "'").replace("\u202f", " ")).split())
    folded = _DECADE.sub("|", folded)  # ten years are no date
    found = _dates(folded, language)
    rest = _without(folded, found)
    times = list(_times(rest, language))
    rest = _without(rest, times)
    return tuple(
        read.value for read in sorted([*found, *times, *_quantities(rest, language)], key=lambda one: one.start)
    )


# For the sentences of the index, which come up again and again.
values_of = lru_cache(maxsize=8_192)(read_values)


def compatible(one: Value, other: Value) -> bool:
    """Whether two values of one kind may be the same; units are not looked at."""
    if one.kind == "date":
        pairs = ((one.year, other.year), (one.month, other.month), (one.day, other.day))
        return all(left is None or right is None or left == right for left, right in pairs)
    if one.high >= other.low and other.high >= one.low:
        return True
    apart = max(one.low - other.high, other.low - one.high)
    if one.step == other.step:
        return False
    # A rounded number stands for what is rounded to it; that "300" is one of 350 is too far all the same.
    largest = max([abs(end) for end in (one.low, one.high, other.low, other.high) if math.isfinite(end)], default=0.0)
    return apart <= min(max(one.step, other.step) / 2, _ROUNDED * largest)


def agree(ones: tuple[Value, ...], others: tuple[Value, ...]) -> bool:
    """Whether the values of two texts contradict each other in no kind that both hold.

    In each such kind, every value of the text that has fewer must be compatible with one of the other's.
    """
    for kind in {value.kind for value in ones} & {value.kind for value in others}:
        fewer, more = sorted(([value for value in some if value.kind == kind] for some in (ones, others)), key=len)
        if not all(any(compatible(one, other) for other in more) for one in fewer):
            return False
    return True


def _without(folded: str, found: list[_Read]) -> str:
    """The text with what was read made blank, so that nothing is read twice."""
    pieces: list[str] = []
    done = 0
    for read in sorted(found, key=lambda one: one.start):
        if read.start >= done:
            pieces += (folded[done : read.start], "|" * (read.end - read.start))
            done = read.end
    return "".join((*pieces, folded[done:]))


def _before(folded: str, at: int) -> str:
    """What stands before a place, as much as says how a value there is meant."""
    return folded[max(0, at - _LOOKED_BACK) : at]


def _dates(folded: str, language: Language) -> list[_Read]:
    found: list[_Read] = []
    rest = folded
    for reader in (_slashed, _named_dates, _lone_years):
        some = list(reader(rest, language))
        found += some
        rest = _without(rest, some)
    return found


def _slashed(folded: str, language: Language) -> Iterator[_Read]:
    """Dates in figures: day first, but in English either way where both can be months."""
    for match in _SLASHED.finditer(folded):
        first, second, year = int(match[1]), int(match[3]), _whole_year(match[4])
        day, month = (second, first) if second > 12 and language == "en" else (first, second)
        if not (1 <= day <= 31 and 1 <= month <= 12):
            continue
        sure = language == "fr" or match[2] == "." or max(first, second) > 12 or first == second
        yield _read(match, _date(match[0], year, month if sure else None, day if sure else None))


def _whole_year(figures: str) -> int:
    year = int(figures)
    return year if year > 99 else year + (2000 if year < 50 else 1900)


def _named_dates(folded: str, _: Language) -> Iterator[_Read]:
    taken = folded
    for pattern in _DATES:
        for match in pattern.finditer(taken):
            parts = match.groupdict()
            year, month = parts.get("year"), parts["month"]
            number = MONTHS.get(month) or int(month)
            days = [int(day) for name in ("since", "day", "until") if (day := parts.get(name))]
            for day in days or (None,):
                yield _read(match, _date(match[0], int(year) if year else None, number, day))
        taken = pattern.sub(lambda match: "|" * len(match[0]), taken)


def _lone_years(folded: str, _: Language) -> Iterator[_Read]:
    for match in _LONE_YEAR.finditer(folded):
        start, end = match.span("year")
        yield _Read(start, end, _date(match["year"], int(match["year"]), None, None))


def _date(written: str, year: int | None, month: int | None, day: int | None) -> Value:
    return Value("date", tuple(WORD.findall(written)), year=year, month=month, day=day)


def _read(match: re.Match[str], value: Value) -> _Read:
    return _Read(match.start(), match.end(), value)


def _times(folded: str, _: Language) -> Iterator[_Read]:
    for match in _TIME.finditer(folded):
        if match["h24"] and not match["m24"] and not _AT.search(_before(folded, match.start())):
            continue
        hour = int(match["h24"] or match["h12"] or match["hour"])
        if match["half"]:
            hour = hour % 12 + 12 * (match["half"] == "p")
        minutes = float(60 * hour + int(match["m24"] or match["m12"] or match["minute"] or 0))
        yield _read(match, Value("time", tuple(WORD.findall(match[0])), low=minutes, high=minutes))


def _quantities(folded: str, language: Language) -> list[_Read]:
    numbers = sorted([*_figures(folded, language), *_spelled(folded, language)], key=lambda one: one.start)
    read = [_completed(number, folded, language) for number in numbers]
    return _ranges(read, folded)


def _figures(folded: str, language: Language) -> Iterator[_Read]:
    """Numbers in figures, with the words of scale after them."""
    for match in _FIGURES.finditer(folded):
        number = _number(match["figures"], language)
        if number is None:
            continue
        value, step = number
        if match["ordinal"] or _NUMBERED.search(_before(folded, match.start())):
            written = tuple(WORD.findall(match[0]))
            yield _read(match, Value("ordinal", written, low=value, high=value, step=1))
            continue
        scaled = _scale(match, folded, language)
        if scaled is not None:
            scale, end = scaled
            written = tuple(WORD.findall(folded[match.start() : end]))
            yield _Read(match.start(), end, _quantity(written, value * scale, step * scale))


def _scale(figures: re.Match[str], folded: str, language: Language) -> tuple[float, int] | None:
    """What the figures are counted in, and where that ends; None where it is not sure."""
    end, scale, short = figures.end("figures"), 1.0, figures["short"]
    if short and _COIN_BEFORE.search(_before(folded, figures.start())):
        scale, end = _SHORT_SCALES[short], figures.end("short")
    elif short in _UNSURE_ALONE and not _COIN_AFTER.match(folded, end):
        return None
    while after := _SCALE_WORDS[language].match(folded, end):
        scale *= _SCALES[language].get(after["scale"], 1e3)
        end = after.end()
    return None if _FRACTION.match(folded, end) else (scale, end)


def _number(figures: str, language: Language) -> tuple[float, float] | None:
    """A number in figures and the worth of its last one; None where the language leaves open which it is."""
    whole, _, decimals = figures.replace(" ", "").replace("'", "").partition("." if language == "en" else ",")
    groups = "," if language == "en" else "."
    if language == "fr" and (len(decimals) == 3 and whole != "0" and " " not in figures):
        return None  # "1,200" may be written the English way
    if language == "fr" and groups in whole and not re.fullmatch(r"\d{1,3}(?:\.\d{3})+", whole):
        whole, decimals = whole.split(".")[0], whole.split(".")[1]  # "1.5", written the English way
    if language == "en" and groups in whole and not re.fullmatch(r"\d{1,3}(?:,\d{3})+", whole):
        return None
    digits = whole.replace(groups, "") or "0"
    if not (digits + decimals or "x").isdecimal():
        return None
    value = float(f"{digits}.{decimals or 0}")
    return value, 10.0 ** -len(decimals) if decimals else _last_figure(value)


def _last_figure(value: float) -> float:
    """What one more in the last figure of a whole number adds: from a hundred on, noughts at its end are rounding."""
    step = 1.0
    while value >= 100 and value % (step * 10) == 0:
        step *= 10
    return step


def _spelled(folded: str, language: Language) -> Iterator[_Read]:
    """Numbers in words: "two hundred and fifty", "quatre-vingt-dix", "a dozen"."""
    run: list[re.Match[str]] = []
    for word in re.finditer(r"[a-z]+", folded):
        adjacent = bool(run) and folded[run[-1].end() : word.start()] in (" ", "-")
        if adjacent and _continues([one[0] for one in run], word[0], language):
            run.append(word)
            continue
        yield from _spelled_number(run, folded, language)
        run = [word] if _worth(word[0], language) is not None else []
    yield from _spelled_number(run, folded, language)


def _worth(word: str, language: Language) -> float | None:
    """What a number word stands for."""
    for table in (_SMALL[language], _SCALES[language], _ROUGH[language]):
        if word in table:
            return table[word]
    return _ROUGH[language].get(word.removesuffix("s"))


def _continues(run: list[str], word: str, language: Language) -> bool:
    """Whether a word goes on with the number that these words began; "three, four" and "five and ten" are two."""
    last = run[-2] if run[-1] in _JOIN and len(run) > 1 else run[-1]
    before, small = _SMALL[language].get(last), _SMALL[language].get(word)
    if word in _JOIN:
        return run[-1] not in _JOIN and (before is None if language == "en" else before is not None and before >= 20)
    if small is None:
        return run[-1] not in _JOIN and _worth(word, language) is not None
    if before is None:
        return True
    if language == "fr" and (before in (20, 60) or (before, small) in ((4, 20), (10, 7), (10, 8), (10, 9))):
        return small < 20 or before == 4
    return before >= 20 and small < 10


def _spelled_number(run: list[re.Match[str]], folded: str, language: Language) -> Iterator[_Read]:
    """The number that a run of words is, unless it is an article, the scale of figures, or as vague as "milliers"."""
    while run and run[-1][0] in _JOIN:
        run.pop()
    words = tuple(word[0] for word in run)
    if (
        not words
        or words in (("one",), ("un",), ("une",))
        or (words[0] not in _SMALL[language] and words[0][-1] == "s")
    ):
        return
    if _before(folded, run[0].start()).rstrip()[-1:].isdigit() or (words == ("cent",) and _PERCENT.search(folded)):
        return
    value = _sum(words, language)
    number = _quantity(words, value, _last_figure(value))
    rough = any(word.removesuffix("s") in _ROUGH[language] for word in words)
    yield _Read(run[0].start(), run[-1].end(), _roughly(number) if rough else number)


def _sum(words: tuple[str, ...], language: Language) -> float:
    total = current = 0.0
    for word in words:
        worth = _worth(word, language)
        if worth is None:  # "and"
            continue
        if word in _SMALL[language]:
            current += 76 if (current % 100, worth) == (4, 20) else worth  # "quatre-vingt" is eighty
        elif worth >= 1e3:
            total, current = total + max(current, 1.0) * worth, 0.0
        else:
            current = current - current % 100 + max(current % 100, 1.0) * worth
    return total + current


def _quantity(written: tuple[str, ...], value: float, step: float) -> Value:
    return Value("number", written, low=value, high=value, step=step)


def _roughly(value: Value) -> Value:
    return replace(value, low=value.low * (1 - _ROUGHLY), high=value.high * (1 + _ROUGHLY))


def _completed(number: _Read, folded: str, language: Language) -> _Read:
    """A number with what stands around it: its currency, its unit, whether it is exact."""
    before, value, end = _before(folded, number.start), number.value, number.end
    coin_before = _COIN_BEFORE.search(before)
    coin_after = _COIN_AFTER.match(folded, end) if not coin_before else None
    if value.kind == "ordinal":
        value = replace(value, unit=_unit(folded, end, language))
    elif percent := _PERCENT.match(folded, end):
        value, end = replace(value, kind="percentage"), percent.end()
    elif coin_before:
        value = replace(value, kind="money", unit=(_CURRENCIES[coin_before[0].strip()],))
        before = before[: coin_before.start()]
    elif coin_after:
        value, end = _amount(value, coin_after), coin_after.end()
    else:
        value = replace(value, unit=_unit(folded, end, language))
    value = replace(value, written=tuple(WORD.findall(folded[number.start : end])))
    return _Read(number.start, end, _bounded(value, before))


def _amount(value: Value, coin: re.Match[str]) -> Value:
    name = coin["coin"] if coin["coin"] in _CURRENCIES else coin["coin"].removesuffix("es").removesuffix("s")
    name = name if name in _CURRENCIES else coin["coin"].removesuffix("s")
    country = (coin["country"] or coin["of"] or "")[:3]
    currency = {"can": "canadian ", "aus": "australian "}.get(country, "") + _CURRENCIES[name]
    scale = _SHORT_SCALES[coin["short"]] if coin["short"] else 1.0
    return replace(
        value, kind="money", unit=(currency,), low=value.low * scale, high=value.high * scale, step=value.step * scale
    )


def _unit(folded: str, end: int, language: Language) -> tuple[str, ...]:
    """The words after a number, within its clause, that may name what it counts."""
    clause = re.split(r"[.,;:!?()|»”\"]|\d", folded[end : end + 60], maxsplit=1)[0]
    words = [word for word in WORD.findall(clause) if word not in folded_stop_words(language) and len(word) > 1]
    return tuple(words[:_UNIT_WORDS])


def _bounded(value: Value, before: str) -> Value:
    if value.kind == "ordinal":
        return value
    if _OVER.search(before):
        return replace(value, high=math.inf)
    if _UNDER.search(before):
        return replace(value, low=-math.inf)
    return _roughly(value) if _ABOUT.search(before) else value


def _ranges(read: list[_Read], folded: str) -> list[_Read]:
    """Two numbers that are the ends of one range, "between 10 and 15", as one value."""
    found: list[_Read] = []
    for one in read:
        last = found[-1] if found else None
        if last is not None and one.start - last.end <= 8 and _is_range(last, one, folded):
            low, high = sorted((last.value.low, one.value.high))
            # In "5 to 7 million" the scale stands once.
            low = low * one.value.step if high >= 1e3 * max(low, 1.0) and one.value.step >= 1e3 > low else low
            written = last.value.written + one.value.written
            found[-1] = _Read(last.start, one.end, replace(one.value, low=low, high=high, written=written))
        else:
            found.append(one)
    return found


def _is_range(last: _Read, one: _Read, folded: str) -> bool:
    alike = (last.value.kind, last.value.unit) == (one.value.kind, one.value.unit)
    if one.value.kind == "ordinal" or not (alike or (last.value.kind == "number" and not last.value.unit)):
        return False
    joined = _BETWEEN.match(folded[last.end : one.start])
    if joined is None:
        return False
    return joined[0].strip()[:3] not in _JOIN or bool(_TWO_ENDS.search(_before(folded, last.start)))
