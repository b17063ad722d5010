"""The bot in Slack without a public address: ``qa-service slack`` as a process, over WebSockets of a Slack."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qa_service.channels.bot_texts import bot_text
from qa_service.channels.slack_blocks import ASK_AGAIN, SHOW_QUOTES
from qa_service.channels.slack_socket import _watch, end_at_signals
from qa_service.database import FILE
from qa_service.language import Language
from tests.conftest import DOCUMENTS
from tests.llm_server import LlmServer, closed_port, hangs
from tests.slack_server import (
    BOT_USER,
    SlackServer,
    app_mention,
    block_actions_payload,
    channel_message,
    command_payload,
    event_payload,
)
from tests.slack_talk import CITY, MONTH, is_whole, told, with_llm
from tests.waiting import wait_until

TS = "1700000000.000100"
# Until it answers, and until it has ended: a busy machine takes its time. Seconds.
PATIENCE = 60


@pytest.fixture(scope="module")
def index(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(sample_index, tmp_path_factory.mktemp("socket") / "index"))


@pytest.fixture(autouse=True)
def _nothing_was_asked(index: Path) -> None:
    for file in index.glob(f"{FILE}*"):
        file.unlink()


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


class Bot:
    """A running ``qa-service slack``."""

    def __init__(self, index: Path, slack: SlackServer, **settings: str) -> None:
        ours = {
            "QA_INDEX": str(index),
            "QA_DOCUMENTS": str(DOCUMENTS),
            "QA_PUBLIC_URL": "https://qa.example.org",
            "QA_LOG_LEVEL": "warning",
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.url,
            "OMP_NUM_THREADS": "1",
        }
        environment = {name: value for name, value in (os.environ | ours | settings).items() if value}
        self.slack = slack
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qa_service", "slack"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_it_says_so(self) -> None:
        assert self.process.stdout
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert readable
        assert self.process.stdout.readline() == "Answering in Slack\n"

    def ended(self, sent: signal.Signals | None = None) -> str:
        """Its standard error, once it has ended, perhaps told by a signal to."""
        if sent:
            self.process.send_signal(sent)
        output, errors = self.process.communicate(timeout=PATIENCE)
        assert output == ""
        assert "Traceback" not in errors
        assert not any(token in errors for token in (self.slack.bot_token, self.slack.app_token))
        return errors

    def sent(self, kind: str, payload: dict[str, Any], retry_attempt: int = 0) -> float:
        """Send an envelope; the seconds until it was acknowledged."""
        began = time.monotonic()
        assert self.slack.wait_for_ack(self.slack.send_envelope(kind, payload, retry_attempt=retry_attempt)) == {}
        return time.monotonic() - began

    def mention(self, question: str, ts: str, event_id: str, retry_attempt: int = 0) -> float:
        if not self.slack.messages("C1", ts):
            self.slack.say("C1", question, ts=ts)
        event = app_mention(f"<@{BOT_USER}> {question}", ts=ts)
        return self.sent("events_api", event_payload(event, event_id=event_id), retry_attempt)


@contextmanager
def starting(index: Path, slack: SlackServer, **settings: str) -> Iterator[Bot]:
    bot = Bot(index, slack, **settings)
    try:
        yield bot
    finally:
        if bot.process.poll() is None:
            bot.process.kill()
        bot.process.wait(PATIENCE)
        for stream in (bot.process.stdout, bot.process.stderr):
            if stream:
                stream.close()


@contextmanager
def answering(index: Path, slack: SlackServer, **settings: str) -> Iterator[Bot]:
    with starting(index, slack, **settings) as bot:
        bot.wait_until_it_says_so()
        yield bot


def replies(slack: SlackServer, ts: str) -> list[dict[str, Any]]:
    """What the bot said in a thread, as far as it has said all of it."""
    own = [message for message in slack.messages("C1", ts) if message["user"] == BOT_USER and message["ts"] != ts]
    return [message for message in own if is_whole(message)]


def answer_in(slack: SlackServer, ts: str, count: int = 1) -> str:
    """The text of the last of so many answers in a thread."""
    slack.wait_until(lambda: len(replies(slack, ts)) >= count)
    return told(replies(slack, ts)[count - 1])


def value_of(message: dict[str, Any], action: str) -> str:
    """What the button of a message stands for."""
    buttons = [button for block in message["blocks"] for button in block.get("elements", []) if "action_id" in button]
    return str(next(button["value"] for button in buttons if button["action_id"] == action))


def test_it_answers_in_both_languages_and_goes_on_in_the_thread(index: Path, slack: SlackServer) -> None:
    asked = [(MONTH, "And where?", "The French article"), (CITY, "Et en quel mois\u202f?", "L’article en anglais")]
    with answering(index, slack) as bot:
        for number, (question, follow_up, said) in enumerate(asked):
            ts = f"170000000{number}.000100"
            bot.mention(question, ts, f"Ev{number}")
            first = answer_in(slack, ts)
            more = channel_message(follow_up, ts=f"170000001{number}.000100", thread_ts=ts)
            bot.sent("events_api", event_payload(more, event_id=f"Ev1{number}"))
            second = answer_in(slack, ts, 2)
            assert said in first
            assert "https://qa.example.org/documents/" in first
            assert "novembre 2025" in (first, second)[number]
            assert "Marrakech" in (first, second)[1 - number]
        bot.ended(signal.SIGTERM)
        assert bot.process.returncode == 0


@pytest.mark.parametrize("question", [MONTH, CITY])
def test_a_command_and_clicks_come_the_same_way(index: Path, slack: SlackServer, question: str) -> None:
    with answering(index, slack) as bot:
        bot.sent("slash_commands", command_payload(question, response_url=slack.response_url()))
        slack.wait_until(lambda: slack.messages("C1"))
        thread = slack.messages("C1")[0]["ts"]
        assert question in told(slack.messages("C1")[0])
        first = answer_in(slack, thread)
        (message,) = replies(slack, thread)
        for number, action in enumerate((SHOW_QUOTES, ASK_AGAIN)):
            value = value_of(message, action)
            click = {"ts": message["ts"], "thread_ts": thread, "trigger_id": f"trigger-{number}"}
            bot.sent("interactive", block_actions_payload(action, value, **click))
        slack.wait_until(lambda: slack.views)
        assert "Interpol" in str(slack.views[0])
        again = answer_in(slack, thread, 2)
        language: Language = "en" if question == MONTH else "fr"
        assert bot_text("ask_again", language) in first
        assert bot_text("ask_again", language) not in again
        bot.ended(signal.SIGTERM)


def test_what_nobody_listens_to_is_acknowledged_and_said_nothing_to(index: Path, slack: SlackServer) -> None:
    with answering(index, slack) as bot:
        reaction = {"type": "reaction_added", "user": "U1", "item": {}, "event_ts": TS}
        bot.sent("events_api", event_payload(reaction))
        bot.sent("interactive", block_actions_payload("unknown", "x"))
        bot.sent("events_api", event_payload(app_mention(MONTH, user=BOT_USER), event_id="Ev2"))
        bot.ended(signal.SIGTERM)
    assert {call.method for call in slack.calls} == {"apps.connections.open"}


def test_it_acknowledges_while_an_answer_hangs_and_answers_once(
    index: Path, slack: SlackServer, llm_server: LlmServer
) -> None:
    llm_server.script(hangs())
    threads = [f"17000000{number:02}.000100" for number in range(6)]  # as many as are answered at once
    with answering(index, slack, **with_llm(llm_server, 4)) as bot:
        taken = []
        for attempt in range(2):
            for number, ts in enumerate(threads):
                taken.append(bot.mention((MONTH, CITY)[number % 2], ts, f"Ev{number}", retry_attempt=attempt))
        print(f"acknowledged: at most after {max(taken) * 1000:.0f} ms")
        assert max(taken) < 3
        slack.wait_for("chat.startStream")
        # What is at work when it is told to end is still answered.
        bot.ended(signal.SIGTERM)
        assert bot.process.returncode == 0
    assert [len(replies(slack, ts)) for ts in threads] == [1] * len(threads)
    own = [message for message in slack.messages("C1") if message["user"] == BOT_USER]
    assert len(own) == len(threads)
    assert all("Interpol" in told(message) for message in own)


@pytest.mark.parametrize("how", ["drop", "refresh_requested", "warning", "refused at first"])
def test_it_connects_again(index: Path, slack: SlackServer, how: str) -> None:
    with answering(index, slack) as bot:
        bot.mention(MONTH, TS, "Ev1")
        answer_in(slack, TS)
        before = slack._connections[-1]
        if how == "drop":
            slack.drop()
        elif how == "refused at first":
            slack.fail("apps.connections.open", "internal_error", times=2)
            slack.disconnect()
        else:
            slack.disconnect(how)
        # By itself the SDK notices after a minute that a connection has broken.
        slack.wait_until(lambda: slack._connections and slack._connections[-1] is not before, 30)
        bot.mention(MONTH, TS, "Ev1", retry_attempt=1)
        bot.mention(CITY, "1700000009.000100", "Ev2")
        assert "Marrakech" in answer_in(slack, "1700000009.000100")
        bot.ended(signal.SIGTERM)
        assert bot.process.returncode == 0
    assert len(replies(slack, TS)) == 1


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_where_nothing_is_at_work(
    index: Path, slack: SlackServer, sent: signal.Signals
) -> None:
    with answering(index, slack) as bot:
        slack.wait_for_connections()
        began = time.monotonic()
        assert bot.ended(sent) == ""
        print(f"ended after {time.monotonic() - began:.1f} s")
        assert bot.process.returncode == 0
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_wait_for_answers(number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        ended = end_at_signals()
        assert not ended.is_set()
        signal.raise_signal(number)
        assert ended.is_set()
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_connection_that_stays_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    class Client:
        current_session = None
        connected = False

        def is_connected(self) -> bool:
            return self.connected

    client, ended = Client(), threading.Event()
    watching = threading.Thread(target=_watch, args=(client, ended), kwargs={"told_after_s": 0.0})
    watching.start()
    try:
        wait_until(lambda: caplog.records, PATIENCE)
        time.sleep(2.5)  # it looks again
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "SLACK_APP_TOKEN" in caplog.text
        client.connected = True
        wait_until(lambda: len(caplog.records) > 1, PATIENCE)
    finally:
        ended.set()
        watching.join()
    assert [record.getMessage() for record in caplog.records][1:] == ["Connected to Slack again."]


def test_what_a_killed_one_left_the_next_one_answers(index: Path, slack: SlackServer, llm_server: LlmServer) -> None:
    llm_server.script(hangs())
    with answering(index, slack, **with_llm(llm_server, 600)) as bot:
        bot.mention(CITY, TS, "Ev1")
        slack.wait_for("chat.startStream")
        bot.process.kill()
        bot.process.communicate(timeout=PATIENCE)
    with answering(index, slack) as bot:
        slack.wait_until(lambda: replies(slack, TS), PATIENCE)
        bot.ended(signal.SIGTERM)
    assert len(replies(slack, TS)) == 1
    assert "Marrakech" in told(replies(slack, TS)[0])


@pytest.mark.parametrize("wrong", ["xapp-1-a-wrong-one", "xoxb-a-token-of-the-tests"])
def test_a_token_that_slack_does_not_take_is_said_in_a_line(index: Path, slack: SlackServer, wrong: str) -> None:
    with starting(index, slack, SLACK_APP_TOKEN=wrong) as bot:
        errors = bot.ended()
        assert bot.process.returncode == 1
    assert errors.count("\n") == 1
    assert "SLACK_APP_TOKEN" in errors
    assert wrong not in errors


def test_a_slack_that_is_not_there_is_said_in_a_line(index: Path, slack: SlackServer) -> None:
    with starting(index, slack, SLACK_API_URL=f"{closed_port()}/") as bot:
        errors = bot.ended()
        assert bot.process.returncode == 1
    assert errors.count("\n") == 1
    assert "cannot be reached" in errors


def test_a_websocket_that_cannot_be_reached_is_said_in_a_line(index: Path, slack: SlackServer) -> None:
    slack._socket_port = int(closed_port().removesuffix("/v1").rpartition(":")[2])
    with starting(index, slack) as bot:
        errors = bot.ended()
        assert bot.process.returncode == 1
    assert errors.count("\n") == 1
    assert "WebSocket cannot be reached" in errors


@pytest.mark.parametrize("missing", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
def test_a_token_that_is_missing_is_said_in_a_line(index: Path, slack: SlackServer, missing: str) -> None:
    with starting(index, slack, **{missing: ""}) as bot:
        errors = bot.ended()
        assert bot.process.returncode == 1
    assert errors.count("\n") == 1
    assert missing in errors
    assert slack.calls == []
