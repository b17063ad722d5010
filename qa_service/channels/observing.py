"""Each request as it is seen from outside: its id, its line in the log, its counts and its span.

This stands around the whole application, so that nothing answers without it: not what turns a request away, not an
error, and a stream until its last piece.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from qa_service import logs, metrics, tracing
from qa_service.logs import RequestNotes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LOG = logging.getLogger(__name__)

HEADER = "X-Request-ID"

# Asked for every few seconds, or along with a page: of no interest one by one.
_QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics", "/assets/<path:filename>"})
# A channel is its blueprint, but for those that people know by another name.
_CHANNELS = {"web": "page"}


def init_app(app: Flask, version: str) -> None:
    """Observe every request of an application, also those that anything else answers or turns away."""
    metrics.start(version)
    app.before_request(_note_route)
    app.wsgi_app = _Observed(app.wsgi_app)  # type: ignore[method-assign]


def _note_route() -> None:
    notes = logs.current()
    if notes is not None:
        if request.url_rule is not None:
            notes.route = request.url_rule.rule
        notes.channel = _CHANNELS.get(request.blueprint or "", request.blueprint or "other")


class _Observed:
    """A WSGI application around another one."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        notes = RequestNotes(
            id=logs.chosen_id(environ.get("HTTP_X_REQUEST_ID", "")),
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
        )
        seen = _Seen(notes, environ)

        def respond(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:  # noqa: ANN401 (WSGI's own)
            seen.status = int(status.partition(" ")[0])
            headers.append((HEADER, notes.id))
            return start_response(status, headers, *rest)

        try:
            return _Body(self._application(environ, respond), seen)
        except BaseException:
            seen.end(complete=False)
            raise


class _Seen:
    """One request, from its first line to the last byte of its response."""

    def __init__(self, notes: RequestNotes, environ: WSGIEnvironment) -> None:
        self.status = 500
        self.size = 0
        self._notes = notes
        self._ended = False
        logs.begin(notes)
        metrics.request_began()
        self._span = tracing.server_span(
            notes.method,
            lambda: _headers(environ),
            http__request__method=notes.method,
            url__path=logs.shown_path(notes.path),
            url__scheme=environ.get("wsgi.url_scheme"),
        )
        self._span.__enter__()
        logs.note(trace_id=self._span.trace_id)

    def end(self, *, complete: bool) -> None:
        """Count it, log it and end its span, the first time that this is called."""
        if self._ended:
            return
        self._ended = True
        notes, seconds = self._notes, time.perf_counter() - self._notes.began
        metrics.request_ended(notes.method, notes.route, self.status, seconds)
        self._log(seconds, complete=complete)
        self._span.rename(f"{notes.method} {notes.route}" if notes.route != logs.UNMATCHED else notes.method)
        self._span.set(http__route=notes.route, http__response__status_code=self.status, qa__request_id=notes.id)
        if self.status >= 500:
            self._span.fail(str(self.status))
        self._span.__exit__(None, None, None)
        logs.begin(None)

    def _log(self, seconds: float, *, complete: bool) -> None:
        level = logging.DEBUG if self._notes.route in _QUIET_ROUTES else logging.INFO
        if not _LOG.isEnabledFor(level):
            return
        method, path = logs.in_a_line(self._notes.method), logs.shown_path(self._notes.path)
        fields = {
            "method": method,
            "route": self._notes.route,
            "path": path,
            "status": self.status,
            "duration_ms": round(seconds * 1000, 2),
            "bytes": self.size,
            **({} if complete else {"complete": False}),
            **self._notes.fields,
        }
        logs.begin(self._notes)  # whichever request this thread began meanwhile
        _LOG.log(level, "%s %s %s in %.0f ms", method, path, self.status, seconds * 1000, extra=fields)


class _Body:
    """The body of a response, followed to its end or until whoever reads it goes away."""

    def __init__(self, chunks: Iterable[bytes], seen: _Seen) -> None:
        self._body = chunks
        self._chunks = iter(chunks)
        self._seen = seen

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._seen.end(complete=True)
            raise
        except BaseException:
            self._seen.end(complete=False)
            raise
        self._seen.size += len(chunk)
        return chunk

    def close(self) -> None:
        """Close what is behind it; what was not read to its end is not complete."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._seen.end(complete=False)


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """The headers of a request, by their names in small letters."""
    return {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
