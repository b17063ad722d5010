"""What one answer may spend, and what it spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

# A second try and one more question to the model, or two further tries: more would not fit into a reader's patience.
MAX_CALLS = 3


@dataclass
class Usage:
    """Sums over the calls of one answer; tokens are the provider's where it counts them, else the shipped table's."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Allowance:
    """Seconds until the one deadline of an answer, and the requests that are left to it.

    Not for more than one thread at a time.
    """

    def __init__(self, seconds: float, *, calls: int = MAX_CALLS, clock: Callable[[], float] = time.monotonic) -> None:
        """The deadline is this many seconds from now."""
        self._clock = clock
        self._deadline = clock() + seconds
        self._calls = calls
        self._not_before = clock()
        self.usage = Usage()

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, never less than 0."""
        return max(0.0, self._deadline - self._clock())

    @property
    def pause(self) -> float:
        """Seconds until the next request may be sent, as the provider asked; else 0."""
        return max(0.0, self._not_before - self._clock())

    def hold(self, seconds: float) -> None:
        """No further request for so long."""
        self._not_before = self._clock() + seconds

    @property
    def calls_left(self) -> int:
        """How many requests may still be sent."""
        return self._calls - self.usage.calls

    @property
    def spent(self) -> bool:
        """Whether no further request may be sent."""
        return self.calls_left <= 0 or self.remaining <= 0
