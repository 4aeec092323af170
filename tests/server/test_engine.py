"""Ticks that fail: the last snapshot stays, the fallback steps in, and the server says so."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from argus.v1 import admin_pb2, prediction_pb2, snapshot_pb2
from argus_server.forecast.forecaster import Forecaster
from argus_server.shard import Shard
from argus_server.snapshot.snapshot import Snapshot
from argus_server.window.frame import WindowFrame
from tests.server.models import untrained
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, history, rows, running


async def feed(argus: Running) -> None:
    stream = IngestStream(argus.ingest)
    await stream.hello()
    await stream.send(1, history(["a"], 30))
    await stream.close()


async def newest(argus: Running) -> snapshot_pb2.Snapshot:
    return (await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())).snapshot


async def test_a_failing_model_is_replaced_by_the_fallback_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untrained(tmp_path / "model")
    serve = Forecaster.forecast

    def fail_with_a_model(self: Forecaster, frame: WindowFrame) -> Any:
        if self.model is not None:
            raise MemoryError("no room on the device")
        return serve(self, frame)

    async with running(model=tmp_path / "model") as argus:
        with monkeypatch.context() as patched:
            patched.setattr(Forecaster, "forecast", fail_with_a_model)
            await feed(argus)
            made = await newest(argus)
            status = await argus.admin.GetStatus(admin_pb2.GetStatusRequest())

            assert made.servers[0].source == snapshot_pb2.FORECAST_SOURCE_FALLBACK
            assert (status.serving, status.degraded) == (True, True)
            assert "MemoryError" in status.degraded_reason

        stream = IngestStream(argus.ingest)
        await stream.hello("later")
        await stream.send(1, rows(["a"], [START_MS + 30 * STEP_MS]))
        made = await newest(argus)

        assert made.servers[0].source == snapshot_pb2.FORECAST_SOURCE_TFT
        assert not made.header.degraded


async def test_a_failing_tick_leaves_the_last_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Shard, now_ms: int) -> Any:
        raise ArithmeticError("a defect")

    async with running(tick_seconds=3600.0) as argus:
        before = await newest(argus)
        with monkeypatch.context() as patched:
            patched.setattr(Shard, "tick", fail)
            await feed(argus)
            assert (await newest(argus)).header.revision == before.header.revision
        assert (await newest(argus)).header.revision > before.header.revision


async def test_readers_that_ask_at_once_share_a_tick() -> None:
    async with running(tick_seconds=3600.0) as argus:
        await feed(argus)
        made = await asyncio.gather(*(newest(argus) for _ in range(8)))
        assert {snapshot.header.revision for snapshot in made} == {2}
        assert all(snapshot.summary.total_servers == 1 for snapshot in made)


async def test_nothing_new_makes_no_new_snapshot() -> None:
    async with running() as argus:
        await feed(argus)
        first = await newest(argus)
        silent: frozenset[str] = await asyncio.to_thread(argus.server.shard.silent, START_MS + 29 * STEP_MS)
        assert not silent
        for _ in range(3):
            assert isinstance(await argus.server.engine.fresh(), Snapshot)
        assert (await newest(argus)).header.revision == first.header.revision
