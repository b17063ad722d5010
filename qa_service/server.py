"""The service under gunicorn, a production WSGI server."""

from __future__ import annotations

import logging
import math
import os
import shutil
import signal
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flask import Flask, Response
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.util import close_graceful
from gunicorn.workers.gthread import ThreadWorker

from qa_service import logs, metrics
from qa_service.app import create_app
from qa_service.channels.headers import secured
from qa_service.channels.problems import problem
from qa_service.errors import UNEXPECTED
from qa_service.settings import Settings

_LOG = logging.getLogger(__name__)

# How long a client may take to send a request. gunicorn waits for ever, and a thread waits with it.
_SLOWEST_REQUEST_S = 20.0

# How long it may take while others wait for its thread: a few silent clients must not keep all others out.
_PATIENCE_S = 2.0

# How much of a request that was refused unread is taken in, and for how long, so that its client gets to read why.
_UNREAD_BYTES = 64 * 1024 * 1024
_UNREAD_S = 2.0

# How much longer than the slowest answer a worker that is told to end may take, and the least of all, in seconds.
_MARGIN_S = 10
_LEAST_GRACE_S = 20

# What is wrong with a request that gunicorn cannot read, so that the application never sees it.
_UNREADABLE: dict[type[Exception], tuple[int, str]] = {
    # Its one cause: an address that is not under the SCRIPT_NAME that the service was started with.
    ConfigurationProblem: (404, "There is nothing at this address."),
    LimitRequestLine: (414, "The address is too long."),
    LimitRequestHeaders: (431, "The headers are too many or too long."),
    ExpectationFailed: (417, "What the request expects cannot be met."),
    UnsupportedTransferCoding: (501, "The transfer coding is not supported."),
}

# Mistakes of ours that are of the same family.
_OURS = (InvalidResponseHeader, InvalidResponseHeaderName)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, which no client can hold up and no second signal can interrupt."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (gunicorn is untyped)
        """Prepare to serve, with nobody waiting for a thread and none at work."""
        super().__init__(*args, **kwargs)
        self._waiting: set[Any] = set()  # connections
        self._at_work: dict[Any, float] = {}  # since when, by the monotonic clock

    def init_signals(self) -> None:
        """Leave Ctrl-C, which a terminal sends to the workers too, to the master, and end in order when it says so."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, self.handle_exit)

    def enqueue_req(self, conn: Any) -> None:  # noqa: ANN401
        """Have a thread handle a connection, as soon as one is free."""
        self._waiting.add(conn)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:  # noqa: ANN401
        """Handle a request, and read no more of one that is still coming in after the time for it is over.

        The answer, which may take longer, is not affected.
        """
        self._at_work[conn] = time.monotonic()
        self._waiting.discard(conn)
        deadline = threading.Timer(_SLOWEST_REQUEST_S, _stop_reading, [conn.sock])
        deadline.daemon = True
        deadline.start()
        try:
            goes_on = super().handle(conn)
            if goes_on is False:
                # gunicorn would do it in the thread that accepts connections, and take in less.
                close_graceful(conn.sock, _UNREAD_S, _UNREAD_BYTES)
            return goes_on
        finally:
            deadline.cancel()
            self._at_work.pop(conn, None)

    def murder_pending(self) -> None:
        """Let go of who sends nothing, as gunicorn does each second, and of who sends slowly while others wait."""
        super().murder_pending()
        if self._waiting:
            late = time.monotonic() - _PATIENCE_S
            for conn, since in list(self._at_work.items()):
                if since < late:
                    _stop_reading(conn.sock)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:  # noqa: ANN401
        """Answer a request that cannot be read with a problem document, in place of gunicorn's page of HTML."""
        if isinstance(exc, ParseException) and not isinstance(exc, _OURS):
            # gunicorn's message quotes the request, which may hold a key: only its kind is said.
            self.log.info("Unreadable request: %s", type(exc).__name__)
            status, detail = _UNREADABLE.get(type(exc), (400, "The request is malformed."))
        elif isinstance(exc, ssl.SSLError):
            super().handle_error(req, client, addr, exc)
            return
        else:
            self.log.error("Error handling a request", exc_info=exc)
            status, detail = 500, UNEXPECTED
        with suppress(OSError):
            client.sendall(_as_sent(problem(status, detail)))


class GunicornLog(Logger):  # type: ignore[misc]
    """gunicorn's log as a part of ours, without what it tells of who asked for what."""

    def setup(self, cfg: Any) -> None:  # noqa: ANN401
        """Leave the records to the handlers that ``logs.set_up`` made; each request has a line of ours."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True
        self.error_log.setLevel(self.LOG_LEVELS[cfg.loglevel])


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up from our settings. Each worker makes its own application, after it has forked."""

    def __init__(self, settings: Settings) -> None:
        """Prepare to serve; ``run`` serves until a signal ends it."""
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn."""
        chosen = {
            "bind": self._settings.address,
            "workers": self._settings.workers,
            "worker_class": Worker,
            "threads": self._settings.threads,
            "preload_app": False,
            "control_socket_disable": True,
            # An answer that is being written when the service ends is still written.
            "graceful_timeout": max(_LEAST_GRACE_S, math.ceil(self._settings.llm_timeout) + _MARGIN_S),
            # What proxies say is read by the application, as far as QA_TRUSTED_PROXIES goes, and by nobody else.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "forwarder_headers": "",
            # A worker checks and opens the whole index before it first says that it lives.
            "timeout": 300,
            "logger_class": GunicornLog,
            "loglevel": "warning",  # what it says for finding faults holds its configuration, and folders
            "worker_exit": _leave,
            "child_exit": _forget,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until a signal ends it, the workers counting together."""
        logs.set_up(self._settings)
        with counted_together():
            super().run()

    def load(self) -> Flask:
        """The application of one worker."""
        app = create_app(self._settings)
        app.register_error_handler(ParseException, _malformed)
        return app


@contextmanager
def counted_together() -> Iterator[None]:
    """A folder in which all workers keep their counts, unless the environment names one; gone afterwards.

    The environment names it before any worker begins to count. Without one each worker counts by itself.
    """
    given = os.environ.pop(metrics.FOLDER_VARIABLE, "")
    made = None
    try:
        if given:
            Path(given).mkdir(parents=True, exist_ok=True)
        else:
            made = tempfile.mkdtemp(prefix="qa-service-metrics-")
        os.environ[metrics.FOLDER_VARIABLE] = given or made or ""
    except OSError as error:
        _LOG.warning("There is no folder for the workers' counts (%s): each counts by itself.", error.strerror)
    master = os.getpid()
    try:
        yield
    finally:
        if made and os.getpid() == master:  # a worker that ends passes here too
            del os.environ[metrics.FOLDER_VARIABLE]
            shutil.rmtree(made, ignore_errors=True)


def _leave(_server: object, worker: Any) -> None:  # noqa: ANN401
    """Have a worker that ends finish what its bots are saying, and leave the rest to others."""
    bots = worker.wsgi.extensions["qa_service_bots"] if isinstance(worker.wsgi, Flask) else []
    for bot in bots:
        bot.hand_back()
    for bot in bots:
        bot.close()


def _forget(_server: object, worker: Any) -> None:  # noqa: ANN401
    if os.environ.get(metrics.FOLDER_VARIABLE):
        metrics.forget_worker(worker.pid)


def _malformed(_error: Exception) -> Response:
    """A body that gunicorn cannot read, broken chunks for one, is the client's mistake."""
    return problem(400, "The body of the request is malformed.")


def _as_sent(response: Response) -> bytes:
    """A response that no application sends, as bytes; the connection ends with it."""
    response.headers["Connection"] = "close"
    head = "".join(f"{name}: {value}\r\n" for name, value in secured(response).headers)
    return f"HTTP/1.1 {response.status}\r\n{head}\r\n".encode("latin-1") + response.get_data()


def _stop_reading(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
