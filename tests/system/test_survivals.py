"""What goes wrong around a server stays where it is: a disk that does not answer, a clock that jumps."""

from __future__ import annotations

import asyncio
import os
import threading
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from argus.v1 import admin_pb2, alert_pb2, alert_pb2_grpc, ingest_pb2, prediction_pb2, snapshot_pb2
from argus_server.alerts.store import AlertStore
from argus_server.clock import ManualClock
from argus_server.services.health import STORE
from tests.server.models import untrained
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, history, rows, running
from tests.server.store.rows import on_disk
from tests.waiting import eventually

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNAVAILABLE = ingest_pb2.BATCH_REJECTION_REASON_STORAGE_UNAVAILABLE


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Without one a server is degraded anyway."""
    untrained(tmp_path / "model")
    return tmp_path / "model"


class StalledDisk:
    """Everything that a server writes to its data directory while it runs waits until `free` is set.

    The seam is the system calls' callers: `os.writev`, which only the log uses, `os.fsync`, which whatever must be
    durable uses, and the transactions of the alerts. A file system cannot be made to hang without the kernel's help.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.free.set()
        writev, fsync, commit = os.writev, os.fsync, AlertStore.commit

        def held(call: Any) -> Any:
            def wait(*arguments: Any) -> Any:
                assert self.free.wait(60)
                return call(*arguments)

            return wait

        def held_commit(store: AlertStore, changes: Any) -> None:
            with store._lock:  # as SQLite's own write would
                assert self.free.wait(60)
            commit(store, changes)

        patch.setattr(os, "writev", held(writev))
        patch.setattr(os, "fsync", held(fsync))
        patch.setattr(AlertStore, "commit", held_commit)
        patch.setattr("argus_server.store.writer.STALLED_SECONDS", 0.3)
        patch.setattr("argus_server.ingest.session.STORAGE_RETRY_SECONDS", 0.05)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> StalledDisk:
    return StalledDisk(monkeypatch)


async def status(argus: Running) -> admin_pb2.GetStatusResponse:
    reply: admin_pb2.GetStatusResponse = await argus.admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=10)
    return reply


async def snapshot(argus: Running) -> snapshot_pb2.Snapshot:
    request = prediction_pb2.GetSnapshotRequest()
    return (await argus.prediction.GetSnapshot(request, timeout=10)).snapshot


async def alerts(argus: Running) -> list[alert_pb2.AlertRecord]:
    stub = alert_pb2_grpc.AlertServiceStub(argus.channel)
    return list((await stub.ListAlerts(alert_pb2.ListAlertsRequest(), timeout=10)).alerts)


async def test_a_disk_that_does_not_answer_stops_acks_and_nothing_else(
    tmp_path: Path, model: Path, disk: StalledDisk
) -> None:
    hot = {"mem_used_pct": 99.5}
    async with running(data_dir=tmp_path / "data", model=model, tick_seconds=0.2) as argus:
        health = health_pb2_grpc.HealthStub(argus.channel)

        async def store_is(expected: int) -> bool:
            request = health_pb2.HealthCheckRequest(service=STORE)
            try:
                return int((await health.Check(request, timeout=10)).status) == expected
            except grpc.aio.AioRpcError:
                return False  # not known yet

        stream = IngestStream(argus.ingest)
        await stream.hello("agent")
        await stream.send(1, history(["web-1", "db-1"], 30))
        await eventually(lambda: store_is(SERVING))
        before = await snapshot(argus)

        disk.free.clear()
        for step in (30, 31):
            await stream.write(
                ingest_pb2.StreamMetricsRequest(
                    batch=ingest_pb2.SequencedBatch(
                        sequence=step - 28, metrics=rows(["web-1"], [START_MS + step * STEP_MS], **hot)
                    )
                )
            )
        pending = asyncio.ensure_future(stream.read())
        await eventually(lambda: store_is(NOT_SERVING))
        assert "has not answered for" in (await status(argus)).degraded_reason
        assert not pending.done()

        # Others are told to come back; none of their rows is half taken.
        other = IngestStream(argus.ingest)
        await other.hello("other")
        refused = (await other.send(1, rows(["web-2"], [START_MS + 31 * STEP_MS]))).rejection
        assert (refused.reason, refused.sequence) == (UNAVAILABLE, 1)
        assert "web-2" not in argus.server.window.known_names

        # Forecasts, alerts, and whoever reads them go on.
        during = await snapshot(argus)
        assert during.header.revision > before.header.revision
        assert during.header.degraded
        assert during.header.forecast_origin_ms == START_MS + 31 * STEP_MS
        assert {alert.server_name for alert in await alerts(argus)} == {"web-1"}
        url = f"http://{argus.metrics_address}/metrics"
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read().decode())
        assert "argus_degraded 1.0" in text
        assert not pending.done()

        disk.free.set()
        assert [(await pending).ack.sequence, (await stream.read()).ack.sequence] == [2, 3]
        await eventually(lambda: store_is(SERVING))

        async def taken() -> bool:
            answer = await other.send(1, rows(["web-2"], [START_MS + 31 * STEP_MS]))
            return answer.WhichOneof("message") == "ack"

        await eventually(taken)
        assert not (await snapshot(argus)).header.degraded
    expected = [(name, START_MS + step * STEP_MS) for name in ("web-1", "db-1") for step in range(30)]
    expected += [("web-1", START_MS + step * STEP_MS) for step in (30, 31)]
    assert on_disk(tmp_path / "data") == sorted([*expected, ("web-2", START_MS + 31 * STEP_MS)])


class Wall:
    """A server on a wall clock that jumps, and a source whose own clock is right."""

    def __init__(self, argus: Running, clock: ManualClock) -> None:
        self.argus, self.clock, self.truth_ms = argus, clock, clock.now_ms()
        self._stream = IngestStream(argus.ingest)
        self._sequence = 0

    async def open(self) -> None:
        await self._stream.hello("agent")

    async def past(self) -> None:
        """Two and a half hours of both servers."""
        await self.send(history(["web-1", "web-2"], 30, self.truth_ms - 29 * STEP_MS))

    async def send(self, batch: Any) -> ingest_pb2.Ack:
        self._sequence += 1
        return (await self._stream.send(self._sequence, batch)).ack

    async def minute(self, off_ms: int = 0) -> ingest_pb2.Ack:
        """A minute later: both servers send, and the server's clock is off by so much."""
        self.truth_ms += 60_000
        self.clock.set(self.truth_ms + off_ms)
        return await self.send(rows(["web-1", "web-2"], [self.truth_ms] * 2, cpu_idle_pct=60.0))

    async def silent(self) -> set[str]:
        """Servers with an alert because they are silent."""
        await snapshot(self.argus)
        found = await alerts(self.argus)
        return {a.server_name for a in found if a.subject == snapshot_pb2.ALERT_SUBJECT_SILENCE}


async def test_a_clock_that_jumps_ahead_takes_servers_for_silent_until_it_is_right_again(
    tmp_path: Path, model: Path
) -> None:
    clock = ManualClock(START_MS + 100 * STEP_MS)
    async with running(
        hands=clock, data_dir=tmp_path / "data", model=model, clock="wall", tick_seconds=0.1
    ) as argus:
        wall = Wall(argus, clock)
        await wall.open()
        await wall.past()
        assert (await wall.minute()).accepted_rows == 2
        assert await wall.silent() == set()
        for _ in range(2):
            assert (await wall.minute(off_ms=HOUR_MS)).accepted_rows == 2, "rows are taken all the same"
        assert await wall.silent() == {"web-1", "web-2"}
        values = argus.server.window.frame().values

        # Right again: the alerts end after their clear hold, and nothing has been forgotten.
        for _ in range(7):
            assert (await wall.minute()).accepted_rows == 2
            await snapshot(argus)
        assert await wall.silent() == set()
        assert not (await status(argus)).degraded
        window = argus.server.window.frame().values  # two steps later
        np.testing.assert_array_equal(window[:, -32:-3], values[:, -30:-1])
    assert len(on_disk(tmp_path / "data")) == 2 * (30 + 10)


async def test_a_clock_that_jumps_back_refuses_what_looks_like_the_future_and_goes_on(
    tmp_path: Path, model: Path
) -> None:
    clock = ManualClock(START_MS + 100 * STEP_MS)
    async with running(
        hands=clock, data_dir=tmp_path / "data", model=model, clock="wall", tick_seconds=0.1
    ) as argus:
        wall = Wall(argus, clock)
        await wall.open()
        await wall.past()
        await wall.minute()
        await snapshot(argus)
        ack = await wall.minute(off_ms=-HOUR_MS)
        assert (ack.accepted_rows, ack.rejected_rows) == (0, 2)
        assert ack.rejections[0].reason == ingest_pb2.ROW_REJECTION_REASON_IN_FUTURE

        # What is shown says by the clock that was set back when it was made, although nothing new came in.
        async def restated() -> bool:
            return (await snapshot(argus)).header.published_at_ms <= clock.now_ms()

        await eventually(restated)
        during = await snapshot(argus)
        assert {one.server_name for one in during.servers} == {"web-1", "web-2"}
        # Forecasts are as of that clock, from what is older.
        assert during.header.forecast_origin_ms == clock.now_ms() // STEP_MS * STEP_MS
        assert await wall.silent() == set()

        assert (await wall.minute()).accepted_rows == 2
        after = await snapshot(argus)
        assert after.header.forecast_origin_ms == wall.truth_ms // STEP_MS * STEP_MS
        assert await wall.silent() == set()
        assert not (await status(argus)).degraded
