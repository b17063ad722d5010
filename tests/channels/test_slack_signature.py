"""Which requests pass for Slack's: those that are signed, over their very bytes, just now."""

from __future__ import annotations

import time

import pytest
from slack_sdk.signature import SignatureVerifier
from werkzeug.datastructures import Headers

from qa_service.channels.slack_signature import is_signed
from tests.slack_server import SIGNING_SECRET, signed

BODY = '{"event": {"text": "Quand l’accord a-t-il été signé\u202f? \ufffd"}}'.encode()
TIMESTAMP, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"


def passes(body: bytes, headers: Headers | dict[str, str], secret: str = SIGNING_SECRET) -> bool:
    return is_signed(SignatureVerifier(secret), body, Headers(headers))


def test_what_is_signed_passes() -> None:
    assert passes(BODY, signed(SIGNING_SECRET, BODY))
    assert passes(b"", signed(SIGNING_SECRET, b""))


@pytest.mark.parametrize(("age", "good"), [(0, True), (295, True), (-295, True), (310, False), (-310, False)])
def test_it_must_be_of_the_last_five_minutes(age: int, good: bool) -> None:
    headers = signed(SIGNING_SECRET, BODY, timestamp=int(time.time()) - age)
    assert passes(BODY, headers) is good


def test_another_secret_or_another_body_does_not_pass() -> None:
    headers = signed(SIGNING_SECRET, BODY)
    assert not passes(BODY, headers, "another secret")
    assert not passes(BODY + b" ", headers)


def test_bytes_that_read_the_same_do_not_pass() -> None:
    """Half a character and the sign for one that cannot be read make the same text."""
    assert not passes(BODY.replace("\ufffd".encode(), b"\xe9"), signed(SIGNING_SECRET, BODY))


@pytest.mark.parametrize("timestamp", ["", " ", "now", "1.7e9", "+{0}", " {0}", "{0} ", "{0}.0", "1_7", "-1", "{0}\n"])
def test_a_time_is_digits_alone(timestamp: str) -> None:
    good = signed(SIGNING_SECRET, BODY)
    given = timestamp.format(good[TIMESTAMP])
    resigned = SignatureVerifier(SIGNING_SECRET).generate_signature(timestamp=given, body=BODY)
    headers = Headers()
    headers._list = [(TIMESTAMP, given), (SIGNATURE, resigned or "")]
    assert not is_signed(SignatureVerifier(SIGNING_SECRET), BODY, headers)


def test_digits_of_other_scripts_are_none() -> None:
    good = signed(SIGNING_SECRET, BODY)
    given = good[TIMESTAMP].translate({ord("0") + n: chr(0x660 + n) for n in range(10)})
    resigned = SignatureVerifier(SIGNING_SECRET).generate_signature(timestamp=given, body=BODY)
    assert not passes(BODY, {TIMESTAMP: given, SIGNATURE: resigned or ""})


@pytest.mark.parametrize("name", [TIMESTAMP, SIGNATURE])
def test_each_header_is_there_once(name: str) -> None:
    good = signed(SIGNING_SECRET, BODY)
    assert not passes(BODY, {key: value for key, value in good.items() if key != name})
    twice = Headers(good)
    twice.add(name, good[name])
    assert not passes(BODY, twice)
    assert not passes(BODY, good | {name: f"{good[name]},{good[name]}"})


@pytest.mark.parametrize("version", ["v1=", "V0=", "", "v0=v0="])
def test_only_the_version_that_is_known_passes(version: str) -> None:
    good = signed(SIGNING_SECRET, BODY)
    assert not passes(BODY, good | {SIGNATURE: version + good[SIGNATURE].removeprefix("v0=")})
    assert not passes(BODY, good | {SIGNATURE: good[SIGNATURE].upper()})
