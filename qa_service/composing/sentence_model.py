"""The sentence model: how likely each sentence answers the question, and whether any does.

Three small logistic models: one over the features of ``evidence`` ranks the sentences, one over a summary of the best
of them tells questions that the index has nothing on, one over the best sentence itself tells those whose subject it
knows and whose answer it lacks. ``training/sentence_choice.py`` makes their weights, in ``sentence_model.json`` beside
this file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.evidence import FEATURES, FORMS
from qa_service.embeddings import Vectors

WEIGHTS_FILE = Path(__file__).with_name("sentence_model.json")

# What decides whether there is an answer at all.
SUMMARY = (
    "best sentence",
    "mean of the best three sentences",
    "score of the best passage",
    "names and numbers met with a passage",
    "names and numbers met nowhere",
    "cosine with the closest sentence",
    "heaviest word met by no sentence",
)
# What decides whether the best sentence has what is asked for. Not that something is asked for: near misses mostly ask
# for a date or an amount, and so do many questions that are answered.
_TOLD_BY = tuple(
    name
    for name in FEATURES
    if not name.endswith("asked for and named") and not name.startswith("no kind") and name not in FORMS
)
_TELLING = [FEATURES.index(name) for name in _TOLD_BY]
SUPPORT = (*SUMMARY, *(f"best sentence: {name}" for name in _TOLD_BY))
# Of a question for which nothing at all was found.
_HOPELESS = -20.0

# Of what a level lies above the highest, this share counts: it tells how broad an archive is, and how much it meets.
_BROAD = 0.5

# Log odds beyond this are all the same, and their exponential stays in range.
_CERTAIN = 50.0

_PASSAGE_SCORE = FEATURES.index("score of the passage")
_NAMES_MET = FEATURES.index("names and numbers met with the passage")
_NAMES_NOT_MET = FEATURES.index("names and numbers not met")
_COSINE = FEATURES.index("cosine with the sentence")
_HEAVIEST_NOT_MET = FEATURES.index("heaviest word not met by the sentence")


@dataclass(frozen=True)
class Logistic:
    """A logistic model: one weight a feature, and the intercept."""

    weights: NDArray[np.float32]
    intercept: float

    def log_odds(self, rows: Vectors) -> NDArray[np.float32]:
        """The log odds of rows of features, shape (rows,)."""
        odds: NDArray[np.float32] = rows @ self.weights + self.intercept
        return odds


@dataclass(frozen=True)
class SentenceModel:
    """Which sentence answers, and what is refused.

    ``margin`` is by how much a question must stand out from unrelated ones, ``highest`` the level of these beyond which
    an archive is broad enough to answer some of them, ``least`` the log odds from which on the
    best sentence has what is asked for, ``typical`` the median log odds of the best sentence of a question.
    """

    sentence: Logistic
    answerable: Logistic
    supported: Logistic
    margin: float
    highest: float
    least: float
    typical: float

    def refuses(self, rows: Vectors, level: float) -> bool:
        """Whether no sentence answers, where unrelated questions to the index reach this level."""
        if not len(rows):
            return True
        asked_for = min(level, self.highest + _BROAD * (level - self.highest)) + self.margin
        if self.answerable_log_odds(rows) < asked_for:
            return True
        return float(self.supported.log_odds(support(rows, self.sentence))[0]) < self.least

    def sentence_probabilities(self, rows: Vectors) -> NDArray[np.float32]:
        """Probability of each sentence, shape (sentences,), of being the one that answers; the rest is for none."""
        odds = np.exp(self.sentence.log_odds(rows).clip(max=_CERTAIN))
        return np.asarray(odds / (1 + odds.sum()), dtype=np.float32)

    def answerable_log_odds(self, rows: Vectors) -> float:
        """Log odds that one of the sentences, given as rows of features, answers; very small without sentences."""
        if not len(rows):
            return _HOPELESS
        return float(self.answerable.log_odds(summary(rows, self.sentence))[0])


def summary(rows: Vectors, sentence: Logistic) -> Vectors:
    """What the sentences of a question come to: one row of the features in ``SUMMARY``."""
    best = np.sort(sentence.log_odds(rows))[::-1]
    values = [
        best[0],
        best[:3].mean(),
        rows[:, _PASSAGE_SCORE].max(),
        rows[:, _NAMES_MET].max(),
        rows[:, _NAMES_NOT_MET].min(),
        rows[:, _COSINE].max(),
        rows[:, _HEAVIEST_NOT_MET].min(),
    ]
    return np.array([values], dtype=np.float32)


def support(rows: Vectors, sentence: Logistic) -> Vectors:
    """What the best sentence has to say for itself: one row of the features in ``SUPPORT``."""
    best = rows[int(sentence.log_odds(rows).argmax())]
    return np.concatenate([summary(rows, sentence), best[None, _TELLING]], axis=1)


@cache
def sentence_model() -> SentenceModel:
    """The shipped model."""
    stored = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    return SentenceModel(
        _logistic(stored["sentence"], FEATURES),
        _logistic(stored["answerable"], SUMMARY),
        _logistic(stored["supported"], SUPPORT),
        stored["margin"],
        stored["highest"],
        stored["least"],
        stored["typical"],
    )


def _logistic(stored: dict[str, float], features: tuple[str, ...]) -> Logistic:
    return Logistic(np.array([stored[name] for name in features], dtype=np.float32), stored["intercept"])
