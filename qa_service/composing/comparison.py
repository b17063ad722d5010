"""What speaks for and against sentences of the sources bearing out a claim: the features of the support model.

A claim is compared with one sentence, or with two together. Every feature means the same in all four directions of
languages: words meet through the bilingual table, values and names are read in both languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from qa_service.composing.alignment import HARDLY, Alignment, Beside, Texts
from qa_service.composing.opposition import polarity
from qa_service.composing.quantities import borne_out, given_quantities, quantities
from qa_service.composing.standing import roles
from qa_service.composing.statements import Statement, is_abbreviation
from qa_service.embeddings import Vectors
from qa_service.values import Value

# What tells whether a claim is about what a sentence says.
MEANING = (
    "cosine",
    "words met",
    "words met with the title and the sentences around",
    "heaviest word not met",
    "second heaviest word not met",
    "words hardly met",
    "share of words hardly met",
    "weight of words not met",
    "names met neither there nor before",
    "values not met",
    "length",
    "two sentences",
)

# What a word counts that the title meets, the sentence before, and the one behind.
_TITLE, _BEFORE, _AFTER = 0.9, 0.7, 0.5
_COUNTS = np.array([1, _TITLE, _BEFORE, _AFTER], dtype=np.float32)[:, None]


class Comparison:
    """A claim beside the sentences of some sources, given by their places: what is the same for all is done once."""

    def __init__(self, claim: Statement, texts: Texts) -> None:
        """Compare a claim with sentences."""
        self._claim, self._texts = claim, texts
        self._values, self._names_met = quantities(claim), texts.names.met(claim)
        self._borne_out: dict[tuple[int, Value], bool] = {}
        self._meaning: dict[tuple[int, ...], dict[str, float]] = {}
        self._features: dict[tuple[int, ...], dict[str, float]] = {}

    @cached_property
    def _beside(self) -> Beside:
        return Beside(self._claim, self._texts, self._names_met)

    @cached_property
    def _vector(self) -> Vectors:
        vector: Vectors = self._texts.model.words.texts([self._claim.text])[0]
        return vector

    def nearest(self, among: Sequence[int], count: int) -> list[int]:
        """The sentences that come nearest to the claim, roughly: which are worth a closer look."""
        places, beside = np.array(among), self._beside
        own, title = beside.best_similar[self._texts.around[places, :2]].transpose(1, 0, 2)
        met = np.maximum(own, _TITLE * title) @ beside.weights / beside.total
        roughly = self._texts.vectors[places] @ self._vector + met
        return [int(place) for place in places[np.argsort(-roughly, kind="stable")[:count]]]

    def ruled_out(self, among: Sequence[int]) -> bool:
        """Whether a name or a value of the claim is nowhere among sentences."""
        return bool(self.values_nowhere(among) or self.names_nowhere(among))

    def names_nowhere(self, among: Sequence[int]) -> list[str]:
        """The names of the claim that no sentence, no title and no sentence around has.

        Nothing is known of abbreviations. Names that are everyday words as well ("World", "Dutch") may be said in
        other ones, and count only where nothing of the whole name is met.
        """
        names, runs = self._claim.names, self._claim.name_runs
        if not names:
            return []
        met = np.any(self._names_met[self._texts.around[list(among)]], axis=(0, 1))
        known = {run for run, one in zip(runs, met, strict=True) if one}
        pieces = self._texts.model.words.of([name.lower() for name in names]).pieces
        return [
            name
            for name, run, there, count in zip(names, runs, met, pieces, strict=True)
            if not there and not is_abbreviation(name) and (count > 1 or run not in known)
        ]

    def values_nowhere(self, among: Sequence[int]) -> list[Value]:
        """The values of the claim that follow from none of the sources'."""
        return [value for value in self._values if not any(self._bears_out(place, value) for place in among)]

    def _bears_out(self, place: int, value: Value) -> bool:
        """Whether a value follows from those of a sentence and its title."""
        if (place, value) not in self._borne_out:
            source = self._texts.sources[place]
            given = given_quantities(source.statement) + given_quantities(source.title)
            text = f"{source.statement.folded} {source.title.folded}"
            self._borne_out[place, value] = borne_out(value, given, source.years, text)
        return self._borne_out[place, value]

    def meaning(self, units: Sequence[tuple[int, ...]]) -> list[dict[str, float]]:
        """The features of meaning of choices of one or two sentences."""
        unknown = [unit for unit in units if unit not in self._meaning]
        if unknown:
            self._meaning.update(zip(unknown, self._read_meaning(unknown), strict=True))
        return [self._meaning[unit] for unit in units]

    def features(self, unit: tuple[int, ...]) -> dict[str, float]:
        """All features of one sentence, or of two together."""
        if unit not in self._features:
            alignment = Alignment(self._beside, unit)
            self._features[unit] = self.meaning([unit])[0] | polarity(alignment) | roles(alignment)
        return self._features[unit]

    def _read_meaning(self, units: Sequence[tuple[int, ...]]) -> list[dict[str, float]]:
        beside = self._beside
        # The statements around both sentences of each choice, shape (choices, 2, 4); of one sentence twice.
        rows = self._texts.around[np.array([(unit[0], unit[-1]) for unit in units])]
        around = (beside.best_similar[rows] * _COUNTS).max(axis=(1, 2))
        others = ~beside.named
        lacking = np.sort(((1 - around) * beside.weights)[:, others], axis=1)[:, ::-1]
        heaviest = np.zeros((len(units), 2))
        heaviest[:, : lacking.shape[1]] = lacking[:, :2]
        columns = (
            np.stack([self._together(unit) for unit in units]) @ self._vector,
            beside.best_similar[rows[:, :, 0]].max(axis=1) @ beside.weights / beside.total,
            around @ beside.weights / beside.total,
            *heaviest.T,
            (around[:, others] < HARDLY).sum(axis=1),
            (around < HARDLY).sum(axis=1) / max(around.shape[1], 1),
            lacking.sum(axis=1),
            (~self._names_met[rows[:, :, :3]].any(axis=(1, 2))).sum(axis=1),
            np.array([len(self.values_nowhere(unit)) for unit in units]),
            np.full(len(units), np.log1p(len(self._claim.words))),
            np.array([len(unit) > 1 for unit in units]),
        )
        return [dict(zip(MEANING, map(float, row), strict=True)) for row in np.stack(columns, axis=1)]

    def _together(self, unit: tuple[int, ...]) -> Vectors:
        """The vector of a choice of sentences."""
        if len(unit) == 1:
            one: Vectors = self._texts.vectors[unit[0]]
            return one
        text = " ".join(self._texts.sources[place].statement.text for place in unit)
        together: Vectors = self._texts.model.words.texts([text])[0]
        return together
