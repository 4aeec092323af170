"""Bodies of requests: JSON objects, and what is in them."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from argus_client import InvalidArgument


async def read_json(request: Request) -> dict[str, Any]:
    """The body of a request.

    Raises:
        InvalidArgument: It is no JSON object, or does not say that it is one: a form of another site cannot.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise InvalidArgument("the body must be application/json")
    try:
        found = json.loads(await request.body())
    except ValueError as error:
        raise InvalidArgument(f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidArgument("the body must be a JSON object")
    return found


def needed_text_of(asked: dict[str, Any], name: str) -> str:
    """A text in the body of a request, as it came: a name may begin with a blank.

    Raises:
        InvalidArgument: It is left out, empty or no text.
    """
    value = asked.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(f"{name} is {value!r}; it must be a text.")
    return value


def text_of(asked: dict[str, Any], name: str) -> str:
    """A text in the body of a request; empty when it is left out.

    Raises:
        InvalidArgument: It is no text.
    """
    value = asked.get(name, "")
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} is {value!r}; it must be a text")
    return value.strip()


def texts_of(asked: dict[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts in the body of a request; empty when it is left out.

    Raises:
        InvalidArgument: It is no list of texts.
    """
    value = asked.get(name, [])
    if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise InvalidArgument(f"{name} is {value!r}; it must be a list of texts")
    return tuple(one.strip() for one in value if one.strip())


def number_of(asked: dict[str, Any], name: str) -> float:
    """A number in the body of a request.

    Raises:
        InvalidArgument: It is no number.
    """
    value = asked.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidArgument(f"{name} is {value!r}; it must be a number")
    return value
