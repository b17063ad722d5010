"""What kind of thing a question asks for, and which kinds a sentence offers, in both languages."""

from __future__ import annotations

import re
from typing import Literal

from qa_service.language import fold

Kind = Literal["date", "number", "person", "place", "reason"]

_MONTH = (
    r"january|february|march|april|may|june|july|august|september|october|november|december|"
    r"janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre"
)

# All patterns read folded text: lower case, no accents.
_DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)day|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
_NUMBERS = "two|three|four|five|six|seven|eight|nine|ten|deux|trois|quatre|cinq|sept|huit|neuf|dix"

_ASKS: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(
        r"\b(?:when|quand|(?:what|which) (?:day|year|month|time)|how soon|quelle annee|quel (?:jour|mois)|"
        r"dates?|month|year|jour|mois|annee)\b"
    ),
    "number": re.compile(
        r"\b(?:how (?:many|much|old|long)|combien|(?:what|which) number|quel (?:numero|nombre)|number)\b"
    ),
    "person": re.compile(r"\b(?:who|whom|whose|qui)\b(?! est-ce)"),
    "place": re.compile(
        r"\b(?:where|(?:what|which) (?:city|country|place|town)|quel(?:le)? (?:ville|pays|lieu|endroit))\b|^ou\b"
    ),
    "reason": re.compile(r"\b(?:why|pourquoi|what for|purpose|aim|but|objectif)\b"),
}
_OFFERS: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(
        rf"\b(?:\d{{1,2}}(?:st|nd|rd|th|er)? (?:{_MONTH})|(?:{_MONTH}) \d|(?:19|20)\d\d|"
        rf"\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}}|{_DAYS})\b"
    ),
    "number": re.compile(rf"\d|\b(?:{_NUMBERS})\b"),
    "reason": re.compile(
        r"\b(?:because|in order to|so that|aim(?:s|ed)?|intended|designed|seeks?|meant|purpose|goal|will help|"
        r"afin|pour|car|parce|vis\w+|destine\w*|objectif|but|permettr\w+|doit)\b"
    ),
}
# A name: capitals inside a sentence. Two in a row are mostly a person, one after a preposition mostly a place.
_PERSON = re.compile(r"(?<!^)\b[A-ZÀ-Ý][\w’'-]+ (?:[A-ZÀ-Ý][\w’'-]+|[IVX]+\b)")
_PLACE = re.compile(r"\b(?:in|at|from|to|into|near|à|au|aux|en|de|vers|dans)\s+(?:the |le |la |l['’])?[A-ZÀ-Ý][\w-]+")


def asked_kinds(question: str) -> frozenset[Kind]:
    """The kinds of thing that a question asks for; empty when it does not say."""
    # "où" asks for a place and "ou" means "or": they are told apart before the accents go.
    text = fold(re.sub(r"\boù\b", "where", question.lower()))
    return frozenset(kind for kind, pattern in _ASKS.items() if pattern.search(text))


def offered_kinds(sentence: str) -> frozenset[Kind]:
    """The kinds of thing that a sentence holds."""
    text = fold(sentence)
    kinds = {kind for kind, pattern in _OFFERS.items() if pattern.search(text)}
    kinds |= {"person"} if _PERSON.search(sentence) else set()
    kinds |= {"place"} if _PLACE.search(sentence) else set()
    return frozenset(kinds)
