"""Waiting for what comes when it comes, with an end to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(found: Callable[[], Found], seconds: float = 30) -> Found:
    """What is found, as soon as it is true; AssertionError when it is not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (there := found()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)
    return there
