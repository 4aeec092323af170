"""The fleet at one glance: servers by metrics, servers by time."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from argus_client import FleetForecast, FleetSnapshot, InvalidArgument, NotReady
from argus_ui.answers import PerSnapshot
from argus_ui.components.heatmap import Heatmap
from argus_ui.feed import Document
from argus_ui.heat import Metric, by_metric, forecasts_of, metrics_of, nearest, over_time
from argus_ui.view import View, ViewContext

# Forecasts of the whole fleet are worth some work; they hardly change from tick to tick.
_HELD_SECONDS: Final = 15
_HOURS: Final = (3, 8, 24)
_MAX_HISTORY_STEPS: Final = 288
# Each server by the metric that is nearest to its critical threshold.
_NEAREST: Final = "nearest"


def build(context: ViewContext) -> None:
    """Colours for the whole fleet."""
    Heatmap()


def routes(context: ViewContext) -> list[Route]:
    """`/api/heatmap/metrics` and `/api/heatmap/time?metric=&hours=`."""

    def tag() -> str:
        snapshot = context.subscription.fleet.snapshot
        fleet = (
            "" if snapshot is None else f"{snapshot.header.instance_id} {hash(frozenset(snapshot.servers))}"
        )
        return f"{fleet} {time.monotonic() // _HELD_SECONDS}"

    made: PerSnapshot[Document] = PerSnapshot(tag)
    asked: PerSnapshot[list[FleetForecast]] = PerSnapshot(tag)

    def known() -> tuple[FleetSnapshot, tuple[Metric, ...]]:
        snapshot, info = context.subscription.fleet.snapshot, context.subscription.info
        if snapshot is None or info is None:
            raise NotReady("The Argus server has not published anything yet.")
        return snapshot, metrics_of(info, [row.profile for row in snapshot.servers.values()])

    async def of_all() -> list[FleetForecast]:
        snapshot, all_metrics = known()
        names = [one.name for one in all_metrics]
        return await forecasts_of(context.client, list(snapshot.servers), names, history_steps=1)

    async def make_metrics() -> Document:
        _, all_metrics = known()
        found = await asked.get("all", of_all)
        return await asyncio.to_thread(lambda: Document.of(by_metric(found, all_metrics)))

    async def shown(name: str) -> list[tuple[Metric, list[str]]]:
        snapshot, all_metrics = known()
        if name == _NEAREST:
            found = await asked.get("all", of_all)
            profiles = {row.server_name: row.profile for row in snapshot.servers.values()}
            return await asyncio.to_thread(nearest, found, all_metrics, profiles)
        metric = next((one for one in all_metrics if one.name == name), None)
        if metric is None:
            allowed = ", ".join([_NEAREST, *(one.name for one in all_metrics)])
            raise InvalidArgument(f"metric is {name!r}; it must be one with a threshold: {allowed}.")
        return [(metric, list(snapshot.servers))]

    async def make_time(name: str, hours: int) -> Document:
        snapshot, _ = known()
        steps = min(hours * 3600 // snapshot.header.step_seconds, _MAX_HISTORY_STEPS)
        parts = [
            (metric, await forecasts_of(context.client, servers, [metric.name], steps))
            for metric, servers in await shown(name)
        ]
        return await asyncio.to_thread(lambda: Document.of(over_time(parts)))

    async def metrics(request: Request) -> Response:
        return (await made.get("metrics", make_metrics)).response(request)

    async def over_hours(request: Request) -> Response:
        name, hours = request.query_params.get("metric", ""), request.query_params.get("hours", "")
        if hours not in map(str, _HOURS):
            raise InvalidArgument(f"hours is {hours!r}; it must be one of {', '.join(map(str, _HOURS))}.")
        return (await made.get((name, hours), lambda: make_time(name, int(hours)))).response(request)

    return [
        Route("/api/heatmap/metrics", metrics),
        Route("/api/heatmap/time", over_hours),
    ]


VIEW = View("heatmap", "Heatmap", "heatmap", "/heatmap", 30, build, routes)
