from __future__ import annotations

import json

import numpy as np

from qa_service.composing.support_model import (
    ASPECTS,
    DECIDING,
    FEATURES,
    WEIGHTS_FILE,
    SupportModel,
    Weights,
    aspect_odds,
    chosen,
    deciding_rows,
    matrix,
    support_model,
)


def rows(count: int) -> list[dict[str, float]]:
    values = np.random.default_rng(1).normal(size=(count, len(FEATURES)))
    return [dict(zip(FEATURES, map(float, row), strict=True)) for row in values]


def test_the_shipped_weights_name_every_feature_and_no_other() -> None:
    stored = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    for aspect, names in ASPECTS.items():
        assert list(stored[aspect]) == ["intercept", *names]
    assert list(stored["deciding"]) == ["intercept", *DECIDING]


def test_looking_at_the_likely_ones_alone_finds_the_best_of_all() -> None:
    model = support_model()
    found = rows(40)
    asked: list[int] = []

    def features(place: int) -> dict[str, float]:
        asked.append(place)
        return found[place]

    best, score = model.judge(found, features)
    odds = aspect_odds(matrix(found), model.aspects)
    assert best == chosen(odds)
    assert score == model.score(found[best])
    assert len(asked) < len(found)


def test_a_score_is_a_probability() -> None:
    assert SupportModel.probability(0.0) == 0.5
    assert 0 < SupportModel.probability(-30.0) < SupportModel.probability(3.0) < 1


def test_an_aspect_that_objects_takes_the_credit_away() -> None:
    odds = np.array([[5.0, -4.0, 5.0]])
    credit = deciding_rows(np.zeros((1, len(FEATURES))), odds)[0, len(FEATURES) :]
    assert credit[1] < -4 < credit[0] < 0
    assert Weights(np.ones(3), 1.0).log_odds(odds).tolist() == [7.0]
