"""What a request's body says, for every channel that takes JSON."""

from __future__ import annotations

from typing import TypeVar

from flask import json, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest, UnprocessableEntity

Body = TypeVar("Body", bound=BaseModel)


def body_of(model: type[Body]) -> Body:
    """The request's body as a model; 400 when it is not a JSON object, 422 when a field is wrong."""
    try:
        given = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise BadRequest("The body is not a JSON object.")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        raise UnprocessableEntity(f"{where}: {wrong['msg']}") from None
