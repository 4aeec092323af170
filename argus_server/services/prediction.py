"""`argus.v1.PredictionService`: snapshots and forecasts, streamed or asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_server.errors import InvalidArgument, NotFound, Unavailable
from argus_server.snapshot import encoding
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.hub import Hub, Subscription
from argus_server.snapshot.snapshot import Snapshot


class PredictionServicer:
    """Hands predictions to readers.

    Args:
        hub: Where subscriptions live.
        fresh: Returns a snapshot that has every row acknowledged before the call.
        instance_id: Identifies this run of the server.
        max_subscribers: Subscriptions that may be open at once.
    """

    def __init__(
        self, hub: Hub, fresh: Callable[[], Awaitable[Snapshot]], instance_id: str, max_subscribers: int
    ) -> None:
        self._hub = hub
        self._fresh = fresh
        self._instance_id = instance_id
        self._max_subscribers = max_subscribers

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
        snapshot = await self._fresh()
        return await asyncio.get_running_loop().run_in_executor(None, snapshot.message, wanted)

    async def GetForecast(self, request: prediction_pb2.GetForecastRequest) -> bytes:
        """Forecasts of some servers as serialised `GetForecastResponse`."""
        if 0 in request.metrics:
            raise InvalidArgument(
                "METRIC_UNSPECIFIED is no metric; leave the list empty for all", field="metrics"
            )
        snapshot = await self._fresh()
        unknown = [name for name in request.servers if snapshot.place(name) is None]
        if unknown:
            shown = ", ".join(repr(name[:64]) for name in unknown[:5])
            raise NotFound(f"{len(unknown)} of {len(request.servers)} servers are not in the fleet: {shown}")
        return await asyncio.get_running_loop().run_in_executor(None, _forecasts, snapshot, request)


def _forecasts(snapshot: Snapshot, request: prediction_pb2.GetForecastRequest) -> bytes:
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
        response.servers.add(server_name=server.server_name, source=server.source, forecasts=server.forecasts)
    return response.SerializeToString()
