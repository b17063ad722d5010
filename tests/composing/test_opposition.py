from __future__ import annotations

import pytest

from qa_service.composing.opposition import POLARITY, contradicts

DENIED = "denied by the claim with nothing of the kind near"
THEY_DENY = "denied by the sentence with nothing of the kind near"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, False),
        ({"opposites apart": 0.9}, True),
        ({"opposites apart": 0.9, "opposites alike": 0.5}, False),
        ({"opposites apart": 0.3}, False),
        ({"only the claim is negative": 1.0, DENIED: 0.8}, True),
        ({"only the claim is negative": 1.0, DENIED: 0.8, "opposites alike": 0.5}, False),
        ({"only the claim is negative": 1.0}, False),
        ({DENIED: 0.8}, False),
        ({"only the sentences are negative": 1.0, THEY_DENY: 0.8}, True),
        ({"only the sentences are negative": 1.0}, False),
    ],
)
def test_signs_that_say_so_together_contradict(said: dict[str, float], expected: bool) -> None:
    assert contradicts(dict.fromkeys(POLARITY, 0.0) | said) is expected
