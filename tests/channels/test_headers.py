"""What every response says for safety's sake."""

from __future__ import annotations

import pytest

from tests.channels.fake_pipeline import FakePipeline, app_for

SITE = "https://news.example"
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.fixture
def client():
    return app_for(FakePipeline(), embed_origins=SITE).test_client()


ALL = [
    ("GET", "/", 200),
    ("GET", "/articles", 200),
    ("GET", "/documents/en/visa", 200),
    ("GET", "/documents/none", 404),
    ("GET", "/sign-in", 303),
    ("GET", "/embed", 200),
    ("POST", "/embed", 422),
    ("GET", "/embed.js", 200),
    ("GET", "/assets/page.css", 200),
    ("GET", "/healthz", 200),
    ("POST", "/api/ask", 400),
    ("GET", "/api/ask", 405),
    ("GET", "/none", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ALL)
def test_every_response_is_safe(client, method, path, status):
    response = client.open(path, method=method)
    response.get_data()
    assert response.status_code == status
    assert EVERYWHERE.items() <= dict(response.headers).items()
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
    assert "camera=()" in response.headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in response.headers
    response.close()


@pytest.mark.parametrize(("method", "path", "status"), ALL)
def test_only_the_widget_is_for_other_sites(client, method, path, status):
    response = client.open(path, method=method)
    response.get_data()
    for_others = path.startswith("/embed")
    assert (response.headers["Cross-Origin-Resource-Policy"] == "cross-origin") == for_others
    framed = path == "/embed"
    assert (response.headers.get("X-Frame-Options") == "DENY") == (not framed)
    assert (f"frame-ancestors {SITE}" in response.headers["Content-Security-Policy"]) == framed
    response.close()


def test_a_frame_that_nobody_may_show_is_denied():
    response = app_for(FakePipeline()).test_client().get("/embed")
    assert (response.status_code, response.headers["X-Frame-Options"]) == (404, "DENY")
