"""Bodies that mean harm, sent to the real server: each gets a clear answer, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import DOCUMENTS
from tests.test_server import serving
from tests.waiting import wait_until

# Where bodies are read, each with one that is right.
TARGETS: dict[str, bytes] = {
    "/api/ask": b'{"question": "When was the visa agreement signed?"}',
    "/api/search": b'{"query": "visa"}',
    "/api/feedback": b'{"answer_id": "none", "rating": 1}',
    "/v1/chat/completions": b'{"model": "qa-service", "messages": [{"role": "user", "content": "visa"}]}',
    "/": b"question=visa",
}
TYPES = ("application/json", "application/x-www-form-urlencoded")

# How much more memory the worker may hold after two more rounds of all of it: what the allocator has not given back.
_MARGIN = 8 * 1024 * 1024

# What no reader should ever see.
_LEAK = re.compile(rb"Traceback|File \"|\.py\b|/qa_service/|site-packages|" + re.escape(str(DOCUMENTS.parent).encode()))

MULTIPART = (
    b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(4_000)) + b"--b--\r\n"
)
BODIES: dict[str, bytes] = {
    "empty": b"",
    "broken": b'{"question": "When',
    "array": b'[{"question": "When?"}]',
    "text": b'"question"',
    "wrong types": b'{"question": 5, "query": [], "answer_id": {}, "rating": "x", "k": "ten"}',
    "null": b'{"question": null, "query": null, "answer_id": null, "rating": null}',
    "nesting": b"[" * 100_000,
    "nesting that ends": b'{"question":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested objects": b'{"a":' * 40_000,
    "twice": b'{"question": "a", "question": "b", "query": "a", "query": "b", "answer_id": "a", "answer_id": "b"}',
    "NaN": b'{"question": "a", "query": "a", "k": NaN, "answer_id": "a", "rating": -Infinity}',
    "long number": b'{"query": "a", "question": "a", "answer_id": "a", "k": ' + b"9" * 200_000 + b"}",
    "5 MB": b'{"question": "' + b"x" * 5_000_000 + b'"}',
    "invalid UTF-8": b'{"question": "\xff\xfe\xc0\xaf", "query": "\xed\xa0\x80", "answer_id": "\xff"}',
    "UTF-16": '{"question": "When?"}'.encode("utf-16"),
    "surrogates": b'{"question": "\\ud800", "query": "\\udfff visa", "answer_id": "\\ud800", "rating": 1}',
    "NUL": b'{"question": "visa\\u0000?", "query": "\\u0000", "answer_id": "\\u0000", "rating": 1}',
    "bare NUL": b"\x00" * 10_000,
    "form parts": b"&".join(b"question=a" for _ in range(20_000)),
    "100,000 parts": b"&".join(b"a" for _ in range(100_000)),
}

HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
# What stands between the head and the end, whole requests that contradict themselves.
LENGTHS: dict[str, bytes] = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n{}   " + b" " * 45,
    "the same length twice": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "list of lengths": b"Content-Length: 2, 2\r\n\r\n{}",
    "negative length": b"Content-Length: -1\r\n\r\n{}",
    "signed length": b"Content-Length: +2\r\n\r\n{}",
    "length in words": b"Content-Length: two\r\n\r\n{}",
    "endless length": b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}",
    "body cut short": b'Content-Length: 5000\r\n\r\n{"question": "a"',
    "broken chunks": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunks cut short": b"Transfer-Encoding: chunked\r\n\r\nff\r\n{}",
    "negative chunk": b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "chunks without end": b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n",
    "chunks twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
}


class Reply(NamedTuple):
    status: int
    head: bytes
    body: bytes


class Served(NamedTuple):
    port: int
    worker: int


@pytest.fixture(scope="module")
def served(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    index = Path(shutil.copytree(sample_index, tmp_path_factory.mktemp("hostile") / "index"))
    # One thread: what a request leaves behind meets the next one, and memory is that of one arena.
    # Nobody reads its log before the end, and a line for each request would fill the pipe.
    with serving(index, QA_THREADS="1", QA_LOG_LEVEL="warning") as (server, port):
        (worker,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        yield Served(port, int(worker))
        server.terminate()
        assert "Traceback" not in server.communicate(timeout=30)[1]


def exchange(port: int, request: bytes) -> Reply | None:
    """What comes back for these bytes, whether or not they were all taken; None where the connection just ends."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=15)) as connection:
        with suppress(OSError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(ConnectionError):
            while part := connection.recv(65_536):
                received += part
    if not received:
        return None
    head, _, body = received.partition(b"\r\n\r\n")
    return Reply(int(head.split(b" ", 2)[1]), head, body)


def posted(port: int, path: str, body: bytes, kind: str) -> Reply | None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nConnection: close\r\n"
    return exchange(port, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def check(reply: Reply | None, what: object) -> None:
    """A clear answer: a 4xx that says what is wrong, or what the route answers anybody."""
    assert reply is not None, what
    assert reply.status in (200, 204) or 400 <= reply.status < 500, what
    assert not _LEAK.search(reply.head + reply.body), what
    if reply.status >= 400 and b"text/html" not in reply.head:
        told = json.loads(reply.body)
        # Under /v1 errors have the shape of OpenAI's, but for what gunicorn cannot read.
        assert ("error" in told) if b"application/json" in reply.head else (told["status"] == reply.status), what


def check_next_is_served(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=15)) as connection:
        connection.request("POST", "/api/ask", TARGETS["/api/ask"])
        response = connection.getresponse()
        assert response.status == 200
        assert json.load(response)["citations"]


def gone_in_a_stream(port: int) -> None:
    """Ask for a stream, and break the connection at its first words."""
    body = b'{"question": "When was the visa agreement signed?", "stream": true}'
    with closing(socket.create_connection(("127.0.0.1", port), timeout=15)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(HEAD % b"/api/ask" + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.recv(20)


def gone_in_a_body(port: int, path: str) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=15)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(HEAD % path.encode() + b'Content-Length: 5000\r\n\r\n{"question')


def leave(served: Served, times: int) -> None:
    for _ in range(times):
        gone_in_a_stream(served.port)
        for path in TARGETS:
            gone_in_a_body(served.port, path)
    check_next_is_served(served.port)


def send_everything(port: int) -> None:
    for path in TARGETS:
        for name, body in BODIES.items():
            for kind in TYPES:
                check(posted(port, path, body, kind), (path, name, kind))
        for name, rest in LENGTHS.items():
            reply = exchange(port, HEAD % path.encode() + rest)
            check(reply, (path, name))
        gone_in_a_body(port, path)
    gone_in_a_stream(port)
    check_next_is_served(port)


def resident(worker: int) -> int:
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())[0]) * 1024


def opened(worker: int) -> int:
    return len(list(Path(f"/proc/{worker}/fd").iterdir()))


@pytest.mark.parametrize("path", TARGETS)
@pytest.mark.parametrize("name", BODIES)
def test_each_body_gets_a_clear_answer_and_the_next_is_served(served: Served, path: str, name: str) -> None:
    for kind in TYPES:
        check(posted(served.port, path, BODIES[name], kind), kind)
    right = posted(served.port, path, TARGETS[path], TYPES[path == "/"])
    assert right is not None
    assert right.status == (404 if "feedback" in path else 200)


@pytest.mark.parametrize("path", TARGETS)
@pytest.mark.parametrize("name", LENGTHS)
def test_lengths_that_contradict_each_other_are_refused(served: Served, path: str, name: str) -> None:
    reply = exchange(served.port, HEAD % path.encode() + LENGTHS[name])
    assert reply is not None
    assert 400 <= reply.status < 500
    assert b"\r\nHTTP/1.1" not in reply.body  # one answer, not one for what was smuggled behind it
    check(reply, name)
    check_next_is_served(served.port)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_forms_of_too_many_fields_are_refused(served: Served, kind: str) -> None:
    body = BODIES["100,000 parts"] if "urlencoded" in kind else MULTIPART
    reply = posted(served.port, "/", body, kind)
    assert reply is not None
    assert reply.status == 413
    check_next_is_served(served.port)


@pytest.mark.parametrize("path", TARGETS)
def test_a_client_that_reads_only_when_it_has_sent_everything_is_told_too(served: Served, path: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=15)) as connection:
        connection.request("POST", path, b"x" * 5_000_000, {"Content-Type": "application/x-www-form-urlencoded"})
        assert connection.getresponse().status in (400, 413)


def test_a_client_that_is_gone_is_no_harm(served: Served) -> None:
    leave(served, 1)  # the first question of all opens what all others use
    before = opened(served.worker)
    leave(served, 20)
    wait_until(lambda: opened(served.worker) <= before + 2)  # the last of them may not be closed yet


def test_memory_is_back_where_it_was(served: Served) -> None:
    send_everything(served.port)
    before = resident(served.worker)
    for _ in range(2):
        send_everything(served.port)
    after = resident(served.worker)
    assert after - before < _MARGIN, (before, after)
