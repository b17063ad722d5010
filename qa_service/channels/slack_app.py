"""Slack: its requests in, messages for the bot out. The same app serves ``POST /slack/events`` and Socket Mode.

Bolt reads the requests; each is acknowledged as soon as the message is claimed, and nothing here waits for Slack's own
API. What Slack sends and expects is in its documentation: https://docs.slack.dev/apis/events-api/ and
https://docs.slack.dev/interactivity/.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult

from qa_service.answers import KeptAnswer
from qa_service.channels.bot import Bot
from qa_service.channels.bot_platform import Message, Notice, conversation_id
from qa_service.channels.links import document_address
from qa_service.channels.slack_api import Slack
from qa_service.channels.slack_blocks import (
    ASK_AGAIN,
    ASK_EXAMPLE,
    RATE,
    SHOW_QUOTES,
    Link,
    home_view,
    notice_post,
    quotes_view,
)
from qa_service.channels.slack_delivery import SlackReply
from qa_service.channels.slack_text import mentions_somebody, plain
from qa_service.channels.small_talk import is_question, small_talk
from qa_service.errors import InvalidFeedback, QAServiceError, StorageUnavailable, UnknownAnswer
from qa_service.inbox import Inbox
from qa_service.language import Language, detect, known_language, other
from qa_service.settings import Settings

if TYPE_CHECKING:
    from qa_service.pipeline import Pipeline

_LOG = logging.getLogger(__name__)

# What people write themselves: anything else with a subtype tells of a change, of a bot, or of who joined.
_WRITTEN = (None, "file_share", "thread_broadcast")
_HOME_EXAMPLES = 4
# Clicks that are dealt with at once: each may wait for Slack's API.
_ERRANDS = 4

_TAKEN = BoltResponse(status=200)
# Slack sends it again: at once, after a minute, after five.
_TRY_AGAIN = 503


class SlackApp:
    """The bot in Slack. Made after a fork; its methods may be called from any thread."""

    name = "slack"
    help_key = "help"

    def __init__(self, pipeline: Pipeline, inbox: Inbox, settings: Settings, *, threads: int) -> None:
        """Answer from a pipeline as the settings say, once requests come or it is started; so many at once."""
        self._pipeline = pipeline
        self._settings = settings
        self._token = settings.slack_bot_token.get_secret_value()
        self._slack = Slack(self._token, settings.slack_api_url)
        self._errands = ThreadPoolExecutor(_ERRANDS, "slack-errand")
        self.bot = Bot(pipeline, inbox, self, longest=settings.max_question_chars, threads=threads)
        self.bolt = self._made()

    def start(self) -> None:
        """Go on with what other processes left."""
        self.bot.start()

    def hand_back(self) -> None:
        """Leave what nobody has begun with to other processes, at once."""
        self.bot.hand_back()

    def close(self) -> None:
        """Answer what was taken, and end."""
        self._errands.shutdown()
        self.bot.close()

    def reply(self, message: Message, kept: dict[str, Any], remember: Callable[[dict[str, Any]], None]) -> SlackReply:
        """Where a message is answered."""
        return SlackReply(
            self._slack,
            message,
            kept,
            remember,
            link_of=self._link,
            kept_answers=self._pipeline.keeps_answers,
            conversation_of=self.conversation,
        )

    def conversation(self, team: str, channel: str, thread_ts: str) -> str:
        """The id of a thread's conversation, or of all direct messages with somebody.

        Few people who write directly reply in a thread.
        """
        direct = channel.startswith("D")
        return conversation_id(self.name, self._token, f"{team}:{channel}:{'' if direct else thread_ts}")

    def _link(self, language: Language) -> Link:
        if not self._settings.public_url:
            return None
        return lambda document, start, end: document_address(self._settings.public_url, document, start, end, language)

    def _made(self) -> App:
        # Bolt logs whole requests, and the SDK whole replies: only what is an error of ours may be told.
        quiet = logging.getLogger("slack_bolt.qa_service")
        quiet.setLevel(logging.CRITICAL)
        app = App(
            # Bolt makes loggers of this name as quiet as its own: it must not be the name of ours.
            name="slack_bolt",
            logger=quiet,
            signing_secret=self._settings.slack_signing_secret.get_secret_value() or "unused",
            authorize=_authorized,
            request_verification_enabled=bool(self._settings.slack_signing_secret.get_secret_value()),
            ssl_check_enabled=False,
            # What listeners do is short: they claim a message, or hand on an errand.
            process_before_response=True,
            attaching_conversation_kwargs_enabled=False,
        )
        app.use(self._known_team)
        app.error(_failed)
        app.event("app_mention")(self._mentioned)
        app.event("message")(self._written)
        app.event("app_home_opened")(self._home_opened)
        app.event(re.compile(".*"))(_pass_over)
        app.command(re.compile(".*"))(self._commanded)
        app.message_shortcut(re.compile(".*"))(self._asked_about)  # the app has one
        app.action(SHOW_QUOTES)(self._quotes_wanted)
        app.action(ASK_AGAIN)(self._asked_again)
        app.action(RATE)(self._rated)
        app.action(re.compile(f"{ASK_EXAMPLE}.*"))(self._example_chosen)
        for other_kind in (app.action, app.shortcut, app.view):
            other_kind(re.compile(".*"))(_pass_over)
        return app

    def _known_team(self, req: BoltRequest, body: dict[str, Any], next: Callable[[], None]) -> BoltResponse | None:  # noqa: A002 (Bolt's name)
        allowed = self._settings.teams
        if allowed and not _teams_of(body) <= allowed:
            _LOG.warning("A request of a workspace that QA_SLACK_TEAMS does not name was refused.")
            # In Socket Mode all that is not acknowledged comes again.
            return BoltResponse(status=200 if req.mode == "socket_mode" else 403, headers={"X-Slack-No-Retry": "1"})
        next()
        return None

    # Questions

    def _mentioned(self, event: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        # In a direct message there is an event of its own for the message.
        if _is_new(event, body) and event.get("channel_type") != "im" and not event["channel"].startswith("D"):
            return self._take_event(event, body)
        return _TAKEN

    def _written(self, event: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        if not _is_new(event, body):
            return _TAKEN
        if event.get("channel_type") == "im":
            return self._take_event(event, body)
        if not self._settings.slack_threads or not event.get("thread_ts") or not self._may_ask(event.get("text") or ""):
            return _TAKEN
        ours = self.bot.knows(self.conversation(_team(body), event["channel"], event["thread_ts"]))
        return self._take_event(event, body) if ours else _TAKEN

    def _may_ask(self, text: str) -> bool:
        """Whether a message that does not mention the bot may be a question to it.

        One that names the bot comes as a mention too, one that names another is not for the bot, and neither is what
        people tell each other in the thread.
        """
        return not mentions_somebody(text) and is_question(plain(text))

    def _take_event(self, event: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        place = _place(body, event["channel"], event["user"], event.get("thread_ts") or event["ts"])
        event_id = body.get("event_id") or f"{event['channel']}:{event['ts']}"
        self.bot.take(self._message(event_id, plain(event.get("text") or ""), place))
        return _TAKEN

    def _commanded(self, command: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        question = plain(command.get("text") or "")
        place = _place(body, command["channel_id"], command["user_id"], response_url=command.get("response_url", ""))
        if small_talk(question):
            self._run(self._help, question, place)
            return _TAKEN
        return self._take_asked(command["trigger_id"], question, place)

    def _asked_about(self, shortcut: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        message = shortcut["message"]
        place = _place(
            body,
            shortcut["channel"]["id"],
            shortcut["user"]["id"],
            message.get("thread_ts") or message["ts"],
            shortcut.get("response_url", ""),
        )
        question = plain(message.get("text") or "")
        return self._take_asked(shortcut["trigger_id"], question, place)

    def _example_chosen(self, action: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        # Chosen on the app's home: the answer goes into the direct messages with whoever did.
        user = body["user"]["id"]
        return self._take_asked(body["trigger_id"], action["value"], _place(body, user, user))

    def _take_asked(self, trigger: str, question: str, place: dict[str, Any]) -> BoltResponse:
        """Take what Slack does not send again: whoever asked is told at once where it cannot be taken."""
        # A trigger is of one click. What was asked stands beside it, lest two of one id be taken for the same.
        asked = sha256(f"{place['channel']} {place['user']} {question}".encode()).hexdigest()[:16]
        try:
            self.bot.take(self._message(f"{trigger}:{asked}", question, place))
        except StorageUnavailable:
            self._run(self._say, place, Notice("storage", detect(question)))
        return _TAKEN

    def _message(self, key: str, question: str, place: dict[str, Any], language: Language | None = None) -> Message:
        thread = place["thread_ts"]
        conversation = self.conversation(place["team"], place["channel"], thread) if thread else ""
        return Message(f"{self.name}:{key}"[:200], question, place, conversation, language)

    # Clicks and the home page: none of it is sent again, and all of it may wait for Slack's API

    def _run(self, errand: Callable[..., None], *of: object) -> None:
        """Have a thread run an errand, whose error would show nowhere."""
        self._errands.submit(_logging_errors, errand, *of)

    def _home_opened(self, event: dict[str, Any]) -> BoltResponse:
        if event.get("tab", "home") == "home":
            self._run(self._show_home, event["user"])
        return _TAKEN

    def _quotes_wanted(self, action: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        self._run(self._with_answer, self._show_quotes, action["value"], body)
        return _TAKEN

    def _asked_again(self, action: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        self._run(self._with_answer, self._ask_again, action["value"], body)
        return _TAKEN

    def _rated(self, action: dict[str, Any], body: dict[str, Any]) -> BoltResponse:
        answer_id, _, rating = action["value"].rpartition(":")
        self._run(self._rate, answer_id, {"1": 1, "-1": -1}.get(rating, 0), body)
        return _TAKEN

    def _with_answer(
        self, errand: Callable[[KeptAnswer, dict[str, Any]], None], key: str, body: dict[str, Any]
    ) -> None:
        """Run an errand that needs an answer which is kept."""
        try:
            errand(self._pipeline.kept_answer(key), body)
        except UnknownAnswer:
            self._tell(body, "answer_gone")
        except QAServiceError:
            self._tell(body, "storage")
        except Exception:  # noqa: BLE001 (whoever clicked is told something)
            _LOG.exception("Unexpected error")
            self._tell(body, "failed")

    def _show_quotes(self, kept: KeptAnswer, body: dict[str, Any]) -> None:
        if not self._slack.open_view(body["trigger_id"], quotes_view(kept, self._link(kept.language))):
            self._tell(body, "failed")

    def _ask_again(self, kept: KeptAnswer, body: dict[str, Any]) -> None:
        language = other(kept.language)
        message = self._message(f"again:{kept.id}:{language}", kept.question, _place_of_click(body), language)
        if not self.bot.take(message):
            self._tell(body, "asked_already")

    def _rate(self, answer_id: str, rating: int, body: dict[str, Any]) -> None:
        try:
            self._pipeline.rate(answer_id, rating)
        except UnknownAnswer:
            self._tell(body, "answer_gone")
        except (InvalidFeedback, StorageUnavailable):
            self._tell(body, "rating_failed")
        except Exception:  # noqa: BLE001 (whoever clicked is told something)
            _LOG.exception("Unexpected error")
            self._tell(body, "rating_failed")
        else:
            self._tell(body, "thanks")

    def _help(self, question: str, place: dict[str, Any]) -> None:
        notice = self.bot.help_of(question, self._slack.locale(place["user"]) or "en")
        if notice:
            self._say(place, notice)

    def _show_home(self, user: str) -> None:
        language = self._slack.locale(user) or "en"
        examples: tuple[str, ...] = ()
        counts: dict[Language, int] = {}
        try:
            documents = self._pipeline.status().documents
            counts = {known: count for name, count in documents.items() if (known := known_language(name))}
            examples = self._pipeline.example_questions(language, _HOME_EXAMPLES)
        except QAServiceError as error:
            _LOG.info("The home page has no examples: %s", error)
        self._slack.publish_home(user, home_view(language, examples, counts, kept=self._pipeline.keeps_answers))

    def _tell(self, body: dict[str, Any], key: str) -> None:
        """Say something to whoever clicked, and nobody else."""
        place = _place_of_click(body)
        self._say(place, Notice(key, self._slack.locale(place["user"]) or "en"))

    def _say(self, place: dict[str, Any], notice: Notice) -> None:
        self._slack.ephemeral(place["response_url"], notice_post(notice))


def _authorized(**_who: object) -> AuthorizeResult:
    """One app, one token, which our own client has: nothing is asked of Slack before a request is acknowledged."""
    return AuthorizeResult(enterprise_id=None, team_id=None, bot_token="")


def _logging_errors(errand: Callable[..., None], *of: object) -> None:
    try:
        errand(*of)
    except Exception:  # noqa: BLE001 (nobody waits for it)
        _LOG.exception("Unexpected error")


def _pass_over() -> BoltResponse:
    return _TAKEN


def _failed(error: Exception) -> BoltResponse:
    """What Slack is told where a listener raised: an event that could not be written down is to come again."""
    if isinstance(error, StorageUnavailable):
        return BoltResponse(status=_TRY_AGAIN)
    _LOG.error("Unexpected error", exc_info=error)
    return BoltResponse(status=500)


def _is_new(event: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether a person wrote it just now: not a bot, not this one, and nothing that was edited."""
    if event.get("bot_id") or event.get("bot_profile") or event.get("edited") or event.get("hidden"):
        return False
    if event.get("subtype") not in _WRITTEN or not event.get("user") or not event.get("ts"):
        return False
    return event["user"] not in {each.get("user_id") for each in body.get("authorizations") or () if each.get("is_bot")}


def _team(body: Mapping[str, Any]) -> str:
    """The workspace that the app is installed in."""
    # In a channel that is shared with another workspace, ``team_id`` is that of whoever wrote.
    installed = (body.get("authorizations") or [{}])[0].get("team_id")
    team = (body.get("team") or {}).get("id")
    return str(installed or body.get("team_id") or team or (body.get("enterprise") or {}).get("id") or "")


def _teams_of(body: Mapping[str, Any]) -> set[str]:
    """Every workspace that a request names: the app's, and that of whoever asks, who may be of another."""
    event, user = body.get("event") or {}, body.get("user") or {}
    theirs = (body.get("team_id"), event.get("team"), event.get("user_team"), user.get("team_id"))
    return {_team(body), *(str(team) for team in theirs if team)}


def _place(
    body: Mapping[str, Any], channel: str, user: str, thread_ts: str = "", response_url: str = ""
) -> dict[str, Any]:
    event, asker = body.get("event") or {}, body.get("user") or {}
    return {
        "team": _team(body),
        "channel": channel,
        "user": user,
        "user_team": event.get("user_team") or event.get("team") or asker.get("team_id") or body.get("team_id") or "",
        "thread_ts": thread_ts,
        "response_url": response_url,
    }


def _place_of_click(body: Mapping[str, Any]) -> dict[str, Any]:
    """The thread of the message whose button was clicked."""
    message, channel = body.get("message") or {}, body.get("channel") or {}
    thread = message.get("thread_ts") or message.get("ts") or ""
    return _place(body, channel.get("id", ""), body["user"]["id"], thread, body.get("response_url", ""))
