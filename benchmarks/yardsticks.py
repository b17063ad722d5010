"""What measures are made of: two sides that take turns, so that a busy moment of the machine meets both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = ROOT / "documents"
QUESTIONS = ROOT / "tests" / "golden" / "documents.jsonl"


@dataclass(frozen=True)
class Measure:
    """A figure of ours, and the yardstick's."""

    name: str
    unit: str
    ours: float
    yardstick: float
    against: str

    @property
    def ratio(self) -> float:
        """Ours divided by the yardstick's."""
        return self.ours / self.yardstick


def in_turns(rounds: int, ours: Callable[[], object], yardstick: Callable[[], object]) -> tuple[float, float]:
    """The median seconds of each, measured in turns."""
    taken = [(seconds(ours), seconds(yardstick)) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in taken), statistics.median(pair[1] for pair in taken)


def one_by_one(questions: list[str], ask: Callable[[str], object]) -> list[float]:
    """The seconds of each question."""
    return [seconds(partial(ask, question)) for question in questions]


def percentile(values: list[float], percent: int) -> float:
    """The value that so many in a hundred are not above."""
    return statistics.quantiles(values, n=100)[percent - 1]


def seconds(run: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
