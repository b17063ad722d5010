"""The support model: whether sentences of the sources bear out a claim, by the features of ``comparison``.

Three small logistic models, one for each aspect: whether the claim is about what the sentences say, whether it does
not say the opposite, and whether it does not say so of somebody else. They choose the sentences. A fourth, over all
features and what the three make of them, decides. ``training/claim_support.py`` makes their weights, in
``support_model.json`` beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.comparison import MEANING
from qa_service.composing.opposition import POLARITY
from qa_service.composing.standing import ROLES

WEIGHTS_FILE = Path(__file__).with_name("support_model.json")
ASPECTS: dict[str, tuple[str, ...]] = {"meaning": MEANING, "polarity": POLARITY, "roles": ROLES}
FEATURES = tuple(dict.fromkeys((*MEANING, *POLARITY, *ROLES)))
# What decides: the features, and what is left of a claim's credit by each aspect.
DECIDING = (*FEATURES, *ASPECTS)

# Of the log odds of polarity and roles, what decides which sentences are taken, and the most that each may count.
_ALSO = 0.5
_MOST = 2.0

Matrix = NDArray[np.float64]
_COLUMNS = tuple(np.array([FEATURES.index(name) for name in names]) for names in ASPECTS.values())


@dataclass(frozen=True)
class Weights:
    """A logistic model over some features."""

    weights: Matrix
    intercept: float

    def log_odds(self, rows: Matrix) -> Matrix:
        """Of rows of features, shape (rows,)."""
        odds: Matrix = rows @ self.weights + self.intercept
        return odds


@dataclass(frozen=True)
class SupportModel:
    """The models of the aspects, in their order, and the one that decides; ``least`` is the score to ask for."""

    aspects: tuple[Weights, ...]
    deciding: Weights
    least: float

    def judge(
        self, meaning: Sequence[Mapping[str, float]], features: Callable[[int], Mapping[str, float]]
    ) -> tuple[int, float]:
        """Which of some choices of sentences speaks most for the claim, and how much that is, as log odds.

        ``meaning`` are the features of meaning of each; ``features`` gives all features of one, and is asked for those
        alone that can still be the best.
        """
        about = self.aspects[0].log_odds(np.array([[row[name] for name in MEANING] for row in meaning]))
        best, most, told = 0, -np.inf, np.zeros(0)
        for place in np.argsort(-about, kind="stable"):
            if about[place] + _ALSO * _MOST * (len(self.aspects) - 1) <= most:
                break
            rows = matrix([features(int(place))])
            odds = aspect_odds(rows, self.aspects)
            worth = float(_worth(odds)[0])
            if worth > most:
                best, most, told = int(place), worth, deciding_rows(rows, odds)
        return best, float(self.deciding.log_odds(told)[0])

    def score(self, features: Mapping[str, float]) -> float:
        """How much one choice of sentences speaks for the claim, as log odds."""
        rows = matrix([features])
        return float(self.deciding.log_odds(deciding_rows(rows, aspect_odds(rows, self.aspects)))[0])

    @staticmethod
    def probability(score: float) -> float:
        """How sure a score is, 0 to 1."""
        return float(1 / (1 + np.exp(-score)))


def matrix(found: Sequence[Mapping[str, float]]) -> Matrix:
    """Rows of features in the order of ``FEATURES``."""
    return np.array([[row[name] for name in FEATURES] for row in found])


def aspect_rows(rows: Matrix, aspect: int) -> Matrix:
    """The features of one aspect, by its place among ``ASPECTS``."""
    return rows[:, _COLUMNS[aspect]]


def aspect_odds(rows: Matrix, aspects: Sequence[Weights]) -> Matrix:
    """Log odds of the first aspects, as many as there are models, shape (rows, aspects)."""
    return np.stack([one.log_odds(aspect_rows(rows, place)) for place, one in enumerate(aspects)], axis=1)


def chosen(odds: Matrix) -> int:
    """Which row speaks most for the claim: by its meaning first."""
    return int(_worth(odds).argmax())


def _worth(odds: Matrix) -> Matrix:
    worth: Matrix = odds[:, 0] + _ALSO * np.minimum(odds[:, 1:], _MOST).sum(axis=1)
    return worth


def deciding_rows(rows: Matrix, odds: Matrix) -> Matrix:
    """Rows in the order of ``DECIDING``: a credit is the log of the probability that the aspect does not object."""
    return np.concatenate([rows, -np.logaddexp(0, -odds)], axis=1)


@cache
def support_model() -> SupportModel:
    """The shipped model."""
    stored = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    return SupportModel(
        tuple(_weights(stored[aspect], names) for aspect, names in ASPECTS.items()),
        _weights(stored["deciding"], DECIDING),
        float(stored["least"]),
    )


def _weights(stored: Mapping[str, float], names: Sequence[str]) -> Weights:
    return Weights(np.array([stored[name] for name in names]), float(stored["intercept"]))
