"""What a composer reads, and the ranking that comes of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from qa_service.composing.evidence import FEATURES
from qa_service.composing.reading import find, read
from qa_service.composing.sentence_model import sentence_model
from qa_service.embedding_model import EmbeddingModel
from qa_service.generations import IndexFolder
from qa_service.index_reader import OpenIndex, open_current
from qa_service.retrieval import PASSAGES_READ
from qa_service.settings import Settings

QUESTIONS = ["How many plots has the kitchen garden?", "Combien de parcelles compte le potager ?"]


@pytest.fixture(scope="module")
def index(built: Settings, model: EmbeddingModel) -> Iterator[OpenIndex]:
    opened = open_current(IndexFolder(built.index), model)
    yield opened
    opened.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_sentence_has_its_features_and_its_passage(
    question: str, index: OpenIndex, model: EmbeddingModel
) -> None:
    reading = find(question, index, model)
    assert reading.rows.shape == (len(reading.found), len(FEATURES))
    assert {passage for _, passage in reading.found} <= set(reading.ranked)
    for sentence, passage in reading.found:
        assert sentence.text in passage.passage.text
        assert index.documents.article(passage.passage.document_id).text[sentence.start : sentence.end] == sentence.text


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_dense_vector_that_is_given_is_not_asked_for(question: str, index: OpenIndex, model: EmbeddingModel) -> None:
    vector = model.embeddings.embed_query(question)
    assert find(question, index, model, dense=vector).ranked == find(question, index, model).ranked


@pytest.mark.parametrize("question", QUESTIONS)
def test_passages_are_ranked_by_their_best_sentences_too(
    question: str, index: OpenIndex, model: EmbeddingModel
) -> None:
    found, again = find(question, index, model), read(question, index, model)
    scores = [passage.score for passage in again.ranked]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= 0
    assert {one.passage for one in again.ranked} == {one.passage for one in found.ranked}
    odds = sentence_model().sentence.log_odds(found.rows)
    best = found.found[int(np.argmax(odds))][0]
    assert again.ranked[0].passage.document_id == best.passage.document_id == "fr/potager"


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_best_passages_are_the_same_however_many_are_wanted(
    question: str, index: OpenIndex, model: EmbeddingModel
) -> None:
    everything = read(question, index, model, 100).ranked
    assert read(question, index, model, 2).ranked == everything[:2]
    assert len(everything) <= 100


def test_more_passages_than_are_read_come_behind(tmp_path, model: EmbeddingModel, index_texts) -> None:
    plots = {f"en/plot-{n}": f"Plot {n}\n\nThe garden has a plot with the number {n}. It is green." for n in range(30)}
    settings = index_texts(tmp_path, plots)
    opened = open_current(IndexFolder(settings.index), model)
    try:
        scores = [passage.score for passage in read("Which plot has the garden?", opened, model, 28).ranked]
    finally:
        opened.close()
    assert len(scores) == 28 > PASSAGES_READ
    assert scores == sorted(scores, reverse=True)


def test_a_question_without_a_subject_reads_nothing(index: OpenIndex, model: EmbeddingModel) -> None:
    reading = read("and of the", index, model)
    assert (reading.ranked, reading.found, len(reading.rows)) == ([], [], 0)
