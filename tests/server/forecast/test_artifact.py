"""An artifact is served only when every part of it is what it should be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from argus_server.forecast import artifact
from argus_server.forecast.artifact import FILES, ArtifactError, ArtifactReason, LoadedModel
from argus_server.forecast.artifact_directory import OccupiedError
from argus_server.forecast.pipeline import PatchPipeline
from tests.server.forecast.conftest import write_artifact


def edit_config(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((path / "config.json").read_text())
    change(config)
    (path / "config.json").write_text(json.dumps(config))


def rewrite_weights(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change tensors and record the new hash, as a broken exporter would."""
    state = safetensors.torch.load((path / "model.safetensors").read_bytes())
    change(state)
    data = safetensors.torch.save(state)
    (path / "model.safetensors").write_bytes(data)
    edit_config(path, lambda config: config.update(weights_sha256=hashlib.sha256(data).hexdigest()))


def refusal(path: Path, **options: Any) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        artifact.load(path, **options)
    return caught.value


def test_what_was_saved_is_what_is_loaded(artifact_dir: Path) -> None:
    model = artifact.load(artifact_dir, step_seconds=300)
    assert sorted(p.name for p in artifact_dir.iterdir()) == sorted(FILES)
    digest = hashlib.sha256((artifact_dir / "model.safetensors").read_bytes()).hexdigest()
    assert model.revision == f"tiny-{digest[:12]}"
    assert model.config["contract_version"] == "1"
    assert not model.module.training
    again = artifact_dir.with_name("again")
    revision = artifact.save(
        again, artifact.ArtifactContent(model.module, model.schema, "tiny", {}, {}, card="x")
    )
    assert revision == model.revision


def test_saving_over_an_artifact_replaces_all_of_it(artifact_dir: Path, model: LoadedModel) -> None:
    (artifact_dir / "calibration.json").write_text("from before")
    artifact.save(
        artifact_dir, artifact.ArtifactContent(model.module, model.schema, "other", {}, {}, card="x")
    )
    assert artifact.load(artifact_dir).name == "other"
    assert sorted(p.name for p in artifact_dir.iterdir()) == sorted(FILES)
    assert [p.name for p in artifact_dir.parent.iterdir()] == ["tiny"]


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def make_file(path: Path) -> None:
    path.write_text("timestamp,server_name\n")


def make_thesis(path: Path) -> None:
    path.mkdir()
    (path / "thesis.txt").write_text("years of work")


def make_other_model(path: Path) -> None:
    """As other libraries lay a model out."""
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(b"weights")


def make_artifact_with_notes(path: Path) -> None:
    write_artifact(path)
    (path / "notes").mkdir()
    (path / "notes" / "day1.txt").write_text("it learns")


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (make_file, "is a file, not an artifact's directory"),
        (make_thesis, "exists and is no artifact .it holds 'thesis.txt'"),
        (make_other_model, "exists and is no artifact"),
        (make_artifact_with_notes, "is an artifact that also holds 'notes', which would be lost"),
    ],
)
def test_what_is_no_artifact_is_never_replaced(
    model: LoadedModel, tmp_path: Path, make: Callable[[Path], object], hint: str
) -> None:
    place = tmp_path / "precious"
    make(place)
    before = contents(tmp_path)
    content = artifact.ArtifactContent(model.module, model.schema, "other", {}, {}, card="x")
    for write in (lambda: artifact.check_target(place), lambda: artifact.save(place, content)):
        with pytest.raises(OccupiedError, match=hint):
            write()
    assert contents(tmp_path) == before


def test_an_empty_directory_and_what_a_link_points_at_are_used(model: LoadedModel, tmp_path: Path) -> None:
    content = artifact.ArtifactContent(model.module, model.schema, "other", {}, {}, card="x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    artifact.save(tmp_path / "link", content)
    artifact.save(tmp_path / "link", content)
    assert (tmp_path / "link").is_symlink()
    assert artifact.load(tmp_path / "empty").name == "other"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "link", "models"]


def test_what_cannot_be_written_leaves_nothing(artifact_dir: Path, model: LoadedModel) -> None:
    before = contents(artifact_dir.parent)
    spoiled = artifact.ArtifactContent(
        model.module, model.schema, "other", {}, {"wql": float("nan")}, card="x"
    )
    with pytest.raises(ValueError, match="JSON"):
        artifact.save(artifact_dir, spoiled)
    assert contents(artifact_dir.parent) == before
    assert [path.name for path in artifact_dir.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize("name", FILES)
def test_every_file_must_be_there(artifact_dir: Path, name: str) -> None:
    (artifact_dir / name).unlink()
    error = refusal(artifact_dir)
    assert error.reason is ArtifactReason.MISSING_FILE
    assert name in error.message


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "training_info.json", "server_mapping.json"])
def test_json_must_be_json(artifact_dir: Path, name: str) -> None:
    (artifact_dir / name).write_text("{not json")
    assert refusal(artifact_dir).reason is ArtifactReason.BAD_CONFIG


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda c: c.pop("model"), "'model' is missing"),
        (lambda c: c["model"].update(hidden_size="wide"), "hidden_size"),
        (lambda c: c["model"].update(surprise=1), "surprise"),
        (lambda c: c["model"].update(patch_length=6), "variables"),
        (lambda c: c["features"].update(metrics=["cpu"]), "features.metrics"),
        (lambda c: c["features"].update(horizon=95), "patch_length 12 must divide"),
        (lambda c: c["scaling"].update(limit=3.0), "scaling.limit"),
        (lambda c: c.update(format_version=2), "format_version"),
        (lambda c: c.update(min_encoder_steps=0), "min_encoder_steps"),
        (lambda c: c.update(name=""), "name"),
        (lambda c: c.update(pipeline="waves"), "pipeline is 'waves', this code has 'patches' and 'classic'"),
        (lambda c: c.update(pipeline="classic"), "static_reals: Field required"),
    ],
)
def test_the_config_must_describe_this_pipeline(
    artifact_dir: Path, change: Callable[[dict[str, Any]], object], hint: str
) -> None:
    edit_config(artifact_dir, change)
    error = refusal(artifact_dir)
    assert error.reason is ArtifactReason.BAD_CONFIG
    assert hint in error.message


def test_an_artifact_from_before_there_were_two_pipelines_has_patches(artifact_dir: Path) -> None:
    edit_config(artifact_dir, lambda c: c.pop("pipeline"))
    assert isinstance(artifact.load(artifact_dir).pipeline, PatchPipeline)


def test_another_contract_is_refused(artifact_dir: Path) -> None:
    (artifact_dir / "data_contract_version.txt").write_text("2\n")
    assert refusal(artifact_dir).reason is ArtifactReason.CONTRACT_MISMATCH


def test_another_step_is_refused(artifact_dir: Path) -> None:
    error = refusal(artifact_dir, step_seconds=60)
    assert error.reason is ArtifactReason.STEP_MISMATCH
    assert "300 s" in error.message


def test_one_flipped_bit_is_refused(artifact_dir: Path) -> None:
    weights = artifact_dir / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert refusal(artifact_dir).reason is ArtifactReason.CORRUPT_WEIGHTS


def test_a_truncated_file_is_refused_even_with_its_hash(artifact_dir: Path) -> None:
    weights = artifact_dir / "model.safetensors"
    data = weights.read_bytes()[:-100]
    weights.write_bytes(data)
    edit_config(artifact_dir, lambda c: c.update(weights_sha256=hashlib.sha256(data).hexdigest()))
    assert refusal(artifact_dir).reason is ArtifactReason.CORRUPT_WEIGHTS


def test_weights_must_be_finite(artifact_dir: Path) -> None:
    rewrite_weights(artifact_dir, lambda state: state["output.bias"].fill_(float("nan")))
    error = refusal(artifact_dir)
    assert error.reason is ArtifactReason.CORRUPT_WEIGHTS
    assert "output.bias" in error.message


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("output.bias"),
        lambda state: state.update(extra=torch.zeros(1)),
        lambda state: state.update({"output.bias": torch.zeros(3)}),
        lambda state: state.update({"output.bias": state["output.bias"].double()}),
    ],
    ids=["missing", "unknown", "shape", "dtype"],
)
def test_tensors_must_be_the_models(
    artifact_dir: Path, change: Callable[[dict[str, torch.Tensor]], object]
) -> None:
    rewrite_weights(artifact_dir, change)
    assert refusal(artifact_dir).reason is ArtifactReason.WEIGHTS_MISMATCH


def test_a_model_that_overflows_fails_the_smoke_test(artifact_dir: Path) -> None:
    rewrite_weights(artifact_dir, lambda state: state["output.weight"].fill_(3e38))
    assert refusal(artifact_dir).reason is ArtifactReason.SMOKE_TEST_FAILED
