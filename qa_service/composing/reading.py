"""What a composer reads: the best passages, their sentences, and how likely each of these answers the question.

A passage is worth what its best sentence is: the ranking of the passages is made anew with it, for searches too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

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

    ``found`` names each sentence with the passage that holds it, ``rows`` holds their features, shape (sentences,
    features).
    """

    query: Query
    ranked: list[RankedPassage]
    found: list[tuple[Sentence, RankedPassage]]
    rows: Vectors


def find(
    question: str,
    index: OpenIndex,
    model: EmbeddingModel,
    count: int = PASSAGES_READ,
    dense: Sequence[float] | None = None,
) -> Reading:
    """Find so many passages for a question, by their own scores, and look at the sentences of the best of them.

    The dense vector of the question is computed where it is not given.
    """
    query = prepare(question, index, model, dense)
    ranked = retrieve(query, index, model, max(count, PASSAGES_READ))
    found = candidates(ranked[:PASSAGES_READ])
    return Reading(query, ranked[:count], found, features(query, found, model))


def read(question: str, index: OpenIndex, model: EmbeddingModel, count: int = PASSAGES_READ) -> Reading:
    """Find so many passages for a question, ranked by what their best sentences are worth too."""
    reading = find(question, index, model, max(count, PASSAGES_READ))
    again = _ranked_again(reading)
    again += _below(reading.ranked[PASSAGES_READ:], again[-1].score if again else 0)
    return replace(reading, ranked=again[:count])


def _ranked_again(reading: Reading) -> list[RankedPassage]:
    """The passages that were read, by their scores and what their best sentences add; none scores less than 0."""
    judge, ranked = sentence_model(), reading.ranked[:PASSAGES_READ]
    best: dict[RankedPassage, float] = {}
    for (_, passage), value in zip(reading.found, judge.sentence.log_odds(reading.rows), strict=True):
        best[passage] = max(best.get(passage, -np.inf), float(value))
    worst = min(best.values(), default=judge.typical)
    worth = [passage.score + _BEST_SENTENCE * (best.get(passage, worst) - judge.typical) for passage in ranked]
    again = [replace(passage, score=max(0.0, score)) for passage, score in zip(ranked, worth, strict=True)]
    return [again[row] for row in np.argsort(-np.array(worth), kind="stable")]


def _below(ranked: list[RankedPassage], least: float) -> list[RankedPassage]:
    """Passages whose sentences were not read: they stay behind those that were."""
    return [replace(passage, score=min(passage.score, least)) for passage in ranked]
