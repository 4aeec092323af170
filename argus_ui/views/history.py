"""What has been: alerts, incidents, risk, and how forecasts did; on servers that record it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from argus_client import InvalidArgument
from argus_ui.answers import Answers
from argus_ui.components.history import (
    ForecastCheck,
    HistoryEvents,
    HistoryExport,
    HistoryFleet,
    HistorySummary,
)
from argus_ui.exports import Exports
from argus_ui.view import View, ViewContext

# Range, and how old an answer about it may be, seconds.
RANGES: Final = {"30m": 10, "1h": 10, "3h": 15, "8h": 30, "1d": 60, "1w": 300, "1M": 900}
HORIZONS: Final = (30, 60, 120, 240, 480)

_POINTS: Final = 360
_EVENTS: Final = 1000
# The first summary of a long range reads all its samples. When its time is up it goes on where it was if asked again.
_TIMEOUT_SECONDS: Final = 25.0


def build(context: ViewContext) -> None:
    """Summary, fleet, forecast against actual, events, exports."""
    HistorySummary(RANGES)
    HistoryFleet(RANGES)
    ForecastCheck(RANGES, HORIZONS)
    HistoryEvents(RANGES)
    HistoryExport(RANGES)


def routes(context: ViewContext) -> list[Route]:
    """`/api/history/...`, each with `?range=`."""
    history = context.client.history
    answers = Answers()
    exports = Exports(context.client, tuple(RANGES))

    async def summary(request: Request) -> Response:
        span = _range(request)

        async def ask() -> dict[str, Any]:
            return asdict(await history.summary(last=span, timeout=_TIMEOUT_SECONDS))

        return (await answers.get(f"summary {span}", RANGES[span], ask)).response(request)

    async def fleet(request: Request) -> Response:
        span = _range(request)

        async def ask() -> dict[str, Any]:
            found = await history.fleet(last=span, max_points=_POINTS, timeout=_TIMEOUT_SECONDS)
            return found.to_json_dict()

        return (await answers.get(f"fleet {span}", RANGES[span], ask)).response(request)

    async def events(request: Request) -> Response:
        span = _range(request)

        async def ask() -> dict[str, Any]:
            found = await history.alert_events(last=span, limit=_EVENTS, timeout=_TIMEOUT_SECONDS)
            return {"events": [asdict(event) for event in reversed(found.events)], "total": found.total}

        return (await answers.get(f"events {span}", RANGES[span], ask)).response(request)

    async def server(request: Request) -> Response:
        span = _range(request)
        name, metric = request.query_params.get("name", ""), request.query_params.get("metric", "")
        horizon = request.query_params.get("horizon", "60")
        if not (name and metric and horizon in map(str, HORIZONS)):
            raise InvalidArgument(f"name, metric and horizon (one of {HORIZONS}) are needed")

        async def ask() -> dict[str, Any]:
            found = await history.server(
                name,
                last=span,
                metrics=[metric],
                horizon_minutes=int(horizon),
                max_points=_POINTS,
                timeout=_TIMEOUT_SECONDS,
            )
            return found.to_json_dict()

        key = f"server {span} {horizon} {metric} {name}"
        return (await answers.get(key, RANGES[span], ask)).response(request)

    return [
        Route("/api/history/summary", summary),
        Route("/api/history/fleet", fleet),
        Route("/api/history/events", events),
        Route("/api/history/server", server),
        Route("/api/history/export", exports.download),
        Route("/api/history/export/progress", exports.progress),
    ]


def _range(request: Request) -> str:
    span = request.query_params.get("range", "")
    if span not in RANGES:
        raise InvalidArgument(f"range is {span!r}; it must be one of {', '.join(RANGES)}")
    return span


VIEW: Final = View("history", "History", "history", "/history", 60, build, routes, needs=("History",))
