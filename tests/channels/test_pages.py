"""What every page shares."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.channels.fake_pipeline import FakePipeline, app_for


@pytest.mark.parametrize(
    "path", ["/", "/articles", "/articles/rows", "/documents/en/visa", "/documents/none", "/docs", "/assets/chat.js"]
)
def test_security_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as page:
        headers = page.headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_hold_no_inline_script_or_style(client: FlaskClient) -> None:
    for path in ("/", "/articles", "/documents/en/visa?start=1&end=5", "/documents/none", "/docs"):
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|<[^>]*\s(?:style|on\w+)=", page)


def test_too_large_a_form_is_said_calmly(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 100
    page = app.test_client().post("/?lang=fr", data={"question": "x" * 200})
    assert page.status_code == 413
    assert "Abrégez-la" in page.text


def test_no_index_is_said_calmly(client: FlaskClient, pipeline: FakePipeline) -> None:
    pipeline.unavailable = True
    assert client.get("/").status_code == 200
    assert "not ready" in client.get("/").text
    for page in (client.post("/?lang=fr", data={"question": "When?"}), client.get("/documents/en/visa?lang=fr")):
        assert page.status_code == 503
        assert "Les articles ne sont pas encore prêts" in page.text


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [(path, "text/html") for path in ("/none", "/apiary", "/metrics-of-2024", "/fr/api/none")]
    + [(path, "application/json") for path in ("/v1", "/v1/none")]
    + [
        (path, "application/problem+json")
        for path in ("/api", "/api/", "/api/none", "/api/jobs/", "/metrics/none", "/readyz/", "/openapi.json/none")
    ],
)
def test_an_address_that_there_is_not_is_a_page_to_readers_alone(path: str, kind: str) -> None:
    client = app_for(FakePipeline()).test_client()
    response = client.get(path, headers=BROWSER)
    assert (response.status_code, response.mimetype) == (404, kind)
    assert client.get(path).mimetype != "text/html"
    # Nor does the sign-in help a program.
    closed = app_for(FakePipeline(), api_keys="k-1").test_client().get(path, headers=BROWSER)
    assert closed.status_code == (303 if kind == "text/html" else 401)


def test_language_switch_cannot_leave_the_page(client: FlaskClient) -> None:
    page = client.get("/documents/en/visa?start=1&end=4&_external=1&_scheme=javascript&x=//evil.example").text
    assert 'href="?start=1&amp;end=4&amp;lang=fr#cited"' in page
    assert "evil" not in page


@pytest.mark.parametrize("path", ["/api/documents", "/api/none", "/healthz", "/api/ask", "/openapi.json"])
def test_what_is_no_page_can_do_nothing_in_a_browser(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
