"""Scripts of other sites: none by default, those that are named with a key of their own, and never with a session."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.channels.fake_pipeline import FakePipeline, app_for

KEY = "k-8d4e30"
SITE, SECOND, EVIL = "https://news.example", "http://localhost:3000", "https://evil.example"
TELLS = "Access-Control-Allow-Origin"


def service(keys: str = "", origins: str = f"{SITE},{SECOND}") -> Flask:
    return app_for(FakePipeline(), api_keys=keys, cors_origins=origins)


def client_of(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def ask(client: FlaskClient, origin: str, path: str = "/api/ask", key: str = "", **headers: str):
    headers |= {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return client.post(path, json={"question": "When?"}, headers=headers)


def asked_first(client: FlaskClient, origin: str, path: str = "/api/ask", method: str = "POST"):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return client.options(path, headers=headers)


def allows(response) -> set[str]:
    return {name for name, _ in response.headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("keys", ["", KEY])
def test_by_default_no_script_of_another_site_may_call(keys):
    client = client_of(service(keys, ""))
    assert not allows(asked_first(client, SITE))
    refused = ask(client, SITE)
    assert refused.status_code == 403
    assert not allows(refused)
    assert "Origin" not in refused.headers.get("Vary", "")


@pytest.mark.parametrize("keys", ["", KEY])
@pytest.mark.parametrize("origin", [SITE, SECOND])
@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions"])
def test_a_browser_that_asks_first_needs_no_key(keys, origin, path):
    response = asked_first(client_of(service(keys)), origin, path)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers[TELLS] == origin
    assert response.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert set(response.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "POST"}
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("origin", [SITE, SECOND])
def test_a_named_site_may_call_with_a_key_or_in_an_open_service(origin):
    for client, key in ((client_of(service()), ""), (client_of(service(KEY)), KEY)):
        response = ask(client, origin, key=key)
        assert response.status_code == 200
        assert response.headers[TELLS] == origin
        assert {"X-Request-ID", "Retry-After"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))
        assert "Access-Control-Allow-Credentials" not in response.headers
        read = client.get("/api/documents/en/visa", headers={"Origin": origin, "Authorization": f"Bearer {key}"})
        assert (read.status_code, read.headers[TELLS]) == (200, origin)


def test_errors_can_be_read_by_a_named_site():
    client = client_of(service(KEY))
    for key, status in (("", 401), ("wrong", 401)):
        response = ask(client, SITE, key=key)
        assert (response.status_code, response.headers[TELLS]) == (status, SITE)
    assert ask(client, SITE, "/api/none", KEY).headers[TELLS] == SITE


@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "null",
        "",
        "*",
        "https://news.example.evil.example",
        "https://evil.example/https://news.example",
        "http://news.example",
        "https://news.example:8443",
        "https://sub.news.example",
        "https://newsxexample",
        f"{SITE},{EVIL}",
        f"{SITE} {EVIL}",
        f"{SITE}\t",
    ],
)
@pytest.mark.parametrize("keys", ["", KEY])
def test_no_other_origin_is_told_anything(keys, origin):
    client = client_of(service(keys))
    preflight = asked_first(client, origin)
    called = ask(client, origin)
    assert called.status_code == 403
    read = client.get("/api/documents/en/visa", headers={"Origin": origin, "Authorization": f"Bearer {KEY}"})
    for response in (preflight, called, read):
        assert not allows(response)
        assert "Origin" in response.headers["Vary"]


def test_a_program_that_is_no_browser_is_told_nothing():
    response = client_of(service()).post("/api/ask", json={"question": "When?"})
    assert response.status_code == 200
    assert not allows(response)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/feedback", "/sign-out", "/embed"])
def test_the_pages_stay_closed_to_named_sites(path):
    client = client_of(service())
    assert not allows(asked_first(client, SITE, path))
    refused = client.post(path, data={"question": "When?"}, headers={"Origin": SITE, "Sec-Fetch-Site": "cross-site"})
    assert refused.status_code in (403, 404)
    assert not allows(refused)


def test_a_session_is_never_lent_to_a_named_site():
    app = service(KEY)
    reader = app.test_client()
    reader.post("/sign-in", data={"key": KEY})
    assert reader.post("/api/ask", json={"question": "When?"}).status_code == 200
    for site in ("cross-site", "same-site"):
        headers = {"Origin": SITE, "Sec-Fetch-Site": site}
        assert reader.post("/api/ask", json={"question": "When?"}, headers=headers).status_code == 401


def test_one_named_site_is_no_reason_to_leave_the_origin_out_of_vary():
    client = client_of(service(origins=SITE))
    for origin in (SITE, EVIL):
        assert "Origin" in asked_first(client, origin).headers["Vary"]
