"""A service that answers while the runs that index beside it are killed, at any moment, with kill -9."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from qa_service.articles import find_documents, read_article
from qa_service.generations import IndexFolder
from tests.waiting import wait_until

KILLS = 30
WHOLE_RUN_AFTER = 5  # so many killed runs, one is let alone

# Two versions of the same fact, in two documents each: an answer must never hold something of both.
FACTS = {
    "A": {
        "en/mill.md": "The water mill opened to visitors on 12 May 2024. It grinds flour every Saturday.\n",
        "fr/moulin.md": "Le moulin à eau a ouvert aux visiteurs le 12 mai 2024. Il moud de la farine chaque samedi.\n",
    },
    "B": {
        "en/mill.md": "After long repairs, the water mill opened to visitors on 3 June 2027. It grinds no flour.\n",
        "fr/moulin.md": "Après un an de travaux, le moulin à eau a ouvert aux visiteurs le 3 juin 2027. Sans farine.\n",
    },
}
QUESTIONS = ["When did the water mill open to visitors?", "Quand le moulin à eau a-t-il ouvert aux visiteurs ?"]


@dataclass
class Town:
    """The documents, their index, and what each version of them says."""

    documents: Path
    index: Path
    texts: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def folder(self) -> IndexFolder:
        return IndexFolder(self.index)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"QA_DOCUMENTS": str(self.documents), "QA_INDEX": str(self.index)}

    def write(self, version: str) -> None:
        for name, text in FACTS[version].items():
            (self.documents / name).write_text(text, encoding="utf-8")
        files, _ = find_documents([self.documents])
        self.texts[version] = {file.id: read_article(file, max_bytes=10_000).text for file in files}

    def start_run(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "qa_service", "index", "--json"]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self) -> dict:
        """A run that is let alone."""
        process = self.start_run()
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return json.loads(out)

    def run_killed_after(self, seconds: float) -> bool:
        """A run that is killed at that moment; whether it still lived then."""
        with self.start_run() as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            # What it started ends by itself, as it would on any machine; nobody waits for it here.
            process.stdout.close()
            err = process.stderr.read() if process.wait() == 0 else ""
        assert (process.returncode, err) in ((0, ""), (-signal.SIGKILL, ""))
        return process.returncode != 0

    def require_whole_index(self) -> None:
        candidates = self.folder.candidates()
        assert candidates[0].name == self.folder.current_name()
        for generation in candidates:
            generation.check()

    def version_of(self, spans: list[dict]) -> str | None:
        """The one version in whose texts all of these spans stand."""
        for version, texts in self.texts.items():
            if all(texts[span["document_id"]][span["start"] : span["end"]] == span["quote"] for span in spans):
                return version
        return None


class Service:
    """A running ``qa-service serve``, as a client sees it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def call(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def generation(self) -> str | None:
        try:
            status, found = self.call("GET", "/readyz")
        except OSError:
            return None
        return found["generation"] if status == 200 else None


@contextmanager
def serving(town: Town):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "qa_service", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=town.environment, stdout=subprocess.DEVNULL) as process:
        try:
            service = Service(port)
            wait_until(lambda: service.generation() or process.poll() is not None, 60)
            yield service
        finally:
            process.terminate()
            process.wait(60)


class Reader(threading.Thread):
    """Asks and searches without a pause, and notes which version each answer was from and what was wrong."""

    def __init__(self, town: Town, service: Service, question: str) -> None:
        super().__init__()
        self.town, self.service, self.question = town, service, question
        self.done = threading.Event()
        self.answered: set[str] = set()
        self.quoted: set[str] = set()
        self.wrong: list[object] = []

    def run(self) -> None:
        while not self.done.is_set():
            try:
                self.search()
                self.ask()
            except Exception as error:  # noqa: BLE001 (whatever it is, it is what this test looks for)
                self.wrong.append(error)
            time.sleep(0.1)

    def search(self) -> None:
        status, found = self.service.call("POST", "/api/search", {"query": self.question})
        spans = [passage | {"quote": passage["text"]} for passage in found.get("passages", [])]
        version = self.town.version_of(spans)
        if status == 200 and spans and version:
            self.answered.add(version)
        else:
            self.wrong.append((status, found))

    def ask(self) -> None:
        status, answer = self.service.call("POST", "/api/ask", {"question": self.question})
        spans = [*answer.get("citations", []), *(c["parallel"] for c in answer.get("citations", []) if c["parallel"])]
        version = self.town.version_of(spans)
        if status != 200 or version is None:
            self.wrong.append((status, answer))
        elif spans:
            self.quoted.add(version)


@contextmanager
def reading(town: Town, service: Service):
    readers = [Reader(town, service, question) for question in QUESTIONS]
    for reader in readers:
        reader.start()
    try:
        yield readers
    finally:
        for reader in readers:
            reader.done.set()
        for reader in readers:
            reader.join()


@pytest.fixture
def town(documents, tmp_path):
    """The corpus with both versions of the mill indexed one after the other; B is current."""
    made = Town(documents, tmp_path / "index")
    for version in ("A", "B"):
        made.write(version)
        made.run()
    return made


def timed_run(town):
    """A whole run's report, and its seconds."""
    started = time.monotonic()
    report = town.run()
    return report, time.monotonic() - started


def test_killed_runs_do_not_touch_what_is_answered(town):
    moments = random.Random(20261121)
    killed = 0
    with serving(town) as service, reading(town, service) as readers:
        town.write("A")
        _, duration = timed_run(town)
        for number in range(1, KILLS + 1):
            town.write("AB"[number % 2])
            killed += town.run_killed_after(moments.uniform(0, duration))
            town.require_whole_index()
            if number % WHOLE_RUN_AFTER == 0:
                report, lasted = timed_run(town)
                duration = min(duration, lasted)  # on a busy machine the first one may be far too long
                town.require_whole_index()
                wait_until(lambda made=report["generation"]: service.generation() == made, 5)
        for reader in readers:
            wait_until(lambda reader=reader: "A" in reader.answered or reader.wrong, 10)
    assert [reader.wrong for reader in readers] == [[], []]
    assert all(reader.answered == reader.quoted == {"A", "B"} for reader in readers)
    assert killed >= KILLS // 2
    left = sorted(path.name for path in (town.index / "generations").iterdir())
    assert left == sorted(generation.name for generation in town.folder.candidates())


def test_a_service_started_on_a_truncated_generation_answers_from_the_last_good_one(town):
    current, before = town.folder.candidates()
    path = current.path / "vectors/chroma.sqlite3"
    os.truncate(path, path.stat().st_size // 2)
    with serving(town) as service:
        assert service.generation() == before.name
        with reading(town, service) as readers:
            wait_until(lambda: all(reader.quoted or reader.wrong for reader in readers), 20)
        assert [(reader.quoted, reader.wrong) for reader in readers] == [({"A"}, [])] * 2

        healed = town.run()["generation"]
        assert healed not in (current.name, before.name)
        wait_until(lambda: service.generation() == healed, 5)
        town.require_whole_index()
    assert os.listdir(town.index / "readers") == ["lock"]  # a service that is told to end takes its copy with it
