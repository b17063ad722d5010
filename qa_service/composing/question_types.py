"""What kind of thing a question asks for, and which things of each kind a sentence names, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from qa_service.language import WORD, fold

Kind = Literal["date", "number", "person", "place", "reason"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# All patterns but those of names read folded text: lower case, no accents.
_MONTH = (
    r"january|february|march|april|may|june|july|august|september|october|november|december|"
    r"janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre"
)
_DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)day|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
_NUMBERS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|both|half|quarter|"
    "dozens?|hundreds?|thousands?|millions?|billions?|deux|trois|quatre|cinq|sept|huit|neuf|dix|onze|douze|vingt|"
    "trente|quarante|cinquante|soixante|cents?|mille|milliers?|milliards?|dizaines?|douzaines?|centaines?|moitie|tiers|quart"
)
_WHICH = r"(?:what|which|quell?e?s?)"

_ASKS: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(
        rf"\b(?:when|quand|{_WHICH} (?:\w+ )?(?:day|year|month|dates?|time|century|annee|jour|mois|siecle|epoque)|"
        r"how soon|dates?|month|year|jour|mois|annee)\b"
    ),
    "number": re.compile(
        r"\b(?:how (?:many|much|old|long|far|tall|high|big|large|often|deep|fast)|combien|numbers?|"
        rf"{_WHICH} (?:\w+ )?(?:percentage|share|amount|price|population|cost|size|height|length|age|budget|numero|"
        r"nombre|pourcentage|part|montant|prix|cout|taille|hauteur|longueur|superficie|altitude|vitesse|distance|"
        r"duree|proportion|somme))\b"
    ),
    "person": re.compile(
        rf"\b(?:who|whom|whose|qui|{_WHICH} (?:\w+ ){{0,2}}(?:minister|president|person|king|queen|leader|author|"
        r"writer|director|player|artist|official|man|woman|ministre|roi|reine|auteur|ecrivain|dirigeant|joueur|"
        r"artiste|responsable|homme|femme|personne|chef))\b(?! est-ce)"
    ),
    "place": re.compile(
        rf"\b(?:where|{_WHICH} (?:\w+ ){{0,2}}(?:city|country|place|town|capital|region|state|province|village|"
        r"continent|island|ville|pays|lieu|endroit|capitale|commune|etat|departement|ile))\b|^ou\b"
    ),
    "reason": re.compile(r"\b(?:why|pourquoi|what for|purpose|aim|but|objectif|reason|raison|goal|cause)\b"),
}
_NAMES: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(
        rf"\b(?:\d{{1,2}}(?:st|nd|rd|th|er)? (?:of )?(?:{_MONTH})(?: \d{{4}})?|(?:{_MONTH}) \d{{1,2}}(?:, \d{{4}})?|"
        rf"(?:{_MONTH}) (?:19|20)\d\d|1\d{{3}}|20\d\d|\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}}|{_DAYS})\b"
    ),
    "number": re.compile(rf"\d[\d.,]*|\b(?:{_NUMBERS})\b"),
    "reason": re.compile(
        r"\b(?:because|in order to|so that|aim(?:s|ed)?|intended|designed|seeks?|meant|purpose|goal|will help|due to|"
        r"since|therefore|allows?|afin|pour|car|parce|vis\w+|destine\w*|objectif|but|permettr\w+|permet|doit|grace|"
        r"raison|cause)\b"
    ),
}
# A name: capitals in a row, joined by the small words that names hold.
_NAME = re.compile(r"[A-ZÀ-Ý][\w’'-]+(?:(?: (?:de|du|des|of|the|al|el|bin|ben|von|van|la|le) | |-)[A-ZÀ-Ý][\w’'-]+)*")
_PLACE = re.compile(
    r"\b(?:in|at|from|to|into|near|of|à|au|aux|en|de|du|vers|dans|d['’])\s*(?:the |le |la |l['’])?([A-ZÀ-Ý][\w-]+)"
)
_SHORTEST_FULL_DATE = 5  # "2024" is a year alone
_COUNTED = re.compile(r"\b(?:how many|combien (?:de|d.)?|number of|nombre (?:de|d.))\s*(\w+)")
_AFTER_NUMBER = re.compile(rf"\b(?:\d[\d.,]*|{_NUMBERS})((?:\W+\w+){{1,3}})")
_LEANS = re.compile(
    r"(?:It|He|She|They|This|That|These|Those|His|Her|Its|Their|Ils?|Elles?|Ce|Cet|Cette|Ces|Son|Sa|Leur|Cela|Celui|Celle)\b"
)


@dataclass(frozen=True)
class Offered:
    """What a sentence names: for each kind its things, folded; every name; the words that its numbers count."""

    things: dict[Kind, tuple[str, ...]]
    names: tuple[str, ...]
    counted: tuple[str, ...]

    def new(self, kind: Kind, known: frozenset[str]) -> bool:
        """Whether it names a thing of a kind that is not made of known words: a question does not ask for its own."""
        return (kind == "reason" and bool(self.things[kind])) or _new(self.things[kind], known) > 0

    def new_names(self, known: frozenset[str]) -> int:
        """How many of its names are not made of known words."""
        return _new(self.names, known)

    @property
    def full_date(self) -> bool:
        """Whether it names a date that is more than a year."""
        return any(len(date) >= _SHORTEST_FULL_DATE for date in self.things["date"])


def asked_kinds(question: str) -> frozenset[Kind]:
    """The kinds of thing that a question asks for; empty when it does not say."""
    # "où" asks for a place and "ou" means "or": they are told apart before the accents go.
    text = fold(re.sub(r"\boù\b", "where", question.lower()))
    return frozenset(kind for kind, pattern in _ASKS.items() if pattern.search(text))


def counted_word(question: str) -> str | None:
    """What a question wants counted: "countries" in "How many countries"."""
    found = _COUNTED.search(fold(question))
    return found[1] if found else None


@lru_cache(maxsize=20_000)
def offered(sentence: str) -> Offered:
    """The things that a sentence names."""
    text = fold(sentence)
    things: dict[Kind, tuple[str, ...]] = {kind: tuple(pattern.findall(text)) for kind, pattern in _NAMES.items()}
    names = [found for found in _NAME.finditer(sentence) if found.start() or " " in found[0]]
    things["person"] = tuple(fold(found[0]) for found in names if " " in found[0])
    things["place"] = tuple(map(fold, _PLACE.findall(sentence)))
    after = tuple(word for found in _AFTER_NUMBER.finditer(text) for word in WORD.findall(found[1]))
    return Offered(things, tuple(fold(found[0]) for found in names), after)


def leans_on_the_one_before(sentence: str) -> bool:
    """Whether a sentence begins by pointing back: "It", "Cet accord"."""
    return _LEANS.match(sentence) is not None


def _new(things: Iterable[str], known: frozenset[str]) -> int:
    return sum(1 for thing in things if known.isdisjoint(WORD.findall(thing)))
