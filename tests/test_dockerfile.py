"""The container without a container engine: what the Dockerfile says, and its start command run as it stands."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    """Name and value of each instruction, continued lines put together."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    return [
        (name, " ".join(value.split()))
        for name, _, value in (line.partition(" ") for line in lines.splitlines() if line)
    ]


def values(name: str) -> list[str]:
    return [value for each, value in instructions() if each == name]


def last_stage() -> list[tuple[str, str]]:
    everything = instructions()
    start = max(position for position, (name, _) in enumerate(everything) if name == "FROM")
    return everything[start:]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for value in values("ENV") for pair in value.split())


def copied() -> list[tuple[list[str], str]]:
    """Sources and target of each COPY out of the tree."""
    words = [value.split() for value in values("COPY") if not value.startswith("--from=")]
    return [(each[:-1], each[-1]) for each in words]


def healthcheck() -> list[str]:
    (check,) = values("HEALTHCHECK")
    return json.loads(check.partition(" CMD ")[2])


def exec_form(value: str) -> list[str]:
    words = json.loads(value)
    assert all(isinstance(word, str) for word in words)
    return words


# What it says


def test_every_stage_starts_from_one_pinned_image():
    images = {value.split(" AS ")[0] for value in values("FROM")}
    assert images == {"python:3.11-slim-bookworm"}


def test_the_image_has_the_oldest_python_that_the_package_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    assert all(value.startswith(f"python:{oldest}-") for value in values("FROM"))


def test_what_is_installed_is_the_pinned_set_without_a_cache():
    installs = [value for value in values("RUN") if "pip install" in value]
    assert len(installs) == 1
    assert "--constraint constraints.txt" in installs[0]
    assert "--no-cache-dir" in installs[0]


def test_the_service_runs_as_a_fixed_user_who_is_not_root():
    names = [name for name, _ in last_stage()]
    users = [value for name, value in last_stage() if name == "USER"]
    assert users == ["10001:10001"]
    assert names.index("USER") < names.index("CMD")
    assert any("useradd --uid 10001" in value for value in values("RUN"))


def test_the_index_is_the_one_volume_and_belongs_to_the_user():
    assert [exec_form(value) for value in values("VOLUME")] == [["/app/index"]]
    stage = last_stage()
    (made,) = [position for position, (_, value) in enumerate(stage) if "chown qa:qa index" in value]
    assert made < [name for name, _ in stage].index("VOLUME"), "what is changed after VOLUME is lost"
    assert environment()["QA_INDEX"] == "/app/index"


def test_documents_and_settings_fit_together():
    assert ("WORKDIR", "/app") in last_stage()
    assert (["documents"], "documents") in copied()
    assert environment()["QA_DOCUMENTS"] == "/app/documents"
    assert environment()["QA_HOST"] == "0.0.0.0"
    assert values("EXPOSE") == [environment()["QA_PORT"]]


def test_signals_reach_the_service():
    assert values("STOPSIGNAL") == ["SIGTERM"]
    (command,) = values("CMD")
    shell, option, line = exec_form(command)
    assert (shell, option) == ("sh", "-c")
    assert line.split(";")[-1].strip().startswith("exec ")
    assert not values("ENTRYPOINT")


def test_the_health_check_asks_the_service():
    assert healthcheck()[0] == "python"
    assert "/healthz" in healthcheck()[2]


def test_what_is_copied_is_there_and_not_ignored():
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for source in [source for sources, _ in copied() for source in sources]:
        assert (ROOT / source).exists(), source
        assert not any(fnmatch(source, pattern) for pattern in patterns if not pattern.startswith("!")), source


def test_all_that_the_package_is_built_from_is_copied_before():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    before = [source for sources, _ in copied() for source in sources]
    needed = [project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"]
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(needed + packages) <= set(before)


def test_no_secret_and_no_local_state_enters_the_image():
    ignored = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    assert {".git", ".venv", ".env", "index/*"} <= ignored


# What it does


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def container(tmp_path):
    """The image's file tree in a folder, as far as COPY fills it, and the environment that ENV makes there."""
    app = tmp_path / "app"
    (app / "index").mkdir(parents=True)
    for sources, target in copied():
        for source in sources:
            if target == source == "documents":
                shutil.copytree(ROOT / source, app / target)
    port = free_port()
    home = str(tmp_path / "no-home")  # the user has none
    given = {name: value for name, value in os.environ.items() if not name.startswith("QA_")}
    given |= {name: value.replace("/app/", f"{app}/") for name, value in environment().items()}
    given |= {"HOME": home, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return app, port, given | {"QA_HOST": "127.0.0.1", "QA_PORT": str(port)}


def healthy(environment: dict[str, str], folder: Path) -> bool:
    run = subprocess.run(healthcheck(), env=environment, cwd=folder, capture_output=True, check=False)
    return run.returncode == 0


def ask(port: int, question: str) -> dict:
    body = json.dumps({"question": question}).encode()
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        f"http://127.0.0.1:{port}/api/ask", body, timeout=30
    ) as response:
        return json.load(response)


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_the_start_command_serves_answers_and_ends_on_the_stop_signal(container, request):
    app, port, given = container
    command = exec_form(values("CMD")[0])
    assert not healthy(given, app), "the health check succeeds with nothing running"
    with (app.parent / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=app, env=given, stdout=log, stderr=subprocess.STDOUT)
        request.addfinalizer(lambda: stop(process))
        deadline = time.monotonic() + 90
        while not healthy(given, app):
            assert process.poll() is None, (app.parent / "log").read_text()
            assert time.monotonic() < deadline, (app.parent / "log").read_text()
            time.sleep(0.2)
        english = ask(port, "When was the visa agreement signed?")
        french = ask(port, "À qui s’applique l’exemption de visa ?")
        process.send_signal(getattr(signal, values("STOPSIGNAL")[0]))
        assert process.wait(timeout=10) == 0
    for answer, language in ((english, "en"), (french, "fr")):
        assert (answer["language"], answer["abstained"]) == (language, False)
        assert answer["citations"]
    said = (app.parent / "log").read_text()
    assert "Traceback" not in said
    assert re.search(r"^\d+ added, 0 updated", said, flags=re.MULTILINE)
    assert sorted(path.name for path in app.iterdir()) == ["documents", "index"]
    assert not Path(given["HOME"]).exists()
