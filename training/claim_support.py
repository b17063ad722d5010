"""Learn what bears out a claim: ``python -m training.claim_support CLAIMS.jsonl… [--also MORE.jsonl…]``.

A line is a passage and claims on it, each with its kind: ``supported``, or what is wrong with it. Every aspect of the
support model is a logistic model of supported claims against the kind that it is there for; which sentences a claim is
compared with is chosen by the aspects learned so far, a few times over. The model that decides is learned from all
kinds. The score to ask for loses a given share of the supported claims in folds left out of learning, by passage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_service.chunking import Passage
from qa_service.composing.support import Sources
from qa_service.composing.support_model import (
    ASPECTS,
    DECIDING,
    WEIGHTS_FILE,
    Matrix,
    Weights,
    aspect_odds,
    aspect_rows,
    chosen,
    deciding_rows,
    matrix,
)
from qa_service.embedding_model import EmbeddingModel

# Share of the supported claims that may be lost.
_LOST = 0.05
_FOLDS = 8
_ROUNDS = 4
# Newton's method has settled long before.
_STEPS = 25
# Of each aspect: the kind of claim that it is there for, its penalty, and what one such claim counts.
_AGAINST = {
    "meaning": ("wrong_passage", 2.0, 3.0),
    "polarity": ("negation", 3.0, 2.0),
    "roles": ("swapped_name", 3.0, 2.5),
}
_L2_DECIDING = 25.0
_SUPPORTED = "supported"


@dataclass(frozen=True)
class Example:
    """A claim: the features of each choice of sentences, none where its names or values rule it out."""

    passage: str
    kind: str
    direction: str
    rows: Matrix | None
    measured: bool


@dataclass(frozen=True)
class Learned:
    """The models of the aspects, so far as they are learned, and the one that decides."""

    aspects: tuple[Weights, ...]
    deciding: Weights | None = None

    def row(self, example: Example) -> Matrix:
        """What the deciding model is told of a claim that is not ruled out, shape (1, features)."""
        assert example.rows is not None
        odds = aspect_odds(example.rows, self.aspects)
        best = chosen(odds)
        return deciding_rows(example.rows[[best]], odds[[best]])

    def score(self, example: Example) -> float:
        """The log odds that a claim is supported."""
        if example.rows is None:
            return -np.inf
        assert self.deciding is not None
        return float(self.deciding.log_odds(self.row(example))[0])


def main() -> int:
    """Measure the features, fit, write, print the shares of claims accepted in the folds left out."""
    parser = argparse.ArgumentParser(prog="python -m training.claim_support", description=__doc__)
    parser.add_argument("claims", nargs="+", type=Path, help="claims to learn from and to measure on")
    parser.add_argument("--also", nargs="*", type=Path, default=[], help="claims to learn from alone")
    parser.add_argument("--lost", type=float, default=_LOST, help="share of the supported claims that may be lost")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    options = parser.parse_args()
    model = EmbeddingModel.load("")
    examples = [one for file in options.claims for one in _examples(file, model, measured=True)]
    examples += [one for file in options.also for one in _examples(file, model, measured=False)]
    scores = left_out_scores(examples)
    least = _least(examples, scores, options.lost)
    learned = learn(examples)
    options.out.write_text(json.dumps(_stored(learned, least), indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"left out": shares(examples, scores, least)}, indent=1))
    return 0


def learn(examples: Sequence[Example]) -> Learned:
    """All the models, from some examples."""
    told = [one for one in examples if one.rows is not None]
    learned = Learned(())
    for _ in range(_ROUNDS):
        best = [_chosen(one, learned) for one in told]
        aspects = []
        for place, (kind, l2, counts) in enumerate(_AGAINST.values()):
            rows = [
                (row, one.kind == _SUPPORTED)
                for row, one in zip(best, told, strict=True)
                if one.kind in (kind, _SUPPORTED)
            ]
            right = np.array([is_right for _, is_right in rows])
            features = aspect_rows(np.concatenate([row for row, _ in rows]), place)
            aspects.append(fit(features, right, np.where(right, 1.0, counts), l2))
        learned = Learned(tuple(aspects))
    right = np.array([one.kind == _SUPPORTED for one in told])
    deciding = np.concatenate([learned.row(one) for one in told])
    return Learned(learned.aspects, fit(deciding, right, np.ones(len(right)), _L2_DECIDING))


def _chosen(example: Example, learned: Learned) -> Matrix:
    """The features of the sentences to compare a claim with; of the nearest one before anything is learned."""
    assert example.rows is not None
    best = chosen(aspect_odds(example.rows, learned.aspects)) if learned.aspects else 0
    return example.rows[[best]]


def left_out_scores(examples: Sequence[Example]) -> list[float]:
    """The score of each claim by models that were learned without its passage."""
    passages = sorted({one.passage for one in examples})
    folds = dict(zip(passages, np.random.default_rng(1).permutation(len(passages)) % _FOLDS, strict=True))
    models = [learn([one for one in examples if folds[one.passage] != fold]) for fold in range(_FOLDS)]
    return [models[folds[one.passage]].score(one) for one in examples]


def shares(examples: Sequence[Example], scores: Sequence[float], least: float) -> dict[str, dict[str, float]]:
    """The share of claims accepted, of every kind in every direction, of what is measured."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for one, score in zip(examples, scores, strict=True):
        if one.measured:
            kinds = [one.kind] if one.kind == _SUPPORTED else [one.kind, "unsupported"]
            for kind in kinds:
                found[one.direction][kind].append(score >= least)
    return {
        direction: {kind: round(float(np.mean(accepted)), 3) for kind, accepted in sorted(kinds.items())}
        for direction, kinds in sorted(found.items())
    }


def _least(examples: Sequence[Example], scores: Sequence[float], lost: float) -> float:
    """The score that all but a share of the supported claims reach."""
    supported = [score for one, score in zip(examples, scores, strict=True) if one.measured and one.kind == _SUPPORTED]
    return sorted(supported)[int(lost * len(supported))]


def fit(rows: Matrix, right: NDArray[np.bool_], counts: Matrix, l2: float) -> Weights:
    """Weights for raw features and the intercept, by maximum likelihood with an L2 penalty (Newton's method)."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    scaled = np.concatenate([(rows - mean) / scale, np.ones((len(rows), 1))], axis=1)
    penalty = np.append(np.full(rows.shape[1], l2), 1e-6)
    weights = np.zeros(scaled.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        gradient = scaled.T @ (counts * (likely - right)) + penalty * weights
        curvature = (scaled * (counts * likely * (1 - likely))[:, None]).T @ scaled + np.diag(penalty)
        weights -= np.linalg.solve(curvature, gradient)
    return Weights(weights[:-1] / scale, float(weights[-1] - weights[:-1] @ (mean / scale)))


def _examples(file: Path, model: EmbeddingModel, *, measured: bool) -> Iterator[Example]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
        told = json.loads(line)
        name = f"{file.name}:{number}"
        passage = Passage(name, told["language"], 0, 0, len(told["text"]), told["text"], told["title"])
        sources = Sources([passage], {}, model)
        for claim in told["claims"]:
            found = sources.features(claim["text"], claim["language"])
            rows = matrix(found) if found else None
            yield Example(name, claim["kind"], f"{claim['language']}-{told['language']}", rows, measured)


def _stored(learned: Learned, least: float) -> dict[str, object]:
    assert learned.deciding is not None
    aspects = {
        aspect: _named(weights, names)
        for (aspect, names), weights in zip(ASPECTS.items(), learned.aspects, strict=True)
    }
    return {**aspects, "deciding": _named(learned.deciding, DECIDING), "least": round(least, 4)}


def _named(model: Weights, names: Sequence[str]) -> dict[str, float]:
    weights = {name: round(float(weight), 4) for name, weight in zip(names, model.weights, strict=True)}
    return {"intercept": round(model.intercept, 4)} | weights


if __name__ == "__main__":
    sys.exit(main())
