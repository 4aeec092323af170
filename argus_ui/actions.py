"""What people do about alerts from any view: acknowledge them, silence a server."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from argus_client import AlertMatcher, ArgusError, FailedPrecondition, InvalidArgument, NotFound
from argus_ui.bodies import needed_text_of, number_of, read_json, texts_of
from argus_ui.refusals import told_of
from argus_ui.view import ViewContext

# A server has an alert per metric and two more at most.
_ALERTS_MOST: Final = 50


def alert_routes(context: ViewContext) -> list[Route]:
    """`POST /api/alerts/acknowledge` and `POST /api/alerts/silence`."""

    async def acknowledge(request: Request) -> Response:
        asked = await read_json(request)
        ids = texts_of(asked, "alert_ids")
        if not 1 <= len(ids) <= _ALERTS_MOST:
            raise InvalidArgument(f"alert_ids has {len(ids)} items; it must have 1 to {_ALERTS_MOST}.")
        author = author_of(context, request, asked)
        done = 0
        for alert_id in ids:
            try:
                await context.client.acknowledge_alert(alert_id, author)
            except (NotFound, FailedPrecondition):
                # One of several that is over by now is nothing to act on.
                if alert_id == ids[-1] and not done:
                    raise
            except ArgusError as error:
                if not done:
                    raise
                # That nothing was changed is true of this one only.
                reason = told_of(error, acted=error.maybe_done)
                problem = f"{done} of {len(ids)} acknowledged: {reason}"
                return JSONResponse({"acknowledged": done, "problem": problem})
            else:
                done += 1
        return JSONResponse({"acknowledged": done})

    async def silence(request: Request) -> Response:
        asked = await read_json(request)
        matcher = AlertMatcher(servers=(literal_pattern(needed_text_of(asked, "server")),))
        made = await context.client.create_silence(
            matcher,
            number_of(asked, "seconds"),
            author_of(context, request, asked),
            comment="from the dashboard",
        )
        return JSONResponse({"silence_id": made.silence_id})

    return [
        Route("/api/alerts/acknowledge", acknowledge, methods=["POST"]),
        Route("/api/alerts/silence", silence, methods=["POST"]),
    ]


def author_of(context: ViewContext, request: Request, asked: dict[str, Any]) -> str:
    """Who does it: the user that is logged in by name, else who they say they are."""
    return context.user(request) or needed_text_of(asked, "author").strip()


def literal_pattern(name: str) -> str:
    """A pattern of file names that matches this server only, whatever is in its name."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
