"""What has been: alerts, incidents, risk; on servers that record it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from argus_ui.answers import Answers
from argus_ui.components.history import HistoryEvents, HistoryExport, HistoryFleet, HistorySummary
from argus_ui.exports import Exports
from argus_ui.past import RANGES, TIMEOUT_SECONDS, range_of
from argus_ui.view import View, ViewContext

_POINTS: Final = 360
_EVENTS: Final = 1000


def build(context: ViewContext) -> None:
    """Summary, fleet, events, exports."""
    HistorySummary(RANGES)
    HistoryFleet(RANGES)
    HistoryEvents(RANGES)
    HistoryExport(RANGES)


def routes(context: ViewContext) -> list[Route]:
    """`/api/history/...`, each with `?range=`."""
    history = context.client.history
    answers = Answers()
    exports = Exports(context.client, tuple(RANGES))

    async def summary(request: Request) -> Response:
        span = range_of(request)

        async def ask() -> dict[str, Any]:
            return asdict(await history.summary(last=span, timeout=TIMEOUT_SECONDS))

        return (await answers.get(f"summary {span}", RANGES[span].keep_seconds, ask)).response(request)

    async def fleet(request: Request) -> Response:
        span = range_of(request)

        async def ask() -> dict[str, Any]:
            found = await history.fleet(last=span, max_points=_POINTS, timeout=TIMEOUT_SECONDS)
            return found.to_json_dict()

        return (await answers.get(f"fleet {span}", RANGES[span].keep_seconds, ask)).response(request)

    async def events(request: Request) -> Response:
        span = range_of(request)

        async def ask() -> dict[str, Any]:
            found = await history.alert_events(last=span, limit=_EVENTS, timeout=TIMEOUT_SECONDS)
            return {"events": [asdict(event) for event in reversed(found.events)], "total": found.total}

        return (await answers.get(f"events {span}", RANGES[span].keep_seconds, ask)).response(request)

    return [
        Route("/api/history/summary", summary),
        Route("/api/history/fleet", fleet),
        Route("/api/history/events", events),
        Route("/api/history/export", exports.download),
        Route("/api/history/export/progress", exports.progress),
    ]


VIEW: Final = View("history", "History", "history", "/history", 60, build, routes, needs=("History",))
