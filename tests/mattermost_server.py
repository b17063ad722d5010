"""A Mattermost on this machine, as far as later answers to slash commands go: it takes them, or fails as told.

    with mattermost_server() as mattermost:
        mattermost.script(503, 200)  # each answer meets the next status, and the last one repeats
        ...
        assert mattermost.posts == [("/hooks/commands/hook1", {"response_type": "in_channel", …})]

Besides a status a script may hold ``"cut"``: the connection ends without a word.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.local_server import in_a_thread


class MattermostServer:
    """What was posted, also in vain: paths and bodies; and how often something was asked for otherwise."""

    def __init__(self) -> None:
        self.url = ""
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.types: list[str] = []
        self.strays = 0
        self._script: list[int | str] = [200]
        self._there = threading.Condition()

    def script(self, *statuses: int | str) -> None:
        """What the next posts are met with."""
        self._script = list(statuses)

    def wait_for(self, count: int, seconds: float = 10.0) -> list[dict[str, Any]]:
        """The bodies of so many posts, when they are there."""
        until = time.monotonic() + seconds
        with self._there:
            while len(self.posts) < count and (left := until - time.monotonic()) > 0:
                self._there.wait(left)
            return [body for _, body in self.posts]

    def take(self, path: str, kind: str, body: bytes) -> int | str:
        """Keep a post; what it is met with."""
        with self._there:
            self.posts.append((path, json.loads(body)))
            self.types.append(kind)
            self._there.notify_all()
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]


@contextmanager
def mattermost_server() -> Iterator[MattermostServer]:
    """A server until the end of the block; ``url`` is its address."""
    kept = MattermostServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            met = kept.take(self.path, self.headers["Content-Type"], body)
            if isinstance(met, str):
                return
            self.send_response(met)
            if 300 <= met < 400:
                self.send_header("Location", f"{kept.url}/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def do_GET(self) -> None:
            kept.strays += 1
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            pass

    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        kept.url = url
        yield kept
