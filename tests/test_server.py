"""The real server in a process of its own: signals, malformed requests, stalled clients."""

from __future__ import annotations

import http.client
import json
import logging
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ConfigurationProblem, InvalidResponseHeader
from prometheus_client.mmap_dict import MmapedDict

from qa_service.indexing import index_documents
from qa_service.metrics import FOLDER_VARIABLE
from qa_service.server import GunicornLog, Server, Worker, counted_together
from qa_service.settings import load_settings
from tests.conftest import DOCUMENTS
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def served(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    index = Path(shutil.copytree(sample_index, tmp_path_factory.mktemp("served") / "index"))
    with serving(index) as (server, port):
        yield port
        assert get(port, "/healthz") == 200
        server.terminate()
        assert "Traceback" not in server.communicate(timeout=30)[1]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, timeout: float = 5) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    with closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


def wait_for(port: int, path: str, status: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if get(port, path) == status:
                return
        except OSError:
            pass
        time.sleep(0.2)
    pytest.fail(f"{path} did not answer {status} within {seconds} s")


@contextmanager
def serving(index: Path, *, awaited: str = "/readyz", **settings: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server and its port, once it answers 200 at the awaited path."""
    port = free_port()
    environment = os.environ | {"QA_INDEX": str(index), "QA_DOCUMENTS": str(DOCUMENTS), "QA_PORT": str(port)} | settings
    command = [sys.executable, "-m", "qa_service", "serve"]
    # A process group of its own, as a terminal gives it: a signal to the group reaches master and workers.
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        wait_for(port, awaited, 200, 60)
        yield server, port
    finally:
        if server.poll() is None:
            server.terminate()
        server.wait(30)
        for stream in (server.stdout, server.stderr):
            if stream:
                stream.close()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(index: Path, sent: signal.Signals, workers: str) -> None:
    with serving(index, QA_WORKERS=workers) as (server, _port):
        os.killpg(server.pid, sent)
        output, errors = server.communicate(timeout=30)
        assert server.returncode == 0
        assert output.startswith("Serving on http://127.0.0.1:")
        assert "Traceback" not in errors
        assert "SIGKILL" not in errors
    assert [path.name for path in (index / "readers").iterdir()] == ["lock"]


def ask(port: int, question: str) -> dict[str, Any]:
    """The answer in one conversation; each question comes over a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/api/ask", json.dumps({"question": question, "conversation_id": "c"}))
        response = connection.getresponse()
        assert response.status == 200
        answer: dict[str, Any] = json.load(response)
        return answer


def cites(answer: dict[str, Any], words: str) -> bool:
    return any(words in citation["quote"] for citation in answer["citations"])


def test_a_conversation_goes_on_in_other_workers_and_after_a_restart(index: Path) -> None:
    with serving(index, QA_WORKERS="2") as (server, port):
        ask(port, "When was the visa agreement signed?")
        assert all(cites(ask(port, "Where?"), "New York") for _ in range(8))
        server.terminate()
        assert "answered without memory" not in server.communicate(timeout=30)[1]
    with serving(index) as (_server, port):
        assert cites(ask(port, "And where?"), "New York")


def test_a_database_that_breaks_under_it_costs_no_answer(index: Path) -> None:
    with serving(index) as (server, port):
        ask(port, "When was the visa agreement signed?")
        with closing(sqlite3.connect(index / "conversations.sqlite3")) as database:
            database.execute("DROP TABLE qa_turns")
        assert all(cites(ask(port, "When was the visa agreement signed?"), "September 26") for _ in range(3))
        server.terminate()
        errors = server.communicate(timeout=30)[1]
        assert errors.count("answered without memory") == 1
        assert "visa" not in errors


def fetched(port: int, path: str, **headers: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read().decode()


def counted(port: int) -> dict[str, float]:
    """What any of the workers says."""
    status, text = fetched(port, "/metrics")
    assert status == 200
    lines = [line for line in text.splitlines() if line.startswith("qa_")]
    found = dict(line.rsplit(" ", 1) for line in lines)
    return {name: float(value) for name, value in found.items()}


def questions_counted(port: int) -> float:
    return sum(value for name, value in counted(port).items() if name.startswith("qa_questions_total"))


def counted_at_rest(port: int) -> dict[str, float]:
    """What any of the workers says, once no other request is in progress.

    A response is read to its end before its worker has counted and logged it.
    """

    def at_rest() -> dict[str, float]:
        found = counted(port)
        return found if found["qa_http_requests_in_progress"] <= 1 else {}

    return wait_until(at_rest)


def workers_of(folder: Path) -> dict[int, float]:
    """How many questions each worker that ever counted has counted, by its process."""
    made = {}
    for file in folder.glob("counter_*.db"):
        values = MmapedDict.read_all_values_from_file(str(file))
        made[int(file.stem.split("_")[1])] = sum(value for key, value, *_ in values if "qa_questions_total" in key)
    return made


def living(folder: Path) -> set[int]:
    """The processes whose gauges count."""
    return {int(file.stem.split("_")[2]) for file in folder.glob("gauge_livesum_*.db")}


def test_two_workers_count_as_one_also_when_one_was_killed(index: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serving(index, QA_WORKERS="2", TMPDIR=str(temporary)) as (server, port):
        (folder,) = temporary.glob("qa-service-metrics-*")
        assert folder.stat().st_mode & 0o077 == 0
        asked, until = 0, time.monotonic() + 60
        while asked < 12 or sum(count > 0 for count in workers_of(folder).values()) < 2:
            assert time.monotonic() < until
            ask(port, "When was the visa agreement signed?" if asked % 2 else "Qui a signé l’accord ?")
            asked += 1
        assert sorted(count > 0 for count in workers_of(folder).values()) == [True, True]
        assert [questions_counted(port) for _ in range(6)] == [asked] * 6
        assert counted_at_rest(port)["qa_workers"] == 2

        killed = min(workers_of(folder))
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(live := living(folder)) >= 2 and killed not in live, 60)
        assert [questions_counted(port) for _ in range(6)] == [asked] * 6
        before, until = asked, time.monotonic() + 60
        while asked < before + 8 or len(workers_of(folder)) < 3:
            assert time.monotonic() < until
            ask(port, "Where was it signed?")
            asked += 1
        assert len(workers_of(folder)) == 3
        assert [questions_counted(port) for _ in range(6)] == [asked] * 6
        found = counted_at_rest(port)
        assert found["qa_http_requests_in_progress"] == 1
        assert found["qa_workers"] == 2

        fetched(port, "/none%0A%E2%80%AE?key=secret", X_Request_ID="mine-1", Authorization="Bearer secret")
        raw(port, b"GET /healthz?key=secret HTTP/9.9\r\nHost: x\r\n\r\n")
        server.terminate()
        output, errors = server.communicate(timeout=30)
    assert list(temporary.iterdir()) == []
    assert output.count("\n") == 1
    lines = [json.loads(line) for line in errors.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    (none,) = [line for line in lines if line.get("request_id") == "mine-1"]
    assert (none["status"], none["route"], none["path"]) == (404, "unmatched", "/none\\n\\u202e")
    answers = [line for line in lines if line.get("route") == "/api/ask"]
    assert len(answers) == asked
    assert {line["outcome"] for line in answers} == {"answered"}
    assert {line["language"] for line in answers} == {"en", "fr"}
    assert any(line["logger"] == "gunicorn.error" and "SIGKILL" in line["message"] for line in lines)
    for kept_out in ("secret", "visa", "signé", "/healthz", "/metrics", "127.0.0.1", str(index)):
        assert kept_out not in errors, kept_out


def test_the_folder_for_counts_is_private_and_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    master = os.getpid()
    try:
        with counted_together():
            (folder,) = tmp_path.iterdir()
            assert os.environ[FOLDER_VARIABLE] == str(folder)
            child = os.fork()
            if not child:
                sys.exit(0)  # a worker that ends leaves by the same way
            os.waitpid(child, 0)
            assert folder.is_dir()
    finally:
        if os.getpid() != master:
            os._exit(0)
    assert list(tmp_path.iterdir()) == []
    assert FOLDER_VARIABLE not in os.environ


def test_a_folder_for_counts_that_is_given_is_used_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "given" / "counts"
    monkeypatch.setenv(FOLDER_VARIABLE, str(given))
    with counted_together():
        (given / "counter_1.db").touch()
    assert [path.name for path in given.iterdir()] == ["counter_1.db"]
    assert os.environ[FOLDER_VARIABLE] == str(given)


@pytest.mark.parametrize("given", ["/dev/null/none", ""])
def test_without_a_folder_for_counts_it_serves_all_the_same(
    given: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, given)
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null/none")
    with counted_together():
        assert FOLDER_VARIABLE not in os.environ
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.endswith("each counts by itself.")
    assert "/dev/null" not in said


def test_the_servers_own_log_is_a_part_of_ours_without_its_line_for_each_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = GunicornLog(Config())
    caplog.set_level("INFO")
    log.warning("Worker (pid:%s) was sent %s!", 7, "SIGTERM")
    log.access(None, None, {}, None)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["Worker (pid:7) was sent SIGTERM!"]


def raw(port: int, request: bytes) -> bytes:
    """All that comes back before the server closes the connection."""
    received = b""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
        connection.sendall(request)
        with suppress(ConnectionError):  # it may not have read all that was sent
            while part := connection.recv(65_536):
                received += part
    return received


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nbad header: 1\r\n\r\n", 400),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: x\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k-secret\x00\r\n\r\n", 400),
        (b"POST /api/ask HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: unheard, chunked\r\n\r\n", 501),
        (
            b"POST /api/ask HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
            400,
        ),
    ],
)
def test_requests_that_nobody_can_read_are_problems_too(served: int, request_: bytes, status: int) -> None:
    head, _, body = raw(served, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/problem+json" in head
    assert b"Connection: close" in head
    assert b"Content-Security-Policy: default-src 'none'" in head
    assert json.loads(body)["status"] == status
    assert b"k-secret" not in body


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationProblem("'/none' does not start with '/articles'"), 404),
        (InvalidResponseHeader("'X'"), 500),
        (RuntimeError("/home/somebody/secret"), 500),
    ],
)
def test_what_fails_before_the_application_tells_nothing(
    error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        worker = SimpleNamespace(log=logging.getLogger("gunicorn.error"))
        Worker.handle_error(worker, None, ours, ("192.0.2.1", 1), error)
        said = theirs.recv(65_536)
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in said
    assert b"somebody" not in said
    assert b"articles" not in said
    assert ("Error handling a request" in caplog.text) == (status == 500)


def test_what_a_proxy_would_say_is_not_believed(index: Path) -> None:
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "X-Forwarded-Host": "evil.example"}
    said |= {"SCRIPT_NAME": "/evil", "Content-Type": "application/x-www-form-urlencoded"}
    with serving(index, QA_API_KEYS="k", FORWARDED_ALLOW_IPS="*") as (_server, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with closing(connection):
            connection.request("POST", "/sign-in", "key=k", said)
            response = connection.getresponse()
            assert (response.status, response.headers["Location"]) == (303, "/")
            assert "Secure" not in response.headers["Set-Cookie"]
            assert "Path=/;" in response.headers["Set-Cookie"]


def test_an_answer_has_time_to_end_when_the_service_does(tmp_path: Path) -> None:
    for timeout, grace in ((30, 40), (600, 610), (1, 20)):
        server = Server(load_settings(index=tmp_path, llm_timeout=timeout))
        assert server.cfg.graceful_timeout == grace


def trickle(client: socket.socket, over: threading.Event) -> None:
    """Send a body a byte at a time, for as long as anybody takes it."""
    with suppress(OSError):
        while not over.wait(0.3):
            client.sendall(b"x")


def test_stalled_clients_cannot_hold_it_up(index: Path) -> None:
    stalled = b'POST /api/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"question'
    with serving(index, QA_THREADS="2") as (server, port):
        clients = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(2)]
        over = threading.Event()
        slow = threading.Thread(target=trickle, args=(clients[0], over))
        try:
            for client in clients:
                client.sendall(stalled)
            slow.start()
            # Long before the time for a request is over: somebody is waiting.
            wait_for(port, "/healthz", 200, 12)
            over.set()
            slow.join()
            assert clients[1].recv(65_536).startswith(b"HTTP/1.1 400 ")
        finally:
            over.set()
            for client in clients:
                client.close()
        server.terminate()
        assert "Traceback" not in server.communicate(timeout=30)[1]


def test_an_index_deleted_under_it_is_said_and_a_new_one_picked_up(index: Path) -> None:
    with serving(index) as (server, port):
        shutil.rmtree(index)
        wait_for(port, "/readyz", 503, 30)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with closing(connection):
            connection.request("POST", "/api/ask", json.dumps({"question": "visa?"}))
            assert connection.getresponse().status == 503
        index_documents([DOCUMENTS], load_settings(documents=DOCUMENTS, index=index))
        wait_for(port, "/readyz", 200, 30)
        server.terminate()
        assert "Traceback" not in server.communicate(timeout=30)[1]
