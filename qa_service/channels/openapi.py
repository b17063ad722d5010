"""The OpenAPI document: every route of the application as it describes itself, its schemas made of the code's types.

A route is in it as soon as it has an ``Operation`` (see ``operations``). What all routes share is added here: the
errors that any of them may answer with, the request's id, who is let in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain, count
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import Rule

from qa_service.channels.access import COOKIE
from qa_service.channels.field_texts import FIELD_TEXTS
from qa_service.channels.operations import SAFE_METHODS, Content, Operation, Parameter, operation, operation_of
from qa_service.channels.problems import PROBLEM_TYPE, Problem, is_for_openai_clients
from qa_service.settings import Settings

_PAGE = "text/html"

_INFO = """Cited answers from bilingual (English and French) articles.

Errors are problem documents (RFC 9457). Where readers are shown pages, they are pages. Offsets into texts count \
Unicode code points."""

_TAGS = {
    "Questions": "Ask, search, and say what an answer was worth.",
    "Articles": "What answers are drawn from.",
    "Bots": "What chats send.",
    "OpenAI-compatible": "The same questions for clients of OpenAI's interface.",
    "Documents": "Publish and withdraw articles.",
    "Pages": "What readers see. Each page works without JavaScript.",
    "Sign-in": "A reader's session.",
    "Operation": "Whether the service is well, and this description of it.",
}

_SECURITY_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "One of the keys in `QA_API_KEYS`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "What a reader gets at `/sign-in`.",
    },
    "administrator": {"type": "http", "scheme": "bearer", "description": "One of the keys in `QA_ADMIN_KEYS`."},
}

# What each status says on any route.
_MEANS = {
    303: "There is no session: to the sign-in.",
    400: "The body cannot be read.",
    401: "There is no key, or a wrong one.",
    403: "The request was made by a page of another site, or with a key that does not open this.",
    404: "There is nothing at this address.",
    413: "The body is too large.",
    415: "The body is compressed, or of a type that is not read here.",
    422: "A field is missing or wrong; `detail` says which.",
    429: "Too many requests: try again after the time in `Retry-After`.",
    500: "Something went wrong here, and was logged.",
    503: "This cannot be answered yet, or not now: there is no index, or something that is needed does not answer.",
}

_HEADERS = {
    "X-Request-ID": {
        "description": "The id under which the request is logged: the one that it came with, or a new one.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds until it is worth asking again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "`Bearer`: what the request lacked.", "schema": {"type": "string"}},
}
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",)}
_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "An id of the client's own for this request, which the logs then hold.",
    "schema": {"type": "string"},
}

_WITHOUT_ASKING = frozenset({"HEAD", "OPTIONS"})  # Flask adds them to every route
_ARGUMENT = re.compile(r"<(?:[^<>]*:)?([^<>:]+)>")
_BOUNDS = ("maxLength", "maxItems", "maximum")


def blueprint(app: Flask, settings: Settings) -> Blueprint:
    """``GET /openapi.json``: the document of all routes that the application has when it is first asked for."""
    routes = Blueprint("openapi", __name__)

    @lru_cache(maxsize=4)
    def written(root: str) -> str:
        return json.dumps(document(app, settings, root), ensure_ascii=False)

    @routes.get("/openapi.json")
    @operation(
        Operation(
            "Describe all routes, in OpenAPI 3.1",
            "Operation",
            replies={200: Content(dict[str, Any], description="The document.")},
        )
    )
    def openapi() -> Response:
        return current_app.response_class(written(request.script_root), mimetype="application/json")

    return routes


def document(app: Flask, settings: Settings, root: str = "") -> dict[str, Any]:
    """The OpenAPI 3.1 document of an application that is reached under this path."""
    made = _Document(app, settings)
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, None] = {}
    for rule, method, said in described(app):
        paths.setdefault(path_of(rule), {})[method.lower()] = made.operation(rule, method, said)
        tags[said.tag] = None
    order = [*(tag for tag in _TAGS if tag in tags), *(tag for tag in tags if tag not in _TAGS)]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "qa-service",
            "version": _version(),
            "summary": "Cited answers from bilingual articles.",
            "description": _INFO,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root or "/"}],
        "tags": [{"name": tag, "description": _TAGS[tag]} if tag in _TAGS else {"name": tag} for tag in order],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": made.components(),
    }


def _version() -> str:
    """The package's own, which leads to the application and cannot be imported below it."""
    try:
        return version("qa-service")
    except PackageNotFoundError:  # read from a source tree that was never installed
        return "0"


def described(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    """Every route that says something of itself, each method of it, and what it says."""
    for rule in app.url_map.iter_rules():
        said = operation_of(app.view_functions[rule.endpoint])
        for method in sorted((rule.methods or set()) - _WITHOUT_ASKING):
            if said:
                yield rule, method, said


def path_of(rule: Rule) -> str:
    """A route's path as OpenAPI writes it."""
    return _ARGUMENT.sub(r"{\1}", rule.rule)


class _Document:
    """The operations of a document while it is made, and what they refer to."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._types: list[tuple[dict[str, Any], JsonSchemaMode, Any]] = []
        self._responses: dict[str, dict[str, Any]] = {}
        self._names: set[str] = set()

    def operation(self, rule: Rule, method: str, said: Operation) -> dict[str, Any]:
        """One operation; its schemas are filled in by ``components``."""
        made: dict[str, Any] = {
            "operationId": self._name(rule, method),
            "tags": [said.tag],
            "summary": said.summary,
        }
        if said.description:
            made["description"] = said.description
        made["parameters"] = [
            *(self._parameter(each) for each in _parameters(rule, said)),
            {"$ref": "#/components/parameters/RequestId"},
        ]
        if said.body:
            made["requestBody"] = {"required": True} | self._body(said.body)
        made["responses"] = self._replies(rule, method, said)
        made["security"] = self._security(said)
        return made

    def components(self) -> dict[str, Any]:
        """What the operations refer to; the schemas are made here, all together, so that each has one name."""
        self._schema(Problem, "serialization")
        # The same type may be asked for again: each place is a key of its own.
        inputs = [(place, mode, TypeAdapter(kind)) for place, (_, mode, kind) in enumerate(self._types)]
        schemas, definitions = TypeAdapter.json_schemas(
            inputs, schema_generator=_Schemas, ref_template="#/components/schemas/{model}"
        )
        for place, (schema, mode, _) in enumerate(self._types):
            schema.update(self._settled(schemas[place, mode]))
        return {
            "schemas": _explained(self._settled(definitions.get("$defs", {}))),
            "responses": dict(sorted(self._responses.items())),
            "parameters": {"RequestId": _REQUEST_ID},
            "headers": _HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        }

    def _name(self, rule: Rule, method: str) -> str:
        """The operation's id: the view's name, with the method or a number where the name is taken."""
        plain = rule.endpoint.replace(".", "_")
        names = (plain, f"{plain}_{method.lower()}")
        numbered = (f"{plain}_{method.lower()}_{n}" for n in count(2))
        name: str = next(name for name in chain(names, numbered) if name not in self._names)
        self._names.add(name)
        return name

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        made: dict[str, Any] = {"name": parameter.name, "in": parameter.place}
        if parameter.description:
            made["description"] = parameter.description
        if parameter.required or parameter.place == "path":
            made["required"] = True
        made["schema"] = self._schema(parameter.type, "validation")
        if parameter.example is not None:
            made["example"] = parameter.example
        return made

    def _body(self, body: Content) -> dict[str, Any]:
        about = {"description": body.description} if body.description else {}
        return about | {"content": self._contents((body,), "validation")}

    def _contents(self, contents: tuple[Content, ...], mode: JsonSchemaMode) -> dict[str, Any]:
        return {kind: self._content(content, kind, mode) for content in contents for kind in content.media_types}

    def _content(self, content: Content, media_type: str, mode: JsonSchemaMode) -> dict[str, Any]:
        plain = media_type.startswith("text/")
        made: dict[str, Any] = {}  # bytes, of which a schema can say nothing
        if content.events:
            made["schema"] = self._events(content, mode)
        elif plain and mode == "serialization":  # whatever is sent to us as text is text
            made["schema"] = {"type": "string"}
        elif content.type is not None and _holds_values(media_type):
            made["schema"] = self._schema(content.type, mode)
        # Where a body may be JSON or text, an example is of one of them; a stream's are its events.
        examples = {
            name: value for name, value in content.examples.items() if content.events or isinstance(value, str) == plain
        }
        if examples and (plain or made):
            made["examples"] = {name: {"value": value} for name, value in examples.items()}
        return made

    def _events(self, content: Content, mode: JsonSchemaMode) -> dict[str, Any]:
        """What each event of a stream may be: before OpenAPI 3.2 a schema has no other way to speak of a stream."""
        return {
            "description": "Each event of the stream.",
            # Any: the data of one may be a text that is in the form of another.
            "anyOf": [self._event(name, kind, mode) for name, kind in content.events.items()],
        }

    def _event(self, name: str, kind: Any, mode: JsonSchemaMode) -> dict[str, Any]:  # noqa: ANN401
        if isinstance(kind, str):
            data: dict[str, Any] = {"const": kind}
            name = ""
        else:
            data = {"contentMediaType": "application/json", "contentSchema": self._schema(kind, mode)}
        properties: dict[str, Any] = {"event": {"const": name}} if name else {}
        properties["data"] = {"type": "string"} | data
        return {"type": "object", "properties": properties, "required": list(properties)}

    def _replies(self, rule: Rule, method: str, said: Operation) -> dict[str, Any]:
        pages = self._shows_pages(rule)
        made = {status: self._reply(status, contents) for status, contents in said.replies.items()}
        for status in _problems(rule, method, said, pages=pages, closed=bool(self._security(said))):
            if status not in made:
                made[status] = self._problem(status, said.error, pages=pages)
        return {str(status): made[status] for status in sorted(made)}

    def _reply(self, status: int, contents: Content | tuple[Content, ...]) -> dict[str, Any]:
        several = (contents,) if isinstance(contents, Content) else contents
        said = " ".join(content.description for content in several if content.description)
        headers = _headers(status)
        for content in several:
            headers |= {name: _header(about) for name, about in content.headers.items()}
        made: dict[str, Any] = {"description": said or _meaning(status), "headers": headers}
        if sent := self._contents(several, "serialization"):
            made["content"] = sent
        return made

    def _problem(self, status: int, error: Content | None, *, pages: bool) -> dict[str, Any]:
        """An error, which many routes share."""
        if error:
            return self._reply(status, error) | {"description": _meaning(status)}
        name = HTTP_STATUS_CODES[status].title().replace(" ", "") + ("Page" if pages else "")
        if name not in self._responses:
            made: dict[str, Any] = {"description": _meaning(status), "headers": _headers(status)}
            if status >= 400:
                made["content"] = _error_content(status, pages=pages)
            else:
                made["headers"] |= {"Location": _header("Where the sign-in is.")}
            self._responses[name] = made
        return {"$ref": f"#/components/responses/{name}"}

    def _security(self, said: Operation) -> list[dict[str, list[str]]]:
        if said.access == "admin":
            return [{"administrator": []}]
        if said.access == "open" or not self._settings.keys:
            return []
        return [{"key": []}, {"session": []}]

    def _shows_pages(self, rule: Rule) -> bool:
        """Whether a route's errors are pages: its blueprint handles them itself."""
        name = rule.endpoint.rpartition(".")[0]
        return bool(name) and Exception in self._app.error_handler_spec[name][None]

    def _schema(self, kind: Any, mode: JsonSchemaMode) -> dict[str, Any]:  # noqa: ANN401 (anything pydantic describes)
        """A place for the schema of a type, empty until all types are known."""
        schema: dict[str, Any] = {}
        self._types.append((schema, mode, kind))
        return schema

    def _settled(self, schema: Any) -> Any:  # noqa: ANN401 (JSON)
        """A schema whose bounds are numbers: one that is a setting's name stands for its value."""
        if isinstance(schema, list):
            return [self._settled(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        return {
            name: getattr(self._settings, value)
            if name in _BOUNDS and isinstance(value, str)
            else value.replace("``", "`")
            if name == "description" and isinstance(value, str)
            else self._settled(value)
            for name, value in schema.items()
        }


class _Schemas(GenerateJsonSchema):
    """Schemas as the service writes its values: all fields of a dataclass, and no other."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002
        """Fields stay in the order in which they are written."""
        return value

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 (pydantic's own types are private)
        """A title that repeats a field's name says nothing."""
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ANN401 (as pydantic has it)
        """A dataclass is written whole, whatever its defaults."""
        if self.mode == "serialization" and field["type"] == "dataclass-field":
            return True
        return super().field_is_required(field, total)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """A dataclass, which is written without anything else."""
        made = super().dataclass_schema(schema)
        if self.mode == "serialization" and "properties" in made:
            made.setdefault("additionalProperties", False)
        return made


def _explained(schemas: dict[str, Any]) -> dict[str, Any]:
    """The schemas with what their fields mean, where the types do not say it."""
    for name, texts in FIELD_TEXTS.items():
        properties = schemas.get(name, {}).get("properties", {})
        for of in properties.keys() & texts.keys():
            properties[of].setdefault("description", texts[of])
    return schemas


def _parameters(rule: Rule, said: Operation) -> list[Parameter]:
    """What is said of a route's parameters, those of its path first, which may go unsaid."""
    known = {parameter.name: parameter for parameter in said.parameters if parameter.place == "path"}
    in_path = [known.get(name, Parameter(name, place="path")) for name in _ARGUMENT.findall(rule.rule)]
    return [*in_path, *(parameter for parameter in said.parameters if parameter.place != "path")]


def _problems(rule: Rule, method: str, said: Operation, *, pages: bool, closed: bool) -> list[int]:
    """The statuses of the errors that a route may answer with; a closed one needs a key."""
    statuses = {500, *said.problems}
    if closed:
        # A reader is led to the sign-in, unless the route says otherwise.
        statuses.add(303 if pages and 401 not in statuses else 401)
    if method not in SAFE_METHODS:
        statuses |= {403, 429}  # made by another site, or too often: what changes nothing is neither
    if said.access == "admin":
        statuses.add(403)
    if said.body:
        statuses |= {400, 413} | ({415, 422} if "application/json" in said.body.media_types else set())
    if rule.arguments:
        statuses.add(404)
    return sorted(statuses - {422} if is_for_openai_clients(rule.rule) else statuses)


def _holds_values(media_type: str) -> bool:
    """Whether what is sent so is a value of some type: JSON or a form."""
    return "json" in media_type or media_type in ("application/x-www-form-urlencoded", "multipart/form-data")


def _error_content(status: int, *, pages: bool) -> dict[str, Any]:
    problem = {
        PROBLEM_TYPE: {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "example": {
                "type": "about:blank",
                "title": HTTP_STATUS_CODES[status],
                "status": status,
                "detail": _meaning(status).replace("`", ""),
            },
        }
    }
    if not pages:
        return problem
    page: dict[str, Any] = {_PAGE: {"schema": {"type": "string"}}}
    # An address that leads to no route is told to a program in its own way.
    return page | problem if status == 404 else page


def _headers(status: int) -> dict[str, Any]:
    names = ("X-Request-ID", *_HEADERS_OF.get(status, ()))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(about: str) -> Mapping[str, Any]:
    return {"description": about, "schema": {"type": "string"}}


def _meaning(status: int) -> str:
    return _MEANS.get(status) or f"{HTTP_STATUS_CODES.get(status, 'Unknown')}."
