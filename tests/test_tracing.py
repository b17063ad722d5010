"""Traces: asked for by the standard variables alone, and sent to a collector on this machine that reads them."""

from __future__ import annotations

import gzip
import logging
import os
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask

from qa_service import tracing
from qa_service.app import add_channels
from qa_service.errors import MissingExtra, SettingsError
from qa_service.pipeline import Pipeline
from tests.channels.fake_pipeline import FakePipeline, app_for
from tests.llm_server import KEY, says
from tests.local_server import in_a_thread

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    yield
    tracing.stop()


class Collector:
    """The receiving end of OTLP over HTTP; it keeps every span that it gets, and what sent it."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self.spans: list = []
        self.resources: list[dict[str, str]] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.paths.append(self.path)
                for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
                    outer.resources.append({each.key: each.value.string_value for each in sent.resource.attributes})
                    outer.spans += [span for scope in sent.scope_spans for span in scope.spans]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self):
        with in_a_thread(self._server):
            yield self

    def named(self, name: str):
        """The spans of a name, after what is left was sent."""
        tracing.stop()
        return [span for span in self.spans if span.name == name]


def attributes(span) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


@pytest.fixture
def collector(monkeypatch):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with Collector().running() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector
        tracing.stop()  # while there is somebody to send to


@pytest.fixture
def pipeline(built):
    pipeline = Pipeline(built)
    pipeline.open()
    yield pipeline
    pipeline.close()


def _client(pipeline, settings):
    app = Flask("tracing_test", static_folder=None)
    add_channels(app, pipeline, settings)
    return app.test_client()


# What is asked for


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ()),
        ({"OTEL_TRACES_EXPORTER": "none"}, ()),
        ({"OTEL_TRACES_EXPORTER": " "}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console, OTLP,console"}, ("console", "otlp")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "True"}, ()),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_RESOURCE_ATTRIBUTES": "a=b"}, ()),
    ],
)
def test_the_standard_variables_turn_it_on_and_off(monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tracing.wanted() == expected


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER: should be of otlp, console and none, not 'zipkin'"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: should be http/protobuf or grpc, not 'http/json'",
        ),
    ],
)
def test_what_there_is_not_is_said_in_one_line(monkeypatch, variables, named):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        tracing.check()
    assert str(caught.value) == named


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(MissingExtra, match=r"pip install 'qa-service\[otel\]'"):
        tracing.check()


def test_without_it_nothing_happens():
    tracing.start("1")
    with tracing.span("nothing", a=1) as span:
        span.set(b=2)
        span.question("secret")
        assert span.trace_id is None
    tracing.stop()


# What is sent


def test_a_question_is_a_trace_with_its_stages(collector, pipeline, built):
    tracing.start("9.8.7")
    client = _client(pipeline, built)
    reply = client.post(
        "/api/ask?key=secret",
        json={"question": "Quand la passerelle a-t-elle été inaugurée ?"},
        headers={"traceparent": PARENT, "X-Request-ID": "r-1"},
    )
    assert reply.get_json()["citations"]
    (server,), (retrieve,), (compose,) = map(collector.named, ("POST /api/ask", "retrieve", "compose"))
    assert collector.paths == ["/v1/traces"]
    assert server.trace_id.hex() == PARENT.split("-")[1]
    assert server.parent_span_id.hex() == PARENT.split("-")[2]
    assert server.kind == server.SPAN_KIND_SERVER
    told = attributes(server)
    assert told["http.route"] == "/api/ask"
    assert told["http.request.method"] == "POST"
    assert told["http.response.status_code"] == 200
    assert told["url.path"] == "/api/ask"
    assert told["qa.request_id"] == "r-1"
    assert [span.parent_span_id for span in (retrieve, compose)] == [server.span_id] * 2
    assert attributes(retrieve)["qa.passages"] > 0
    assert attributes(compose)["qa.composer"] == "extractive"
    assert attributes(compose)["qa.language"] == "fr"
    assert server.start_time_unix_nano <= retrieve.start_time_unix_nano < retrieve.end_time_unix_nano
    assert retrieve.end_time_unix_nano <= compose.start_time_unix_nano <= server.end_time_unix_nano
    assert collector.resources[0]["service.name"] == "qa-service"
    assert collector.resources[0]["service.version"] == "9.8.7"
    everything = str(collector.spans)
    assert "secret" not in everything
    assert "passerelle" not in everything


def test_the_text_of_a_question_is_sent_where_that_is_asked_for(collector, pipeline, built):
    tracing.start("1", questions=True)
    _client(pipeline, built).post("/api/ask", json={"question": "When did the footbridge open?"}).get_data()
    (retrieve,) = collector.named("retrieve")
    assert attributes(retrieve)["qa.question"] == "When did the footbridge open?"


def test_a_stream_is_one_trace_to_its_end_and_one_that_is_stopped_too(collector, pipeline, built):
    tracing.start("1")
    client = _client(pipeline, built)
    with client.post("/api/ask", json={"question": "When did the footbridge open?", "stream": True}) as response:
        response.get_data()
    stopped = client.post(
        "/api/ask", json={"question": "When did the footbridge open?", "stream": True}, buffered=False
    )
    next(stopped.iter_encoded())
    stopped.close()
    servers, composed = collector.named("POST /api/ask"), collector.named("compose")
    assert len(servers) == len(composed) == 2
    assert [span.parent_span_id for span in composed] == [span.span_id for span in servers]
    assert all(span.status.code == 0 for span in composed)


def test_a_failure_is_marked_and_told_by_its_kind_alone(collector):
    tracing.start("1")
    client = app_for(FakePipeline()).test_client()
    client.post("/api/ask", json={"question": "a bug"}).get_data()
    client.get("/none-of-ours").get_data()
    (failed,) = collector.named("POST /api/ask")
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert attributes(failed)["error.type"] == "500"
    assert "/secret" not in str(failed)
    (unmatched,) = collector.named("GET")
    assert unmatched.status.code == 0


def test_the_calls_of_a_language_model_are_spans(collector, built, llm_server):
    llm_server.script(says("The footbridge opened on 12 May 2024 [1]."))
    settings = llm_server.settings(index=built.index, documents=built.documents, llm_api_key=KEY)
    pipeline = Pipeline(settings)
    pipeline.open()
    try:
        tracing.start("1")
        _client(pipeline, settings).post("/api/ask", json={"question": "When did the footbridge open?"}).get_data()
    finally:
        pipeline.close()
    (compose,) = collector.named("compose")
    calls = collector.named("llm")
    assert calls
    assert {span.parent_span_id for span in calls} == {compose.span_id}
    assert attributes(calls[0])["gen_ai.request.model"] == settings.llm
    assert attributes(calls[0])["gen_ai.usage.input_tokens"] > 0
    assert "footbridge" not in str(collector.spans)


def test_names_and_attributes_from_outside_are_kept(collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "answers")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    tracing.start("1")
    with tracing.span("x"):
        pass
    assert collector.named("x")
    assert collector.resources[0]["service.name"] == "answers"
    assert collector.resources[0]["deployment.environment"] == "test"


def test_sampling_is_opentelemetrys(collector, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracing.start("1")
    with tracing.span("x"):
        pass
    assert collector.named("x") == []


def test_a_span_may_be_left_in_another_context(collector, caplog):
    tracing.start("1")

    def work():
        with tracing.span("dropped"):
            yield

    begun = work()
    next(begun)
    thread = threading.Thread(target=begun.close)
    thread.start()
    thread.join()
    assert collector.named("dropped")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_nobody_elses_telemetry_is_turned_on(collector, pipeline, built):
    from chromadb.telemetry import opentelemetry as chroma
    from opentelemetry import trace

    before = trace.get_tracer_provider()
    tracing.start("1")
    _client(pipeline, built).get("/healthz").get_data()
    assert chroma.tracer is None
    assert trace.get_tracer_provider() is before
