"""What is counted: names, labels of few values, formats, commands that pay for nothing, and a true dashboard."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families

from qa_service import metrics
from qa_service.language_model import Breaker, LanguageModel, Unavailable
from qa_service.metrics import IndexFigures, Question
from tests.llm_server import KEY, fails, says

ROOT = Path(__file__).parents[1]
FIGURES = IndexFigures(
    "000001-abc", "static", "2026-01-02T03:04:05+00:00", 60.5, 1_000, {"en": 2, "fr": 1}, {"en": 6, "fr": 3}
)


@pytest.fixture(autouse=True)
def started():
    metrics.start("9.8.7")


def scraped(index=FIGURES) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text, _ = metrics.exposition("", lambda: index)
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    return scraped().get((name, tuple(sorted(labels.items()))), 0.0)


def names() -> set[str]:
    """Every name that a query may hold."""
    metrics.question_asked(Question("answered", "api", "en", warnings=("w",), timings={"total": 1.0}))
    metrics.searched("found")
    metrics.rated(1)
    metrics.request_began()
    metrics.request_ended("GET", "/", 200, 0.1)
    metrics.llm_called("m", "answered", 0.1, 1, 1)
    metrics.llm_failed("m", "status 500")
    metrics.llm_left_alone("m", alone=False)
    return {name for name, _ in scraped() if not name.endswith("_created")}


def test_a_question_is_counted_with_its_warnings_and_stages():
    labels = {"language": "fr", "direction": "fr_en", "outcome": "answered", "channel": "api", "composer": "extractive"}
    before = value("qa_questions_total", **labels)
    warned = value("qa_answer_warnings_total", warning="sources_disagree")
    bucket = value("qa_answer_stage_seconds_bucket", stage="retrieve", le="0.025")
    lower = value("qa_answer_stage_seconds_bucket", stage="retrieve", le="0.01")
    metrics.question_asked(
        Question("answered", "api", "fr", "fr_en", "extractive", ("sources_disagree",), {"retrieve": 12.0})
    )
    assert value("qa_questions_total", **labels) == before + 1
    assert value("qa_answer_warnings_total", warning="sources_disagree") == warned + 1
    # Milliseconds in, seconds out.
    assert value("qa_answer_stage_seconds_bucket", stage="retrieve", le="0.025") == bucket + 1
    assert value("qa_answer_stage_seconds_bucket", stage="retrieve", le="0.01") == lower


def test_any_method_that_nobody_knows_is_one():
    before = len(scraped())
    for number in range(50):
        metrics.request_began()
        metrics.request_ended(f"HACK{number}", "unmatched", 405, 0.001)
    assert value("qa_http_requests_total", method="other", route="unmatched", status="405") >= 50
    assert len(scraped()) < before + 25


def test_requests_in_progress_come_and_go():
    before = value("qa_http_requests_in_progress")
    metrics.request_began()
    assert value("qa_http_requests_in_progress") == before + 1
    metrics.request_ended("GET", "/", 200, 0.1)
    assert value("qa_http_requests_in_progress") == before


def test_the_language_models_calls_and_tokens_are_counted():
    before = value("qa_llm_tokens_total", model="openai:m", direction="input")
    metrics.llm_called("openai:m", "failed", 1.5, 200, 10)
    metrics.llm_failed("openai:m", "status 503")
    metrics.llm_left_alone("openai:m", alone=True)
    assert value("qa_llm_tokens_total", model="openai:m", direction="input") == before + 200
    assert value("qa_llm_failures_total", model="openai:m", kind="status 503") >= 1
    assert value("qa_llm_left_alone_workers", model="openai:m") == 1
    metrics.llm_left_alone("openai:m", alone=False)
    assert value("qa_llm_left_alone_workers", model="openai:m") == 0


def test_what_a_model_is_asked_is_counted_whatever_becomes_of_it(llm_server):
    model = LanguageModel.load(llm_server.settings(llm_api_key=KEY, llm_timeout=5))
    name = llm_server.settings().llm

    def asked(*script, pieces: int | None = None) -> dict[str, float]:
        llm_server.script(*script)
        before = scraped()
        text = model.stream([HumanMessage("When did it open?")], model.allowance(), retried=False)
        with suppress(Unavailable):
            for _ in zip(text, range(pieces or 100), strict=False):
                pass
        text.close()
        after = scraped()
        grown = {at: number - before.get(at, 0.0) for at, number in after.items() if ("model", name) in at[1]}
        return {
            dict(labels).get("outcome") or dict(labels).get("kind") or dict(labels).get("direction", at): by
            for (at, labels), by in grown.items()
            if by and at.endswith("_total")
        }

    try:
        answered = asked(says("It opened in May."))
        assert answered.pop("input") > 0
        assert answered.pop("output") > 0
        assert answered == {"answered": 1}
        assert asked(fails(503)) == {"failed": 1, "status 503": 1}
        stopped = asked(says("One. Two. Three. Four. Five."), pieces=1)
        assert stopped["stopped"] == 1
        assert "failed" not in stopped
    finally:
        model.close()


def test_a_model_that_is_left_alone_is_noted_until_it_answers():
    now = [0.0]
    breaker = Breaker("openai:flaky", failures=2, pause=10, clock=lambda: now[0])
    for _ in range(2):
        breaker.enter().settle(False)
    assert value("qa_llm_left_alone_workers", model="openai:flaky") == 1
    now[0] = 11
    breaker.enter().settle(True)
    assert value("qa_llm_left_alone_workers", model="openai:flaky") == 0


def test_the_index_is_as_it_is_now_and_vanishes_with_it():
    assert value("qa_index_up") == 1
    assert value("qa_index_documents", language="fr") == 1
    assert value("qa_index_age_seconds") == 60.5
    assert value("qa_index_created_timestamp_seconds") == 1767323045
    (built,) = [dict(labels) for name, labels in scraped() if name == "qa_build_info"]
    assert built["python"] == sys.version.split()[0]
    assert built["version"]
    gone = {name: number for (name, _), number in scraped(None).items() if name.startswith("qa_index")}
    assert gone == {"qa_index_up": 0}


def test_the_format_is_the_one_that_is_asked_for():
    plain, kind = metrics.exposition("text/plain", lambda: FIGURES)
    assert kind.startswith("text/plain; version=0.0.4")
    assert b"# EOF" not in plain
    opened, kind = metrics.exposition("application/openmetrics-text; version=1.0.0", lambda: FIGURES)
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in parse_open_metrics(opened.decode())}
    assert families["qa_questions"].type == "counter"
    assert families["qa_index_documents"].type == "gauge"


def test_names_follow_prometheus_conventions():
    text, _ = metrics.exposition("", lambda: FIGURES)
    for line in text.decode().splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            if name.endswith("_created"):
                continue
            assert name.startswith("qa_"), name
            assert (kind == "counter") == name.endswith("_total"), name
            assert kind != "histogram" or name.endswith("_seconds"), name


def run(code: str, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_a_command_counts_nothing_and_imports_nothing_for_it(tmp_path):
    code = (
        "import sys, qa_service.cli, qa_service.pipeline\n"
        "from qa_service import metrics\n"
        "metrics.question_asked(metrics.Question('answered', 'api', 'en')); metrics.llm_failed('m', 'k')\n"
        "print([name for name in sys.modules if name.startswith('prometheus')])"
    )
    assert run(code, PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) == "[]"
    assert list(tmp_path.iterdir()) == []


def test_the_master_leaves_the_first_import_to_the_workers():
    code = (
        "import sys, qa_service.server, qa_service.app, qa_service.database, qa_service.embedding_model\n"
        "import qa_service.language_model, qa_service.tracing, chromadb, langchain_chroma\n"
        "print([name for name in sys.modules if name.startswith('prometheus')])"
    )
    assert run(code) == "[]"


def test_a_dead_process_stays_counted_and_lives_no_more(tmp_path):
    code = (
        "import os\n"
        "from qa_service import metrics\n"
        "metrics.start('1')\n"
        "metrics.searched('found'); metrics.request_began()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    metrics._meters = None; metrics.start('1'); metrics.searched('found'); metrics.request_began()\n"
        "    os.kill(os.getpid(), 9)\n"
        "os.waitpid(child, 0)\n"
        "shown = lambda: [line for line in metrics.exposition('', lambda: None)[0].decode().splitlines()"
        " if line.startswith(('qa_searches_total', 'qa_workers', 'qa_http_requests_in'))]\n"
        "print(shown()); metrics.forget_worker(child); print(shown())"
    )
    before, after = run(code, PROMETHEUS_MULTIPROC_DIR=str(tmp_path)).splitlines()
    assert (
        before == "['qa_http_requests_in_progress 2.0', 'qa_searches_total{outcome=\"found\"} 2.0', 'qa_workers 2.0']"
    )
    assert after == "['qa_http_requests_in_progress 1.0', 'qa_searches_total{outcome=\"found\"} 2.0', 'qa_workers 1.0']"


def test_a_file_that_is_just_being_made_holds_nobody_up(tmp_path):
    code = (
        "import pathlib, os\n"
        "from qa_service import metrics\n"
        "metrics.start('1'); metrics.searched('found')\n"
        "for name in ('counter_1.db', 'gauge_livesum_1.db', 'histogram_1.db'):\n"
        "    pathlib.Path(os.environ['PROMETHEUS_MULTIPROC_DIR'], name).touch()\n"
        "print('qa_searches_total{outcome=\"found\"} 1.0' in metrics.exposition('', lambda: None)[0].decode())"
    )
    assert run(code, PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) == "True"


# The dashboard and the README


def panels() -> list[dict]:
    board = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_the_dashboard_asks_only_for_what_there_is_and_for_all_of_it():
    asked = {name for query in queries() for name in re.findall(r"\bqa_\w+", query)}
    known = names()
    assert asked <= known, asked - known
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known}
    assert {re.sub(r"_bucket$", "", name) for name in asked} == bare


def test_the_dashboards_labels_are_the_metrics():
    known: dict[str, set[str]] = {}
    names()
    for name, labels in scraped():
        known.setdefault(name, set()).update(label for label, _ in labels)
    for query in queries():
        for name, selector in re.findall(r"\b(qa_\w+)\{([^}]*)\}", query):
            labels = set(re.findall(r"(\w+)\s*=", selector)) - {"job"}
            assert labels <= known[name], query
        grouped = {label.strip() for found in re.findall(r"by \(([^)]*)\)", query) for label in found.split(",")}
        (first, *_) = re.findall(r"\bqa_\w+", query)
        assert grouped <= known[first], query


def test_the_dashboards_queries_are_whole():
    pairs = {")": "(", "]": "[", "}": "{"}
    for query in queries():
        opened: list[str] = []
        for sign in re.sub(r'"[^"]*"', "", query):
            if sign in "([{":
                opened.append(sign)
            elif sign in pairs:
                assert opened, query
                assert opened.pop() == pairs[sign], query
        assert not opened, query
        assert not re.search(r"_total\{[^}]*\}(?!\[)", query), f"a counter without a rate: {query}"
        assert ("_bucket" in query) == ("histogram_quantile" in query), query


def test_the_dashboard_can_be_imported():
    board = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "job"}
    places = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] <= 24 - place["w"]
        taken = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & places, panel["title"]
        places |= taken
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["title"]
        assert panel["description"]


def test_the_readme_lists_every_metric():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`qa_\w+`(?:, `qa_\w+`)*) \|", readme, flags=re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert listed == {re.sub(r"_(bucket|sum|count)$", "", name) for name in names()}
