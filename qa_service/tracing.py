"""Traces by OpenTelemetry, where its standard environment variables ask for them; nothing else costs anything.

``OTEL_TRACES_EXPORTER``, or an endpoint in ``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``,
turns them on; ``OTEL_SDK_DISABLED=true`` and the exporter ``none`` turn them off. Everything else (sampling, headers,
attributes of the resource, batches) is read by OpenTelemetry itself.

The spans are the service's own and nobody's global ones: an agent that instruments the process keeps its settings.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from qa_service.errors import MissingExtra, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

SERVICE = "qa-service"

_MISSING = (
    "OTEL_TRACES_EXPORTER needs a package that is not installed; it is the extra: pip install 'qa-service[otel]'."
)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class _Tracing:
    """The provider of one process, and whether spans may hold what was asked."""

    def __init__(self, provider: TracerProvider, *, questions: bool) -> None:
        self.provider = provider
        self.questions = questions
        self.tracer = provider.get_tracer("qa_service")


_tracing: _Tracing | None = None
_lock = threading.Lock()


def wanted() -> tuple[str, ...]:
    """The exporters that the environment asks for: of ``otlp`` and ``console``.

    Raises SettingsError for another one.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    named = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if not named:
        return ("otlp",) if _first(_ENDPOINTS) else ()
    names = [name for name in (name.strip().lower() for name in named.split(",")) if name not in ("", "none")]
    for name in names:
        if name not in ("otlp", "console"):
            raise SettingsError(f"OTEL_TRACES_EXPORTER: should be of otlp, console and none, not {name!r}")
    return tuple(dict.fromkeys(names))


def check() -> None:
    """Raise SettingsError or MissingExtra where the environment asks for what there is not. Sends nothing."""
    for name in wanted():
        _exporter_type(name)


def start(version: str, *, questions: bool = False) -> None:
    """Trace from now on, where the environment asks for it. Call it in the process that serves, after any fork.

    Spans hold the text of questions only where that is asked for. Raises SettingsError or MissingExtra.
    """
    global _tracing  # noqa: PLW0603 (the process has one provider, as it has one environment)
    with _lock:
        if _tracing is None and (names := wanted()):
            _tracing = _Tracing(_provider(version, [_exporter_type(name) for name in names]), questions=questions)


def stop() -> None:
    """Send what is left, and trace no more; a process that ends does so by itself."""
    global _tracing
    with _lock:
        stopped, _tracing = _tracing, None
    if stopped is not None:
        stopped.provider.shutdown()


class Span:
    """A stretch of work, for a ``with`` statement: the current one while it lasts. Nothing where nothing is traced.

    It may be left in another context than it was entered in, as a generator may be that somebody drops.
    """

    def __init__(self, name: str, attributes: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        """A span that begins when it is entered; with headers it is a server's, and continues the trace they name."""
        self._name, self._attributes, self._headers = name, attributes, headers
        self._span: Any = None
        self._token: Any = None

    def __enter__(self) -> Self:
        if _tracing is None:
            return self
        from opentelemetry import context, propagate, trace

        parent, kind = None, trace.SpanKind.INTERNAL
        if self._headers is not None:
            parent, kind = propagate.extract(self._headers), trace.SpanKind.SERVER
        self._span = _tracing.tracer.start_span(self._name, parent, kind, _known(self._attributes))
        self._token = context.attach(trace.set_span_in_context(self._span, parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, told: TracebackType | None
    ) -> None:
        if self._span is None:
            return
        if kind is not None and issubclass(kind, Exception):
            self.fail(kind.__name__)
        span, self._span = self._span, None
        span.end()
        with suppress(ValueError):  # another context
            self._token.var.reset(self._token)

    def set(self, **attributes: object) -> None:
        """Add attributes; ``__`` in a name stands for a dot, and what is None is left out."""
        if self._span is not None:
            self._span.set_attributes(_known(attributes))

    def question(self, text: str) -> None:
        """Add the text of a question, where that is asked for."""
        if self._span is not None and _tracing is not None and _tracing.questions:
            self._span.set_attribute("qa.question", text)

    def rename(self, name: str) -> None:
        """Call it otherwise from now on."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, kind: str) -> None:
        """Mark it as failed, with the kind of the error; its text may hold what was asked."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_attribute("error.type", kind)
            self._span.set_status(StatusCode.ERROR)

    @property
    def trace_id(self) -> str | None:
        """The id of the trace in hexadecimal; None where nothing is traced."""
        return format(self._span.get_span_context().trace_id, "032x") if self._span is not None else None


def span(name: str, **attributes: object) -> Span:
    """A stretch of work within the current one."""
    return Span(name, attributes)


def server_span(name: str, headers: Callable[[], Mapping[str, str]], **attributes: object) -> Span:
    """The work on a request, as a part of the trace that its headers name."""
    return Span(name, attributes, headers() if _tracing is not None else {})


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in attributes.items() if value is not None}


def _first(names: tuple[str, ...]) -> str:
    return next((value for value in (os.environ.get(name, "").strip() for name in names) if value), "")


def _exporter_type(name: str) -> Callable[[], SpanExporter]:
    """What makes the exporter of a name, its package installed."""
    try:
        import opentelemetry.sdk.trace.export as sdk

        if name == "console":
            return sdk.ConsoleSpanExporter
        protocol = _first(_PROTOCOLS) or "http/protobuf"
        if protocol == "http/protobuf":
            from opentelemetry.exporter.otlp.proto.http import trace_exporter as over_http

            return over_http.OTLPSpanExporter
        if protocol == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as over_grpc

            return over_grpc.OTLPSpanExporter
    except ImportError:
        raise MissingExtra(_MISSING) from None
    raise SettingsError(f"OTEL_EXPORTER_OTLP_PROTOCOL: should be http/protobuf or grpc, not {protocol!r}")


def _provider(version: str, exporters: list[Callable[[], SpanExporter]]) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.version": version})
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": SERVICE}))
    provider = TracerProvider(resource=resource)
    for make in exporters:
        provider.add_span_processor(BatchSpanProcessor(make()))
    return provider
