"""Documents over HTTP: every form of a body, what is refused with which status, and jobs; nothing is indexed here."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack

import pytest
import yaml
from jsonschema import Draft202012Validator

from qa_service.app import add_channels
from qa_service.channels.operations import operation_of
from qa_service.publishing import Publisher
from qa_service.settings import load_settings
from tests.channels.fake_pipeline import FakePipeline, app_for
from tests.test_document_check import docx, pdf
from tests.test_document_ids import HOSTILE

ADMIN = {"Authorization": "Bearer admin-key"}
TEXT = "La passerelle sur l’Aulne a été inaugurée le 12 mai 2024."
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
LIMIT = 40_000


@pytest.fixture
def publisher(tmp_path):
    made = Publisher(
        load_settings(documents=tmp_path / "documents", index=tmp_path / "index", max_document_bytes=LIMIT)
    )
    yield made
    made.close()


@pytest.fixture
def client(publisher):
    from flask import Flask

    app = Flask("ingest_test", static_folder=None)
    add_channels(app, FakePipeline(), load_settings(admin_keys="admin-key"), publisher)
    return app.test_client()


def put(client, path="fr/passerelle", data=TEXT, content_type="text/plain", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.put(f"/api/documents/{path}", data=data, content_type=content_type, headers=ADMIN | named)


def put_json(client, body, path="fr/passerelle"):
    return put(client, path, json.dumps(body), "application/json")


def listing(tmp_path):
    root = tmp_path / "documents"
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def is_problem(response, status):
    assert (response.status_code, response.mimetype) == (status, "application/problem+json"), response.text
    assert "Traceback" not in response.text
    assert "/tmp" not in response.text
    return response.get_json()["detail"]


@pytest.mark.parametrize(
    ("content_type", "data", "name"),
    [
        ("text/plain", TEXT.encode(), "fr/passerelle.txt"),
        ("text/plain; charset=UTF-8", TEXT.encode(), "fr/passerelle.txt"),
        ("Text/Markdown", f"---\nlanguage: fr\n---\n# A\n\n{TEXT}".encode(), "fr/passerelle.md"),
        ("text/html;charset=utf-8", f"<p>{TEXT}</p>".encode(), "fr/passerelle.html"),
        ("application/pdf", pdf(TEXT), "fr/passerelle.pdf"),
        (WORD, docx(TEXT), "fr/passerelle.docx"),
    ],
)
def test_each_format_is_kept_as_it_was_sent(client, tmp_path, content_type, data, name):
    response = put(client, data=data, content_type=content_type)
    begun = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == begun["status_url"]
    assert (begun["document_id"], begun["action"], begun["state"]) == ("fr/passerelle", "put", "queued")
    assert listing(tmp_path) == {name}
    assert (tmp_path / "documents" / name).read_bytes() == data
    job = client.get(begun["status_url"], headers=ADMIN)
    assert job.status_code == 200
    assert (job.get_json()["id"], job.get_json()["state"]) == (begun["job_id"], "queued")
    assert "no-store" in job.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("The bridge", "The bridge"),
        ("UTF-8''La%20passerelle%20sur%20l%E2%80%99Aulne", "La passerelle sur l’Aulne"),
        ("utf-8'fr'%C3%A9t%C3%A9", "été"),
        ("L’été d’œuvres".encode().decode("latin-1"), "L’été d’œuvres"),
        ("l'été 'ici'".encode().decode("latin-1"), "l'été 'ici'"),
        ("caf\xe9", "café"),
        ("a: b # c - {d}", "a: b # c - {d}"),
        ("!!python/object:os.system", "!!python/object:os.system"),
    ],
)
def test_a_header_in_each_spelling(client, tmp_path, sent, kept):
    assert put(client, X_Document_Title=sent).status_code == 202
    assert yaml.safe_load((tmp_path / "documents/fr/passerelle.txt.yaml").read_text()) == {"title": kept}


def test_all_fields_in_headers_and_in_json_are_the_same(client, tmp_path):
    fields = {
        "title": "La passerelle",
        "language": "fr",
        "url": "https://example.org/fr",
        "published": "2024-05-13",
        "translation_of": "en/footbridge",
    }
    assert put_json(client, {"text": TEXT, "format": "markdown"} | fields).status_code == 202
    kept = (tmp_path / "documents/fr/passerelle.md.yaml").read_text()
    headers = {f"X_Document_{name}": value for name, value in fields.items()}
    assert put(client, content_type="text/markdown", **headers).status_code == 202
    assert (tmp_path / "documents/fr/passerelle.md.yaml").read_text() == kept
    assert yaml.safe_load(kept) == fields
    assert put_json(client, {"text": "The bridge.", "format": "html", "title": None}).status_code == 202
    assert listing(tmp_path) == {"fr/passerelle.html"}


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("text", [" \n\u200bx", "é"], ["", " \n\u00a0"]),
        ("format", ["text", "markdown", "html"], ["pdf", "", None]),
        ("title", [None, "", "x" * 2_000], ["x" * 2_001, 1]),
        (
            "language",
            [None, "", "  ", "\ufeff\u2028", "en", "EN", " fr\n", "fr-CA", "En_gb", "fr-"],
            ["de", "e n", "eng", "fr CA", "-fr", "français"],
        ),
        (
            "url",
            [None, " ", "https://example.org/é", "HTTP://a", "\thttp://[::1]:80/a?b#c "],
            ["example.org", "//example.org", "javascript:alert(1)", "https:", "ftp://example.org", "http:a"],
        ),
        (
            "published",
            [
                None,
                "",
                "2024-05-13",
                " 20240513",
                "2024-W20-1",
                "2024W20",
                "2024-05-13T10:30:00+02:00",
                "2024-05-13 10",
            ],
            ["hier", "2024", "2024-05", "13.05.2024", "05/13/2024", "24-05-13"],
        ),
        ("translation_of", [None, "", "en/footbridge"], ["x" * 2_001, ["en/footbridge"]]),
        ("other", [], ["x", None]),
    ],
)
def test_the_document_tells_how_each_field_may_be_written(client, name, taken, refused):
    schema = client.get("/openapi.json").get_json()["components"]["schemas"]["DocumentBody"]
    for value in [*taken, *refused]:
        body = {"text": TEXT} | {name: value}
        told = Draft202012Validator(schema).is_valid(body)
        assert (told, put_json(client, body).status_code) == ((True, 202) if value in taken else (False, 422)), value


def test_the_document_tells_how_long_an_id_may_be(client):
    paths = client.get("/openapi.json").get_json()["paths"]
    described = paths["/api/documents/{document_id}"]["put"]["parameters"][0]
    for document_id, status in (("/".join(["a" * 199] * 2), 202), ("/".join(["a" * 200] * 2), 422)):
        assert Draft202012Validator(described["schema"]).is_valid(document_id) is (status == 202)
        assert put(client, document_id).status_code == status


@pytest.mark.parametrize(
    ("status", "options"),
    [
        (415, {"content_type": "application/octet-stream"}),
        (415, {"content_type": ""}),
        (415, {"content_type": "application/x-www-form-urlencoded"}),
        (415, {"content_type": "text/plain; charset=iso-8859-1"}),
        (415, {"Content_Encoding": "gzip"}),
        (400, {"Content_Range": "bytes 0-3/10"}),
        (413, {"data": "x" * (LIMIT + 1)}),
        (422, {"data": ""}),
        (422, {"data": b"\xff\xfe", "content_type": "text/markdown"}),
        (422, {"data": b"nothing", "content_type": "application/pdf"}),
        (422, {"X_Document_Language": "de"}),
        (422, {"X_Document_Published": "hier"}),
        (422, {"X_Document_Url": "javascript:alert(1)"}),
        (422, {"X_Document_Translation_Of": "fr/passerelle"}),
        (422, {"X_Document_Title": "x" * 2_001}),
        (422, {"X_Document_Title": "UTF-8''%ff"}),
        (422, {"path": "en/gull.md.yaml/x"}),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(client, tmp_path, status, options):
    detail = is_problem(put(client, **options), status)
    assert ("QA_MAX_DOCUMENT_BYTES" in detail) == (status == 413)
    assert listing(tmp_path) == set()


@pytest.mark.parametrize("name", ["X-Document-Title", "X-Document-Translation-Of"])
def test_a_wrong_header_is_called_by_its_name(client, name):
    for wrong in ("UTF-8''%ff", "x" * 2_001):
        assert is_problem(put(client, **{name: wrong}), 422).startswith(f"{name}: ")


class BrokenOff(io.BytesIO):
    """A body in chunks whose client goes away behind the first bytes, as a server tells of it."""

    def readinto(self, buffer):
        read = super().readinto(buffer)
        if not read:
            raise OSError("No more data")
        return read


@pytest.mark.parametrize("content_type", ["text/plain", "application/json"])
def test_a_body_whose_chunks_break_off_is_told_to_be_sent_again(client, tmp_path, content_type):
    response = client.put(
        "/api/documents/en/half",
        input_stream=BrokenOff(b'{"text": "Half of it'),
        headers=ADMIN | {"Content-Type": content_type, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert "broke off" in is_problem(response, 400)
    assert listing(tmp_path) == set()


def test_documents_leave_half_of_the_threads_to_readers(client, publisher, tmp_path):
    half = load_settings().threads // 2
    with ExitStack() as others:
        for _ in range(half):
            others.enter_context(publisher.room())
        for send in (put, lambda client: put_json(client, {"text": TEXT})):
            response = send(client)
            assert "send this one again" in is_problem(response, 503)
            assert int(response.headers["Retry-After"]) > 0
        assert listing(tmp_path) == set()
        assert client.delete("/api/documents/fr/none", headers=ADMIN).status_code != 202
    for _ in range(half + 1):  # what is refused leaves its room too
        is_problem(put(client, data=""), 422)
    assert put(client).status_code == 202


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, ""),
        (400, "{"),
        (400, "[]"),
        (400, "null"),
        (400, b"\xff"),
        (400, "[" * 30_000),
        (422, "{}"),
        (422, '{"text": 1}'),
        (422, '{"text": "x", "title": 1}'),
        (422, '{"text": "x", "titel": "y"}'),
        (422, '{"text": "x", "format": "pdf"}'),
        (422, '{"text": "\\ud800"}'),
        (400, '{"text": NaN}'),
        (400, '{"text": "Brücke", "text": "Pont"}'),
        (422, '{"text": ""}'),
        (422, '{"text": "x", "translation_of": "fr/passerelle"}'),
        (422, json.dumps({"text": "x", "title": "y" * 2_001})),
        (413, json.dumps({"text": "é" * (LIMIT // 2 + 1)}, ensure_ascii=False).encode()),
        (413, "x" * (LIMIT + 100_000)),
    ],
)
def test_bodies_of_json_that_are_wrong(client, tmp_path, status, body):
    is_problem(put(client, data=body, content_type="application/json"), status)
    assert listing(tmp_path) == set()


def encoded(document_id):
    return "".join(f"%{byte:02x}" for byte in document_id.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("document_id", HOSTILE)
def test_hostile_ids_reach_nothing(client, tmp_path, document_id):
    for method in ("PUT", "DELETE"):
        response = client.open(f"/api/documents/{encoded(document_id)}", method=method, data=TEXT, headers=ADMIN)
        assert response.status_code in (404, 405, 415, 422), response.text
        assert response.mimetype == "application/problem+json"
        put_too = put(client, encoded(document_id))
        assert put_too.status_code in (404, 405, 422), put_too.text
        assert put_too.mimetype == "application/problem+json"
    assert not {path.name for path in tmp_path.rglob("*")} - {"documents", ".incoming", "index"}


def test_an_encoded_slash_is_one(client, tmp_path):
    assert put(client, "fr%2F2025%2Fpasserelle").get_json()["document_id"] == "fr/2025/passerelle"
    assert listing(tmp_path) == {"fr/2025/passerelle.txt"}


def test_what_is_removed_is_gone_and_what_is_not_there_is_unknown(client, tmp_path):
    put(client, X_Document_Title="Une passerelle")
    response = client.delete("/api/documents/fr/passerelle", headers=ADMIN)
    assert (response.status_code, response.get_json()["action"]) == (202, "delete")
    assert listing(tmp_path) == set()
    is_problem(client.delete("/api/documents/fr/passerelle", headers=ADMIN), 404)


def test_another_thing_in_the_way_is_a_conflict(client, tmp_path):
    put(client, "fr/passerelle")
    assert "capitals" in is_problem(put(client, "fr/Passerelle"), 409)


def test_a_folder_that_cannot_be_written_is_said(client, tmp_path):
    (tmp_path / "documents").write_text("a file in its place")
    is_problem(put(client), 503)


def test_jobs_that_are_not_kept_are_unknown(client):
    for job_id in ("x", "0" * 32, "%00", "%ff"):
        is_problem(client.get(f"/api/jobs/{job_id}", headers=ADMIN), 404)


def test_other_routes_keep_their_limit(client):
    body = json.dumps({"question": "x" * 300_000})
    assert client.post("/api/ask", data=body, content_type="application/json", headers=ADMIN).status_code == 413


def test_without_administrators_nothing_can_be_changed():
    client = app_for(FakePipeline()).test_client()
    for method, path in (("PUT", "documents/en/visa"), ("DELETE", "documents/en/visa"), ("GET", "jobs/x")):
        response = client.open(f"/api/{path}", method=method, data=TEXT, content_type="text/plain")
        assert "QA_ADMIN_KEYS" in is_problem(response, 403)


def test_every_route_says_what_it_does(client):
    views = client.application.view_functions
    for name in ("put", "delete", "job"):
        said = operation_of(views[f"ingest.{name}"])
        assert said is not None
        assert said.access == "admin"
