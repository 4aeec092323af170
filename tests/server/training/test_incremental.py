"""Going on from an artifact: it really learns, it never gets worse on its own check, and it knows where it is from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from argus_server.forecast import artifact
from argus_server.forecast.artifact import ArtifactError
from argus_server.training import corpus, pipeline
from argus_server.training.data import SplitConfig
from argus_server.training.fit import TrainingConfig
from argus_server.training.module import OptimizerConfig
from argus_server.training.pipeline import TrainingOutcome, TrainingRequest
from argus_server.training.sampling import SamplingConfig
from tests.server.training.conftest import MILD, fleet_table
from tests.server.training.test_training import app

TINY = TrainingConfig(
    hidden_size=8,
    attention_heads=2,
    epochs=2,
    steps_per_epoch=10,
    split=SplitConfig(batches=2),
    optimizer=OptimizerConfig(learning_rate=5e-3, warmup_steps=5),
    sampling=SamplingConfig(series=64),
)


@pytest.fixture
def parent(fleet_file: Path, tmp_path: Path) -> Path:
    pipeline.train(TrainingRequest((fleet_file,), tmp_path / "parent", "parent"), TINY)
    return tmp_path / "parent"


@pytest.fixture
def own_fleet(tmp_path: Path) -> Path:
    """A fleet that behaves otherwise: a sawtooth of four hours."""
    table = fleet_table(servers=2, steps=1500)
    step = np.tile(np.arange(1500), 2)
    cpu = (20.0 + (step % 48) * 1.2 + np.random.default_rng(1).normal(0.0, 0.5, len(step))).astype(np.float32)
    names = pa.array([f"own-{index}" for index in np.repeat([0, 1], 1500)])
    table = table.set_column(table.column_names.index("cpu_user_pct"), "cpu_user_pct", pa.array(cpu))
    table = table.set_column(table.column_names.index("cpu_idle_pct"), "cpu_idle_pct", pa.array(100 - cpu))
    table = table.set_column(table.column_names.index("server_name"), "server_name", names)
    pq.write_table(table, tmp_path / "own.parquet")
    return tmp_path / "own.parquet"


def go_on(parent: Path, data: Path, out: Path, learning_rate: float, pull: float = 0.0) -> TrainingOutcome:
    config = replace(
        TINY,
        epochs=4,
        split=SplitConfig(batches=4, by_time=True),
        optimizer=OptimizerConfig(learning_rate=learning_rate, warmup_steps=2, pull=pull),
    )
    return pipeline.train(TrainingRequest((data,), out, "own", parent=parent), config)


def distance(first: Path, second: Path) -> float:
    ours, theirs = (artifact.load(path).module.state_dict() for path in (first, second))
    return float(sum((ours[name] - theirs[name]).square().sum() for name in ours))


def test_weights_and_validation_loss_move(parent: Path, own_fleet: Path, tmp_path: Path) -> None:
    outcome = go_on(parent, own_fleet, tmp_path / "own", 5e-3)
    info = outcome.training_info
    losses = [each["validation_loss"] for each in info["rounds"]]
    start = go_on(parent, own_fleet, tmp_path / "still", 0.0).training_info["best_validation_loss"]
    assert info["best_round"] >= 0
    assert min(losses) < 0.9 * start, "it learned"
    assert distance(parent, tmp_path / "own") > 1e-4
    assert outcome.revision != artifact.load(parent).revision


def test_it_remembers_where_it_is_from(parent: Path, own_fleet: Path, tmp_path: Path) -> None:
    go_on(parent, own_fleet, tmp_path / "own", 5e-3)
    again = go_on(tmp_path / "own", own_fleet, tmp_path / "again", 5e-3).training_info
    assert again["parent"]["revision"] == artifact.load(tmp_path / "own").revision
    assert {"own-0", "own-1", "ppweb000", "ppweb001", "ppweb002"} == set(again["parent"]["training_servers"])
    assert again["training_servers"] == again["validation_servers"] == ["own-0", "own-1"]


def test_what_does_not_help_is_not_kept(parent: Path, own_fleet: Path, tmp_path: Path) -> None:
    outcome = go_on(parent, own_fleet, tmp_path / "wild", 50.0)
    assert outcome.training_info["best_round"] == -1
    assert distance(parent, tmp_path / "wild") == 0.0


def test_the_pull_holds_it_near(parent: Path, own_fleet: Path, tmp_path: Path) -> None:
    go_on(parent, own_fleet, tmp_path / "free", 5e-3)
    go_on(parent, own_fleet, tmp_path / "held", 5e-3, pull=1.0)
    assert 0 < distance(parent, tmp_path / "held") < 0.5 * distance(parent, tmp_path / "free")


def test_its_check_is_the_last_tenth_with_what_was_before(own_fleet: Path) -> None:
    """Validation windows end in the last tenth, but look back beyond it."""
    from argus_server.forecast.features import FeatureSchema
    from argus_server.training.data import in_memory

    histories, _ = corpus.load(own_fleet, 300)
    for history in histories:
        history.values[:, 1] = np.where(np.arange(1500) >= 1350, 50.0, 20.0)
    data = in_memory(
        histories, FeatureSchema(), TINY.sampling, SplitConfig(batches=4, by_time=True), batches=1, seed=1
    )
    sys_code = 1
    for batch in data.validation_windows:
        chosen = batch.inputs.static_categoricals[:, 0, 0] == sys_code
        assert bool(chosen.any())
        observed = batch.inputs.static_reals[2][chosen][:, 0, 0]
        assert float(observed.max()) == 1.0, "a whole day of past, though the last tenth is shorter"
    for batch in data.windows(0):
        chosen = batch.inputs.static_categoricals[:, 0, 0] == sys_code
        assert float(batch.target[chosen].max()) < 1.0, "training never sees the last tenth"


def held_out(parent: Path, fleet: Path, out: Path, *servers: str, all_rows: bool = False) -> TrainingOutcome:
    short = replace(TINY, epochs=1, steps_per_epoch=2)
    request = TrainingRequest((fleet,), out, out.name, holdout=servers, parent=parent, all_rows=all_rows)
    return pipeline.train(request, short)


def test_held_out_servers_that_an_ancestor_saw_are_no_test_of_new_ones(
    parent: Path, fleet_file: Path, tmp_path: Path
) -> None:
    child = held_out(parent, fleet_file, tmp_path / "child", "ppweb001")
    grandchild = held_out(tmp_path / "child", fleet_file, tmp_path / "grandchild", "ppweb001")
    for outcome in (child, grandchild):
        assert outcome.metrics["datasets"]["fleet"]["servers_seen_in_training"] == ["ppweb001"]
        assert "never saw" not in json.dumps(outcome.metrics)
    card = (tmp_path / "grandchild" / "MODEL_CARD.md").read_text()
    assert "never saw" not in card
    assert (
        "**Not a test of new servers:** 1 of 1 have the names of servers that the model it\ngoes on" in card
    )
    assert "had seen (ppweb001), though not the rows scored here, where a file has a `split` column." in card
    assert f"It goes on from {child.revision}, which had seen 3 servers." in card


def test_a_test_part_too_short_to_score_makes_no_server_new(parent: Path, tmp_path: Path) -> None:
    pq.write_table(fleet_table(split_at=1190), tmp_path / "late.parquet")
    outcome = held_out(parent, tmp_path / "late.parquet", tmp_path / "child", "ppweb001")
    assert outcome.metrics["datasets"]["late"]["servers"] == []
    card = (tmp_path / "child" / "MODEL_CARD.md").read_text()
    assert "never saw" not in card
    assert "Not scored: the test part is too short on all 1 servers" in card


def test_rows_that_an_ancestor_learned_from_are_admitted(fleet_file: Path, tmp_path: Path) -> None:
    short = replace(TINY, epochs=1, steps_per_epoch=2)
    pipeline.train(TrainingRequest((fleet_file,), tmp_path / "parent", "parent", all_rows=True), short)
    held_out(tmp_path / "parent", fleet_file, tmp_path / "child", "ppweb001")
    outcome = held_out(tmp_path / "child", fleet_file, tmp_path / "grandchild", "ppweb001")
    assert outcome.training_info["parent"]["rows"] == "all"
    card = (tmp_path / "grandchild" / "MODEL_CARD.md").read_text()
    assert "and all their rows were learned from, those scored here as well." in card


def test_new_servers_stay_new(fleet_file: Path, tmp_path: Path) -> None:
    short = replace(TINY, epochs=1, steps_per_epoch=2)
    pipeline.train(
        TrainingRequest((fleet_file,), tmp_path / "parent", "parent", holdout=("ppweb001",)), short
    )
    outcome = held_out(tmp_path / "parent", fleet_file, tmp_path / "child", "ppweb001")
    assert outcome.metrics["datasets"]["fleet"]["servers_seen_in_training"] == []
    assert "Servers the model never saw." in (tmp_path / "child" / "MODEL_CARD.md").read_text()


def calibrated(path: Path) -> None:
    model = artifact.load(path)
    content = artifact.ArtifactContent(
        model.module, model.schema, model.name, model.training_info, model.metrics, "x", calibrator=MILD
    )
    artifact.save(path, content)


def test_the_parents_calibration_is_kept_where_too_little_happened_to_fit_another(
    parent: Path, own_fleet: Path, tmp_path: Path
) -> None:
    calibrated(parent)
    arguments = ["--mode", "incremental", "--from", str(parent), "--data", str(own_fleet)]
    small = ["--epochs", "1", "--steps-per-epoch", "2", "--series", "16", "--out", str(tmp_path / "m")]
    result = CliRunner().invoke(app(), [*arguments, *small])
    assert result.exit_code == 0, result.stderr
    model = artifact.load(tmp_path / "m")
    assert model.calibrator == MILD
    assert model.training_info["calibration"] == "parent"
    assert "calibration.json, which is the parent's" in (tmp_path / "m" / "MODEL_CARD.md").read_text()
    assert "the parent's calibration was kept" in " ".join(result.stderr.split())


def test_a_calibration_of_its_own_comes_first(
    parent: Path, own_fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrated(parent)
    own = replace(MILD, maps=MILD.maps[:1])
    monkeypatch.setattr(pipeline, "fit_calibrator", lambda candidate, histories: own)
    go_on(parent, own_fleet, tmp_path / "own", 0.0)
    model = artifact.load(tmp_path / "own")
    assert (model.calibrator, model.training_info["calibration"]) == (own, "fitted")


def test_without_any_calibration_the_card_says_so(parent: Path) -> None:
    assert artifact.load(parent).training_info["calibration"] == "none"
    assert "are the forecast's own" in (parent / "MODEL_CARD.md").read_text()


def test_a_damaged_parent_is_refused(parent: Path, own_fleet: Path, tmp_path: Path) -> None:
    (parent / "model.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError, match="SHA-256"):
        go_on(parent, own_fleet, tmp_path / "own", 1e-3)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize("arguments", [["--mode", "incremental"], ["--from", "somewhere"]])
def test_mode_and_parent_go_together(own_fleet: Path, tmp_path: Path, arguments: list[str]) -> None:
    result = CliRunner().invoke(app(), ["--data", str(own_fleet), "--out", str(tmp_path / "m"), *arguments])
    assert result.exit_code == 2
    assert "--from" in result.stderr


def test_the_model_stays_as_large_as_it_is(parent: Path, own_fleet: Path, tmp_path: Path) -> None:
    wide = replace(TINY, epochs=1, steps_per_epoch=1, hidden_size=64, dropout=0.5)
    outcome = pipeline.train(TrainingRequest((own_fleet,), tmp_path / "own", "own", parent=parent), wide)
    assert outcome.training_info["settings"]["hidden_size"] == 8
    assert outcome.training_info["settings"]["dropout"] == TINY.dropout
    arguments = ["--mode", "incremental", "--from", str(parent), "--data", str(own_fleet)]
    for option in ("--hidden-size", "--context-days"):
        result = CliRunner().invoke(app(), [*arguments, "--out", str(tmp_path / "m"), option, "7"])
        assert result.exit_code == 2
        assert "cannot change" in result.stderr


def test_the_command_goes_on_from_an_artifact(parent: Path, own_fleet: Path, tmp_path: Path) -> None:
    arguments = ["--mode", "incremental", "--from", str(parent), "--data", str(own_fleet)]
    small = ["--epochs", "1", "--steps-per-epoch", "2", "--series", "16", "--json"]
    torch.manual_seed(0)
    result = CliRunner().invoke(app(), [*arguments, "--out", str(tmp_path / "m"), *small])
    assert result.exit_code == 0, result.stderr
    assert artifact.load(tmp_path / "m").training_info["parent"]["revision"].startswith("parent-")
