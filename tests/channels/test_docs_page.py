"""The page of the HTTP interface: everything that the document says, to be read without a script."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qa_service.channels import docs_page
from qa_service.channels.docs_page import Piece, kind_of, pieces
from qa_service.channels.operations import Content, Operation, operation
from qa_service.channels.reply_examples import ANSWERS
from qa_service.language import LANGUAGES
from tests.channels.fake_pipeline import FakePipeline, app_for


def commands(page: str) -> list[list[str]]:
    """The requests of the page, as a shell reads them."""
    found = re.findall(r'<pre class="command"[^>]*><code>(.*?)</code></pre>', page, re.DOTALL)
    return [shlex.split(unescape(line).replace(" \\\n", " ")) for line in found]


def shown(kind: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in kind)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_operation_and_every_schema_is_on_it(client: FlaskClient, language: str) -> None:
    page = client.get(f"/docs?lang={language}").text
    document = client.get("/openapi.json").get_json()
    for path, item in document["paths"].items():
        for method, described in item.items():
            assert f'<span class="method">{method.upper()}</span> {path}</code>' in page
            assert f'<article class="operation" id="{described["operationId"]}"' in page
            assert f'<a href="#{described["operationId"]}"><code>{method.upper()} {path}</code>' in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page


def test_every_anchor_leads_somewhere_and_every_id_is_there_once(client: FlaskClient) -> None:
    page = client.get("/docs").text
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Needs a key or a session."), ("fr", "Demande une clé ou une session.")]
)
def test_it_says_what_needs_a_key(language: str, words: str) -> None:
    headers = {"Authorization": "Bearer k-1"}
    closed = app_for(FakePipeline(), api_keys="k-1").test_client().get(f"/docs?lang={language}", headers=headers).text
    opened = app_for(FakePipeline()).test_client().get(f"/docs?lang={language}").text
    assert words in closed
    assert words not in opened
    assert ["-H", "Authorization: Bearer KEY"] in [command[2:4] for command in commands(closed)]
    with_keys = [" ".join(command) for command in commands(opened) if "Authorization" in str(command)]
    assert with_keys
    assert all(re.search(r"-X (PUT|DELETE)|/api/jobs/", command) for command in with_keys)


def test_a_reader_without_a_key_is_led_to_the_sign_in() -> None:
    response = app_for(FakePipeline(), api_keys="k-1").test_client().get("/docs?lang=fr")
    assert (response.status_code, response.location) == (303, "/sign-in?next=/docs?lang%3Dfr&lang=fr")


def test_descriptions_are_english_and_the_pages_own_words_are_not(client: FlaskClient) -> None:
    page = client.get("/docs?lang=fr").text
    assert '<html lang="fr">' in page
    assert "Toutes les routes de ce service" in page
    assert '<section lang="en">' in page
    assert '<dd lang="en">In English or French.</dd>' in page
    assert '<h4 class="label">Corps\u00a0: <code>application/json</code>' in page


def test_requests_can_be_copied_and_are_answered() -> None:
    client = app_for(FakePipeline()).test_client()
    asked = 0
    for words in commands(client.get("/docs").text):
        assert words[0] == "curl"
        assert words[1].startswith("http://localhost/")
        if not words[1].endswith(("/api/ask", "/v1/chat/completions")):
            continue
        asked += 1
        headers = dict([words[words.index("-H") + 1].split(": ")])
        response = client.post(words[1].removeprefix("http://localhost"), data=words[-1], headers=headers)
        assert response.status_code == 200, words
        assert response.mimetype == ("text/event-stream" if json.loads(words[-1]).get("stream") else "application/json")
    assert asked == 6


def test_requests_name_the_place_that_a_proxy_gives_the_service(client: FlaskClient) -> None:
    page = client.get("/docs", environ_overrides={"SCRIPT_NAME": "/qa"}, headers={"Host": "news.example"}).text
    assert "curl http://news.example/qa/api/ask \\\n" in page
    assert 'href="/qa/openapi.json"' in page


def folds(page: str, summary: str) -> list[str]:
    """What is folded under a line that begins so, as text."""
    found = re.findall(rf"<summary>{summary}\b.*?</summary>(.*?)</details>", page, re.DOTALL)
    return [unescape(re.sub("<[^>]*>", "", fold)).strip() for fold in found]


def test_replies_are_shown_as_they_come(client: FlaskClient) -> None:
    shown = folds(client.get("/docs").text, "Example")
    assert len(shown) > 15
    whole = [json.loads(example) for example in shown if example.startswith("{")]
    assert ANSWERS["English"] in whole
    assert ANSWERS["French"] in whole
    asked, chat = [example for example in shown if example.startswith(("event: ", "data: "))]
    events = [dict(line.split(": ", 1) for line in event.split("\n")) for event in asked.split("\n\n")]
    assert [event["event"] for event in events] == ["progress", "delta", "citation", "done"]
    assert json.loads(events[-1]["data"]) == ANSWERS["English"]
    assert chat.endswith("\n\ndata: [DONE]")
    assert any(example.startswith("# HELP qa_questions_total") for example in shown)


def test_errors_and_fields_of_schemas_are_folded(client: FlaskClient) -> None:
    page, document = client.get("/docs").text, client.get("/openapi.json").get_json()
    described = [operation for item in document["paths"].values() for operation in item.values()]
    errors = folds(page, "Errors")
    assert len(errors) == len(described)
    assert any("413" in fold and "The body is too large." in fold for fold in errors)
    assert "The body is too large." not in re.sub(r"(?s)<details>.*?</details>", "", page)
    # What a link leads to is not folded itself.
    for fold in re.findall(r"<details>.*?</details>", page, re.DOTALL):
        assert not re.search(r"\sid=", fold)
    assert len(folds(page, "Fields")) == len(document["components"]["schemas"])


def test_what_every_route_takes_is_said_once(client: FlaskClient) -> None:
    assert client.get("/docs").text.count('<code class="term">X-Request-ID</code>') == 1


def test_names_of_examples_are_in_the_language_of_the_page(client: FlaskClient) -> None:
    french, english = client.get("/docs?lang=fr").text, client.get("/docs?lang=en").text
    for name in ("In English", "In French", "As a stream", "A French answer to an English question"):
        assert f">{name}<" in english
        assert f">{name}<" not in french
    for name in ("En anglais", "En français", "En flux", "Réponse en français à une question en anglais"):
        assert f'<p class="dateline">{name}</p>' in french
    assert '<summary>Exemple <span class="kind">En anglais</span></summary>' in french
    # One that the page has no words for is English, and says so.
    assert '<span class="kind"><span lang="en">queued</span></span>' in french


def other(said: Operation, method: str) -> list[list[str]]:
    """The requests of a page with one more route, which is the first of its kind."""
    app = app_for(FakePipeline())
    app.add_url_rule("/x/<path:place>", "x", operation(said)(lambda place: ""), methods=[method])
    return [words for words in commands(app.test_client().get("/docs").text) if "/x/" in words[1]]


def test_requests_of_all_kinds_are_shown() -> None:
    form = Content(dict[str, str], ("application/x-www-form-urlencoded", "multipart/form-data"), {"a": {"q": "é & b"}})
    text = Content(media_types=("text/markdown",), examples={"a": "# It's\n"})
    address = "http://localhost/x/{place}"
    assert other(Operation("X.", "X"), "GET") == [["curl", address]]
    assert other(Operation("X.", "X"), "POST") == [["curl", address, "-X", "POST"]]
    assert other(Operation("X.", "X", body=form), "POST") == [["curl", address, "--data-urlencode", "q=é & b"]]
    (words,) = other(Operation("X.", "X", access="admin", body=text), "PUT")
    assert words[:6] == ["curl", address, "-X", "PUT", "-H", "Authorization: Bearer KEY"]
    assert words[6:] == ["-H", "Content-Type: text/markdown", "--data-binary", "# It's\n"]


def test_what_a_route_says_is_text() -> None:
    app: Flask = app_for(FakePipeline())
    said = Operation("<script>alert(1)</script>", "<b>", "`</code><img src=x>`", replies={200: Content(dict[str, int])})
    app.add_url_rule("/x", "x", operation(said)(lambda: ""))
    page = app.test_client().get("/docs").text
    assert "<script" not in page
    assert "<b>" not in page
    assert "<img" not in page
    assert "<code>&lt;/code&gt;&lt;img src=x&gt;</code>" in page


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"$ref": "#/components/schemas/Citation"}, "Citation"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Citation"}}, "Citation[]"),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "(string | null)[]"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "[integer, string]"),
        ({"type": "array"}, "any[]"),
        ({"type": "string", "enum": ["en", "fr"]}, '"en" | "fr"'),
        ({"const": "é"}, '"é"'),
        ({"type": "integer", "minimum": -1, "maximum": 100}, "integer -1…100"),
        ({"type": "integer", "minimum": 0}, "integer ≥ 0"),
        ({"type": "string", "minLength": 1}, "string ≥ 1"),
        ({"type": "string", "maxLength": 9}, "string ≤ 9"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "{string: number}"),
        ({"type": "object", "additionalProperties": True}, "object"),
        (
            {
                "type": "object",
                "properties": {
                    "event": {"const": "done"},
                    "data": {"type": "string", "contentSchema": {"$ref": "#/components/schemas/Answer"}},
                },
            },
            "done: Answer",
        ),
        ({"type": "object", "properties": {"data": {"const": "[DONE]"}}}, '"[DONE]"'),
        ({}, "any"),
    ],
)
def test_kinds_are_told_in_few_signs(schema: dict[str, Any], kind: str) -> None:
    assert shown(kind_of(schema)) == kind


def test_code_stands_between_backticks() -> None:
    assert pieces("a `b` c") == (Piece("a "), Piece("b", code=True), Piece(" c"))
    assert pieces("") == ()
    assert docs_page.pieces("`b`") == (Piece("b", code=True),)
