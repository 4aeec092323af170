"""`argus.v1.PredictionService`: snapshots and forecasts, streamed or asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_server.errors import InvalidArgument, NotFound, Unavailable
from argus_server.snapshot import encoding
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.hub import Hub, Subscription
from argus_server.snapshot.snapshot import Snapshot

_HISTORY: Final = snapshot_pb2.MetricForecast.DESCRIPTOR.fields_by_name["history"].number


class PredictionServicer:
    """Hands predictions to readers.

    Args:
        hub: Where subscriptions live.
        fresh: Returns a snapshot that has every row acknowledged before the call.
        instance_id: Identifies this run of the server.
        max_subscribers: Subscriptions that may be open at once.
        past: Step means of servers up to an origin, float32 [servers, steps, metrics], from names, origin and number of
            steps; called off the event loop.
    """

    def __init__(
        self,
        hub: Hub,
        fresh: Callable[[], Awaitable[Snapshot]],
        instance_id: str,
        max_subscribers: int,
        past: Callable[[Sequence[str], int, int], npt.NDArray[np.float32]],
    ) -> None:
        self._hub = hub
        self._fresh = fresh
        self._instance_id = instance_id
        self._max_subscribers = max_subscribers
        self._past = past

    def Subscribe(self, request: prediction_pb2.SubscribeRequest) -> AsyncIterator[bytes]:
        """Streams updates until the reader leaves or the server drains."""
        if len(self._hub.subscriptions) >= self._max_subscribers:
            raise Unavailable(
                f"{len(self._hub.subscriptions)} subscriptions are open, the most this server allows; "
                "share one subscription between readers, or raise --max-subscribers",
                retry_delay_seconds=10.0,
            )
        interval = request.min_interval.ToTimedelta().total_seconds()
        if interval < 0:
            raise InvalidArgument(f"{interval} s is no distance; give 0 or more", field="min_interval")
        same_run = request.resume_instance_id == self._instance_id
        resync = "" if same_run or not request.resume_revision else "the server was restarted"
        return Subscription(
            self._hub,
            Filter.from_proto(request.filter),
            interval,
            request.resume_revision if same_run else 0,
            resync,
        ).messages()

    async def GetSnapshot(self, request: prediction_pb2.GetSnapshotRequest) -> bytes:
        """The newest snapshot as serialised `GetSnapshotResponse`."""
        wanted = Filter.from_proto(request.filter)
        snapshot = await self._snapshot(request.as_published)
        return await asyncio.get_running_loop().run_in_executor(None, snapshot.message, wanted)

    async def GetForecast(self, request: prediction_pb2.GetForecastRequest) -> bytes:
        """Forecasts of some servers as serialised `GetForecastResponse`."""
        if 0 in request.metrics:
            raise InvalidArgument(
                "METRIC_UNSPECIFIED is no metric; leave the list empty for all", field="metrics"
            )
        snapshot = await self._snapshot(request.as_published)
        unknown = [name for name in request.servers if snapshot.place(name) is None]
        if unknown:
            shown = ", ".join(repr(name[:64]) for name in unknown[:5])
            raise NotFound(f"{len(unknown)} of {len(request.servers)} servers are not in the fleet: {shown}")
        return await asyncio.get_running_loop().run_in_executor(None, self._forecasts, snapshot, request)

    async def _snapshot(self, as_published: bool) -> Snapshot:
        current = self._hub.current if as_published else None
        return await self._fresh() if current is None else current

    def _forecasts(self, snapshot: Snapshot, request: prediction_pb2.GetForecastRequest) -> bytes:
        horizon = snapshot.header.horizon_steps
        places = [place for name in request.servers if (place := snapshot.place(name)) is not None]
        # Only what was asked for is encoded, and nothing of it is kept.
        series = encoding.forecast_series(
            snapshot.quantiles[places], min(request.horizon_steps or horizon, horizon)
        )
        numbers = request.metrics or range(1, len(series) + 1)
        response = prediction_pb2.GetForecastResponse(header=snapshot.header)
        for row, place in enumerate(places):
            server = snapshot_pb2.ServerPrediction.FromString(snapshot.bases[place])
            server.MergeFromString(b"".join(series[number - 1][row] for number in numbers))
            response.servers.add(
                server_name=server.server_name, source=server.source, forecasts=server.forecasts
            )
        if request.history_steps:
            self._add_history(response, request.history_steps)
        return response.SerializeToString()

    def _add_history(self, response: prediction_pb2.GetForecastResponse, steps: int) -> None:
        names = [server.server_name for server in response.servers]
        past = self._past(names, response.header.forecast_origin_ms, steps)
        for server, means in zip(response.servers, past.astype("<f4"), strict=True):
            for forecast in server.forecasts:
                # As bytes: setting float by float takes a hundred times as long.
                column = means[:, forecast.metric - 1].tobytes()
                forecast.MergeFromString(encoding.delimited(_HISTORY, column))
