"""The riskiest servers, one card each: how bad, why, and where it goes."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from argus_client import FleetSnapshot, InvalidArgument
from argus_ui.answers import PerSnapshot
from argus_ui.components.top_risks import TopRisks
from argus_ui.feed import Document
from argus_ui.view import View, ViewContext

COUNTS: Final = (5, 10, 20)


def build(context: ViewContext) -> None:
    """The cards."""
    TopRisks(COUNTS)


def routes(context: ViewContext) -> list[Route]:
    """Causes of the riskiest servers: too much to be sent of every server with every tick."""
    made: PerSnapshot[Document] = PerSnapshot(lambda: context.subscription.fleet.document.tag)

    async def causes(request: Request) -> Response:
        asked = request.query_params.get("count", str(COUNTS[0]))
        if asked not in map(str, COUNTS):
            raise InvalidArgument(f"count is {asked!r}; it must be one of {', '.join(map(str, COUNTS))}")

        async def make() -> Document:
            return causes_document(context.subscription.fleet.snapshot, int(asked))

        return (await made.get(asked, make)).response(request)

    return [Route("/api/top-risks", causes)]


def causes_document(snapshot: FleetSnapshot | None, count: int) -> Document:
    """Name of the server, seconds within which somebody should act, and causes, strongest first, of each."""
    rows = [] if snapshot is None else list(snapshot.servers.values())[:count]
    return Document.of(
        {
            "servers": [
                {
                    "name": row.server_name,
                    "sla_seconds": row.alert.sla_seconds,
                    "causes": [
                        {"text": cause.text, "points": round(cause.points, 1)} for cause in row.causes
                    ],
                }
                for row in rows
            ]
        }
    )


VIEW: Final = View("top_risks", "Top risks", "risks", "/top-risks", 10, build, routes)
