"""A Slack of the tests: its Web API, its response addresses and its Socket Mode on this machine, with faults on demand.

It notes every call, keeps what its channels would show, and refuses what Slack refuses:

    with SlackServer() as slack:
        client = WebClient(slack.bot_token, base_url=slack.url)
        slack.fail("chat.postMessage", status=429, retry_after=1)
        ...
        assert slack.messages("C1", "1700.1")[0]["text"] == "Hello"

The functions at the end make what Slack sends to an app: events, commands, shortcuts, clicks, and its signature.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.local_server import in_a_thread

BOT_TOKEN = "xoxb-a-token-of-the-tests"
APP_TOKEN = "xapp-a-token-of-the-tests"
SIGNING_SECRET = "a-signing-secret-of-the-tests"
TEAM, APP, BOT_USER, BOT = "T1", "A1", "UBOT", "B1"

# What a call of this name is that was posted to a response address.
RESPONSE_URL = "response_url"
# How often Slack lets one response address be used.
_RESPONSES = 5

# Limits that Slack documents, in characters or elements.
_BLOCKS, _VIEW_BLOCKS = 50, 100
_SECTION, _FIELD, _HEADER, _MARKDOWN = 3_000, 2_000, 150, 12_000
_TEXT, _UPDATED_TEXT = 40_000, 4_000
_BUTTON_TEXT, _BUTTON_VALUE, _URL, _ID = 75, 2_000, 3_000, 255
_CONTEXT_ELEMENTS, _ACTION_ELEMENTS, _FIELDS = 10, 25, 10
_VIEW_TITLE, _PRIVATE_METADATA = 24, 3_000
_BLOCK_TYPES = frozenset(
    "actions context context_actions divider file header image input markdown plan rich_text section table task_card"
    " video".split()
)
_TASK_STATES = frozenset({"pending", "in_progress", "complete", "error"})
_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Call:
    """One call: the method, its arguments (JSON within them parsed), the headers (names in lower case), and when."""

    method: str
    arguments: dict[str, Any]
    headers: dict[str, str]
    at: float

    @property
    def token(self) -> str:
        """The token of the call; empty without one."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class _Fault:
    error: str
    times: int
    status: int
    retry_after: int | None
    after: bool
    drop: bool
    hang: float
    skip: int


class _Refused(Exception):
    """What Slack answers with ``ok: false``."""

    def __init__(self, error: str, *messages: str, status: int = 200) -> None:
        super().__init__(error)
        self.status = status
        self.body: dict[str, Any] = {"ok": False, "error": error}
        if messages:
            self.body |= {"errors": list(messages), "response_metadata": {"messages": [f"[ERROR] {messages[0]}"]}}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False  # closing waits for the handlers, which notice that the server stops

    def handle_error(self, request, client_address):
        """A client that goes away is what some tests are about."""


class SlackServer:
    """The server, running within ``with``.

    ``url`` is the address of its Web API; ``calls`` the calls so far, in order. ``channels`` are the channels that
    exist: with None each whose id begins with C, D or G. ``locales`` are those of users; ``revoked`` are tokens that
    are no longer good; ``views`` and ``homes`` what was shown. ``acks`` are the answers to envelopes, by their ids.
    """

    def __init__(self, *, streaming: bool = True, channels: set[str] | None = None) -> None:
        self.bot_token, self.app_token = BOT_TOKEN, APP_TOKEN
        self.streaming = streaming
        self.channels = channels
        self.locales: dict[str, str] = {}
        self.revoked: set[str] = set()
        self.views: list[dict[str, Any]] = []
        self.homes: dict[str, dict[str, Any]] = {}
        self.ephemerals: list[dict[str, Any]] = []
        self.acks: dict[str, dict[str, Any]] = {}
        self._calls: list[Call] = []
        self._faults: dict[str, list[_Fault]] = {}
        self._messages: dict[str, list[dict[str, Any]]] = {}
        self._responses: dict[str, list[dict[str, Any]]] = {}
        self._triggers: set[str] = set()
        self._ts = 0
        self._changed = threading.Condition(threading.RLock())
        self._stopping = threading.Event()
        self._connections: list[ServerConnection] = []
        self._tickets: set[str] = set()
        self._running = ExitStack()
        self._methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "api.test": lambda arguments: {"args": arguments},
            "auth.test": self._auth_test,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.startStream": self._start_stream,
            "chat.appendStream": self._append_stream,
            "chat.stopStream": self._stop_stream,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "users.info": self._users_info,
            "views.open": self._views_open,
            "views.publish": self._views_publish,
            "apps.connections.open": self._connections_open,
        }

    def __enter__(self) -> Self:
        server = _Server(("127.0.0.1", 0), self._handler())
        quiet = logging.getLogger(f"{__name__}.websockets")
        quiet.setLevel(logging.CRITICAL + 1)
        sockets = serve(self._connected, "127.0.0.1", 0, logger=quiet, close_timeout=0.5, compression=None)
        thread = threading.Thread(target=sockets.serve_forever)
        thread.start()
        self._running.callback(thread.join)
        self._running.callback(sockets.shutdown)
        self._socket_port = sockets.socket.getsockname()[1]
        self.host = self._running.enter_context(in_a_thread(server))
        self.url = f"{self.host}/api/"
        self._running.callback(self._stopping.set)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    # What happened

    @property
    def calls(self) -> list[Call]:
        """The calls so far."""
        with self._changed:
            return list(self._calls)

    def calls_of(self, method: str) -> list[Call]:
        """The calls of one method, or of ``RESPONSE_URL``."""
        return [call for call in self.calls if call.method == method]

    def wait_for(self, method: str, count: int = 1, timeout: float = 20) -> list[Call]:
        """Those calls, as soon as there are so many; AssertionError when there are fewer after so many seconds."""
        with self._changed:
            there = self._changed.wait_for(lambda: len(self.calls_of(method)) >= count, timeout)
        calls = self.calls_of(method)
        assert there, f"{len(calls)} calls of {method} in place of {count}; all: {[call.method for call in self.calls]}"
        return calls

    def wait_until(self, holds: Callable[[], object], timeout: float = 20) -> None:
        """Wait until something holds; AssertionError when it does not after so many seconds."""
        with self._changed:
            until = time.monotonic() + timeout
            while not holds():
                assert time.monotonic() < until, f"calls: {[call.method for call in self._calls]}"
                self._changed.wait(0.05)

    def messages(self, channel: str, thread_ts: str | None = None) -> list[dict[str, Any]]:
        """What a channel shows, or the replies in one of its threads.

        The messages are as Slack keeps them, with ``streaming`` (whether one is being written) and ``tasks`` (the steps
        shown in a stream, by id). A streamed message's ``text`` is all that was streamed, its ``blocks`` are below it.
        """
        with self._changed:
            shown = self._messages.get(channel, [])
            return copy.deepcopy(
                [message for message in shown if thread_ts is None or message["thread_ts"] == thread_ts]
            )

    def responses(self, name: str) -> list[dict[str, Any]]:
        """What was posted to a response address, in order."""
        with self._changed:
            return copy.deepcopy(self._responses.get(name, []))

    def response_url(self, name: str = "r1") -> str:
        """A response address of this server."""
        return f"{self.host}/response/{name}"

    # What shall happen

    def fail(
        self,
        method: str,
        error: str = "not_in_channel",
        times: int = 1,
        status: int = 200,
        retry_after: int | None = None,
        *,
        after: bool = False,
        drop: bool = False,
        hang: float = 0,
        skip: int = 0,
    ) -> None:
        """Let the next calls of a method, or of ``RESPONSE_URL``, fail: behind those that shall fail already.

        Slack's ``error`` with status 200, else an error of HTTP. With ``drop`` the connection is closed without an
        answer; with ``hang`` so many seconds pass first, and then it is closed. With ``after`` the call takes effect
        before it fails. ``skip`` calls work before.
        """
        with self._changed:
            fault = _Fault(error, times, status, retry_after, after, drop or bool(hang), hang, skip)
            self._faults.setdefault(method, []).append(fault)

    def say(self, channel: str, text: str, *, ts: str, user: str = "U1", thread_ts: str = "") -> None:
        """A message of a user in a channel."""
        with self._changed:
            message = {"type": "message", "user": user, "text": text, "ts": ts, "team": TEAM, "blocks": []}
            self._messages.setdefault(channel, []).append(message | {"thread_ts": thread_ts or ts})

    def erase(self, channel: str, ts: str) -> None:
        """Take a message away, as somebody in the channel may."""
        with self._changed:
            self._messages[channel] = [message for message in self._messages[channel] if message["ts"] != ts]

    # Socket Mode

    def wait_for_connections(self, count: int = 1, timeout: float = 20) -> None:
        """Wait until so many connections are open."""
        self.wait_until(lambda: len(self._connections) >= count, timeout)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        with self._changed:
            return len(self._connections)

    def send_envelope(
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        retry_attempt: int = 0,
        retry_reason: str = "",
        connection: int = -1,
    ) -> str:
        """Send an envelope (``events_api``, ``slash_commands``, ``interactive``) over a connection; its id."""
        envelope: dict[str, Any] = {"envelope_id": str(uuid.uuid4()), "type": kind, "payload": payload}
        envelope["accepts_response_payload"] = kind != "events_api"
        if kind == "events_api":
            envelope |= {"retry_attempt": retry_attempt, "retry_reason": retry_reason}
        self.wait_for_connections()
        self._connections[connection].send(json.dumps(envelope))
        return str(envelope["envelope_id"])

    def wait_for_ack(self, envelope_id: str, timeout: float = 20) -> dict[str, Any]:
        """The payload of the answer to an envelope, mostly empty; AssertionError when none comes."""
        self.wait_until(lambda: envelope_id in self.acks, timeout)
        return self.acks[envelope_id]

    def disconnect(self, reason: str = "refresh_requested", connection: int = -1) -> None:
        """Tell the app to connect anew (``warning``: soon); with any reason but a warning, close the connection."""
        self.wait_for_connections()
        told = json.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "127.0.0.1"}})
        if reason == "warning":
            self._connections[connection].send(told)
            return
        chosen = self._removed(connection)
        with suppress(ConnectionClosed):
            chosen.send(told)
            chosen.close()

    def drop(self, connection: int = -1) -> None:
        """Break a connection without a word."""
        self.wait_for_connections()
        self._removed(connection).socket.shutdown(socket.SHUT_RDWR)

    def _removed(self, connection: int) -> ServerConnection:
        with self._changed:
            return self._connections.pop(connection)

    def _connected(self, connection: ServerConnection) -> None:
        assert connection.request
        ticket = connection.request.path.partition("ticket=")[2].partition("&")[0]
        with self._changed:
            if ticket not in self._tickets:
                return  # an address is good for one connection
            self._tickets.discard(ticket)
            others = len(self._connections)
        hello = {"type": "hello", "num_connections": others + 1, "connection_info": {"app_id": APP}}
        hello["debug_info"] = {"host": "127.0.0.1", "build_number": 10, "approximate_connection_time": 18_060}
        connection.send(json.dumps(hello))
        with self._changed:
            self._connections.append(connection)
            self._changed.notify_all()
        try:
            for message in connection:
                self._acknowledged(message)
        except ConnectionClosed:
            pass
        finally:
            with self._changed:
                if connection in self._connections:
                    self._connections.remove(connection)
                self._changed.notify_all()

    def _acknowledged(self, message: str | bytes) -> None:
        try:
            told = json.loads(message)
        except ValueError:
            return
        with self._changed:
            self.acks[told.get("envelope_id", "")] = told.get("payload") or {}
            self._changed.notify_all()

    # A call

    def _answer(self, handler: BaseHTTPRequestHandler, call: Call) -> None:
        with self._changed:
            self._calls.append(call)
            fault = self._next_fault(call.method)
            status, body = (200, {}) if fault and not fault.after else self._played(call)
            self._changed.notify_all()
        headers: dict[str, str] = {}
        if fault:
            if fault.hang:
                self._stopping.wait(fault.hang)
            if fault.drop:
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
            status, body = fault.status, {"ok": False, "error": fault.error if fault.status == 200 else "ratelimited"}
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        content = json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _next_fault(self, method: str) -> _Fault | None:
        faults = self._faults.get(method, [])
        if not faults:
            return None
        if faults[0].skip:
            faults[0].skip -= 1
            return None
        faults[0].times -= 1
        return faults[0] if faults[0].times else faults.pop(0)

    def _played(self, call: Call) -> tuple[int, dict[str, Any]]:
        try:
            if call.method == RESPONSE_URL:
                return self._respond(call)
            self._check_token(call)
            return 200, {"ok": True, **self._methods.get(call.method, _unknown)(call.arguments)}
        except _Refused as refused:
            return refused.status, refused.body

    def _check_token(self, call: Call) -> None:
        if call.method == "api.test":
            return
        token = call.token or str(call.arguments.get("token", ""))
        if not token:
            raise _Refused("not_authed")
        if token in self.revoked:
            raise _Refused("token_revoked")
        good = self.app_token if call.method == "apps.connections.open" else self.bot_token
        if token != good:
            raise _Refused("not_allowed_token_type" if token in (self.app_token, self.bot_token) else "invalid_auth")

    # Messages

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "url": "https://tests.slack.com/",
            "team": "Tests",
            "user": "qa",
            "team_id": TEAM,
            "user_id": BOT_USER,
            "bot_id": BOT,
            "is_enterprise_install": False,
        }

    def _channel(self, arguments: dict[str, Any], *, direct: bool = False) -> str:
        channel = str(arguments.get("channel", ""))
        if direct and channel[:1] in ("U", "W"):
            return "D" + channel[1:]
        known = channel[:1] in ("C", "D", "G") if self.channels is None else channel in self.channels
        if not known:
            raise _Refused("channel_not_found")
        return channel

    def _next_ts(self) -> str:
        self._ts = max(self._ts + 1, time.time_ns() // 1_000)
        return f"{self._ts // 1_000_000}.{self._ts % 1_000_000:06d}"

    def _own(self, channel: str, ts: object) -> dict[str, Any]:
        for message in self._messages.get(channel, []):
            if message["ts"] == ts:
                if message["user"] != BOT_USER:
                    raise _Refused("cant_update_message")
                return message
        raise _Refused("message_not_found")

    def _add(self, channel: str, arguments: dict[str, Any], **more: object) -> dict[str, Any]:
        ts = self._next_ts()
        message: dict[str, Any] = {
            "type": "message",
            "user": BOT_USER,
            "bot_id": BOT,
            "app_id": APP,
            "team": TEAM,
            "text": str(arguments.get("text") or ""),
            "blocks": arguments.get("blocks") or [],
            "metadata": arguments.get("metadata"),
            "ts": ts,
            "thread_ts": str(arguments.get("thread_ts") or ts),
            "streaming": False,
            "tasks": {},
            **more,
        }
        self._messages.setdefault(channel, []).append(message)
        return message

    def _post_message(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(arguments, direct=True)
        _check_content(arguments, longest=_TEXT)
        message = self._add(channel, arguments)
        return {"channel": channel, "ts": message["ts"], "message": copy.deepcopy(message)}

    def _post_ephemeral(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._channel(arguments)
        if not arguments.get("user"):
            raise _Refused("user_not_in_channel")
        _check_content(arguments, longest=_TEXT)
        self.ephemerals.append(arguments)
        return {"message_ts": self._next_ts()}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(arguments)
        message = self._own(channel, arguments.get("ts"))
        if message["streaming"]:
            raise _Refused("streaming_state_conflict")
        _check_content(arguments, longest=_UPDATED_TEXT)
        message["text"] = str(arguments.get("text") or "")
        # Without blocks, those of before stay only where there is no text either.
        message["blocks"] = arguments.get("blocks") or []
        message["tasks"] = {}
        if "metadata" in arguments:
            message["metadata"] = arguments["metadata"]
        return {"channel": channel, "ts": message["ts"], "text": message["text"], "message": copy.deepcopy(message)}

    def _delete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(arguments)
        message = self._own(channel, arguments.get("ts"))
        self._messages[channel].remove(message)
        return {"channel": channel, "ts": message["ts"]}

    def _start_stream(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self.streaming:
            raise _Refused("unknown_method")
        channel = self._channel(arguments)
        if not channel.startswith("D"):
            for name in ("recipient_team_id", "recipient_user_id"):
                if not arguments.get(name):
                    raise _Refused(f"missing_{name}")
        _check_streamed(arguments)
        message = self._add(channel, {"thread_ts": arguments.get("thread_ts")}, streaming=True)
        self._stream(message, arguments)
        return {"channel": channel, "ts": message["ts"]}

    def _append_stream(self, arguments: dict[str, Any]) -> dict[str, Any]:
        message = self._streaming(arguments)
        if not arguments.get("markdown_text") and not arguments.get("chunks"):
            raise _Refused("no_text")
        self._stream(message, arguments)
        return {"channel": arguments["channel"], "ts": message["ts"]}

    def _stop_stream(self, arguments: dict[str, Any]) -> dict[str, Any]:
        message = self._streaming(arguments)
        blocks = arguments.get("blocks") or []
        _check_blocks(blocks, _BLOCKS)
        self._stream(message, arguments)
        message["blocks"] += blocks
        message["streaming"] = False
        if arguments.get("metadata"):
            message["metadata"] = arguments["metadata"]
        return {"channel": arguments["channel"], "ts": message["ts"], "message": copy.deepcopy(message)}

    def _streaming(self, arguments: dict[str, Any]) -> dict[str, Any]:
        message = self._own(self._channel(arguments), arguments.get("ts"))
        if not message["streaming"]:
            raise _Refused("message_not_in_streaming_state")
        _check_streamed(arguments)
        return message

    def _stream(self, message: dict[str, Any], arguments: dict[str, Any]) -> None:
        message["text"] += str(arguments.get("markdown_text") or "")
        for chunk in arguments.get("chunks") or []:
            if chunk["type"] == "markdown_text":
                message["text"] += chunk["text"]
            elif chunk["type"] == "task_update":
                message["tasks"][chunk["id"]] = message["tasks"].get(chunk["id"], {}) | chunk
            elif chunk["type"] == "blocks":
                message["blocks"] += chunk["blocks"]

    def _replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel, ts = self._channel(arguments), str(arguments.get("ts", ""))
        thread = [message for message in self._messages.get(channel, []) if message["thread_ts"] == ts]
        if not thread:
            raise _Refused("thread_not_found")
        return self._page([each for each in thread if each["ts"] == ts or self._is_within(each, arguments)], arguments)

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        said = self._messages.get(self._channel(arguments), [])
        roots = [message for message in said if message["thread_ts"] == message["ts"]]
        return self._page([each for each in reversed(roots) if self._is_within(each, arguments)], arguments)

    def _is_within(self, message: dict[str, Any], arguments: dict[str, Any]) -> bool:
        oldest, latest = (float(arguments.get(name) or end) for name, end in (("oldest", 0), ("latest", 1e12)))
        return oldest <= float(message["ts"]) <= latest

    def _page(self, inside: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
        start, limit = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 1_000)
        page = copy.deepcopy(inside[start : start + limit])
        for message in page:
            if not _true(arguments.get("include_all_metadata")) or not message.get("metadata"):
                message.pop("metadata", None)
        more = start + limit < len(inside)
        found: dict[str, Any] = {"messages": page, "has_more": more}
        if more:
            found["response_metadata"] = {"next_cursor": str(start + limit)}
        return found

    # Users, views, connections, response addresses

    def _users_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        user = str(arguments.get("user", ""))
        if user[:1] not in ("U", "W"):
            raise _Refused("user_not_found")
        told: dict[str, Any] = {"id": user, "team_id": TEAM, "name": user.lower(), "is_bot": user == BOT_USER}
        told |= {"deleted": False, "tz": "Europe/Paris", "real_name": user.lower(), "profile": {}}
        if _true(arguments.get("include_locale")):
            told["locale"] = self.locales.get(user, "en-US")
        return {"user": told}

    def _views_open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        trigger = str(arguments.get("trigger_id", ""))
        if not trigger:
            raise _Refused("invalid_arguments", "missing required field: trigger_id")
        if trigger.startswith("expired"):
            raise _Refused("expired_trigger_id")
        if trigger in self._triggers:
            raise _Refused("exchanged_trigger_id")
        _check_view(arguments.get("view"), "modal")
        self._triggers.add(trigger)
        self.views.append(arguments["view"])
        return {"view": {"id": f"V{len(self.views)}", "team_id": TEAM, "app_id": APP, **arguments["view"]}}

    def _views_publish(self, arguments: dict[str, Any]) -> dict[str, Any]:
        _check_view(arguments.get("view"), "home")
        self.homes[str(arguments.get("user_id"))] = arguments["view"]
        return {"view": {"id": "VHOME", "team_id": TEAM, "app_id": APP, **arguments["view"]}}

    def _connections_open(self, _: dict[str, Any]) -> dict[str, Any]:
        ticket = str(uuid.uuid4())
        self._tickets.add(ticket)
        return {"url": f"ws://127.0.0.1:{self._socket_port}/link/?ticket={ticket}&app_id={APP}"}

    def _respond(self, call: Call) -> tuple[int, dict[str, Any]]:
        name = call.headers["x-path"].rpartition("/")[2]
        posted = self._responses.setdefault(name, [])
        if len(posted) >= _RESPONSES:
            raise _Refused("used_url", status=404)
        try:
            if not call.arguments.get("delete_original"):
                _check_content(call.arguments, longest=_TEXT)
        except _Refused as refused:
            refused.status = 400
            raise
        posted.append(call.arguments)
        return 200, {"ok": True}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10  # a connection on which nothing is asked
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                headers["x-path"] = self.path
                self.close_connection = True
                path = self.path.partition("?")[0]
                method = RESPONSE_URL if path.startswith("/response/") else path.removeprefix("/api/")
                arguments = _arguments(body, headers.get("content-type", ""))
                outer._answer(self, Call(method, arguments, headers, time.monotonic()))

            def do_GET(self):
                self.do_POST()

            def log_message(self, *_):
                pass

        return Handler


# What Slack checks


def _unknown(_: dict[str, Any]) -> dict[str, Any]:
    raise _Refused("unknown_method")


def _arguments(body: str, kind: str) -> dict[str, Any]:
    if kind.startswith("application/json"):
        found = json.loads(body or "{}")
        return found if isinstance(found, dict) else {}
    form = dict(parse_qsl(body, keep_blank_values=True))
    return {name: _nested(value) for name, value in form.items()}


def _nested(value: str) -> object:
    if value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _true(value: object) -> bool:
    return value in (True, "1", "true", "True")


def _check_content(arguments: dict[str, Any], *, longest: int) -> None:
    text, blocks = arguments.get("text") or "", arguments.get("blocks") or []
    if not text and not blocks and not arguments.get("markdown_text"):
        raise _Refused("no_text")
    if len(text) > longest or len(arguments.get("markdown_text") or "") > _MARKDOWN:
        raise _Refused("msg_too_long")
    if arguments.get("markdown_text") and (text or blocks):
        raise _Refused("markdown_text_conflict")
    _check_blocks(blocks, _BLOCKS)
    metadata = arguments.get("metadata")
    if metadata is not None and not (metadata.get("event_type") and isinstance(metadata.get("event_payload"), dict)):
        raise _Refused("invalid_metadata_format")


def _check_streamed(arguments: dict[str, Any]) -> None:
    texts = [arguments.get("markdown_text") or ""]
    for chunk in arguments.get("chunks") or []:
        kind = chunk.get("type")
        if kind == "markdown_text":
            texts.append(chunk["text"])
        elif kind == "task_update":
            if not (chunk.get("id") and chunk.get("title")) or chunk.get("status") not in _TASK_STATES:
                raise _Refused("invalid_chunks")
        elif kind == "blocks":
            _check_blocks(chunk["blocks"], _BLOCKS)
        elif kind != "plan_update":
            raise _Refused("invalid_chunks")
    if sum(map(len, texts)) > _MARKDOWN:
        raise _Refused("msg_too_long")


def _check_view(view: object, kind: str) -> None:
    if not isinstance(view, dict) or view.get("type") != kind:
        raise _Refused("invalid_arguments", f"must be a view of type {kind}")
    if len(json.dumps(view)) > 250_000:
        raise _Refused("view_too_large")
    wrong = []
    for name in ("title", "submit", "close") if kind == "modal" else ():
        if name in view or name == "title":
            wrong += _wrong_text(view.get(name), _VIEW_TITLE, f"/view/{name}", plain=True)
    wrong += _too_long(view.get("private_metadata", ""), _PRIVATE_METADATA, "/view/private_metadata", 0)
    wrong += _too_long(view.get("callback_id", ""), _ID, "/view/callback_id", 0)
    if wrong:
        raise _Refused("invalid_arguments", *wrong)
    _check_blocks(view.get("blocks"), _VIEW_BLOCKS, error="invalid_arguments")


def _check_blocks(blocks: object, most: int, *, error: str = "invalid_blocks") -> None:
    if not isinstance(blocks, list):
        raise _Refused("invalid_blocks_format")
    wrong = [f"no more than {most} items allowed [json-pointer:/blocks]"] if len(blocks) > most else []
    for at, block in enumerate(blocks):
        wrong += _wrong_block(block, f"/blocks/{at}")
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and "block_id" in block]
    if len(set(ids)) < len(ids):
        wrong.append("block_id already exists [json-pointer:/blocks]")
    markdown = [block.get("text") or "" for block in blocks if isinstance(block, dict) and block["type"] == "markdown"]
    if sum(map(len, markdown)) > _MARKDOWN:
        raise _Refused("msg_blocks_too_long")
    if wrong:
        raise _Refused(error, *wrong)


def _wrong_block(block: Any, at: str) -> list[str]:
    if not isinstance(block, dict) or block.get("type") not in _BLOCK_TYPES:
        return [f"unsupported type [json-pointer:{at}/type]"]
    wrong = _too_long(block.get("block_id", "b"), _ID, f"{at}/block_id")
    check = _CHECKS.get(block["type"])
    return wrong + (check(block, at) if check else [])


def _wrong_section(block: dict[str, Any], at: str) -> list[str]:
    fields = block.get("fields", [])
    wrong = [] if "text" in block or fields else [f"missing required field: text [json-pointer:{at}]"]
    if "text" in block:
        wrong += _wrong_text(block["text"], _SECTION, f"{at}/text")
    wrong += _too_many(fields, _FIELDS, f"{at}/fields") if "fields" in block else []
    for n, each in enumerate(fields):
        wrong += _wrong_text(each, _FIELD, f"{at}/fields/{n}")
    return wrong + (_wrong_elements([block["accessory"]], 1, f"{at}/accessory") if "accessory" in block else [])


def _wrong_context(block: dict[str, Any], at: str) -> list[str]:
    elements = block.get("elements")
    wrong = _too_many(elements, _CONTEXT_ELEMENTS, f"{at}/elements")
    for n, element in enumerate(elements or []):
        if element.get("type") == "image":
            wrong += _wrong_image(element, f"{at}/elements/{n}")
        else:
            wrong += _wrong_text(element, _SECTION, f"{at}/elements/{n}")
    return wrong


def _wrong_image(image: dict[str, Any], at: str) -> list[str]:
    wrong = _too_long(image.get("alt_text"), _FIELD, f"{at}/alt_text")
    return wrong + ([] if image.get("image_url") or image.get("slack_file") else [f"no image [json-pointer:{at}]"])


def _wrong_elements(elements: Any, most: int, at: str) -> list[str]:
    """What is wrong about the interactive elements of one block."""
    wrong = _too_many(elements, most, at)
    ids = [element["action_id"] for element in elements or [] if "action_id" in element]
    if len(set(ids)) < len(ids):
        wrong.append(f"action_id already exists [json-pointer:{at}]")
    for n, element in enumerate(elements or []):
        here = f"{at}/{n}"
        wrong += _too_long(element.get("action_id", "a"), _ID, f"{here}/action_id")
        kind = element.get("type")
        if kind == "button":
            wrong += _wrong_button(element, here)
        elif kind == "feedback_buttons":
            for name in ("positive_button", "negative_button"):
                wrong += _wrong_button(element.get(name, {}), f"{here}/{name}")
        elif kind == "overflow":
            wrong += _too_many(element.get("options"), 5, f"{here}/options")
        elif kind == "image":
            wrong += _wrong_image(element, here)
        elif not kind:
            wrong.append(f"unsupported type [json-pointer:{here}/type]")
    return wrong


def _wrong_button(button: dict[str, Any], at: str) -> list[str]:
    wrong = _wrong_text(button.get("text"), _BUTTON_TEXT, f"{at}/text", plain=True)
    wrong += _too_long(button.get("value", "v"), _BUTTON_VALUE, f"{at}/value", 0)
    wrong += _too_long(button.get("url", "u"), _URL, f"{at}/url")
    if button.get("style") not in (None, "primary", "danger"):
        wrong.append(f"must be a valid enum value [json-pointer:{at}/style]")
    return wrong


def _wrong_text(text: Any, longest: int, at: str, *, plain: bool = False) -> list[str]:
    if not isinstance(text, dict) or text.get("type") not in (("plain_text",) if plain else ("plain_text", "mrkdwn")):
        return [f"must be a text object [json-pointer:{at}]"]
    return _too_long(text.get("text"), longest, f"{at}/text")


def _too_long(text: Any, longest: int, at: str, shortest: int = 1) -> list[str]:
    if not isinstance(text, str) or len(text) < shortest:
        return [f"must be more than {shortest - 1} characters [json-pointer:{at}]"]
    return [f"must be less than {longest + 1} characters [json-pointer:{at}]"] if len(text) > longest else []


def _too_many(items: Any, most: int, at: str) -> list[str]:
    if not isinstance(items, list) or not items:
        return [f"no fewer than 1 items allowed [json-pointer:{at}]"]
    return [f"no more than {most} items allowed [json-pointer:{at}]"] if len(items) > most else []


_CHECKS: dict[str, Callable[[dict[str, Any], str], list[str]]] = {
    "section": _wrong_section,
    "context": _wrong_context,
    "header": lambda block, at: _wrong_text(block.get("text"), _HEADER, f"{at}/text", plain=True),
    "actions": lambda block, at: _wrong_elements(block.get("elements"), _ACTION_ELEMENTS, f"{at}/elements"),
    "context_actions": lambda block, at: _wrong_elements(block.get("elements"), 5, f"{at}/elements"),
    "image": _wrong_image,
    "markdown": lambda block, at: _too_long(block.get("text"), _MARKDOWN, f"{at}/text"),
    "rich_text": lambda block, at: [] if isinstance(block.get("elements"), list) else [f"[json-pointer:{at}]"],
}


# What Slack sends


def signed(secret: str, body: bytes, *, timestamp: int | None = None) -> dict[str, str]:
    """The headers of a request with this body: its kind, the time (seconds; now without one) and the signature."""
    at = str(int(time.time()) if timestamp is None else timestamp)
    signature = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    kind = "application/json" if body.startswith(b"{") else "application/x-www-form-urlencoded"
    return {"Content-Type": kind, "X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={signature}"}


def event_payload(event: dict[str, Any], *, event_id: str = "Ev1", team: str = TEAM) -> dict[str, Any]:
    """An event and what Slack wraps it in, as an envelope of Socket Mode holds it."""
    return {
        "token": "a-verification-token",
        "team_id": team,
        "context_team_id": team,
        "context_enterprise_id": None,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(float(event.get("event_ts", "0"))),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": team,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }


def event_body(event: dict[str, Any], *, event_id: str = "Ev1", team: str = TEAM) -> bytes:
    """The same, as the body of a request."""
    return json.dumps(event_payload(event, event_id=event_id, team=team)).encode()


def app_mention(
    text: str, *, channel: str = "C1", ts: str = "1700000000.000100", user: str = "U1", thread_ts: str | None = None
) -> dict[str, Any]:
    """The event of a message that mentions the bot, which its text says (``<@UBOT> …``)."""
    event = _message("app_mention", text, channel=channel, ts=ts, user=user)
    return event if thread_ts is None else event | {"thread_ts": thread_ts, "parent_user_id": user}


def direct_message(
    text: str, *, channel: str = "D1", ts: str = "1700000000.000100", user: str = "U1", thread_ts: str | None = None
) -> dict[str, Any]:
    """The event of a message to the bot alone."""
    event = _message("message", text, channel=channel, ts=ts, user=user) | {"channel_type": "im"}
    return event if thread_ts is None else event | {"thread_ts": thread_ts, "parent_user_id": user}


def channel_message(
    text: str,
    *,
    channel: str = "C1",
    ts: str = "1700000000.000100",
    user: str = "U1",
    thread_ts: str | None = None,
    **more: object,
) -> dict[str, Any]:
    """The event of a message in a channel; ``more`` are other fields, such as ``subtype`` or ``bot_id``."""
    kind = "group" if channel.startswith("G") else "channel"
    event = _message("message", text, channel=channel, ts=ts, user=user) | {"channel_type": kind, **more}
    return event if thread_ts is None else event | {"thread_ts": thread_ts, "parent_user_id": user}


def _message(kind: str, text: str, *, channel: str, ts: str, user: str) -> dict[str, Any]:
    element = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {
        "type": kind,
        "user": user,
        "ts": ts,
        "client_msg_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{channel} {ts}")),
        "text": text,
        "team": TEAM,
        "blocks": [{"type": "rich_text", "block_id": "b1", "elements": [element]}],
        "channel": channel,
        "event_ts": ts,
    }


def home_opened(*, user: str = "U1", tab: str = "home", ts: str = "1700000000.000100") -> dict[str, Any]:
    """The event of a user who opens the app's home."""
    return {"type": "app_home_opened", "user": user, "channel": "D1", "tab": tab, "event_ts": ts}


def command_payload(
    text: str,
    *,
    command: str = "/ask",
    channel: str = "C1",
    user: str = "U1",
    team: str = TEAM,
    response_url: str = "",
    trigger_id: str = "13345224609.738474920.8088930838d88f008e0",
) -> dict[str, str]:
    """A slash command, as an envelope of Socket Mode holds it."""
    return {
        "token": "a-verification-token",
        "team_id": team,
        "team_domain": "tests",
        "channel_id": channel,
        "channel_name": "directmessage" if channel.startswith("D") else "general",
        "user_id": user,
        "user_name": user.lower(),
        "command": command,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def command_body(text: str, **more: str) -> bytes:
    """A slash command as the body of a request; ``more`` as for ``command_payload``."""
    return urlencode(command_payload(text, **more)).encode()


def shortcut_payload(
    text: str,
    *,
    callback_id: str = "ask_about_message",
    channel: str = "C1",
    ts: str = "1700000000.000100",
    user: str = "U1",
    author: str = "U2",
    thread_ts: str | None = None,
    response_url: str = "",
    trigger_id: str = "13345224609.738474920.8088930838d88f008e0",
) -> dict[str, Any]:
    """A shortcut on somebody's message."""
    message = {"type": "message", "user": author, "ts": ts, "text": text, "team": TEAM, "blocks": []}
    return {
        "type": "message_action",
        "token": "a-verification-token",
        "action_ts": ts,
        "team": {"id": TEAM, "domain": "tests"},
        "user": {"id": user, "username": user.lower(), "team_id": TEAM, "name": user.lower()},
        "channel": {"id": channel, "name": "general"},
        "is_enterprise_install": False,
        "enterprise": None,
        "callback_id": callback_id,
        "trigger_id": trigger_id,
        "response_url": response_url,
        "message_ts": ts,
        "message": message if thread_ts is None else message | {"thread_ts": thread_ts},
    }


def block_actions_payload(
    action_id: str,
    value: str = "",
    *,
    channel: str = "C1",
    ts: str = "1700000000.000200",
    thread_ts: str | None = None,
    user: str = "U1",
    response_url: str = "",
    trigger_id: str = "13345224609.738474920.8088930838d88f008e0",
    home: bool = False,
    **action: object,
) -> dict[str, Any]:
    """A click on a button of the bot's message, or of its home; ``action`` are other fields of the action."""
    clicked = {"type": "button", "action_id": action_id, "block_id": "b1", "action_ts": "1700000001.000100"}
    clicked |= {"text": {"type": "plain_text", "text": "…", "emoji": True}, "value": value, **action}
    payload: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": TEAM},
        "api_app_id": APP,
        "token": "a-verification-token",
        "trigger_id": trigger_id,
        "team": {"id": TEAM, "domain": "tests"},
        "enterprise": None,
        "is_enterprise_install": False,
        "actions": [clicked],
    }
    if home:
        view = {"id": "VHOME", "team_id": TEAM, "type": "home", "blocks": [], "app_id": APP, "bot_id": BOT}
        return payload | {"container": {"type": "view", "view_id": "VHOME"}, "view": view}
    message = {"type": "message", "user": BOT_USER, "bot_id": BOT, "app_id": APP, "ts": ts, "text": "…", "team": TEAM}
    container = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False}
    if thread_ts is not None:
        message["thread_ts"] = container["thread_ts"] = thread_ts
    return payload | {
        "container": container,
        "channel": {"id": channel, "name": "general"},
        "message": message,
        "state": {"values": {}},
        "response_url": response_url,
    }


def interaction_body(payload: dict[str, Any]) -> bytes:
    """A shortcut or a click as the body of a request."""
    return urlencode({"payload": json.dumps(payload)}).encode()
