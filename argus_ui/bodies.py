"""Bodies of requests: JSON objects, and what is in them; and numbers in their queries."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request

from argus_client import InvalidArgument

# The largest whole number that every reader of JSON tells apart from its neighbours.
_MOST: Final = 2**53 - 1


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
        InvalidArgument: It is no number, or none that JSON can carry without loss.
    """
    value = asked.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidArgument(f"{name} is {value!r}; it must be a number")
    if not abs(value) <= _MOST:
        raise InvalidArgument(f"{name} is {value}; it must be a number from -{_MOST} to {_MOST}")
    return value


def whole_number_of(text: str, name: str) -> int:
    """A whole number in the query of a request.

    Raises:
        InvalidArgument: The text is none, or none from 0 to 2**53 - 1.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST)) and int(text) <= _MOST):
        raise InvalidArgument(f"{name} is {text[:40]!r}; it must be a whole number from 0 to {_MOST}")
    return int(text)
