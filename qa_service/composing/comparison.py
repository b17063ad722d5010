"""What speaks for and against sentences of the sources bearing out a claim: the features of the support model.

A claim is compared with one sentence, or with two together. Every feature means the same in all four directions of
languages: words meet through the bilingual table, values and names are read in both languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.names import WrittenNames, is_abbreviation
from qa_service.composing.quantities import borne_out, given_quantities, quantities
from qa_service.composing.statements import Statement
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.language import LANGUAGES, fold
from qa_service.values import Value
from qa_service.words import Words, alike, similarity

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
    "denied by the claim with nothing of the kind near",
    "denied by the sentence alone",
    "denied by the sentence with nothing of the kind near",
    "denied by both",
    "opposites apart",
    "opposites alike",
    "opposites apart and alike",
    "only the claim is negative",
    "only the sentences are negative",
    "negative where the claim is not",
    "not negative where the claim is",
    "two sentences",
)
# What tells whether it says so of somebody else.
ROLES = (
    "names not met there",
    "names met neither there nor before",
    "names of the clause exchanged",
    "names of the sentence not in the claim",
    "distance of names from what is said of them",
    "another name of the claim stands nearer",
    "a name that the claim lacks stands nearer",
    "names torn apart",
    "names turned round",
    "said by somebody else",
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
# Words on either side of a word in which what stands around it is looked for, and what that counts.
_AROUND = 4
_COMPANY = 0.3
# What such a word counts in another clause.
_OTHER_CLAUSE = 0.6
# What an opposite counts in no company.
_OPPOSITE = 0.2
# Words on either side of a name whose places are looked at, and the largest distance that counts.
_NEXT_TO = 3
_FARTHEST = 12.0
_NO_NAME_DISTANCE = 2.0
# What a border between clauses and one between sentences adds to a distance.
_CLAUSE, _SENTENCE = 2.0, 12.0


@dataclass(frozen=True)
class Source:
    """A sentence of the sources as it is compared, with its article's title and the sentences around it.

    ``years`` are those that its article is of.
    """

    statement: Statement
    title: Statement
    before: Statement | None
    after: Statement | None
    years: frozenset[int] = frozenset()

    @property
    def statements(self) -> list[Statement]:
        """All of them."""
        return [one for one in (self.statement, self.title, self.before, self.after) if one is not None]


class Texts:
    """The sentences that claims are compared with, and what of them is the same for every claim."""

    def __init__(self, sources: Sequence[Source], model: EmbeddingModel) -> None:
        """Read sentences; those that are the same share their title and the sentences around as objects."""
        self.sources, self.model = sources, model
        self.statements = list({id(one): one for source in sources for one in source.statements}.values())
        self.places = {id(one): place for place, one in enumerate(self.statements)}
        self.names = WrittenNames(self.statements, model)
        self.vectors = model.words.texts([source.statement.text for source in sources])
        self.capitals = frozenset(
            fold(name) for one in self.statements for name in one.names
        )
        self._read()

    def _read(self) -> None:
        # A word that is never met ends every statement, so that none is empty.
        lengths = [len(one.words) + 1 for one in self.statements]
        self.starts = np.cumsum([0, *lengths[:-1]]) if lengths else np.zeros(0, dtype=np.int64)
        self.length = sum(lengths)
        self.vocabularies: list[tuple[Words, NDArray[np.int64], NDArray[np.int64]]] = []
        for language in LANGUAGES:
            spoken = [place for place, one in enumerate(self.statements) if one.language == language]
            words = list(dict.fromkeys(chain.from_iterable(self.statements[place].words for place in spoken)))
            columns = {word: column for column, word in enumerate(words)}
            tokens = [
                (self.starts[place] + at, columns[word])
                for place in spoken
                for at, word in enumerate(self.statements[place].words)
            ]
            if tokens:
                at, column = np.array(tokens).T
                self.vocabularies.append((self.model.words.of(words, language), at, column))

    def span(self, statement: Statement) -> slice:
        """Where a statement's words stand among all."""
        start = int(self.starts[self.places[id(statement)]])
        return slice(start, start + len(statement.words))


class Comparison:
    """A claim beside the sentences of some sources: what is the same for each is worked out once."""

    def __init__(self, claim: Statement, texts: Texts) -> None:
        """Compare a claim with sentences."""
        self.claim, self.texts = claim, texts
        model = texts.model
        words = model.words.of(claim.words, claim.language)
        self.weights = np.maximum(words.importance, _LEAST_WEIGHT)
        self.total = max(float(self.weights.sum()), 1e-6)
        self.values = quantities(claim)
        self.vector = model.words.texts([claim.text])[0]
        self.named = claim.runs >= 0
        if claim.first == 0 and not self.named[0] and claim.words[0] in texts.capitals:
            self.named[0] = True
        self.near = np.zeros((len(claim.words), texts.length), dtype=np.float32)
        self.similar = np.zeros_like(self.near)
        for vocabulary, at, column in texts.vocabularies:
            self.near[:, at] = alike(words, vocabulary)[:, column]
            self.similar[:, at] = similarity(words, vocabulary)[:, column]
        self.best_near = self._best(self.near)
        self.best_similar = self._best(self.similar)
        self.names_met = texts.names.met(claim)
        self._parts: dict[int, _Part] = {}

    def _best(self, scores: Vectors) -> Vectors:
        """The best of each statement for each word of the claim, shape (statements, words)."""
        if not self.texts.statements:
            return np.zeros((0, len(scores)), dtype=np.float32)
        best: Vectors = np.maximum.reduceat(scores, self.texts.starts, axis=1).T
        return best

    def place(self, statement: Statement) -> int:
        return self.texts.places[id(statement)]

    def nearest(self, among: Sequence[int], count: int) -> list[int]:
        """The sentences that come nearest to the claim, roughly: which are worth a closer look."""
        met = self.with_title(among) @ self.weights / self.total
        roughly = self.texts.vectors[list(among)] @ self.vector + met
        return [among[place] for place in np.argsort(-roughly, kind="stable")[:count]]

    def with_title(self, among: Sequence[int]) -> Vectors:
        """How well sentences with their titles meet each word, shape (sentences, words)."""
        sources = [self.texts.sources[place] for place in among]
        own = self.best_similar[[self.place(source.statement) for source in sources]]
        title = self.best_similar[[self.place(source.title) for source in sources]]
        best: Vectors = np.maximum(own, _TITLE * title)
        return best

    def names_nowhere(self, among: Sequence[int]) -> list[str]:
        """The names of the claim that no sentence or title has.

        Nothing is known of abbreviations. Names that are everyday words as well ("World", "Dutch") may be said in
        other ones, and count only where nothing of the whole name is met.
        """
        chosen = {self.place(one) for place in among for one in self.texts.sources[place].statements}
        met = self.names_met[sorted(chosen)].any(axis=0)
        known = {run for run, one in zip(self.claim.name_runs, met, strict=True) if one}
        pieces = self.texts.model.words.of([name.lower() for name in self.claim.names]).pieces
        return [
            name
            for name, run, there, count in zip(self.claim.names, self.claim.name_runs, met, pieces, strict=True)
            if not there and not is_abbreviation(name) and (count > 1 or run not in known)
        ]

    def values_nowhere(self, among: Sequence[int]) -> list[Value]:
        """The values of the claim that follow from none of the sources'."""
        if not self.values:
            return []
        return self._not_borne_out([self.texts.sources[place] for place in among])

    def _not_borne_out(self, sources: Sequence[Source]) -> list[Value]:
        told = list({id(one): one for source in sources for one in (source.statement, source.title)}.values())
        given = [value for one in told for value in given_quantities(one)]
        text = " ".join(one.folded for one in told)
        years = frozenset[int]().union(*(source.years for source in sources))
        return [value for value in self.values if not borne_out(value, given, years, text)]

    def part(self, statement: Statement) -> _Part:
        """A statement beside the claim."""
        key = self.place(statement)
        if key not in self._parts:
            self._parts[key] = _Part(self, statement)
        return self._parts[key]

    def features(self, unit: tuple[int, ...]) -> dict[str, float]:
        """The features of one sentence, or of several together, given by their places among the sources."""
        chosen = [self.texts.sources[place] for place in unit]
        met = _Met(self, chosen)
        vector = self.texts.vectors[unit[0]]
        if len(unit) > 1:
            vector = self.texts.model.words.texts([" ".join(source.statement.text for source in chosen)])[0]
        shared = {
            "cosine": float(vector @ self.vector),
            "length": float(np.log1p(len(self.claim.words))),
            "two sentences": float(len(unit) > 1),
            "values not met": float(len(self._not_borne_out(chosen))) if self.values else 0.0,
        }
        return shared | met.words() | met.denials() | met.opposites() | met.roles()

    @cached_property
    def beside(self) -> NDArray[np.bool_]:
        """Which words of the claim stand around each, shape (words, words)."""
        places = np.arange(len(self.claim.words))
        apart = np.abs(places[:, None] - places)
        return (apart <= _NEXT_TO) & (apart > 0)

    @cached_property
    def negative(self) -> NDArray[np.bool_]:
        return _near_negative(self.claim)

    @cached_property
    def runs(self) -> NDArray[np.int64]:
        runs = self.claim.runs.copy()
        runs[self.named & (runs < 0)] = 1_000
        return runs


class _Part:
    """One statement beside a claim: how its words meet the claim's, and in what company."""

    def __init__(self, comparison: Comparison, statement: Statement) -> None:
        span = comparison.texts.span(statement)
        self.statement = statement
        self.near, self.similar = comparison.near[:, span], comparison.similar[:, span]
        width = self.similar.shape[1]
        self.around = np.zeros_like(self.similar)
        for shift in range(-_AROUND, _AROUND + 1):
            if abs(shift) < width:
                to = slice(max(shift, 0), width + min(shift, 0))
                of = slice(max(-shift, 0), width - max(shift, 0))
                same = np.where(statement.clauses[to] == statement.clauses[of], 1, _OTHER_CLAUSE).astype(np.float32)
                np.maximum(self.around[:, to], self.similar[:, of] * same, out=self.around[:, to])
        weighed = comparison.beside * comparison.weights
        self.company = (weighed @ self.around) / np.maximum(weighed.sum(axis=1, keepdims=True), 1e-6)
        self.named = statement.runs >= 0
        self.runs = statement.runs
        if statement.first == 0 and not self.named[0] and statement.words[0] in comparison.texts.capitals | set(
            map(fold, comparison.claim.names)
        ):
            self.named = self.named.copy()
            self.named[0] = True
            self.runs = self.runs.copy()
            self.runs[0] = 999
        self.negative = _near_negative(statement)


class _Met:
    """A claim's words beside those of the chosen sentences."""

    def __init__(self, comparison: Comparison, chosen: Sequence[Source]) -> None:
        self._claim, self._all = comparison.claim, comparison
        self._weights, self._total = comparison.weights, comparison.total
        parts = [comparison.part(source.statement) for source in chosen]
        self._parts = parts
        self._near = np.concatenate([one.near for one in parts], axis=1)
        self._similar = np.concatenate([one.similar for one in parts], axis=1)
        self._company = np.concatenate([one.company for one in parts], axis=1)
        self._denied = np.concatenate([one.statement.denied for one in parts])
        self._negative = np.concatenate([one.negative for one in parts])
        self._named = np.concatenate([one.named for one in parts])
        self._agents = np.concatenate([one.statement.agents for one in parts])
        self._sentence = np.repeat(np.arange(len(parts)), [len(one.named) for one in parts])
        self._runs = np.concatenate([np.where(one.runs < 0, -1, one.runs + 2_000 * place) for place, one in enumerate(parts)])
        self._clauses = np.concatenate([one.statement.clauses + 1_000 * place for place, one in enumerate(parts)])
        self._alike = self._around(chosen, comparison.best_near)
        self._similar_around = self._around(chosen, comparison.best_similar)
        place = comparison.texts.places
        there = comparison.names_met[[place[id(one)] for source in chosen for one in (source.statement, source.title)]]
        before = comparison.names_met[[place[id(source.before)] for source in chosen if source.before]]
        self._names_there = there.any(axis=0)
        self._names_near = self._names_there | before.any(axis=0)
        self._best = _best(self._similar)
        lined = self._similar + _COMPANY * self._company * (self._similar > 0)
        self._at = lined.argmax(axis=1) if lined.size else np.zeros(len(lined), dtype=np.int64)

    def _around(self, chosen: Sequence[Source], best: Vectors) -> Vectors:
        """How well each word is met by the chosen sentences, their titles and the sentences around them."""
        place = self._all.texts.places
        rows = [best[place[id(source.statement)]] for source in chosen]
        rows += [_TITLE * best[place[id(source.title)]] for source in chosen]
        rows += [_BEFORE * best[place[id(source.before)]] for source in chosen if source.before]
        rows += [_AFTER * best[place[id(source.after)]] for source in chosen if source.after]
        met: Vectors = np.max(rows, axis=0)
        return met

    def words(self) -> dict[str, float]:
        around, others = self._similar_around, ~self._all.named
        lacking = np.sort(((1 - around) * self._weights)[others])[::-1]
        return {
            "words met": float(self._best @ self._weights) / self._total,
            "words met with the title and the sentences around": float(around @ self._weights) / self._total,
            "heaviest word not met": float(lacking[0]) if len(lacking) else 0.0,
            "second heaviest word not met": float(lacking[1]) if len(lacking) > 1 else 0.0,
            "words hardly met": float((around[others] < _HARDLY).sum()),
            "share of words hardly met": float((self._alike < _HARDLY).mean()) if len(around) else 0.0,
            "weight of words not met": float(lacking.sum()),
        }

    def denials(self) -> dict[str, float]:
        """What is denied, of what both speak of, by one of them alone, and by both; the weightiest of each."""
        if not self._similar.size:
            return dict.fromkeys((*POLARITY[:5], *POLARITY[8:12]), 0.0)
        theirs, near = self._denied[self._at], self._negative[self._at]
        ours, others, own = self._claim.denied, ~self._all.named, self._all.negative
        worth = self._best * self._weights * (self._best >= _ALIGNED) * others
        alone, theirs_alone = worth * (ours & ~theirs), worth * (theirs & ~ours)
        share = float((worth * near).sum() / max(float(worth.sum()), 1e-6))
        denies = bool((self._claim.denied | self._claim.negative).any())
        they_deny = bool(self._negative.any())
        return {
            "denied by the claim alone": float((alone * near).max(initial=0)),
            "denied by the claim with nothing of the kind near": float((alone * ~near).max(initial=0)),
            "denied by the sentence alone": float((theirs_alone * own).max(initial=0)),
            "denied by the sentence with nothing of the kind near": float((theirs_alone * ~own).max(initial=0)),
            "denied by both": float((worth * (ours & theirs)).max(initial=0)),
            "only the claim is negative": float(denies and not they_deny),
            "only the sentences are negative": float(they_deny and not denies),
            "negative where the claim is not": 0.0 if denies else share,
            "not negative where the claim is": 1 - share if denies else 0.0,
        }

    def opposites(self) -> dict[str, float]:
        """Pairs of opposites on which both stand on one side, and on different ones, as far as their company is alike."""
        found: dict[int, list[tuple[int, Vectors]]] = {}
        for one in self._parts:
            for pair, side, place in one.statement.signs:
                if one.company.shape[1]:
                    found.setdefault(pair, []).append((side, one.company[:, min(place, one.company.shape[1] - 1)]))
        best: dict[tuple[int, bool], float] = {}
        for pair, side, place in self._claim.signs:
            at = min(place, len(self._claim.words) - 1)
            for other, company in found.get(pair, ()):
                key = pair, side == other
                best[key] = max(best.get(key, 0.0), _OPPOSITE + float(company[at]))
        pairs = {pair for pair, _ in best}
        more = [best.get((pair, False), 0.0) - best.get((pair, True), 0.0) for pair in pairs]
        return {
            "opposites apart": min(sum(one for one in more if one > 0), 2.0),
            "opposites alike": min(sum(-one for one in more if one < 0), 2.0),
            "opposites apart and alike": float(any((pair, False) in best and (pair, True) in best for pair in pairs)),
        }

    def roles(self) -> dict[str, float]:
        """Whether the names stand by what is said of them."""
        exchanged, foreign = self._exchanged()
        distance, nearer, strange, torn, turned = self._standing()
        return {
            "names": float(len(self._claim.names)),
            "names not met there": float((~self._names_there).sum()),
            "names met neither there nor before": float((~self._names_near).sum()),
            "names of the clause exchanged": float(exchanged),
            "names of the sentence not in the claim": float(min(foreign, 4)),
            "distance of names from what is said of them": distance,
            "another name of the claim stands nearer": nearer,
            "a name that the claim lacks stands nearer": strange,
            "names torn apart": torn,
            "names turned round": turned,
            "said by somebody else": self._said_by_another(),
        }

    def _exchanged(self) -> tuple[int, int]:
        """Names that the clause nearest to the claim has in place of the claim's; names of all that the claim lacks."""
        named = self._all.named
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

    def _standing(self) -> tuple[float, float, float, float, float]:
        """Where the names of the claim stand in the sentences beside what it says of them."""
        named, runs = self._all.named, self._all.runs
        if not self._near.size or not named.any():
            return _NO_NAME_DISTANCE, 0.0, 0.0, 0.0, 0.0
        apart, reach = self._distances()
        order = list(dict.fromkeys(runs[named].tolist()))
        members = np.array([runs == run for run in order])
        # How far each name is from each word, wherever both stand nearest to each other.
        to_word = np.array([apart[rows].min(axis=0) for rows in members])
        stands = np.array([self._places[rows].any() for rows in members])
        aligned = (self._best >= _HARDLY) & ~named
        beside = np.array([self._all.beside[rows].any(axis=0) for rows in members]) & aligned
        beside &= self._same_clause(members)
        weights = beside * self._weights
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
        said = weights.any(axis=1) & stands
        costs = weights @ to_word.T
        own = np.diag(costs)
        distance = float(own[said].mean()) if said.any() else _NO_NAME_DISTANCE
        nearer = 0.0
        for one in np.flatnonzero(said):
            for other in np.flatnonzero(stands):
                if other != one:
                    back = costs[other, other] - costs[other, one] if said[other] else 0.0
                    nearer = max(nearer, float(own[one] - costs[one, other] + back))
        strange = 0.0
        lacking = self._named & (self._near.max(axis=0) < _ALIGNED)
        strangers = [run for run in np.unique(self._runs[lacking]) if lacking[self._runs == run].all()]
        if strangers and said.any():
            to_strangers = np.array([reach[:, self._runs == run].min(axis=1) for run in strangers])
            strange = float((own[said, None] - (weights @ to_strangers.T)[said]).max())
        return (
            distance,
            min(nearer, _FARTHEST),
            float(np.clip(strange, 0, _FARTHEST)),
            self._torn(members, apart),
            self._turned(members, order),
        )

    def _same_clause(self, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
        clauses = self._claim.clauses
        return np.array([np.isin(clauses, clauses[rows]) for rows in members])

    def _distances(self) -> tuple[Vectors, Vectors]:
        """Words between two words of the claim where the sentences have them, shape (words, words), and between a word
        of the claim and one of the sentences, shape (words, words of the sentences).
        """
        at = np.arange(len(self._clauses))
        between = np.abs(at[:, None] - at).astype(np.float32)
        between += _CLAUSE * (self._clauses[:, None] != self._clauses)
        between += _SENTENCE * (self._sentence[:, None] != self._sentence)
        np.minimum(between, _FARTHEST, out=between)
        floor = np.where(self._all.named, _ALIGNED, np.maximum(_HARDLY, self._best - 0.15))
        scores = np.where(self._all.named[:, None], self._near, self._similar)
        self._places = scores >= floor[:, None]
        reach = np.where(self._places[:, None, :], between, _FARTHEST).min(axis=2)
        apart = np.where(self._places[:, None, :], reach[None], _FARTHEST).min(axis=2)
        return apart, reach

    def _said_by_another(self) -> float:
        """Whether the claim and the sentences name who says so, and not the same."""
        ours = np.isin(self._claim.runs, list(self._claim.sayers))
        theirs = np.concatenate([np.isin(one.statement.runs, list(one.statement.sayers)) for one in self._parts])
        if not ours.any() or not theirs.any():
            return 0.0
        return float(self._near[np.ix_(ours, theirs)].max() < _ALIGNED)

    def _torn(self, members: NDArray[np.bool_], apart: Vectors) -> float:
        """How far the words of one name stand from each other."""
        torn = 0.0
        for rows in members:
            places = [int(row) for row in np.flatnonzero(rows) if self._places[row].any()]
            for one, other in zip(places, places[1:]):
                torn = max(torn, float(apart[one, other]) - (other - one))
        return torn

    def _turned(self, members: NDArray[np.bool_], order: list[int]) -> float:
        """Names that stand in another order in the sentence, unless one of both says "by"."""
        turned = 0.0
        whole = [self._places[rows].any(axis=0) for rows in members]
        for one in range(len(order) - 1):
            first, second = np.flatnonzero(whole[one]), np.flatnonzero(whole[one + 1])
            first = first[~np.isin(first, second)]
            if not len(first) or not len(second):
                continue
            here = [(abs(int(a) - int(b)), int(a), int(b)) for a in first for b in second if self._sentence[a] == self._sentence[b]]
            if not here or self._claim.loose[np.flatnonzero(members[one + 1])[0]]:
                continue
            _, a, b = min(here)
            ours = bool(self._claim.agents[np.flatnonzero(members[one + 1])[0]])
            theirs = bool(self._agents[max(a, b)])
            turned += (b < a) != (ours != theirs)
        return float(min(turned, 2))


def _near_negative(statement: Statement) -> NDArray[np.bool_]:
    """Which words have something near, within the clause, that is not so or is denied."""
    places = np.flatnonzero(statement.denied | statement.negative)
    at = np.arange(len(statement.words))
    near = np.abs(at[:, None] - places) <= _AROUND
    near &= statement.clauses[:, None] == statement.clauses[places]
    found: NDArray[np.bool_] = near.any(axis=1)
    return found


def _best(scores: Vectors) -> Vectors:
    """The best of each row, zero where there is none."""
    best: Vectors = scores.max(axis=1, initial=0)
    return best
