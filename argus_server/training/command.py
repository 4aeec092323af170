"""`argus train`: files in contract columns to a model artifact, with a progress bar."""

from __future__ import annotations

import json
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

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

_DATA: Final = "Data"
_FIT: Final = "Fit"
_MODEL: Final = "Model"
_STREAMING: Final = "Streaming"

_MEMORY_MB: Final = 1024
_LEARNING_RATE: Final = 2e-3
# On from an artifact: small steps, held near what it knows.
_INCREMENTAL_LEARNING_RATE: Final = 3e-4
_INCREMENTAL_PULL: Final = 1e-3


class Mode(StrEnum):
    """Ways to train."""

    STANDARD = "standard"
    STREAMING = "streaming"
    INCREMENTAL = "incremental"


class Rows(StrEnum):
    """Which rows of a file with a split column are learned from."""

    TRAIN = "train"
    ALL = "all"


def train(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Parquet, CSV or Arrow file in contract columns, or a directory of them; repeat for more.",
            exists=True,
            rich_help_panel=_DATA,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Directory of the artifact; an artifact there is replaced.")],
    name: Annotated[str, typer.Option(help="Name of the model; the directory's name by default.")] = "",
    mode: Annotated[
        Mode,
        typer.Option(
            help="standard: a fresh model, all data in memory. streaming: a fresh model, servers read chunk by "
            "chunk. incremental: go on from the artifact given with --from."
        ),
    ] = Mode.STANDARD,
    parent: Annotated[
        Path | None, typer.Option("--from", help="Artifact to go on from, for --mode incremental.")
    ] = None,
    rows: Annotated[
        Rows,
        typer.Option(
            help="With a split column: learn from its train rows only, or from all.", rich_help_panel=_DATA
        ),
    ] = Rows.TRAIN,
    holdout: Annotated[
        str,
        typer.Option(
            help="Comma-separated servers that training must not see; the figures are theirs.",
            rich_help_panel=_DATA,
        ),
    ] = "",
    validation: Annotated[
        str,
        typer.Option(
            help="Comma-separated servers to validate on; a hash of the names chooses if not given.",
            rich_help_panel=_DATA,
        ),
    ] = "",
    weights: Annotated[
        str,
        typer.Option(
            help="How often each file is drawn from, by its name without ending: a=0.5,b=0.3.",
            rich_help_panel=_DATA,
        ),
    ] = "",
    epochs: Annotated[int, typer.Option(min=1, help="Most epochs.", rich_help_panel=_FIT)] = 40,
    steps_per_epoch: Annotated[
        int, typer.Option(min=1, help="Batches between two validations.", rich_help_panel=_FIT)
    ] = 250,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Time limit of the fit; the learning rate fits itself to it.",
            rich_help_panel=_FIT,
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(min=1, help="Validations without improvement before it stops.", rich_help_panel=_FIT),
    ] = 8,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            help=f"Peak learning rate; {_LEARNING_RATE:g}, incremental {_INCREMENTAL_LEARNING_RATE:g}.",
            rich_help_panel=_FIT,
        ),
    ] = None,
    series: Annotated[
        int, typer.Option(min=0, help="Series per batch; 0 for what suits the device.", rich_help_panel=_FIT)
    ] = 0,
    seed: Annotated[
        int, typer.Option(help="Seed of weights, windows and dropout.", rich_help_panel=_FIT)
    ] = 7,
    threads: Annotated[
        int,
        typer.Option(
            min=0,
            help="CPU threads of the network, 0 for all. A small one is no faster with more; a core that is left "
            "over draws windows ahead.",
            rich_help_panel=_FIT,
        ),
    ] = 1,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Directory to save the running training in; the same command goes on from what is there.",
            rich_help_panel=_FIT,
        ),
    ] = None,
    checkpoint_every: Annotated[
        int,
        typer.Option(min=1, help="Validations (in streaming: chunks) between two.", rich_help_panel=_FIT),
    ] = 1,
    memory_mb: Annotated[
        int | None,
        typer.Option(min=3, help=f"Memory for data, in MiB; {_MEMORY_MB}.", rich_help_panel=_STREAMING),
    ] = None,
    context_days: Annotated[
        int | None, typer.Option(min=2, max=7, help="Days of past the model sees; 7.", rich_help_panel=_MODEL)
    ] = None,
    hidden_size: Annotated[
        int | None, typer.Option(min=4, help="Width of the network; 32.", rich_help_panel=_MODEL)
    ] = None,
    heads: Annotated[
        int | None, typer.Option(min=1, help="Attention heads; 4.", rich_help_panel=_MODEL)
    ] = None,
    lstm_layers: Annotated[
        int | None, typer.Option(min=1, help="Layers of each LSTM; 1.", rich_help_panel=_MODEL)
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(min=0.0, max=0.9, help="Dropout while training; 0.1.", rich_help_panel=_MODEL),
    ] = None,
    note: Annotated[str, typer.Option(help="A sentence for the card, such as how a file was made.")] = "",
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, and no progress.")
    ] = False,
) -> None:
    """Train a forecast model and write a complete artifact, evaluated on the servers held out with --holdout."""
    try:
        import torch

        from argus_server.forecast.artifact import ArtifactError
        from argus_server.forecast.device import SERIES_PER_SERVER, detect
        from argus_server.forecast.features import FeatureSchema
        from argus_server.training.data import SplitConfig
        from argus_server.training.fit import TrainingConfig
        from argus_server.training.module import OptimizerConfig
        from argus_server.training.pipeline import TrainingRequest
        from argus_server.training.pipeline import train as run
        from argus_server.training.sampling import SamplingConfig
    except ImportError as error:
        typer.echo(
            f"argus train needs the train extra: pip install 'argus-forecast[train]' ({error})", err=True
        )
        raise typer.Exit(2) from error

    incremental = mode is Mode.INCREMENTAL
    if incremental != (parent is not None):
        raise typer.BadParameter(
            "--mode incremental needs the artifact to go on from"
            if incremental
            else "only --mode incremental goes on from an artifact",
            param_hint="--from",
        )
    if minutes is not None and (checkpoint is not None or mode is Mode.STREAMING):
        raise typer.BadParameter(
            "a time limit makes no two runs the same, so that none can be gone on with; use --epochs",
            param_hint="--minutes",
        )
    if memory_mb is not None and mode is not Mode.STREAMING:
        raise typer.BadParameter("only --mode streaming bounds its memory", param_hint="--memory-mb")
    network = _given(hidden_size=hidden_size, attention_heads=heads, lstm_layers=lstm_layers, dropout=dropout)
    view = _given(context_days=context_days)
    if incremental and (network or view):
        raise typer.BadParameter(
            f"{', '.join((*network, *view))} cannot change: the model is the one given with --from",
            param_hint="--mode incremental",
        )
    if threads:
        torch.set_num_threads(threads)
    default_rate = _INCREMENTAL_LEARNING_RATE if incremental else _LEARNING_RATE
    config = TrainingConfig(
        **network,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        minutes=minutes,
        patience=patience,
        seed=seed,
        split=SplitConfig(servers=_names(validation), by_time=incremental and not validation),
        optimizer=OptimizerConfig(
            learning_rate=learning_rate or default_rate, pull=_INCREMENTAL_PULL if incremental else 0.0
        ),
        sampling=SamplingConfig(
            series=series or detect().train_servers * SERIES_PER_SERVER, source_weights=_weights(weights)
        ),
    )
    request = TrainingRequest(
        data=tuple(data),
        out=out,
        name=name or out.name,
        holdout=_names(holdout),
        all_rows=rows is Rows.ALL,
        schema=FeatureSchema(**view),
        parent=parent,
        memory_mb=(memory_mb or _MEMORY_MB) if mode is Mode.STREAMING else None,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        command=shlex.join(["argus", *sys.argv[1:]]),
        note=note,
    )
    console = Console(stderr=True, quiet=json_output)
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
            outcome = run(
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
    if json_output:
        typer.echo(json.dumps(_report(out, outcome.revision, outcome.training_info, outcome.metrics)))
    else:
        console.print(f"wrote {out} ({outcome.revision})")
        if incremental and outcome.training_info["best_round"] < 0:
            console.print("nothing better than the parent was found: its weights were kept", style="yellow")
        if not outcome.metrics["datasets"]:
            console.print(
                "not evaluated: name servers with --holdout, or run argus evaluate, to learn how good it is",
                style="yellow",
            )


def _given(**options: Any) -> dict[str, Any]:
    """Options that are on the command line; the others keep the default of what they set."""
    return {name: value for name, value in options.items() if value is not None}


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _weights(given: str) -> tuple[tuple[str, float], ...]:
    weights = []
    for part in _names(given):
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


def _report(
    out: Path, revision: str, training_info: dict[str, Any], metrics: dict[str, Any]
) -> dict[str, Any]:
    """What a script wants to know; the artifact holds the rest."""
    return {
        "out": str(out),
        "revision": revision,
        "parameters": training_info["parameters"],
        "steps": training_info["steps"],
        "seconds": training_info["seconds"],
        "best_round": training_info["best_round"],
        "best_validation_loss": training_info["best_validation_loss"],
        "datasets": {
            source: {key: figures[key] for key in ("wql", "mase_mean", "mase_median", "coverage")}
            for source, figures in metrics["datasets"].items()
        },
    }
