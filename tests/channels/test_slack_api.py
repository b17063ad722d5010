"""Slack's Web API as the bot calls it: users, views, direct messages and response addresses, and what fails."""

from __future__ import annotations

import pytest

pytest.importorskip("slack_sdk")
pytest.importorskip("websockets")

from qa_service.channels import slack_api
from qa_service.channels.slack_api import Slack
from qa_service.channels.slack_blocks import Post
from tests.slack_server import RESPONSE_URL, SlackServer


@pytest.fixture
def server():
    with SlackServer() as running:
        yield running


@pytest.fixture
def slack(server) -> Slack:
    return Slack(server.bot_token, server.url, timeout_s=2)


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.slack.com/commands/1",
        "https://evil.example/.slack.com/",
        "https://hooks.slack.com.evil.example/x",
        "https://hooks.slack.com@evil.example/x",
        "https://evil.example\\@hooks.slack.com/x",
        "https://evilslack.com/x",
        "file:///etc/passwd",
        "",
    ],
)
def test_only_slack_s_addresses_are_posted_to(slack, address):
    assert not slack.is_response_url(address)
    assert not slack.ephemeral(address, Post("Un secret", []))


def test_slack_s_own_addresses_are_posted_to(server):
    assert Slack("xoxb-1").is_response_url("https://hooks.slack.com/commands/T1/2/x")
    assert not Slack("xoxb-1").is_response_url(server.response_url())
    assert Slack("xoxb-1", server.url).is_response_url(server.response_url())


def test_a_user_s_language(server, slack):
    server.locales |= {"U1": "fr-FR", "U2": "en-GB", "U3": "de-DE"}
    for _ in range(2):
        assert [slack.locale(user) for user in ("U1", "U2", "U3")] == ["fr", "en", None]
    assert len(server.calls_of("users.info")) == 3


@pytest.mark.parametrize("fault", [{"error": "missing_scope"}, {"status": 500}, {"drop": True}])
def test_a_user_s_language_that_cannot_be_asked_for_is_not_asked_for_again_at_once(server, slack, fault):
    server.fail("users.info", **fault)
    server.locales["U1"] = "fr-CA"
    assert slack.locale("U1") is None
    assert slack.locale("U1") is None
    assert len(server.calls) == 1


def test_what_is_known_of_users_is_bounded(server, slack, monkeypatch):
    monkeypatch.setattr(slack_api, "_REMEMBERED", 2)
    for user in ("U1", "U2", "U3", "U1"):
        slack.locale(user)
    assert len(server.calls) == 4


def test_listeners_are_told_whether_it_worked(server, slack):
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "Bonjour"}}
    modal = {"type": "modal", "title": {"type": "plain_text", "text": "Sources"}, "blocks": [section]}
    assert slack.open_view("1.1", modal)
    assert not slack.open_view("expired.1", modal)
    assert slack.publish_home("U1", {"type": "home", "blocks": [section]})
    assert not slack.publish_home("U1", {"type": "modal"})
    assert slack.post_direct("U1", Post("Bonjour", [section]))
    assert slack.ephemeral(server.response_url(), Post("Bonjour", [section]))
    assert server.homes["U1"]["blocks"] == [section]
    for method in ("views.open", "views.publish", "chat.postMessage", RESPONSE_URL):
        server.fail(method, status=503)
    assert not slack.open_view("1.2", modal)
    assert not slack.publish_home("U1", {"type": "home", "blocks": [section]})
    assert not slack.post_direct("U1", Post("Bonjour", [section]))
    assert not slack.ephemeral(server.response_url(), Post("Bonjour", [section]))


def test_blocks_of_a_response_that_slack_does_not_take_leave_its_text(server, slack):
    assert slack.ephemeral(server.response_url(), Post("Bonjour", [{"type": "poem"}]))
    assert server.responses("r1")[0]["text"] == "Bonjour"


def test_a_text_below_blocks_is_cut_where_nothing_is_left_open(server, slack):
    text = "x" * 3_996 + "&amp;" + "y" * 100
    assert slack.post_direct("U1", Post(text, []))
    assert server.messages("D1")[0]["text"] == "x" * 3_996 + "…"
