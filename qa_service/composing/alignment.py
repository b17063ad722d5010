"""Which words of a sentence say what a claim's words say, and in what company they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.names import WrittenNames
from qa_service.composing.statements import Statement
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.language import LANGUAGES, fold
from qa_service.words import Words, alike, similarity

Flags = NDArray[np.bool_]
Places = NDArray[np.int64]

# Below this a word is hardly met; from this on it is met well enough to ask whether it is denied, or whose it is.
HARDLY, ALIGNED = 0.4, 0.45

# What a word weighs at least, whatever the table learned of it.
_LEAST_WEIGHT = 0.2
# Words on either side of a word in which what stands around it is looked for, and what that counts.
_AROUND = 4
_COMPANY = 0.3
# What such a word counts in another clause.
_OTHER_CLAUSE = 0.6
# Words on either side of one of the claim that are its company.
_NEXT_TO = 3
# Runs of names are numbered below this within a sentence; clauses are fewer still.
_MANY = 2_000
# The number of a name that stands first, and is known for one by another sentence.
_FIRST_RUN = _MANY - 1


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


class Texts:
    """The sentences that claims are compared with, and what of them is the same for every claim."""

    def __init__(self, sources: Sequence[Source], model: EmbeddingModel) -> None:
        """Read sentences; where they share a title or a neighbour, they share the object."""
        self.sources, self.model = sources, model
        around = [
            (one.statement, one.title, one.before or one.statement, one.after or one.statement) for one in sources
        ]
        self.statements = list({id(one): one for one in chain.from_iterable(around)}.values())
        places = {id(one): place for place, one in enumerate(self.statements)}
        # Of each source its statement, its title, and the sentences before and behind (itself where there is none).
        self.around: Places = np.array([[places[id(one)] for one in row] for row in around], dtype=np.int64).reshape(
            -1, 4
        )
        self.names = WrittenNames(self.statements, model)
        self.vectors = model.words.texts([source.statement.text for source in sources])
        self.capitals = frozenset(fold(name) for one in self.statements for name in one.names)
        # A word that is never met ends every statement, so that none is empty.
        self.starts: Places = np.cumsum([0, *(len(one.words) + 1 for one in self.statements)], dtype=np.int64)
        self.vocabularies = [one for language in LANGUAGES for one in self._vocabulary(language)]

    def _vocabulary(self, language: str) -> list[tuple[Words, Places, Places]]:
        """The distinct words in a language, and for each place of one among all words which it is."""
        spoken = [(place, one) for place, one in enumerate(self.statements) if one.language == language and one.words]
        columns = {
            word: column
            for column, word in enumerate(dict.fromkeys(chain.from_iterable(one.words for _, one in spoken)))
        }
        if not columns:
            return []
        at = np.concatenate([self.starts[place] + np.arange(len(one.words)) for place, one in spoken])
        column = np.array([columns[word] for _, one in spoken for word in one.words])
        return [(self.model.words.of(list(columns), spoken[0][1].language), at, column)]


class Beside:
    """A claim beside texts: how well each of its words is met by every word of theirs.

    ``similar`` is that of all words, shape (words, words of the texts), and ``near`` by the token table alone, which
    tells names apart: of the words of names, and zero for others.
    """

    def __init__(self, claim: Statement, texts: Texts, names_met: Flags) -> None:
        """Line a claim up with texts; ``names_met`` says which of its names each statement has."""
        self.claim, self.texts, self.names_met = claim, texts, names_met
        words = texts.model.words.of(claim.words, claim.language)
        self.weights = np.maximum(words.importance, _LEAST_WEIGHT)
        self.total = max(float(self.weights.sum()), 1e-6)
        self.runs = _with_first(claim, texts.capitals)
        self.named: Flags = self.runs >= 0
        self.near = np.zeros((len(claim.words), int(texts.starts[-1])), dtype=np.float32)
        self.similar = np.zeros_like(self.near)
        names = texts.model.words.of([word for word, named in zip(claim.words, self.named, strict=True) if named])
        for vocabulary, at, column in texts.vocabularies:
            self.similar[:, at] = similarity(words, vocabulary)[:, column]
            if names.folded:
                self.near[np.ix_(self.named, at)] = alike(names, vocabulary)[:, column]
        # The best of each statement for each word of the claim, shape (statements, words).
        self.best_similar = np.maximum.reduceat(self.similar, texts.starts[:-1], axis=1).T
        self._capitals = texts.capitals | set(map(fold, claim.names))
        self._parts: dict[int, Part] = {}

    @cached_property
    def company(self) -> Vectors:
        """How much each word of the claim says of what stands around another, shape (words, words)."""
        at = np.arange(len(self.weights))
        apart = np.abs(at[:, None] - at)
        weighed = ((apart <= _NEXT_TO) & (apart > 0)) * self.weights
        company: Vectors = weighed / np.maximum(weighed.sum(axis=1, keepdims=True), 1e-6)
        return company

    @cached_property
    def near_negative(self) -> Flags:
        """Which words of the claim have something near that is not so."""
        return _near_negative(self.claim)

    def part(self, place: int) -> Part:
        """A statement of the texts beside the claim, by its place among them."""
        if place not in self._parts:
            statement = self.texts.statements[place]
            start = int(self.texts.starts[place])
            span = slice(start, start + len(statement.words))
            self._parts[place] = Part(
                statement,
                self.near[:, span],
                self.similar[:, span],
                self.company,
                _with_first(statement, self._capitals),
            )
        return self._parts[place]


class Part:
    """One statement beside a claim: how its words meet the claim's, shape (claim's words, words)."""

    def __init__(self, statement: Statement, near: Vectors, similar: Vectors, company: Vectors, runs: Places) -> None:
        """Take what is known of the words, and look at what stands around each."""
        self.statement, self.near, self.similar, self.runs = statement, near, similar, runs
        around, counts = _windows(statement)
        # The best of each word and those around it.
        self.company: Vectors = company @ (similar[:, around] * counts).max(axis=2, initial=0)
        self.near_negative = _near_negative(statement)


class Alignment:
    """A claim beside one sentence, or several together: their words in one row.

    ``at`` says where each word of the claim stands among them, as near as possible to its company, and ``best`` how
    well it is met there.
    """

    def __init__(self, beside: Beside, places: Sequence[int]) -> None:
        """Line a claim up with sources, given by their places."""
        self.beside, self.claim, self.weights, self.named = beside, beside.claim, beside.weights, beside.named
        self.rows = beside.texts.around[list(places)]
        self.parts = [beside.part(int(place)) for place in self.rows[:, 0]]
        statements = [one.statement for one in self.parts]
        self.near = np.concatenate([one.near for one in self.parts], axis=1)
        self.similar = np.concatenate([one.similar for one in self.parts], axis=1)
        company = np.concatenate([one.company for one in self.parts], axis=1)
        self.denied = np.concatenate([one.denied for one in statements])
        self.agents = np.concatenate([one.agents for one in statements])
        self.sayers = np.concatenate([one.sayers for one in statements])
        self.near_negative = np.concatenate([one.near_negative for one in self.parts])
        self.sentence = np.repeat(np.arange(len(statements)), [len(one.words) for one in statements])
        self.clauses = np.concatenate([one.clauses for one in statements]) + _MANY * self.sentence
        runs = np.concatenate([one.runs for one in self.parts])
        self.runs = np.where(runs < 0, -1, runs + _MANY * self.sentence)
        self.best: Vectors = self.similar.max(axis=1, initial=0)
        lined = self.similar + _COMPANY * company * (self.similar > 0)
        self.at = lined.argmax(axis=1) if lined.size else np.zeros(len(lined), dtype=np.int64)

    @cached_property
    def strange(self) -> Flags:
        """Which words of the sentences are names that the claim lacks."""
        lacking: Flags = (self.runs >= 0) & (
            np.maximum(self.near, self.similar * ~self.named[:, None]).max(axis=0, initial=0) < ALIGNED
        )
        return lacking


def _with_first(statement: Statement, capitals: frozenset[str]) -> Places:
    """The runs of a statement's words, its first word being one of its own where it is known for a name."""
    if statement.first < 0 or statement.runs[0] >= 0 or statement.words[0] not in capitals:
        return statement.runs
    runs = statement.runs.copy()
    runs[0] = _FIRST_RUN
    return runs


@lru_cache(maxsize=8_192)
def _windows(statement: Statement) -> tuple[Places, Vectors]:
    """The places around each word of a statement, and what a word there counts, shape (words, places around)."""
    at = np.arange(len(statement.words))
    around = at[:, None] + np.arange(-_AROUND, _AROUND + 1)
    inside = around.clip(0, max(len(at) - 1, 0))
    same = statement.clauses[inside] == statement.clauses[:, None]
    counts = np.where(same, 1, _OTHER_CLAUSE) * (inside == around)
    return inside, counts.astype(np.float32)


@lru_cache(maxsize=8_192)
def _near_negative(statement: Statement) -> Flags:
    """Which words have something near, within the clause, that is not so or is denied."""
    negative = statement.denied | statement.negative
    found = negative.copy()
    for shift in range(1, min(_AROUND + 1, len(negative))):
        same = statement.clauses[shift:] == statement.clauses[:-shift]
        found[shift:] |= negative[:-shift] & same
        found[:-shift] |= negative[shift:] & same
    return found
