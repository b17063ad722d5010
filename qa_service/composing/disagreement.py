"""Where two sources give different values for one thing: the date, the number or the amount that is asked for.

A reader is warned only when two sentences of different documents say the same in nearly all their words, hold values
of the kind that the question asks for, and none of one may be one of the other's. A difference that has another
reason is no disagreement: another place, another session, another year, a plan and what came of it, two articles
published at different times. False alarms cost more than missed ones: a reader who learns to pass over the warning
misses the true ones too. ``tests/golden/disagreements.jsonl`` holds what this was set on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qa_service.articles import published_apart
from qa_service.chunking import Passage
from qa_service.composing.evidence import Sentence
from qa_service.composing.question_types import asked_kinds
from qa_service.embedding_model import EmbeddingModel
from qa_service.index_reader import OpenIndex
from qa_service.language import WORD, fold
from qa_service.retrieval import Query
from qa_service.tokens import normalise
from qa_service.values import HEDGES, MONTHS_AND_DAYS, Kind, Value, compatible, values_of
from qa_service.words import UNRELATED, Words, alike, content_words, remembered_words

WARNING = "sources_disagree"

# Sentences of the ranking, best first, in which a disagreement is looked for.
_READ = 20
# Below this cosine two sentences do not say the same, whatever their words.
_FAR = 0.30
# Share of a sentence's words, by importance, that the other must meet: of the one that is met best, and of the other.
_SAID_AGAIN = 0.75
_SAID_MOSTLY = 0.70
# Below this similarity a word is not met at all: two sentences that each have such a word speak of two things.
_UNMET = UNRELATED
# A word of the question that one sentence meets this much better than the other parts them.
_ALIKE = 0.60
_SAME_UNIT = 0.60
# From this similarity on, a word of a title is met in the other article; lacking this share, it is about another thing.
_SAME_WORD = 0.60
_SAME_NAME = 0.75  # "Maroc" is "Morocco" from here on, and "Rouen" is not "Caen"
_MOSTLY_LACKING = 0.5
# Dates of one event that sources differ on are near each other; dates further apart are mostly of two events.
_DAYS_OFF = 31
_MONTHS_OFF = 6
_YEARS_OFF = 10

_ASKS_QUANTITY = re.compile(
    r"\b(?:how (?:many|much|old|long|high|tall|far|big|large|deep|wide|fast|heavy)|combien|number|nombre|percent\w*|"
    r"pourcentage|proportion|share|population|cost|price|budget|amount|sum|prix|cout|montant|somme|length|height|size|"
    r"longueur|hauteur|taille|superficie|distance|area|taux|rate|total)\b"
)
_ASKS_TIME = re.compile(r"\b(?:what time|quelle heure|when|quand)\b")
# Words of questions that no answer repeats.
_ASKING = frozenset(
    """
    when what which many much long high tall far old big date day days year years month time number percentage percent
    share amount sum price cost quand quel quelle combien jour jours annee annees mois heure nombre pourcentage part
    montant somme prix longueur hauteur taille length height size make made does did
    """.split()
)
# Verbs that add nothing to what is said: a sentence may have them and its translation not.
_LIGHT = frozenset(
    """
    take takes took taken come comes came go goes has had have having hold holds make makes made give gave given get
    prend prendra pris entre entrera entree entrer vient viendra avait aura auront lieu compte comptait mesure mesurait
    dispose disposait atteint tient
    """.split()
)
# What makes another thing of it where one sentence alone has it.
_APART = (
    re.compile(r"\b(?:not|no|never|nor|neither|without|cannot|ne|n'|pas|jamais|aucune?|sans)\b|n't\b"),
    re.compile(
        r"\b(?:due|planned|scheduled|originally|initially|postponed|delayed|expected|forecast|estimated|target|aims?|"
        r"prevue?s?|devai\w+|initialement|report\w+|retard\w+|attendue?s?|objectif|estim\w+|vise\w*)\b"
    ),
    re.compile(
        r"\b(?:first|second|third|next|last|previous|earlier|former|another|again|annual|new|previously|premiere?s?|seconde?|"
        r"deuxieme|troisieme|prochaine?s?|derniere?s?|precedente?s?|autres?|nouve(?:au|l|lle)|encore|annuel\w*|ancien\w*)\b"
    ),
    re.compile(r"\b(?:effect|force|vigueur|expires?|expired?|expir\w+)\b"),
    re.compile(
        r"\b(?:each|every|chaque|average|moyenne|per (?!cent)\w+|par (?:an|mois|semaine|jour|heure|personne|tete))\b"
    ),
)
_FUTURE = re.compile(
    r"\b(?:will|shall|(?:is|are) (?:to|going to|set to)|(?:va|vont|doit|doivent) \w+(?:er|ir|re)|"
    r"\w+(?:era|eront|ira|iront|dra|dront|vra|vront|aura|auront))\b"
)
_PAST = re.compile(
    r"\b(?:was|were|had|did|met|took|began|came|went|held|\w{3,}ed|(?:a|ont|est|sont|avait|avaient|etait|etaient|fut)"
    r" (?:ete )?\w+(?:e|i|u|is|it)e?s?|\w{3,}(?:ait|aient))\b"
)


@dataclass(frozen=True)
class Disagreement:
    """Which of the quoted sentences, and which other sentence gives another value."""

    quoted: int
    other: Sentence


def find_disagreement(
    query: Query, quoted: Sequence[Sentence], ranked: Iterable[Sentence], index: OpenIndex, model: EmbeddingModel
) -> Disagreement | None:
    """The first sentence of the ranking that gives another value than a quoted one, if there is one."""
    asked = _asked(query.text)
    near = [sentence for sentence, _ in zip(ranked, range(_READ), strict=False)]
    if not asked or not quoted or not near:
        return None
    cosines = model.words.texts([one.text for one in quoted]) @ model.words.texts([one.text for one in near]).T
    for place, other in enumerate(near):
        for at, one in enumerate(quoted):
            if cosines[at, place] < _FAR or not _differ(query.text, asked, one, other, model):
                continue
            if not _published_apart(one, other, index):
                return Disagreement(at, other)
    return None


def disagree(question: str, one: Sentence, other: Sentence, model: EmbeddingModel) -> bool:
    """Whether two sentences of different documents give different values for what the question asks."""
    return _differ(question, _asked(question), one, other, model)


def _differ(question: str, asked: frozenset[Kind], one: Sentence, other: Sentence, model: EmbeddingModel) -> bool:
    if one.passage.document_id == other.passage.document_id:
        return False
    return (
        _values_differ(one, other, asked, model)
        and not _is_told_apart(one, other)
        and _say_the_same(question, one, other, model)
        and not _of_two_things(one.passage, other.passage, model)
    )


def _of_two_things(one: Passage, other: Passage, model: EmbeddingModel) -> bool:
    """Whether two articles are about different things, as their titles tell.

    "A ticket costs 8 euros" says as little of what it is about as its twin in an article on another museum. Either
    each title has a name that the other article lacks, or each is mostly of words that the other lacks.
    """
    lacking = [_lacking(here.title, there, model) for here, there in ((one, other), (other, one))]
    if not all(words for words, _ in lacking):
        return False
    return all(names for _, names in lacking) or all(np.mean(words) > _MOSTLY_LACKING for words, _ in lacking)


def _lacking(title: str, article: Passage, model: EmbeddingModel) -> tuple[list[bool], bool]:
    """Which words of a title an article of another title lacks, and whether one of these is a name."""
    words = content_words(title)
    there = remembered_words(f"{article.title}\n{article.text}")
    if not words or not there:
        return [], False
    met = alike(model.words.of(words), model.words.of(there)).max(axis=1)
    capitals = {normalise(name) for name in WORD.findall(title)[1:] if name[0].isupper() or name[0].isdigit()}
    gone = any(value < _SAME_NAME for word, value in zip(words, met, strict=True) if word in capitals)
    return (met < _SAME_WORD).tolist(), gone


def _published_apart(one: Sentence, other: Sentence, index: OpenIndex) -> bool:
    """Whether so much time lies between two publications that both may have been right."""
    here, there = (index.documents.summary(sentence.passage.document_id) for sentence in (one, other))
    return published_apart(here.published, there.published)


def _asked(question: str) -> frozenset[Kind]:
    """The kinds of value that a question asks for; none where it asks for something else."""
    folded = fold(question)
    kinds: set[Kind] = {"date"} if "date" in asked_kinds(question) else set()
    kinds |= {"time"} if _ASKS_TIME.search(folded) else set()
    kinds |= {"number", "percentage", "money"} if _ASKS_QUANTITY.search(folded) else set()
    return frozenset(kinds)


def _values_differ(one: Sentence, other: Sentence, asked: frozenset[Kind], model: EmbeddingModel) -> bool:
    """Whether both hold values of a kind asked for that cannot be the same, and no other value parts them."""
    here, there = _values(one), _values(other)
    compared = [
        (left, right) for left in here for right in there if left.kind in asked and _comparable(left, right, model)
    ]
    if not compared or any(compatible(left, right) for left, right in compared):
        return False
    kinds = {left.kind for left, _ in compared}
    if "date" in kinds and not any(_near(left, right) for left, right in compared if left.kind == "date"):
        return False
    return not any(_parted(here, there, kind) for kind in ("date", "time", "ordinal") if kind not in kinds)


def _values(sentence: Sentence) -> tuple[Value, ...]:
    return values_of(sentence.text, sentence.passage.language)


def _comparable(one: Value, other: Value, model: EmbeddingModel) -> bool:
    """Whether two values measure the same: dates, percentages, amounts of one currency, numbers of one thing."""
    if one.kind != other.kind:
        return False
    if one.kind != "number":
        return one.kind in ("date", "time", "percentage") or one.unit == other.unit
    if not one.unit or not other.unit:
        return False
    return bool(alike(model.words.of(one.unit), model.words.of(other.unit)).max() >= _SAME_UNIT)


def _near(one: Value, other: Value) -> bool:
    """Whether two dates that differ may be meant for one event; the same day of two years is one of them mistaken."""
    same_day = one.day is not None and (one.month, one.day) == (other.month, other.day)
    if one.year is None or other.year is None:
        return same_day or one.month is None or other.month is None or abs(one.month - other.month) <= 1
    if same_day or one.month is None or other.month is None:
        return abs(one.year - other.year) <= _YEARS_OFF
    if one.day is None or other.day is None:
        return abs(12 * (one.year - other.year) + one.month - other.month) <= _MONTHS_OFF
    # Months of 31 days: the 31st of June is no date, and may be written all the same.
    days = 372 * (one.year - other.year) + 31 * (one.month - other.month) + one.day - other.day
    return abs(days) <= _DAYS_OFF


def _parted(here: tuple[Value, ...], there: tuple[Value, ...], kind: Kind) -> bool:
    """Whether values of a kind not asked for say that two different things are meant."""
    ours, theirs = ([value for value in some if value.kind == kind] for some in (here, there))
    if ours and theirs:
        return not any(compatible(left, right) for left in ours for right in theirs)
    # A figure of a certain year, and one of no year, may be of two years.
    return kind == "date" and any(value.year and not value.month for value in (*ours, *theirs))


def _is_told_apart(one: Sentence, other: Sentence) -> bool:
    """Whether a word or a tense says that two sentences speak of two events."""
    here, there = fold(one.text).replace("’", "'"), fold(other.text).replace("’", "'")
    if any(bool(words.search(here)) != bool(words.search(there)) for words in _APART):
        return True
    coming = [bool(_FUTURE.search(text)) for text in (here, there)]
    past = [bool(_PAST.search(text)) for text in (here, there)]
    return coming[0] != coming[1] and past[coming.index(False)]


def _say_the_same(question: str, one: Sentence, other: Sentence, model: EmbeddingModel) -> bool:
    """Whether two sentences say the same but for their values: their words meet, and meet the question alike."""
    here, there = (model.words.of(_subject(sentence)) for sentence in (one, other))
    if not here.folded or not there.folded:
        return False
    scores = alike(here, there)
    ours, theirs = scores.max(axis=1), scores.max(axis=0)
    if (ours < _UNMET).any() and (theirs < _UNMET).any():
        return False
    shares = sorted((_share(ours, here), _share(theirs, there)))
    if shares[0] < _SAID_MOSTLY or shares[1] < _SAID_AGAIN:
        return False
    asked = model.words.of([word for word in content_words(question) if fold(word) not in _ASKING])
    if not asked.folded:
        return True
    met = [alike(asked, model.words.of(remembered_words(text))).max(axis=1) for text in (one.text, other.text)]
    return bool(np.abs(met[0] - met[1]).max() <= _ALIKE)


@lru_cache(maxsize=8_192)
def _subject(sentence: Sentence) -> tuple[str, ...]:
    """The content words of a sentence that are no part of a value."""
    written = {word for value in _values(sentence) for word in value.written}
    passed = written | MONTHS_AND_DAYS | HEDGES | _LIGHT
    return tuple(word for word in remembered_words(sentence.text) if fold(word) not in passed)


def _share(met: np.ndarray, words: Words) -> float:
    return float((met * words.importance).sum() / words.importance.sum())
