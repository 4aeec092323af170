"""Silences and maintenance windows: what browsers ask for and what they send."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from argus_client import AlertMatcher, AlertSubject, DayOfWeek, InvalidArgument, MaintenanceWindow
from argus_ui.actions import author_of
from argus_ui.answers import Answers
from argus_ui.bodies import number_of, read_json, text_of, texts_of
from argus_ui.view import ViewContext

# Long enough for many browsers that ask at once, short enough for what is done elsewhere.
_KEEP_SECONDS = 2.0


def quieting_routes(context: ViewContext) -> list[Route]:
    """Lists, makes and ends silences (`/api/silences`) and maintenance windows (`/api/windows`)."""
    client = context.client
    answers = Answers()

    async def list_silences(request: Request) -> Response:
        expired = request.query_params.get("expired") == "1"

        async def ask() -> dict[str, Any]:
            return {"silences": [asdict(one) for one in await client.list_silences(include_expired=expired)]}

        return (await answers.get(f"silences {expired}", _KEEP_SECONDS, ask)).response(request)

    async def create_silence(request: Request) -> Response:
        asked = await read_json(request)
        made = await client.create_silence(
            matcher_of(asked),
            number_of(asked, "seconds"),
            author_of(context, request, asked),
            comment=text_of(asked, "comment"),
        )
        answers.forget()
        return JSONResponse(asdict(made))

    async def expire_silence(request: Request) -> Response:
        asked = await read_json(request)
        over = await client.expire_silence(
            text_of(asked, "silence_id"), author=author_of(context, request, asked)
        )
        answers.forget()
        return JSONResponse(asdict(over))

    async def list_windows(request: Request) -> Response:
        async def ask() -> dict[str, Any]:
            return {"windows": [asdict(one) for one in await client.list_maintenance_windows()]}

        return (await answers.get("windows", _KEEP_SECONDS, ask)).response(request)

    async def put_window(request: Request) -> Response:
        asked = await read_json(request)
        window = MaintenanceWindow(
            days=days_of(asked),
            start_time=text_of(asked, "start_time"),
            duration_seconds=number_of(asked, "seconds"),
            author=author_of(context, request, asked),
            matcher=matcher_of(asked),
            time_zone=text_of(asked, "time_zone") or "UTC",
            comment=text_of(asked, "comment"),
            expires_at_ms=int(number_of(asked, "expires_at_ms")),
            window_id=text_of(asked, "window_id"),
        )
        put = await client.put_maintenance_window(window)
        answers.forget()
        return JSONResponse(asdict(put))

    async def delete_window(request: Request) -> Response:
        asked = await read_json(request)
        await client.delete_maintenance_window(
            text_of(asked, "window_id"), author=author_of(context, request, asked)
        )
        answers.forget()
        return JSONResponse({})

    return [
        Route("/api/silences", list_silences, methods=["GET"]),
        Route("/api/silences", create_silence, methods=["POST"]),
        Route("/api/silences/expire", expire_silence, methods=["POST"]),
        Route("/api/windows", list_windows, methods=["GET"]),
        Route("/api/windows", put_window, methods=["POST"]),
        Route("/api/windows/delete", delete_window, methods=["POST"]),
    ]


def matcher_of(asked: dict[str, Any]) -> AlertMatcher:
    """The matcher in the body of a request. All servers have to be said, as `*`: a field left out may be a slip.

    Raises:
        InvalidArgument: It is none.
    """
    servers = texts_of(asked, "servers")
    if not servers:
        raise InvalidArgument("servers is empty; name at least one, or * for all")
    subjects = texts_of(asked, "subjects")
    known = list(AlertSubject)[1:]
    if unknown := [one for one in subjects if one not in known]:
        raise InvalidArgument(f"there is no subject {unknown[0]!r}; there are {', '.join(known)}")
    return AlertMatcher(servers, texts_of(asked, "metrics"), tuple(map(AlertSubject, subjects)))


def days_of(asked: dict[str, Any]) -> tuple[DayOfWeek, ...]:
    """The days in the body of a request.

    Raises:
        InvalidArgument: One is none.
    """
    days = texts_of(asked, "days")
    known = list(DayOfWeek)[1:]
    if unknown := [one for one in days if one not in known]:
        raise InvalidArgument(f"there is no day {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(map(DayOfWeek, days))
