"""Words without their endings, as the lexical index and the related stems know them."""

from __future__ import annotations

import re
import threading

import Stemmer

from qa_service.language import WORD, Language, fold
from qa_service.tokens import normalise

# What French elides before a vowel; "aujourd'hui" and the like keep their first part as a word of its own.
_ELISION = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)'(?=\w)")
_STEMMERS = {"en": "english", "fr": "french"}

# A stemmer must not be used by two threads at once (PyStemmer's manual).
_of_thread = threading.local()


def folded_words(text: str, language: Language) -> list[str]:
    """The words of a text in order, folded; French ones without what they elide. Numbers stay whole."""
    known = normalise(text)  # composes accents: a word typed with loose ones would fall apart
    bare = _ELISION.sub(" ", known) if language == "fr" else known
    return [fold(word) for word in WORD.findall(bare)]


def stems(words: list[str], language: Language) -> list[str]:
    """Folded words without their endings, by Snowball's stemmer for the language (Porter, 2001)."""
    found: list[str] = _stemmer(language).stemWords(words)
    return found


def stem(word: str, language: Language) -> str:
    """One folded word without its ending."""
    return stems([word], language)[0]


def _stemmer(language: Language) -> Stemmer.Stemmer:
    stemmers: dict[str, Stemmer.Stemmer] = _of_thread.__dict__
    if language not in stemmers:
        stemmers[language] = Stemmer.Stemmer(_STEMMERS[language])
    return stemmers[language]
