"""What the service over HTTP adds to an answer, and to a run of the index."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.yardsticks import DOCUMENTS, QUESTIONS, Measure, one_by_one, percentile
from qa_service.indexing import index_documents
from qa_service.pipeline import Pipeline
from qa_service.settings import Settings, load_settings

_ADMIN_KEY = "benchmark"  # of a service of this machine's own
_LONGEST_START_S = 60.0
_PUBLISHED = 5  # documents, one after the other


def endpoint_latency(rounds: int) -> Iterator[Measure]:
    """The development questions over HTTP, in both forms, and straight to the pipeline, in turns."""
    questions = [json.loads(line)["question"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    with copied_documents() as settings, closing(Pipeline(settings)) as pipeline, served(settings) as port:
        pipeline.open()
        taken: dict[str, list[float]] = {"/api/ask": [], "/v1/chat/completions": [], "": []}
        ways: dict[str, Callable[[str], object]] = {
            "/api/ask": lambda question: _post(port, "/api/ask", {"question": question}),
            "/v1/chat/completions": lambda question: _post(port, "/v1/chat/completions", _chat(question)),
            "": pipeline.answer,
        }
        for way in ways.values():
            one_by_one(questions, way)  # what is read on first use is no part of an answer
        for _ in range(rounds):
            for name, way in ways.items():
                taken[name] += one_by_one(questions, way)
    beside = percentile(taken.pop(""), 50) * 1000
    for name, seconds in taken.items():
        yield Measure(f"answer over HTTP, {name}, p50", "ms", percentile(seconds, 50) * 1000, beside, "pipeline alone")


def publishing(rounds: int) -> Iterator[Measure]:
    """From ``PUT`` until the document is there to be read, and a run of ``qa-service index`` over the same change."""
    published, indexed = [], []
    with copied_documents() as settings, served(settings) as port:
        for number in range(max(rounds, _PUBLISHED)):
            published.append(_seconds_until_there(port, f"en/published-{number}"))
            settings.documents.joinpath("en", f"written-{number}.md").write_text(_article(f"w{number}"))
            started = time.perf_counter()
            subprocess.run(_command("index"), env=_environment(settings), stdout=subprocess.DEVNULL, check=True)
            indexed.append(time.perf_counter() - started)
    ours, yardstick = statistics.median(published), statistics.median(indexed)
    yield Measure("PUT until it can be read", "s", ours, yardstick, "qa-service index after a like change")


@contextmanager
def copied_documents() -> Iterator[Settings]:
    """The sample documents and their index, in a folder that may be written."""
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder, "documents")
        shutil.copytree(DOCUMENTS, documents)
        settings = load_settings(documents=documents, index=Path(folder, "index"))
        index_documents([documents], settings)
        yield settings


@contextmanager
def served(settings: Settings, **variables: str) -> Iterator[int]:
    """The service in a process of its own, with further environment variables; its port."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    chosen = {"QA_PORT": str(port), "QA_ADMIN_KEYS": _ADMIN_KEY, "QA_LOG_LEVEL": "error"}
    environment = _environment(settings) | chosen | variables
    server = subprocess.Popen(_command("serve"), env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_until(lambda: _status(port, "/readyz") == http.client.OK)
        yield port
    finally:
        server.terminate()
        server.wait(60)


def _seconds_until_there(port: int, document_id: str) -> float:
    started = time.perf_counter()
    path = f"/api/documents/{document_id}"
    _send(port, "PUT", path, _article(document_id).encode(), {"Content-Type": "text/markdown"})
    _wait_until(lambda: _status(port, path) == http.client.OK)
    return time.perf_counter() - started


def _article(name: str) -> str:
    return f"# The {name} notice\n\nThe notice {name} was pinned up in the town hall on 12 May 2024.\n"


def _chat(question: str) -> dict[str, Any]:
    return {"model": "qa-service", "messages": [{"role": "user", "content": question}]}


def _post(port: int, path: str, body: dict[str, Any]) -> None:
    _send(port, "POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _send(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, headers | {"Authorization": f"Bearer {_ADMIN_KEY}"})
        response = connection.getresponse()
        response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {response.status}")


def _status(port: int, path: str) -> int | None:
    """What a path answers; None while nobody listens."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None


def _wait_until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_START_S
    while not there():
        if time.monotonic() > deadline:
            raise TimeoutError("The service did not get there in time.")
        time.sleep(0.02)


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "qa_service", name]


def _environment(settings: Settings) -> dict[str, str]:
    return os.environ | {"QA_DOCUMENTS": str(settings.documents), "QA_INDEX": str(settings.index)}
