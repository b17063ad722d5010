"""``POST /slack/events``: what Slack sends, checked to be Slack's and handed to the bot."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs

from flask import Blueprint, Response, abort, request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import BadRequest

from qa_service.channels.operations import Content, Operation, Parameter, operation
from qa_service.channels.problems import problem

if TYPE_CHECKING:
    from qa_service.channels.slack_app import SlackApp

PATH = "/slack/events"

_TIMESTAMP = Parameter(
    "X-Slack-Request-Timestamp",
    str,
    "header",
    "When it was signed, in seconds since 1970; at most five minutes ago.",
    required=True,
    example="1731600000",
)
_SIGNATURE = Parameter(
    "X-Slack-Signature",
    str,
    "header",
    "`v0=` and the HMAC-SHA256 of `v0:`, the timestamp, `:` and the body, keyed with `SLACK_SIGNING_SECRET`, in hex.",
    required=True,
    example="v0=" + "0" * 64,
)


class SlackRequest(BaseModel):
    """What Slack sends: an event as JSON; a command, or a `payload` where somebody clicked, as a form."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="`event_callback`, or `url_verification`, a check of the address.")] = ""
    team_id: Annotated[str, Field(description="The workspace.")] = ""
    event_id: Annotated[str, Field(description="The same each time that Slack sends the event.")] = ""
    event: Annotated[dict[str, Any], Field(description="The event, as Slack documents it.")] = {}


_EXAMPLES: dict[str, Any] = {
    name: {
        "type": "event_callback",
        "event_id": event_id,
        "team_id": "T0123ABCD",
        "event": {
            "type": "app_mention",
            "user": "U0123ABCD",
            "text": f"<@U0456EFGH> {question}",
            "channel": "C0123ABCD",
            "ts": "1731600000.000100",
        },
    }
    for name, event_id, question in (
        ("English", "Ev0123ABCD", "When was the visa agreement signed?"),
        ("French", "Ev0456EFGH", "Quand l’exemption de visa entre-t-elle en vigueur\u202f?"),
    )
}
_EVENTS = Operation(
    "Take an event of Slack",
    "Bots",
    "For Slack alone, which signs each request. It is there where `SLACK_BOT_TOKEN` and `SLACK_SIGNING_SECRET` are "
    "set. An event is acknowledged at once and answered in its thread.",
    access="open",
    parameters=(_TIMESTAMP, _SIGNATURE),
    body=Content(SlackRequest, ("application/json", "application/x-www-form-urlencoded"), _EXAMPLES),
    replies={200: Content(media_types=("text/plain",), description="Taken.")},
    problems=(401, 403, 404, 503),
)


def blueprint(slack: SlackApp | None, signing_secret: str) -> Blueprint:
    """The route, for an app of Slack and its secret; nothing is there without either."""
    routes = Blueprint("slack", __name__)
    handle = _handler(slack, signing_secret) if slack and signing_secret else None

    @routes.post(PATH)
    @operation(_EVENTS)
    def events() -> Response:
        if handle is None:
            abort(404)
        return handle()

    return routes


def _handler(slack: SlackApp, signing_secret: str) -> Callable[[], Response]:
    from slack_bolt.adapter.flask import SlackRequestHandler
    from slack_sdk.signature import SignatureVerifier

    from qa_service.channels.slack_signature import is_signed

    verifier, adapter = SignatureVerifier(signing_secret), SlackRequestHandler(slack.bolt)

    def handle() -> Response:
        body = request.get_data()
        if not is_signed(verifier, body, request.headers):
            return problem(401, "This is not a request of Slack: its signature or its time is wrong.")
        _require_readable(body)
        response: Response = adapter.handle(request)
        if response.status_code == 404:  # Bolt knows no listener: Slack is to keep what the bot has no use for
            return Response(status=200)
        if response.status_code == 503:
            return problem(503, "It cannot be taken now; please send it again.")
        if response.status_code == 403:
            return _refused(response)
        return response

    return handle


def _refused(response: Response) -> Response:
    told = problem(403, "The bot does not answer this workspace.")
    told.headers["X-Slack-No-Retry"] = response.headers["X-Slack-No-Retry"]
    return told


def _require_readable(body: bytes) -> None:
    """Refuse what Bolt would stumble over: a body, or the payload of its form, that is no JSON object."""
    text = body.decode()
    if request.mimetype != "application/json" and not text.startswith("{"):
        sent = parse_qs(text, keep_blank_values=True).get("payload")
        text = sent[0] if sent else "{}"
    try:
        readable = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        readable = False
    if not readable:
        raise BadRequest("The body is not a JSON object, nor a form that holds one.")
