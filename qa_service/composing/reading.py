"""What a composer reads: the best passages, their sentences, and how likely each of these answers the question.

A passage is worth what its best sentence is: the ranking of the passages is made anew with it, for searches too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa_service.composing.evidence import Sentence, candidates, features
from qa_service.composing.sentence_model import sentence_model
from qa_service.embedding_model import EmbeddingModel
from qa_service.embeddings import Vectors
from qa_service.index_reader import OpenIndex
from qa_service.retrieval import PASSAGES_READ, Query, RankedPassage, prepare, retrieve

# What one unit of log odds of its best sentence adds to a passage's score.
_BEST_SENTENCE = 0.08


@dataclass(frozen=True)
class Reading:
    """A question and what was read for it: ranked passages, and the distinct sentences of the best ones.

    ``rows`` holds the features of the sentences, shape (sentences, features), ``odds`` their log odds of answering.
    """

    query: Query
    ranked: list[RankedPassage]
    sentences: list[Sentence]
    rows: Vectors
    odds: NDArray[np.float32]


def read(
    question: str,
    index: OpenIndex,
    model: EmbeddingModel,
    count: int = PASSAGES_READ,
    dense: Sequence[float] | None = None,
) -> Reading:
    """Find so many passages for a question and read the best of them; its dense vector is computed if not given."""
    query = prepare(question, index, model, dense)
    ranked = retrieve(query, index, model, max(count, PASSAGES_READ))
    found = candidates(ranked[:PASSAGES_READ])
    rows = features(query, found, model)
    odds = sentence_model().sentence.log_odds(rows)
    again = _ranked_again(ranked[:PASSAGES_READ], found, odds)
    again += _below(ranked[PASSAGES_READ:], again[-1].score if again else 0)
    return Reading(query, again[:count], [sentence for sentence, _ in found], rows, odds)


def _ranked_again(
    ranked: list[RankedPassage], found: list[tuple[Sentence, RankedPassage]], odds: NDArray[np.float32]
) -> list[RankedPassage]:
    """The passages by their scores and what their best sentences add; none scores less than 0."""
    best: dict[RankedPassage, float] = {}
    for (_, passage), value in zip(found, odds, strict=True):
        best[passage] = max(best.get(passage, -np.inf), float(value))
    worst, typical = min(best.values(), default=0.0), sentence_model().typical
    worth = [passage.score + _BEST_SENTENCE * (best.get(passage, worst) - typical) for passage in ranked]
    again = [replace(passage, score=max(0.0, score)) for passage, score in zip(ranked, worth, strict=True)]
    return [again[row] for row in np.argsort(-np.array(worth), kind="stable")]


def _below(ranked: list[RankedPassage], least: float) -> list[RankedPassage]:
    """Passages whose sentences were not read: they stay behind those that were."""
    return [replace(passage, score=min(passage.score, least)) for passage in ranked]
