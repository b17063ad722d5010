"""How often one may ask: by key, by session, by address, in memory and in Redis."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from fakeredis import TcpFakeServer
from flask import Flask
from flask.testing import FlaskClient

from qa_service.channels import limits
from qa_service.channels.operations import Operation, operation
from qa_service.errors import MissingExtra
from qa_service.keys import name_of, signer
from qa_service.settings import load_settings
from tests.channels.fake_pipeline import FakePipeline, app_for
from tests.local_server import in_a_thread

FIRST, SECOND, ADMIN = "k-5a1e07", "k-6b2f18", "a-7c3d29"
ONE = "1 per hour"


def service(rate_limit: str = ONE, **settings: str) -> Flask:
    return app_for(FakePipeline(), rate_limit=rate_limit, **settings)


def client_of(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def ask(client: FlaskClient, key: str = "", address: str = "192.0.2.1", **headers: str):
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return client.post(
        "/api/ask", json={"question": "When?"}, headers=headers, environ_overrides={"REMOTE_ADDR": address}
    )


def statuses(app: Flask, *asked: dict[str, str]) -> list[int]:
    client = client_of(app)
    return [ask(client, **each).status_code for each in asked]


def test_without_a_setting_nothing_is_counted():
    client = client_of(service(""))
    answers = [ask(client) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit-Limit" not in answers[0].headers


def test_too_many_is_a_problem_that_says_when_to_come_back():
    client = client_of(service("2 per minute"))
    left = [ask(client).headers["RateLimit-Remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    refused = ask(client)
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert refused.headers["RateLimit-Limit"] == "2"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
    assert "2 per minute" in refused.get_json()["detail"]
    assert "Retry-After" not in client.get("/healthz").headers


def test_a_request_that_is_taken_is_not_told_to_come_back():
    answer = ask(client_of(service("5 per minute; 100 per day")))
    assert answer.status_code == 200
    assert answer.headers["RateLimit-Limit"] == "5"
    assert "Retry-After" not in answer.headers


def test_the_log_does_not_say_who_asks_too_often(caplog):
    caplog.set_level(logging.DEBUG)
    assert statuses(service(api_keys=FIRST), {"key": FIRST}, {"key": FIRST}) == [200, 429]
    assert statuses(service(), {}, {}) == [200, 429]
    assert not [secret for secret in (FIRST, name_of(FIRST), "192.0.2.1") if secret in caplog.text]


def test_several_limits_hold_together():
    assert statuses(service("3 per minute; 4 per day"), *[{}] * 5) == [200, 200, 200, 429, 429]


def test_each_key_counts_by_itself_wherever_it_comes_from():
    app = service(api_keys=f"{FIRST},{SECOND}", admin_keys=ADMIN)
    asked = [{"key": FIRST}, {"key": SECOND}, {"key": ADMIN}, {"key": FIRST, "address": "192.0.2.9"}, {"key": SECOND}]
    assert statuses(app, *asked) == [200, 200, 200, 429, 429]


def test_each_session_counts_by_itself():
    app = service(api_keys=FIRST)
    readers = [app.test_client() for _ in range(2)]
    for reader, began in zip(readers, (1_000, 2_000), strict=True):
        made = signer([FIRST.encode()])
        made.get_timestamp = lambda ago=began: int(time.time()) - ago
        reader.set_cookie("qa_session", made.sign(b"reader").decode())
        assert [reader.post("/api/ask", json={"question": "When?"}).status_code for _ in range(2)] == [200, 429]


def test_a_session_that_is_written_otherwise_is_the_same_one():
    app = service(api_keys=FIRST)
    reader = app.test_client()
    session = signer([FIRST.encode()]).sign(b"reader").decode()
    value, _, signature = session.rpartition(".")
    for written, status in ((signature, 200), (f"{signature[:5]}!!!!{signature[5:]}", 429), (f"!!!!{signature}", 429)):
        reader.set_cookie("qa_session", f"{value}.{written}")
        assert reader.post("/api/ask", json={"question": "When?"}).status_code == status


def test_who_has_no_key_counts_by_address():
    addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8:0:1::1", "2001:db8::ffff", "::1"]
    asked = [{"address": address} for address in [*addresses, "::ffff:192.0.2.1", "not an address", "not an address"]]
    assert statuses(service(), *asked) == [200, 200, 429, 200, 200, 429, 200, 429, 200, 429]


def test_in_an_open_service_no_invented_key_asks_more():
    assert statuses(service(), {"key": "one"}, {"key": "two"}, {"key": "three"}) == [200, 429, 429]


def test_whoever_is_turned_away_is_not_counted():
    app = service(api_keys=FIRST)
    asked = [{"key": "wrong"}] * 5 + [{}] * 5 + [{"key": FIRST}]
    assert statuses(app, *asked) == [401] * 10 + [200]


def test_what_costs_little_is_not_counted():
    client = client_of(service(embed_origins="https://news.example"))
    assert ask(client).status_code == 200
    for path in ("/", "/healthz", "/articles", "/assets/page.css", "/embed", "/api/documents/en/visa"):
        for _ in range(3):
            response = client.get(path, environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
            assert response.status_code == 200, path
            response.close()
    assert client.post("/sign-out", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_changes_something_is_counted_together_with_questions(method):
    app = service(admin_keys=ADMIN)
    view = operation(Operation("Nothing.", "none", access="admin"))(lambda: "done")
    app.add_url_rule("/api/administer", "administer", view, methods=[method])
    client = client_of(app)
    headers = {"Authorization": f"Bearer {ADMIN}"}
    asked = [client.open("/api/administer", method=method, headers=headers) for _ in range(2)]
    assert [response.status_code for response in asked] == [200, 429]
    assert ask(client, ADMIN).status_code == 429


@pytest.mark.parametrize("path", ["/", "/embed"])
@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Too many questions have arrived at once"), ("fr", "Trop de questions sont arrivées")],
)
def test_the_page_says_so_and_keeps_the_question(path, language, words):
    client = service(embed_origins="https://news.example").test_client()
    form = {"question": "Quand l’été ?", "conversation_id": "c-1"}
    assert client.post(f"{path}?lang={language}", data=form).status_code == 200
    refused = client.post(f"{path}?lang={language}", data=form)
    assert (refused.status_code, refused.mimetype) == (429, "text/html")
    assert words in refused.text
    assert "Quand l’été ?" in refused.text
    assert 'value="c-1"' in refused.text
    assert refused.headers["Retry-After"]
    rated = client.post(f"/feedback?lang={language}", data={"answer_id": "answer", "rating": "1"})
    assert (rated.status_code, words in rated.text) == (429, True)


def test_a_form_that_is_both_too_often_and_too_large_is_no_fault_of_ours():
    client = service(embed_origins="https://news.example").test_client()
    for path in ("/", "/embed"):
        client.post("/", data={"question": "When?"})
        assert client.post(path, data={"question": "x" * 5_000_000}).status_code == 413


# The sign-in


def sign_in(app: Flask, key: str, address: str = "192.0.2.1", language: str = "en"):
    return client_of(app).post(
        f"/sign-in?lang={language}", data={"key": key}, environ_overrides={"REMOTE_ADDR": address}
    )


@pytest.mark.parametrize(("language", "words"), [("en", "Please wait a minute"), ("fr", "Patientez une minute")])
@pytest.mark.parametrize("rate_limit", ["", ONE])
def test_wrong_keys_at_the_sign_in_are_limited_whatever_is_set(rate_limit, language, words):
    app = service(rate_limit, api_keys=FIRST)
    assert [sign_in(app, "wrong").status_code for _ in range(10)] == [401] * 10
    refused = sign_in(app, FIRST, language=language)
    assert (refused.status_code, refused.mimetype) == (429, "text/html")
    assert words in refused.text
    assert int(refused.headers["Retry-After"]) >= 1
    assert "Set-Cookie" not in refused.headers
    assert sign_in(app, FIRST, "192.0.2.2").status_code == 303
    assert ask(client_of(app), FIRST).status_code == 200


def test_right_keys_at_the_sign_in_are_not_counted():
    app = service(api_keys=FIRST)
    assert {sign_in(app, FIRST).status_code for _ in range(30)} == {303}


# Proxies


@pytest.mark.parametrize(
    ("said", "other", "status"),
    [
        ("192.0.2.7:5555", "192.0.2.7:6666", 429),
        ("192.0.2.7:5555", "192.0.2.7", 429),
        ("192.0.2.7:5555", "192.0.2.8:5555", 200),
        ("[2001:db8::7]:5555", "[2001:db8::8]:6666", 429),
        ("[2001:db8::7]:5555", "2001:db8:0:1::7", 200),
        ("unknown", "_hidden:80", 429),  # nobody makes an address of his own by saying nonsense
    ],
)
def test_ports_and_nonsense_make_no_address_of_their_own(said, other, status):
    client = client_of(service(trusted_proxies="1"))
    assert ask(client, **{"X-Forwarded-For": said}).status_code == 200
    assert ask(client, **{"X-Forwarded-For": other}).status_code == status


@pytest.mark.parametrize(
    ("trusted", "said", "other", "status"),
    [
        # Nobody is believed: the header changes nothing, and spoofing it neither.
        ("0", "203.0.113.1", "203.0.113.2", 429),
        # One proxy: what it added counts, and not what the client wrote before it.
        ("1", "203.0.113.1", "203.0.113.2", 200),
        ("1", "203.0.113.1", "10.0.0.1, 203.0.113.1", 429),
        ("1", "203.0.113.1", "203.0.113.2, 203.0.113.1", 429),
        # Two, one behind the other.
        ("2", "203.0.113.1, 10.0.0.1", "203.0.113.2, 10.0.0.1", 200),
        ("2", "203.0.113.1, 10.0.0.1", "198.51.100.1, 203.0.113.1, 10.0.0.1", 429),
        ("2", "203.0.113.1, 10.0.0.1", "203.0.113.1, 10.0.0.2", 429),
    ],
)
def test_the_address_is_what_trusted_proxies_say(trusted, said, other, status):
    client = client_of(service(trusted_proxies=trusted))
    assert ask(client, **{"X-Forwarded-For": said}).status_code == 200
    assert ask(client, **{"X-Forwarded-For": other}).status_code == status


@pytest.mark.parametrize(("trusted", "secure"), [("0", False), ("1", True)])
def test_the_scheme_and_the_host_are_what_trusted_proxies_say(trusted, secure):
    client = client_of(service(api_keys=FIRST, trusted_proxies=trusted))
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "qa.example", "X-Forwarded-Prefix": "//evil.example"}
    response = client.post("/sign-in", data={"key": FIRST}, headers=headers)
    assert ("Secure" in response.headers["Set-Cookie"]) == secure
    assert response.location == "/"
    own = client.post("/sign-in", data={"key": FIRST}, headers=headers | {"Origin": "https://qa.example"})
    assert own.status_code == (303 if secure else 403)


# Redis


@pytest.fixture
def redis() -> Iterator[str]:
    with redis_server() as (address, _stop):
        yield address


@contextmanager
def redis_server():
    server = TcpFakeServer(("127.0.0.1", 0))
    server.daemon_threads = True
    with ExitStack() as until_stopped:
        address = until_stopped.enter_context(in_a_thread(server))
        yield address.replace("http", "redis"), until_stopped.close


def close(app: Flask) -> None:
    for limiter in app.extensions["limiter"]:
        limiter.storage.storage.close()


def test_workers_count_together_in_redis_and_hold_no_key_there(redis):
    workers = [service("3 per minute", api_keys=FIRST, rate_limit_storage=redis) for _ in range(2)]
    try:
        answered = [ask(client_of(workers[n % 2]), FIRST).status_code for n in range(5)]
        assert answered == [200, 200, 200, 429, 429]
        (limiter,) = workers[0].extensions["limiter"]
        names = b" ".join(limiter.storage.storage.keys("*"))
        assert names
        assert FIRST.encode() not in names
    finally:
        for worker in workers:
            close(worker)


def test_without_redis_each_worker_counts_by_itself_and_says_so_once(caplog):
    with redis_server() as (address, stop):
        app = service("4 per minute", rate_limit_storage=address)
        try:
            assert statuses(app, {}, {}) == [200, 200]
            stop()
            for limiter in app.extensions["limiter"]:
                limiter.storage.storage.connection_pool.disconnect()
            assert statuses(app, *[{}] * 6) == [200] * 4 + [429] * 2
            said = [record for record in caplog.records if record.levelno >= logging.WARNING]
            assert [record.message for record in said] == [
                "Rate limit storage unreachable - falling back to in-memory storage"
            ]
            assert "Traceback" not in caplog.text
        finally:
            close(app)


def test_a_redis_that_is_not_there_from_the_start_costs_no_answer():
    app = service("2 per minute", rate_limit_storage="redis://:secret@127.0.0.1:9")
    try:
        assert statuses(app, {}, {}, {}) == [200, 200, 429]
    finally:
        close(app)


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setattr(limits, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtra, match=r"^QA_RATE_LIMIT_STORAGE needs the extra: pip install 'qa-service\[redis\]'"
    ):
        limits.check(load_settings(rate_limit_storage="redis://127.0.0.1"))
    limits.check(load_settings())
