"""How it turned out: incidents against alerts, measurements against forecasts."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from argus_client import METRICS, InvalidArgument
from argus_ui.answers import Answers
from argus_ui.components.accuracy import Accuracy
from argus_ui.feed import Document
from argus_ui.view import View, ViewContext

RANGES: Final = {
    "8h": timedelta(hours=8),
    "1d": timedelta(days=1),
    "1w": timedelta(weeks=1),
    "1M": timedelta(days=30),
}
HORIZONS: Final = (30, 60, 120, 240, 480)

# The History API gives no more points than that.
_MOST_POINTS: Final = 5000
_STEP_SECONDS: Final = 300
_SUMMARY_SECONDS: Final = 20.0


def build(context: ViewContext) -> None:
    """All of it is one component."""
    Accuracy()


def routes(context: ViewContext) -> list[Route]:
    """What was foretold of a span, and one metric as it came against as it was forecast."""
    history = context.client.history

    answers = Answers()

    async def summary(request: Request) -> Response:
        name = _range(request)

        async def ask() -> dict[str, Any]:
            return asdict(await history.summary(last=RANGES[name]))

        # A summary of a long span is work for the server.
        return (await answers.get(name, _SUMMARY_SECONDS, ask)).response(request)

    async def server(request: Request) -> Response:
        length = RANGES[_range(request)]
        metric = request.query_params.get("metric", "")
        horizon = request.query_params.get("horizon", "60")
        if metric not in METRICS:
            raise InvalidArgument(f"metric is {metric!r}; it must be one of {', '.join(METRICS)}.")
        if horizon not in map(str, HORIZONS):
            raise InvalidArgument(
                f"horizon is {horizon!r}; it must be one of {', '.join(map(str, HORIZONS))}."
            )
        found = await history.server(
            request.query_params.get("name", ""),
            last=length,
            metrics=(metric,),
            horizon_minutes=int(horizon),
            max_points=points_of(length, _step_seconds(context)),
        )
        return Document.of(found.to_json_dict()).response(request)

    return [Route("/api/accuracy/summary", summary), Route("/api/accuracy/server", server)]


def points_of(length: timedelta, step_seconds: int) -> int:
    """Points that make every bucket one forecast step, or the most there are."""
    return min(math.ceil(length.total_seconds() / step_seconds) + 1, _MOST_POINTS)


def _step_seconds(context: ViewContext) -> int:
    snapshot = context.subscription.fleet.snapshot
    return _STEP_SECONDS if snapshot is None else snapshot.header.step_seconds


def _range(request: Request) -> str:
    name = request.query_params.get("range", "1d")
    if name not in RANGES:
        raise InvalidArgument(f"range is {name!r}; it must be one of {', '.join(RANGES)}.")
    return name


VIEW = View("accuracy", "Accuracy", "accuracy", "/accuracy", 60, build, routes, needs=("History",))
