"""The bot in Slack as it meets people: real signed requests in, and what a Slack of the tests was told."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from qa_service.channels.bot_texts import bot_text
from qa_service.channels.slack_blocks import ASK_AGAIN, ASK_EXAMPLE, RATE, SHOW_QUOTES
from qa_service.database import FILE
from qa_service.inbox import LEASE_S
from qa_service.language import LANGUAGES, Language
from tests.channels.fake_pipeline import ENGLISH_QUOTE, FRENCH_QUOTE, FakePipeline, app_for
from tests.slack_server import (
    BOT_USER,
    SIGNING_SECRET,
    SlackServer,
    app_mention,
    block_actions_payload,
    channel_message,
    command_body,
    direct_message,
    event_body,
    event_payload,
    home_opened,
    interaction_body,
    shortcut_payload,
    signed,
)

ENGLISH = "When does the visa exemption begin?"
FRENCH = "Quand l’exemption de visa commence-t-elle\u202f?"
TS = "1700000000.000100"
POST = "chat.postMessage"


class Served:
    """The service with a bot in Slack, in front of a Slack of the tests."""

    def __init__(self, slack: SlackServer, pipeline: FakePipeline, index: str, **settings: str) -> None:
        self.slack, self.pipeline = slack, pipeline
        named = {
            "index": index,
            "slack_bot_token": slack.bot_token,
            "slack_signing_secret": SIGNING_SECRET,
            "slack_api_url": slack.url,
            "public_url": "https://qa.example.org",
        }
        self.app = app_for(pipeline, **(named | settings))
        self.client: FlaskClient = self.app.test_client()

    def send(self, body: bytes, **headers: str) -> Any:
        return self.client.post("/slack/events", data=body, headers=signed(SIGNING_SECRET, body) | headers)

    def event(self, event: dict[str, Any], event_id: str = "Ev1", **more: str) -> Any:
        return self.send(event_body(event, event_id=event_id, **more))

    def click(self, action: str, value: str, **more: Any) -> Any:
        return self.send(interaction_body(block_actions_payload(action, value, **more)))

    def settle(self) -> None:
        """Wait until all that was taken is dealt with."""
        for bot in self.app.extensions["qa_service_bots"]:
            bot.close()


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def make(slack: SlackServer, pipeline: FakePipeline, tmp_path: Any) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def make(**settings: str) -> Served:
        made.append(Served(slack, pipeline, str(tmp_path / "index"), **settings))
        return made[-1]

    yield make
    if pipeline.hold:
        pipeline.hold.set()
    for each in made:
        each.settle()


@pytest.fixture
def served(make: Callable[..., Served]) -> Served:
    return make()


def shown(message: dict[str, Any]) -> str:
    """All text of a message."""
    return json.dumps(message, ensure_ascii=False)


# Where it answers


@pytest.mark.parametrize("question", [ENGLISH, FRENCH])
def test_a_mention_is_answered_in_its_thread(served: Served, question: str) -> None:
    assert served.event(app_mention(f"<@{BOT_USER}> {question}", ts=TS)).status_code == 200
    (call,) = served.slack.wait_for(POST)
    assert (call.arguments["channel"], call.arguments["thread_ts"]) == ("C1", TS)
    assert FRENCH_QUOTE.rstrip(".") in shown(call.arguments)
    assert (call.arguments["unfurl_links"], call.arguments["unfurl_media"]) == (False, False)
    assert "https://qa.example.org/documents/" in shown(call.arguments)
    assert served.pipeline.asked[0][0] == question


def test_a_direct_message_is_answered(served: Served) -> None:
    served.event(direct_message(ENGLISH, ts=TS))
    (call,) = served.slack.wait_for(POST)
    assert (call.arguments["channel"], call.arguments["thread_ts"]) == ("D1", TS)


def test_a_thread_goes_on_without_a_mention_and_is_one_conversation(served: Served) -> None:
    served.event(app_mention(f"<@{BOT_USER}> {ENGLISH}", ts=TS))
    served.slack.wait_for(POST)
    served.event(channel_message("And where?", ts="1700000001.000100", thread_ts=TS), "Ev2")
    served.slack.wait_for(POST, 2)
    first, second = served.pipeline.asked
    assert second[0] == "And where?"
    assert first[2] == second[2] != TS
    assert first[2] is not None
    assert len(first[2]) <= 100


def from_elsewhere(event: dict[str, Any], event_id: str) -> bytes:
    """What somebody of another workspace wrote in a channel that is shared with it, as Slack tells us of it."""
    body = event_payload(event | {"team": "T666", "user_team": "T666"}, event_id=event_id)
    return json.dumps(body | {"team_id": "T666", "is_ext_shared_channel": True}).encode()


def test_a_thread_of_a_shared_channel_is_one_conversation(served: Served) -> None:
    served.event(app_mention(f"<@{BOT_USER}> {ENGLISH}", ts=TS))
    served.slack.wait_for(POST)
    served.send(from_elsewhere(channel_message("And where?", ts="1700000001.000100", thread_ts=TS), "Ev2"))
    served.settle()
    assert [conversation for _, _, conversation in served.pipeline.asked] == [served.pipeline.asked[0][2]] * 2


def test_what_is_streamed_names_the_workspace_of_whoever_asks(served: Served) -> None:
    served.pipeline.hold = threading.Event()
    served.send(from_elsewhere(app_mention(f"<@{BOT_USER}> {ENGLISH}", ts=TS), "Ev1"))
    (call,) = served.slack.wait_for("chat.startStream")
    assert (call.arguments["recipient_team_id"], call.arguments["recipient_user_id"]) == ("T666", "U1")


def test_direct_messages_are_one_conversation(served: Served) -> None:
    served.event(direct_message(ENGLISH, ts=TS), "Ev1")
    served.event(direct_message("And where?", ts="1700000001.000100"), "Ev2")
    served.event(direct_message("Et quand\u202f?", ts="1700000002.000100", thread_ts=TS), "Ev3")
    served.settle()
    assert len({conversation for _, _, conversation in served.pipeline.asked}) == 1
    assert [call.arguments["thread_ts"] for call in served.slack.calls_of(POST)].count(TS) == 2


def test_other_threads_are_others_business(served: Served) -> None:
    served.event(app_mention(f"<@{BOT_USER}> {ENGLISH}", ts=TS))
    served.slack.wait_for(POST)
    for number, message in enumerate(
        [
            channel_message("Who has the key?", ts="1700000002.000100"),
            channel_message("Me.", ts="1700000003.000100", thread_ts="1700000002.000100"),
            channel_message("Me too.", ts="1700000003.000100", thread_ts=TS, channel="C2"),
            # For somebody else, or for the bot, which is told of it by another event.
            channel_message("<@U7> do you agree?", ts="1700000004.000100", thread_ts=TS),
            channel_message(f"<@{BOT_USER}> and where?", ts="1700000005.000100", thread_ts=TS),
            channel_message("<!subteam^S1|@desk> can you check?", ts="1700000006.000100", thread_ts=TS),
            # What people say to each other.
            channel_message("Thanks, that will do :tada:", ts="1700000007.000100", thread_ts=TS),
            channel_message("On en parle demain à la réunion", ts="1700000008.000100", thread_ts=TS),
            channel_message("See <https://example.org/?q=1>", ts="1700000009.000100", thread_ts=TS),
        ]
    ):
        assert served.event(message, f"Ev1{number}").status_code == 200
    served.settle()
    assert len(served.pipeline.asked) == 1


def test_threads_may_need_a_mention(make: Callable[..., Served]) -> None:
    served = make(slack_threads="false")
    served.event(app_mention(f"<@{BOT_USER}> {ENGLISH}", ts=TS))
    served.event(channel_message("And where?", ts="1700000001.000100", thread_ts=TS), "Ev2")
    served.settle()
    assert len(served.pipeline.asked) == 1


def test_a_thread_is_known_to_other_workers_and_after_a_restart(make: Callable[..., Served]) -> None:
    first, second = make(), make()
    first.event(app_mention(f"<@{BOT_USER}> {ENGLISH}", ts=TS))
    first.settle()
    second.event(channel_message("And where?", ts="1700000001.000100", thread_ts=TS), "Ev2")
    second.settle()
    assert [conversation for _, _, conversation in second.pipeline.asked] == [second.pipeline.asked[0][2]] * 2


@pytest.mark.parametrize("question", [ENGLISH, FRENCH])
def test_a_command_begins_a_thread(served: Served, question: str) -> None:
    response = served.send(command_body(question, response_url=served.slack.response_url()))
    assert (response.status_code, response.get_data()) == (200, b"")
    begun, answered = served.slack.wait_for(POST, 2)
    assert question in shown(begun.arguments)
    assert "thread_ts" not in begun.arguments
    thread = served.slack.messages("C1")[0]["ts"]
    assert answered.arguments["thread_ts"] == thread
    served.event(channel_message("And where?", ts="1700000001.000100", thread_ts=thread), "Ev2")
    served.slack.wait_for(POST, 3)
    assert served.pipeline.asked[0][2] == served.pipeline.asked[1][2]


def test_a_command_where_the_bot_may_not_post_is_answered_to_its_asker(served: Served) -> None:
    served.slack.fail(POST, "not_in_channel", times=5)
    served.send(command_body(ENGLISH, response_url=served.slack.response_url("r7")))
    served.slack.wait_until(lambda: served.slack.responses("r7"))
    (said,) = served.slack.responses("r7")
    assert FRENCH_QUOTE.rstrip(".") in shown(said)
    assert said["response_type"] == "ephemeral"


@pytest.mark.parametrize(("asked", "language"), [("help", "en"), ("aide", "fr"), ("", "fr")])
def test_a_command_without_a_question_gets_help(served: Served, asked: str, language: Language) -> None:
    served.slack.locales["U1"] = "fr-FR"
    served.send(command_body(asked, response_url=served.slack.response_url("r1")))
    served.slack.wait_until(lambda: served.slack.responses("r1"))
    (said,) = served.slack.responses("r1")
    for example in served.pipeline.example_questions(language, 3):
        assert example in shown(said)
    assert served.slack.calls_of(POST) == []


def test_a_shortcut_asks_about_a_message(served: Served) -> None:
    payload = shortcut_payload(FRENCH, ts=TS)
    assert served.send(interaction_body(payload)).status_code == 200
    (call,) = served.slack.wait_for(POST)
    assert call.arguments["thread_ts"] == TS
    assert served.pipeline.asked[0][0] == FRENCH


# A lone half of a character may stand in JSON.
@pytest.mark.parametrize("kind", [app_mention, direct_message])
def test_half_a_character_keeps_no_question_from_its_answer(served: Served, kind: Any) -> None:
    assert served.event(kind(f"\ud83d {ENGLISH}", ts=TS)).status_code == 200
    served.slack.wait_for(POST)
    assert ENGLISH in served.pipeline.asked[0][0]


def test_half_a_character_in_a_message_that_is_asked_about_does_not_either(served: Served) -> None:
    payload = shortcut_payload(f"\ud83d {ENGLISH}", callback_id="ask_about_this", ts=TS)
    assert served.send(interaction_body(payload)).status_code == 200
    served.slack.wait_for(POST)
    assert ENGLISH in served.pipeline.asked[0][0]


# What it passes over


@pytest.mark.parametrize(
    "changed",
    [
        {"bot_id": "B7"},
        {"subtype": "bot_message", "bot_id": "B7"},
        {"subtype": "message_changed", "message": {"text": ENGLISH, "edited": {"user": "U1", "ts": TS}}},
        {"subtype": "message_deleted"},
        {"subtype": "channel_join"},
        {"edited": {"user": "U1", "ts": "1700000009.000000"}},
        {"user": BOT_USER},
        {"hidden": True},
        {"user": None},
    ],
)
@pytest.mark.parametrize("kind", [app_mention, direct_message])
def test_bots_itself_and_edits_are_passed_over(served: Served, kind: Any, changed: dict[str, Any]) -> None:
    assert served.event(kind(ENGLISH) | changed).status_code == 200
    served.settle()
    assert served.pipeline.asked == []
    assert served.slack.calls == []


def test_what_the_bot_does_not_know_is_acknowledged(served: Served) -> None:
    for body in (
        event_body({"type": "reaction_added", "user": "U1", "item": {}, "event_ts": TS}),
        interaction_body(block_actions_payload("unknown", "x")),
        interaction_body({"type": "shortcut", "callback_id": "unknown", "team": {"id": "T1"}, "user": {"id": "U1"}}),
        interaction_body({"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1"}, "view": {"id": "V"}}),
    ):
        assert served.send(body).status_code == 200
    served.settle()
    assert served.slack.calls == []


def test_a_mention_in_a_direct_message_is_one_question(served: Served) -> None:
    served.event(direct_message(f"<@{BOT_USER}> {ENGLISH}", ts=TS), "Ev1")
    served.event(app_mention(f"<@{BOT_USER}> {ENGLISH}", channel="D1", ts=TS), "Ev2")
    served.settle()
    assert len(served.pipeline.asked) == 1


# Once


def test_the_same_event_is_answered_once(make: Callable[..., Served]) -> None:
    first, second = make(), make()
    body = event_body(app_mention(f"<@{BOT_USER}> {ENGLISH}", ts=TS), event_id="Ev1")
    for number, worker in enumerate([first, second, first, second]):
        retried = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"} if number else {}
        assert worker.send(body, **retried).status_code == 200
    first.settle()
    second.settle()
    assert len(first.slack.calls_of(POST)) == 1


def test_two_events_are_two_questions_and_two_commands_too(served: Served) -> None:
    for number in range(2):
        served.event(direct_message(f"{ENGLISH} {number}", ts=TS), f"Ev{number}")
        served.send(command_body(f"{ENGLISH} {number}", response_url=served.slack.response_url()))
    served.settle()
    assert len(served.pipeline.asked) == 4


def test_an_event_that_cannot_be_written_down_is_wanted_again(served: Served, tmp_path: Any) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / FILE).write_bytes(b"no database" * 200)
    response = served.event(app_mention(f"<@{BOT_USER}> {ENGLISH}"))
    assert (response.status_code, response.mimetype) == (503, "application/problem+json")
    served.send(command_body(FRENCH, response_url=served.slack.response_url("r1")))
    served.settle()
    (said,) = served.slack.responses("r1")
    assert bot_text("storage", "fr") in shown(said)
    assert served.pipeline.asked == []


def test_after_a_moment_without_a_database_questions_are_taken_again(served: Served, tmp_path: Any) -> None:
    """Sooner than a claim runs out: else what is at work here would be taken over, and answered by two."""
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / FILE).write_bytes(b"no database" * 200)
    assert served.event(app_mention(ENGLISH)).status_code == 503
    (tmp_path / "index" / FILE).unlink()
    time.sleep(LEASE_S / 2)
    assert served.event(app_mention(ENGLISH)).status_code == 200
    served.settle()
    assert len(served.pipeline.asked) == 1


def test_it_is_acknowledged_while_an_answer_hangs(served: Served) -> None:
    served.pipeline.hold = threading.Event()
    taken = []
    for number in range(50):
        began = time.perf_counter()
        served.event(app_mention(f"<@{BOT_USER}> {ENGLISH}", ts=f"17000000{number:02}.000100"), f"Ev{number}")
        taken.append(time.perf_counter() - began)
    # Nothing is measured here but that nobody waits for an answer, or for Slack.
    assert max(taken) < 10
    served.slack.wait_for("chat.startStream", 50)
    assert served.slack.calls_of("chat.stopStream") == []
    served.pipeline.hold.set()
    served.slack.wait_for("chat.stopStream", 50)


# Who may send


def test_the_address_is_checked_by_a_signed_challenge(served: Served) -> None:
    body = json.dumps({"type": "url_verification", "token": "x", "challenge": "3eZbrw1aB"}).encode()
    assert "3eZbrw1aB" in served.send(body).get_data(as_text=True)
    unsigned = served.client.post("/slack/events", data=body, content_type="application/json")
    assert unsigned.status_code == 401
    assert "3eZbrw1aB" not in unsigned.get_data(as_text=True)


def test_an_unsigned_check_of_the_connection_is_refused(served: Served) -> None:
    assert served.client.post("/slack/events", data={"ssl_check": "1", "token": "x"}).status_code == 401


def test_a_thousand_changed_requests_are_refused(served: Served) -> None:
    drawn = random.Random(7)
    body = event_body(app_mention(f"<@{BOT_USER}> {FRENCH}"))
    accepted = [change for change in range(1_000) if mutated(served, body, drawn).status_code != 401]
    served.settle()
    assert accepted == []
    assert served.pipeline.asked == []
    assert served.slack.calls == []


def mutated(served: Served, body: bytes, drawn: random.Random) -> Any:
    """A request of Slack's in which one thing was changed."""
    good = signed(SIGNING_SECRET, body)
    stamp, signature = good["X-Slack-Request-Timestamp"], good["X-Slack-Signature"]
    headers: list[tuple[str, str]] = list(good.items())
    kind = drawn.randrange(10)
    if kind == 0:
        at = drawn.randrange(len(body))
        body = body[:at] + bytes([body[at] ^ (1 << drawn.randrange(8))]) + body[at + 1 :]
    elif kind == 1:
        at = drawn.randrange(len(body))
        body = drawn.choice([body[:at], body + body[:at] + b" ", body[:at] + b"\xff" + body[at:], b"{}", b""])
    elif kind == 2:
        headers = [*good.items(), (drawn.choice(["X-Slack-Signature", "x-slack-request-timestamp"]), stamp)]
    elif kind == 3:
        old = int(stamp) - drawn.choice([301, 600, 86_400, -301, -86_400, int(stamp)])
        headers = list(signed(SIGNING_SECRET, body, timestamp=old).items())
    elif kind == 4:
        odd = drawn.choice(["", "now", f"+{stamp}", f"{stamp}.0", f"{stamp}e0", "NaN", f"0x{stamp}", "9" * 40, "1_0"])
        headers = list((good | {"X-Slack-Request-Timestamp": odd}).items())
    elif kind == 5:
        at = drawn.randrange(3, len(signature))
        digit = drawn.choice([each for each in "0123456789abcdef" if each != signature[at]])
        headers = list((good | {"X-Slack-Signature": signature[:at] + digit + signature[at + 1 :]}).items())
    elif kind == 6:
        odd = drawn.choice(["v1", "v00", "V0", "", "v0=v0", "sha256"]) + signature[2:]
        headers = list((good | {"X-Slack-Signature": odd}).items())
    elif kind == 7:
        gone = drawn.choice(["X-Slack-Signature", "X-Slack-Request-Timestamp"])
        headers = [(name, value) for name, value in good.items() if name != gone]
    elif kind == 8:
        body = json.dumps({"type": "url_verification", "challenge": str(drawn.random())}).encode()
        headers = drawn.choice([[("Content-Type", "application/json")], headers])
    else:
        headers = list((signed(f"{SIGNING_SECRET}{drawn.randrange(9)}", body)).items())
    return served.client.post("/slack/events", data=body, headers=headers)


def test_a_signed_body_that_cannot_be_read_is_no_error_of_ours(served: Served) -> None:
    for body in (b"{", b"payload=%7B", b"payload=1", b"{" * 100_000):
        assert served.send(body).status_code == 400
    assert served.send(b"[1]", **{"Content-Type": "application/json"}).status_code == 400
    assert served.send(b"a=1&b=2").status_code == 200


def test_only_workspaces_that_are_named_are_answered(
    make: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    served = make(slack_teams="T1,T2")
    assert served.event(app_mention(ENGLISH), "Ev1").status_code == 200
    refused = served.event(app_mention(ENGLISH), "Ev2", team="T666")
    assert (refused.status_code, refused.headers["X-Slack-No-Retry"]) == (403, "1")
    # A guest of a shared channel, from elsewhere.
    assert served.event(app_mention(ENGLISH) | {"user_team": "T666"}, "Ev3").status_code == 403
    assert served.send(from_elsewhere(app_mention(ENGLISH), "Ev4")).status_code == 403
    assert served.send(command_body(ENGLISH, team="T666")).status_code == 403
    served.settle()
    assert len(served.pipeline.asked) == 1
    assert "T666" not in caplog.text


@pytest.mark.parametrize("missing", ["slack_signing_secret", "slack_bot_token"])
def test_nothing_is_there_without_a_bot(make: Callable[..., Served], missing: str) -> None:
    settings = {"slack_signing_secret": "", missing: ""}
    served = make(**settings)
    assert served.event(app_mention(ENGLISH)).status_code == 404


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({"slack_signing_secret": ""}, True),
        ({"slack_signing_secret": "", "slack_app_token": "xapp-of-the-tests"}, False),
        ({"slack_signing_secret": "", "slack_bot_token": ""}, False),
        ({}, False),
    ],
)
def test_a_bot_that_hears_nothing_is_told_of(
    make: Callable[..., Served], given: dict[str, str], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    make(**given)
    assert ("the bot hears nothing" in caplog.text) == warned


def test_no_secret_and_no_question_is_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        served.event(app_mention(f"<@{BOT_USER}> {FRENCH}"))
        served.client.post("/slack/events", data=event_body(app_mention(FRENCH)), content_type="application/json")
        served.settle()
    told = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    for secret in (SIGNING_SECRET, served.slack.bot_token, "exemption", "v0="):
        assert secret not in told


def test_bolt_leaves_our_log_as_it_is(served: Served) -> None:
    ours = logging.getLogger("qa_service")
    level, disabled, handlers = ours.level, ours.disabled, list(ours.handlers)
    served.event(app_mention(f"<@{BOT_USER}> {ENGLISH}"))
    served.send(command_body(ENGLISH, response_url=served.slack.response_url()))
    served.settle()
    assert (ours.level, ours.disabled, ours.handlers) == (level, disabled, handlers)


# Clicks


def test_the_quotes_are_shown_to_who_wants_them(served: Served) -> None:
    served.click(SHOW_QUOTES, "answer", thread_ts=TS)
    (call,) = served.slack.wait_for("views.open")
    assert ENGLISH_QUOTE in shown(call.arguments)
    assert FRENCH_QUOTE in shown(call.arguments)


@pytest.mark.parametrize("action", [SHOW_QUOTES, ASK_AGAIN, RATE])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_that_is_gone_is_told_of(served: Served, action: str, language: Language) -> None:
    served.slack.locales["U1"] = f"{language}-XX"
    served.click(action, "forgotten:1" if action == RATE else "forgotten", response_url=served.slack.response_url("r1"))
    served.slack.wait_until(lambda: served.slack.responses("r1"))
    (said,) = served.slack.responses("r1")
    assert bot_text("answer_gone", language) in shown(said)
    assert (said["response_type"], said.get("replace_original", False)) == ("ephemeral", False)


@pytest.mark.parametrize(("value", "rating"), [("answer:1", 1), ("answer:-1", -1)])
def test_ratings_are_kept(served: Served, value: str, rating: int) -> None:
    served.click(RATE, value, type="feedback_buttons", response_url=served.slack.response_url("r1"))
    served.slack.wait_until(lambda: served.slack.responses("r1"))
    assert served.pipeline.rated == [("answer", rating, "")]
    assert bot_text("thanks", "en") in shown(served.slack.responses("r1")[0])


def test_the_same_is_asked_again_in_the_other_language_once(served: Served) -> None:
    for _ in range(2):
        served.click(ASK_AGAIN, "answer", thread_ts=TS, response_url=served.slack.response_url("r1"))
    (call,) = served.slack.wait_for(POST)
    served.slack.wait_until(lambda: served.slack.responses("r1"))
    assert call.arguments["thread_ts"] == TS
    assert [(question, language) for question, language, _ in served.pipeline.asked] == [(ENGLISH, "fr")]
    assert bot_text("asked_already", "en") in shown(served.slack.responses("r1")[0])


# The home page


@pytest.mark.parametrize(("locale", "language"), [("fr-FR", "fr"), ("en-GB", "en"), ("de-DE", "en")])
def test_the_home_page_is_in_the_users_language(served: Served, locale: str, language: Language) -> None:
    served.slack.locales["U1"] = locale
    served.event(home_opened())
    (call,) = served.slack.wait_for("views.publish")
    text = shown(call.arguments["view"])
    assert call.arguments["user_id"] == "U1"
    assert bot_text("home_how", language)[:30] in text
    assert served.pipeline.example_questions(language)[0] in text


def test_the_home_page_needs_no_index(served: Served) -> None:
    served.pipeline.unavailable = True
    served.event(home_opened())
    served.slack.wait_for("views.publish")


class BrokenPipeline(FakePipeline):
    """A pipeline with a fault that nobody thought of."""

    def status(self) -> Any:
        raise RuntimeError("no such thing")


def test_a_home_page_that_cannot_be_made_is_logged(
    slack: SlackServer, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served(slack, BrokenPipeline(), str(tmp_path / "index"))
    assert served.event(home_opened()).status_code == 200
    served.settle()
    assert "Unexpected error" in caplog.text


def test_the_messages_tab_is_no_home_page(served: Served) -> None:
    served.event(home_opened(tab="messages"))
    served.settle()
    assert served.slack.calls == []


def test_an_example_of_the_home_page_is_answered_in_direct_messages(served: Served) -> None:
    served.click(f"{ASK_EXAMPLE}_0", FRENCH, home=True)
    begun, answered = served.slack.wait_for(POST, 2)
    assert begun.arguments["channel"] == "U1"
    assert FRENCH in shown(begun.arguments)
    assert answered.arguments["thread_ts"] == begun_ts(served)


def begun_ts(served: Served) -> str:
    (channel,) = [name for name in served.slack._messages if name.startswith("D")]
    return str(served.slack.messages(channel)[0]["ts"])
