"""What each route does, said beside it: the OpenAPI document and its page are made of this, and of the code's types."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

View = TypeVar("View", bound=Callable[..., Any])

# The methods that change nothing (RFC 9110, 9.2.1).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

# Who may use a route: anybody, whoever has a key or a session, or whoever has an administrator's key.
Access = Literal["open", "key", "admin"]


@dataclass(frozen=True)
class Content:
    """A body, sent or received: its types, the Python type that describes it, and examples by name.

    ``type`` is anything pydantic can describe: a model, a dataclass, ``dict[str, int]``; None where the body is no
    JSON, such as a page. ``events`` are the server-sent events of a stream, each with the type of its data, or the
    data itself where it is always the same; those, and what has an empty name, are sent without one. Its examples are
    the events of one stream, in their order, as ``event_example`` makes them. ``headers`` are what a reply carries
    along, each with a line about it.
    """

    type: Any = None
    media_types: tuple[str, ...] = ("application/json",)
    examples: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    events: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    """A parameter in the query, a header or the path, with the Python type that describes it."""

    name: str
    type: Any = str
    place: Literal["query", "header", "path"] = "query"
    description: str = ""
    required: bool = False
    example: Any = None


@dataclass(frozen=True)
class Operation:
    """What a route does: one line, more where it is needed, what goes in and what comes out, by status.

    The line tells it to do so, and has no full stop: "List the articles".
    A reply that comes in several forms, such as JSON or a stream, is several contents. ``problems`` are the statuses
    that come as a problem document (or as a page that says so, where readers are shown pages) besides those that every
    such route shares: see ``openapi``. A status among ``replies`` is described by its own content, an error too;
    ``error`` describes all errors of a route that has a form of its own for them.
    """

    summary: str
    tag: str
    description: str = ""
    access: Access = "key"
    body: Content | None = None
    parameters: tuple[Parameter, ...] = ()
    replies: Mapping[int, Content | tuple[Content, ...]] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    error: Content | None = None


# A body's text of which a request must say something: at least one character that is no blank. A schema alone, since
# the pipeline refuses the others in its own words.
HAS_TEXT = r"[^\s\u0000-\u001f\u0085\u00a0]"

DOCUMENT_ID = Parameter(
    "document_id",
    Annotated[str, Field(min_length=1)],
    "path",
    "The article's id: its path in the documents folder, without the suffix. Its slashes may stand as they are.",
    required=True,
    example="en/visa-exemption",
)
# Anything else is passed over, so that the type does not narrow it.
PAGE_LANGUAGE = Parameter(
    "lang", str, "query", "Language of the page, `en` or `fr`; else the browser's, by `Accept-Language`.", example="fr"
)

PAGE = Content(media_types=("text/html",), description="A page.")
NOTHING = Content(media_types=(), description="Done; there is nothing to say.")


def event_example(data: Any, name: str = "") -> dict[str, str]:  # noqa: ANN401 (JSON)
    """An event of a stream as its schema has it: its name, if it has one, and its data as they are sent."""
    sent = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return ({"event": name} if name else {}) | {"data": sent}


def operation(described: Operation) -> Callable[[View], View]:
    """Say of a view what it does; stands below the line that gives it its route."""

    def say(view: View) -> View:
        view.operation = described  # type: ignore[attr-defined]
        return view

    return say


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What was said of a view; None where nothing was."""
    return getattr(view, "operation", None)
