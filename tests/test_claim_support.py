from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qa_service.composing.support_model import ASPECTS, FEATURES
from training import claim_support
from training.claim_support import Example, fit, learn, left_out_scores, main, shares

KINDS = ("supported", "supported", "wrong_passage", "negation", "swapped_name", "wrong_number")


def examples(passages: int = 20) -> list[Example]:
    """Claims whose features tell their kind, with some noise; one in each passage is ruled out."""
    random = np.random.default_rng(2)
    shifts = {kind: random.normal(size=len(FEATURES)) for kind in KINDS}
    found = []
    for passage in range(passages):
        for kind in KINDS:
            rows = shifts[kind] + random.normal(size=(3, len(FEATURES)))
            found.append(Example(f"{passage}", kind, "en-fr", rows, measured=True))
        found.append(Example(f"{passage}", "wrong_number", "en-fr", None, measured=True))
    return found


def test_newtons_method_finds_what_tells_two_kinds_apart() -> None:
    rows = np.random.default_rng(3).normal(size=(400, 2))
    right = rows[:, 0] > 0
    model = fit(rows, right, np.ones(400), 1.0)
    assert ((model.log_odds(rows) > 0) == right).mean() > 0.97
    assert abs(model.weights[0]) > 10 * abs(model.weights[1])


def test_claims_are_scored_by_models_that_know_nothing_of_their_passage() -> None:
    some = examples()
    scores = left_out_scores(some)
    assert scores == left_out_scores(some)
    assert all(score == -np.inf for one, score in zip(some, scores, strict=True) if one.rows is None)
    found = shares(some, scores, 0.0)["en-fr"]
    assert found["supported"] > 0.9
    assert found["unsupported"] < 0.1


def test_the_same_claims_give_the_same_models() -> None:
    some = examples(8)
    one, other = learn(some), learn(some)
    assert len(one.aspects) == len(ASPECTS)
    assert all((ours.weights == theirs.weights).all() for ours, theirs in zip(one.aspects, other.aspects, strict=True))


def test_the_command_writes_the_shipped_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = Path(__file__).parent / "golden"
    out = tmp_path / "model.json"
    arguments = [str(golden / "claims.jsonl"), "--also", str(golden / "claims_roles.jsonl"), "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["claim_support", *arguments])
    assert main() == 0
    assert set(json.loads(capsys.readouterr().out)["left out"]) == {"en-en", "en-fr", "fr-en", "fr-fr"}
    made, shipped = (json.loads(file.read_text(encoding="utf-8")) for file in (out, claim_support.WEIGHTS_FILE))
    assert made.keys() == shipped.keys()
    for name, weights in made.items():
        assert weights == pytest.approx(shipped[name], abs=1e-2)
