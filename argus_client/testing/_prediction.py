"""`PredictionService` of the fake server: snapshots as scripted, whole and as deltas."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import grpc

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_client._enums import View, to_number

_STANDARD_STEPS: Final = 12


class FakePredictions:
    """Published snapshots, and the subscriptions to them. Thread-safe."""

    def __init__(self, heartbeat_seconds: float, servers_per_part: int) -> None:
        self.changed = threading.Condition()
        self.heartbeat_seconds = heartbeat_seconds
        self.servers_per_part = servers_per_part
        self.instance_id = "fake-1"
        self.requests: list[prediction_pb2.SubscribeRequest] = []
        self.open_streams = 0
        self.silent = False
        self.reconnect_after = 0.0
        self._snapshots: list[snapshot_pb2.Snapshot] = []
        self._scripted: list[prediction_pb2.SubscribeResponse] = []
        self._epoch = 0  # streams opened before the present one are to be dropped
        self._draining_epoch = 0
        self._revision = 0

    def publish(self, snapshot: snapshot_pb2.Snapshot, revision: int | None) -> int:
        """Makes a snapshot the newest one; returns its revision."""
        with self.changed:
            self._revision = self._revision + 1 if revision is None else revision
            kept = snapshot_pb2.Snapshot()
            kept.CopyFrom(snapshot)
            kept.header.revision = self._revision
            kept.header.instance_id = self.instance_id
            self._snapshots.append(kept)
            self.changed.notify_all()
            return self._revision

    def script(self, response: prediction_pb2.SubscribeResponse) -> None:
        """Sends a message to every subscription, whatever it says."""
        with self.changed:
            self._scripted.append(response)
            self.changed.notify_all()

    def drop(self) -> None:
        """Drops every subscription."""
        with self.changed:
            self._epoch += 1
            self.changed.notify_all()

    def drain(self) -> None:
        """Ends every subscription as a server does that stops."""
        with self.changed:
            self._epoch += 1
            self._draining_epoch = self._epoch
            self.changed.notify_all()

    def restart(self, instance_id: str) -> None:
        """Begins another run: revisions start again."""
        with self.changed:
            self.instance_id = instance_id
            self._snapshots.clear()
            self._scripted.clear()
            self._revision = 0

    def newest(self) -> snapshot_pb2.Snapshot:
        """The newest snapshot; an empty one before the first."""
        with self.changed:
            if self._snapshots:
                return self._snapshots[-1]
        return snapshot_pb2.Snapshot(header=snapshot_pb2.SnapshotHeader(instance_id=self.instance_id))

    def subscribe(
        self, request: prediction_pb2.SubscribeRequest, context: grpc.ServicerContext
    ) -> Iterator[prediction_pb2.SubscribeResponse]:
        """Serves one subscription."""
        with self.changed:
            epoch = self._epoch
            scripted = len(self._scripted)
            self.requests.append(request)
            self.open_streams += 1
            self.changed.notify_all()
        context.add_callback(self._wake)
        held = self._resumed(request)
        if request.resume_revision and held is None:
            yield prediction_pb2.SubscribeResponse(
                resync_required=prediction_pb2.ResyncRequired(reason="that revision is not known")
            )
        try:
            while context.is_active():
                with self.changed:
                    if not self._due(epoch, scripted, held):
                        self.changed.wait(self.heartbeat_seconds)
                    due = self._due(epoch, scripted, held)
                    if self._epoch != epoch:
                        break
                    messages = self._scripted[scripted:]
                    scripted = len(self._scripted)
                    newest = self._snapshots[-1] if self._pending(held) else None
                if messages:
                    yield from messages
                elif newest is not None:
                    yield from self._update(newest, held, request.filter)
                    held = newest
                elif not self.silent and not due:
                    yield prediction_pb2.SubscribeResponse(
                        heartbeat=prediction_pb2.Heartbeat(
                            revision=self._revision, server_time_ms=int(time.time() * 1000)
                        )
                    )
            if context.is_active():
                yield from self._ending(epoch, context)
        finally:
            with self.changed:
                self.open_streams -= 1
                self.changed.notify_all()

    def get_snapshot(self, request: prediction_pb2.GetSnapshotRequest) -> prediction_pb2.GetSnapshotResponse:
        """The newest snapshot, filtered."""
        newest = self.newest()
        response = prediction_pb2.GetSnapshotResponse()
        response.snapshot.CopyFrom(newest)
        del response.snapshot.servers[:]
        response.snapshot.servers.extend(_filtered(newest, request.filter).values())
        return response

    def get_forecast(
        self, request: prediction_pb2.GetForecastRequest, context: grpc.ServicerContext
    ) -> prediction_pb2.GetForecastResponse:
        """Forecasts of the newest snapshot."""
        newest = self.newest()
        known = {server.server_name: server for server in newest.servers}
        response = prediction_pb2.GetForecastResponse(header=newest.header)
        for name in request.servers:
            if (server := known.get(name)) is None:
                context.abort(grpc.StatusCode.NOT_FOUND, f"there is no server {name!r}")
            kept = snapshot_pb2.ServerPrediction()
            kept.CopyFrom(server)
            steps = request.horizon_steps or newest.header.horizon_steps
            _cut(kept, request.metrics, steps, request.history_steps)
            response.servers.add(server_name=name, source=kept.source, forecasts=kept.forecasts)
        return response

    def _wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def _due(self, epoch: int, scripted: int, held: snapshot_pb2.Snapshot | None) -> bool:
        return self._epoch != epoch or len(self._scripted) > scripted or self._pending(held)

    def _pending(self, held: snapshot_pb2.Snapshot | None) -> bool:
        return not self.silent and bool(self._snapshots) and self._snapshots[-1] is not held

    def _resumed(self, request: prediction_pb2.SubscribeRequest) -> snapshot_pb2.Snapshot | None:
        with self.changed:
            for snapshot in reversed(self._snapshots):
                if (snapshot.header.revision, self.instance_id) == (
                    request.resume_revision,
                    request.resume_instance_id,
                ):
                    return snapshot
        return None

    def _ending(
        self, epoch: int, context: grpc.ServicerContext
    ) -> Iterator[prediction_pb2.SubscribeResponse]:
        if self._draining_epoch <= epoch:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the fake server dropped the connection")
        draining = prediction_pb2.Draining(reason="the fake server stops")
        draining.reconnect_after.FromTimedelta(timedelta(seconds=self.reconnect_after))
        yield prediction_pb2.SubscribeResponse(draining=draining)

    def _update(
        self,
        newest: snapshot_pb2.Snapshot,
        held: snapshot_pb2.Snapshot | None,
        wanted: snapshot_pb2.SnapshotFilter,
    ) -> Iterator[prediction_pb2.SubscribeResponse]:
        servers = _filtered(newest, wanted)
        removed: list[str] = []
        base_revision = skipped = 0
        if held is not None:
            before = _filtered(held, wanted)
            removed = sorted(before.keys() - servers.keys())
            servers = {name: server for name, server in servers.items() if before.get(name) != server}
            base_revision = held.header.revision
            skipped = newest.header.revision - base_revision - 1
        listed = list(servers.values())
        size = self.servers_per_part
        groups = [listed[start : start + size] for start in range(0, len(listed), size)] or [[]]
        for number, group in enumerate(groups):
            part = prediction_pb2.SnapshotPart(
                header=newest.header,
                servers=group,
                base_revision=base_revision,
                part=number,
                last=number == len(groups) - 1,
            )
            if number == 0:
                part.summary.CopyFrom(newest.summary)
                part.environment.CopyFrom(newest.environment)
                part.removed_servers.extend(removed)
                part.skipped_revisions = skipped
            kind: Any = {"snapshot": part} if held is None else {"delta": part}
            yield prediction_pb2.SubscribeResponse(**kind)


def _filtered(
    snapshot: snapshot_pb2.Snapshot, wanted: snapshot_pb2.SnapshotFilter
) -> dict[str, snapshot_pb2.ServerPrediction]:
    steps = {to_number(View.FULL): snapshot.header.horizon_steps, to_number(View.STANDARD): _STANDARD_STEPS}
    kept: dict[str, snapshot_pb2.ServerPrediction] = {}
    for server in snapshot.servers:
        if (
            (wanted.servers and server.server_name not in wanted.servers)
            or (wanted.profiles and server.profile not in wanted.profiles)
            or server.risk_score < wanted.min_risk
        ):
            continue
        copy = snapshot_pb2.ServerPrediction()
        copy.CopyFrom(server)
        _cut(copy, wanted.metrics, steps.get(wanted.view, 0))
        if not wanted.outlook:
            copy.ClearField("outlook")
        kept[server.server_name] = copy
    return kept


def _cut(server: snapshot_pb2.ServerPrediction, metrics: Any, steps: int, history_steps: int = 0) -> None:
    """Leaves the first steps of the forecasts of these metrics, no metrics meaning all, and the last of their history.

    A history that was published shorter than asked for is filled up with what was not measured.
    """
    forecasts = [f for f in server.forecasts if steps and (not metrics or f.metric in metrics)]
    del server.forecasts[:]
    for forecast in forecasts:
        server.forecasts.add(
            metric=forecast.metric,
            p10=forecast.p10[:steps],
            p50=forecast.p50[:steps],
            p90=forecast.p90[:steps],
            history=([math.nan] * history_steps + list(forecast.history))[-history_steps:]
            if history_steps
            else [],
        )
