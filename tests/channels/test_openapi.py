"""The OpenAPI document: valid, whole, and true to the code's types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import pytest
from flask import Flask, Response
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, Field

from qa_service.answers import Answer, Citation, Quote
from qa_service.channels import openapi, pages, problems
from qa_service.channels.field_texts import FIELD_TEXTS
from qa_service.channels.operations import NOTHING, Content, Operation, Parameter, operation
from qa_service.language import LANGUAGES
from qa_service.publishing import SUFFIXES
from qa_service.settings import load_settings
from tests.channels.fake_pipeline import FakePipeline, app_for

VERBS = set("Answer Ask Describe Find Give List Load Publish Rate Read Remove Show Sign Take Tell".split())


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return app_for(FakePipeline()).test_client().get("/openapi.json").get_json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, described in item.items():
            yield path, method, described


def contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every body and reply: the operation, the media type, what is said of it."""
    for path, method, described in operations(document):
        replies = [*described["responses"].values()]
        for part in (described.get("requestBody", {}), *replies):
            shared = document["components"]["responses"].get(part.get("$ref", "").rpartition("/")[2], part)
            for media_type, content in shared.get("content", {}).items():
                yield f"{method} {path}", media_type, content


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": document["components"]})


def small(view: Any, rule: str = "/api/one/<int:number>", **options: Any) -> Flask:
    """An application of one route, beside what every application has."""
    app = Flask(__name__, static_folder=None)
    problems.init_app(app)
    app.add_url_rule(rule, "one", view, **options)
    return app


def described(said: Operation, settings: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    app = small(operation(said)(lambda number: ""), **options)
    made = openapi.document(app, load_settings(**(settings or {})))
    assert not list(OpenAPIV31SpecValidator(made).iter_errors())
    return made


# The service's own


@pytest.mark.parametrize("settings", [{}, {"api_keys": "k-1", "embed_origins": "https://news.example"}])
def test_the_document_is_valid(settings: dict[str, str]) -> None:
    app = app_for(FakePipeline(), **settings)
    response = app.test_client().get("/openapi.json", headers={"Authorization": "Bearer k-1"})
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.get_json()["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(response.get_json()).iter_errors()) == []


def test_every_route_is_in_it(document: dict[str, Any]) -> None:
    app = app_for(FakePipeline())
    served = {
        (openapi.path_of(rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == served
    assert {"/", "/api/ask", "/api/documents/{document_id}", "/assets/{filename}", "/docs"} <= {
        path for path, _ in served
    }


def test_every_operation_has_a_name_of_its_own_and_a_tag_that_is_explained(document: dict[str, Any]) -> None:
    names = [described["operationId"] for _, _, described in operations(document)]
    assert len(set(names)) == len(names)
    tags = {tag["name"]: tag.get("description") for tag in document["tags"]}
    assert all(tags.values())
    assert {tag for _, _, described in operations(document) for tag in described["tags"]} == set(tags)


def test_every_summary_tells_the_route_to_do_something(document: dict[str, Any]) -> None:
    for path, method, described in operations(document):
        summary = described["summary"]
        assert summary.split()[0].rstrip(",") in VERBS, (method, path)
        assert not summary.endswith("."), (method, path)


def check_event(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """What the data of an event are as JSON: their own schema says it, which no validator looks at."""
    for event in schema.get("anyOf", ()):
        properties = event.get("properties", {})
        described = properties.get("data", {}).get("contentSchema")
        if described and properties.get("event", {}).get("const") == value.get("event") and value["data"] != "[DONE]":
            assert list(validator(document, described).iter_errors(json.loads(value["data"]))) == []


def test_what_programs_get_has_examples(document: dict[str, Any]) -> None:
    for path, method, described in operations(document):
        for status, reply in described["responses"].items():
            for media_type, content in reply.get("content", {}).items():
                for_programs = "json" in media_type or media_type == "text/event-stream"
                if status < "300" and for_programs and path not in ("/openapi.json", "/articles/rows"):
                    assert content["examples"], (method, path)
    answers = document["paths"]["/api/ask"]["post"]["responses"]["200"]["content"]
    assert {"English", "French"} <= answers["application/json"]["examples"].keys()
    assert answers["text/event-stream"]["examples"].keys() >= {"delta", "citation", "done"}


def test_examples_are_what_the_schemas_allow(document: dict[str, Any]) -> None:
    count = 0
    for where, _, content in contents(document):
        values = [example["value"] for example in content.get("examples", {}).values()]
        values += [content["example"]] if "example" in content else []
        for value in values:
            count += 1
            assert list(validator(document, content["schema"]).iter_errors(value)) == [], where
            check_event(document, content["schema"], value)
    for _, _, described in operations(document):
        for parameter in described["parameters"]:
            if "example" in parameter:
                count += 1
                assert list(validator(document, parameter["schema"]).iter_errors(parameter["example"])) == []
    assert count > 30


def test_bodies_have_examples_in_both_languages(document: dict[str, Any]) -> None:
    for path, method, described in operations(document):
        if "requestBody" in described and path != "/sign-in":
            for media_type, content in described["requestBody"]["content"].items():
                if media_type in SUFFIXES:
                    continue  # a document as it is
                assert {"English", "French"} <= content["examples"].keys(), (method, path)


def test_errors_are_problem_documents_and_pages_where_readers_are_shown_pages(document: dict[str, Any]) -> None:
    responses = document["components"]["responses"]
    for name, response in responses.items():
        if name == "SeeOtherPage":
            assert "Location" in response["headers"]
        elif name.endswith("Page"):
            assert "text/html" in response["content"]
        else:
            (content,) = response["content"].items()
            assert content[0] == "application/problem+json"
            assert content[1]["schema"] == {"$ref": "#/components/schemas/Problem"}
    ask, page = document["paths"]["/api/ask"]["post"], document["paths"]["/"]["post"]
    assert ask["responses"].keys() == {"200", "400", "403", "413", "415", "422", "429", "500", "503"}
    assert page["responses"]["422"] == {"$ref": "#/components/responses/UnprocessableEntityPage"}
    assert "Retry-After" in responses["TooManyRequests"]["headers"]
    assert "WWW-Authenticate" in responses["Unauthorized"]["headers"]
    assert all("X-Request-ID" in response["headers"] for response in responses.values())


@pytest.mark.parametrize("path", ["/api/search", "/v1/chat/completions"])
def test_what_is_wrong_with_a_body_has_a_status_that_is_described(document: dict[str, Any], path: str) -> None:
    client = app_for(FakePipeline()).test_client()
    sent: tuple[tuple[bytes, dict[str, str]], ...] = (
        (b"{", {}),
        (b"{}", {}),
        (b"x" * 300_000, {}),
        (b"{}", {"Content-Encoding": "gzip"}),
        (b"{}", {"Sec-Fetch-Site": "cross-site"}),
    )
    statuses = {str(client.post(path, data=body, headers=headers).status_code) for body, headers in sent}
    of_queries = {"422"} if path.startswith("/api") else set()
    assert statuses == {"400", "403", "413", "415"} | of_queries
    assert statuses | of_queries == document["paths"][path]["post"]["responses"].keys() & {*statuses, "422"}


def test_schemas_have_names_of_their_own_alone(document: dict[str, Any]) -> None:
    """Two types of one name would be told apart by the modules that they are in."""
    assert all(name.isalpha() for name in document["components"]["schemas"])


def test_the_events_of_a_stream_are_described_with_their_data(document: dict[str, Any]) -> None:
    content = document["paths"]["/api/ask"]["post"]["responses"]["200"]["content"]
    events = {
        event["properties"]["event"]["const"]: event["properties"]["data"]["contentSchema"]
        for event in content["text/event-stream"]["schema"]["anyOf"]
    }
    assert events["done"] == content["application/json"]["schema"] == {"$ref": "#/components/schemas/Answer"}
    assert events["citation"] == {"$ref": "#/components/schemas/Citation"}
    assert events.keys() == {"progress", "delta", "citation", "done", "error"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_schemas_allow_what_is_written_and_nothing_else(document: dict[str, Any], language: str) -> None:
    schema = validator(document, document["components"]["schemas"]["Answer"])
    quote = Quote("fr/visa", "« Oui »", 0, 7)
    citation = Citation(1, "en/visa", "A title", "en", None, "2025-03-01", "Yes", 0, 3, 0.5, quote)
    answer = Answer("a", "c", "?", language, "Yes [1].", False, "extractive", (citation,), ("sources_disagree",))  # type: ignore[arg-type]
    written = json.loads(json.dumps(answer.to_dict()))
    assert list(schema.iter_errors(written)) == []
    for wrong in (
        {"language": "de"},
        {"id": None},
        {"abstained": "no"},
        {"usage": {"calls": 0.5}},
        {"timings_ms": {"total": "1"}},
        {"more": 1},
        {"citations": [written["citations"][0] | {"score": "high"}]},
        {"citations": [{"n": 1}]},
    ):
        assert list(schema.iter_errors(written | wrong)), wrong
    for name in written:
        assert list(schema.iter_errors({key: value for key, value in written.items() if key != name})), name


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (
            "AskBody",
            [{"question": "Où ?"}, {"question": "x" * 50, "language": None, "more": 1, "conversation_id": "c"}],
            [{}, {"question": ""}, {"question": "  \n\0"}, {"question": "x" * 51}, {"question": None}]
            + [{"question": "When?"} | more for more in ({"language": "de"}, {"conversation_id": ""}, {"stream": 1})],
        ),
        (
            "SearchBody",
            [{"query": "visa"}, {"query": "visa", "k": 1}, {"query": "visa", "k": 100.0}],
            [{"query": "visa", "k": k} for k in (0, 101, 1.5, "3", None, True)],
        ),
        (
            "FeedbackBody",
            [{"answer_id": "a", "rating": 1}, {"answer_id": "", "rating": -1.0, "comment": "é" * 2000}],
            [{"answer_id": "a", "rating": rating} for rating in (0, True, "1", 2)]
            + [{"answer_id": "a", "rating": 1, "comment": "x" * 2001}, {"rating": 1}],
        ),
    ],
)
def test_bodies_are_described_with_all_their_bounds(name, right, wrong) -> None:
    """As test_schemathesis.py finds it at the service itself."""
    document = openapi.document(app_for(FakePipeline()), load_settings(max_question_chars=50))
    schema = validator(document, document["components"]["schemas"][name])
    assert [given for given in right if not schema.is_valid(given)] == []
    assert [given for given in wrong if schema.is_valid(given)] == []


@pytest.mark.parametrize(("k", "status"), [(3.0, 200), (3.5, 422), (1e308, 422), (True, 422), ("3", 422), (101.0, 422)])
def test_a_whole_number_may_be_written_with_a_point(k: Any, status: int) -> None:
    class Searched(FakePipeline):
        def search(self, query: str, k: int) -> list[Any]:
            assert type(k) is int
            return []

    response = app_for(Searched()).test_client().post("/api/search", json={"query": "visa", "k": k})
    assert response.status_code == status


NEEDS = {"open": [], "key": [{"key": []}, {"session": []}], "admin": [{"administrator": []}]}


def test_who_may_use_a_route_is_told_as_it_is() -> None:
    app = app_for(FakePipeline(), api_keys="k-1")
    for rule, method, said in openapi.described(app):
        made = openapi.document(app, load_settings(api_keys="k-1"))["paths"][openapi.path_of(rule)][method.lower()]
        assert made["security"] == NEEDS[said.access], rule
    open_service = openapi.document(app, load_settings())
    for path, method, described in operations(open_service):
        assert described["security"] in ([], NEEDS["admin"]), (path, method)


def test_it_names_the_place_that_a_proxy_gives_the_service() -> None:
    client = app_for(FakePipeline()).test_client()
    for root in ("", "/qa", "/fr/questions"):
        document = client.get("/openapi.json", environ_overrides={"SCRIPT_NAME": root}).get_json()
        assert document["servers"] == [{"url": root or "/"}]


def test_only_programs_with_a_key_read_it_where_there_are_keys() -> None:
    client = app_for(FakePipeline(), api_keys="k-1").test_client()
    response = client.get("/openapi.json")
    assert (response.status_code, response.mimetype) == (401, "application/problem+json")
    assert client.get("/openapi.json", headers={"Authorization": "Bearer k-1"}).status_code == 200


def test_slashes_are_part_of_an_address() -> None:
    """An id of two slashes leads to nothing, and not to another article."""
    client = app_for(FakePipeline()).test_client()
    for path in ("/api/documents/en//visa", "/api//documents/en/visa", "/documents//en/visa"):
        assert client.get(path).status_code == 404
    for path in ("/api/documents/en/visa", "/api/documents/en%2Fvisa"):
        assert client.get(path).status_code == 200


def test_every_field_that_is_explained_is_there(document: dict[str, Any]) -> None:
    for name, texts in FIELD_TEXTS.items():
        properties = document["components"]["schemas"][name]["properties"]
        assert texts.keys() <= properties.keys(), name
        assert {properties[of]["description"] for of in texts} == set(texts.values())


@pytest.mark.parametrize("name", ["Answer", "Citation", "Quote"])
def test_every_field_of_an_answer_is_explained_or_speaks_for_itself(document: dict[str, Any], name: str) -> None:
    properties = document["components"]["schemas"][name]["properties"]
    assert {of for of, schema in properties.items() if "description" not in schema} <= {"question", "document_id"}


# Any route


def test_a_route_that_says_nothing_keeps_the_others_from_nothing() -> None:
    app = app_for(FakePipeline())
    app.add_url_rule("/added-later", "added", lambda: "")
    document = app.test_client().get("/openapi.json").get_json()
    assert "/api/ask" in document["paths"]
    assert "/added-later" not in document["paths"]


def test_a_route_is_there_by_its_operation_alone() -> None:
    document = described(Operation("One", "Numbers", replies={204: NOTHING}), methods=["GET", "DELETE"])
    item = document["paths"]["/api/one/{number}"]
    assert item.keys() == {"get", "delete"}
    assert {part["operationId"] for part in item.values()} == {"one", "one_get"}
    assert document["tags"] == [{"name": "Numbers"}]
    assert item["get"]["responses"].keys() == {"204", "404", "500"}
    assert item["delete"]["responses"].keys() == {"204", "403", "404", "429", "500"}
    assert "content" not in item["get"]["responses"]["204"]
    (parameter, request_id) = item["get"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("number", "path", True)
    assert request_id == {"$ref": "#/components/parameters/RequestId"}


def test_only_a_service_with_keys_asks_for_one() -> None:
    said = Operation("One", "Numbers", replies={204: NOTHING})
    for access, asks in (("key", True), ("open", False)):
        document = described(replace(said, access=access), {"api_keys": "k-1"})
        assert ("401" in document["paths"]["/api/one/{number}"]["get"]["responses"]) is asks
    assert "401" not in described(said)["paths"]["/api/one/{number}"]["get"]["responses"]


def test_a_body_without_fields_has_none_that_are_wrong() -> None:
    document = described(Operation("One", "Numbers", body=Content(media_types=("text/plain",))), methods=["PUT"])
    (made,) = document["paths"]["/api/one/{number}"].values()
    assert "422" not in made["responses"]


def test_administrators_have_a_key_of_their_own() -> None:
    said = Operation("One", "Documents", access="admin", replies={204: NOTHING}, problems=(409,))
    for keys in ({}, {"api_keys": "k-1"}):
        made = described(said, keys)["paths"]["/api/one/{number}"]["get"]
        assert made["security"] == [{"administrator": []}]
        assert {"401", "403", "409"} <= made["responses"].keys()


@dataclass(frozen=True)
class Part:
    """A part, as ``json`` has it."""

    name: str
    kind: Literal["a", "b"] = "a"
    places: tuple[int, ...] = ()
    pair: tuple[int, str] = (1, "")
    counts: dict[str, int] = field(default_factory=dict)
    any: dict[str, Any] = field(default_factory=dict)


class Given(BaseModel):
    part: Part
    size: Annotated[int, Field(ge=1, le=9)] = 3
    text: Annotated[str, Field(json_schema_extra={"maxLength": "max_question_chars"})] = ""


def test_types_are_described_as_they_are_read_and_as_they_are_written() -> None:
    schemas = described(
        Operation(
            "One",
            "Numbers",
            body=Content(Given),
            parameters=(Parameter("n", Annotated[int, Field(ge=0)], "query", required=True, example=1),),
            replies={200: Content(list[Part])},
        ),
        {"max_question_chars": "77"},
        methods=["PUT"],
    )["components"]["schemas"]
    given, read, written = schemas["Given"], schemas["Part-Input"], schemas["Part-Output"]
    assert given["required"] == ["part"]
    assert given["properties"]["size"] == {"type": "integer", "minimum": 1, "maximum": 9, "default": 3}
    assert given["properties"]["text"]["maxLength"] == 77
    assert read["required"] == ["name"]
    assert "additionalProperties" not in read
    assert written["required"] == ["name", "kind", "places", "pair", "counts", "any"]
    assert written["additionalProperties"] is False
    assert written["description"] == "A part, as `json` has it."
    assert written["properties"]["kind"]["enum"] == ["a", "b"]
    assert written["properties"]["places"]["items"] == {"type": "integer"}
    assert written["properties"]["pair"]["prefixItems"] == [{"type": "integer"}, {"type": "string"}]
    assert written["properties"]["counts"]["additionalProperties"] == {"type": "integer"}
    assert written["properties"]["any"]["additionalProperties"] is True


def test_a_route_may_have_errors_of_its_own_form() -> None:
    own = Content(Quote, description="Not ours.")
    said = Operation("One", "OpenAI-compatible", body=Content(Given), replies={200: Content(Part), 409: own}, error=own)
    responses = described(said, methods=["POST"])["paths"]["/api/one/{number}"]["post"]["responses"]
    assert responses.keys() == {"200", "400", "403", "404", "409", "413", "415", "422", "429", "500"}
    for status, response in responses.items():
        if status != "200":
            assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Quote"}
    assert "Retry-After" in responses["429"]["headers"]


def test_events_may_be_without_a_name_and_always_the_same() -> None:
    stream = Content(media_types=("text/event-stream",), events={"": Part, "end": "[DONE]"})
    said = Operation("One", "OpenAI-compatible", replies={200: (Content(Part), stream)})
    content = described(said)["paths"]["/api/one/{number}"]["get"]["responses"]["200"]["content"]
    assert content.keys() == {"application/json", "text/event-stream"}
    chunk, end = content["text/event-stream"]["schema"]["anyOf"]
    assert chunk["required"] == ["data"]
    assert chunk["properties"]["data"]["contentSchema"] == {"$ref": "#/components/schemas/Part"}
    assert end["properties"]["data"]["const"] == "[DONE]"


def test_text_and_bytes_have_no_schema_of_ours() -> None:
    said = Operation(
        "One",
        "Documents",
        body=Content(
            Given,
            ("application/json", "text/markdown", "application/pdf"),
            {"English": "# Bridges", "French": {"part": {"name": "Ponts"}}},
        ),
        replies={202: Content(Part, headers={"Location": "Where the job is."})},
    )
    made = described(said, methods=["PUT"])["paths"]["/api/one/{number}"]["put"]
    assert made["requestBody"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/Given"},
        "examples": {"French": {"value": {"part": {"name": "Ponts"}}}},
    }
    assert made["requestBody"]["content"]["text/markdown"] == {"examples": {"English": {"value": "# Bridges"}}}
    assert made["requestBody"]["content"]["application/pdf"] == {}
    assert "422" in made["responses"]
    assert made["responses"]["202"]["headers"]["Location"]["description"] == "Where the job is."


def test_errors_are_pages_where_a_blueprint_shows_pages() -> None:
    routes = pages.page_blueprint("shown")

    @routes.post("/shown")
    @operation(Operation("Shown", "Pages", replies={200: Content(media_types=("text/html",))}))
    def shown() -> Response:
        return Response()

    app = small(operation(Operation("One", "Numbers"))(lambda number: ""))
    app.register_blueprint(routes)
    responses = openapi.document(app, load_settings(api_keys="k-1"))["paths"]["/shown"]["post"]["responses"]
    assert responses["429"] == {"$ref": "#/components/responses/TooManyRequestsPage"}
    assert "303" in responses
    assert "401" not in responses
