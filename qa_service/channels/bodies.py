"""What may be sent to the service: how much of it, and JSON that means one thing only.

JSON is read whatever ``Content-Type`` says, so that ``curl -d`` works without more. That a page of another site could
send a form as such is no danger: ``channels.access`` refuses it by what browsers say about every request.
"""

from __future__ import annotations

import io
import json
from math import isfinite
from typing import IO, Any, TypeGuard, TypeVar

from flask import Flask, Request, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnprocessableEntity, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from qa_service.errors import first_line

Body = TypeVar("Body", bound=BaseModel)

# The longest question is far shorter; anything larger is no question. In bytes.
_LARGEST_BODY = 256 * 1024
_TOO_LARGE = f"The body is larger than {_LARGEST_BODY // 1024} KiB."

# The forms of the pages have four fields.
_MOST_FIELDS = 20

# The deepest body that any client has a reason to send, a tool's schema in a chat, has about 20 levels.
_DEEPEST = 64
_TOO_DEEP = f"The body is nested more than {_DEEPEST} levels deep."

# Digits of the longest number: enough for any that means something, and short enough to be read at once.
_LONGEST_NUMBER = 400

BROKEN_OFF = "The body broke off before its end; send it again."


class _Unclear(ValueError):
    """A body that is JSON, or nearly, and of which it is not clear what it says."""


class _FormParser(FormDataParser):
    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]:
        # Of the other kind of form Werkzeug counts the fields itself.
        if mimetype == "application/x-www-form-urlencoded":
            sent = _whole(stream.read())
            if sent.count(b"&") >= _MOST_FIELDS:
                raise RequestEntityTooLarge
            stream = io.BytesIO(sent)
        return super().parse(stream, mimetype, content_length, options)


class _Request(Request):
    form_data_parser_class = _FormParser

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002 (the signature is Werkzeug's)
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        # No form of ours sends a file: one that comes anyway leaves nothing on the disk.
        return io.BytesIO()


def init_app(app: Flask) -> None:
    """Refuse bodies that are too large, and forms of too many fields, before they are read: 413."""
    app.request_class = _Request
    app.config.update(MAX_CONTENT_LENGTH=_LARGEST_BODY, MAX_FORM_MEMORY_SIZE=_LARGEST_BODY, MAX_FORM_PARTS=_MOST_FIELDS)


def body_of(model: type[Body], sent: bytes | None = None) -> Body:
    """The request's body as a model; who has read it hands it over.

    Raises BadRequest when it is not one clear JSON object, RequestEntityTooLarge when it is too large, and
    UnprocessableEntity when a field is wrong.
    """
    try:
        return model.model_validate(_json_object(sent))
    except ValidationError as error:
        raise UnprocessableEntity(first_line(error)) from None


def _json_object(sent: bytes | None) -> dict[str, Any]:
    require_plain()
    given = parsed(received() if sent is None else sent)
    if not isinstance(given, dict):
        raise BadRequest("The body is not a JSON object.")
    return given


def received() -> bytes:
    """The request's body; BadRequest where it broke off, RequestEntityTooLarge where it is too large."""
    try:
        sent = request.get_data()
    except RequestEntityTooLarge:
        raise RequestEntityTooLarge(_TOO_LARGE) from None
    # One that does not tell its length is read up to the limit, and cut off there.
    if request.content_length is None and len(sent) >= _LARGEST_BODY:
        raise RequestEntityTooLarge(_TOO_LARGE)
    return _whole(sent)


def require_plain() -> None:
    """Refuse a body that is compressed: nobody knows how large it is."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("The body is compressed. Send it as it is.")


def _whole(sent: bytes) -> bytes:
    """What was sent, if it is all of it: a server takes a client that goes away for the end of the body."""
    if request.content_length is not None and len(sent) != request.content_length:
        raise BadRequest(BROKEN_OFF)
    return sent


def parsed(sent: bytes) -> Any:  # noqa: ANN401 (any JSON value)
    """The value of a JSON text; raises BadRequest where it is none, or can be read in more than one way."""
    if not sent.strip():
        raise BadRequest("The body is empty. Send a JSON object.")
    try:
        # Some editors of Windows begin a file with a mark of its encoding.
        text = sent.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer, parse_float=_number
        )
    except _Unclear as error:
        raise BadRequest(str(error)) from None
    except RecursionError:
        raise BadRequest(_TOO_DEEP) from None
    except ValueError:
        raise BadRequest("The body is not JSON.") from None
    if _is_too_deep(value):
        raise BadRequest(_TOO_DEEP)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Unclear("The body names a field twice in one object.")
    return made


def _no_constant(name: str) -> None:
    raise _Unclear(f"The body holds {name}, which is not JSON.")


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise _Unclear(f"The body holds a number of more than {_LONGEST_NUMBER} digits.")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise _Unclear("The body holds a number that is too large.")
    return number


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        contents = (outer.values() if isinstance(outer, dict) else outer for outer in level if _holds(outer))
        level = [inner for content in contents for inner in content if _holds(inner)]
        if not level:
            return False
    return True


def _holds(value: object) -> TypeGuard[dict[str, Any] | list[Any]]:
    return isinstance(value, dict | list)
