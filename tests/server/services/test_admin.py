from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from argus.v1 import admin_pb2, metrics_pb2, prediction_pb2, snapshot_pb2
from argus_server.risk.table_file import load_tables
from argus_server.services.health import MODEL
from tests.server.models import damage, untrained
from tests.server.running import IngestStream, Running, history, running

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

SERVICES = {
    "argus.v1.IngestService",
    "argus.v1.PredictionService",
    "argus.v1.AdminService",
    "argus.v1.AlertService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for seed, name in enumerate(("first", "second")):
        untrained(tmp_path / name, seed)
    untrained(tmp_path / "broken", 9)
    damage(tmp_path / "broken")
    return tmp_path


@pytest.fixture
async def argus(models: Path) -> AsyncIterator[Running]:
    async with running(model=models / "first") as started:
        yield started


async def status(argus: Running) -> admin_pb2.GetStatusResponse:
    return await argus.admin.GetStatus(admin_pb2.GetStatusRequest())


async def health(argus: Running, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(argus.channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status


async def refusal(call: object) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_the_server_says_what_it_is(argus: Running) -> None:
    info = await argus.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())
    assert set(info.capabilities) == SERVICES
    assert (info.clock, info.contract_version, info.limits.max_batch_rows) == ("event", "1", 10_000)


async def test_the_server_names_the_thresholds_of_its_tables(argus: Running) -> None:
    info = await argus.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())

    named = {(entry.metric, entry.profile): entry for entry in info.thresholds}
    assert list(named) == sorted(named)
    assert {metric for metric, _ in named} == {metric + 1 for metric in load_tables().thresholds}
    idle = named[metrics_pb2.METRIC_CPU_IDLE_PCT, ""]
    assert (idle.warning, idle.critical, idle.unit, idle.low_is_bad, idle.per_core) == (
        15,
        5,
        "%",
        True,
        False,
    )
    memory = named[metrics_pb2.METRIC_MEM_USED_PCT, "database"]
    assert (memory.warning, memory.critical) == (98, 99)
    assert named[metrics_pb2.METRIC_MEM_USED_PCT, ""].critical == 98
    load = named[metrics_pb2.METRIC_LOAD_AVERAGE, ""]
    assert (load.critical, load.unit, load.low_is_bad, load.per_core) == (4, "", False, True)


async def test_reflection_lists_what_is_registered(argus: Running) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(argus.channel)
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    listed = (await call.read()).list_services_response.service
    assert {service.name for service in listed} == SERVICES


async def test_a_sound_server_says_so_everywhere(argus: Running) -> None:
    now = await status(argus)
    assert (now.serving, now.degraded, now.model.kind) == (True, False, "TFT")
    assert now.model.revision.startswith("first")
    for service in ("", "argus.v1.IngestService", MODEL):
        assert await health(argus, service) == SERVING


async def test_models_are_listed_with_their_defects(argus: Running) -> None:
    listed = (await argus.admin.ListModels(admin_pb2.ListModelsRequest())).models
    found = {model.name: model for model in listed}
    assert set(found) == {"first", "second", "broken"}
    assert found["first"].running
    assert found["second"].parameters > 0
    assert found["second"].wql == 0.5
    assert "corrupt" in found["broken"].defect


async def test_a_model_is_swapped_and_rolled_back_while_running(argus: Running) -> None:
    loaded = (await argus.admin.LoadModel(admin_pb2.LoadModelRequest(name="second"))).model
    made = (await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())).snapshot
    back = (await argus.admin.RollBackModel(admin_pb2.RollBackModelRequest())).model

    assert loaded.revision.startswith("second")
    assert made.header.model.revision == loaded.revision
    assert back.revision.startswith("first")


async def test_a_damaged_model_changes_nothing(argus: Running) -> None:
    before = (await status(argus)).model

    error = await refusal(argus.admin.LoadModel(admin_pb2.LoadModelRequest(name="broken")))

    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "the running model stays" in (error.details() or "")
    after = await status(argus)
    assert (after.model, after.degraded) == (before, False)


async def test_the_running_artifact_can_be_damaged_and_reloading_it_keeps_the_old(
    argus: Running, models: Path
) -> None:
    damage(models / "first")
    error = await refusal(argus.admin.ReloadModel(admin_pb2.ReloadModelRequest()))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert not (await status(argus)).degraded


@pytest.mark.parametrize("name", ["../first", "", "a/b", "x" * 200])
async def test_a_path_is_no_name(argus: Running, name: str) -> None:
    error = await refusal(argus.admin.LoadModel(admin_pb2.LoadModelRequest(name=name)))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_an_unknown_model_is_not_found_and_known_ones_are_named(argus: Running) -> None:
    error = await refusal(argus.admin.LoadModel(admin_pb2.LoadModelRequest(name="third")))
    assert error.code() == grpc.StatusCode.NOT_FOUND
    assert "first, second" in (error.details() or "")


async def test_there_is_nothing_to_roll_back_to_at_first(argus: Running) -> None:
    error = await refusal(argus.admin.RollBackModel(admin_pb2.RollBackModelRequest()))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_corrupted_model_is_degraded_everywhere_until_a_sound_one_is_loaded(models: Path) -> None:
    async with running(model=models / "broken") as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        await stream.send(1, history(["a"], 30))
        now = await status(argus)
        made = (await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())).snapshot
        scraped = await scrape(argus.metrics_address)

        assert (now.serving, now.degraded, now.model.kind) == (True, True, "FALLBACK")
        assert "corrupt" in now.degraded_reason
        assert (made.header.degraded, made.header.degraded_reason) == (True, now.degraded_reason)
        assert made.servers[0].source == snapshot_pb2.FORECAST_SOURCE_FALLBACK
        assert (await health(argus), await health(argus, MODEL)) == (SERVING, NOT_SERVING)
        assert "argus_degraded 1.0" in scraped
        assert 'argus_forecast_servers{source="tft"} 0.0' in scraped
        assert "argus_model_reload_failures_total 1.0" in scraped

        await argus.admin.LoadModel(admin_pb2.LoadModelRequest(name="second"))

        made = (await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())).snapshot
        assert not made.header.degraded
        assert made.servers[0].source == snapshot_pb2.FORECAST_SOURCE_TFT
        assert await health(argus, MODEL) == SERVING


async def test_a_model_with_another_horizon_changes_the_snapshots(argus: Running, models: Path) -> None:
    untrained(models / "short", horizon=48)
    stream = IngestStream(argus.ingest)
    await stream.hello()
    await stream.send(1, history(["a"], 30))
    whole = snapshot_pb2.SnapshotFilter(view=snapshot_pb2.SNAPSHOT_VIEW_FULL)
    request = prediction_pb2.GetSnapshotRequest(filter=whole)
    before = (await argus.prediction.GetSnapshot(request)).snapshot

    await argus.admin.LoadModel(admin_pb2.LoadModelRequest(name="short"))

    after = (await argus.prediction.GetSnapshot(request)).snapshot
    assert (before.header.horizon_steps, after.header.horizon_steps) == (96, 48)
    assert len(after.servers[0].forecasts[0].p50) == 48
    assert after.header.model.name == "short"


async def test_a_model_that_looks_further_back_than_the_windows_is_refused(
    argus: Running, models: Path
) -> None:
    untrained(models / "long", context_days=14)
    error = await refusal(argus.admin.LoadModel(admin_pb2.LoadModelRequest(name="long")))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "4032 steps back, the windows keep 2016" in (error.details() or "")


def change_json(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(
            lambda path: (path / "data_contract_version.txt").write_bytes(b"\xff\xfe"), id="no UTF-8"
        ),
        pytest.param(
            lambda path: change_json(path / "config.json", lambda c: c["features"].update(patch_length=0)),
            id="patches of nothing",
        ),
        pytest.param(
            lambda path: change_json(
                path / "config.json", lambda c: c["features"].update(encoder_steps=float("inf"))
            ),
            id="an endless window",
        ),
        pytest.param(lambda path: (path / "metrics.json").write_text("[" * 100_000), id="deep nesting"),
        pytest.param(lambda path: (path / "config.json").write_text("[]"), id="no object"),
        pytest.param(lambda path: (path / "model.safetensors").write_bytes(b""), id="no weights"),
    ],
)
async def test_an_odd_artifact_degrades_the_server_and_never_stops_it(
    models: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(models / "first")
    async with running(model=models / "first") as argus:
        now = await status(argus)
        assert (now.serving, now.degraded, now.model.kind) == (True, True, "FALLBACK")
        listed = (await argus.admin.ListModels(admin_pb2.ListModelsRequest())).models
        assert next(model for model in listed if model.name == "first").defect


async def test_an_odd_word_of_the_trainer_does_not_hide_the_models(argus: Running, models: Path) -> None:
    (models / "second" / "metrics.json").write_text('{"datasets": [1]}')
    change_json(models / "first" / "training_info.json", lambda info: info.update(trained_at_ms="abc"))
    listed = (await argus.admin.ListModels(admin_pb2.ListModelsRequest())).models
    assert {model.name for model in listed} == {"first", "second", "broken"}


async def test_health_is_watched_until_the_server_drains(argus: Running) -> None:
    call = health_pb2_grpc.HealthStub(argus.channel).Watch(health_pb2.HealthCheckRequest())
    assert (await call.read()).status == SERVING
    drained = asyncio.create_task(argus.server.drain())
    assert (await call.read()).status == NOT_SERVING
    call.cancel()
    await drained


async def scrape(address: str) -> str:
    """What the exporter serves."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    return text
