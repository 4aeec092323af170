"""A training run: learns, stops, keeps its best weights, and leaves an artifact that can be served."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import typer
from typer.testing import CliRunner

from argus_server.evaluation.backtest import backtest
from argus_server.evaluation.rolling import Candidate
from argus_server.forecast import artifact, device
from argus_server.forecast.features import FeatureSchema
from argus_server.training import corpus, pipeline
from argus_server.training import fit as fitting
from argus_server.training.command import train as train_command
from argus_server.training.corpus import History
from argus_server.training.data import SplitConfig, TrainingData, in_memory
from argus_server.training.fit import Progress, TrainingConfig, fit
from argus_server.training.module import OptimizerConfig, quantile_loss
from argus_server.training.pipeline import TrainingRequest
from argus_server.training.sampling import Batch, SamplingConfig, WindowSampler
from argus_server.training.tables import CorpusError
from tests.server.training.conftest import MILD, fleet_table

TINY = TrainingConfig(
    hidden_size=8,
    attention_heads=2,
    epochs=3,
    steps_per_epoch=12,
    split=SplitConfig(batches=2),
    optimizer=OptimizerConfig(learning_rate=5e-3, warmup_steps=5),
    sampling=SamplingConfig(series=64),
)


def supply(histories: list[History], config: TrainingConfig, holdout: tuple[str, ...] = ()) -> TrainingData:
    return in_memory(
        histories,
        FeatureSchema(),
        config.sampling,
        config.split,
        batches=config.steps_per_epoch,
        seed=config.seed,
        holdout=holdout,
    )


def test_pinball_loss_by_hand() -> None:
    forecast = torch.tensor([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]])
    target = torch.tensor([[4.0, 100.0]])
    observed = torch.tensor([[1.0, 0.0]])
    loss = quantile_loss(forecast, target, observed, torch.tensor([0.1, 0.5, 0.9]))
    assert float(loss) == pytest.approx((0.1 * 3 + 0.5 * 2 + 0.9 * 1) / 3)


def test_it_learns_and_keeps_the_best_weights(fleet_file: Path) -> None:
    histories, _ = corpus.load(fleet_file, 300)
    seen: list[Progress] = []
    result = fit(supply(histories, TINY, ("ppweb002",)), FeatureSchema(), TINY, on_progress=seen.append)
    losses = [each["validation_loss"] for each in result.history]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert result.best_loss == min(losses)
    assert "ppweb002" not in result.data.training + result.data.validation
    assert result.steps == 36
    assert [progress.step for progress in seen] == list(range(1, 37))
    assert seen[-1].done == 1.0


def test_the_seed_fixes_the_result(fleet_file: Path) -> None:
    histories, _ = corpus.load(fleet_file, 300)
    short = TrainingConfig(**{**_fields(TINY), "epochs": 1})
    first, second = (fit(supply(histories, short), FeatureSchema(), short) for _ in range(2))
    for ours, theirs in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_early_stopping(fleet_file: Path) -> None:
    histories, _ = corpus.load(fleet_file, 300)
    stuck = TrainingConfig(
        **{
            **_fields(TINY),
            "epochs": 30,
            "steps_per_epoch": 1,
            "patience": 2,
            "optimizer": OptimizerConfig(learning_rate=0.0),
        }
    )
    assert len(fit(supply(histories, stuck), FeatureSchema(), stuck).history) == 3


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_windows_drawn_ahead_by_another_process_change_nothing(
    fleet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories, _ = corpus.load(fleet_file, 300)
    short = replace(TINY, epochs=2, steps_per_epoch=3)
    alone = fit(supply(histories, short), FeatureSchema(), short)
    monkeypatch.setattr(fitting, "_spare_cores", lambda profile: 1)
    ahead = fit(supply(histories, short), FeatureSchema(), short)
    assert ahead.history == alone.history


def test_mixed_precision_learns_as_well(fleet_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    histories, _ = corpus.load(fleet_file, 300)
    mixed = replace(device.CPU, training_precision="bf16-mixed")
    monkeypatch.setattr(fitting, "detect", lambda: mixed)
    result = fit(supply(histories, TINY), FeatureSchema(), TINY)
    losses = [each["validation_loss"] for each in result.history]
    assert losses[-1] < losses[0]
    assert all(p.dtype == torch.float32 for p in result.model.parameters())


def test_the_artifact_can_be_served_and_tells_its_story(fleet_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    outcome = pipeline.train(
        TrainingRequest((fleet_file,), out, "small", holdout=("ppweb002",), command="argus train"), TINY
    )
    model = artifact.load(out, step_seconds=300)
    assert model.revision == outcome.revision
    figures = model.metrics["datasets"]["fleet"]
    assert figures["servers"] == ["ppweb002"]
    assert figures["series"] == 3
    # Test rows are 700 to 1199: the first origin lies a day in, the last leaves room for the horizon.
    assert figures["origins"] == len(range(700 + 288, 1200 - 96 + 1, 96)) == 2
    assert figures["wql"] > 0
    assert 0.0 <= figures["coverage"] <= 1.0
    info = model.training_info
    assert info["data"][0]["name"] == "fleet.parquet"
    assert len(info["data"][0]["sha256"]) == 64
    assert info["held_out_servers"] == ["ppweb002"]
    card = (out / "MODEL_CARD.md").read_text()
    assert "fleet.parquet" in card
    assert "argus train" in card


def test_unknown_holdouts_and_doubled_servers_are_refused(fleet_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="held-out servers are in none"):
        pipeline.train(TrainingRequest((fleet_file,), tmp_path / "m", "x", holdout=("nobody",)), TINY)
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(fleet_file.read_bytes())
    with pytest.raises(CorpusError, match="is in both fleet and copy"):
        pipeline.train(TrainingRequest((fleet_file, copy), tmp_path / "m", "x"), TINY)
    assert not (tmp_path / "m").exists()


def app() -> typer.Typer:
    application = typer.Typer()
    application.command()(train_command)
    return application


def test_the_command_prints_one_json_object(fleet_file: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(fleet_file), "--out", str(tmp_path / "m"), "--epochs", "1", "--json"]
    small = ["--steps-per-epoch", "2", "--hidden-size", "8", "--heads", "2", "--series", "32"]
    result = CliRunner().invoke(app(), [*arguments, *small, "--holdout", "ppweb001"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout.strip().splitlines()[-1])
    assert report["steps"] == 2
    assert report["revision"] == artifact.load(tmp_path / "m").revision
    assert np.isfinite(report["best_validation_loss"])


def test_the_command_says_what_is_wrong(fleet_file: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(fleet_file), "--out", str(tmp_path / "m"), "--holdout", "nobody"]
    result = CliRunner().invoke(app(), arguments)
    assert result.exit_code == 1
    assert "held-out servers are in none of the files: nobody" in result.output


def refuse_to_fit(*args: object, **options: object) -> None:
    raise AssertionError("hours of work went by before the error was found")


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--out", "precious"], "precious exists and is no artifact .it holds 'thesis.txt'"),
        (["--out", "fleet.parquet"], "fleet.parquet is a file, not an artifact's directory"),
        (["--out", "fleet.parquet/m"], "fleet.parquet/m cannot be written .*: choose another directory"),
        (["--out", "."], "holds 'fleet.parquet'|holds 'precious'"),
        (
            ["--out", "m", "--checkpoint", "fleet.parquet"],
            "fleet.parquet cannot be written .*: choose another",
        ),
        (["--out", "m", "--checkpoint", "m/checkpoints"], "m.checkpoints would be lost when the artifact"),
    ],
)
def test_places_that_cannot_be_written_are_refused_before_any_work(
    fleet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], hint: str
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years of work")
    before = fleet_file.read_bytes()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline.corpus, "load_all", refuse_to_fit)
    result = CliRunner().invoke(app(), ["--data", str(fleet_file), *options])
    assert result.exit_code == 1, result.output
    assert re.search(rf"^argus train: .*({hint})", result.stderr, re.MULTILINE), result.stderr
    assert fleet_file.read_bytes() == before
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet.parquet", "precious"]


@pytest.mark.parametrize("mode", ["standard", "streaming"])
def test_files_without_any_reading_are_named(tmp_path: Path, mode: str) -> None:
    table = fleet_table(servers=30, steps=700)
    for name in ("cpu_user_pct", "cpu_idle_pct", "net_in_mb_s"):
        index = table.column_names.index(name)
        table = table.set_column(index, name, pa.array(np.full(table.num_rows, np.nan, np.float32)))
    pq.write_table(table, tmp_path / "silent.parquet")
    arguments = ["--data", str(tmp_path / "silent.parquet"), "--out", str(tmp_path / "m"), "--mode", mode]
    result = CliRunner().invoke(app(), arguments)
    assert result.exit_code == 1
    assert "argus train: no training row of silent has a reading of a metric" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_fails_in_another_process_is_said_in_one_line(
    fleet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: WindowSampler, rng: object) -> Batch:
        raise CorpusError("fleet.parquet: column 'timestamp', row 7: it is null")

    histories, _ = corpus.load(fleet_file, 300)
    data = supply(histories, TINY)
    monkeypatch.setattr(WindowSampler, "_batch", fail)
    monkeypatch.setattr(fitting, "_spare_cores", lambda profile: 1)
    with pytest.raises(ValueError, match=r"^training windows cannot be drawn: fleet.*row 7: it is null$"):
        fit(data, FeatureSchema(), TINY)


@pytest.mark.parametrize("mode", ["standard", "streaming", "incremental"])
def test_two_rows_of_a_server_at_one_time_are_refused_in_every_mode(
    fleet_file: Path, tmp_path: Path, mode: str
) -> None:
    short = replace(TINY, epochs=1, steps_per_epoch=1)
    parent = None
    if mode == "incremental":
        parent = tmp_path / "parent"
        pipeline.train(TrainingRequest((fleet_file,), parent, "parent"), short)
    table = pq.read_table(fleet_file)
    pq.write_table(pa.concat_tables([table, table.slice(1300, 1)]), fleet_file)
    request = TrainingRequest(
        (fleet_file,), tmp_path / "m", "x", parent=parent, memory_mb=64 if mode == "streaming" else None
    )
    with pytest.raises(
        CorpusError, match=r"fleet\.parquet: column 'timestamp', row 3601: server 'ppweb001' has a"
    ):
        pipeline.train(request, short)


def test_what_is_evaluated_is_what_is_saved(
    fleet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calibrator, revision and least steps are part of the model that metrics.json tells about."""
    evaluated: list[Candidate] = []

    def spy(candidate: Candidate, histories: list[History]) -> dict[str, Any]:
        evaluated.append(candidate)
        return backtest(candidate, histories)

    monkeypatch.setattr(pipeline, "backtest", spy)
    monkeypatch.setattr(pipeline, "fit_calibrator", lambda candidate, histories: MILD)
    request = TrainingRequest((fleet_file,), tmp_path / "m", "small", holdout=("ppweb002",))
    outcome = pipeline.train(request, replace(TINY, epochs=1))
    served = Candidate.of(artifact.load(tmp_path / "m"))
    (ours,) = evaluated
    assert (ours.revision, ours.min_encoder_steps) == (served.revision, served.min_encoder_steps)
    assert (
        (ours.calibrator, ours.seen) == (served.calibrator, served.seen) == (MILD, {"ppweb000", "ppweb001"})
    )
    histories = [h for h in corpus.load(fleet_file, 300)[0] if h.name == "ppweb002"]
    again = backtest(served, histories)
    told = outcome.metrics["datasets"]["fleet"]
    # Alarms are those of a server and its rules: no artifact vouches for them.
    events = {name: again["events"][name] for name in told["events"]}
    assert {**again, "events": events, "seconds": 0} == {**told, "seconds": 0}
    assert "probabilities" in events
    assert not any("alarms" in name for name in events)


def test_the_card_tells_how_it_was_validated(fleet_file: Path, tmp_path: Path) -> None:
    short = replace(TINY, epochs=1, steps_per_epoch=1)
    pipeline.train(TrainingRequest((fleet_file,), tmp_path / "a", "a"), short)
    card = (tmp_path / "a" / "MODEL_CARD.md").read_text()
    assert "Servers: 3 for training, of 3 the last tenth for validation (early stopping), 0 held out." in card
    assert "Not evaluated: no server was held out." in card
    named = replace(short, split=SplitConfig(servers=("ppweb002",), batches=2))
    pipeline.train(TrainingRequest((fleet_file,), tmp_path / "b", "b", holdout=("ppweb001",)), named)
    card = (tmp_path / "b" / "MODEL_CARD.md").read_text()
    assert "Servers: 1 for training, 1 for validation (early stopping), 1 held out." in card
    assert "Servers the model never saw." in card


def _fields(config: TrainingConfig) -> dict[str, object]:
    return {name: getattr(config, name) for name in TrainingConfig.__slots__}


def test_test_rows_are_learned_from_only_when_asked_and_never_those_held_out(
    fleet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: dict[str, int] = {}

    def spy(histories: list[History], *args: Any, **options: Any) -> TrainingData:
        lengths.update({h.name: h.boundary for h in histories})
        return in_memory(histories, *args, **options)

    monkeypatch.setattr(pipeline.data, "in_memory", spy)
    short = TrainingConfig(**{**_fields(TINY), "epochs": 1, "steps_per_epoch": 2})
    pipeline.train(TrainingRequest((fleet_file,), tmp_path / "a", "x"), short)
    assert set(lengths.values()) == {700}
    request = TrainingRequest((fleet_file,), tmp_path / "b", "x", holdout=("ppweb002",), all_rows=True)
    outcome = pipeline.train(request, short)
    assert set(lengths.values()) == {1200}
    assert outcome.training_info["rows"] == "all"
    assert outcome.metrics["datasets"]["fleet"]["origins"] == 2, "the test part of who was held out stays"


def test_validation_servers_can_be_named(fleet_file: Path) -> None:
    histories, _ = corpus.load(fleet_file, 300)
    named = TrainingConfig(
        **{**_fields(TINY), "epochs": 1, "split": SplitConfig(servers=("ppweb002",), batches=2)}
    )
    found = supply(histories, named)
    assert found.validation == ("ppweb002",)
    assert found.training == ("ppweb000", "ppweb001")
    with pytest.raises(ValueError, match="are not in the data: nobody"):
        supply(histories, TrainingConfig(split=SplitConfig(servers=("nobody",))))


@pytest.mark.parametrize(
    "option",
    [
        ["--rows", "some"],
        ["--weights", "fleet"],
        ["--weights", "fleet=-1"],
        ["--weights", "fleet=nan"],
        ["--memory-mb", "64"],
    ],
)
def test_odd_options_are_named(fleet_file: Path, tmp_path: Path, option: list[str]) -> None:
    result = CliRunner().invoke(app(), ["--data", str(fleet_file), "--out", str(tmp_path / "m"), *option])
    assert result.exit_code == 2
    assert option[0] in result.stderr
