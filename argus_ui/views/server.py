"""One server: how it stands, why, and every metric with its past and its next eight hours."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from argus_client import InvalidArgument, NotReady
from argus_ui.access.proxy import prefix_of
from argus_ui.answers import PerSnapshot
from argus_ui.components.server_detail import ServerDetail
from argus_ui.feed import Document
from argus_ui.server_document import event_document, history_document, server_document
from argus_ui.view import View, ViewContext

# The whole window of the server; it is asked once per snapshot for all browsers that look at this server.
_HISTORY_STEPS: Final = 288
_MAX_POINTS: Final = 400
_MAX_EVENTS: Final = 500


def build(context: ViewContext) -> None:
    """Everything about the server that the URL names."""
    ServerDetail()


def routes(context: ViewContext) -> list[Route]:
    """`/api/server`, `/api/server/history`, `/api/server/events`, and `/servers/NAME` for links in notifications."""
    made: PerSnapshot[Document] = PerSnapshot(lambda: context.subscription.fleet.document.tag)

    async def make(name: str) -> Document:
        if (snapshot := context.subscription.fleet.snapshot) is None:
            raise NotReady("The Argus server has not published anything yet.")
        row = snapshot.server(name)
        forecast = await context.client.get_forecast([name], history_steps=_HISTORY_STEPS, as_published=True)
        return Document.of(server_document(snapshot.header, row, forecast, context.subscription.info))

    async def server(request: Request) -> Response:
        name = _name(request)
        return (await made.get(name, lambda: make(name))).response(request)

    async def history(request: Request) -> Response:
        found = await context.client.history.server(
            _name(request), last=request.query_params.get("last", "1w"), max_points=_MAX_POINTS
        )
        return Document.of(history_document(found)).response(request)

    async def events(request: Request) -> Response:
        found = await context.client.history.alert_events(
            servers=[_name(request)], last=request.query_params.get("last", "1d"), limit=_MAX_EVENTS
        )
        return Document.of(
            {"total": found.total, "events": [event_document(event) for event in reversed(found.events)]}
        ).response(request)

    return [
        Route("/servers/{name:path}", _go_to),
        Route("/api/server", server),
        Route("/api/server/history", history),
        Route("/api/server/events", events),
    ]


async def _go_to(request: Request) -> Response:
    """Names may hold what paths of proxies and routers may not, such as a slash: on goes the name in the query."""
    name = quote(request.path_params["name"], safe="")
    rest = f"&{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{prefix_of(request.scope)}/server?name={name}{rest}")


def _name(request: Request) -> str:
    if not (name := request.query_params.get("name", "")):
        raise InvalidArgument("name is missing; give the name of a server.")
    return name


VIEW = View("server", "Server", "server", "/server", 5, build, routes, menu=False)
