"""Each request from outside: its id, its line in the log, its counts."""

from __future__ import annotations

import logging
import re

import pytest

from tests.channels.fake_pipeline import FRENCH_ID, FakePipeline, app_for
from tests.channels.scraping import changes, samples

LOGGER = "qa_service.channels.observing"
ASK = {"question": "When does it begin?"}


@pytest.fixture
def lines(caplog):
    """The lines of requests, those that are logged for finding faults too."""
    caplog.set_level(logging.DEBUG, logger=LOGGER)
    return lambda: [record for record in caplog.records if record.name == LOGGER]


def requested(client, method: str, path: str, **options) -> object:
    with client.open(path, method=method, **options) as response:
        response.get_data()
        return response


def counted(client, method: str, path: str, **options) -> dict[frozenset[tuple[str, str]], float]:
    before = samples(requested(client, "GET", "/metrics").text)
    requested(client, method, path, **options)
    after = samples(requested(client, "GET", "/metrics").text)
    grown = changes(before, after, "qa_http_requests_total")
    return {labels: by for labels, by in grown.items() if ("route", "/metrics") not in labels}


# Ids


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/", {}, 200),
        ("POST", "/api/ask", {"json": ASK}, 200),
        ("POST", "/api/ask", {"json": ASK | {"stream": True}}, 200),
        ("POST", "/api/ask", {"data": "{"}, 400),
        ("POST", "/api/ask", {"json": {"question": "bug"}}, 500),
        ("GET", "/none", {}, 404),
        ("DELETE", "/api/ask", {}, 405),
        ("POST", "/api/ask", {"json": ASK, "headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ("POST", "/", {"data": "x" * 300_000, "content_type": "application/x-www-form-urlencoded"}, 413),
        ("GET", "/assets/page.css", {}, 200),
        ("HEAD", "/healthz", {}, 200),
    ],
)
def test_every_response_has_an_id_once(app, method, path, options, status):
    app.config["MAX_CONTENT_LENGTH"] = 256 * 1024
    response = requested(app.test_client(), method, path, **options)
    assert response.status_code == status
    (given,) = response.headers.getlist("X-Request-ID")
    assert re.fullmatch(r"[0-9a-f]{32}", given)


def test_whoever_is_turned_away_has_an_id_too(pipeline):
    client = app_for(pipeline, api_keys="k-1f7a93").test_client()
    for path in ("/api/documents", "/", "/metrics"):
        assert requested(client, "GET", path).headers["X-Request-ID"], path


def test_a_sane_id_is_taken_and_logged(client, lines):
    response = requested(client, "POST", "/api/ask", json=ASK, headers={"X-Request-ID": "from-A_1.b"})
    assert response.headers["X-Request-ID"] == "from-A_1.b"


@pytest.mark.parametrize("wrong", ["a b", "x" * 129, "a;b", "\xe9", "a,b"])
def test_another_id_is_replaced(client, wrong):
    response = requested(client, "GET", "/healthz", headers={"X-Request-ID": wrong})
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])


# The log


def test_a_question_is_one_line_without_its_text(client, lines):
    requested(client, "POST", "/api/ask?key=secret", json=ASK, headers={"Authorization": "Bearer secret"})
    (line,) = lines()
    told = {name: getattr(line, name) for name in ("method", "route", "path", "status", "outcome", "language")}
    assert told == {
        "method": "POST",
        "route": "/api/ask",
        "path": "/api/ask",
        "status": 200,
        "outcome": "answered",
        "language": "en",
    }
    assert line.question_chars == len(ASK["question"])
    assert line.answer_id == "answer"
    assert line.direction == "en_mixed"
    assert line.bytes > 100
    assert line.duration_ms >= 0
    assert line.getMessage().startswith("POST /api/ask 200 in ")
    assert "secret" not in str(vars(line))
    assert ASK["question"] not in str(vars(line))
    assert "127.0.0.1" not in str(vars(line))


def test_the_text_of_a_question_is_logged_where_that_is_asked_for(pipeline, lines):
    client = app_for(pipeline, log_questions="true").test_client()
    requested(client, "POST", "/api/ask", json={"question": "Quand commence-t-elle ?", "language": "fr"})
    (line,) = lines()
    assert (line.question, line.language) == ("Quand commence-t-elle ?", "fr")


def test_a_hostile_path_stays_on_its_line(client, lines):
    requested(client, "GET", "/a%0Ab%E2%80%AE%1b%5B31m%00%FF")
    (line,) = lines()
    assert line.path == "/a\\nb\\u202e\\x1b[31m\\x00\ufffd"
    assert line.route == "unmatched"
    assert line.getMessage().startswith("GET /a\\nb\\u202e")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/assets/page.css"])
def test_what_is_asked_for_all_the_time_is_logged_for_finding_faults_alone(client, pipeline, lines, path):
    requested(client, "GET", path)
    assert [line.levelno for line in lines()] == [logging.DEBUG]


def test_a_stream_is_logged_at_its_end(client, lines):
    with client.post("/api/ask", json=ASK | {"stream": True}, buffered=False) as response:
        assert lines() == []
        assert "event: done" in response.get_data(as_text=True)
    (line,) = lines()
    assert (line.status, line.outcome) == (200, "answered")
    assert not hasattr(line, "complete")


def test_a_stream_whose_reader_goes_away_says_so(client, lines):
    response = client.post("/api/ask", json=ASK | {"stream": True}, buffered=False)
    next(response.iter_encoded())
    response.close()
    (line,) = lines()
    assert (line.status, line.complete, line.outcome) == (200, False, "stopped")


def test_an_unexpected_error_is_logged_with_the_id_of_its_request(client, caplog):
    seen = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append((record.name, logs_id()))
    from qa_service import logs

    def logs_id():
        notes = logs.current()
        return notes.id if notes else None

    logging.getLogger().addHandler(handler)
    try:
        requested(client, "POST", "/api/ask", json={"question": "bug"}, headers={"X-Request-ID": "the-one"})
    finally:
        logging.getLogger().removeHandler(handler)
    assert ("qa_service.channels.problems", "the-one") in seen
    assert logs.current() is None


# Counts


def labels(method: str, route: str, status: int) -> frozenset[tuple[str, str]]:
    return frozenset({("method", method), ("route", route), ("status", str(status))})


def test_requests_are_counted_by_the_template_of_their_route(client):
    route = "/api/documents/<path:document_id>"
    assert counted(client, "GET", "/api/documents/none") == {labels("GET", route, 404): 1}
    assert counted(client, "GET", f"/api/documents/{FRENCH_ID}x") == {labels("GET", route, 404): 1}
    assert counted(client, "DELETE", "/api/ask") == {labels("DELETE", "unmatched", 405): 1}


def test_whatever_is_asked_for_there_are_few_series(client):
    series = len(samples(requested(client, "GET", "/metrics").text))
    for number in range(60):
        requested(client, "GET", f"/none-{number}")
        requested(client, "GET", f"/api/documents/none-{number}?q={number}")
        requested(client, f"HACK{number}", "/")
        requested(client, "POST", "/api/ask", json=ASK | {"language": f"x{number}"})
        requested(client, "POST", "/api/feedback", json={"answer_id": f"{number}", "rating": 1})
    assert len(samples(requested(client, "GET", "/metrics").text)) < series + 100


def test_a_request_that_raises_out_of_the_application_is_counted_and_over():
    app = app_for(FakePipeline())
    inner = app.wsgi_app._application

    def broken(environ, start_response):
        if environ["PATH_INFO"] == "/broken":
            raise RuntimeError("outside")
        return inner(environ, start_response)

    app.wsgi_app._application = broken
    client = app.test_client()
    before = samples(requested(client, "GET", "/metrics").text)
    with pytest.raises(RuntimeError, match="outside"):
        client.get("/broken")
    after = samples(requested(client, "GET", "/metrics").text)
    assert changes(before, after, "qa_http_requests_total")[labels("GET", "unmatched", 500)] == 1
    assert changes(before, after, "qa_http_requests_in_progress") == {}
