"""Slack without a public address: the app connects to Slack, and events come over that WebSocket (Socket Mode).

https://docs.slack.dev/apis/events-api/using-socket-mode/ describes it. Slack closes a connection every few hours and
announces it; the SDK's client has opened the next one by then, and connects again when one breaks.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.builtin.connection import Connection

from qa_service.channels.slack_app import SlackApp
from qa_service.errors import SlackUnavailable
from qa_service.settings import Settings

_LOG = logging.getLogger(__name__)

# Between two pings, in seconds: a connection that answers none is replaced, and one that is lost.
_PING_S = 5
# How often the connection is looked at, and how long there may be none before it is told. Seconds.
_LOOK_S = 1.0
_TOLD_AFTER_S = 30.0
# How long Slack may take to say where to connect. Seconds.
_ANSWER_S = 10


def serve(slack: SlackApp, settings: Settings, ended: threading.Event, connected: Callable[[], None]) -> None:
    """Answer what comes over Socket Mode until ``ended`` is set; ``connected`` is called once it can come.

    Raises SlackUnavailable when Slack does not let the app connect at first; later it tries again by itself.
    """
    quiet = logging.getLogger("slack_sdk.socket_mode.qa_service")
    quiet.setLevel(logging.CRITICAL)  # what it says holds messages, and addresses that open the connection
    handler = SocketModeHandler(
        slack.bolt,
        settings.slack_app_token.get_secret_value(),
        logger=quiet,
        web_client=WebClient(base_url=settings.slack_api_url or WebClient.BASE_URL, timeout=_ANSWER_S, logger=quiet),
        ping_interval=_PING_S,
    )
    with closing(handler):
        try:
            handler.connect()  # type: ignore[no-untyped-call]
        except SlackApiError as error:
            raise SlackUnavailable(
                f"Slack does not let the app connect ({error.response.get('error', 'unknown')}); see to "
                "SLACK_APP_TOKEN and to Socket Mode in the app's settings."
            ) from None
        except (SlackClientError, OSError) as error:
            raise SlackUnavailable(f"Slack cannot be reached ({type(error).__name__}); try again.") from None
        if not handler.client.is_connected():  # the SDK would try for ever, and say nothing
            raise SlackUnavailable("Slack lets the app connect, but its WebSocket cannot be reached; try again.")
        connected()
        _watch(handler.client, ended)
    slack.hand_back()


def _watch(client: SocketModeClient, ended: threading.Event, *, told_after_s: float = _TOLD_AFTER_S) -> None:
    """Let go of a connection that has broken, which the SDK then replaces; say so when that does not work for long."""
    well_at, told = time.monotonic(), False
    while not ended.wait(_LOOK_S):
        session = client.current_session
        if session and _is_over(session):
            session.disconnect()
        if client.is_connected():
            if told:
                _LOG.warning("Connected to Slack again.")
            well_at, told = time.monotonic(), False
        elif not told and time.monotonic() - well_at > told_after_s:
            _LOG.warning("Slack cannot be connected to; it is tried on. If it stays so, see to SLACK_APP_TOKEN.")
            told = True


def _is_over(session: Connection) -> bool:
    """Whether the other end has closed a connection without a word.

    The SDK notices a minute later, and reads nothing meanwhile as fast as it can. What it has not read stays there.
    """
    open_socket = session.sock
    if open_socket is None:
        return False
    try:
        with socket.socket(fileno=os.dup(open_socket.fileno())) as peeking:  # below any encryption
            return not peeking.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno != errno.EBADF  # the SDK has let go of it just now


def end_at_signals() -> threading.Event:
    """What is set when a signal asks the process to end; a second signal ends it at once.

    Slack may let answers that were begun wait for minutes. What is not answered then is gone on with at the next start.
    """
    ended = threading.Event()

    def end(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        ended.set()

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)
    return ended
