"""An export becomes an artifact when every part of it is sound; a running server loads it like any other."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from argus.v1 import admin_pb2, prediction_pb2, snapshot_pb2
from argus_server.forecast import artifact
from argus_server.forecast.artifact import ArtifactError, ArtifactReason
from argus_server.forecast.artifact_directory import OccupiedError
from argus_server.forecast.classic_export import export_tft
from argus_server.forecast.classic_import import import_tft
from argus_server.forecast.classic_schema import UnsupportedModelError
from argus_server.forecast.device import DeviceProfile
from argus_server.forecast.forecaster import Forecaster
from argus_server.forecast.frame import Source
from argus_server.window.frame import WindowFrame
from tests.processes import ROOT, SECONDS, environment
from tests.server.forecast.classic import Recipe, made
from tests.server.models import untrained
from tests.server.running import IngestStream, history, running


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(
        targets=("cpu_user_pct", "mem_used_pct"),
        normalizers=(Recipe().normalizers[0], Recipe().normalizers[0]),
        covariates=("load_average",),
        static=("profile",),
    )
    return export_tft(*made(recipe, train_steps=1), tmp_path_factory.mktemp("export"))


@pytest.fixture
def copied(export: Path, tmp_path: Path) -> Path:
    path = tmp_path / "export"
    path.mkdir()
    for file in export.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    return path


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))


def test_an_artifact_says_where_it_comes_from(export: Path, tmp_path: Path) -> None:
    imported = import_tft(export, tmp_path / "models" / "mine")
    model = artifact.load(imported.path, step_seconds=300)
    assert (imported.name, model.name) == ("mine", "mine")
    assert imported.revision == model.revision
    assert sorted(file.name for file in imported.path.iterdir()) == sorted(artifact.FILES)
    assert model.config["pipeline"] == "classic"
    assert model.config["contract_version"] == "1"
    assert model.metrics == {"datasets": {}}
    assert model.training_info["evaluated"] is False
    # Whoever scores the model must know which servers it has seen.
    assert model.training_info["training_servers"] == ["db-1", "db-2", "db-3"]
    weights = (export / "weights.safetensors").read_bytes()
    assert model.training_info["source"]["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    card = (imported.path / "MODEL_CARD.md").read_text()
    assert "Not evaluated" in card
    assert "Forecasts cpu_user_pct, mem_used_pct." in card
    assert (model.pipeline.context_steps, model.pipeline.horizon, model.min_encoder_steps) == (288, 6, 18)
    assert len(imported.fallback_metrics) == 12


def test_what_only_models_of_argus_have_is_refused(export: Path, tmp_path: Path) -> None:
    model = artifact.load(import_tft(export, tmp_path / "mine").path)
    with pytest.raises(ArtifactError, match="imported model with features of its own") as caught:
        _ = model.schema
    assert caught.value.reason is ArtifactReason.OTHER_FEATURES


def drop(name: str) -> Callable[[Path], object]:
    return lambda path: (path / name).unlink()


def describe(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    return lambda path: edit(path / "tft.json", change)


def reweigh(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    def apply(path: Path) -> None:
        state = safetensors.torch.load((path / "weights.safetensors").read_bytes())
        change(state)
        data = safetensors.torch.save(state)
        (path / "weights.safetensors").write_bytes(data)
        edit(path / "tft.json", lambda d: d.update(weights_sha256=hashlib.sha256(data).hexdigest()))

    return apply


def corrupt(path: Path) -> None:
    (path / "weights.safetensors").write_bytes(b"not tensors")
    edit(path / "tft.json", lambda d: d.update(weights_sha256=hashlib.sha256(b"not tensors").hexdigest()))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no weights": (drop("weights.safetensors"), "weights.safetensors is missing: .* must hold what export_tft wrote"),
    "no description": (drop("tft.json"), "tft.json is missing"),
    "no JSON": (lambda path: (path / "tft.json").write_text("{"), "tft.json is not JSON"),
    "a list": (lambda path: (path / "tft.json").write_text("[]"), "must hold a JSON object"),
    "another format": (describe(lambda d: d.update(format_version=2)), "format_version is 2, expected 1"),
    "another contract": (describe(lambda d: d.update(contract_version="9")), "contract_version is '9'"),
    "other weights": (describe(lambda d: d.update(weights_sha256="0")), "json records 0"),
    "a missing key": (describe(lambda d: d.pop("hparams")), "key 'hparams' is missing"),
    "a missing input": (describe(lambda d: d["inputs"]["encoder_reals"].pop()), "encoder_reals are described as"),
    "an unknown key": (describe(lambda d: d["inputs"].update(surprise=1)), "inputs.*surprise|surprise: "),
    "a scale of zero": (
        describe(lambda d: d["inputs"]["encoder_reals"][-1]["scaler"].update(scale=0.0)),
        r"encoder_reals.3.scaler.fixed.scale: .*greater than 0",
    ),
    "a metric of the future": (
        describe(lambda d: d["inputs"]["decoder_reals"][0].update(source="metric", name="cpu_user_pct")),
        r"the future of \['cpu_user_pct'\] is not known",
    ),
    "no metric": (
        describe(lambda d: d["inputs"]["targets"][0].update(metric="cpu")),
        r"\['cpu'\] are no metrics of the contract",
    ),
    "codes beyond the embeddings": (
        describe(lambda d: d["inputs"]["static_categoricals"][0]["codes"].update(database=9)),
        "profile has codes beyond its 3 embeddings",
    ),
    "codes of other profiles": (
        describe(lambda d: d["inputs"]["static_categoricals"][0]["codes"].pop("database")),
        "profile needs a code for each of",
    ),
    "an encoder of one step": (describe(lambda d: d["inputs"].update(encoder_steps=1)), "encoder_steps"),
    "another size": (describe(lambda d: d["hparams"].update(hidden_size=16)), "does not fit tft.json"),
    "too few quantiles": (describe(lambda d: d.update(quantiles=[0.1, 0.9])), "needs 2 outputs"),
    "other quantiles": (describe(lambda d: d.update(quantiles=[0.2, 0.5, 0.8])), r"Argus needs \[0.1, 0.5, 0.9\]"),
    "no tensors": (corrupt, "does not fit tft.json"),
    "a missing tensor": (reweigh(lambda state: state.pop("lstm_encoder.weight_ih_l0")), "does not fit tft.json"),
    "weights that are no numbers": (
        reweigh(lambda state: state["output_layer.0.weight"].fill_(float("nan"))),
        "cannot be served: .* holds NaN",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "hint"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_export_leaves_the_old_artifact(
    copied: Path, tmp_path: Path, damage: Callable[[Path], object], hint: str
) -> None:
    before = untrained(tmp_path / "mine")
    damage(copied)
    with pytest.raises(UnsupportedModelError, match=hint):
        import_tft(copied, tmp_path / "mine")
    assert artifact.load(tmp_path / "mine").revision == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "mine"]


def test_a_directory_that_is_no_artifact_is_never_replaced(export: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(OccupiedError, match="home exists and is no artifact"):
        import_tft(export, tmp_path / "home")
    assert (tmp_path / "home" / "letter.txt").read_text() == "dear"


def command(*words: object) -> subprocess.CompletedProcess[str]:
    code = "from argus_client.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, words)],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_the_command_line(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    done = command("model", "import", export, "--out", out, "--name", "theirs", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["revision"] == artifact.load(out).revision
    assert (report["name"], report["targets"]) == ("theirs", ["cpu_user_pct", "mem_used_pct"])
    assert (report["encoder_steps"], report["horizon"], report["evaluated"]) == (24, 6, False)

    in_words = command("model", "import", export, "--out", out)
    assert "from the fallback: cpu_sys_pct" in in_words.stdout
    assert "not evaluated" in in_words.stdout


def test_the_command_line_refuses_in_one_line(tmp_path: Path) -> None:
    done = command("model", "import", tmp_path, "--out", tmp_path / "mine")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("argus model import:")
    assert "must hold what export_tft wrote" in line


async def test_a_running_server_swaps_to_it_and_back(export: Path, tmp_path: Path) -> None:
    own = untrained(tmp_path / "own")
    imported = import_tft(export, tmp_path / "imported")

    async with running(model=tmp_path / "own") as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        await stream.send(1, history(["web-1", "web-2"], 40))
        await stream.close()

        async def snapshot() -> Any:
            request = prediction_pb2.GetSnapshotRequest()
            return (await argus.prediction.GetSnapshot(request)).snapshot

        async def load(name: str) -> str:
            answer = await argus.admin.LoadModel(admin_pb2.LoadModelRequest(name=name))
            return str(answer.model.revision)

        listed = (await argus.admin.ListModels(admin_pb2.ListModelsRequest())).models
        assert {model.name: model.defect for model in listed} == {"own": "", "imported": ""}
        assert (await snapshot()).header.model.revision == own

        assert await load("imported") == imported.revision
        made = await snapshot()
        assert made.header.model.revision == imported.revision
        assert {server.source for server in made.servers} == {snapshot_pb2.FORECAST_SOURCE_TFT}
        status = await argus.admin.GetStatus(admin_pb2.GetStatusRequest())
        assert not status.degraded

        back = (await argus.admin.RollBackModel(admin_pb2.RollBackModelRequest())).model
        assert back.revision == own
        assert (await snapshot()).header.model.revision == own


def test_forecasts_of_an_import_need_three_quarters_of_its_encoder(export: Path, tmp_path: Path) -> None:
    """Observed 17 of 24 steps: the fallback; 18: the model, with the beginning filled up."""
    model = artifact.load(import_tft(export, tmp_path / "mine").path)
    values = np.full((2, 288, 14), 40.0, dtype=np.float32)
    values[0, :-17] = values[1, :-18] = np.nan
    frame = WindowFrame(
        server_names=("a", "b"),
        values=values,
        origin_ms=0,
        step_seconds=300,
        profiles=np.zeros(2, dtype=np.int8),
        observed_steps=np.array([17, 18], dtype=np.int32),
    )
    forecast = Forecaster(model, DeviceProfile("test", "cpu", 4, 4, 0, "highest", 1.0)).forecast(frame)
    assert forecast.sources.tolist() == [Source.FALLBACK, Source.TFT]
    assert np.isfinite(forecast.quantiles).all()
