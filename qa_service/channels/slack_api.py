"""Slack's Web API for this app: how it is called, what its errors mean, and what it tells of users."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryHandler, RetryState
from slack_sdk.webhook import WebhookClient

from qa_service.channels.bot_platform import TryLater
from qa_service.channels.slack_blocks import Post
from qa_service.language import Language, known_language

_LOG = logging.getLogger(__name__)
# What the SDK says of a failed call holds addresses, and of a broken answer its words: it says nothing at all.
_SILENT = logging.getLogger(f"{__name__}.sdk")
_SILENT.setLevel(logging.CRITICAL + 1)

# Slack's "too many requests" is waited for so long and so often. Seconds: longer, and one busy channel would hold the
# threads that answer all others.
_LONGEST_WAIT = 15
_WAITS = 3
# A call that only a sign of life depends on, or somebody who waits with the finger on a button. Seconds.
_HASTY_S = 3.0
# Until a message is tried again for which Slack did not say when. Seconds.
_SOON = 5.0

# What is known of users, and that a place has no streams, holds for an hour; that a user is not known, for less.
_HOUR = 3_600.0
_FAILED_FOR = 300.0
_REMEMBERED = 1_000

# Characters of a message's text below its blocks: an update takes no more.
_TEXT = 4_000

_TOKEN = frozenset(
    "account_inactive invalid_auth not_allowed_token_type not_authed org_login_required token_expired"
    " token_revoked".split()
)
_PASSING = frozenset("fatal_error internal_error rate_limited ratelimited request_timeout service_unavailable".split())
# A message that Slack does not take is a mistake of ours; its text alone is still worth having.
_MISTAKES = frozenset(
    "invalid_arguments invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long no_text".split()
)
# These say that nothing is streamed to any channel; every other refusal is about one.
_NO_STREAMS_AT_ALL = frozenset(
    "deprecated_endpoint feature_not_enabled method_deprecated missing_scope unknown_method".split()
)
# What stands in Slack's place, or before it, may not offer every method.
_NOT_OFFERED = frozenset({404, 405, 501})
_CODE = re.compile(r"[a-z0-9_]{1,60}")
_SLACKS_ADDRESS = re.compile(r"https://[a-z0-9.-]+\.slack\.com/[^\s\\@]*")
# An entity or a mention that a cut has left open.
_LEFT_OPEN = re.compile(r"[&<][^;>]{0,200}$")

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")
_Given = TypeVar("_Given")


class SlackRefused(Exception):
    """Slack answered a call, and said no; ``error`` is its word for why."""

    def __init__(self, error: str) -> None:
        """Remember Slack's word."""
        super().__init__(error)
        self.error: Final = error

    @property
    def is_about_the_token(self) -> bool:
        """Whether the bot's token is no good, and nothing will work."""
        return self.error in _TOKEN


class _Fading(Generic[_Key, _Value]):
    """Values that are forgotten after a while, the oldest first where there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[_Key, tuple[float, _Value]] = {}

    def __contains__(self, key: _Key) -> bool:
        with self._lock:
            return key in self._values and time.monotonic() < self._values[key][0]

    def __getitem__(self, key: _Key) -> _Value:
        with self._lock:
            return self._values[key][1]

    def put(self, key: _Key, value: _Value, seconds: float) -> None:
        with self._lock:
            self._values.pop(key, None)
            while len(self._values) >= _REMEMBERED:
                del self._values[next(iter(self._values))]
            self._values[key] = time.monotonic() + seconds, value

    def forget(self, which: Callable[[_Key], bool]) -> None:
        with self._lock:
            for key in [key for key in self._values if which(key)]:
                del self._values[key]


class _Patience(RetryHandler):
    """Waits where Slack asks to, and tries nothing else again: a post whose connection broke may have happened."""

    def __init__(self) -> None:
        super().__init__(max_retry_count=_WAITS)

    def _can_retry(
        self,
        *,
        state: RetryState,  # noqa: ARG002 (the SDK's signature)
        request: HttpRequest,  # noqa: ARG002
        response: HttpResponse | None = None,
        error: Exception | None = None,  # noqa: ARG002
    ) -> bool:
        return response is not None and response.status_code == 429 and _asked_wait(response.headers) <= _LONGEST_WAIT

    def prepare_for_next_attempt(
        self,
        *,
        state: RetryState,
        request: HttpRequest,  # noqa: ARG002
        response: HttpResponse | None = None,
        error: Exception | None = None,  # noqa: ARG002
    ) -> None:
        time.sleep(_asked_wait(response.headers) if response else _SOON)
        state.next_attempt_requested = True
        state.increment_current_attempt()


class Slack:
    """Slack's Web API for this app: its clients, what its errors mean, and what is known of users and channels.

    ``client`` waits where Slack asks to. An error is logged once: again only when a call of the same method has worked
    meanwhile, or after an hour. No log holds a message's text, a token or an address.
    """

    def __init__(self, token: str, api_url: str = "", *, timeout_s: float = 10) -> None:
        """Call Slack with a bot's token, at its own address or at ``api_url``; a call takes ``timeout_s`` at most."""
        address = api_url or WebClient.BASE_URL
        self._timeout_s = timeout_s
        self._patience: list[RetryHandler] = [_Patience()]
        # The SDK says int, and hands it to a socket.
        timeout: Any = timeout_s
        hasty: Any = min(timeout_s, _HASTY_S)
        self.client = WebClient(token, address, timeout, logger=_SILENT, retry_handlers=self._patience)
        self._hasty = WebClient(token, address, hasty, logger=_SILENT, retry_handlers=[])
        parts = urlsplit(api_url)
        self._own_address = f"{parts.scheme}://{parts.netloc}/" if parts.netloc else ""
        self._locales: _Fading[str, Language | None] = _Fading()
        self._without_streams: _Fading[str, None] = _Fading()
        self._told: _Fading[tuple[str, str], None] = _Fading()

    def call(
        self, method: str, arguments: dict[str, Any], *, hasty: bool = False, form: bool = False
    ) -> dict[str, Any]:
        """What a method answers; ``form`` for those that read no JSON, ``hasty`` for calls that are not worth waiting.

        Raises SlackRefused when Slack says no, TryLater when it cannot be reached or is not well: whether the call took
        effect is not known then.
        """
        client = self._hasty if hasty else self.client
        try:
            answer = client.api_call(method, params=arguments) if form else client.api_call(method, json=arguments)
            found = answer.data
        except SlackApiError as error:
            raise self._meaning(method, error) from None
        except (OSError, HTTPException, ValueError) as error:
            self.complain(method, type(error).__name__)
            raise TryLater(_SOON) from None
        self._works(method)
        return found if isinstance(found, dict) else {}

    def respond(self, response_url: str, post: Post, *, hasty: bool = False) -> None:
        """Post to a response address, for its reader alone.

        Raises SlackRefused when that is over or the address is not Slack's, TryLater as ``call`` does.
        """
        if not self.is_response_url(response_url):
            raise SlackRefused("no_response_url")
        body = {"response_type": "ephemeral", "replace_original": False, "text": post.text}
        if post.blocks:
            body["blocks"] = post.blocks
        timeout: Any = min(self._timeout_s, _HASTY_S) if hasty else self._timeout_s
        handlers: list[RetryHandler] = [] if hasty else self._patience
        hook = WebhookClient(response_url, timeout=timeout, logger=_SILENT, retry_handlers=handlers)
        try:
            response = hook.send_dict(body)
        except (OSError, HTTPException, ValueError) as error:
            self.complain("response_url", type(error).__name__)
            raise TryLater(_SOON) from None
        if response.status_code == 200:
            self._works("response_url")
        elif response.status_code == 429 or response.status_code >= 500:
            self.complain("response_url", f"status {response.status_code}")
            raise TryLater(max(_SOON, _asked_wait(response.headers)))
        else:
            raise SlackRefused(_code_in(response.body))

    def whole_or_text(self, method: str, post: Post, send: Callable[[Post], _Given]) -> _Given:
        """Send a message; its text alone where Slack does not take its blocks."""
        try:
            return send(post)
        except SlackRefused as refused:
            if refused.error not in _MISTAKES or not post.blocks:
                raise
            self.complain(method, refused.error)
            return send(Post(post.text, []))

    def is_response_url(self, address: str) -> bool:
        """Whether something may be posted to this address: it is Slack's."""
        ours = bool(self._own_address) and address.startswith(self._own_address)
        return ours or _SLACKS_ADDRESS.fullmatch(address) is not None

    def locale(self, user_id: str) -> Language | None:
        """The language that a user has chosen in Slack, where it is one of ours; None also when it is not known."""
        if user_id in self._locales:
            with suppress(KeyError):  # forgotten just now
                return self._locales[user_id]
        language, seconds = None, _FAILED_FOR
        try:
            found = self.call("users.info", {"user": user_id, "include_locale": True}, hasty=True, form=True)
            language, seconds = known_language(str((found.get("user") or {}).get("locale", ""))[:2]), _HOUR
        except SlackRefused as refused:
            self.complain("users.info", refused.error)
        except TryLater:
            pass
        self._locales.put(user_id, language, seconds)
        return language

    # For listeners: each tells whether it worked, and raises nothing

    def post_direct(self, user_id: str, post: Post) -> bool:
        """Write to a user directly."""
        return self._tried("chat.postMessage", post, lambda it: self.call("chat.postMessage", new_message(user_id, it)))

    def ephemeral(self, response_url: str, post: Post) -> bool:
        """Say something to the one who used a command, a shortcut or a button."""
        return self._tried("response_url", post, lambda it: self.respond(response_url, it, hasty=True))

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> bool:
        """Open a modal, within three seconds of what triggers it."""
        return self._tried_once("views.open", {"trigger_id": trigger_id, "view": view})

    def publish_home(self, user_id: str, view: dict[str, Any]) -> bool:
        """Show a user the app's home."""
        return self._tried_once("views.publish", {"user_id": user_id, "view": view})

    def _tried(self, method: str, post: Post, send: Callable[[Post], object]) -> bool:
        try:
            self.whole_or_text(method, post, send)
        except SlackRefused as refused:
            self.complain(method, refused.error)
            return False
        except TryLater:
            return False
        return True

    def _tried_once(self, method: str, arguments: dict[str, Any]) -> bool:
        return self._tried(method, Post("", []), lambda _: self.call(method, arguments, hasty=True))

    # Streams

    def may_stream(self, channel: str) -> bool:
        """Whether it is worth trying to stream to a channel."""
        return not ("" in self._without_streams or channel in self._without_streams)

    def cannot_stream(self, channel: str, error: str) -> None:
        """Remember for an hour that nothing is streamed here, or anywhere if that is what the error means."""
        self._without_streams.put("" if error in _NO_STREAMS_AT_ALL else channel, None, _HOUR)

    # Errors

    def complain(self, method: str, error: str) -> None:
        """Log once that a method does not work."""
        if (method, error) in self._told:
            return
        self._told.put((method, error), None, _HOUR)
        if error in _TOKEN:
            _LOG.error("Slack does not accept the bot's token (%s): set SLACK_BOT_TOKEN to a valid one.", error)
        else:
            _LOG.warning("Slack's %s failed: %s.", method, error)

    def _works(self, method: str) -> None:
        self._told.forget(lambda told: told[0] == method or told[1] in _TOKEN)

    def _meaning(self, method: str, error: SlackApiError) -> Exception:
        response = error.response
        code = response.data.get("error") if isinstance(response.data, dict) else None
        if response.status_code == 200 and isinstance(code, str) and _CODE.fullmatch(code) and code not in _PASSING:
            return SlackRefused(code)
        if response.status_code in _NOT_OFFERED:
            return SlackRefused("unknown_method")
        self.complain(method, code if code in _PASSING else f"status {response.status_code}")
        return TryLater(max(_SOON, _asked_wait(response.headers)))


def new_message(channel: str, post: Post) -> dict[str, Any]:
    """A new message: Slack shows nothing of what its links lead to."""
    return content(channel, post) | {"unfurl_links": False, "unfurl_media": False}


def content(channel: str, post: Post) -> dict[str, Any]:
    """A post as arguments: Slack itself makes no links and calls nobody in it."""
    message: dict[str, Any] = {
        "channel": channel,
        "text": post.text if len(post.text) <= _TEXT else _LEFT_OPEN.sub("", post.text[: _TEXT - 1]) + "…",
        "parse": "none",
        "link_names": False,
    }
    return message | ({"blocks": post.blocks} if post.blocks else {})


def _asked_wait(headers: Any) -> float:  # noqa: ANN401 (the SDK has headers of several shapes)
    """The seconds after which Slack asks to be called again."""
    for name, value in dict(headers or {}).items():
        if name.lower() == "retry-after":
            told = value[0] if isinstance(value, list) and value else value
            return float(told) if isinstance(told, str) and told.isdecimal() else 1.0
    return 1.0


def _code_in(body: str) -> str:
    """Slack's word in the answer of a response address: JSON, or the word alone."""
    found = re.search(r'"error":\s*"([a-z0-9_]{1,60})"', body or "") or _CODE.fullmatch((body or "").strip())
    return found[found.re.groups] if found else "unreadable"
