"""What speaks for and against sentences of the sources bearing out a claim: the features of the support model.

A claim is compared with one sentence, or with two together. Every feature means the same in all four directions of
languages: words meet through the bilingual table, values and names are read in both languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.names import is_abbreviation, names_met
from qa_service.composing.quantities import borne_out, quantities
from qa_service.composing.statements import Statement
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.language import LANGUAGES
from qa_service.values import Value
from qa_service.words import alike, similarity

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
# What tells whether it says the opposite.
POLARITY = (
    "denied by the claim alone",
    "denied by the sentence alone",
    "denied by both",
    "opposites apart",
    "opposites alike",
    "claim denies and sentence does not",
    "sentence denies and claim does not",
    "length",
    "two sentences",
)
# What tells whether it says so of somebody else.
ROLES = (
    "names not met there",
    "names met neither there nor before",
    "names of the clause exchanged",
    "names of the sentence not in the claim",
    "distance of names from what is said of them",
    "names in another order",
    "names",
    "values not met",
    "cosine",
    "words met",
    "length",
    "two sentences",
)

# What a word weighs at least, whatever the table learned of it.
_LEAST_WEIGHT = 0.2
# What a word counts that the title meets, the sentence before, and the one behind.
_TITLE, _BEFORE, _AFTER = 0.9, 0.7, 0.5
# Below this a word is hardly met; from this on it is met well enough to ask whether it is denied.
_HARDLY = 0.4
_ALIGNED = 0.45
# Words on either side of a name whose places are looked at, and the largest distance that counts.
_NEXT_TO = 3
_FARTHEST = 12.0
_NO_NAME_DISTANCE = 2.0


@dataclass(frozen=True)
class Source:
    """A sentence of the sources as it is compared, with its article's title and the sentences around it."""

    statement: Statement
    title: Statement
    before: Statement | None
    after: Statement | None


class Comparison:
    """A claim beside the sentences of some sources: what is the same for each is worked out once."""

    def __init__(
        self, claim: Statement, sources: Sequence[Source], years: frozenset[int], model: EmbeddingModel
    ) -> None:
        """Compare a claim with sentences; ``years`` are those that the articles themselves are of."""
        self.claim, self.sources, self._years = claim, sources, years
        self._words = model.words.of(claim.words, claim.language)
        self._weights = np.maximum(self._words.importance, _LEAST_WEIGHT)
        self._total = max(float(self._weights.sum()), 1e-6)
        self._model = model
        self._values = quantities(claim)
        self._vector = model.words.texts([claim.text])[0]
        self._read()

    def _read(self) -> None:
        """How well each statement around the sources meets each word of the claim."""
        around = [[source.statement, source.title, source.before, source.after] for source in self.sources]
        known = {id(one): one for one in chain.from_iterable(around) if one is not None}
        self._alike: dict[int, Vectors] = {}
        self._similar: dict[int, Vectors] = {}
        self._names: dict[int, NDArray[np.bool_]] = {}
        for language in LANGUAGES:
            spoken = [one for one in known.values() if one.language == language]
            vocabulary = list(dict.fromkeys(chain.from_iterable(one.words for one in spoken)))
            columns = {word: column for column, word in enumerate(vocabulary)}
            words = self._model.words.of(vocabulary, language)
            near, met = alike(self._words, words), similarity(self._words, words)
            for one in spoken:
                own = [columns[word] for word in one.words]
                self._alike[id(one)], self._similar[id(one)] = near[:, own], met[:, own]
        for key, one in known.items():
            self._names[key] = names_met(self.claim, one, self._model)

    def meaning_alone(self) -> NDArray[np.float32]:
        """How near each single sentence comes to the claim, roughly: which of them are worth a closer look."""
        texts = self._model.words.texts([source.statement.text for source in self.sources])
        met = [float(self._with_title(source) @ self._weights) / self._total for source in self.sources]
        return np.asarray(texts @ self._vector + np.array(met, dtype=np.float32), dtype=np.float32)

    def names_nowhere(self) -> list[str]:
        """The names of the claim of which no word is met by any sentence or title; of abbreviations nothing is known."""
        met = (
            np.any(list(self._names.values()), axis=0) if self.sources else np.zeros(len(self.claim.names), dtype=bool)
        )
        known = {run for run, one in zip(self.claim.runs, met, strict=True) if one}
        return [
            name
            for name, run in zip(self.claim.names, self.claim.runs, strict=True)
            if run not in known and not is_abbreviation(name)
        ]

    def values_nowhere(self) -> list[Value]:
        """The values of the claim that follow from none of the sources'."""
        given, text = self._given(self.sources)
        return [value for value in self._values if not borne_out(value, given, self._years, text)]

    def _given(self, sources: Sequence[Source]) -> tuple[list[Value], str]:
        """The values of some sentences and their titles, and their text."""
        told = list({id(one): one for source in sources for one in (source.statement, source.title)}.values())
        return [value for one in told for value in quantities(one)], " ".join(one.folded for one in told)

    def features(self, unit: tuple[int, ...]) -> dict[str, float]:
        """The features of one sentence, or of several together, given by their places among the sources."""
        chosen = [self.sources[place] for place in unit]
        met = _Met(self, chosen)
        given, text = self._given(chosen)
        unborne = sum(not borne_out(value, given, self._years, text) for value in self._values)
        together = " ".join(source.statement.text for source in chosen)
        shared = {
            "cosine": float(self._model.words.texts([together])[0] @ self._vector),
            "length": float(np.log1p(len(self.claim.words))),
            "two sentences": float(len(unit) > 1),
            "values not met": float(unborne),
        }
        return shared | met.words() | met.denials() | met.opposites() | met.roles()

    def _with_title(self, source: Source) -> Vectors:
        best: Vectors = np.maximum(
            _best(self._similar[id(source.statement)]), _TITLE * _best(self._similar[id(source.title)])
        )
        return best


class _Met:
    """A claim's words beside those of the chosen sentences."""

    def __init__(self, comparison: Comparison, chosen: Sequence[Source]) -> None:
        self._claim = comparison.claim
        self._weights, self._total = comparison._weights, comparison._total
        statements = [source.statement for source in chosen]
        self._statements = statements
        self._near = np.concatenate([comparison._alike[id(one)] for one in statements], axis=1)
        self._similar = np.concatenate([comparison._similar[id(one)] for one in statements], axis=1)
        self._denied = np.concatenate([one.denied for one in statements])
        self._named = np.concatenate([one.named for one in statements])
        # Clauses of different sentences are different ones.
        self._clauses = np.concatenate([one.clauses + 1_000 * place for place, one in enumerate(statements)])
        self._alike, self._similar_around = (_around(chosen, comparison._alike), _around(chosen, comparison._similar))
        there = [comparison._names[id(one)] for source in chosen for one in (source.statement, source.title)]
        before = [comparison._names[id(source.before)] for source in chosen if source.before]
        self._names_there = np.any(there, axis=0)
        self._names_near = np.any([*there, *before], axis=0)

    def words(self) -> dict[str, float]:
        around, others = self._similar_around, ~self._claim.named
        lacking = np.sort(((1 - around) * self._weights)[others])[::-1]
        return {
            "words met": float(_best(self._similar) @ self._weights) / self._total,
            "words met with the title and the sentences around": float(around @ self._weights) / self._total,
            "heaviest word not met": float(lacking[0]) if len(lacking) else 0.0,
            "second heaviest word not met": float(lacking[1]) if len(lacking) > 1 else 0.0,
            "words hardly met": float((around[others] < _HARDLY).sum()),
            "share of words hardly met": float((self._alike < _HARDLY).mean()) if len(around) else 0.0,
            "weight of words not met": float(lacking.sum()),
        }

    def denials(self) -> dict[str, float]:
        """How much of what both speak of is denied by one of them alone, and by both."""
        best = _best(self._similar)
        theirs = self._denied[self._similar.argmax(axis=1)] if self._similar.size else np.zeros(len(best), dtype=bool)
        ours, others = self._claim.denied, ~self._claim.named
        worth = best * self._weights * (best >= _ALIGNED)
        return {
            "denied by the claim alone": float(worth[ours & ~theirs & others].sum()),
            "denied by the sentence alone": float(worth[~ours & theirs & others].sum()),
            "denied by both": float(worth[ours & theirs].sum()),
        }

    def opposites(self) -> dict[str, float]:
        """Pairs of opposites on which both stand on one side, and on different ones; who alone denies anything."""
        ours, theirs = _sides([self._claim]), _sides(self._statements)
        apart = sum(not sides & theirs[pair] for pair, sides in ours.items() if pair in theirs)
        same = sum(bool(sides & theirs[pair]) for pair, sides in ours.items() if pair in theirs)
        denies = any(one.denies for one in self._statements)
        return {
            "opposites apart": float(min(apart, 2)),
            "opposites alike": float(min(same, 2)),
            "claim denies and sentence does not": float(self._claim.denies and not denies),
            "sentence denies and claim does not": float(denies and not self._claim.denies),
        }

    def roles(self) -> dict[str, float]:
        """Whether the names stand by what is said of them."""
        exchanged, foreign = self._exchanged()
        places = [int(row.argmax()) for row in self._near[self._claim.named] if row.size and row.max() >= _ALIGNED]
        return {
            "names": float(len(self._claim.names)),
            "names not met there": float((~self._names_there).sum()),
            "names met neither there nor before": float((~self._names_near).sum()),
            "names of the clause exchanged": float(exchanged),
            "names of the sentence not in the claim": float(min(foreign, 4)),
            "distance of names from what is said of them": self._distance(),
            "names in another order": float(sum(after < before for before, after in zip(places, places[1:]))),
        }

    def _exchanged(self) -> tuple[int, int]:
        """Names that the clause nearest to the claim has in place of the claim's; names of all that the claim lacks."""
        named = self._claim.named
        if not self._near.size:
            return 0, 0
        lacking = self._named & (self._near.max(axis=0) < _ALIGNED)
        clauses = np.unique(self._clauses)
        worth = [
            float((self._similar[:, self._clauses == clause].max(axis=1) * self._weights)[~named].sum())
            for clause in clauses
        ]
        nearest = self._clauses == clauses[int(np.argmax(worth))]
        missing = (self._near[:, nearest].max(axis=1) < _ALIGNED)[named]
        return min(int(missing.sum()), int((lacking & nearest).sum())), int(lacking.sum())

    def _distance(self) -> float:
        """Words between a name and the claim's neighbouring words, where the sentence has them; a mean over names."""
        if not self._near.size:
            return _NO_NAME_DISTANCE
        best, at = self._similar.max(axis=1), self._similar.argmax(axis=1)
        distances = []
        for row in np.flatnonzero(self._claim.named):
            if self._near[row].max() < _ALIGNED:
                continue
            place = int(self._near[row].argmax())
            beside = [
                other
                for other in range(max(0, row - _NEXT_TO), min(len(best), row + _NEXT_TO + 1))
                if not self._claim.named[other] and best[other] > _HARDLY
            ]
            distances += [np.mean([min(abs(int(at[other]) - place), _FARTHEST) for other in beside])] if beside else []
        return float(np.mean(distances)) if distances else _NO_NAME_DISTANCE


def _best(scores: Vectors) -> Vectors:
    """The best of each row, zero where there is none."""
    best: Vectors = scores.max(axis=1, initial=0)
    return best


def _around(chosen: Sequence[Source], scores: dict[int, Vectors]) -> Vectors:
    """How well each word is met by the chosen sentences, their titles and the sentences around them."""
    met = [_best(scores[id(source.statement)]) for source in chosen]
    met += [_TITLE * _best(scores[id(source.title)]) for source in chosen]
    met += [_BEFORE * _best(scores[id(source.before)]) for source in chosen if source.before]
    met += [_AFTER * _best(scores[id(source.after)]) for source in chosen if source.after]
    best: Vectors = np.max(met, axis=0)
    return best


def _sides(statements: Sequence[Statement]) -> dict[int, set[int]]:
    """Which sides of which pairs of opposites some sentences stand on."""
    found: dict[int, set[int]] = {}
    for sign in chain.from_iterable(one.signs for one in statements):
        found.setdefault(sign.pair, set()).add(sign.side)
    return found
