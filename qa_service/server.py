"""The service under gunicorn, a production WSGI server."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import suppress
from typing import Any

from flask import Flask, Response
from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from qa_service.app import create_app
from qa_service.channels.problems import problem
from qa_service.settings import Settings

# How long a client may take to send a request. gunicorn waits for ever, and a thread waits with it.
_SLOWEST_REQUEST_S = 20.0


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, which no client can hold up and no second signal can interrupt."""

    def init_signals(self) -> None:
        """Leave Ctrl-C, which a terminal sends to the workers too, to the master, and end in order when it says so."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, self.handle_exit)

    def handle(self, conn: Any) -> Any:  # noqa: ANN401 (gunicorn is untyped)
        """Handle a request, and read no more of one that is still coming in after the time for it is over.

        The answer, which may take longer, is not affected.
        """
        deadline = threading.Timer(_SLOWEST_REQUEST_S, _stop_reading, [conn.sock])
        deadline.daemon = True
        deadline.start()
        try:
            return super().handle(conn)
        finally:
            deadline.cancel()


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
            "graceful_timeout": 20,
            # A worker checks and opens the whole index before it first says that it lives.
            "timeout": 300,
            "loglevel": "warning",
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application of one worker."""
        app = create_app(self._settings)
        app.register_error_handler(ParseException, _malformed)
        return app


def _malformed(_error: Exception) -> Response:
    """A body that gunicorn cannot read, broken chunks for one, is the client's mistake."""
    return problem(400, "The body of the request is malformed.")


def _stop_reading(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
