"""Replies in Slack, against the Slack of the tests: streams, signs of life, commands, crashes and refusals."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("slack_sdk")
pytest.importorskip("websockets")

from qa_service.answers import Answer
from qa_service.channels.bot_platform import Message, Notice, TryLater, Undeliverable
from qa_service.channels.bot_texts import bot_text
from qa_service.channels.slack_api import Slack
from qa_service.channels.slack_blocks import Post, answer_posts, footer, notice_post, working_post
from qa_service.channels.slack_delivery import SlackReply
from qa_service.channels.slack_markup import preview
from tests.channels.fake_pipeline import ENGLISH_QUOTE, FRENCH_ID, FRENCH_QUOTE, citation
from tests.slack_server import BOT_USER, RESPONSE_URL, SlackServer

THREAD = "1700000000.000100"
ENGLISH = Answer(
    id="a1",
    conversation_id="c1",
    question="When does the exemption begin?",
    language="en",
    answer=f"The French article says: « {FRENCH_QUOTE.rstrip('.')} » [1].\n\n{ENGLISH_QUOTE[:-1]} [2].",
    abstained=False,
    composer="extractive",
    citations=(citation(1, FRENCH_ID, FRENCH_QUOTE), citation(2, "en/visa", ENGLISH_QUOTE)),
)
FRENCH = replace(
    ENGLISH,
    language="fr",
    question="Quand commence l’exemption\u202f?",
    answer=f"{FRENCH_QUOTE[:-1]} [1].",
    citations=ENGLISH.citations[:1],
)
ANSWERS = [pytest.param(ENGLISH, id="en"), pytest.param(FRENCH, id="fr")]
LONG = replace(ENGLISH, answer="\n\n".join(f"{n}. {'A sentence of a very long answer. ' * 60}[1]." for n in range(12)))


@pytest.fixture
def server():
    with SlackServer() as running:
        yield running


@pytest.fixture
def slack(server) -> Slack:
    return Slack(server.bot_token, server.url, timeout_s=2)


@pytest.fixture
def streamless():
    with SlackServer(streaming=False) as running:
        yield running


def link(document_id: str, start: int, end: int) -> str:
    return f"https://qa.example.org/articles/{quote(document_id, safe='')}?s={start}-{end}"


@dataclass
class Kept:
    """What a message's reply remembers, over several attempts."""

    states: list[dict[str, Any]] = field(default_factory=list)

    @property
    def last(self) -> dict[str, Any]:
        return self.states[-1] if self.states else {}


def reply_to(
    slack: Slack,
    kept: Kept | None = None,
    *,
    attempt: int = 1,
    number: int = 1,
    text: str = "When does it begin?",
    **place: str,
) -> SlackReply:
    where = {"team": "T1", "channel": "C1", "user": "U1", "thread_ts": THREAD, "response_url": "", **place}
    kept = kept or Kept()
    return SlackReply(
        slack,
        Message(f"slack:Ev{number}", text, where),
        {**kept.last, "attempt": attempt},
        kept.states.append,
        link_of=lambda language: link,
        kept_answers=True,
        conversation_of=lambda *parts: "/".join(parts),
    )


def only_message(server: SlackServer, channel: str = "C1", thread_ts: str = THREAD) -> dict[str, Any]:
    (message,) = server.messages(channel, thread_ts)
    return message


def posts_of(answer: Answer) -> list[Post]:
    return answer_posts(answer, link, kept=True)


def bare(text: str) -> str:
    """A text without what is not seen, which depends on the pieces that it was written in."""
    return text.replace("\u2060", "")


def written(reply: SlackReply, text: str, *, size: int = 20) -> None:
    """Write a text in pieces, each long enough after the one before it that it is shown."""
    for start in range(0, len(text), size):
        reply._appended_at = 0.0
        reply.write(text[start : start + size])


# An answer at once


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_there_at_once_is_one_message_in_the_thread(server, slack, answer):
    reply = reply_to(slack)
    assert reply.conversation() == f"T1/C1/{THREAD}"
    reply.write(answer.answer)
    reply.answer(answer)
    (call,) = server.calls
    expected = posts_of(answer)[0]
    assert (call.method, call.arguments["blocks"]) == ("chat.postMessage", expected.blocks)
    assert call.arguments["text"] == expected.text
    assert call.arguments["thread_ts"] == THREAD
    settings = {name: call.arguments[name] for name in ("unfurl_links", "unfurl_media", "link_names", "parse")}
    assert settings == {"unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none"}
    mark = {"event_type": "qa_service_reply", "event_payload": {"message": "slack:Ev1", "part": 1}}
    assert only_message(server)["metadata"] == mark


def test_a_long_answer_is_several_messages_in_order(server, slack):
    posts = posts_of(LONG)
    assert len(posts) > 1
    reply_to(slack).answer(LONG)
    shown = server.messages("C1", THREAD)
    assert [message["blocks"] for message in shown] == [post.blocks for post in posts]
    parts = [message["metadata"]["event_payload"]["part"] for message in shown]
    assert parts == list(range(1, len(posts) + 1))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_notice_is_a_message_too(server, slack, language):
    notice = Notice("too_long", language, {"longest": 2_000})
    reply_to(slack).notice(notice)
    assert only_message(server)["blocks"] == notice_post(notice).blocks


# A sign of life: a stream


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_stream_is_written_and_ends_with_what_stands_below(server, slack, answer):
    kept = Kept()
    reply = reply_to(slack, kept)
    reply.write(answer.answer[:10])  # before the sign of life
    reply.alive(answer.language)
    shown = only_message(server)
    assert kept.last == {"ts": shown["ts"], "streamed": True}
    assert shown["tasks"]["search"]["title"] == working_post(answer.language).text
    assert shown["tasks"]["search"]["status"] == "in_progress"
    start = server.calls_of("chat.startStream")[0].arguments
    assert (start["thread_ts"], start["recipient_team_id"], start["recipient_user_id"]) == (THREAD, "T1", "U1")
    written(reply, answer.answer[10:-5])
    assert bare(only_message(server)["text"]) == bare(preview(answer.answer[:-5]))
    reply.write(answer.answer[-5:])
    reply.answer(answer)
    shown = only_message(server)
    assert (bare(shown["text"]), shown["streaming"]) == (bare(preview(answer.answer)), False)
    assert shown["blocks"] == footer(answer, link, kept=True)
    assert shown["tasks"]["search"]["status"] == "complete"
    assert shown["metadata"]["event_payload"] == {"message": "slack:Ev1", "part": 1}
    assert not server.calls_of("chat.update")


def test_a_stream_is_appended_to_at_most_once_a_second(server, slack):
    reply = reply_to(slack)
    reply.alive("en")
    began = time.monotonic()
    count = 0
    while time.monotonic() < began + 2.5:
        reply.write("word ")
        count += 1
        time.sleep(0.005)
    assert 1 <= len(server.calls_of("chat.appendStream")) <= time.monotonic() - began
    reply.answer(replace(ENGLISH, answer="word " * count))
    assert only_message(server)["text"] == preview("word " * count)


def test_a_stream_without_a_word_yet_ends_with_the_whole_answer(server, slack):
    reply = reply_to(slack)
    reply.alive("fr")
    reply.write("")
    reply.answer(FRENCH)
    assert only_message(server)["text"] == preview(FRENCH.answer)
    assert [call.method for call in server.calls] == ["chat.startStream", "chat.stopStream"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_withdrawn_does_not_stay(server, slack, answer):
    reply = reply_to(slack)
    reply.alive(answer.language)
    written(reply, "It was raining. ")
    reply.answer(replace(answer, withdrawn=("It was raining.",)))
    shown = only_message(server)
    assert (shown["blocks"], shown["text"]) == (posts_of(answer)[0].blocks, posts_of(answer)[0].text)
    assert (shown["streaming"], shown["tasks"]) == (False, {})


def test_an_answer_of_which_something_was_withdrawn_is_shown_as_a_whole(server, slack):
    reply = reply_to(slack)
    reply.alive("fr")
    written(reply, FRENCH.answer[:20])
    reply.answer(replace(FRENCH, withdrawn=("Il pleuvait.",)))
    assert only_message(server)["blocks"] == posts_of(FRENCH)[0].blocks


def test_an_answer_that_became_another_replaces_what_was_streamed(server, slack):
    reply = reply_to(slack)
    reply.alive("en")
    written(reply, "Something that the answer does not say.")
    reply.answer(ENGLISH)
    assert only_message(server)["blocks"] == posts_of(ENGLISH)[0].blocks


def test_a_notice_takes_the_place_of_a_stream(server, slack):
    reply = reply_to(slack)
    reply.alive("fr")
    written(reply, "Le pont")
    notice = Notice("failed", "fr")
    reply.notice(notice)
    shown = only_message(server)
    assert (shown["blocks"], shown["streaming"]) == (notice_post(notice).blocks, False)


def test_an_answer_too_long_for_a_stream_is_posts_in_the_end(server, slack):
    reply = reply_to(slack)
    reply.alive("en")
    written(reply, LONG.answer, size=1_000)
    assert len(only_message(server)["text"]) <= 12_000
    reply.answer(LONG)
    assert [message["blocks"] for message in server.messages("C1", THREAD)] == [post.blocks for post in posts_of(LONG)]


def test_an_answer_that_only_a_stream_has_no_room_for_is_one_message(server, slack):
    answer = replace(ENGLISH, answer="." * 7_000, citations=())  # escaped, twice as many
    assert len(posts_of(answer)) == 1
    reply = reply_to(slack)
    reply.alive("en")
    reply.answer(answer)
    assert only_message(server)["blocks"] == posts_of(answer)[0].blocks
    assert "chunks" not in server.calls_of("chat.stopStream")[0].arguments


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 30},
        {"status": 500},
        {"drop": True, "after": True},
        {"error": "message_not_found"},
    ],
)
def test_a_failed_append_gives_the_stream_up_without_waiting(server, slack, fault):
    reply = reply_to(slack)
    reply.alive("en")
    server.fail("chat.appendStream", **fault)
    began = time.monotonic()
    written(reply, ENGLISH.answer)
    assert time.monotonic() - began < 3
    assert len(server.calls_of("chat.appendStream")) == 1
    reply.answer(ENGLISH)
    assert only_message(server)["blocks"] == posts_of(ENGLISH)[0].blocks


def test_a_stream_that_slack_has_closed_is_replaced(server, slack):
    reply = reply_to(slack)
    reply.alive("en")
    slack.client.chat_stopStream(channel="C1", ts=only_message(server)["ts"])
    reply.answer(ENGLISH)
    assert only_message(server)["blocks"] == posts_of(ENGLISH)[0].blocks


def test_a_stream_that_was_erased_is_posted_anew(server, slack):
    reply = reply_to(slack)
    reply.alive("en")
    server.erase("C1", only_message(server)["ts"])
    reply.answer(ENGLISH)
    assert only_message(server)["blocks"] == posts_of(ENGLISH)[0].blocks


# A sign of life: a message that is replaced


@pytest.mark.parametrize("answer", ANSWERS)
def test_without_streams_a_message_is_replaced(streamless, answer):
    slack = Slack(streamless.bot_token, streamless.url)
    kept = Kept()
    reply = reply_to(slack, kept)
    reply.alive(answer.language)
    sign = only_message(streamless)
    assert sign["blocks"] == working_post(answer.language).blocks
    assert kept.last == {"ts": sign["ts"], "streamed": False}
    reply.write("Nothing of this is shown.")
    reply.answer(answer)
    shown = only_message(streamless)
    assert (shown["ts"], shown["blocks"]) == (sign["ts"], posts_of(answer)[0].blocks)
    reply_to(slack).alive("en")
    reply_to(slack, channel="C2").alive("en")
    assert len(streamless.calls_of("chat.startStream")) == 1  # remembered


def test_a_channel_without_streams_says_nothing_about_others(server, slack):
    server.fail("chat.startStream", "channel_type_not_supported")
    for channel in ("C1", "C1", "C2"):
        reply_to(slack, channel=channel).alive("fr")
    assert [call.arguments["channel"] for call in server.calls_of("chat.startStream")] == ["C1", "C2"]


def test_a_channel_where_nothing_may_be_posted_is_tried_again_with_a_stream(server, slack):
    for method in ("chat.startStream", "chat.postMessage"):
        server.fail(method, "not_in_channel")
    for _ in range(2):
        reply_to(slack).alive("en")
    assert only_message(server)["streaming"]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_where_streams_are_not_offered_a_message_is_replaced(server, slack, status):
    server.fail("chat.startStream", status=status)
    reply = reply_to(slack)
    reply.alive("fr")
    assert only_message(server)["text"] == working_post("fr").text
    reply.answer(FRENCH)
    assert only_message(server)["blocks"] == posts_of(FRENCH)[0].blocks


def test_a_stream_without_a_name_is_none(server, slack):
    """An answer of another shape than Slack's own, as of a proxy."""
    server._methods["chat.startStream"] = lambda arguments: {}
    reply = reply_to(slack)
    reply.alive("fr")
    reply.answer(FRENCH)
    assert only_message(server)["blocks"] == posts_of(FRENCH)[0].blocks


def test_a_long_answer_begins_in_the_message_that_is_replaced(streamless):
    reply = reply_to(Slack(streamless.bot_token, streamless.url))
    reply.alive("en")
    ts = only_message(streamless)["ts"]
    reply.answer(LONG)
    shown = streamless.messages("C1", THREAD)
    assert shown[0]["ts"] == ts
    assert [message["blocks"] for message in shown] == [post.blocks for post in posts_of(LONG)]


@pytest.mark.parametrize("error", ["cant_update_message", "edit_window_closed", "message_not_found"])
def test_a_message_that_cannot_be_replaced_is_posted_anew(streamless, error):
    reply = reply_to(Slack(streamless.bot_token, streamless.url))
    reply.alive("en")
    streamless.fail("chat.update", error)
    reply.answer(ENGLISH)
    assert streamless.messages("C1", THREAD)[-1]["blocks"] == posts_of(ENGLISH)[0].blocks


def test_a_channel_that_was_archived_meanwhile(streamless):
    reply = reply_to(Slack(streamless.bot_token, streamless.url))
    reply.alive("fr")
    streamless.fail("chat.update", "is_archived")
    with pytest.raises(Undeliverable):
        reply.answer(FRENCH)
    assert streamless.messages("D1")[0]["text"] == bot_text("not_in_channel", "fr", channel="<#C1>")


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"drop": True}, {"error": "is_archived"}])
def test_a_sign_of_life_never_raises(streamless, caplog, fault):
    slack = Slack(streamless.bot_token, streamless.url, timeout_s=2)
    for _ in range(2):
        streamless.fail("chat.postMessage", **fault)
        reply_to(slack).alive("fr")
    assert len(caplog.records) == 1
    reply = reply_to(slack)
    reply.alive("fr")
    reply.answer(FRENCH)
    assert only_message(streamless)["blocks"] == posts_of(FRENCH)[0].blocks


def test_a_sign_of_life_whose_connection_broke_is_found_again(streamless):
    reply = reply_to(Slack(streamless.bot_token, streamless.url, timeout_s=2))
    streamless.fail("chat.postMessage", drop=True, after=True)
    reply.alive("en")
    reply.answer(ENGLISH)
    assert only_message(streamless)["blocks"] == posts_of(ENGLISH)[0].blocks


# After a crash


def test_another_process_goes_on_with_a_stream(server, slack):
    kept = Kept()
    first = reply_to(slack, kept)
    first.alive("fr")
    written(first, FRENCH.answer[:30])
    second = reply_to(Slack(server.bot_token, server.url), kept, attempt=2)
    second.alive("fr")
    second.write(FRENCH.answer)
    second.answer(FRENCH)
    shown = only_message(server)
    assert (shown["blocks"], shown["streaming"]) == (posts_of(FRENCH)[0].blocks, False)


def test_another_process_finds_a_sign_of_life_that_was_not_remembered(streamless):
    slack = Slack(streamless.bot_token, streamless.url)
    reply_to(slack).alive("en")
    kept = Kept()
    second = reply_to(slack, kept, attempt=2)
    second.alive("en")
    ts = only_message(streamless)["ts"]
    assert kept.last["ts"] == ts
    second.answer(ENGLISH)
    assert (only_message(streamless)["ts"], only_message(streamless)["blocks"]) == (ts, posts_of(ENGLISH)[0].blocks)


def test_another_process_begins_a_long_answer_in_the_sign_of_life(streamless):
    slack, kept = Slack(streamless.bot_token, streamless.url), Kept()
    reply_to(slack, kept).alive("en")
    ts = only_message(streamless)["ts"]
    reply_to(slack, kept, attempt=2).answer(LONG)
    shown = streamless.messages("C1", THREAD)
    assert shown[0]["ts"] == ts
    assert [message["blocks"] for message in shown] == [post.blocks for post in posts_of(LONG)]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_whose_connection_broke_is_not_posted_twice(server, slack, answer):
    server.say("C1", answer.question, ts=THREAD)
    server.fail("chat.postMessage", drop=True, after=True)
    kept = Kept()
    with pytest.raises(TryLater):
        reply_to(slack, kept).answer(answer)
    reply_to(slack, kept, attempt=2).answer(answer)
    shown = [message for message in server.messages("C1", THREAD) if message["user"] == BOT_USER]
    assert [message["blocks"] for message in shown] == [posts_of(answer)[0].blocks]


@pytest.mark.parametrize("history", [True, False])
def test_the_parts_that_are_there_are_not_posted_again(server, slack, history):
    count = len(posts_of(LONG))
    assert count > 2
    kept = Kept()
    server.fail("chat.postMessage", "fatal_error", skip=count - 1)
    with pytest.raises(TryLater):
        reply_to(slack, kept).answer(LONG)
    assert len(server.messages("C1", THREAD)) == count - 1
    if not history:
        server.fail("conversations.replies", "missing_scope", times=9)
    reply_to(slack, kept, attempt=2).answer(LONG)
    assert [message["blocks"] for message in server.messages("C1", THREAD)] == [post.blocks for post in posts_of(LONG)]


def test_parts_that_the_second_answer_does_not_have_are_deleted(server, slack):
    kept = Kept()
    reply_to(slack, kept).answer(LONG)
    reply_to(slack, kept, attempt=2).answer(ENGLISH)
    assert only_message(server)["blocks"] == posts_of(ENGLISH)[0].blocks


def test_a_reply_to_another_message_of_the_thread_is_left_alone(server, slack):
    reply_to(slack).answer(ENGLISH)
    place = {"team": "T1", "channel": "C1", "user": "U1", "thread_ts": THREAD, "response_url": ""}
    other = SlackReply(
        slack,
        Message("slack:Ev2", "Et ensuite\u202f?", place),
        {"attempt": 2},
        lambda kept: None,
        link_of=lambda language: None,
        kept_answers=False,
        conversation_of=lambda *parts: "c",
    )
    other.answer(FRENCH)
    first, second = server.messages("C1", THREAD)
    assert first["blocks"] == posts_of(ENGLISH)[0].blocks
    assert second["blocks"] == answer_posts(FRENCH, None, kept=False)[0].blocks


# Commands, shortcuts and buttons


@pytest.mark.parametrize(
    ("text", "asks"), [("When does it begin?", "asks:"), ("Quand cela commence-t-il ?", "demande")]
)
def test_a_command_s_question_begins_the_thread(server, slack, text, asks):
    kept = Kept()
    address = server.response_url()
    reply = reply_to(slack, kept, text=text, thread_ts="", response_url=address)
    conversation = reply.conversation()
    (question,) = server.messages("C1")
    assert "<@U1>" in question["blocks"][0]["text"]["text"]
    assert asks in question["blocks"][0]["text"]["text"]
    assert conversation == f"T1/C1/{question['ts']}"
    assert reply.conversation() == conversation
    again = reply_to(slack, kept, attempt=2, text=text, thread_ts="", response_url=address)
    assert again.conversation() == conversation
    again.answer(FRENCH)
    assert [message["thread_ts"] for message in server.messages("C1")] == [question["ts"]] * 2
    assert server.responses("r1") == []


def test_a_command_s_question_whose_connection_broke_is_not_posted_twice(server, slack):
    server.fail("chat.postMessage", after=True, drop=True)
    with pytest.raises(TryLater):
        reply_to(slack, thread_ts="").conversation()
    again = reply_to(slack, attempt=2, thread_ts="")
    conversation = again.conversation()
    again.answer(ENGLISH)
    question, answered = server.messages("C1")
    assert conversation == f"T1/C1/{question['ts']}"
    assert answered["thread_ts"] == question["ts"]
    # Another command is none of it.
    reply_to(slack, attempt=2, number=2, thread_ts="").conversation()
    assert len(server.messages("C1")) == 3


def test_a_question_that_shows_no_language_is_asked_in_the_asker_s(server, slack):
    server.locales["U1"] = "fr-FR"
    reply_to(slack, text="Rabat 2025", thread_ts="").conversation()
    assert "demande" in server.messages("C1")[0]["text"]
    reply_to(slack, text="When does it begin?", thread_ts="").conversation()
    assert len(server.calls_of("users.info")) == 1


@pytest.mark.parametrize("error", ["not_in_channel", "channel_not_found", "is_archived", "missing_scope"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_command_where_the_app_may_not_post_is_answered_to_the_asker_alone(server, slack, error, answer):
    server.fail("chat.postMessage", error)
    kept = Kept()
    reply = reply_to(slack, kept, thread_ts="", response_url=server.response_url())
    assert reply.conversation() == "T1/C1/slack:Ev1"
    reply.alive(answer.language)
    reply.write(answer.answer)
    reply.answer(answer)
    (response,) = server.responses("r1")
    assert (response["response_type"], response["replace_original"]) == ("ephemeral", False)
    assert response["blocks"] == posts_of(answer)[0].blocks
    again = reply_to(slack, kept, attempt=2, thread_ts="", response_url=server.response_url())
    assert again.conversation() == "T1/C1/slack:Ev1"
    again.answer(answer)
    assert len(server.responses("r1")) == 1
    assert len(server.calls_of("chat.postMessage")) == 1


def test_a_command_that_cannot_be_answered_anywhere(server, slack):
    server.fail("chat.postMessage", "not_in_channel")
    with pytest.raises(Undeliverable):
        reply_to(slack, text="Quand cela commence-t-il ?", thread_ts="", response_url="").conversation()
    assert server.messages("D1")[0]["text"] == bot_text("not_in_channel", "fr", channel="<#C1>")


def test_a_notice_to_a_command_without_a_thread_goes_to_the_asker_alone(server, slack):
    notice = Notice("storage", "fr")
    reply_to(slack, thread_ts="", response_url=server.response_url()).notice(notice)
    assert server.responses("r1")[0]["blocks"] == notice_post(notice).blocks
    assert not server.calls_of("chat.postMessage")


def test_a_long_answer_uses_a_response_address_five_times_at_most(server, slack):
    longer = replace(LONG, answer="\n\n".join([LONG.answer] * 4))
    assert len(posts_of(longer)) > 5
    reply_to(slack, thread_ts="", response_url=server.response_url()).answer(longer)
    assert len(server.calls_of(RESPONSE_URL)) == 5


def test_a_shortcut_s_answer_that_may_not_be_posted_goes_to_the_asker_alone(server, slack):
    server.fail("chat.postMessage", "not_in_channel")
    reply_to(slack, response_url=server.response_url()).answer(FRENCH)
    assert server.responses("r1")[0]["blocks"] == posts_of(FRENCH)[0].blocks
    assert len(server.calls_of("chat.postMessage")) == 1  # nothing is said of the channel


def test_a_response_address_that_is_used_up_is_no_way_to_reply(server, slack):
    for _ in range(5):
        assert slack.ephemeral(server.response_url(), Post("Bonjour", []))
    with pytest.raises(Undeliverable):
        reply_to(slack, thread_ts="", response_url=server.response_url()).answer(FRENCH)
    assert server.messages("D1")[0]["text"] == bot_text("not_in_channel", "fr", channel="<#C1>")


# Errors


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 503}, {"drop": True}, {"hang": 30}, {"error": "internal_error"}]
)
def test_what_may_pass_is_tried_again_later_and_logged_once(server, caplog, fault):
    slack = Slack(server.bot_token, server.url, timeout_s=0.5)
    server.fail("chat.postMessage", times=2, **fault)
    for _ in range(2):
        with pytest.raises(TryLater) as later:
            reply_to(slack).answer(FRENCH)
        assert later.value.seconds > 0
    assert len(server.calls) == 2
    assert len(caplog.records) == 1
    reply_to(slack).answer(FRENCH)
    assert only_message(server)["blocks"] == posts_of(FRENCH)[0].blocks


def test_slack_s_wish_for_a_pause_is_granted(server, slack):
    server.fail("chat.postMessage", status=429, retry_after=1, times=2)
    began = time.monotonic()
    reply_to(slack).answer(ENGLISH)
    assert time.monotonic() - began >= 2
    assert only_message(server)["blocks"] == posts_of(ENGLISH)[0].blocks


def test_no_pause_is_granted_that_is_too_long_or_too_often_asked_for(server, slack):
    server.fail("chat.postMessage", status=429, retry_after=30)
    with pytest.raises(TryLater) as later:
        reply_to(slack).answer(ENGLISH)
    assert later.value.seconds == 30
    server.fail("chat.postMessage", status=429, retry_after=0, times=9)
    with pytest.raises(TryLater):
        reply_to(slack).answer(ENGLISH)
    assert len(server.calls) == 1 + 4


@pytest.mark.parametrize("error", ["not_in_channel", "channel_not_found", "is_archived", "restricted_action"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_the_asker_is_told_of_a_channel_where_the_app_may_not_write(server, slack, caplog, error, answer):
    server.fail("chat.postMessage", error)
    with pytest.raises(Undeliverable):
        reply_to(slack).answer(answer)
    (told,) = server.messages("D1")
    assert told["text"] == bot_text("not_in_channel", answer.language, channel="<#C1>")
    assert [record.getMessage() for record in caplog.records] == [f"Slack's chat.postMessage failed: {error}."]


def test_nobody_is_told_of_a_conversation_with_the_app_alone(server, slack):
    server.fail("chat.postMessage", "is_archived")
    with pytest.raises(Undeliverable):
        reply_to(slack, channel="D1").notice(Notice("failed", "fr"))
    assert len(server.calls) == 1


def test_an_asker_who_cannot_be_told_either(server, slack):
    server.fail("chat.postMessage", "not_in_channel")
    server.fail("chat.postMessage", "messages_tab_disabled")
    with pytest.raises(Undeliverable):
        reply_to(slack).answer(ENGLISH)


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "account_inactive", "not_authed"])
def test_a_token_that_is_no_good_is_an_error_in_the_log_that_says_what_to_do(server, slack, caplog, error):
    server.fail("chat.postMessage", error, times=2)
    for _ in range(2):
        with pytest.raises(Undeliverable):
            reply_to(slack).answer(FRENCH)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "SLACK_BOT_TOKEN" in record.getMessage()
    reply_to(slack).answer(FRENCH)  # it works again
    server.fail("chat.postMessage", error)
    with pytest.raises(Undeliverable):
        reply_to(slack).answer(FRENCH)
    assert len(caplog.records) == 2


def test_a_revoked_token(server, slack, caplog):
    server.revoked.add(server.bot_token)
    reply = reply_to(slack)
    reply.alive("en")
    assert reply.language() is None
    with pytest.raises(Undeliverable):
        reply.answer(ENGLISH)
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"])
def test_blocks_that_slack_does_not_take_leave_the_text(server, slack, caplog, error):
    server.fail("chat.postMessage", error)
    reply_to(slack).answer(FRENCH)
    shown = only_message(server)
    assert (shown["blocks"], shown["text"]) == ([], posts_of(FRENCH)[0].text)
    assert error in caplog.text


def test_a_footer_that_slack_does_not_take_leaves_the_whole_answer(server, slack):
    reply = reply_to(slack)
    reply.alive("en")
    written(reply, ENGLISH.answer)
    server.fail("chat.stopStream", "invalid_blocks")
    server.fail("chat.update", "invalid_blocks")
    reply.answer(ENGLISH)
    shown = only_message(server)
    assert (shown["blocks"], shown["text"], shown["streaming"]) == ([], posts_of(ENGLISH)[0].text, False)
    assert server.calls_of("chat.update")[-1].arguments["blocks"] == []  # else those of before may stay


def test_nothing_that_was_written_or_is_secret_stands_in_the_log(server, caplog):
    caplog.set_level(logging.DEBUG)
    slack = Slack(server.bot_token, server.url, timeout_s=0.5)
    faults: list[dict[str, Any]] = [{"drop": True}, {"status": 500}, {"error": "not_in_channel"}]
    for fault in [*faults, {"error": "invalid_blocks"}, {"status": 429, "retry_after": 99}]:
        for method in ("chat.postMessage", "chat.startStream", RESPONSE_URL):
            server.fail(method, **fault)
        reply = reply_to(slack, thread_ts="", response_url=server.response_url())
        for step in (reply.conversation, lambda r=reply: r.alive("en"), lambda r=reply: r.answer(ENGLISH)):
            with suppress(TryLater, Undeliverable):
                step()
    assert caplog.records
    for secret in (server.bot_token, "127.0.0.1", "/response/", "passport", "begin", "exemption"):
        assert secret not in caplog.text
