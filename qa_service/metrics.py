"""What is counted for Prometheus: the meters of this process, and the counts of all workers as one.

Nothing is counted before ``start``, so that a command pays for none of it. Where ``PROMETHEUS_MULTIPROC_DIR`` names a
folder, each process keeps its counts in files there, and whichever is asked adds all of them up. prometheus_client
reads the variable when it is first imported, which is therefore done in ``start`` and nowhere else.
"""

from __future__ import annotations

import os
import platform
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

# The folder of the workers' counts, by prometheus_client's name for it.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# Seconds. Answers made of quotes take a few hundredths, those of a language model up to a minute and more.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
# What anybody may send as a method is none of the rest.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What prometheus_client understands in an Accept header; anything else makes it fail, or comes back as it was.
_FORMAT = re.compile(r"version=(?:0\.0\.[14]|1\.0\.0)|escaping=(?:allow-utf-8|underscores|dots|values)")


@dataclass(frozen=True)
class Question:
    """What is counted of a question; each text is one of few."""

    outcome: str
    channel: str
    language: str
    direction: str = "none"
    composer: str = "none"
    warnings: tuple[str, ...] = ()
    # Milliseconds by stage.
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class IndexFigures:
    """What the index holds, as the answering worker sees it."""

    generation: str
    model: str
    created: str
    age_s: float
    size_bytes: int
    documents: Mapping[str, int]
    passages: Mapping[str, int]


class _Meters:
    """The meters of one process."""

    def __init__(self, version: str) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.version = version
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, registry=registry, buckets=_SECONDS)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum")

        self.questions = counter(
            "qa_questions_total", "Questions.", "language", "direction", "outcome", "channel", "composer"
        )
        self.warnings = counter("qa_answer_warnings_total", "Warnings that answers carry.", "warning")
        self.stages = seconds("qa_answer_stage_seconds", "Time that a stage of an answer took.", "stage")
        self.searches = counter("qa_searches_total", "Searches.", "outcome")
        self.ratings = counter("qa_ratings_total", "Ratings of answers.", "rating")
        self.requests = counter("qa_http_requests_total", "HTTP requests.", "method", "route", "status")
        self.durations = seconds(
            "qa_http_request_duration_seconds", "Time from a request to the end of its response.", "method", "route"
        )
        self.in_progress = gauge("qa_http_requests_in_progress", "HTTP requests that are being answered.")
        self.llm_calls = counter("qa_llm_calls_total", "Requests to the language model.", "model", "outcome")
        self.llm_failures = counter("qa_llm_failures_total", "Why the language model gave no answer.", "model", "kind")
        self.llm_tokens = counter("qa_llm_tokens_total", "Tokens of the language model.", "model", "direction")
        self.llm_seconds = seconds("qa_llm_call_duration_seconds", "Time that the language model took.", "model")
        self.llm_left_alone = gauge(
            "qa_llm_left_alone_workers", "Workers that leave the language model alone after failures.", "model"
        )
        self.workers = gauge("qa_workers", "Workers that live.")
        self.workers.set(1)


_meters: _Meters | None = None
_lock = threading.Lock()


def start(version: str) -> None:
    """Count from now on, as this version of the service. Call it in the process that serves, after any fork."""
    global _meters  # noqa: PLW0603 (the process has one set of meters, as it has one log)
    with _lock:
        if _meters is None:
            _meters = _Meters(version)


def forget_worker(pid: int) -> None:
    """Take a worker that died out of what only the living count; what it has counted stays counted."""
    from prometheus_client.multiprocess import mark_process_dead

    with suppress(OSError):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def question_asked(asked: Question) -> None:
    """Count a question and what became of it."""
    if _meters is None:
        return
    _meters.questions.labels(asked.language, asked.direction, asked.outcome, asked.channel, asked.composer).inc()
    for warning in asked.warnings:
        _meters.warnings.labels(warning).inc()
    for stage, milliseconds in asked.timings.items():
        _meters.stages.labels(stage).observe(milliseconds / 1000)


def searched(outcome: str) -> None:
    """Count a search."""
    if _meters is not None:
        _meters.searches.labels(outcome).inc()


def rated(rating: int) -> None:
    """Count a rating that was kept, 1 or -1."""
    if _meters is not None:
        _meters.ratings.labels("up" if rating > 0 else "down").inc()


def request_began() -> None:
    """Count a request as being answered."""
    if _meters is not None:
        _meters.in_progress.inc()


def request_ended(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that is answered; the route is its template, never its path."""
    if _meters is None:
        return
    known = method if method in _METHODS else "other"
    _meters.in_progress.dec()
    _meters.requests.labels(known, route, str(status)).inc()
    _meters.durations.labels(known, route).observe(seconds)


def llm_called(model: str, outcome: str, seconds: float, input_tokens: int, output_tokens: int) -> None:
    """Count a request to the language model, with the tokens that went in and came out."""
    if _meters is None:
        return
    _meters.llm_calls.labels(model, outcome).inc()
    _meters.llm_seconds.labels(model).observe(seconds)
    _meters.llm_tokens.labels(model, "input").inc(input_tokens)
    _meters.llm_tokens.labels(model, "output").inc(output_tokens)


def llm_failed(model: str, kind: str) -> None:
    """Count why the language model gave no answer."""
    if _meters is not None:
        _meters.llm_failures.labels(model, kind).inc()


def llm_left_alone(model: str, *, alone: bool) -> None:
    """Note whether this worker leaves the language model alone."""
    if _meters is not None:
        _meters.llm_left_alone.labels(model).set(int(alone))


def exposition(accept: str, index: Callable[[], IndexFigures | None]) -> tuple[bytes, str]:
    """All that is counted, in the form that the ``Accept`` header asks for, and that form's media type.

    The figures of the index are those of this moment and of this process; None where there is no index.
    """
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(_understood(accept))
    families = [*_counted(), *_index_families(index())]
    return encode(_Snapshot(families)), content_type


def _understood(accept: str) -> str:
    """An ``Accept`` header with nothing but the formats and parameters that are known."""
    ranges = ([part.strip() for part in each.split(";")] for each in accept.lower().split(","))
    return ",".join(";".join([kind, *filter(_FORMAT.fullmatch, parameters)]) for kind, *parameters in ranges)


class _Snapshot:
    """Families as the encoders want them: something to collect."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counted() -> list[Metric]:
    """What the meters hold: those of all processes where they share a folder, else of this one."""
    if _meters is None:
        return []
    built = _build_family(_meters.version)
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return [*_meters.registry.collect(), built]
    from prometheus_client.multiprocess import MultiProcessCollector

    # A file without a byte is one that a worker is just making, or was killed while it made it.
    files = [str(file) for file in Path(folder).glob("*.db") if _size(file)]
    merged = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
    return [*sorted(merged, key=lambda family: family.name), built]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # of a worker that is no more
        return 0


def _index_families(figures: IndexFigures | None) -> Iterable[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    up = "Whether questions can be answered from an index."
    yield GaugeMetricFamily("qa_index_up", up, value=int(figures is not None))
    if figures is None:
        return
    info = GaugeMetricFamily(
        "qa_index_info", "Generation of the index and its embedding model.", labels=["generation", "model"]
    )
    info.add_metric([figures.generation, figures.model], 1)
    yield info
    yield GaugeMetricFamily("qa_index_age_seconds", "Time since the index was made.", value=figures.age_s)
    made = datetime.fromisoformat(figures.created).timestamp()
    yield GaugeMetricFamily("qa_index_created_timestamp_seconds", "When the index was made.", value=made)
    yield GaugeMetricFamily("qa_index_size_bytes", "Size of the index on disk.", value=figures.size_bytes)
    for name, text, counts in (
        ("qa_index_documents", "Documents in the index.", figures.documents),
        ("qa_index_passages", "Passages in the index.", figures.passages),
    ):
        family = GaugeMetricFamily(name, text, labels=["language"])
        for language, count in counts.items():
            family.add_metric([language], count)
        yield family


def _build_family(version: str) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily("qa_build_info", "Version of the service and of Python.", labels=["version", "python"])
    family.add_metric([version, platform.python_version()], 1)
    return family
