from __future__ import annotations

import json

import numpy as np
import pytest

from qa_service.composing.evidence import FEATURES
from qa_service.composing.sentence_model import SUMMARY, WEIGHTS_FILE, Logistic, sentence_model, summary


def test_the_shipped_weights_name_every_feature_and_no_other() -> None:
    stored = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    assert list(stored["sentence"]) == ["intercept", *FEATURES]
    assert list(stored["answerable"]) == ["intercept", *SUMMARY]


def test_probabilities_leave_room_for_none() -> None:
    rows = np.random.default_rng(1).normal(size=(20, len(FEATURES))).astype(np.float32)
    likely = sentence_model().sentence_probabilities(rows)
    assert likely.shape == (20,)
    assert (likely >= 0).all()
    assert likely.sum() <= 1
    certain = sentence_model().sentence_probabilities(rows * 1e6)
    assert np.isfinite(certain).all()


def test_no_sentence_is_hardly_an_answer() -> None:
    assert sentence_model().answerable_log_odds(np.zeros((0, len(FEATURES)), dtype=np.float32)) < -10


def test_meeting_more_of_the_question_makes_an_answer_likelier() -> None:
    model = sentence_model()
    nothing = np.zeros((1, len(FEATURES)), dtype=np.float32)
    everything = nothing.copy()
    for name in FEATURES:
        if name.startswith(("words met", "cosine", "score of", "names and numbers met")):
            everything[0, FEATURES.index(name)] = 1
    assert model.sentence_probabilities(everything)[0] > model.sentence_probabilities(nothing)[0]
    assert model.answerable_log_odds(everything) > model.answerable_log_odds(nothing) + model.margin


def test_the_summary_reads_the_best_sentences() -> None:
    weights = np.zeros(len(FEATURES), dtype=np.float32)
    weights[0] = 1
    rows = np.zeros((4, len(FEATURES)), dtype=np.float32)
    rows[:, 0] = [4, 1, 3, 2]
    found = dict(zip(SUMMARY, summary(rows, Logistic(weights, 0.5))[0], strict=True))
    assert found["best sentence"] == pytest.approx(4.5)
    assert found["mean of the best three sentences"] == pytest.approx(3.5)
