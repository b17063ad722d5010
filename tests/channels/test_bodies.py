"""What may be sent: how much, and JSON that can be read in one way only."""

from __future__ import annotations

import io
import time

import pytest
from flask import request
from flask.testing import FlaskClient

from qa_service.channels.bodies import parsed

QUESTION = '{"question": "When?"}'
# A body in chunks, as gunicorn gives it.
CHUNKED = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}


def sent(client: FlaskClient, body: bytes, **options):
    return client.post("/api/ask", data=body, **options)


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/api/ask", "application/json", QUESTION.encode()),
        ("/", "application/x-www-form-urlencoded", b"question=When"),
    ],
)
def test_what_breaks_off_is_not_taken_for_the_whole(client, pipeline, path, kind, body):
    # As gunicorn gives it: it takes a client that goes away for the end.
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": str(len(body) + 5)}
    response = client.post(path, data=body, content_type=kind, environ_overrides=environ)
    assert (response.status_code, pipeline.asked) == (400, [])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"{", "not JSON"),
        (b"question=When", "not JSON"),
        (b'{"question": "When?"} {}', "not JSON"),
        (b'{"question": "When?",}', "not JSON"),
        (b"{'question': 'When?'}", "not JSON"),
        (b'{"question": "When\n?"}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'[{"question": "When?"}]', "not a JSON object"),
        (b'"question"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b'{"question": "When?", "question": "Where?"}', "twice"),
        (b'{"question": "When?", "more": [{"a": 1, "\\u0061": 2}]}', "twice"),
        (b'{"question": "When?", "more": NaN}', "NaN"),
        (b'{"question": "When?", "more": [-Infinity]}', "Infinity"),
        (b'{"question": "When?", "more": 1e999}', "too large"),
        (b'{"question": "When?", "more": ' + b"9" * 401 + b"}", "400 digits"),
        (b'{"question": "When?", "more": ' + b"9" * 200_000 + b"}", "400 digits"),
        (b'{"question": "When?", "more": ' + b"[" * 64 + b"]" * 64 + b"}", "64 levels"),
        (b'{"question": "When?", "more": ' + b'{"a":' * 100 + b"1" + b"}" * 101, "64 levels"),
        (b"[" * 100_000, "64 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "64 levels"),
        (b'{"a":' * 40_000, "64 levels"),
        (b'{"question": "Quand l\xe9?"}', "not UTF-8"),
        (b'{"question": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"question": "\xc0\xaf"}', "not UTF-8"),
        (QUESTION.encode("utf-16"), "not UTF-8"),
        (QUESTION.encode("utf-16-le"), "not JSON"),
        (QUESTION.encode("utf-32-be"), "not JSON"),
        (b"\x00" * 1_000, "not JSON"),
    ],
)
def test_what_is_not_one_clear_object_is_refused(client, pipeline, body, said):
    response = sent(client, body, content_type="application/json")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert said in response.get_json()["detail"]
    assert pipeline.asked == []


@pytest.mark.parametrize(
    ("body", "question"),
    [
        (b'{"question": "When?"}', "When?"),
        (b'\xef\xbb\xbf{"question": "When?"}', "When?"),
        ('{"question": "Quand commence l’été ?"}'.encode(), "Quand commence l’été ?"),
        (b'{"question": "\\u00c9t\\u00e9\\ud83d\\ude00"}', "Été😀"),
        (b'{"question": "a\\u0000b"}', "a\0b"),
        (b'{"question": "\\ud800"}', "\ud800"),
        (b'{"question": "When?", "more": ' + b"[" * 63 + b"]" * 63 + b"}", "When?"),
        (b'{"question": "When?", "more": [[[{"a": 1}, {"a": 2}]]], "n": -1.5e-3, "m": 12345678901234567890}', "When?"),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain", None])
def test_what_is_clear_is_read_whatever_its_type(client, pipeline, body, question, kind):
    response = sent(client, body, content_type=kind)
    assert response.status_code == 200
    assert pipeline.asked[0][0] == question


def test_a_compressed_body_is_refused(client):
    response = sent(client, b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415
    assert sent(client, QUESTION.encode(), headers={"Content-Encoding": "identity"}).status_code == 200


def test_wrong_fields_are_named(client):
    response = sent(client, b'{"question": ["When?"]}')
    assert response.status_code == 422
    assert response.get_json()["detail"].startswith("question: ")


def test_a_body_that_is_too_large_is_refused(client):
    for size, status in ((100_000, 200), (300_000, 413), (5_000_000, 413)):
        body = b'{"question": "When?", "more": "' + b"x" * size + b'"}'
        response = sent(client, body)
        assert response.status_code == status
        assert status == 200 or response.get_json()["detail"] == "The body is larger than 256 KiB."
        assert client.post("/", data={"question": "x", "more": "x" * size}).status_code == status


def test_a_body_of_unknown_length_is_no_larger(client):
    body = io.BytesIO(b'{"question": "When?", "more": "' + b"x" * 300_000 + b'"}')
    response = client.post("/api/ask", input_stream=body, environ_overrides=CHUNKED)
    assert (response.status_code, response.get_json()["detail"]) == (413, "The body is larger than 256 KiB.")
    small = client.post("/api/ask", input_stream=io.BytesIO(QUESTION.encode()), environ_overrides=CHUNKED)
    assert small.status_code == 200


@pytest.mark.parametrize("address", ["/", "/feedback", "/sign-in", "/embed"])
def test_a_form_of_too_many_fields_is_refused_at_once(app, address):
    from tests.channels.fake_pipeline import FakePipeline, app_for

    client = app_for(FakePipeline(), api_keys="k", embed_origins="https://news.example").test_client()
    client.post("/sign-in", data={"key": "k"})
    names = b"&".join(b"a" for _ in range(100_000))
    begun = time.process_time()
    plain = client.post(address, data=names, content_type="application/x-www-form-urlencoded")
    parts = {f"f{n}": (io.BytesIO(b"x"), "f.txt") for n in range(30)}
    mixed = client.post(address, data=parts, content_type="multipart/form-data")
    assert [plain.status_code, mixed.status_code] == [413, 413]
    assert time.process_time() - begun < 1


def test_a_form_of_the_page_is_read(app, client, pipeline):
    form = {"question": "Quand l’été ?", "language": "fr", "conversation_id": "c"}
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        assert client.post("/", data=form, content_type=kind).status_code == 200
        assert pipeline.asked.pop() == ("Quand l’été ?", "fr", "c")
    with app.test_request_context("/", method="POST", data={"a": "1"}):
        assert request.form.to_dict() == {"a": "1"}


def test_a_form_that_is_no_text_is_an_empty_one(client):
    response = client.post("/", data=b"question=\xff\xfe", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 422


def test_any_value_is_read_where_it_is_asked_for():
    with pytest.raises(Exception, match="empty"):
        parsed(b"")
    assert parsed(b"[1, 2.5, null]") == [1, 2.5, None]
