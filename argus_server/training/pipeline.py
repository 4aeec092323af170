"""From data files to an artifact: read, fit, evaluate, describe, save."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from argus_server.evaluation.backtest import backtest
from argus_server.forecast import artifact
from argus_server.forecast.artifact import ArtifactContent
from argus_server.forecast.features import FeatureSchema
from argus_server.forecast.tft import parameter_count
from argus_server.training import corpus
from argus_server.training.card import model_card
from argus_server.training.corpus import CorpusError, DataFile, History
from argus_server.training.fit import FitResult, Progress, TrainingConfig, fit


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What came out of a training run: the revision of the artifact and its metrics.json."""

    revision: str
    metrics: dict[str, Any]
    training_info: dict[str, Any]


def train(
    files: Sequence[Path],
    out: Path,
    config: TrainingConfig,
    *,
    name: str,
    holdout: Collection[str] = (),
    all_rows: bool = False,
    schema: FeatureSchema | None = None,
    command: str = "",
    note: str = "",
    on_stage: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> TrainingOutcome:
    """Train a model on data files and write a complete artifact.

    Args:
        files: Parquet, CSV or Arrow files in contract columns; a server name may occur in one file only.
        out: Artifact directory; an artifact that is there is replaced at the end, in one move.
        config: Training settings.
        name: Name of the model.
        holdout: Servers that training must not see; the evaluation is on them.
        all_rows: Also learn from rows that a file's `split` column keeps for tests; never from held-out servers.
        schema: Feature schema; the default is 5-minute steps, a day of past, 8 hours of future.
        command: The command line, for the record.
        note: A sentence for the model card, such as how a data file was made.
        on_stage: Told what is being done.
        on_progress: Called after every training step.

    Raises:
        CorpusError: A file cannot be used, or a held-out server is in none of them.
        ValueError: Too little data.
    """
    say = on_stage if on_stage is not None else _ignore
    schema = schema if schema is not None else FeatureSchema()
    histories: list[History] = []
    described: list[DataFile] = []
    for path in files:
        say(f"reading {path.name}")
        found, data_file = corpus.load(path, schema.step_seconds)
        histories += found
        described.append(data_file)
    _check_names(histories, holdout)
    say("training")
    learned = [replace(h, boundary=len(h.values)) for h in histories] if all_rows else histories
    result = fit(learned, schema, config, holdout=holdout, on_progress=on_progress)
    say("evaluating")
    metrics = evaluate(result, schema, histories, holdout)
    training_info = _training_info(
        result, schema, config, described, sorted(holdout), all_rows, command, note
    )
    say("saving")
    revision = artifact.save(
        out,
        ArtifactContent(
            module=result.model,
            schema=schema,
            name=name,
            training_info=training_info,
            metrics=metrics,
            card=model_card(name, training_info, metrics),
            min_encoder_steps=config.sampling.min_encoder_steps,
        ),
    )
    return TrainingOutcome(revision, metrics, training_info)


def evaluate(
    result: FitResult, schema: FeatureSchema, histories: Sequence[History], holdout: Collection[str]
) -> dict[str, Any]:
    """metrics.json: held-out servers by file; without held-out servers nothing is claimed."""
    held_out = [h for h in histories if h.name in set(holdout)]
    sources = sorted({h.source for h in held_out})
    return {
        "protocol": "rolling origins a horizon apart over the test part of servers that training never saw",
        "datasets": {
            source: backtest(result.model, schema, [h for h in held_out if h.source == source])
            for source in sources
        },
    }


def _check_names(histories: Sequence[History], holdout: Collection[str]) -> None:
    names: dict[str, str] = {}
    for history in histories:
        if history.name in names:
            raise CorpusError(
                f"server {history.name!r} is in both {names[history.name]} and {history.source}; "
                "join its rows in one file"
            )
        names[history.name] = history.source
    unknown = sorted(set(holdout) - names.keys())
    if unknown:
        raise CorpusError(f"held-out servers are in none of the files: {', '.join(unknown[:5])}")


def _training_info(
    result: FitResult,
    schema: FeatureSchema,
    config: TrainingConfig,
    files: Sequence[DataFile],
    holdout: list[str],
    all_rows: bool,
    command: str,
    note: str,
) -> dict[str, Any]:
    return {
        "command": command,
        "note": note,
        "data": [asdict(file) for file in files],
        "rows": "all" if all_rows else "train",
        "settings": asdict(config),
        "patch_length": schema.patch_length,
        "parameters": parameter_count(result.model),
        "seconds": round(result.seconds, 1),
        "steps": result.steps,
        "best_epoch": result.best_epoch,
        "best_validation_loss": round(result.best_loss, 6),
        "epochs": [
            {key: round(value, 6) if value == value else None for key, value in epoch.items()}
            for epoch in result.history
        ],
        "training_servers": list(result.training_servers),
        "validation_servers": list(result.validation_servers),
        "held_out_servers": holdout,
        "device": result.device,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "torch": torch.__version__,
    }


def _ignore(stage: str) -> None:
    """Progress that nobody asked for."""
