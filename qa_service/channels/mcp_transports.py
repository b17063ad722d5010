"""How assistants reach the tools: over standard input and output, or over streamable HTTP."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import anyio
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa_service.keys import Keys
from qa_service.settings import Settings

PATH = "/mcp"

# The longest question is far shorter; anything larger is no call of a tool of ours. In bytes.
_LARGEST_BODY = 256 * 1024
# How long a client may take to send a request, in seconds.
_SLOWEST_REQUEST_S = 20.0
# How long calls may go on after a signal, in seconds.
_GRACE_S = 5
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_EVERYWHERE = ("0.0.0.0", "[::]")  # noqa: S104 (compared with, not listened on)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_LOG = logging.getLogger(__name__)


def serve_stdio(server: Server[Any], close: Callable[[], None]) -> None:
    """Speak the protocol over standard input and output until the input ends; standard error has the log.

    Nothing else reaches standard output meanwhile. A signal ends the process with status 0, once ``close`` was called.
    """
    anyio.run(_speak, server, close)


async def _speak(server: Server[Any], close: Callable[[], None]) -> None:
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_leave_at_a_signal, close)
            async with stdio_server() as (messages, replies):
                await server.run(messages, replies, server.create_initialization_options())
            tasks.cancel_scope.cancel()
    except* OSError:  # the client has gone, and takes no more replies
        _LOG.info("The client has closed the connection.")


async def _leave_at_a_signal(close: Callable[[], None]) -> None:
    with anyio.open_signal_receiver(*_SIGNALS) as received:
        async for _ in received:
            close()
            os._exit(0)  # a thread waits for the next line of input, and nothing else can end it


def serve_http(server: Server[Any], settings: Settings, listening: socket.socket, hosts: Iterable[str] = ()) -> None:
    """Serve the protocol on a socket until a signal ends it in order; hosts are further names that it may go by."""
    for each in _SIGNALS:  # uvicorn raises them again when it has ended; until then it handles them itself
        signal.signal(each, signal.SIG_IGN)
    uvicorn.Server(http_config(server, settings, hosts)).run(sockets=[listening])


def http_config(server: Server[Any], settings: Settings, hosts: Iterable[str] = ()) -> uvicorn.Config:
    """How uvicorn serves the protocol: in silence, and waiting for nobody too long when it ends."""
    return uvicorn.Config(
        http_app(server, settings, hosts),
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )


def http_app(server: Server[Any], settings: Settings, hosts: Iterable[str] = ()) -> ASGIApp:
    """The protocol as an ASGI application, to whom the settings let in.

    Each request stands for itself, so that any number of such servers may share the work.
    """
    names = _names(settings.host, hosts)
    scripts = settings.scripting_origins
    security = TransportSecuritySettings(
        allowed_hosts=[host for name in names for host in (name, f"{name}:*")],
        allowed_origins=[
            *(origin for name in names for scheme in ("http", "https") for origin in _origins(scheme, name)),
            *scripts,
        ],
    )
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=_LARGEST_BODY,
        transport_security=security,
    )
    # A key of an administrator opens everything, where anything is closed.
    keys = Keys((*settings.keys, *settings.administrators) if settings.keys else ())
    app = Guard(app, keys)
    if scripts:
        app = CORSMiddleware(app, allow_origins=scripts, allow_methods=["POST"], allow_headers=["*"])
    return app


def _names(host: str, hosts: Iterable[str]) -> list[str]:
    """What the server may be called in a request: any other name leads here by a trick of whoever holds that name."""
    own = f"[{host}]" if ":" in host else host
    return list(dict.fromkeys([*_LOOPBACK, *([] if own in _EVERYWHERE else [own]), *hosts]))


def _origins(scheme: str, name: str) -> tuple[str, str]:
    return f"{scheme}://{name}", f"{scheme}://{name}:*"


class Guard:
    """Lets nobody in without a key where there are keys, and waits for no request for ever."""

    def __init__(self, app: ASGIApp, keys: Keys, *, slowest_s: float = _SLOWEST_REQUEST_S) -> None:
        """Stand before an application; no keys leave it open. A request has so many seconds to arrive."""
        self._app = app
        self._keys = keys
        self._slowest_s = slowest_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._keys and not self._keys.accept(_bearer(scope)):
            said = "This needs a key: Authorization: Bearer KEY."
            await _problem(HTTPStatus.UNAUTHORIZED, said, **{"WWW-Authenticate": "Bearer"})(scope, receive, send)
        elif scope["path"] == PATH and scope["method"] != "POST":
            # There is no session to end, and nothing to send but replies.
            said = "Only POST is served here."
            await _problem(HTTPStatus.METHOD_NOT_ALLOWED, said, Allow="POST")(scope, receive, send)
        else:
            await self._in_time(scope, receive, send)

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = anyio.current_time() + self._slowest_s
        whole = False

        async def received() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            with anyio.fail_after(max(0.0, deadline - anyio.current_time())):
                message = await receive()
            whole = not message.get("more_body", False)
            return message

        try:
            await self._app(scope, received, send)
        except TimeoutError:
            if whole:
                raise
            await _problem(HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive.")(scope, receive, send)


def _bearer(scope: Scope) -> str:
    """The key that a request carries; an empty text where it carries none."""
    for name, value in scope["headers"]:
        scheme, _, key = value.decode("latin-1").partition(" ")
        if name == b"authorization" and scheme.lower() == "bearer":
            return str(key).strip()
    return ""


def _problem(status: HTTPStatus, detail: str, **headers: str) -> Response:
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return Response(json.dumps(body), status.value, headers, "application/problem+json")
