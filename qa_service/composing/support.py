"""Which sentences of the sources bear out a claim, if any do.

Names and values decide by themselves: a claim with one that no cited passage has is not borne out. The rest is the
support model's: it looks at the sentences that come nearest to the claim, each by itself and two at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qa_service.chunking import Passage
from qa_service.composing.comparison import Comparison, Source
from qa_service.composing.evidence import Sentence, sentences_of
from qa_service.composing.quantities import quantities
from qa_service.composing.statements import Statement, read_statement, remembered_statement
from qa_service.composing.support_model import support_model
from qa_service.embedding_model import EmbeddingModel
from qa_service.language import Language

# Characters: no sentence that says one thing is longer.
_LONGEST_CLAIM = 700
# Sentences near the claim that are looked at closely.
_NEAREST = 5


@dataclass(frozen=True)
class Support:
    """The sentences that bear out a claim, and how sure that is, 0 to 1."""

    sentences: tuple[Sentence, ...]
    score: float


@dataclass(frozen=True)
class _Row:
    """A sentence of the sources, in which passages of the prompt it stands, and as it is compared."""

    sentence: Sentence
    numbers: frozenset[int]
    source: Source


class Sources:
    """The numbered passages that an answer is written from, read once for all of its claims."""

    def __init__(self, passages: Sequence[Passage], published: Mapping[str, str | None], model: EmbeddingModel) -> None:
        """Read passages, the first of which is number 1; ``published`` are the ISO dates of their documents."""
        self.numbers = range(1, len(passages) + 1)
        self.texts = [passage.text for passage in passages]
        self._model = model
        self._rows = _rows(passages)
        self._years = {passage.document_id: _years(passage.document_id, self._rows, published) for passage in passages}
        self._found: dict[tuple[str, tuple[int, ...]], Support | None] = {}

    def support(self, claim: str, language: Language, cited: Sequence[int]) -> Support | None:
        """What bears out a claim: sentences of the cited passages, else of any; None where nothing does."""
        bare = claim.rstrip(" .!?…")  # a stop says nothing, and one still being written has none yet
        key = (bare, tuple(cited))
        if key not in self._found:
            self._found[key] = self._support(bare, language, frozenset(cited))
        return self._found[key]

    def _support(self, text: str, language: Language, cited: frozenset[int]) -> Support | None:
        if len(text) > _LONGEST_CLAIM:
            return None
        claim = read_statement(text, language)
        if not claim.words and not claim.values:
            return None
        named = [row for row in self._rows if row.numbers & cited]
        return self._among(claim, named) or (self._among(claim, self._rows) if len(named) < len(self._rows) else None)

    def _among(self, claim: Statement, rows: list[_Row]) -> Support | None:
        """What bears out a claim among some sentences."""
        if not rows:
            return None
        years = frozenset[int]().union(*(self._years[row.sentence.passage.document_id] for row in rows))
        comparison = Comparison(claim, [row.source for row in rows], years, self._model)
        if comparison.names_nowhere() or comparison.values_nowhere():
            return None
        nearest = sorted(int(place) for place in np.argsort(-comparison.meaning_alone(), kind="stable")[:_NEAREST])
        units = [*((place,) for place in nearest), *combinations(nearest, 2)]
        judge = support_model()
        odds = judge.log_odds([comparison.features(unit) for unit in units])
        best = judge.best(odds)
        score = judge.score(odds[best])
        if score < judge.least:
            return None
        return Support(tuple(rows[place].sentence for place in units[best]), float(np.exp(score)))


def _rows(passages: Sequence[Passage]) -> list[_Row]:
    """The distinct sentences of the passages, which may overlap."""
    numbers: dict[tuple[str, int], set[int]] = {}
    found: dict[tuple[str, int], Sentence] = {}
    for number, passage in enumerate(passages, start=1):
        for sentence in sentences_of(passage):
            key = (passage.document_id, sentence.start)
            numbers.setdefault(key, set()).add(number)
            found.setdefault(key, sentence)
    return [_Row(sentence, frozenset(numbers[key]), _source(sentence)) for key, sentence in found.items()]


def _source(sentence: Sentence) -> Source:
    language = sentence.passage.language
    before, after = (
        remembered_statement(text, language) if text else None for text in (sentence.before, sentence.after)
    )
    return Source(
        remembered_statement(sentence.text, language),
        remembered_statement(sentence.passage.title, language),
        before,
        after,
    )


def _years(document_id: str, rows: list[_Row], dates: Mapping[str, str | None]) -> frozenset[int]:
    """The years that an article is of: that of its publication, and those that it names."""
    published = dates.get(document_id)
    named = (
        value.year
        for row in rows
        if row.sentence.passage.document_id == document_id
        for value in quantities(row.source.statement)
        if value.year is not None
    )
    return frozenset(named) | ({int(published[:4])} if published else frozenset())
