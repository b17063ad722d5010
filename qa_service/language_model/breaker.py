"""Leaves a provider alone that keeps failing, so that readers do not wait for nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from qa_service import metrics

_log = logging.getLogger(__name__)

FAILURES = 5
PAUSE_SECONDS = 30.0
# However long a provider asks to be left alone, it is asked again after this time.
LONGEST_PAUSE_SECONDS = 60.0


class Permit:
    """The place of one call; whoever got it says once how the call went."""

    def __init__(self, breaker: Breaker) -> None:
        """A place in this breaker."""
        self._breaker = breaker

    def settle(self, well: bool | None) -> None:
        """The call went well, or failed; None: nobody can say. What is said after the first time does not count."""
        self._breaker.settle(self, well)


class Breaker:
    """Opens after failures in a row, and lets one probe through after a pause: its success closes the breaker again.

    Safe across threads.
    """

    def __init__(
        self,
        name: str = "",
        *,
        failures: int = FAILURES,
        pause: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A closed breaker, which the log calls by this name; the pause is in seconds."""
        self._options = (name, failures, pause, clock)
        self._name, self._limit, self._pause, self._clock = self._options
        self._lock = threading.Lock()
        self._calls: set[Permit] = set()
        self._probe: Permit | None = None
        self._in_a_row = 0
        self._open_until: float | None = None

    def fresh(self) -> Breaker:
        """A closed breaker with the same options."""
        name, failures, pause, clock = self._options
        return Breaker(name, failures=failures, pause=pause, clock=clock)

    @property
    def is_open(self) -> bool:
        """Whether the provider is to be left alone just now."""
        with self._lock:
            return self._open_until is not None and self._clock() < self._open_until

    def enter(self) -> Permit | None:
        """A place for one call, or None when the provider is to be left alone."""
        with self._lock:
            permit = Permit(self)
            if self._open_until is not None:
                if self._probe is not None or self._clock() < self._open_until:
                    return None
                self._probe = permit
            self._calls.add(permit)
            return permit

    def leave_alone(self, seconds: float) -> None:
        """Open for this time, at most for a minute: the provider asked for it."""
        with self._lock:
            opened = self._open_until is None
            self._open(min(seconds, LONGEST_PAUSE_SECONDS))
        if opened:
            self._say_open()

    def settle(self, permit: Permit, well: bool | None) -> None:
        """What ``Permit.settle`` says."""
        with self._lock:
            if permit not in self._calls:
                return
            self._calls.discard(permit)
            was_open = self._open_until is not None
            if permit is self._probe:
                self._probe = None
                self._end_probe(well)
            elif not was_open:
                self._count(well)
            is_open = self._open_until is not None
        if is_open and not was_open:
            self._say_open()
        elif was_open and not is_open:
            metrics.llm_left_alone(self._name, alone=False)
            _log.warning("The language model %s answers again.", self._name)

    def _end_probe(self, well: bool | None) -> None:
        if well:
            self._open_until = None
            self._in_a_row = 0
        elif well is not None:
            self._open(self._pause)

    def _count(self, well: bool | None) -> None:
        if well is not None:
            self._in_a_row = 0 if well else self._in_a_row + 1
        if self._in_a_row >= self._limit:
            self._open(self._pause)

    def _open(self, seconds: float) -> None:
        self._open_until = max(self._open_until or 0.0, self._clock() + seconds)

    def _say_open(self) -> None:
        metrics.llm_left_alone(self._name, alone=True)
        _log.warning("The language model %s keeps failing and is left alone for a while.", self._name)
