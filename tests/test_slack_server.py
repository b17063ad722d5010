"""Whether the Slack of the tests answers as Slack does."""

from __future__ import annotations

import json
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

pytest.importorskip("slack_sdk")
pytest.importorskip("websockets")

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests import slack_server
from tests.slack_server import RESPONSE_URL, SlackServer

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "Bonjour à *tous*"}}


@pytest.fixture
def server():
    with SlackServer() as running:
        yield running


@pytest.fixture
def client(server) -> WebClient:
    return WebClient(server.bot_token, base_url=server.url, timeout=5, retry_handlers=[])


def error_of(call) -> str:
    with pytest.raises(SlackApiError) as refused:
        call()
    return refused.value.response["error"]


def button(**more) -> dict:
    text = {"type": "plain_text", "text": "Sources"}
    return {"type": "button", "text": text, "action_id": "a", **more}


def test_posts_updates_and_deletions_are_what_the_channel_shows(server, client):
    first = client.chat_postMessage(channel="C1", thread_ts="1.1", text="One", blocks=[SECTION])
    second = client.chat_postMessage(channel="C1", thread_ts="1.1", text="Two", unfurl_links=False)
    client.chat_postMessage(channel="C1", text="Elsewhere")
    client.chat_update(channel="C1", ts=first["ts"], text="Un, \u202foui")
    client.chat_delete(channel="C1", ts=second["ts"])
    assert [(message["text"], message["blocks"]) for message in server.messages("C1", "1.1")] == [("Un, \u202foui", [])]
    assert [message["text"] for message in server.messages("C1")] == ["Un, \u202foui", "Elsewhere"]
    call = server.calls_of("chat.postMessage")[1]
    assert (call.token, call.arguments["unfurl_links"]) == (server.bot_token, False)
    assert error_of(lambda: client.chat_update(channel="C1", ts=second["ts"], text="?")) == "message_not_found"


def test_a_stream_is_written_and_closed(server, client):
    task = {"type": "task_update", "id": "t", "title": "Recherche…", "status": "in_progress"}
    place = {"channel": "C1", "recipient_team_id": "T1", "recipient_user_id": "U1"}
    ts = client.chat_startStream(thread_ts="1.1", chunks=[task], **place)["ts"]
    assert error_of(lambda: client.chat_update(channel="C1", ts=ts, text="?")) == "streaming_state_conflict"
    client.chat_appendStream(channel="C1", ts=ts, chunks=[{"type": "markdown_text", "text": "The bridge "}])
    client.chat_appendStream(channel="C1", ts=ts, markdown_text="opened.")
    assert server.messages("C1", "1.1")[0]["streaming"]
    client.chat_stopStream(channel="C1", ts=ts, chunks=[{**task, "status": "complete"}], blocks=[SECTION])
    shown = server.messages("C1", "1.1")[0]
    assert (shown["text"], shown["blocks"], shown["streaming"]) == ("The bridge opened.", [SECTION], False)
    assert shown["tasks"]["t"]["status"] == "complete"
    late = error_of(lambda: client.chat_appendStream(channel="C1", ts=ts, markdown_text="!"))
    assert late == "message_not_in_streaming_state"
    gone = error_of(lambda: client.chat_appendStream(channel="C1", ts="9.9", markdown_text="!"))
    assert gone == "message_not_found"
    lone = error_of(lambda: client.chat_startStream(channel="C1", thread_ts="1.1"))
    assert lone == "missing_recipient_team_id"


def test_a_workspace_may_have_no_streams():
    with SlackServer(streaming=False, channels={"C1"}) as server:
        client = WebClient(server.bot_token, base_url=server.url, retry_handlers=[])
        assert error_of(lambda: client.chat_startStream(channel="C1", thread_ts="1.1")) == "unknown_method"
        assert error_of(lambda: client.chat_postMessage(channel="C2", text="?")) == "channel_not_found"


def test_tokens_are_checked(server, client):
    assert client.auth_test()["user_id"] == slack_server.BOT_USER
    assert error_of(lambda: WebClient("xoxb-other", base_url=server.url).auth_test()) == "invalid_auth"
    assert error_of(lambda: WebClient(base_url=server.url).auth_test()) == "not_authed"
    assert error_of(lambda: client.api_call("apps.connections.open")) == "not_allowed_token_type"
    assert error_of(lambda: client.api_call("chat.sing")) == "unknown_method"
    server.revoked.add(server.bot_token)
    assert error_of(client.auth_test) == "token_revoked"


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ([SECTION] * 51, "invalid_blocks"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "é" * 3_001}}], "invalid_blocks"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}], "invalid_blocks"),
        ([{"type": "poem"}], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "invalid_blocks"),
        ([{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button(), button()]}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button(value="v" * 2_001)]}], "invalid_blocks"),
        ([{"type": "actions", "elements": [button(text={"type": "plain_text", "text": "x" * 76})]}], "invalid_blocks"),
        ([{"type": "markdown", "text": "x" * 7_000}] * 2, "msg_blocks_too_long"),
        ([], "no_text"),
    ],
)
def test_blocks_that_slack_refuses(server, client, blocks, error):
    assert error_of(lambda: client.api_call("chat.postMessage", json={"channel": "C1", "blocks": blocks})) == error
    assert server.messages("C1") == []


def test_texts_that_are_too_long(client):
    assert error_of(lambda: client.chat_postMessage(channel="C1", text="x" * 40_001)) == "msg_too_long"
    ts = client.chat_postMessage(channel="C1", text="x" * 40_000)["ts"]
    assert error_of(lambda: client.chat_update(channel="C1", ts=ts, text="x" * 4_001)) == "msg_too_long"


def test_a_thread_is_read_page_by_page_with_what_the_app_noted(server, client):
    server.say("C1", "Quand ?", ts="1.1")
    note = {"event_type": "note", "event_payload": {"part": 1}}
    for n in range(3):
        client.chat_postMessage(channel="C1", thread_ts="1.1", text=f"{n}", metadata=note)
    page = client.conversations_replies(channel="C1", ts="1.1", limit=2, include_all_metadata=True)
    assert [message["text"] for message in page["messages"]] == ["Quand ?", "0"]
    assert page["messages"][1]["metadata"] == note
    cursor = page["response_metadata"]["next_cursor"]
    rest = client.conversations_replies(channel="C1", ts="1.1", cursor=cursor)
    assert [message["text"] for message in rest["messages"]] == ["1", "2"]
    assert "metadata" not in rest["messages"][0]
    assert error_of(lambda: client.conversations_replies(channel="C1", ts="7.7")) == "thread_not_found"


def test_faults_come_in_turn_with_and_without_effect(server, client):
    server.fail("chat.postMessage", "is_archived")
    server.fail("chat.postMessage", status=429, retry_after=7)
    server.fail("chat.postMessage", drop=True)
    server.fail("chat.postMessage", drop=True, after=True)
    post = lambda: client.chat_postMessage(channel="C1", text="Here")  # noqa: E731
    assert error_of(post) == "is_archived"
    with pytest.raises(SlackApiError) as limited:
        post()
    assert limited.value.response.headers["Retry-After"] == "7"
    for shown in (0, 1):
        with pytest.raises((URLError, OSError)):
            post()
        assert len(server.messages("C1")) == shown
    post()
    assert len(server.messages("C1")) == 2


def test_a_call_hangs_no_longer_than_the_server(server):
    client = WebClient(server.bot_token, base_url=server.url, timeout=1, retry_handlers=[])
    server.fail("auth.test", hang=60)
    began = time.monotonic()
    with pytest.raises(OSError, match="timed out"):
        client.auth_test()
    assert time.monotonic() - began < 5


def test_a_response_address_is_good_for_five_posts(server):
    def post(body: dict) -> int:
        try:
            with urlopen(
                Request(server.response_url("r7"), json.dumps(body).encode(), {"Content-Type": "application/json"})
            ) as got:
                return got.status
        except HTTPError as error:
            error.close()
            return error.code

    assert post({"blocks": [{"type": "poem"}], "text": "Non"}) == 400
    assert [post({"text": f"{n}"}) for n in range(6)] == [200] * 5 + [404]
    assert [body["text"] for body in server.responses("r7")] == ["0", "1", "2", "3", "4"]
    assert len(server.calls_of(RESPONSE_URL)) == 7


def test_views_and_users(server, client):
    server.locales["U2"] = "fr-FR"
    assert client.users_info(user="U2", include_locale=True)["user"]["locale"] == "fr-FR"
    assert "locale" not in client.users_info(user="U2")["user"]
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Sources"}, "blocks": [SECTION] * 100}
    assert client.views_open(trigger_id="1.2", view=view)["view"]["id"] == "V1"
    assert error_of(lambda: client.views_open(trigger_id="1.2", view=view)) == "exchanged_trigger_id"
    assert error_of(lambda: client.views_open(trigger_id="expired.1", view=view)) == "expired_trigger_id"
    long = view | {"title": {"type": "plain_text", "text": "x" * 25}}
    assert error_of(lambda: client.views_open(trigger_id="3", view=long)) == "invalid_arguments"
    client.views_publish(user_id="U2", view={"type": "home", "blocks": [SECTION]})
    assert server.homes["U2"]["blocks"] == [SECTION]


def test_what_slack_sends_is_signed_as_slack_signs():
    body = slack_server.event_body(slack_server.app_mention("<@UBOT> Quand ?"), event_id="Ev7")
    headers = slack_server.signed("secret", body)
    assert SignatureVerifier("secret").is_valid_request(body, headers)
    assert not SignatureVerifier("other").is_valid_request(body, headers)
    old = slack_server.signed("secret", body, timestamp=int(time.time()) - 400)
    assert not SignatureVerifier("secret").is_valid_request(body, old)
    assert json.loads(body)["authorizations"][0]["user_id"] == slack_server.BOT_USER
    assert slack_server.signed("s", slack_server.command_body("Où ?"))["Content-Type"].endswith("urlencoded")


def test_socket_mode_with_the_sdk(server):
    client = SocketModeClient(server.app_token, web_client=WebClient(base_url=server.url))
    seen = []

    def listen(to, request):
        seen.append((request.type, request.payload, request.retry_attempt))
        to.send_socket_mode_response(SocketModeResponse(request.envelope_id, {"text": "Reçu"}))

    client.socket_mode_request_listeners.append(listen)
    try:
        client.connect()
        event = slack_server.event_payload(slack_server.direct_message("Où est le pont ?"))
        envelope = server.send_envelope("events_api", event, retry_attempt=1, retry_reason="timeout")
        assert server.wait_for_ack(envelope) == {"text": "Reçu"}
        assert seen == [("events_api", event, 1)]
    finally:
        client.close()


def test_connections_are_closed_announced_or_dropped(server):
    app = WebClient(server.app_token, base_url=server.url)
    address = app.apps_connections_open(app_token=server.app_token)["url"]
    with connect(address) as first, connect(app.apps_connections_open(app_token=server.app_token)["url"]) as second:
        assert [json.loads(each.recv())["type"] for each in (first, second)] == ["hello", "hello"]
        server.wait_for_connections(2)
        server.disconnect("warning", connection=0)
        assert json.loads(first.recv())["reason"] == "warning"
        envelope = server.send_envelope("slash_commands", slack_server.command_payload("Quand ?"), connection=0)
        received = json.loads(first.recv())
        assert (received["envelope_id"], received["payload"]["text"]) == (envelope, "Quand ?")
        first.send(json.dumps({"envelope_id": envelope}))
        assert server.wait_for_ack(envelope) == {}
        server.disconnect(connection=0)
        assert json.loads(first.recv())["reason"] == "refresh_requested"
        with pytest.raises(ConnectionClosed):
            first.recv()
        assert server.connections == 1
        server.drop()
        with pytest.raises(ConnectionClosed):
            second.recv()
    with connect(address) as used, pytest.raises(ConnectionClosed):
        used.recv()
