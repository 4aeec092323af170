"""How it turned out: incidents against alerts, measurements against forecasts."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from argus_client import METRICS, InvalidArgument
from argus_ui.answers import Answers
from argus_ui.components.accuracy import ForecastCheck, Incidents
from argus_ui.past import HORIZONS, RANGES, TIMEOUT_SECONDS, range_of
from argus_ui.view import View, ViewContext

# The History API gives no more points than that.
_MOST_POINTS: Final = 5000
_STEP_SECONDS: Final = 300


def build(context: ViewContext) -> None:
    """Whether incidents were predicted, of `/api/history/summary`; one metric as it came against its forecasts."""
    Incidents(RANGES)
    ForecastCheck(RANGES, HORIZONS)


def routes(context: ViewContext) -> list[Route]:
    """`/api/accuracy/server?server=&metric=&horizon=&range=`."""
    answers = Answers()

    async def server(request: Request) -> Response:
        span = range_of(request)
        query = request.query_params
        name, metric, horizon = query.get("server", ""), query.get("metric", ""), query.get("horizon", "60")
        if not name:
            raise InvalidArgument("server is missing; give the name of a server.")
        if metric not in METRICS:
            raise InvalidArgument(f"metric is {metric!r}; it must be one of {', '.join(METRICS)}.")
        if horizon not in map(str, HORIZONS):
            raise InvalidArgument(
                f"horizon is {horizon!r}; it must be one of {', '.join(map(str, HORIZONS))}."
            )
        points = points_of(RANGES[span].length_seconds, _step_seconds(context))

        async def ask() -> dict[str, Any]:
            found = await context.client.history.server(
                name,
                last=span,
                metrics=[metric],
                horizon_minutes=int(horizon),
                max_points=points,
                timeout=TIMEOUT_SECONDS,
            )
            return found.to_json_dict()

        key = f"{span} {horizon} {metric} {points} {name}"
        return (await answers.get(key, RANGES[span].keep_seconds, ask)).response(request)

    return [Route("/api/accuracy/server", server)]


def points_of(length_seconds: int, step_seconds: int) -> int:
    """Points that make every bucket one forecast step, or the most there are."""
    return min(-(-length_seconds // step_seconds) + 1, _MOST_POINTS)


def _step_seconds(context: ViewContext) -> int:
    snapshot = context.subscription.fleet.snapshot
    return _STEP_SECONDS if snapshot is None else snapshot.header.step_seconds


VIEW = View("accuracy", "Accuracy", "accuracy", "/accuracy", 50, build, routes, needs=("History",))
