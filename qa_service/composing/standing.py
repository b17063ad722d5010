"""What tells whether a claim says of somebody what sentences say of somebody else: where its names stand in them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from qa_service.composing.alignment import ALIGNED, HARDLY, Alignment, Flags
from qa_service.embeddings import Vectors

_STANDING = (
    "distance of names from what is said of them",
    "another name of the claim stands nearer",
    "a name that the claim lacks stands nearer",
    "names torn apart",
    "names turned round",
)
ROLES = (
    "names",
    "names not met there",
    "names met neither there nor before",
    "names of the clause exchanged",
    "names of the sentence not in the claim",
    *_STANDING,
    "said by somebody else",
    "values not met",
    "cosine",
    "words met",
    "length",
    "two sentences",
)

# The largest distance in words that counts, and the one taken for none.
_FARTHEST = 12.0
_NO_NAME_DISTANCE = 2.0
# What a border between clauses and one between sentences adds to a distance.
_CLAUSE, _SENTENCE = 2.0, 12.0
# What a word may be met less well than at its best place, and still stand at another.
_AS_GOOD = 0.15
# Names that the claim lacks: more say no more. Pairs of names turned round likewise.
_MOST_NAMES, _MOST_TURNED = 4, 2


def roles(one: Alignment) -> dict[str, float]:
    """The features of roles, but for those that are known of any choice of sentences."""
    met = one.beside.names_met
    there = met[one.rows[:, :2]].any(axis=(0, 1))
    near = there | met[one.rows[:, 2]].any(axis=0)
    return {
        "names": float(len(one.claim.names)),
        "names not met there": float((~there).sum()),
        "names met neither there nor before": float((~near).sum()),
        "names of the clause exchanged": _exchanged(one),
        "names of the sentence not in the claim": float(min(int(one.strange.sum()), _MOST_NAMES)),
        "said by somebody else": _said_by_another(one),
    } | dict(zip(_STANDING, _Standing(one).features() if one.named.any() and one.near.size else _NOWHERE, strict=True))


_NOWHERE = (_NO_NAME_DISTANCE, 0.0, 0.0, 0.0, 0.0)


def _exchanged(one: Alignment) -> float:
    """Names that the clause nearest to the claim has in place of the claim's."""
    if not one.near.size:
        return 0.0
    # A clause is met by its words together: clauses follow each other.
    starts = np.flatnonzero(np.diff(one.clauses, prepend=-1))
    met = np.maximum.reduceat(one.similar, starts, axis=1)
    nearest = one.clauses == one.clauses[starts[int(((one.weights * ~one.named) @ met).argmax())]]
    missing = one.named & (one.near[:, nearest].max(axis=1) < ALIGNED)
    return float(min(int(missing.sum()), int((one.strange & nearest).sum())))


def _said_by_another(one: Alignment) -> float:
    """Whether the claim and the sentences name who says so, and not the same."""
    ours = one.claim.sayers
    if not ours.any() or not one.sayers.any():
        return 0.0
    return float(one.near[ours][:, one.sayers].max() < ALIGNED)


class _Standing:
    """Where the names of a claim stand in sentences, and where the words beside them."""

    def __init__(self, one: Alignment) -> None:
        self._one = one
        named, runs = one.named, one.beside.runs
        # Each name of the claim: which of its words are parts of it, shape (names, words).
        order = np.array(list(dict.fromkeys(runs[named].tolist())))
        self._members: Flags = runs == order[:, None]
        floor = np.where(named, ALIGNED, np.maximum(HARDLY, one.best - _AS_GOOD))
        self._places: Flags = np.where(named[:, None], one.near, one.similar) >= floor[:, None]
        between = self._between()
        # Words from a word of the claim to one of the sentences, and to another word of the claim.
        self._reach = np.where(self._places[:, None, :], between, _FARTHEST).min(axis=2)
        self._apart = np.where(self._places[:, None, :], self._reach[None], _FARTHEST).min(axis=2)
        self._stands: Flags = (self._members & self._places.any(axis=1)).any(axis=1)
        self._said = self._weights()

    def _between(self) -> Vectors:
        """Words between two places in the sentences."""
        one = self._one
        at = np.arange(len(one.clauses), dtype=np.float32)
        between: Vectors = np.abs(at[:, None] - at)
        between += _CLAUSE * (one.clauses[:, None] != one.clauses) + _SENTENCE * (one.sentence[:, None] != one.sentence)
        np.minimum(between, _FARTHEST, out=between)
        return between

    def _weights(self) -> Vectors:
        """How much each word of the claim says of each of its names, shape (names, words)."""
        one = self._one
        clauses = one.claim.clauses
        beside = (self._members @ (one.beside.company > 0)) & (self._members @ (clauses[:, None] == clauses))
        weights = beside * ((one.best >= HARDLY) & ~one.named) * one.weights
        said: Vectors = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
        return said

    def features(self) -> tuple[float, float, float, float, float]:
        """In the order of ``_STANDING``."""
        to_words = np.where(self._members[:, :, None], self._apart, _FARTHEST).min(axis=1)
        costs = self._said @ to_words.T
        own, said = np.diag(costs), self._said.any(axis=1) & self._stands
        if not said.any():
            return (*_NOWHERE[:3], self._torn(), self._turned())
        return (
            float(own[said].mean()),
            self._nearer(costs, said),
            self._nearer_strangers(own, said),
            self._torn(),
            self._turned(),
        )

    def _nearer(self, costs: Vectors, said: Flags) -> float:
        """How much nearer names would stand to what is said of them if two of them were exchanged."""
        own = np.diag(costs)
        here = own[:, None] - costs
        gains = here + np.where(said[None, :], here.T, 0)
        gains[~said] = 0
        gains[:, ~self._stands] = 0
        return float(np.clip(gains.max(), 0, _FARTHEST))

    def _nearer_strangers(self, own: Vectors, said: Flags) -> float:
        """How much nearer a name that the claim lacks stands to what the claim says of one of its own."""
        one = self._one
        runs = [run for run in np.unique(one.runs[one.strange]) if one.strange[one.runs == run].all()]
        if not runs:
            return 0.0
        to_strangers = np.stack([self._reach[:, one.runs == run].min(axis=1) for run in runs])
        return float(np.clip((own[said, None] - (self._said @ to_strangers.T)[said]).max(), 0, _FARTHEST))

    def _torn(self) -> float:
        """How far the words of one name stand from each other."""
        met = self._places.any(axis=1)
        torn = [
            float(self._apart[first, second]) - float(second - first)
            for rows in self._members
            for first, second in pairwise(np.flatnonzero(rows & met))
        ]
        return max([0.0, *torn])

    def _turned(self) -> float:
        """Names that stand in another order in the sentences, unless one of both says "by"."""
        one = self._one
        places = [np.flatnonzero(self._places[rows].any(axis=0)) for rows in self._members]
        begins = self._members.argmax(axis=1)
        turned = 0
        for (first, second), begin in zip(pairwise(places), begins[1:], strict=True):
            shared = set(second.tolist())
            pairs = [
                (abs(int(ours - theirs)), int(ours), int(theirs))
                for ours in first.tolist()
                if ours not in shared
                for theirs in second.tolist()
                if one.sentence[ours] == one.sentence[theirs]
            ]
            if pairs and not one.claim.loose[begin]:
                _, ours, theirs = min(pairs)
                turned += (theirs < ours) != (one.claim.agents[begin] != one.agents[max(ours, theirs)])
        return float(min(turned, _MOST_TURNED))
