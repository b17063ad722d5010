"""Answers that are sent while they are made, as server-sent events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, json

# A proxy must pass a stream on as it comes.
_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

# A comment keeps the connection, and tells whether the reader is still there.
SILENCE = ": \n\n"


def event(data: dict[str, Any], name: str = "") -> str:
    """An event as it stands on the wire: its data as JSON, under a name where it has one."""
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"


def event_stream(events: Iterator[str]) -> Response:
    """A response that consists of these events, each as it stands on the wire."""
    return Response(events, mimetype="text/event-stream", headers=_UNBUFFERED)
