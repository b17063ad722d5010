from __future__ import annotations

import json

import numpy as np
import pytest

from qa_service.composing.evidence import FEATURES
from qa_service.composing.sentence_model import (
    SUMMARY,
    SUPPORT,
    WEIGHTS_FILE,
    Logistic,
    SentenceModel,
    sentence_model,
    summary,
    support,
)


def test_the_shipped_weights_name_every_feature_and_no_other() -> None:
    stored = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    assert list(stored["sentence"]) == ["intercept", *FEATURES]
    assert list(stored["answerable"]) == ["intercept", *SUMMARY]
    assert list(stored["supported"]) == ["intercept", *SUPPORT]


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


def only(names: tuple[str, ...], **weights: float) -> Logistic:
    """A model that looks at some features alone; underscores stand for spaces."""
    chosen = {name.replace("_", " "): weight for name, weight in weights.items()}
    return Logistic(np.array([chosen.get(name, 0) for name in names], dtype=np.float32), 0.0)


def rows_with(**values: list[float]) -> np.ndarray:
    """Rows of features, all zero but some."""
    rows = np.zeros((len(next(iter(values.values()))), len(FEATURES)), dtype=np.float32)
    for name, column in values.items():
        rows[:, FEATURES.index(name.replace("_", " "))] = column
    return rows


def test_support_looks_at_the_best_sentence() -> None:
    rows = rows_with(length=[1, 3, 2], score_of_the_passage=[0, 1, 0])
    found = dict(zip(SUPPORT, support(rows, only(FEATURES, length=1))[0], strict=True))
    assert found["best sentence"] == pytest.approx(3)
    assert found["best sentence: score of the passage"] == 1
    assert "best sentence: length" not in found


def judging(**changes: float) -> SentenceModel:
    """A model whose sentences are as good as they are long, and which wants the best one to be near the title."""
    settings = {"margin": 1.0, "highest": 2.0, "least": 0.5, "typical": 0.0} | changes
    supported = Logistic(
        np.array([float(name == "best sentence: cosine with the title") for name in SUPPORT], dtype=np.float32), 0.0
    )
    return SentenceModel(only(FEATURES, length=1), only(SUMMARY, best_sentence=1), supported, **settings)


def test_a_question_must_stand_out_from_unrelated_ones() -> None:
    rows = rows_with(length=[2.5], cosine_with_the_title=[1])
    assert not judging().refuses(rows, level=1.0)
    assert judging().refuses(rows, level=2.0)


def test_a_broad_archive_does_not_raise_what_is_asked_without_end() -> None:
    assert not judging().refuses(rows_with(length=[3.5], cosine_with_the_title=[1]), level=9.0)
    assert judging(highest=9.0).refuses(rows_with(length=[3.5], cosine_with_the_title=[1]), level=9.0)


def test_the_best_sentence_must_have_what_is_asked_for() -> None:
    assert judging().refuses(rows_with(length=[5, 4], cosine_with_the_title=[0, 1]), level=0.0)
    assert not judging().refuses(rows_with(length=[5, 4], cosine_with_the_title=[1, 0]), level=0.0)


def test_nothing_found_is_refused() -> None:
    assert sentence_model().refuses(np.zeros((0, len(FEATURES)), dtype=np.float32), level=0.0)
