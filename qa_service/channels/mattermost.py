"""A bot in Mattermost: its outgoing webhooks and slash commands, both at ``POST /mattermost``.

Mattermost shows what it gets in response to its request, and does not ask again. A webhook has no other way back; a
command has one, to the address that comes with it, for answers that take longer.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Annotated, Any, Literal
from urllib.error import HTTPError
from urllib.parse import SplitResult, parse_qsl, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from flask import Blueprint, Response, abort, jsonify, request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnprocessableEntity

from qa_service.answers import Answer
from qa_service.channels.bodies import body_of, received
from qa_service.channels.bot import Bot
from qa_service.channels.bot_platform import Message, Notice, TryLater, Undeliverable, conversation_id, without_emoji
from qa_service.channels.mattermost_text import answer_text, is_ours, notice_text
from qa_service.channels.operations import Content, Operation, operation
from qa_service.channels.problems import problem
from qa_service.errors import StorageUnavailable
from qa_service.language import Language, sound

_LOG = logging.getLogger(__name__)

# Mattermost waits 30 seconds for a response, unless it is set otherwise; whoever gave a command looks at an empty
# channel meanwhile.
_WEBHOOK_WAIT_S = 25.0
_COMMAND_WAIT_S = 2.0

# So many requests wait for their answers at once, unless it is said otherwise.
_AT_ONCE = 6

# How long Mattermost may take to accept a later answer, in seconds.
_POST_TIMEOUT_S = 10.0
# Statuses that pass, besides those of its server's failures.
_PASSING = frozenset({408, 425, 429})

# Mattermost adds two fields to a command's thirteen for each person and each channel that it names.
_MOST_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"

# An id of Mattermost's own has 26 characters. One of a command is longer and opens dialogs for whoever holds it, its
# address takes posts from them, and logs name ids; what is no id at all, a database may fail over.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_MENTION = re.compile(r"\A[\s,:;]*(?:@[\w.-]+[\s,:;]*)?")


class MattermostPost(BaseModel):
    """What Mattermost sends: a post, by an outgoing webhook, or a slash command. What is not listed here is ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    token: Annotated[str, Field(description="One of `QA_MATTERMOST_TOKENS`.")] = ""
    team_id: str = ""
    channel_id: str = ""
    user_id: str = ""
    text: Annotated[str, Field(description="The question, perhaps after the trigger word or a mention.")] = ""
    post_id: Annotated[str, Field(description="That of the post; a command has none.")] = ""
    trigger_word: Annotated[str, Field(description="What set off the webhook.")] = ""
    command: Annotated[str, Field(description="The command, with its slash.")] = ""
    trigger_id: Annotated[str, Field(description="That of the command.")] = ""
    response_url: Annotated[str, Field(description="Where a later answer to the command goes.")] = ""

    @property
    def is_command(self) -> bool:
        """Whether it is a slash command."""
        return bool(self.command or self.response_url)


@dataclass(frozen=True)
class MattermostReply:
    """What Mattermost shows; nothing where this is empty."""

    response_type: Literal["comment", "in_channel", "ephemeral"]
    text: str
    # Words between angle brackets are no mentions and links in Slack's form.
    skip_slack_parsing: Literal[True] = True


_EXAMPLES: dict[str, Any] = {
    "English": {
        "token": "token-of-the-webhook",
        "team_id": "team1",
        "channel_id": "channel1",
        "user_id": "user1",
        "post_id": "post1",
        "text": "ask When was the visa agreement signed?",
        "trigger_word": "ask",
    },
    "French": {
        "token": "token-of-the-command",
        "team_id": "team1",
        "channel_id": "channel1",
        "user_id": "user1",
        "command": "/ask",
        "text": "Quand l’exemption de visa entre-t-elle en vigueur\u202f?",
        "trigger_id": "trigger1",
        "response_url": "https://chat.example/hooks/commands/hook1",
    },
}
_ASKED = Operation(
    "Answer a post or a slash command of Mattermost",
    "Bots",
    "It is there where `QA_MATTERMOST_TOKENS` is set, for whoever sends one of them: in the body, or as "
    "`Authorization: Token …`. What was sent before is not answered again. An answer that takes too long is replaced "
    "by a line that says so; that to a command follows at its `response_url`, where that is at `QA_MATTERMOST_URL`.",
    access="open",
    body=Content(MattermostPost, ("application/json", _FORM), _EXAMPLES),
    replies={
        200: Content(
            MattermostReply | dict[str, str],
            examples={
                "To a post": {
                    "response_type": "comment",
                    "text": "I could not find an answer to this in the documents.",
                    "skip_slack_parsing": True,
                },
                "To what was answered before": {},
            },
            description="What Mattermost shows; an empty object where there is nothing to say.",
        )
    },
    problems=(401, 404),
)


def blueprint(platform: Mattermost, bot: Bot | None, tokens: tuple[str, ...]) -> Blueprint:
    """``POST /mattermost``, for whoever sends one of these tokens; nothing is there when there are none."""
    routes = Blueprint("mattermost", __name__)

    @routes.post("/mattermost")
    @operation(_ASKED)
    def asked() -> Response:
        if bot is None or not tokens:
            abort(404)
        sent = _sent()
        if not _is_known(sent, tokens):
            refused = problem(401, "This needs the token of a webhook or a slash command in QA_MATTERMOST_TOKENS.")
            refused.headers["WWW-Authenticate"] = "Token"
            return refused
        reply = None if is_ours(sent.text) else platform.answered(sent, bot)
        return jsonify(asdict(reply) if reply else {})

    return routes


class Mattermost:
    """One Mattermost, to which answers go: in response to its requests while these wait, later where that is possible.

    Another process may have to answer what this one was sent; whoever waited for it is gone then.
    """

    name = "mattermost"
    help_key = "help_mattermost"

    def __init__(
        self,
        tokens: tuple[str, ...],
        *,
        url: str = "",
        public_url: str = "",
        at_once: int = _AT_ONCE,
        webhook_wait_s: float = _WEBHOOK_WAIT_S,
        command_wait_s: float = _COMMAND_WAIT_S,
    ) -> None:
        """Answer the Mattermost at ``url``, else only what waits; links to articles begin with ``public_url``.

        So many requests wait at once; others are told to ask later, so that threads are left for everybody else. Nobody
        can guess a conversation's id without the first of the tokens.
        """
        self._secret = tokens[0] if tokens else ""
        self._site = urlsplit(url)
        self._public_url = public_url
        self._webhook_wait_s = webhook_wait_s
        self._command_wait_s = command_wait_s
        # The environment's proxies are not asked: Mattermost is where the setting says, or nowhere.
        self._opener = build_opener(ProxyHandler({}), _NoRedirects)
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._room = threading.BoundedSemaphore(at_once)
        self._warned = False

    def reply(self, message: Message, kept: dict[str, Any], remember: Callable[[dict[str, Any]], None]) -> _Reply:  # noqa: ARG002 (the signature is the bot's)
        """Where a message is answered: whoever waits for it here, else its way back."""
        with self._lock:
            waiting = self._waiting.get(message.id)
        return _Reply(self, message, waiting)

    def answered(self, sent: MattermostPost, bot: Bot) -> MattermostReply | None:
        """What is said at once to what was sent; None where it was sent before."""
        message = self._message(sent)
        if not self._room.acquire(blocking=False):
            return noticed(message, Notice("too_slow", message.spoken or "en"))
        try:
            return self._awaited(message, bot)
        finally:
            self._room.release()

    def _awaited(self, message: Message, bot: Bot) -> MattermostReply | None:
        with self._expected(message.id) as waiting:
            try:
                if not bot.take(message):
                    return None
            except StorageUnavailable:
                return noticed(message, Notice("storage", message.spoken or "en"))
            later = bool(message.place["response_url"])
            said = waiting.wait(self._command_wait_s if later else self._webhook_wait_s)
        return said or noticed(
            message, Notice("working" if later else "too_slow", waiting.language or message.spoken or "en")
        )

    def shown(self, message: Message, answer: Answer) -> MattermostReply:
        """An answer as it is posted; one to a command repeats the question, which nobody else in the channel saw."""
        command = bool(message.place["command"])
        text = answer_text(answer, self._public_url, message.text if command else "")
        return MattermostReply("in_channel" if command else "comment", text)

    def post(self, message: Message, said: MattermostReply) -> None:
        """Send what comes later; raises TryLater or Undeliverable."""
        address = self._way_back(message.place["response_url"])
        if not address:
            _LOG.warning("An answer came when Mattermost no longer waited for it.")
            raise Undeliverable
        sent = json.dumps(asdict(said)).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "qa-service"}
        posted = Request(address, sent, headers, method="POST")  # noqa: S310 (http or https, as the setting says)
        try:
            self._opener.open(posted, timeout=_POST_TIMEOUT_S).close()
        except HTTPError as error:
            with error:
                status = error.code
            _LOG.warning("Mattermost did not take an answer (HTTP %d).", status)
            raise (TryLater() if status >= 500 or status in _PASSING else Undeliverable()) from None
        except (OSError, HTTPException) as error:
            _LOG.warning("Mattermost could not be reached for an answer (%s).", type(error).__name__)
            raise TryLater from None

    def _message(self, sent: MattermostPost) -> Message:
        """What was sent as the bot takes it; raises UnprocessableEntity where it has no id."""
        named = sent.trigger_id or sent.response_url if sent.is_command else sent.post_id
        if not named:
            raise UnprocessableEntity("The body names neither a post nor a command.")
        if not _PLAIN_ID.fullmatch(named):
            named = hashlib.sha256(sound(named).encode()).hexdigest()
        asker = json.dumps([sent.team_id, sent.channel_id, sent.user_id])
        conversation = conversation_id(self.name, self._secret, asker)
        back = sent.response_url if self._way_back(sent.response_url) else ""
        if self._site.netloc and sent.response_url and not back and not self._warned:
            self._warned = True
            _LOG.warning("Commands of Mattermost come from another site than QA_MATTERMOST_URL: it waits for answers.")
        place = {"command": sent.is_command, "response_url": back}
        return Message(f"mattermost:{named}", _question(sent), place, conversation)

    def _way_back(self, given: str) -> str:
        """The address of a later answer, on the one site that is ours to write to; empty where there is none."""
        try:
            parts = urlsplit(given)
            ours = bool(self._site.netloc) and _origin(parts) == _origin(self._site)
        except ValueError:
            return ""
        if not ours or "@" in parts.netloc or not re.fullmatch(r"/[A-Za-z0-9/._~%-]*", parts.path):
            return ""
        return f"{self._site.scheme}://{self._site.netloc}{parts.path}"

    @contextmanager
    def _expected(self, message_id: str) -> Iterator[_Waiting]:
        """Somebody who waits for what is said to a message; whoever came first, where it was sent twice."""
        with self._lock:
            first = message_id not in self._waiting
            waiting = self._waiting.setdefault(message_id, _Waiting())
        try:
            yield waiting
        finally:
            if first:
                with self._lock:
                    del self._waiting[message_id]


class _Waiting:
    """A request while it waits for what is said to it."""

    def __init__(self) -> None:
        self.language: Language | None = None
        self._lock = threading.Lock()
        self._there = threading.Event()
        self._over = False
        self._said: MattermostReply | None = None

    def take(self, said: MattermostReply) -> bool:
        """Hand over what is said; False where nobody waits any more, or something was said."""
        with self._lock:
            if self._over or self._said:
                return False
            self._said = said
        self._there.set()
        return True

    def wait(self, seconds: float) -> MattermostReply | None:
        """What is said within this time; whatever comes later is not taken."""
        self._there.wait(seconds)
        with self._lock:
            self._over = True
            return self._said


class _Reply:
    """Where one message is answered."""

    def __init__(self, platform: Mattermost, message: Message, waiting: _Waiting | None) -> None:
        self._platform = platform
        self._message = message
        self._waiting = waiting

    def conversation(self) -> str:
        return self._message.conversation

    def language(self) -> Language | None:
        return None  # Mattermost does not tell

    def alive(self, language: Language) -> None:
        # The request itself gives the sign, when it has waited long enough.
        if self._waiting:
            self._waiting.language = language

    def write(self, text: str) -> None:
        """Nothing can be shown of an answer before it is there."""

    def answer(self, answer: Answer) -> None:
        self._say(self._platform.shown(self._message, answer))

    def notice(self, notice: Notice) -> None:
        self._say(noticed(self._message, notice))

    def _say(self, said: MattermostReply) -> None:
        if not (self._waiting and self._waiting.take(said)):
            self._platform.post(self._message, said)


class _NoRedirects(HTTPRedirectHandler):
    """What an answer is sent to takes it, or does not."""

    def redirect_request(
        self,
        req: Request,  # noqa: ARG002 (the signature is urllib's)
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: HTTPMessage,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None


def noticed(message: Message, notice: Notice) -> MattermostReply:
    """A notice as it is posted; that to a command is for its asker alone."""
    return MattermostReply("ephemeral" if message.place["command"] else "comment", notice_text(notice))


def _sent() -> MattermostPost:
    """What the request holds, a form or JSON; raises what ``body_of`` does."""
    if request.mimetype != _FORM:
        return body_of(MattermostPost)
    # A form of the pages has fewer fields than a command may have.
    try:
        fields = parse_qsl(received().decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except ValueError:
        raise RequestEntityTooLarge from None
    ours = [(name, value) for name, value in fields if name in MattermostPost.model_fields]
    if len(dict(ours)) != len(ours):
        raise BadRequest("The body names a field twice.")
    return body_of(MattermostPost, json.dumps(dict(ours)).encode())


def _is_known(sent: MattermostPost, tokens: tuple[str, ...]) -> bool:
    """Whether one of the tokens came along. How long this takes tells nothing of them."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    given = [sent.token, credentials.strip() if scheme.lower() == "token" else ""]
    same = [hmac.compare_digest(sound(each).encode(), token.encode()) for each in given for token in tokens]
    return any(same)


def _question(sent: MattermostPost) -> str:
    """The text without what called the bot, and without emoji."""
    text = without_emoji(sound(sent.text)).replace("\0", "").strip()
    for call in (sent.trigger_word, sent.command):
        rest = text.removeprefix(call)
        # A trigger word may be the beginning of the first word: "ask" of "asking".
        if not (call[-1:].isalnum() and rest[:1].isalnum()):
            text = rest
    return _MENTION.sub("", text).strip()


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
