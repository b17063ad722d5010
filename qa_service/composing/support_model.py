"""The support model: whether sentences of the sources bear out a claim, by the features of ``comparison``.

Three small logistic models: whether the claim is about what the sentences say, whether it does not say the opposite,
and whether it does not say so of somebody else. What they doubt is added up. ``training/claim_support.py`` makes
their weights, in ``support_model.json`` beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.comparison import MEANING, POLARITY, ROLES

WEIGHTS_FILE = Path(__file__).with_name("support_model.json")
ASPECTS: dict[str, tuple[str, ...]] = {"meaning": MEANING, "polarity": POLARITY, "roles": ROLES}

# Of the log odds of polarity and roles, what decides which sentences are taken, and the most that each may count.
_ALSO = 0.5
_MOST = 2.0


@dataclass(frozen=True)
class SupportModel:
    """Weights and intercept of each aspect, in their order; ``least`` is the score from which on a claim is borne out."""

    weights: tuple[NDArray[np.float64], ...]
    intercepts: tuple[float, ...]
    least: float

    def log_odds(self, rows: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
        """Log odds of each aspect for rows of features, shape (rows, aspects)."""
        columns = [
            np.array([[row[name] for name in names] for row in rows]) @ weights + intercept
            for names, weights, intercept in zip(ASPECTS.values(), self.weights, self.intercepts, strict=True)
        ]
        return np.stack(columns, axis=1)

    @staticmethod
    def best(log_odds: NDArray[np.float64]) -> int:
        """Which row speaks most for the claim: by its meaning first."""
        others = np.minimum(log_odds[:, 1:], _MOST).sum(axis=1)
        return int((log_odds[:, 0] + _ALSO * others).argmax())

    @staticmethod
    def score(log_odds: NDArray[np.float64]) -> float:
        """What is left of a claim's credit, at most 0: the log of the probability that no aspect speaks against it."""
        return float(-np.logaddexp(0, -log_odds).sum())


@cache
def support_model() -> SupportModel:
    """The shipped model."""
    stored = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    return SupportModel(
        tuple(np.array([stored[aspect][name] for name in names]) for aspect, names in ASPECTS.items()),
        tuple(float(stored[aspect]["intercept"]) for aspect in ASPECTS),
        float(stored["least"]),
    )
