from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from qa_service import create_app
from qa_service.answers import Delta
from qa_service.channels import api, problems
from qa_service.errors import EmbeddingsUnavailable
from qa_service.settings import load_settings
from tests.conftest import DOCUMENTS
from tests.llm_server import KEY, LlmServer, breaks, fails, says, stalls
from tests.test_server import serving

ENGLISH = "When was the visa agreement signed?"
FRENCH = "Quand l’exemption de visa entre-t-elle en vigueur ?"
FIELDS = {
    "id", "conversation_id", "question", "language", "answer", "abstained", "composer", "citations", "warnings",
    "related", "withdrawn", "timings_ms", "usage",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(sample_index, tmp_path_factory.mktemp("api") / "index"))


@pytest.fixture(scope="module")
def app(built: Path) -> Iterator[Flask]:
    settings = load_settings(documents=DOCUMENTS, index=built)
    app = create_app(settings)
    yield app
    app.extensions["qa_service"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def unready(tmp_path: Path) -> Iterator[FlaskClient]:
    app = create_app(load_settings(documents=tmp_path, index=tmp_path / "index"))
    yield app.test_client()
    app.extensions["qa_service"].close()


def check_problem(response: TestResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    problem = response.get_json(force=True)
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in response.text
    assert str(Path(__file__).parents[2]) not in response.text
    return problem


@pytest.mark.parametrize(("question", "language"), [(ENGLISH, "en"), (FRENCH, "fr")])
def test_ask_answers_in_the_questions_language(client: FlaskClient, question: str, language: str) -> None:
    answer = client.post("/api/ask", json={"question": question}).get_json()
    assert set(answer) == FIELDS
    assert answer["language"] == language
    assert answer["citations"]
    for citation in answer["citations"]:
        document = client.get(f"/api/documents/{citation['document_id']}").get_json()
        assert document["text"][citation["start"] : citation["end"]] == citation["quote"]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_language_asked_for_wins(client: FlaskClient, language: str) -> None:
    answer = client.post("/api/ask", json={"question": ENGLISH, "language": language}).get_json()
    assert answer["language"] == language


def test_a_conversation_keeps_its_id(client: FlaskClient) -> None:
    answer = client.post("/api/ask", json={"question": ENGLISH, "conversation_id": "c-1"}).get_json()
    assert answer["conversation_id"] == "c-1"


def ask(client: FlaskClient, question: str, **more: str) -> dict[str, Any]:
    return client.post("/api/ask", json={"question": question} | more).get_json()


def cites(answer: dict[str, Any], words: str) -> bool:
    return any(words in citation["quote"] for citation in answer["citations"])


def test_a_conversation_goes_on_under_the_id_of_its_first_answer(client: FlaskClient) -> None:
    conversation = ask(client, ENGLISH)["conversation_id"]
    where = ask(client, "Et où ?", conversation_id=conversation)
    assert (where["question"], where["language"], where["conversation_id"]) == ("Et où ?", "fr", conversation)
    assert cites(where, "New York")
    assert cites(ask(client, "And when does it take effect?", conversation_id=conversation), "19 mars 2025")
    assert ask(client, "And when?", conversation_id=conversation, language="fr")["language"] == "fr"


@pytest.mark.parametrize("stream", [True, False])
def test_a_conversation_goes_on_in_a_stream(client: FlaskClient, stream: bool) -> None:
    conversation = ask(client, ENGLISH)["conversation_id"]
    asked = {"question": "Where?", "conversation_id": conversation, "stream": stream}
    response = client.post("/api/ask", json=asked)
    assert cites(events(response)[-1][1] if stream else response.get_json(), "New York")


def test_a_conversation_goes_on_in_another_application_and_after_a_restart(app: Flask, client: FlaskClient) -> None:
    conversation = ask(client, ENGLISH)["conversation_id"]
    other = create_app(app.extensions["qa_service"]._settings)
    try:
        assert cites(ask(other.test_client(), "Where?", conversation_id=conversation), "New York")
    finally:
        other.extensions["qa_service"].close()
    assert cites(ask(client, "And when does it take effect?", conversation_id=conversation), "19 mars 2025")


def test_a_conversation_goes_on_without_javascript(client: FlaskClient) -> None:
    page = client.post("/", data={"question": ENGLISH}).text
    conversation = re.findall(r'name="conversation_id" value="(\w+)"', page)[0]
    failed = client.post("/", data={"question": " ", "conversation_id": conversation}).text
    assert f'name="conversation_id" value="{conversation}"' in failed
    page = client.post("/", data={"question": "Where?", "conversation_id": conversation}).text
    assert "in New York" in page
    assert f'name="conversation_id" value="{conversation}"' in page


@pytest.mark.parametrize("name", ['"a\\u0000b"', '"<script>"', '"\' OR 1=1"', '"' + "é" * 100 + '"'])
def test_odd_ids_are_only_names(client: FlaskClient, name: str) -> None:
    for question in (ENGLISH, "Where?"):
        body = f'{{"question": "{question}", "conversation_id": {name}}}'
        response = client.post("/api/ask", data=body.encode(), content_type="application/json")
        assert response.status_code == 200
    assert cites(response.get_json(), "New York")


def events(response: TestResponse) -> list[tuple[str, Any]]:
    blocks = [block.split("\n") for block in response.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


@pytest.mark.parametrize("question", [ENGLISH, FRENCH, "How do I bake bread?"])
@pytest.mark.parametrize("how", ["body", "header"])
def test_a_stream_ends_with_the_whole_answer(client: FlaskClient, question: str, how: str) -> None:
    asked = {"question": question} | ({"stream": True} if how == "body" else {})
    headers = {"Accept": "text/event-stream"} if how == "header" else {}
    response = client.post("/api/ask", json=asked, headers=headers)
    assert response.mimetype == "text/event-stream"
    received = events(response)
    name, answer = received[-1]
    assert name == "done"
    assert "".join(data["text"] for kind, data in received if kind == "delta") == answer["answer"]
    assert [data for kind, data in received if kind == "citation"] == answer["citations"]


@pytest.mark.parametrize("question", [ENGLISH, FRENCH])
def test_progress_is_told_to_those_who_ask_for_it(client: FlaskClient, question: str) -> None:
    plain = events(client.post("/api/ask", json={"question": question, "stream": True}))
    told = events(client.post("/api/ask", json={"question": question, "stream": True, "progress": True}))
    assert {name for name, _ in plain} == {"delta", "citation", "done"}
    assert [name for name, _ in told] == ["progress", *(name for name, _ in plain)]
    assert 0 < told[0][1]["passages"] <= 100


@pytest.mark.parametrize("accepted", ["application/json, text/event-stream;q=0", "*/*", "application/json"])
def test_a_client_that_does_not_ask_for_events_gets_json(client: FlaskClient, accepted: str) -> None:
    response = client.post("/api/ask", json={"question": ENGLISH}, headers={"Accept": accepted})
    assert response.mimetype == "application/json"


@pytest.mark.parametrize(
    ("accepted", "language"), [("fr-FR, en;q=0.5", "fr"), ("en-GB", "en"), ("de", "en"), ("", "en")]
)
def test_a_question_of_names_alone_is_answered_in_the_clients_language(
    client: FlaskClient, accepted: str, language: str
) -> None:
    asked = {"question": "Nurtleu Bourita Rabat ?"}
    answer = client.post("/api/ask", json=asked, headers={"Accept-Language": accepted}).get_json()
    assert answer["language"] == language


def test_json_is_never_taken_for_a_page(client: FlaskClient) -> None:
    for path in ("/healthz", "/api/documents", "/api/none"):
        assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_search_ranks_both_languages(client: FlaskClient) -> None:
    passages = client.post("/api/search", json={"query": "wheat blé hub", "k": 8}).get_json()["passages"]
    assert len(passages) == 8
    assert {passage["language"] for passage in passages} == {"en", "fr"}
    assert set(passages[0]) == {"document_id", "title", "language", "text", "start", "end", "score"}
    scores = [passage["score"] for passage in passages]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("question", "stream"), [(ENGLISH, False), (FRENCH, False), (FRENCH, True)])
def test_an_answer_can_be_rated(app: Flask, client: FlaskClient, question: str, stream: bool) -> None:
    response = client.post("/api/ask", json={"question": question, "stream": stream})
    answer = events(response)[-1][1] if stream else response.get_json()
    for given in ({"rating": 1, "comment": "Exact 🙂"}, {"rating": -1}, {"rating": -1, "comment": "Trop\0 long"}):
        rated = client.post("/api/feedback", json={"answer_id": answer["id"], **given})
        assert (rated.status_code, rated.data) == (204, b"")
    entries = app.extensions["qa_service"]._feedback.entries()
    (entry,) = [entry for entry in entries if entry.answer_id == answer["id"]]
    assert (entry.question, entry.rating, entry.comment) == (question, -1, "Trop  long")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 422),
        (b'{"rating": 1}', 422),
        (b'{"answer_id": "ID"}', 422),
        (b'{"answer_id": 7, "rating": 1}', 422),
        (b'{"answer_id": "ID", "rating": 0}', 422),
        (b'{"answer_id": "ID", "rating": 2}', 422),
        (b'{"answer_id": "ID", "rating": true}', 422),
        (b'{"answer_id": "ID", "rating": 1.5}', 422),
        (b'{"answer_id": "ID", "rating": "1"}', 422),
        (b'{"answer_id": "ID", "rating": null}', 422),
        (b'{"answer_id": "ID", "rating": 1, "comment": 7}', 422),
        (b'{"answer_id": "ID", "rating": 1, "comment": "' + b"x" * 2_001 + b'"}', 422),
        (b'{"answer_id": "ID", "rating": 1, "comment": "' + b"x" * 1_000_000 + b'"}', 413),
        (b'{"answer_id": "", "rating": 1}', 404),
        (b'{"answer_id": "' + b"0" * 32 + b'", "rating": 1}', 404),
        (b'{"answer_id": "\\ud800", "rating": 1}', 404),
        (b'{"answer_id": "\\u0000", "rating": 1}', 404),
        (b'{"answer_id": "' + b"x" * 100_000 + b'", "rating": 1}', 404),
    ],
)
def test_wrong_feedback_is_a_problem(client: FlaskClient, given: bytes, status: int) -> None:
    answer = ask(client, ENGLISH)
    body = given.replace(b"ID", answer["id"].encode())
    check_problem(client.post("/api/feedback", data=body, content_type="application/json"), status)
    assert client.post("/api/feedback", json={"answer_id": answer["id"], "rating": 1}).status_code == 204


@pytest.mark.parametrize("comment", ["\\ud800", "\\u202eabc", "\\ud83d\\ude42", "<script>", "\\u001b[2J"])
def test_odd_comments_are_only_text(client: FlaskClient, comment: str) -> None:
    body = f'{{"answer_id": "{ask(client, FRENCH)["id"]}", "rating": -1, "comment": "{comment}"}}'
    assert client.post("/api/feedback", data=body, content_type="application/json").status_code == 204


def test_feedback_that_cannot_be_kept_is_told(unready: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir(exist_ok=True)
    (tmp_path / "index" / "conversations.sqlite3").write_bytes(b"no database" * 1_000)
    for _ in range(2):
        problem = check_problem(unready.post("/api/feedback", json={"answer_id": "0" * 32, "rating": 1}), 503)
        assert str(tmp_path) not in problem["detail"]


def test_documents_are_listed_and_shown(client: FlaskClient) -> None:
    listed = client.get("/api/documents").get_json()["documents"]
    assert len(listed) == 16
    document = client.get("/api/documents/fr/exemption-de-visa").get_json()
    assert document["translations"] == ["en/visa-exemption"]
    assert document["language"] == "fr"
    assert document["text"]


def test_an_unknown_document_is_404(client: FlaskClient) -> None:
    check_problem(client.get("/api/documents/en/none"), 404)
    check_problem(client.get("/api/documents/..%2f..%2fetc/passwd"), 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"question"', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"{}", 422),
        (b'{"question": 5}', 422),
        (b'{"question": null}', 422),
        (b'{"question": ""}', 422),
        (b'{"question": "  "}', 422),
        (b'{"question": "visa?", "language": "de"}', 422),
        (b'{"question": "visa?", "stream": "yes"}', 422),
        (b'{"question": "visa?", "conversation_id": ""}', 422),
        (b'{"question": "visa?", "conversation_id": 7}', 422),
        (b'{"question": "visa?", "conversation_id": "\\ud800"}', 422),
        (b'{"question": "visa?", "conversation_id": "' + b"x" * 101 + b'"}', 422),
        (b'{"question": "' + b"a" * 3_000 + b'"}', 422),
        (b'{"question": "' + b"a" * 1_000_000 + b'"}', 413),
    ],
)
def test_wrong_input_is_a_problem(client: FlaskClient, body: bytes, status: int) -> None:
    check_problem(client.post("/api/ask", data=body, content_type="application/json"), status)
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "question", ['"visa \\ud800 agreement?"', '"visa\\u0000?"', '"<|endoftext|>"', '"\\u202evisa"', '"[1] [2] visa"']
)
def test_odd_questions_get_a_sane_answer(client: FlaskClient, question: str) -> None:
    response = client.post("/api/ask", data=f'{{"question": {question}}}', content_type="application/json")
    assert response.status_code == 200
    assert response.get_json()["abstained"] == (not response.get_json()["citations"])


@pytest.mark.parametrize("k", [0, 101, "ten", 1.5])
def test_search_refuses_an_odd_count(client: FlaskClient, k: object) -> None:
    check_problem(client.post("/api/search", json={"query": "wheat", "k": k}), 422)


def test_other_methods_and_routes_are_problems(client: FlaskClient) -> None:
    problem = check_problem(client.get("/api/ask"), 405)
    assert problem["title"] == "Method Not Allowed"
    check_problem(client.get("/api/none"), 404)


def test_health_and_readiness(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    ready = client.get("/readyz").get_json()
    assert ready["status"] == "ready"
    assert ready["documents"] == {"en": 8, "fr": 8}
    assert (ready["database"], ready["language_model"]) == ("ok", "off")
    assert ready["size_bytes"] > 0


def test_without_its_database_it_is_ready_and_says_so(built: Path, tmp_path: Path) -> None:
    settings = load_settings(documents=DOCUMENTS, index=Path(shutil.copytree(built, tmp_path / "index")))
    app = create_app(settings)
    client = app.test_client()
    try:
        client.post("/api/ask", json={"question": ENGLISH}).get_data()
        assert client.get("/readyz").get_json()["database"] == "ok"
        for file in settings.index.glob("conversations.sqlite3*"):
            file.unlink()
        (settings.index / "conversations.sqlite3").write_bytes(b"this is no database" * 100)
        response = client.get("/readyz")
        assert (response.status_code, response.get_json()["database"]) == (200, "unavailable")
        assert client.post("/api/ask", json={"question": FRENCH}).get_json()["citations"]
    finally:
        app.extensions["qa_service"].close()


def test_a_language_model_that_is_left_alone_costs_no_readiness(built: Path, llm_server: LlmServer) -> None:
    llm_server.script(fails(503))
    settings = llm_server.settings(documents=DOCUMENTS, index=built, llm_api_key=KEY, conversation_days=0)
    app = create_app(settings)
    client = app.test_client()
    try:
        assert client.get("/readyz").get_json()["language_model"] == "ok"
        for _ in range(2):  # three requests each at most, and five are enough
            assert "llm_unavailable" in client.post("/api/ask", json={"question": ENGLISH}).get_json()["warnings"]
        ready = client.get("/readyz").get_json()
        assert (ready["status"], ready["language_model"], ready["database"]) == ("ready", "unavailable", "off")
    finally:
        app.extensions["qa_service"].close()


def test_a_process_that_would_miss_a_new_index_is_not_healthy(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = client.application.extensions["qa_service"]
    monkeypatch.setattr(pipeline, "alive", lambda: False)
    problem = check_problem(client.get("/healthz"), 503)
    assert "start this worker again" in problem["detail"]


def test_without_an_index_the_service_lives_and_says_so(unready: FlaskClient) -> None:
    assert unready.get("/healthz").status_code == 200
    for response in (
        unready.get("/readyz"),
        unready.get("/api/documents"),
        unready.post("/api/ask", json={"question": "visa?"}),
        unready.post("/api/search", json={"query": "visa"}),
    ):
        assert "qa-service index" in check_problem(response, 503)["detail"]


# An answer while a language model writes it

WRITTEN = {
    ENGLISH: "The agreement on mutual exemption from visas was signed in New York on 26 September 2024 [1]. ",
    FRENCH: "L’accord d’exemption de visa entre en vigueur le 19 mars 2025 [1]. ",
}
LLM_SECONDS = 3


@pytest.fixture(scope="module")
def scripted() -> Iterator[LlmServer]:
    """The scripted language model of the real server."""
    pytest.importorskip("langchain_openai")
    with LlmServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def port(app: Flask, scripted: LlmServer) -> Iterator[int]:
    """A real server whose answers the scripted model writes."""
    index = app.extensions["qa_service"]._settings.index
    options = {"QA_LLM": "openai:scripted", "QA_LLM_BASE_URL": scripted.url, "QA_LLM_TIMEOUT": str(LLM_SECONDS)}
    with serving(index, **options) as (server, port):
        yield port
        server.terminate()
        errors = server.communicate(timeout=30)[1]
        assert "Traceback" not in errors
        assert KEY not in errors


@contextmanager
def streaming(port: int, question: str) -> Iterator[HTTPResponse]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        body = json.dumps({"question": question, "stream": True})
        connection.request("POST", "/api/ask", body, {"Content-Type": "application/json"})
        with closing(connection.getresponse()) as response:
            assert response.status == 200
            yield response


def next_event(response: HTTPResponse) -> tuple[str, Any]:
    """The next event as soon as it is there."""
    name = response.readline().decode().removeprefix("event: ").strip()
    data = response.readline().decode().removeprefix("data: ")
    assert response.readline() == b"\n"
    return name, json.loads(data)


def events_until_the_end(response: HTTPResponse) -> list[tuple[str, Any]]:
    received = [next_event(response)]
    while received[-1][0] not in ("done", "error"):
        received.append(next_event(response))
    assert response.read() == b""
    return received


@pytest.mark.parametrize("question", [ENGLISH, FRENCH])
def test_text_is_sent_before_the_model_has_finished(port: int, scripted: LlmServer, question: str) -> None:
    scripted.script(stalls(WRITTEN[question]))
    started = time.monotonic()
    with streaming(port, question) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        name, data = next_event(response)
        assert (name, set(data)) == ("delta", {"text"})
        assert time.monotonic() - started < LLM_SECONDS - 1
        assert scripted.open_connections == 1
        rest = events_until_the_end(response)
    assert LLM_SECONDS - 1 < time.monotonic() - started < LLM_SECONDS + 5
    name, answer = rest[-1]
    assert name == "done"
    assert "llm_incomplete" in answer["warnings"]
    assert scripted.wait_until_closed()


@pytest.mark.parametrize("question", [ENGLISH, FRENCH])
def test_each_citation_is_sent_behind_its_marker_and_at_last_the_answer(
    port: int, client: FlaskClient, scripted: LlmServer, question: str
) -> None:
    quote = next(one for one in ask(client, question)["citations"])["quote"].replace("[", "(").replace("]", ")")
    scripted.script(says(f"{quote.rstrip('.')} [1]. Boris Kozlov paid 612 euros for it [1]."))
    with streaming(port, question) as response:
        received = events_until_the_end(response)
    assert {name for name, _ in received} == {"delta", "citation", "done"}
    shown = ""
    for name, data in received[:-1]:
        shown += data["text"] if name == "delta" else ""
        assert name == "delta" or f"[{data['n']}]" in shown
    answer = received[-1][1]
    assert set(answer) == FIELDS
    assert (answer["composer"], answer["warnings"]) == ("llm", ["unsupported_sentence_removed"])
    assert answer["withdrawn"] == ["Boris Kozlov paid 612 euros for it."]
    assert "Kozlov" in shown
    assert "Kozlov" not in answer["answer"]
    for citation in answer["citations"]:
        document = client.get(f"/api/documents/{citation['document_id']}").get_json()
        assert document["text"][citation["start"] : citation["end"]] == citation["quote"]


@pytest.mark.parametrize("reply", [fails(401), breaks(WRITTEN[ENGLISH])])
def test_a_model_that_fails_ends_a_stream_with_an_answer(port: int, scripted: LlmServer, reply: Any) -> None:
    scripted.script(reply)
    with streaming(port, ENGLISH) as response:
        name, answer = events_until_the_end(response)[-1]
    assert name == "done"
    assert answer["citations"]
    assert set(answer["warnings"]) & {"llm_unavailable", "llm_incomplete"}


def test_a_client_that_goes_away_cancels_the_request(port: int, scripted: LlmServer) -> None:
    scripted.script(says("The agreement was signed in New York, and then again. " * 99, pause=0.05))
    with streaming(port, ENGLISH) as response:
        assert next_event(response)[0] == "delta"
        assert scripted.open_connections == 1
    assert scripted.wait_until_closed(LLM_SECONDS / 2)


class Breaking:
    """A pipeline whose stream breaks behind its first words; it holds on to the stream."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = False
        self.events = self._events()

    def stream(self, *_: object, **__: object) -> Iterator[Delta]:
        return self.events

    def _events(self) -> Iterator[Delta]:
        try:
            yield Delta("The agreement ")
            raise self.error
        finally:
            self.closed = True


def streamed_from(pipeline: Breaking) -> TestResponse:
    app = Flask(__name__)
    problems.init_app(app)
    app.register_blueprint(api.blueprint(pipeline))  # type: ignore[arg-type]
    return app.test_client().post("/api/ask", json={"question": ENGLISH, "stream": True})


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (RuntimeError("/home/somebody/secret"), 500, "Something went wrong here; the error was logged."),
        (EmbeddingsUnavailable("The provider does not answer."), 503, "The provider does not answer."),
    ],
)
def test_an_error_in_a_stream_is_its_last_event(
    error: Exception, status: int, detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Breaking(error)
    first, last = events(streamed_from(pipeline))
    assert first == ("delta", {"text": "The agreement "})
    assert last[0] == "error"
    assert (last[1]["status"], last[1]["detail"]) == (status, detail)
    assert {"type", "title"} <= set(last[1])
    assert pipeline.closed
    assert ("/home/somebody/secret" in caplog.text) == (status == 500)


def test_a_response_that_is_dropped_ends_the_stream() -> None:
    pipeline = Breaking(RuntimeError("never reached"))
    response = streamed_from(pipeline)
    assert b"The agreement" in next(response.iter_encoded())
    assert not pipeline.closed
    response.close()
    assert pipeline.closed


@pytest.mark.parametrize("body", [{"question": " "}, {"question": "visa?", "language": "de"}])
def test_what_is_wrong_with_a_question_is_no_stream(client: FlaskClient, body: dict[str, str]) -> None:
    check_problem(client.post("/api/ask", json=body | {"stream": True}), 422)


def test_without_an_index_there_is_no_stream(unready: FlaskClient) -> None:
    check_problem(unready.post("/api/ask", json={"question": "visa?", "stream": True}), 503)
