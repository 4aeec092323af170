"""Ticks that fail: the last snapshot stays, the fallback steps in, and the server says so."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from argus.v1 import admin_pb2, prediction_pb2, snapshot_pb2
from argus_server.clock import ManualClock, WallClock
from argus_server.forecast.forecaster import Forecaster
from argus_server.services.health import MODEL
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
            assert status.model.kind == "FALLBACK"
            assert await model_health(argus) == health_pb2.HealthCheckResponse.NOT_SERVING

        stream = IngestStream(argus.ingest)
        await stream.hello("later")
        await stream.send(1, rows(["a"], [START_MS + 30 * STEP_MS]))
        made = await newest(argus)

        assert made.servers[0].source == snapshot_pb2.FORECAST_SOURCE_TFT
        assert not made.header.degraded
        assert await model_health(argus) == health_pb2.HealthCheckResponse.SERVING


async def test_rows_that_come_during_a_tick_are_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = Shard.tick

    async with running(tick_seconds=3600.0) as argus:
        engine = argus.server.engine

        def written_meanwhile(self: Shard, now_ms: int) -> Any:
            monkeypatch.undo()
            engine.touch()
            return tick(self, now_ms)

        monkeypatch.setattr(Shard, "tick", written_meanwhile)
        engine.touch()
        first = await engine.tick()
        # The same moment in which the tick has ended and the next request comes in.
        second = await engine.fresh()

        assert second.revision == first.revision + 1


async def test_a_fleet_that_is_silent_for_long_is_forgotten() -> None:
    clock = ManualClock(START_MS + 10_000)
    async with running(clock, clock="wall", retention_hours=1.0) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        await stream.send(1, rows(["a"], [START_MS]))
        call = argus.prediction.Subscribe(prediction_pb2.SubscribeRequest())
        await removed_or_held(call, "a", held=True)

        clock.advance(3_700_000)

        await removed_or_held(call, "a", held=False)
        assert (await newest(argus)).summary.total_servers == 0


async def test_a_wall_clock_40_days_ahead_for_a_moment_forgets_no_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time = ManualClock(START_MS + 10_000)
    monkeypatch.setattr(WallClock, "now_ms", lambda _: time.now_ms())
    async with running(clock="wall", retention_hours=1.0) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        await stream.send(1, rows(["a"], [START_MS]))
        assert (await newest(argus)).summary.total_servers == 1
        time.advance(40 * 86_400_000)
        argus.server.engine.touch()
        away = await argus.server.engine.fresh()
        assert away.header.published_at_ms == time.now_ms()
        assert away.index.names == ("a",)
        time.advance(-40 * 86_400_000)
        argus.server.engine.touch()
        assert (await argus.server.engine.fresh()).index.names == ("a",)


async def test_ages_are_stated_anew_when_nothing_comes_in() -> None:
    clock = ManualClock(START_MS + 10_000)
    async with running(clock, clock="wall") as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        await stream.send(1, rows(["a"], [START_MS]))
        assert (await newest(argus)).servers[0].data_age_seconds == 10
        clock.advance(60_000)
        while (made := await newest(argus)).servers[0].data_age_seconds == 10:
            await asyncio.sleep(0.01)
        assert made.servers[0].data_age_seconds == 70


async def test_a_snapshot_says_when_it_was_published_not_when_its_tick_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = ManualClock(START_MS + 10_000)
    forecast = Forecaster.forecast

    def take_long(self: Forecaster, frame: WindowFrame) -> Any:
        clock.advance(700)
        return forecast(self, frame)

    async with running(clock, clock="wall") as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        monkeypatch.setattr(Forecaster, "forecast", take_long)
        await stream.send(1, rows(["a"], [START_MS]))
        made = await newest(argus)
    began = START_MS + int(1000 * made.servers[0].data_age_seconds)
    assert made.header.published_at_ms == began + 700


async def removed_or_held(call: Any, name: str, *, held: bool) -> None:
    """Reads updates until one brings a server, or takes it away."""
    while True:
        message = await call.read()
        part = getattr(message, message.WhichOneof("event"))
        if held and name in {server.server_name for server in getattr(part, "servers", ())}:
            return
        if not held and name in getattr(part, "removed_servers", ()):
            return


async def model_health(argus: Running) -> int:
    stub = health_pb2_grpc.HealthStub(argus.channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=MODEL))).status


async def test_a_failing_tick_leaves_the_last_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Shard, now_ms: int) -> Any:
        raise ArithmeticError("a defect")

    async with running(tick_seconds=3600.0) as argus:
        before = await newest(argus)
        with monkeypatch.context() as patched:
            patched.setattr(Shard, "tick", fail)
            await feed(argus)
            assert (await newest(argus)).header.revision == before.header.revision
            status = await argus.admin.GetStatus(admin_pb2.GetStatusRequest())
            assert (status.degraded, "ArithmeticError" in status.degraded_reason) == (True, True)
        assert (await newest(argus)).header.revision > before.header.revision
        status = await argus.admin.GetStatus(admin_pb2.GetStatusRequest())
        assert "ArithmeticError" not in status.degraded_reason


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
        assert argus.server.shard.standing(START_MS + 29 * STEP_MS) == (frozenset(), False)
        for _ in range(3):
            assert isinstance(await argus.server.engine.fresh(), Snapshot)
        assert (await newest(argus)).header.revision == first.header.revision
