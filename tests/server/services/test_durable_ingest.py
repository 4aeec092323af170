"""Over the wire with a data directory: an ack means durable, a failing disk is a pause, a restart changes nothing."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from argus.v1 import admin_pb2, alert_pb2, ingest_pb2, prediction_pb2, snapshot_pb2
from argus_server.app import ArgusServer
from argus_server.services.health import STORE
from argus_server.settings import ServerSettings
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, history, numbered, rows, running
from tests.server.store.rows import on_disk

Batch = ingest_pb2.BatchRejectionReason
UNAVAILABLE = Batch.BATCH_REJECTION_REASON_STORAGE_UNAVAILABLE


class Disk:
    """Lets writes of the store through, holds them, or fails them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.free = threading.Event()
        self.free.set()
        write = os.writev

        def writev(file: int, parts: Any) -> int:
            self.free.wait(20)
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file, parts)

        patch.setattr(os, "writev", writev)
        patch.setattr("argus_server.store.writer._PROBE", b"")
        patch.setattr("argus_server.ingest.session.STORAGE_RETRY_SECONDS", 0.01)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def one(name: str = "web-1", step: int = 0) -> Any:
    return rows([name], [START_MS + step * STEP_MS])


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, "not so in time"
        await asyncio.sleep(0.01)


async def status(argus: Running) -> admin_pb2.GetStatusResponse:
    reply: admin_pb2.GetStatusResponse = await argus.admin.GetStatus(admin_pb2.GetStatusRequest())
    return reply


async def test_everything_is_back_after_a_restart(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path) as argus:
        stream = IngestStream(argus.ingest)
        assert (await stream.hello("agent")).last_sequence == 0
        for sequence in range(1, 4):
            await stream.send(sequence, history(["a", "b"], 10, START_MS + sequence * 10 * STEP_MS, sequence))
        await stream.close()
        before = argus.server.window.frame()
        snapshot = (await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())).snapshot
    async with running(data_dir=tmp_path) as argus:
        assert (await IngestStream(argus.ingest).hello("agent")).last_sequence == 3
        again = (await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())).snapshot
        after = argus.server.window.frame()
    np.testing.assert_array_equal(after.values, before.values)
    assert after.server_names == before.server_names == ("a", "b")
    assert again.header.forecast_origin_ms == snapshot.header.forecast_origin_ms
    assert {s.server_name: s.risk_score for s in again.servers} == {
        s.server_name: s.risk_score for s in snapshot.servers
    }
    assert len(on_disk(tmp_path)) == 60


async def test_a_batch_is_acknowledged_when_it_is_durable_and_not_before(tmp_path: Path, disk: Disk) -> None:
    async with running(data_dir=tmp_path) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        disk.free.clear()
        for number in (1, 2, 3):
            await stream.write(numbered(number, one(step=number)))
        answer = asyncio.ensure_future(stream.read())
        await until(lambda: len(argus.server.window) == 1)
        await until(
            lambda: argus.server.window.frame().observed_steps.tolist() == [3]
        )  # it reads on meanwhile
        assert not answer.done()
        # A new stream of the source waits until it is known how far the old one has come.
        second = asyncio.ensure_future(IngestStream(argus.ingest).hello())
        await asyncio.sleep(0.05)
        assert not second.done()
        disk.free.set()
        assert [(await answer).ack.sequence, *[(await stream.read()).ack.sequence for _ in "23"]] == [1, 2, 3]
        assert (await second).last_sequence == 3


async def test_a_full_disk_pauses_sources_and_nothing_is_lost(tmp_path: Path, disk: Disk) -> None:
    async with running(data_dir=tmp_path) as argus:
        health = health_pb2_grpc.HealthStub(argus.channel)

        async def store_health() -> int:
            return int((await health.Check(health_pb2.HealthCheckRequest(service=STORE))).status)

        stream = IngestStream(argus.ingest)
        await stream.hello()
        await stream.send(1, one(step=1))
        serving = health_pb2.HealthCheckResponse.SERVING
        await until(lambda: STORE in argus.server._board.servicer._server_status)
        assert await store_health() == serving

        disk.full = True
        refused = (await stream.send(2, one(step=2))).rejection
        assert (refused.reason, refused.sequence, refused.rejected_rows) == (UNAVAILABLE, 2, 0)
        assert refused.retry_delay.ToTimedelta().total_seconds() == pytest.approx(0.01)
        assert "the disk of the data directory is full" in refused.message
        assert argus.server.window.frame().observed_steps.tolist() == [2]  # it was taken in already
        refused = (await stream.send(2, one(step=2))).rejection
        assert refused.reason == UNAVAILABLE  # this time before it was
        gap = (await stream.send(3, one(step=3))).rejection
        assert (gap.reason, gap.expected_sequence) == (Batch.BATCH_REJECTION_REASON_SEQUENCE_GAP, 2)
        assert "disk of the data directory is full" in (await status(argus)).degraded_reason
        assert await IngestStream(argus.ingest).hello("somebody-else") is not None
        while await store_health() == serving:
            await asyncio.sleep(0.02)
        reply = await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())
        assert "disk of the data directory is full" in reply.snapshot.header.degraded_reason

        disk.full = False
        while (answer := await stream.send(2, one(step=2))).HasField("rejection"):
            assert answer.rejection.reason == UNAVAILABLE
        assert (answer.ack.sequence, answer.ack.accepted_rows, answer.ack.duplicate_rows) == (2, 0, 1)
        assert (await stream.send(3, one(step=3))).ack.accepted_rows == 1
        while await store_health() != serving:
            await asyncio.sleep(0.02)
    assert on_disk(tmp_path) == [("web-1", START_MS + step * STEP_MS) for step in (1, 2, 3)]


async def lived(data_dir: Path, disk: Disk, full_at: frozenset[int]) -> tuple[list[Any], ...]:
    """Windows, alerts and their events of a server whose disk is full at some steps, before and after a restart."""

    async def seen(argus: Running) -> list[Any]:
        await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())
        argus.server.alerts.settle()
        frame, table = argus.server.window.frame(), argus.server.window.servers()
        every = alert_pb2.ListAlertsRequest(
            states=[
                snapshot_pb2.ALERT_STATE_PENDING,
                snapshot_pb2.ALERT_STATE_FIRING,
                snapshot_pb2.ALERT_STATE_RESOLVED,
            ]
        )
        return [
            frame.server_names,
            frame.values.tobytes(),
            table.last_sample_ms.tolist(),
            [str(alert) for alert in await argus.server.alerts.list_alerts(every)],
            [event.to_dict() for event in argus.server.alerts.store.events(0, 10_000)],
        ]

    async with running(data_dir=data_dir, tick_seconds=3600.0) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello("agent")
        for step in range(1, 81):
            hot = 99.0 if 30 <= step < 40 or step >= 75 else 40.0
            batch = rows(["web-1", "web-2"], [START_MS + step * STEP_MS] * 2, mem_used_pct=[hot, 40.0])
            disk.full = step in full_at
            for _ in range(2 if disk.full else 0):
                assert (await stream.send(step, batch)).rejection.reason == UNAVAILABLE
            disk.full = False
            while (await stream.send(step, batch)).HasField("rejection"):
                continue
            await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())
        before = await seen(argus)
    async with running(data_dir=data_dir, tick_seconds=3600.0) as argus:
        return before, await seen(argus)


async def test_a_disk_that_was_full_twice_leaves_the_windows_and_alerts_of_one_that_never_was(
    tmp_path: Path, disk: Disk
) -> None:
    steady = await lived(tmp_path / "steady", disk, frozenset())
    (_, _, _, alerts, events) = steady[0]
    assert {event["kind"] for event in events} >= {"pending", "fired", "resolved"}, (
        "there is something to compare"
    )
    assert alerts
    for one, other in zip(steady, await lived(tmp_path / "full", disk, frozenset({31, 76})), strict=True):
        assert other == one
    assert on_disk(tmp_path / "full") == on_disk(tmp_path / "steady")


async def test_the_first_batches_of_a_source_keep_their_order_over_a_full_disk(
    tmp_path: Path, disk: Disk
) -> None:
    async with running(data_dir=tmp_path) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        disk.full = True
        assert (await stream.send(1, one(step=1))).rejection.reason == UNAVAILABLE
        disk.full = False
        await until(lambda: not argus.server.status().degraded_reason.startswith("the disk"))
        # Sent before the source knew of the first one's fate: were it taken, the first would count as a repetition.
        gap = (await stream.send(2, one(step=2))).rejection
        assert (gap.reason, gap.expected_sequence) == (Batch.BATCH_REJECTION_REASON_SEQUENCE_GAP, 1)
        while (answer := await stream.send(1, one(step=1))).HasField("rejection"):
            continue
        assert (answer.ack.sequence, (await stream.send(2, one(step=2))).ack.sequence) == (1, 2)
    assert len(on_disk(tmp_path)) == 2


async def test_a_drain_waits_for_the_disk_and_acknowledges_what_it_took(tmp_path: Path, disk: Disk) -> None:
    async with running(data_dir=tmp_path) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        disk.free.clear()
        answer = asyncio.ensure_future(stream.send(1, one()))
        await until(lambda: len(argus.server.window) == 1)
        argus.server._ingest.drain()
        await asyncio.sleep(0.05)
        assert not answer.done()
        disk.free.set()
        assert (await answer).ack.sequence == 1
        assert (await stream.read()).HasField("draining")
    assert len(on_disk(tmp_path)) == 1


async def test_a_second_server_on_the_directory_is_told_so(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path):
        with pytest.raises(OSError, match="in use by another process"):
            ArgusServer(ServerSettings.load({"data_dir": tmp_path, "model": Path("no-such-model")}))


async def test_a_server_that_cannot_start_lets_go_of_the_directory(tmp_path: Path) -> None:
    async with running() as argus:
        address = argus.server.addresses.grpc
        with pytest.raises(OSError, match="cannot listen"):
            async with running(data_dir=tmp_path, listen=address):
                pass
    async with running(data_dir=tmp_path):
        pass


async def test_a_server_with_an_unusable_certificate_lets_go_of_the_directory(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate")
    settings = {"data_dir": tmp_path / "data", "tls_cert": rubbish, "tls_key": rubbish}
    with pytest.raises(ValueError, match=r"rubbish\.pem"):
        ArgusServer(ServerSettings.load(settings))
    async with running(data_dir=tmp_path / "data"):
        pass


async def test_rows_that_were_refused_or_repeated_are_not_stored(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        times = [START_MS, START_MS, START_MS + 1000, START_MS + 2000]
        batch = rows(["a"] * 4, times, cpu_user_pct=[1.0, 2.0, 200.0, 3.0])
        ack = (await stream.send(1, batch)).ack
        assert (ack.accepted_rows, ack.duplicate_rows, ack.rejected_rows) == (2, 1, 1)
        assert (await stream.send(2, batch)).ack.duplicate_rows == 3
    assert on_disk(tmp_path) == [("a", START_MS), ("a", START_MS + 2000)]


async def test_a_directory_that_a_server_makes_is_its_owner_s_alone(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("durability", "synchronous"), [("os", 1), ("fsync", 2)])
async def test_alerts_are_as_durable_as_rows(tmp_path: Path, durability: str, synchronous: int) -> None:
    async with running(data_dir=tmp_path, durability=durability) as argus:
        mode = argus.server.alerts.store._database.execute("PRAGMA synchronous").fetchone()
    assert mode == (synchronous,)
