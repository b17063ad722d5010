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


def find(question: str, index: OpenIndex, model: EmbeddingModel, dense: Sequence[float] | None = None) -> Reading:
    """Find the passages that are read for a question, by their own scores, and look at their sentences.

    The dense vector of the question is computed where it is not given.
    """
    query = prepare(question, index, model, dense)
    ranked = retrieve(query, index, model, PASSAGES_READ)
    found = candidates(ranked)
    return Reading(query, ranked, found, features(query, found, model))


def read(question: str, index: OpenIndex, model: EmbeddingModel, count: int = PASSAGES_READ) -> Reading:
    """Find so many passages for a question; those that are read are ranked by what their best sentences are worth too.

    However many are wanted, the same passages are read, and what else is found comes behind them.
    """
    reading = find(question, index, model)
    again = _ranked_again(reading)
    if count > PASSAGES_READ:
        known = {one.passage for one in reading.ranked}
        further = [one for one in retrieve(reading.query, index, model, count) if one.passage not in known]
        again += _below(further, again[-1].score if again else 0)
    return replace(reading, ranked=again[:count])


def _ranked_again(reading: Reading) -> list[RankedPassage]:
    """The passages that were read, by their scores and what their best sentences add; none scores less than 0."""
    judge, ranked = sentence_model(), reading.ranked
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
