"""How soon Slack is told that its event arrived, while every answer hangs."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

from benchmarks.endpoint import copied_documents, served
from benchmarks.yardsticks import Measure, percentile

_SECRET = "benchmark-signing-secret"  # of a service of this machine's own
_EVENTS = 100  # a round, from as many senders at once as follow
_SENDERS = 8
_WORKERS = 2
# Until a language model is given up: the service ends its answers before it ends.
_PATIENCE_S = 2


def acknowledgement(rounds: int) -> Iterator[Measure]:
    """Signed events to a bot whose language model and whose Slack never answer, and the same bytes unsigned."""
    with copied_documents() as settings, _silent() as address:
        variables = {
            "SLACK_BOT_TOKEN": "xoxb-benchmark",
            "SLACK_SIGNING_SECRET": _SECRET,
            "SLACK_API_URL": f"http://{address}/api/",
            "QA_LLM": "openai:benchmark",
            "QA_LLM_BASE_URL": f"http://{address}/v1",
            "QA_LLM_API_KEY": "benchmark",
            "QA_LLM_TIMEOUT": str(_PATIENCE_S),
            "QA_WORKERS": str(_WORKERS),
        }
        with served(settings, **variables) as port, ThreadPoolExecutor(_SENDERS) as senders:
            taken: dict[bool, list[float]] = {True: [], False: []}
            for number in range(rounds):
                for signed, seconds in taken.items():
                    events = [_event(f"Ev{number}-{each}") for each in range(_EVENTS)]
                    seconds.extend(senders.map(partial(_seconds, port, signed), events))
    for share in (50, 99):
        ours, beside = (percentile(taken[signed], share) * 1000 for signed in (True, False))
        yield Measure(f"event of Slack acknowledged, p{share}", "ms", ours, beside, "refused, because it is not signed")


@contextmanager
def _silent() -> Iterator[str]:
    """An address at which every connection is taken and nothing is ever said."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=4_096)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def _event(name: str) -> bytes:
    message = {"type": "app_mention", "user": "U1", "text": "<@U2> When was it signed?", "channel": "C1", "ts": name}
    return json.dumps({"type": "event_callback", "event_id": name, "team_id": "T1", "event": message}).encode()


def _seconds(port: int, signed: bool, body: bytes) -> float:
    at = str(int(time.time()))
    signature = hmac.new(_SECRET.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Slack-Request-Timestamp": at}
    if signed:
        headers["X-Slack-Signature"] = f"v0={signature}"
    started = time.perf_counter()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/slack/events", body, headers)
        status = connection.getresponse().status
    if status != (http.client.OK if signed else http.client.UNAUTHORIZED):
        raise RuntimeError(f"POST /slack/events: {status}")
    return time.perf_counter() - started
