"""Whether a sentence is one at all: words of a source in an order that nobody writes bear no statement.

A comparison by words takes a heap of a source's own words for what it says. A sentence that a writer makes of them
keeps some next to each other, stays in one language and does not stammer; a broken model's babble does none of this.
Of the golden claims that are borne out, each beside its own source, one of 496 is taken for babble; of sentences of
twelve words drawn at random from sources in both languages, nine in ten are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain, pairwise

from qa_service.composing.statements import plain
from qa_service.language import QUOTED, WORD, Language, folded_stop_words, other
from qa_service.prompting import NOT_FOUND

# Share of a sentence's words that are its source's; of neighbours among them that are neighbours there; how many.
_OWN_WORDS = 0.8
_NEIGHBOURS = 0.2
_PAIRS = 5
# Words of the other language that carry no subject, and their share of all such words.
_FOREIGN = 2
_FOREIGN_SHARE = 0.25
# Words said twice in a row, beyond those that may be.
_STAMMERS = 2
_SAID_TWICE = frozenset("nous vous had that very tres so si".split())

# Part of a name, as in "The New York Times".
_IN_A_NAME = re.compile(r"\b[A-ZÀ-Þ]\w*(?= [A-ZÀ-Þ])|(?<=[a-z,] )[A-ZÀ-Þ]\w*")

# What is said to a model or by it, and tells a reader nothing: to ignore its rules, a tag, its word for no answer. That
# drivers ignored the instructions of the police is news.
_TO_IGNORE = (
    r"ignore[zr]?|ignorer|disregard|forget|override|oubliez|oublie|oublier|négligez|néglige|outrepassez|outrepasse"
)
_RULES = r"instruction|prompt|consigne|directive|guideline"
_YOURS = r"previous|prior|above|earlier|your|these|system|précédente?s?|antérieure?s?|ci-dessus|vos|tes|ces|système"
_INSTRUCTION = re.compile(
    rf"(?:^|[.!?:;«“\"(]\s*+|\b(?:please|veuillez|and|et|must|devez)\s++)(?:{_TO_IGNORE})\b[^.!?]{{0,60}}\b(?:{_RULES})s?\b"
    rf"|\b(?:{_TO_IGNORE})\b[^.!?]{{0,40}}\b(?:{_YOURS})\b[^.!?]{{0,30}}\b(?:{_RULES})s?\b"
    rf"|\b(?:{_RULES})s?\b[^.!?]{{0,30}}\b(?:{_YOURS})\b[^.!?]{{0,40}}\b(?:{_TO_IGNORE})\b"
    r"|\b(?:from now on|désormais|à partir de maintenant)\b[^.!?]{0,40}\b(?:answer|reply|respond|répond\w*)\b"
    r"|\b(?:assistant|chatbot|language model|modèle de langue|you|vous)\b[^.!?]{0,20}\b(?:must|should|devez|doit)\b"
    r"[^.!?]{0,20}\b(?:answer|reply|respond|say|répond\w*|dire|dites)\b"
    r"|^\s*(?:system|assistant|système)\s*:|<\|"
    rf"|<\s*+/?\s*+[a-z]\w*[^<>]*>|{NOT_FOUND}",
    re.IGNORECASE,
)


# What a model says of its passages instead of an answer, and what it says where it has none.
_DECLINING = re.compile(
    r"\b(?:passages?|excerpts?|documents?|articles?|sources?|texts?|context|extraits?|textes?|contexte)\b[^.!?]{0,40}"
    r"(?:\b(?:not|no)\b|n't\b|\b(?:ne|n['’]))[^.!?]{0,30}"
    r"\b(?:say|state|mention|answer|contain|provide|specif|indicat|give|disent|dit|mentionn|répond|contien|fourni|précis"
    r"|indiqu|donn)\w*"
    r"|\b(?:no|any|aucune?|pas de) (?:answer|information|réponse)\b"
    r"|^\s*(?:I (?:don['’]t|do not|cannot|can['’]t)|I['’]m (?:sorry|not)|je (?:ne|n['’]|suis désolé)|désolé"
    r"|(?:unknown|inconnue?|not (?:found|known|stated|specified)|non (?:trouvé|précisé|indiqué)e?)\W*$)",
    re.IGNORECASE,
)
# Where a text points to. It must stand in the source, to the letter.
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s\])>»”]+|[\w.+-]+@[\w-]+\.[\w.]+|!\[", re.IGNORECASE)
# A list of sources that a model adds: the answer has its own.
_LABEL = re.compile(r"\W*(?:sources?|références?|references?)\s*:", re.IGNORECASE)


def declines(text: str) -> bool:
    """Whether a sentence says that there is no answer, rather than something of what is asked."""
    return _DECLINING.search(text) is not None


def is_label(text: str) -> bool:
    """Whether a line lists sources, which an answer has of its own."""
    return _LABEL.match(text) is not None


def addresses_in(text: str) -> frozenset[str]:
    """The addresses of pages and of mail that a text holds, and the beginnings of pictures."""
    return frozenset(found.rstrip(".,;:!?").lower() for found in _ADDRESS.findall(text))


def instructs(text: str) -> bool:
    """Whether a sentence speaks to a language model rather than to a reader. An article may hold one, as bait."""
    return _INSTRUCTION.search(text) is not None


class Wording:
    """How some sources are worded, to tell what a writer makes of them from what a broken model does."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Read the sources, whichever languages they are in."""
        words = [_remembered_words(text) for text in texts]
        self._known = frozenset(chain.from_iterable(words))
        self._neighbours = frozenset(pair for each in words for pair in pairwise(each))

    def is_babble(self, claim: str, language: Language) -> bool:
        """Whether a claim in this language is no sentence that anybody writes."""
        return _stammers(claim) or _mixes(claim, language) or self._is_scrambled(claim)

    def _is_scrambled(self, claim: str) -> bool:
        """Whether a claim is made of the sources' words, and next to none of them stand as they do there."""
        words = WORD.findall(plain(claim))
        pairs = [pair for pair in pairwise(words) if self._known.issuperset(pair)]
        own = sum(word in self._known for word in words)
        if len(pairs) < _PAIRS or own < _OWN_WORDS * len(words):
            return False
        together = sum(pair in self._neighbours for pair in pairs)
        return together < _NEIGHBOURS * len(pairs)


@lru_cache(maxsize=1_024)
def _remembered_words(text: str) -> tuple[str, ...]:
    """The words of a passage; those of the index come up again and again."""
    return tuple(WORD.findall(plain(text)))


def _stammers(claim: str) -> bool:
    words = WORD.findall(plain(claim))
    twice = [one for one, after in pairwise(words) if one == after and one not in _SAID_TWICE]
    return len(twice) >= _STAMMERS


def _mixes(claim: str, language: Language) -> bool:
    """Whether small words of both languages stand side by side, outside of quotes and names."""
    words = WORD.findall(plain(_IN_A_NAME.sub(" ", QUOTED.sub(" ", claim))))
    own = sum(word in _small_words(language) for word in words)
    foreign = sum(word in _small_words(other(language)) for word in words)
    return foreign >= _FOREIGN and foreign >= _FOREIGN_SHARE * (own + foreign)


@cache
def _small_words(language: Language) -> frozenset[str]:
    """Words of a language alone that carry no subject."""
    return frozenset(word for word in folded_stop_words(language) - folded_stop_words(other(language)) if len(word) > 1)
