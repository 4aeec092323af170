"""What people do about alerts from any view: acknowledge them, silence a server."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from argus_client import AlertMatcher, InvalidArgument
from argus_ui.view import ViewContext


def alert_routes(context: ViewContext) -> list[Route]:
    """`POST /api/alerts/acknowledge` and `POST /api/alerts/silence`."""

    async def acknowledge(request: Request) -> Response:
        asked = await read_json(request)
        await context.client.acknowledge_alert(_text(asked, "alert_id"), author_of(context, request, asked))
        return JSONResponse({})

    async def silence(request: Request) -> Response:
        asked = await read_json(request)
        seconds = asked.get("seconds")
        if not isinstance(seconds, int | float):
            raise InvalidArgument(f"seconds is {seconds!r}; it must be a number.")
        matcher = AlertMatcher(servers=(literal_pattern(_text(asked, "server")),))
        made = await context.client.create_silence(
            matcher, float(seconds), author_of(context, request, asked), comment="from the dashboard"
        )
        return JSONResponse({"silence_id": made.silence_id})

    return [
        Route("/api/alerts/acknowledge", acknowledge, methods=["POST"]),
        Route("/api/alerts/silence", silence, methods=["POST"]),
    ]


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


def author_of(context: ViewContext, request: Request, asked: dict[str, Any]) -> str:
    """Who does it: the user that is logged in by name, else who they say they are."""
    return context.user(request) or _text(asked, "author")


def literal_pattern(name: str) -> str:
    """A pattern of file names that matches this server only, whatever is in its name."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(f"{name} is {value!r}; it must be a text.")
    return value.strip() if name == "author" else value
