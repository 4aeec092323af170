"""What fires, who is on it, and what is kept quiet."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from argus_client import AlertState, InvalidArgument, Unimplemented
from argus_ui.actions import author_of
from argus_ui.alert_board import AlertBoard, alert_row
from argus_ui.answers import Answers
from argus_ui.bodies import read_json, text_of, whole_number_of
from argus_ui.components.alert_list import AlertDrawer, AlertList, SilenceList, WindowList
from argus_ui.quieting import quieting_routes
from argus_ui.view import View, ViewContext

_RESOLVED_MOST: Final = 500
_KEEP_SECONDS: Final = 3.0
_EVENTS_MOST: Final = 10_000


def build(context: ViewContext) -> None:
    """Alerts by where they are in their life, silences, maintenance windows, and one alert in detail."""
    AlertList()
    SilenceList()
    WindowList()
    AlertDrawer()


def routes(context: ViewContext) -> list[Route]:
    """Alerts, the events of one, notes; silences and maintenance windows."""
    client = context.client
    board = AlertBoard(client, lambda tag: context.announce("alerts", tag))
    answers = Answers()

    async def active(request: Request) -> Response:
        return (await board.active()).response(request)

    async def resolved(request: Request) -> Response:
        async def ask() -> dict[str, Any]:
            found = await client.list_alerts(states=[AlertState.RESOLVED], max_resolved=_RESOLVED_MOST)
            return {"alerts": [alert_row(alert) for alert in found], "most": _RESOLVED_MOST}

        return (await answers.get(f"resolved {board.tag}", _KEEP_SECONDS, ask)).response(request)

    async def events(request: Request) -> Response:
        alert_id = request.query_params.get("id", "")
        server = request.query_params.get("server", "")
        since = whole_number_of(request.query_params.get("since", ""), "since (Unix milliseconds)")
        if not (alert_id and server):
            raise InvalidArgument("id and server are needed")
        if "History" not in context.subscription.link.services:
            raise Unimplemented("The server records no history.")

        async def ask() -> dict[str, Any]:
            found = await client.history.alert_events(since=since, servers=[server], limit=_EVENTS_MOST)
            return {"events": [asdict(event) for event in found if event.alert_id == alert_id]}

        name = f"events {board.tag} {alert_id} {since} {server}"
        return (await answers.get(name, _KEEP_SECONDS, ask)).response(request)

    async def note(request: Request) -> Response:
        asked = await read_json(request)
        alert = await client.add_alert_note(
            text_of(asked, "alert_id"), author_of(context, request, asked), text_of(asked, "text")
        )
        answers.forget()
        return JSONResponse(alert_row(alert))

    return [
        Route("/api/alerts", active),
        Route("/api/alerts/resolved", resolved),
        Route("/api/alerts/events", events),
        Route("/api/alerts/note", note, methods=["POST"]),
        *quieting_routes(context),
    ]


VIEW: Final = View("alerts", "Alerts", "alerts", "/alerts", 20, build, routes, needs=("Alert",))
