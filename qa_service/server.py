"""The service under gunicorn, a production WSGI server."""

from __future__ import annotations

from flask import Flask
from gunicorn.app.base import BaseApplication

from qa_service.app import create_app
from qa_service.settings import Settings


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up from our settings. Each worker makes its own application, after it has forked."""

    def __init__(self, settings: Settings) -> None:
        """Prepare to serve; ``run`` serves until a signal ends it."""
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        chosen = {
            "bind": f"{host}:{self._settings.port}",
            "workers": self._settings.workers,
            "worker_class": "gthread",
            "threads": self._settings.threads,
            "preload_app": False,
            "control_socket_disable": True,
            "graceful_timeout": 20,
            "max_requests": 0,
            "loglevel": "warning",
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application of one worker."""
        return create_app(self._settings)
