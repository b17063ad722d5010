"""How a reply reaches Slack: one message in its thread, with a sign of life where it takes longer, and never twice."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from http.client import HTTPException
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryHandler, RetryState
from slack_sdk.webhook import WebhookClient

from qa_service.answers import Answer
from qa_service.channels.bot import Message, Notice, TryLater, Undeliverable
from qa_service.channels.bot_texts import bot_text
from qa_service.channels.slack_blocks import (
    Link,
    Post,
    answer_posts,
    footer,
    notice_post,
    preview,
    question_post,
    working_post,
)
from qa_service.language import Language, known_language, shown_language

_LOG = logging.getLogger(__name__)
# What the SDK says of a failed call holds addresses, and of a broken answer its words: it says nothing at all.
_SILENT = logging.getLogger(f"{__name__}.sdk")
_SILENT.setLevel(logging.CRITICAL + 1)

# Slack's "too many requests" is waited for so long and so often. Seconds.
_LONGEST_WAIT = 60
_WAITS = 3
# A call that only a sign of life depends on, or somebody who waits with the finger on a button. Seconds.
_HASTY_S = 3.0
# Until a message is tried again for which Slack did not say when. Seconds.
_SOON = 5.0

# What is known of users, and that a place has no streams, holds for an hour; that a user is not known, for less.
_HOUR = 3_600.0
_FAILED_FOR = 300.0
_REMEMBERED = 1_000

# Between two appends to a stream, so that a minute's calls stay below Slack's limit. Seconds.
_APPEND_EVERY = 1.0
# Characters of an answer that one append takes, and of Slack's Markdown that one stream may hold.
_PIECE = 1_000
_STREAM = 12_000
# Characters of a message's text below its blocks: an update takes no more.
_TEXT = 4_000
# Posts that one response address takes.
_RESPONSES = 5

# What marks our messages, so that they are found again by whoever goes on after a crash.
_EVENT_TYPE = "qa_service_reply"
# A sign of life; the parts of a reply count from one.
_SIGN = 0
# A thread is searched for them so far: pages, messages on a page, and seconds back. No message is tried for longer.
_PAGES, _ON_A_PAGE, _BACK = 5, 200, 7_200.0
_TASK = "search"

_TOKEN = frozenset(
    "account_inactive invalid_auth not_allowed_token_type not_authed org_login_required token_expired"
    " token_revoked".split()
)
_PASSING = frozenset("fatal_error internal_error rate_limited ratelimited request_timeout service_unavailable".split())
# A message that Slack does not take is a mistake of ours; its text alone is still worth having.
_MISTAKES = frozenset(
    "invalid_arguments invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long no_text".split()
)
_CANNOT_UPDATE = frozenset(
    "cant_update_message edit_window_closed is_inactive message_not_found streaming_state_conflict"
    " update_failed".split()
)
# These say that nothing is streamed to any channel; every other refusal is about one.
_NO_STREAMS_AT_ALL = frozenset(
    "deprecated_endpoint feature_not_enabled method_deprecated missing_scope unknown_method".split()
)
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
        return self._tried("chat.postMessage", post, lambda it: self.call("chat.postMessage", _message(user_id, it)))

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
        self.complain(method, code if code in _PASSING else f"status {response.status_code}")
        return TryLater(max(_SOON, _asked_wait(response.headers)))


@dataclass(frozen=True)
class _Place:
    """Where a message came from: ``message.place``."""

    team: str
    channel: str
    user: str
    thread_ts: str = ""
    response_url: str = ""


class SlackReply:
    """One message's reply in Slack. All that another process would need to go on with it is remembered at once.

    Its methods raise TryLater and Undeliverable as ``channels.bot`` has it, except those that never raise.
    """

    def __init__(
        self,
        slack: Slack,
        message: Message,
        kept: dict[str, Any],
        remember: Callable[[dict[str, Any]], None],
        *,
        link_of: Callable[[Language], Link],
        kept_answers: bool,
        conversation_of: Callable[[str, str, str], str],
    ) -> None:
        """Reply to a message whose ``place`` names team, channel, user, thread_ts and response_url.

        ``link_of`` gives the addresses of articles for a language, ``conversation_of`` the id of a conversation for
        team, channel and thread. With ``kept_answers`` there are buttons that need the answer to be kept.
        """
        self._slack = slack
        self._message = message
        self._place = _Place(**{part.name: str(message.place.get(part.name) or "") for part in fields(_Place)})
        self._kept = {name: value for name, value in kept.items() if name != "attempt"}
        self._settle_channel()
        self._remember = remember
        self._link_of, self._kept_answers, self._conversation_of = link_of, kept_answers, conversation_of
        # A message of ours may be there whose ts is not known: an earlier attempt's, or one whose connection broke.
        self._unsure = int(kept.get("attempt", 1)) > 1
        # While a stream is open and shows what was written so far: ``_shown`` of it, in ``_length`` characters.
        self._live = False
        self._shown, self._pending, self._length = "", "", 0
        self._appended_at = 0.0
        self._working = ""

    # What the bot calls

    def conversation(self) -> str:
        """The conversation's id; a command's question is posted first, and begins the thread."""
        if not self._thread and not self._kept.get("by_response"):
            self._begin_thread()
        return self._conversation_of(self._place.team, self._place.channel, self._thread or self._message.id)

    def language(self) -> Language | None:
        """The language that the asker has chosen in Slack, where it is one of ours."""
        return self._slack.locale(self._place.user)

    def alive(self, language: Language) -> None:
        """Open a stream in the thread, else post what is replaced later. An answer for one reader alone has none."""
        if self._ts or not self._thread:
            return
        try:
            if self._unsure and (found := self._found(hasty=True)):
                self._note(ts=found.get(1) or found.get(_SIGN) or "", streamed=False)
            else:
                self._give_sign(language)
        except TryLater:
            self._unsure = True
        except SlackRefused as refused:
            self._slack.complain("chat.postMessage", refused.error)

    def write(self, text: str) -> None:
        """Show what was written so far, at most once a second, where a stream is open."""
        self._pending += text
        if not self._live or not self._pending or time.monotonic() < self._appended_at + _APPEND_EVERY:
            return
        self._appended_at = time.monotonic()
        piece = self._pending[:_PIECE]
        shown = preview(piece)
        if self._length + len(shown) > _STREAM:
            self._live = False
            return
        try:
            self._slack.call("chat.appendStream", {**self._here(), "chunks": [_markdown_chunk(shown)]}, hasty=True)
        except TryLater:
            self._live = False
        except SlackRefused as refused:
            self._live = False
            self._slack.complain("chat.appendStream", refused.error)
        else:
            self._shown, self._pending = self._shown + piece, self._pending[len(piece) :]
            self._length += len(shown)

    def answer(self, answer: Answer) -> None:
        """Post the answer, or let it take the place of the sign of life."""
        link = self._link_of(answer.language)
        posts = answer_posts(answer, link, kept=self._kept_answers)
        if len(posts) > 1 or not self._ended_stream(answer, link):
            self._deliver(posts, answer.language)

    def notice(self, notice: Notice) -> None:
        """Post a notice, or let it take the place of the sign of life."""
        self._deliver([notice_post(notice)], notice.language)

    # A command's thread

    @property
    def _thread(self) -> str:
        return self._place.thread_ts or str(self._kept.get("thread_ts", ""))

    def _begin_thread(self) -> None:
        language = self._message.language or shown_language(self._message.text) or self.language() or "en"
        question = question_post(self._place.user, self._message.text, language)
        try:
            posted = self._slack.whole_or_text(
                "chat.postMessage",
                question,
                lambda it: self._slack.call("chat.postMessage", _message(self._place.channel, it)),
            )
            # Of a user who was written to directly, Slack tells the channel only now.
            self._note(thread_ts=str(posted.get("ts") or ""), channel=str(posted.get("channel") or self._place.channel))
            self._settle_channel()
        except SlackRefused as refused:
            if refused.error in _TOKEN or not self._slack.is_response_url(self._place.response_url):
                self._give_up(refused, language)
            self._note(by_response=True)

    def _settle_channel(self) -> None:
        if self._kept.get("channel"):
            self._place = replace(self._place, channel=str(self._kept["channel"]))

    # A sign of life

    def _give_sign(self, language: Language) -> None:
        channel = self._place.channel
        refusal = self._refusal_to_stream(language) if self._slack.may_stream(channel) else None
        if self._live:
            return
        self._note(ts=self._posted(working_post(language), _SIGN, hasty=True), streamed=False)
        if refusal:  # messages may be posted here, but not streamed
            self._slack.cannot_stream(channel, refusal)

    def _refusal_to_stream(self, language: Language) -> str | None:
        """Open a stream; Slack's word where there can be none."""
        self._working = working_post(language).text
        arguments = {
            "channel": self._place.channel,
            "thread_ts": self._thread,
            "recipient_team_id": self._place.team,
            "recipient_user_id": self._place.user,
            "chunks": [self._task("in_progress")],
        }
        try:
            ts = str(self._slack.call("chat.startStream", arguments, hasty=True).get("ts") or "")
        except SlackRefused as refused:
            return refused.error
        if not ts:
            return "unknown_method"
        self._note(ts=ts, streamed=True)
        self._live = True
        self._appended_at = time.monotonic()
        return None

    def _task(self, status: str) -> dict[str, str]:
        return {"type": "task_update", "id": _TASK, "title": self._working, "status": status}

    # The end

    def _ended_stream(self, answer: Answer, link: Link) -> bool:
        """Whether the stream ends with the rest of the answer: all that it shows still stands in it."""
        if not self._live or answer.withdrawn or not answer.answer.startswith(self._shown):
            return False
        rest = preview(answer.answer[len(self._shown) :])
        if self._length + len(rest) > _STREAM:
            return False
        chunks = [*([_markdown_chunk(rest)] if rest else []), self._task("complete")]
        below = footer(answer, link, kept=self._kept_answers)
        arguments = {**self._here(), "chunks": chunks, "metadata": self._mark(1)}
        try:
            self._slack.call("chat.stopStream", arguments | ({"blocks": below} if below else {}))
        except SlackRefused as refused:  # it may have ended by itself: the message is replaced as a whole
            self._slack.complain("chat.stopStream", refused.error)
            return False
        return True

    def _deliver(self, posts: Sequence[Post], language: Language) -> None:
        if not self._thread:
            self._respond(posts, language)
            return
        try:
            self._stop_stream()
            self._place_all(posts)
        except SlackRefused as refused:
            if refused.error in _TOKEN or not self._slack.is_response_url(self._place.response_url):
                self._give_up(refused, language)
            self._slack.complain("chat.postMessage", refused.error)
            self._respond(posts, language)

    def _stop_stream(self) -> None:
        self._live = False
        if self._kept.get("streamed"):
            with suppress(SlackRefused):  # it is closed already, or gone
                self._slack.call("chat.stopStream", self._here())

    def _place_all(self, posts: Sequence[Post]) -> None:
        """Show these posts: in place of those that are there already, else anew. What is left over is deleted."""
        there, known = self._there(len(posts)), self._kept.get("further", [])
        placed: list[str] = []
        for part, post in enumerate(posts, 1):
            ts = there.pop(part, "")
            placed.append(ts if ts and self._updated(ts, post, part) else self._posted(post, part))
            if len(posts) > 1:
                self._note(ts=placed[0], streamed=False, further=[*placed[1:], *known[part - 1 :]])
        for ts in there.values():
            with suppress(SlackRefused, TryLater):
                self._slack.call("chat.delete", {"channel": self._place.channel, "ts": ts})

    def _there(self, count: int) -> dict[int, str]:
        """The messages of this reply that are there already, by their parts; a sign of life is as good as the first."""
        there = {part: str(ts) for part, ts in enumerate(self._kept.get("further", []), 2)}
        if self._unsure and (not self._ts or count > 1):
            there = self._found() | there
        if self._ts:
            there[1] = self._ts
        elif _SIGN in there and 1 not in there:
            there[1] = there.pop(_SIGN)
        return {part: ts for part, ts in there.items() if part == 1 or ts != there.get(1)}

    def _found(self, *, hasty: bool = False) -> dict[int, str]:
        """The messages of this reply that the thread holds, by their parts."""
        asked = {"channel": self._place.channel, "ts": self._thread, "limit": _ON_A_PAGE, "include_all_metadata": True}
        asked["oldest"] = f"{time.time() - _BACK:.6f}"
        found: dict[int, str] = {}
        try:
            for _ in range(_PAGES):
                page = self._slack.call("conversations.replies", asked, hasty=hasty, form=True)
                for message in page.get("messages") or []:
                    part = self._part(message)
                    if part is not None:
                        found[part] = str(message["ts"])
                asked["cursor"] = (page.get("response_metadata") or {}).get("next_cursor") or ""
                if not asked["cursor"]:
                    break
        except SlackRefused as refused:
            self._slack.complain("conversations.replies", refused.error)
        return found

    def _part(self, message: dict[str, Any]) -> int | None:
        """Which part of this reply a message is."""
        mark = message.get("metadata") or {}
        payload = mark.get("event_payload") or {}
        ours = mark.get("event_type") == _EVENT_TYPE and payload.get("message") == self._message.id
        return payload["part"] if ours and isinstance(payload.get("part"), int) else None

    def _posted(self, post: Post, part: int, *, hasty: bool = False) -> str:
        def send(it: Post) -> dict[str, Any]:
            arguments = _message(self._place.channel, it) | {"thread_ts": self._thread, "metadata": self._mark(part)}
            return self._slack.call("chat.postMessage", arguments, hasty=hasty)

        return str(self._slack.whole_or_text("chat.postMessage", post, send).get("ts") or "")

    def _updated(self, ts: str, post: Post, part: int) -> bool:
        """Whether a message could be replaced; it may be gone, or too old."""

        def send(it: Post) -> dict[str, Any]:
            arguments = _content(self._place.channel, it) | {"ts": ts, "metadata": self._mark(part)}
            return self._slack.call("chat.update", {**arguments, "blocks": it.blocks})

        try:
            self._slack.whole_or_text("chat.update", post, send)
        except SlackRefused as refused:
            if refused.error not in _CANNOT_UPDATE:
                raise
            self._slack.complain("chat.update", refused.error)
            return False
        return True

    def _respond(self, posts: Sequence[Post], language: Language) -> None:
        """Show these posts to the asker alone, each once."""
        address = self._place.response_url
        try:
            for at, post in enumerate(posts[:_RESPONSES]):
                if at >= self._kept.get("responded", 0):
                    self._slack.whole_or_text("response_url", post, lambda it: self._slack.respond(address, it))
                    self._note(responded=at + 1)
        except SlackRefused as refused:
            self._give_up(refused, language)

    def _give_up(self, refused: SlackRefused, language: Language) -> None:
        """Log that there is no way to reply here, tell the asker where that is possible, and raise Undeliverable."""
        self._slack.complain("chat.postMessage", refused.error)
        if refused.error not in _TOKEN and not self._place.channel.startswith("D"):
            text = bot_text("not_in_channel", language, channel=f"<#{self._place.channel}>")
            self._slack.post_direct(self._place.user, Post(text, []))
        raise Undeliverable(refused.error)

    # Small things

    @property
    def _ts(self) -> str:
        return str(self._kept.get("ts", ""))

    def _here(self) -> dict[str, Any]:
        return {"channel": self._place.channel, "ts": self._ts}

    def _mark(self, part: int) -> dict[str, Any]:
        return {"event_type": _EVENT_TYPE, "event_payload": {"message": self._message.id, "part": part}}

    def _note(self, **known: object) -> None:
        self._kept |= known
        self._remember(dict(self._kept))


def _message(channel: str, post: Post) -> dict[str, Any]:
    """A new message: Slack shows nothing of what its links lead to."""
    return _content(channel, post) | {"unfurl_links": False, "unfurl_media": False}


def _content(channel: str, post: Post) -> dict[str, Any]:
    """A post as arguments: Slack itself makes no links and calls nobody in it."""
    message: dict[str, Any] = {
        "channel": channel,
        "text": post.text if len(post.text) <= _TEXT else _LEFT_OPEN.sub("", post.text[: _TEXT - 1]) + "…",
        "parse": "none",
        "link_names": False,
    }
    return message | ({"blocks": post.blocks} if post.blocks else {})


def _markdown_chunk(text: str) -> dict[str, str]:
    return {"type": "markdown_text", "text": text}


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
