"""A scripted language model: an OpenAI-compatible server on this machine that plays answers and faults in turn.

A test hands it a script; each request takes the next reply, and the last one repeats:

    def test_something(llm_server):
        llm_server.script(fails(500), says("The bridge opened in May [1]."))
        model = LanguageModel.load(llm_server.settings())
        ...
        assert len(llm_server.requests) == 2
        assert "bridge" in llm_server.requests[0].prompt

Instead of a reply a function may stand that takes the request's body and returns the text, or another reply:

    llm_server.script(lambda body: "Oui [1]." if "français" in str(body) else "Yes [1].")
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from qa_service.settings import Settings, load_settings
from tests.local_server import in_a_thread

# What no log and no message may hold: the key of the tests, and what the server says about its errors.
KEY = "sk-a-key-of-the-tests"
PROVIDERS_WORDS = f"Incorrect key: {KEY}"

# How soon a handler notices that its client has gone, or that the server stops.
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Request:
    """What was asked: the path, the headers (names in lower case), the body, and when (``time.monotonic``)."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float

    @property
    def prompt(self) -> str:
        """The text of all messages."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])


class Exchange:
    """One request while it is answered."""

    def __init__(self, handler: BaseHTTPRequestHandler, request: Request, stopping: threading.Event) -> None:
        self.request = request
        self._handler = handler
        self._stopping = stopping

    @property
    def streams(self) -> bool:
        return bool(self.request.body.get("stream"))

    def wait(self, seconds: float) -> bool:
        """Stay silent for this time; false when the client has gone or the server stops."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._stopping.is_set() or self._gone():
                return False
            time.sleep(min(left, _POLL_SECONDS))
        return True

    def send(self, status: int, content: bytes, kind: str = "application/json", **headers: str) -> None:
        """A whole answer."""
        self._handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()
        self._handler.wfile.write(content)

    def begin(self) -> None:
        """The head of a stream; ``write`` and ``end`` follow, or nothing more, which cuts it."""
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream")
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def write(self, content: bytes) -> None:
        self._handler.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def end(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")

    def event(self, data: object) -> None:
        """One frame of the stream."""
        self.write(b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n")

    def _gone(self) -> bool:
        readable, _, _ = select.select([self._handler.connection], [], [], 0)
        try:
            return bool(readable) and not self._handler.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


@dataclass(frozen=True)
class Reply:
    """How one request is answered."""

    play: Callable[[Exchange], None]


# Answers


def says(
    text: str,
    *,
    chunk: int = 7,
    finish: str | None = "stop",
    usage: tuple[int, int] | None = (12, 7),
    done: bool = True,
    thoughts: str = "",
    pause: float = 0,
) -> Reply:
    """An answer in pieces of so many characters.

    ``usage`` are the tokens of the prompt and of the answer; ``thoughts`` come before, in a field of their own, as
    servers with a parser for reasoning send them; ``pause`` is the time between two pieces, in seconds. Without
    ``finish`` or ``done`` the stream lacks its reason to finish or its ``[DONE]``.
    """

    def play(exchange: Exchange) -> None:
        if not exchange.streams:
            exchange.send(200, json.dumps(_completion(text, finish, usage)).encode())
            return
        exchange.begin()
        if thoughts:
            exchange.event(_frame({"role": "assistant", "reasoning_content": thoughts}))
        for start in range(0, len(text), chunk):
            if pause and not exchange.wait(pause):
                return
            exchange.event(_frame({"content": text[start : start + chunk]}))
        if finish:
            exchange.event(_frame({}, finish))
        if usage:
            exchange.event({**_frame({}), "choices": [], "usage": _usage(usage)})
        if done:
            exchange.event(b"[DONE]")
        exchange.end()

    return Reply(play)


def answers(make: Callable[[dict[str, Any]], str | Reply]) -> Reply:
    """An answer that depends on the request's body: the text, or another reply."""

    def play(exchange: Exchange) -> None:
        made = make(exchange.request.body)
        (made if isinstance(made, Reply) else says(made)).play(exchange)

    return Reply(play)


def runs_away(characters: int = 10_000_000, *, chunk: int = 1_000) -> Reply:
    """An answer that does not end before so many characters; as one huge frame if ``chunk`` is as large."""
    return says("So the bridge was opened, " * (characters // 26 + 1), chunk=chunk)


# Faults before the first piece of text


def fails(status: int, *, retry_after: str | None = None, message: str = PROVIDERS_WORDS, code: str = "") -> Reply:
    """An error with this status; ``retry_after`` is the value of the header."""
    error = {"error": {"message": message, "type": "error", "code": code or None}}
    headers = {} if retry_after is None else {"Retry_After": retry_after}
    return Reply(lambda exchange: exchange.send(status, json.dumps(error).encode(), **headers))


def overflows(message: str = "This model's maximum context length is 4096 tokens.", *, status: int = 400) -> Reply:
    """The refusal of a prompt that the model's context does not hold."""
    return fails(status, message=message, code="context_length_exceeded")


def hangs(seconds: float = 3_600) -> Reply:
    """Takes the request and stays silent."""

    def play(exchange: Exchange) -> None:
        exchange.wait(seconds)

    return Reply(play)


def trickles(seconds: float = 10, content: bytes = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 99) -> Reply:
    """One byte of this content each so many seconds."""

    def play(exchange: Exchange) -> None:
        for byte in content:
            exchange._handler.wfile.write(bytes([byte]))
            if not exchange.wait(seconds):
                return

    return Reply(play)


def sends(content: bytes, kind: str = "text/event-stream", *, status: int = 200) -> Reply:
    """Exactly these bytes, as a whole answer of this kind."""
    return Reply(lambda exchange: exchange.send(status, content, kind))


def says_html() -> Reply:
    """The page of a proxy in front of the model."""
    return sends(b"<!doctype html>\n<html><body><h1>Welcome</h1></body></html>\n", "text/html")


def says_nothing() -> Reply:
    """An answer with no body at all."""
    return sends(b"")


def says_half_a_frame() -> Reply:
    """A frame whose JSON is not complete."""
    return sends(b'data: {"id": "1", "choices": [{"index": 0, "delta": {"cont\n\n')


def says_null() -> Reply:
    """A well-formed answer whose content is null."""

    def play(exchange: Exchange) -> None:
        if not exchange.streams:
            exchange.send(200, json.dumps(_completion(None, "stop", None)).encode())
            return
        exchange.begin()
        exchange.event(_frame({"role": "assistant", "content": None}))
        exchange.event(_frame({"content": None}, "stop"))
        exchange.event(b"[DONE]")
        exchange.end()

    return Reply(play)


# Faults on the way: with an empty text, before the first piece of it


def cuts(text: str = "", *, chunk: int = 7) -> Reply:
    """So much of an answer, and then the connection is closed."""
    return _begun(text, chunk, lambda exchange: None)


def stalls(text: str = "", *, chunk: int = 7, finish: str | None = None, seconds: float = 3_600) -> Reply:
    """So much of an answer, with its reason to finish or without, and then silence."""

    def silence(exchange: Exchange) -> None:
        if finish:
            exchange.event(_frame({}, finish))
        exchange.wait(seconds)

    return _begun(text, chunk, silence)


def keeps_alive(text: str = "", *, chunk: int = 7, pause: float = 0.1) -> Reply:
    """So much of an answer, and then nothing but the comments that keep a stream alive."""

    def comments(exchange: Exchange) -> None:
        while exchange.wait(pause):
            exchange.write(b": still here\n\n")

    return _begun(text, chunk, comments)


def breaks(text: str = "", *, chunk: int = 7, message: str = PROVIDERS_WORDS) -> Reply:
    """So much of an answer, and then an error as a frame of the stream."""

    def error(exchange: Exchange) -> None:
        exchange.event({"error": {"message": message, "type": "server_error"}})
        exchange.end()

    return _begun(text, chunk, error)


def _begun(text: str, chunk: int, then: Callable[[Exchange], object]) -> Reply:
    def play(exchange: Exchange) -> None:
        exchange.begin()
        for start in range(0, len(text), chunk):
            exchange.event(_frame({"content": text[start : start + chunk]}))
        then(exchange)

    return Reply(play)


# The wire


def _frame(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [choice],
    }


def _completion(text: str | None, finish: str | None, usage: tuple[int, int] | None) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice]}
    return whole if usage is None else {**whole, "usage": _usage(usage)}


def _usage(usage: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False  # closing waits for the handlers, which notice that the server stops

    def handle_error(self, request, client_address):
        """A client that goes away is what many tests are about."""


class LlmServer:
    """The server; ``requests`` are the requests so far, ``open_connections`` counts those that are not closed."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.open_connections = 0
        self._replies: list[Reply] = [says("Nothing was scripted [1].")]
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def script(self, *replies: Reply | Callable[[dict[str, Any]], str | Reply]) -> None:
        """Answer the next requests so, in this order; the last reply repeats. Forgets the requests so far."""
        with self._lock:
            self._replies = [reply if isinstance(reply, Reply) else answers(reply) for reply in replies]
            self.requests.clear()

    def settings(self, **options: object) -> Settings:
        """Settings with this server as the language model; options win."""
        return load_settings(**{"llm": "openai:scripted", "llm_base_url": self.url, **options})

    def wait_until_closed(self, seconds: float = 3) -> bool:
        """Whether no connection is open any more, within this time."""
        until = time.monotonic() + seconds
        while self.open_connections and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        return not self.open_connections

    @contextmanager
    def running(self) -> Iterator[LlmServer]:
        with in_a_thread(self._server):
            try:
                yield self
            finally:
                self._stopping.set()

    def _next(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _count(self, change: int) -> None:
        with self._lock:
            self.open_connections += change

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10  # a connection on which nothing is asked
            disable_nagle_algorithm = True

            def setup(self):
                outer._count(1)
                super().setup()

            def finish(self):
                try:
                    super().finish()
                finally:
                    outer._count(-1)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, body, time.monotonic())
                self.close_connection = True
                outer._next(request).play(Exchange(self, request, outer._stopping))

            def log_message(self, *_):
                pass

        return Handler


def closed_port() -> str:
    """The address of a server that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
