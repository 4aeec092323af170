"""`argus train`: files in contract columns to a model artifact, with a progress bar."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from argus_server.command_line import names
from argus_server.training import options
from argus_server.training.options import Mode, RowsUsed

if TYPE_CHECKING:
    from argus_server.training.fit import TrainingConfig
    from argus_server.training.module import OptimizerConfig
    from argus_server.training.pipeline import TrainingOutcome, TrainingRequest
    from argus_server.training.sampling import SamplingConfig

# Beside the small steps of incremental training: how strongly weights are held near the parent's.
_INCREMENTAL_PULL: Final = 1e-3


def train(
    data: options.Data,
    out: options.Out,
    name: options.Name = "",
    mode: options.ModeChoice = Mode.STANDARD,
    parent: options.Parent = None,
    rows: options.RowsChoice = RowsUsed.TRAIN,
    holdout: options.Holdout = "",
    validation: options.Validation = "",
    weights: options.Weights = "",
    epochs: options.Epochs = 40,
    steps_per_epoch: options.StepsPerEpoch = 250,
    minutes: options.Minutes = None,
    patience: options.Patience = 8,
    learning_rate: options.LearningRate = None,
    series: options.Series = 0,
    seed: options.Seed = 7,
    threads: options.Threads = 1,
    checkpoint: options.CheckpointDirectory = None,
    checkpoint_every: options.CheckpointEvery = 1,
    memory_mb: options.MemoryMb = None,
    context_days: options.ContextDays = None,
    hidden_size: options.HiddenSize = None,
    heads: options.Heads = None,
    lstm_layers: options.LstmLayers = None,
    dropout: options.Dropout = None,
    note: options.Note = "",
    json_output: options.Json = False,
) -> None:
    """Train a forecast model and write a complete artifact, evaluated on the servers held out with --holdout."""
    _check_extra()
    from argus_server.forecast.features import FeatureSchema
    from argus_server.training.data import SplitConfig
    from argus_server.training.fit import TrainingConfig
    from argus_server.training.pipeline import TrainingRequest

    incremental = mode is Mode.INCREMENTAL
    network = _given(hidden_size=hidden_size, attention_heads=heads, lstm_layers=lstm_layers, dropout=dropout)
    view = _given(context_days=context_days)
    _check_mode(mode, parent, memory_mb, [*network, *view])
    if minutes is not None and (checkpoint is not None or mode is Mode.STREAMING):
        raise typer.BadParameter(
            "a time limit makes no two runs the same, so that none can be gone on with; use --epochs",
            param_hint="--minutes",
        )
    _use_threads(threads)
    config = TrainingConfig(
        **network,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        minutes=minutes,
        patience=patience,
        seed=seed,
        split=SplitConfig(servers=names(validation), by_time=incremental and not validation),
        optimizer=_optimizer(learning_rate, incremental),
        sampling=_sampling(series, weights),
    )
    request = TrainingRequest(
        data=tuple(data),
        out=out,
        name=name or out.resolve().name,
        holdout=names(holdout),
        all_rows=rows is RowsUsed.ALL,
        schema=FeatureSchema(**view),
        parent=parent,
        memory_mb=(memory_mb or options.MEMORY_MB) if mode is Mode.STREAMING else None,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        command=shlex.join(["argus", *sys.argv[1:]]),
        note=note,
    )
    console = Console(stderr=True, quiet=json_output)
    outcome = _run(request, config, console)
    if json_output:
        typer.echo(json.dumps(_report(out, outcome)))
    else:
        _tell(console, out, outcome)


def _check_extra() -> None:
    """See that everything is installed that training needs."""
    try:
        import argus_server.training.pipeline  # noqa: F401
    except ImportError as error:
        typer.echo(
            f"argus train needs the train extra: pip install 'argus-forecast[train]' ({error})", err=True
        )
        raise typer.Exit(2) from error


def _check_mode(mode: Mode, parent: Path | None, memory_mb: int | None, of_model: list[str]) -> None:
    """Refuse options that do not go with the mode; `of_model` names those given that make a fresh model."""
    incremental = mode is Mode.INCREMENTAL
    if incremental != (parent is not None):
        raise typer.BadParameter(
            "--mode incremental needs the artifact to go on from"
            if incremental
            else "only --mode incremental goes on from an artifact",
            param_hint="--from",
        )
    if memory_mb is not None and mode is not Mode.STREAMING:
        raise typer.BadParameter("only --mode streaming bounds its memory", param_hint="--memory-mb")
    if incremental and of_model:
        raise typer.BadParameter(
            f"{', '.join(of_model)} cannot change: the model is the one given with --from",
            param_hint="--mode incremental",
        )


def _given(**given: Any) -> dict[str, Any]:
    """Options that are on the command line; the others keep the default of what they set."""
    return {name: value for name, value in given.items() if value is not None}


def _use_threads(threads: int) -> None:
    import torch

    if threads:
        torch.set_num_threads(threads)


def _optimizer(learning_rate: float | None, incremental: bool) -> OptimizerConfig:
    from argus_server.training.module import OptimizerConfig

    default = options.INCREMENTAL_LEARNING_RATE if incremental else options.LEARNING_RATE
    return OptimizerConfig(
        learning_rate=learning_rate or default, pull=_INCREMENTAL_PULL if incremental else 0.0
    )


def _sampling(series: int, weights: str) -> SamplingConfig:
    from argus_server.forecast.device import SERIES_PER_SERVER, detect
    from argus_server.training.sampling import SamplingConfig

    return SamplingConfig(
        series=series or detect().train_servers * SERIES_PER_SERVER, source_weights=_weights(weights)
    )


def _weights(given: str) -> tuple[tuple[str, float], ...]:
    weights = []
    for part in names(given):
        name, _, number = part.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not name or not 0.0 <= weight < float("inf"):
            raise typer.BadParameter(
                f"{part!r} is not NAME=WEIGHT with a weight of at least 0", param_hint="--weights"
            )
        weights.append((name, weight))
    return tuple(weights)


def _run(request: TrainingRequest, config: TrainingConfig, console: Console) -> TrainingOutcome:
    """Train beneath a progress bar; what is wrong is said in a line, and ends the command."""
    from argus_server.forecast.artifact import ArtifactError
    from argus_server.training.pipeline import train as run

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("starting", total=1.0, losses="")
            return run(
                request,
                config,
                on_stage=lambda stage: bar.update(task, description=stage),
                on_progress=lambda progress: bar.update(
                    task,
                    completed=progress.done,
                    losses=f"loss {progress.train_loss:.4f}, validation {progress.validation_loss:.4f}",
                ),
            )
    except (ArtifactError, OSError, ValueError) as error:
        typer.echo(f"argus train: {error}", err=True)
        raise typer.Exit(1) from error


def _tell(console: Console, out: Path, outcome: TrainingOutcome) -> None:
    info, datasets = outcome.training_info, outcome.metrics["datasets"]
    console.print(f"wrote {out} ({outcome.revision})")
    if info["parent"] is not None and info["best_round"] < 0:
        console.print("nothing better than the parent was found: its weights were kept", style="yellow")
    if info["calibration"] == "parent":
        console.print(
            "too few thresholds were crossed to calibrate probabilities: the parent's calibration was kept",
            style="yellow",
        )
    if not datasets:
        console.print(
            "not evaluated: name servers with --holdout, or run argus evaluate, to learn how good it is",
            style="yellow",
        )
    seen = [name for figures in datasets.values() for name in figures["servers_seen_in_training"]]
    if seen:
        console.print(
            f"{len(seen)} of the held-out servers have the names of servers that the parent had seen: the figures are "
            "no test of new servers",
            style="yellow",
        )


_FACTS: Final = ("parameters", "steps", "seconds", "best_round", "best_validation_loss", "calibration")
_FIGURES: Final = ("wql", "mase_mean", "mase_median", "coverage", "servers_seen_in_training")


def _report(out: Path, outcome: TrainingOutcome) -> dict[str, Any]:
    """What a script wants to know; the artifact holds the rest."""
    info = outcome.training_info
    return {
        "out": str(out),
        "revision": outcome.revision,
        **{name: info[name] for name in _FACTS},
        "datasets": {
            source: {name: figures[name] for name in _FIGURES}
            for source, figures in outcome.metrics["datasets"].items()
        },
    }
