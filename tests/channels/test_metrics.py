"""What Prometheus gets, and who may ask for it."""

from __future__ import annotations

from tests.channels.fake_pipeline import app_for
from tests.channels.scraping import samples


def test_the_counts_and_the_index_are_there(client):
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4; charset=utf-8")
    assert response.headers["Cache-Control"] == "no-store"
    found = samples(response.text)
    assert found["qa_index_up", frozenset()] == 1
    assert found["qa_index_documents", frozenset({("language", "en")})] == 1200
    assert found["qa_index_passages", frozenset({("language", "fr")})] == 3
    assert found["qa_index_size_bytes", frozenset()] == 1000
    assert found["qa_index_info", frozenset({("generation", "1-abc"), ("model", "static")})] == 1


def test_without_an_index_the_rest_is_still_there(client, pipeline):
    pipeline.unavailable = True
    response = client.get("/metrics")
    assert response.status_code == 200
    found = samples(response.text)
    assert found["qa_index_up", frozenset()] == 0
    assert ("qa_index_age_seconds", frozenset()) not in found
    assert ("qa_workers", frozenset()) in found


def test_open_metrics_come_where_they_are_accepted(client):
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert response.text.endswith("# EOF\n")


def test_a_hostile_accept_header_gets_the_usual_form(client):
    for accept in ("text/plain;version=x", "application/openmetrics-text;version=" + "9" * 500, ";;,,", "\xff"):
        response = client.get("/metrics", headers={"Accept": accept})
        assert response.status_code == 200, accept


def test_with_keys_it_needs_one(pipeline):
    client = app_for(pipeline, api_keys="k-1f7a93").test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer k-1f7a93"}).status_code == 200


def test_nothing_else_than_reading_is_allowed(client):
    assert client.post("/metrics").status_code == 405
