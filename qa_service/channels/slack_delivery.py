"""How a reply reaches Slack: one message in its thread, with a sign of life where it takes longer, and never twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from qa_service.answers import Answer
from qa_service.channels.bot_platform import Message, Notice, TryLater, Undeliverable
from qa_service.channels.bot_texts import bot_text
from qa_service.channels.slack_api import Slack, SlackRefused, content, new_message
from qa_service.channels.slack_blocks import (
    Link,
    Post,
    answer_posts,
    footer,
    notice_post,
    question_post,
    working_post,
)
from qa_service.channels.slack_markup import preview
from qa_service.language import Language

# Between two appends to a stream, so that a minute's calls stay below Slack's limit. Seconds.
_APPEND_EVERY = 1.0
# Characters of an answer that one append takes, and of Slack's Markdown that one stream may hold.
_PIECE = 1_000
_STREAM = 12_000
# Posts that one response address takes.
_RESPONSES = 5

# What marks our messages, so that they are found again by whoever goes on after a crash.
_EVENT_TYPE = "qa_service_reply"
# A sign of life, and a command's question; the parts of a reply count from one.
_SIGN = 0
_QUESTION = -1
# A thread is searched for them so far: pages, messages on a page, and seconds back. No message is tried for longer.
_PAGES, _ON_A_PAGE, _BACK = 5, 200, 7_200.0
_TASK = "search"

_CANNOT_UPDATE = frozenset(
    "cant_update_message edit_window_closed is_inactive message_not_found streaming_state_conflict"
    " update_failed".split()
)


@dataclass(frozen=True)
class _Place:
    """Where a message came from: ``message.place``."""

    team: str
    channel: str
    user: str
    thread_ts: str = ""
    response_url: str = ""
    user_team: str = ""


class SlackReply:
    """One message's reply in Slack. All that another process would need to go on with it is remembered at once.

    Its methods raise TryLater and Undeliverable as ``bot_platform`` has it, except those that never raise.
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
        """Reply to a message whose ``place`` names team, channel, user, user_team, thread_ts and response_url.

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
        known = not self._place.channel.startswith(("U", "W"))  # whom to write to: Slack tells the channel later
        if self._unsure and known and (begun := self._searched("conversations.history", {}).get(_QUESTION)):
            self._note(thread_ts=begun)
            return
        language = self._message.spoken or self.language() or "en"
        question = question_post(self._place.user, self._message.text, language)
        try:
            posted = self._slack.whole_or_text(
                "chat.postMessage",
                question,
                lambda it: self._slack.call(
                    "chat.postMessage", new_message(self._place.channel, it) | {"metadata": self._mark(_QUESTION)}
                ),
            )
            # Of a user who was written to directly, Slack tells the channel only now.
            self._note(thread_ts=str(posted.get("ts") or ""), channel=str(posted.get("channel") or self._place.channel))
            self._settle_channel()
        except SlackRefused as refused:
            if refused.is_about_the_token or not self._slack.is_response_url(self._place.response_url):
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
            "recipient_team_id": self._place.user_team or self._place.team,
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
            if refused.is_about_the_token or not self._slack.is_response_url(self._place.response_url):
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
        found = self._searched("conversations.replies", {"ts": self._thread}, hasty=hasty)
        return {part: ts for part, ts in found.items() if part != _QUESTION}

    def _searched(self, method: str, where: dict[str, Any], *, hasty: bool = False) -> dict[int, str]:
        """Our messages about this one in a thread or a channel, as far as it is searched."""
        asked = where | {"channel": self._place.channel, "limit": _ON_A_PAGE, "include_all_metadata": True}
        asked["oldest"] = f"{time.time() - _BACK:.6f}"
        found: dict[int, str] = {}
        try:
            for _ in range(_PAGES):
                page = self._slack.call(method, asked, hasty=hasty, form=True)
                for message in page.get("messages") or []:
                    part = self._part(message)
                    if part is not None:
                        found[part] = str(message["ts"])
                asked["cursor"] = (page.get("response_metadata") or {}).get("next_cursor") or ""
                if not asked["cursor"]:
                    break
        except SlackRefused as refused:
            self._slack.complain(method, refused.error)
        return found

    def _part(self, message: dict[str, Any]) -> int | None:
        """Which part of this reply a message is."""
        mark = message.get("metadata") or {}
        payload = mark.get("event_payload") or {}
        ours = mark.get("event_type") == _EVENT_TYPE and payload.get("message") == self._message.id
        return payload["part"] if ours and isinstance(payload.get("part"), int) else None

    def _posted(self, post: Post, part: int, *, hasty: bool = False) -> str:
        def send(it: Post) -> dict[str, Any]:
            arguments = new_message(self._place.channel, it) | {"thread_ts": self._thread, "metadata": self._mark(part)}
            return self._slack.call("chat.postMessage", arguments, hasty=hasty)

        return str(self._slack.whole_or_text("chat.postMessage", post, send).get("ts") or "")

    def _updated(self, ts: str, post: Post, part: int) -> bool:
        """Whether a message could be replaced; it may be gone, or too old."""

        def send(it: Post) -> dict[str, Any]:
            arguments = content(self._place.channel, it) | {"ts": ts, "metadata": self._mark(part)}
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
        if not refused.is_about_the_token and not self._place.channel.startswith("D"):
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


def _markdown_chunk(text: str) -> dict[str, str]:
    return {"type": "markdown_text", "text": text}
