"""``GET /docs``: the OpenAPI document as a page to read, with requests to copy. It needs no script."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Blueprint, Flask, Response, request

from qa_service.channels.openapi import document
from qa_service.channels.operations import PAGE, PAGE_LANGUAGE, Operation, operation
from qa_service.channels.pages import page, page_blueprint
from qa_service.settings import Settings

_SCHEMA = "#/components/schemas/"
_METHODS = ("get", "put", "post", "delete", "patch")
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_EVENTS = "text/event-stream"
# Names of examples that the page says in its own language.
_NAMES = {
    "English": "docs_example_en",
    "French": "docs_example_fr",
    "Streamed": "docs_example_stream",
    "A French answer to an English question": "docs_example_across",
    "In both languages": "docs_example_both",
    "Not in the articles": "docs_example_none",
}


class Piece(NamedTuple):
    """A part of a line: plain, code, or what leads to a schema of this name."""

    text: str
    code: bool = False
    schema: str = ""


@dataclass(frozen=True)
class Line:
    """A parameter, a field of a schema or a reply: its name, what kind of value it is, and what is said of it."""

    name: str
    kind: tuple[Piece, ...]
    said: tuple[Piece, ...]
    place: str = ""
    required: bool = False
    default: str = ""


@dataclass(frozen=True)
class Example:
    """A request that can be copied, or a reply; its name in English, or the key of the page's text for it."""

    name: str
    text: str
    key: str = ""


@dataclass(frozen=True)
class Reply:
    """A reply that is no error, and what it may look like."""

    line: Line
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Described:
    """An operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: tuple[Piece, ...]
    said: tuple[Piece, ...]
    access: str
    parameters: tuple[Line, ...]
    media_types: tuple[str, ...]
    fields: tuple[Line, ...]
    replies: tuple[Reply, ...]
    errors: tuple[Line, ...]
    requests: tuple[Example, ...]


@dataclass(frozen=True)
class Schema:
    """A schema as the page shows it."""

    name: str
    said: tuple[Piece, ...]
    fields: tuple[Line, ...]


def blueprint(app: Flask, settings: Settings) -> Blueprint:
    """The page of all routes that the application has when it is first asked for."""
    routes = page_blueprint("docs")

    @cache
    def described() -> dict[str, Any]:
        return document(app, settings)

    @routes.get("/docs")
    @operation(
        Operation(
            "Show the description of all routes as a page",
            "Operation",
            parameters=(PAGE_LANGUAGE,),
            replies={200: PAGE},
        )
    )
    def docs() -> Response:
        found = described()
        base = request.url_root.rstrip("/")
        return page(
            "docs.html",
            shared=[_parameter(each) for each in found["components"]["parameters"].values()],
            schemas=list(_schemas(found)),
            tags=[(tag["name"], pieces(tag.get("description", ""))) for tag in found["tags"]],
            of={tag["name"]: list(_operations(found, tag["name"], base)) for tag in found["tags"]},
        )

    return routes


def pieces(text: str) -> tuple[Piece, ...]:
    """A text whose code stands between backticks."""
    return tuple(Piece(part, code=n % 2 == 1) for n, part in enumerate(text.split("`")) if part)


def kind_of(schema: Mapping[str, Any]) -> tuple[Piece, ...]:
    """What a schema allows, in few signs: ``"en" | "fr"``, ``integer 1…100``, ``Citation[]``."""
    schema = schema.get("contentSchema", schema)
    if name := _name(schema):
        return (Piece(name, schema=name),)
    if several := schema.get("anyOf", schema.get("oneOf")):
        return _joined([kind_of(each) for each in several], " | ")
    if schema.get("type") == "array":
        return _array(schema)
    if schema.get("type") == "object":
        return _object(schema)
    return (Piece(_plain(schema), code=True),)


def _plain(schema: Mapping[str, Any]) -> str:
    """A value that holds no others."""
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    kinds = schema.get("type", "any")
    return (kinds if isinstance(kinds, str) else " | ".join(kinds)) + _bounds(schema)


def _object(schema: Mapping[str, Any]) -> tuple[Piece, ...]:
    """An object without a name: an event of a stream, or values under names of any kind."""
    if "data" in schema.get("properties", {}):
        return _event(schema["properties"])
    of = schema.get("additionalProperties")
    if isinstance(of, dict):
        return (Piece("{string: ", code=True), *kind_of(of), Piece("}", code=True))
    return (Piece("object", code=True),)


def _event(properties: Mapping[str, Any]) -> tuple[Piece, ...]:
    """An event of a stream: its name and its data."""
    name = properties.get("event", {}).get("const")
    return (*((Piece(name, code=True), Piece(": ")) if name else ()), *kind_of(properties["data"]))


def _array(schema: Mapping[str, Any]) -> tuple[Piece, ...]:
    if "prefixItems" in schema:
        inner = _joined([kind_of(each) for each in schema["prefixItems"]], ", ")
        return (Piece("[", code=True), *inner, Piece("]", code=True))
    items = kind_of(schema.get("items", {}))
    if len(items) > 1:
        items = (Piece("(", code=True), *items, Piece(")", code=True))
    return (*items, Piece("[]", code=True))


def _bounds(schema: Mapping[str, Any]) -> str:
    for least, most in (("minimum", "maximum"), ("minLength", "maxLength")):
        if least in schema and most in schema:
            return f" {schema[least]}…{schema[most]}"
        if most in schema:
            return f" ≤ {schema[most]}"
        if least in schema:
            return f" ≥ {schema[least]}"
    return ""


def _joined(parts: list[tuple[Piece, ...]], between: str) -> tuple[Piece, ...]:
    joined: list[Piece] = []
    for part in parts:
        joined += [Piece(between, code=True), *part] if joined else part
    return tuple(joined)


def _name(schema: Mapping[str, Any]) -> str:
    """The name of the schema that this one is, if it only refers to it."""
    return str(schema.get("$ref", "")).removeprefix(_SCHEMA)


def _schemas(described: Mapping[str, Any]) -> Iterator[Schema]:
    for name, schema in sorted(described["components"]["schemas"].items()):
        yield Schema(name, pieces(schema.get("description", "")), _fields(schema))


def _fields(schema: Mapping[str, Any]) -> tuple[Line, ...]:
    required = schema.get("required", ())
    return tuple(
        Line(
            name,
            kind_of(of),
            pieces(of.get("description", "")),
            required=name in required,
            default=json.dumps(of["default"], ensure_ascii=False) if "default" in of and name not in required else "",
        )
        for name, of in schema.get("properties", {}).items()
    )


def _operations(described: Mapping[str, Any], tag: str, base: str) -> Iterator[Described]:
    for path, item in described["paths"].items():
        for method in _METHODS:
            if method in item and tag in item[method]["tags"]:
                yield _operation(described, path, method, base)


def _operation(described: Mapping[str, Any], path: str, method: str, base: str) -> Described:
    of = described["paths"][path][method]
    # What every route takes is said once.
    parameters = [each for each in of["parameters"] if "$ref" not in each]
    content = of.get("requestBody", {}).get("content", {})
    replies = {status: _resolved(described, reply) for status, reply in of["responses"].items()}
    body: Mapping[str, Any] = next((sent.get("schema", {}) for sent in content.values()), {})
    return Described(
        id=of["operationId"],
        method=method.upper(),
        path=path,
        summary=pieces(of["summary"]),
        said=pieces(of.get("description", "")),
        access=_access(of),
        parameters=tuple(map(_parameter, parameters)),
        media_types=tuple(content),
        fields=_fields(_resolved(described, body)),
        replies=tuple(
            Reply(_reply(status, reply), tuple(_shown(reply))) for status, reply in replies.items() if status < "400"
        ),
        errors=tuple(_reply(status, reply) for status, reply in replies.items() if status >= "400"),
        requests=tuple(_requests(of, method, base + _filled(path, parameters))),
    )


def _parameter(parameter: Mapping[str, Any]) -> Line:
    return Line(
        parameter["name"],
        kind_of(parameter["schema"]),
        pieces(parameter.get("description", "")),
        place=parameter["in"],
        required=parameter.get("required", False),
    )


def _access(of: Mapping[str, Any]) -> str:
    names = {name for required in of["security"] for name in required}
    return "administrator" if "administrator" in names else "key" if names else "open"


def _reply(status: str, reply: Mapping[str, Any]) -> Line:
    kinds: list[tuple[Piece, ...]] = []
    for media_type, content in reply.get("content", {}).items():
        schema = content.get("schema", {})
        plain = schema.get("type") == "string" or not schema
        kinds.append((Piece(media_type, code=True), *(() if plain else (Piece(" "), *kind_of(schema)))))
    return Line(status, _joined(kinds, ", "), pieces(reply["description"]))


def _shown(reply: Mapping[str, Any]) -> Iterator[Example]:
    """What a reply may look like; a stream's events are one example."""
    for media_type, content in reply.get("content", {}).items():
        examples = {name: each["value"] for name, each in content.get("examples", {}).items()}
        if media_type == _EVENTS and examples:
            yield Example("", "\n\n".join(map(_sent_event, examples.values())), "docs_example_stream")
            continue
        for name, value in examples.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
            yield _example(name, text.strip("\n"))


def _sent_event(event: Mapping[str, str]) -> str:
    """An event as it comes over the wire."""
    return "\n".join(f"{name}: {value}" for name, value in event.items())


def _example(name: str, text: str) -> Example:
    return Example(name, text, _NAMES.get(name, ""))


def _filled(path: str, parameters: list[Mapping[str, Any]]) -> str:
    """A path with an example in each of its places."""
    for each in parameters:
        if each["in"] == "path" and "example" in each:
            path = path.replace(f"{{{each['name']}}}", quote(str(each["example"])))
    return path


def _requests(of: Mapping[str, Any], method: str, address: str) -> Iterator[Example]:
    """A request for each example of the body; one where there is no body, or no example of it."""
    command = [["curl", address]]
    if method not in ("get", "post"):
        command.append(["-X", method.upper()])
    if of["security"]:
        command.append(["-H", "Authorization: Bearer KEY"])
    content = of.get("requestBody", {}).get("content", {})
    told = False
    for media_type, sent in content.items():
        if media_type == "multipart/form-data" and _FORM in content:
            continue  # the same form once more
        for name, example in sent.get("examples", {}).items():
            told = True
            yield _example(name, _command([*command, *_sent(media_type, example["value"])]))
    if not told and not content:
        yield _example("", _command([*command, ["-X", "POST"]] if method == "post" else command))


def _command(parts: list[list[str]]) -> str:
    """A command with each of its options on a line of its own."""
    return " \\\n  ".join(map(shlex.join, parts))


def _sent(media_type: str, value: Any) -> list[list[str]]:  # noqa: ANN401 (JSON)
    if media_type == _FORM:
        return [["--data-urlencode", f"{name}={text}"] for name, text in value.items()]
    body = value if isinstance(value, str) and media_type != _JSON else json.dumps(value, ensure_ascii=False)
    return [["-H", f"Content-Type: {media_type}"], ["--data-binary" if media_type != _JSON else "-d", body]]


def _resolved(described: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference within the document leads to; the part itself where it is none."""
    if "$ref" not in part:
        return part
    found: Any = described
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return _resolved(described, found)
