"""From data files to an artifact: read, fit, evaluate, describe, save."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from argus_server.evaluation.backtest import backtest
from argus_server.evaluation.calibrating import fit_calibrator
from argus_server.evaluation.rolling import Candidate, seen_servers
from argus_server.forecast import artifact
from argus_server.forecast.artifact import ArtifactContent, LoadedModel
from argus_server.forecast.features import FeatureSchema
from argus_server.forecast.pipeline import PatchPipeline
from argus_server.forecast.tft import parameter_count
from argus_server.risk.calibration import Calibrator
from argus_server.training import checkpoint, corpus, data
from argus_server.training.card import model_card
from argus_server.training.corpus import DataFile, History
from argus_server.training.data import TrainingData
from argus_server.training.fit import Checkpoints, FitResult, Progress, TrainingConfig, fit
from argus_server.training.partitions import Partitions
from argus_server.training.streaming import ChunkReader
from argus_server.training.tables import CorpusError


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What to make of what.

    Attributes:
        data: Parquet, CSV or Arrow files in contract columns, or directories of them; a server may be in one of
            them only.
        out: Artifact directory; an artifact that is there is replaced at the end, anything else refused at once.
        name: Name of the model.
        holdout: Servers that training must not see; the evaluation is on them.
        all_rows: Also learn from rows that a `split` column keeps for tests; never from held-out servers.
        schema: Feature schema of a fresh model.
        parent: Artifact to go on from (incremental training), None for a fresh model.
        memory_mb: Memory for data in MiB when it is read chunk by chunk (streaming), None to read all of it.
        checkpoint: Directory of checkpoints; a training found there is gone on with.
        checkpoint_every: Rounds between two checkpoints.
        command: The command line, for the record.
        note: A sentence for the model card, such as how a data file was made.
    """

    data: tuple[Path, ...]
    out: Path
    name: str
    holdout: tuple[str, ...] = ()
    all_rows: bool = False
    schema: FeatureSchema = field(default_factory=FeatureSchema)
    parent: Path | None = None
    memory_mb: int | None = None
    checkpoint: Path | None = None
    checkpoint_every: int = 1
    command: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What came out of a training run: the revision of the artifact, its metrics.json and training_info.json."""

    revision: str
    metrics: dict[str, Any]
    training_info: dict[str, Any]


def train(
    request: TrainingRequest,
    config: TrainingConfig,
    *,
    on_stage: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> TrainingOutcome:
    """Train a model on data files and write a complete artifact.

    Args:
        request: What to make of what.
        config: Training settings.
        on_stage: Told what is being done.
        on_progress: Called after every training step.

    Raises:
        CorpusError: A file cannot be used, or a held-out server is in none of them.
        ArtifactError: The parent cannot be used.
        OccupiedError: Something other than an artifact is where it shall be written.
        CheckpointError: There is a checkpoint that cannot be gone on from.
        OSError: A place to write to cannot be written to; that is found before anything is read.
        ValueError: Too little data, or settings that do not go together.
    """
    say = on_stage if on_stage is not None else _ignore
    _check_places(request)
    parent = artifact.load(request.parent) if request.parent is not None else None
    schema = parent.schema if parent is not None else request.schema
    if parent is not None:
        config = _as_parent(config, parent)
    supply = (
        _streamed(request, schema, config, say) if request.memory_mb else _read(request, schema, config, say)
    )
    checkpoints = None
    if request.checkpoint is not None:
        checkpoints = Checkpoints(
            request.checkpoint,
            request.checkpoint_every,
            _fingerprint(request, schema, config, parent, supply),
        )
    say("training")
    result = fit(
        supply.training,
        schema,
        config,
        start=parent.module if parent is not None else None,
        checkpoints=checkpoints,
        on_progress=on_progress,
    )
    say("calibrating")
    candidate = Candidate(
        PatchPipeline(result.model, schema),
        artifact.revision_of(request.name, artifact.weights_of(result.model)[1]),
        config.sampling.min_encoder_steps,
    )
    calibrator, calibration = _calibrator(candidate, supply.training.validation_histories, parent)
    training_info = {
        **_training_info(result, schema, config, request, supply.files, parent),
        "calibration": calibration,
    }
    say("evaluating")
    candidate = replace(candidate, calibrator=calibrator, seen=seen_servers(training_info))
    metrics = evaluate(candidate, supply.held_out())
    say("saving")
    revision = artifact.save(
        request.out,
        ArtifactContent(
            module=result.model,
            schema=schema,
            name=request.name,
            training_info=training_info,
            metrics=metrics,
            card=model_card(request.name, training_info, metrics),
            min_encoder_steps=config.sampling.min_encoder_steps,
            calibrator=calibrator,
        ),
    )
    return TrainingOutcome(revision, metrics, training_info)


def _check_places(request: TrainingRequest) -> None:
    """See that everything can be written that will be, before hours of work go into it."""
    artifact.check_target(request.out)
    if request.checkpoint is None:
        return
    if request.checkpoint.resolve().is_relative_to(request.out.resolve()):
        raise ValueError(
            f"checkpoints in {request.checkpoint} would be lost when the artifact {request.out} is replaced; "
            "choose a directory outside"
        )
    checkpoint.prepare(request.checkpoint)


def _calibrator(
    candidate: Candidate, histories: Sequence[History], parent: LoadedModel | None
) -> tuple[Calibrator | None, str]:
    """What corrects crossing probabilities, and where it is from: `fitted`, `parent` or `none`."""
    fitted = fit_calibrator(candidate, histories)
    if fitted is not None:
        return fitted, "fitted"
    if parent is not None and parent.calibrator is not None:
        return parent.calibrator, "parent"
    return None, "none"


def _as_parent(config: TrainingConfig, parent: LoadedModel) -> TrainingConfig:
    """Settings of the network are the parent's, whatever was asked for, and so they are recorded."""
    network = parent.module.config
    return replace(
        config,
        hidden_size=network.hidden_size,
        attention_heads=network.attention_heads,
        lstm_layers=network.lstm_layers,
        dropout=network.dropout,
        sampling=replace(config.sampling, min_encoder_steps=parent.min_encoder_steps),
    )


@dataclass(frozen=True, slots=True)
class _Supply:
    """What a request reads: windows to learn from, the files, and the servers that were held out."""

    training: TrainingData
    files: list[DataFile]
    held_out: Callable[[], list[History]]


def _read(
    request: TrainingRequest, schema: FeatureSchema, config: TrainingConfig, say: Callable[[str], None]
) -> _Supply:
    histories: list[History] = []
    files: list[DataFile] = []
    for path in request.data:
        say(f"reading {path.name}")
        found, described = corpus.load_all(path, schema.step_seconds)
        histories += found
        files += described
    _check_names([(h.name, h.source) for h in histories], request.holdout)
    learned = [replace(h, boundary=len(h.values)) for h in histories] if request.all_rows else histories
    training = data.in_memory(
        learned,
        schema,
        config.sampling,
        config.split,
        batches=config.steps_per_epoch,
        seed=config.seed,
        holdout=request.holdout,
    )
    return _Supply(training, files, lambda: [h for h in histories if h.name in set(request.holdout)])


def _streamed(
    request: TrainingRequest, schema: FeatureSchema, config: TrainingConfig, say: Callable[[str], None]
) -> _Supply:
    assert request.memory_mb is not None
    sets: list[Partitions] = []
    for path in request.data:
        say(f"counting {path.name}")
        sets.append(Partitions.scan(path, request.memory_mb))
    _check_names([(name, part.source) for part in sets for name in part.extents], request.holdout)
    say("reading what is validated on")
    training = data.streamed(
        sets,
        schema,
        config.sampling,
        config.split,
        batches=config.steps_per_epoch,
        seed=config.seed,
        memory_mb=request.memory_mb,
        all_rows=request.all_rows,
        holdout=request.holdout,
    )
    files = [file for part in sets for file in part.described()]
    reader = ChunkReader(sets, schema.step_seconds, all_rows=False)
    return _Supply(training, files, lambda: reader.read(request.holdout))


def evaluate(candidate: Candidate, held_out: Sequence[History]) -> dict[str, Any]:
    """metrics.json: held-out servers by file; without held-out servers nothing is claimed.

    Args:
        candidate: The model as it will be served, and all servers that it or its ancestors have seen.
        held_out: Servers that this training did not see.
    """
    sources = sorted({h.source for h in held_out})
    return {
        "protocol": "rolling origins a horizon apart over the test part of servers held out from this training; "
        "servers_seen_in_training bear the name of one that the model it went on from had seen",
        "datasets": {
            source: _of_the_model(backtest(candidate, [h for h in held_out if h.source == source]))
            for source in sources
        },
    }


def _of_the_model(figures: dict[str, Any]) -> dict[str, Any]:
    """Without the alarms: those are as much of the rules of the server that raises them."""
    if not (events := figures.get("events")):
        return figures
    return {**figures, "events": {name: events[name] for name in ("definition", "servers", "probabilities")}}


def _check_names(names: Sequence[tuple[str, str]], holdout: Collection[str]) -> None:
    known: dict[str, str] = {}
    for name, source in names:
        if name in known:
            raise CorpusError(
                f"server {name!r} is in both {known[name]} and {source}; join its rows in one file or directory"
            )
        known[name] = source
    unknown = sorted(set(holdout) - known.keys())
    if unknown:
        raise CorpusError(f"held-out servers are in none of the files: {', '.join(unknown[:5])}")


def _fingerprint(
    request: TrainingRequest,
    schema: FeatureSchema,
    config: TrainingConfig,
    parent: LoadedModel | None,
    supply: _Supply,
) -> dict[str, Any]:
    return {
        "settings": asdict(config),
        "schema": asdict(schema),
        "data": [asdict(file) for file in supply.files],
        "held-out servers": sorted(request.holdout),
        "rows": _rows(request),
        "memory for data": request.memory_mb,
        "parent": parent.revision if parent is not None else None,
    }


def _rows(request: TrainingRequest) -> str:
    return "all" if request.all_rows else "train"


def _training_info(
    result: FitResult,
    schema: FeatureSchema,
    config: TrainingConfig,
    request: TrainingRequest,
    files: Sequence[DataFile],
    parent: LoadedModel | None,
) -> dict[str, Any]:
    return {
        "command": request.command,
        "note": request.note,
        "trained_at_ms": time.time_ns() // 1_000_000,
        "data": [asdict(file) for file in files],
        "rows": _rows(request),
        "settings": asdict(config),
        "patch_length": schema.patch_length,
        "context_days": schema.context_days,
        "parameters": parameter_count(result.model),
        "seconds": round(result.seconds, 1),
        "steps": result.steps,
        "best_round": result.best_round,
        "best_validation_loss": round(result.best_loss, 6),
        "rounds": [
            {key: round(value, 6) if value == value else None for key, value in losses.items()}
            for losses in result.history
        ],
        "training_servers": list(result.data.training),
        "validation_servers": list(result.data.validation),
        "validated_on": "last tenth of each server" if result.data.by_time else "servers",
        "held_out_servers": sorted(request.holdout),
        "parent": _ancestry(parent),
        "device": result.device,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "torch": torch.__version__,
    }


def _ancestry(parent: LoadedModel | None) -> dict[str, Any] | None:
    """The model that training went on from, all servers it or its ancestors had seen, and which rows of them."""
    if parent is None:
        return None
    info = parent.training_info
    rows = {info.get("rows"), (info.get("parent") or {}).get("rows")}
    return {
        "revision": parent.revision,
        "training_servers": sorted(seen_servers(info)),
        "rows": "all" if "all" in rows else "train",
    }


def _ignore(stage: str) -> None:
    """Progress that nobody asked for."""
