"""Slack without a public address: the app connects to Slack, and events come over that WebSocket (Socket Mode).

https://docs.slack.dev/apis/events-api/using-socket-mode/ describes it. Slack closes a connection every few hours and
announces it; the SDK's client has opened the next one by then, and connects again when one breaks.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import closing

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from qa_service.channels.slack_app import SlackApp
from qa_service.errors import SlackUnavailable
from qa_service.settings import Settings

# Between two pings, in seconds: a connection that answers none is replaced.
_PING_S = 10


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
        web_client=WebClient(base_url=settings.slack_api_url or WebClient.BASE_URL, logger=quiet),
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
        connected()
        ended.wait()
    slack.hand_back()


def end_at_signals() -> threading.Event:
    """What is set when a signal asks the process to end."""
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    return ended
