"""Fit a TFT: seeds, device, early stopping, best weights, checkpoints, progress. One loop for all modes."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch.utils.data import DataLoader

from argus_server.forecast.device import DeviceProfile, detect, prepare
from argus_server.forecast.features import FeatureSchema, model_config
from argus_server.forecast.forecaster import usable_cores
from argus_server.forecast.tft import TemporalFusionTransformer
from argus_server.training import checkpoint
from argus_server.training.checkpoint import TrainingState
from argus_server.training.data import SplitConfig, TrainingData
from argus_server.training.module import BestWeights, ForecastTraining, OptimizerConfig
from argus_server.training.sampling import Batch, SamplingConfig

# How torch begins the message of what was raised while a process drew windows ahead.
_IN_A_WORKER: Final = "in DataLoader worker process"


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train.

    Attributes:
        hidden_size: Width of the network.
        attention_heads: Attention heads.
        lstm_layers: Layers of each LSTM.
        dropout: Dropout.
        epochs: Most epochs. An epoch is one round, or in streaming a round for every chunk of servers.
        steps_per_epoch: Batches of a round; a validation follows each.
        minutes: Time limit, None for none.
        patience: Rounds without a better validation loss before training stops.
        seed: Seed of weights, windows and dropout.
        split: What is set aside for validation.
        optimizer: Optimiser settings.
        sampling: Window settings.
    """

    hidden_size: int = 32
    attention_heads: int = 4
    lstm_layers: int = 1
    dropout: float = 0.1
    epochs: int = 40
    steps_per_epoch: int = 250
    minutes: float | None = None
    patience: int = 8
    seed: int = 7
    split: SplitConfig = field(default_factory=SplitConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where and how often a running training is saved.

    Attributes:
        directory: Where; a training that is found there is gone on with.
        every: Rounds between two checkpoints.
        fingerprint: What must be the same to go on: settings, data, schema.
    """

    directory: Path
    every: int
    fingerprint: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a running training: `done` is 0 to 1; losses are NaN before the first validation."""

    done: float
    round: int
    step: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True, slots=True)
class FitResult:
    """A trained model and how it came to be.

    Attributes:
        model: The model with its best weights, in eval mode, on the CPU.
        seconds: Wall time of the fit, that before a resume included.
        steps: Optimiser steps.
        best_round: Round of the best validation loss, 0 for the first; -1 when the weights that training
            started from were the best.
        best_loss: That loss.
        history: Train and validation loss per round.
        data: What it learned from.
        device: What it ran on.
    """

    model: TemporalFusionTransformer
    seconds: float
    steps: int
    best_round: int
    best_loss: float
    history: tuple[dict[str, float], ...]
    data: TrainingData
    device: str


def fit(
    data: TrainingData,
    schema: FeatureSchema,
    config: TrainingConfig,
    *,
    start: TemporalFusionTransformer | None = None,
    checkpoints: Checkpoints | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> FitResult:
    """Train a fresh model, or go on with one.

    Windows depend on the round, dropout and learning rate on the count of steps, so that a training that is gone
    on with from a checkpoint ends with the very weights it would have had (on a CPU with one thread).

    Args:
        data: What to learn from.
        schema: Feature schema.
        config: Training settings.
        start: Model to start from; it is validated first and kept if nothing better is found.
        checkpoints: Where to save the running training, None for nowhere.
        on_progress: Called after every step.

    Raises:
        CheckpointError: There is a checkpoint that cannot be gone on from.
        ValueError: Checkpoints together with a time limit, under which no two runs are the same; or windows cannot
            be drawn from the data.
    """
    if checkpoints is not None and config.minutes is not None:
        raise ValueError("a training with a time limit cannot be gone on with exactly; limit epochs instead")
    _quiet()
    profile = detect()
    prepare(profile)
    # Global generators drive weight initialisation and dropout; Lightning seeds Python, NumPy and torch.
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    rounds = config.epochs * data.rounds
    model = start if start is not None else _fresh(schema, config)
    module = ForecastTraining(
        model,
        config.optimizer,
        total_steps=rounds * config.steps_per_epoch,
        seconds=config.minutes * 60 if config.minutes is not None else None,
        seed=config.seed,
    )
    best = BestWeights()
    stopping = EarlyStopping("validation_loss", patience=config.patience, check_on_train_epoch_end=False)
    state = checkpoint.load(checkpoints.directory, checkpoints.fingerprint) if checkpoints else None
    if state is not None:
        module.resume(state)
        _restore(state, best, stopping)
    rounds_done = len(best.history)
    stopped = bool(state is not None and state.stopping.get("stopped"))
    watch = _Watch(state.seconds if state is not None else 0.0)

    callbacks: list[Callback] = [best, stopping]
    if checkpoints is not None:
        callbacks.append(_Save(checkpoints, best, stopping, watch))
    if on_progress is not None:
        callbacks.append(_Report(on_progress, best))
    trainer = _trainer(config, profile, rounds - rounds_done, callbacks)
    validation = DataLoader(data.validation_windows, batch_size=None)
    if start is not None and state is None:
        trainer.validate(module, validation, verbose=False)
    if rounds_done < rounds and not stopped:
        _run(trainer, module, _ahead(data, rounds_done, profile), validation)
    if best.state is None:
        # The time was up within the first round.
        trainer.validate(module, validation, verbose=False)
    best.restore(model)
    return FitResult(
        model=model.cpu().eval(),
        seconds=watch.seconds,
        steps=module.steps_done,
        best_round=best.round,
        best_loss=best.loss,
        history=tuple(best.history),
        data=data,
        device=_accelerator(profile),
    )


class _Watch:
    """Wall time of a training over all its resumes, in seconds."""

    def __init__(self, before: float) -> None:
        self._before, self._started = before, time.monotonic()

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._started


def _accelerator(profile: DeviceProfile) -> str:
    return "gpu" if profile.device == "cuda" else "cpu"


def _trainer(
    config: TrainingConfig, profile: DeviceProfile, rounds: int, callbacks: list[Callback]
) -> lightning.Trainer:
    return lightning.Trainer(
        max_epochs=rounds,
        max_time=timedelta(minutes=config.minutes) if config.minutes is not None else None,
        accelerator=_accelerator(profile),
        devices=1,
        precision=profile.training_precision,
        gradient_clip_val=config.optimizer.gradient_clip,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _ahead(data: TrainingData, first_round: int, profile: DeviceProfile) -> DataLoader[Batch]:
    """Training windows, drawn ahead by processes on the cores that are left over."""
    workers = min(_spare_cores(profile), profile.workers, data.workers)
    # Workers live as long as the fit: each keeps count of its passes, and no pass repeats another.
    return DataLoader(
        data.windows(first_round), batch_size=None, num_workers=workers, persistent_workers=workers > 0
    )


def _run(
    trainer: lightning.Trainer,
    module: ForecastTraining,
    training: DataLoader[Batch],
    validation: DataLoader[Batch],
) -> None:
    try:
        trainer.fit(module, training, validation)
    except (OSError, ValueError) as error:
        if _IN_A_WORKER not in str(error):
            raise
        # What is raised in another process comes back with its whole traceback for a message.
        reason = str(error).rstrip().splitlines()[-1].partition(": ")[2]
        raise ValueError(f"training windows cannot be drawn: {reason}") from error


def _fresh(schema: FeatureSchema, config: TrainingConfig) -> TemporalFusionTransformer:
    return TemporalFusionTransformer(
        model_config(
            schema,
            hidden_size=config.hidden_size,
            attention_heads=config.attention_heads,
            lstm_layers=config.lstm_layers,
            dropout=config.dropout,
        )
    )


def _spare_cores(profile: DeviceProfile) -> int:
    """Cores that may prepare windows while the model runs."""
    busy = torch.get_num_threads() if profile.device == "cpu" else 1
    return max(usable_cores() - busy, 0)


def _restore(state: TrainingState, best: BestWeights, stopping: EarlyStopping) -> None:
    best.loss, best.round, best.history = state.best_loss, state.best_round, list(state.history)
    best.state = dict(state.best) or None
    stopping.load_state_dict(
        {
            "wait_count": state.stopping["wait_count"],
            "stopped_epoch": 0,
            "best_score": torch.tensor(state.stopping["best_score"]),
            "patience": stopping.patience,
        }
    )


class _Save(Callback):
    """Writes a checkpoint after every so many rounds, and after the last."""

    def __init__(
        self, checkpoints: Checkpoints, best: BestWeights, stopping: EarlyStopping, watch: _Watch
    ) -> None:
        self._checkpoints, self._best, self._stopping, self._watch = checkpoints, best, stopping, watch

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, ForecastTraining)
        done = len(self._best.history)
        last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if done % self._checkpoints.every and not last:
            return
        state = TrainingState(
            rounds_done=done,
            steps_done=pl_module.steps_done,
            seconds=self._watch.seconds,
            model=pl_module.model.state_dict(),
            averaged=pl_module.averaged.state_dict(),
            best=self._best.state or {},
            best_loss=self._best.loss,
            best_round=self._best.round,
            moments=checkpoint.moments_of(trainer.optimizers[0]),
            history=self._best.history,
            stopping={
                "wait_count": self._stopping.wait_count,
                "best_score": float(self._stopping.best_score),
                "stopped": trainer.should_stop,
            },
        )
        checkpoint.save(self._checkpoints.directory, state, self._checkpoints.fingerprint)


class _Report(Callback):
    """Turns Lightning's hooks into `Progress`."""

    def __init__(self, on_progress: Callable[[Progress], None], best: BestWeights) -> None:
        self._on_progress = on_progress
        self._best = best

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, ForecastTraining)
        losses = self._best.history[-1] if self._best.history else {}
        train_loss = trainer.callback_metrics.get("train_loss")
        self._on_progress(
            Progress(
                done=pl_module.progress(),
                round=len(self._best.history),
                step=pl_module.steps_done,
                train_loss=float("nan") if train_loss is None else float(train_loss),
                validation_loss=losses.get("validation_loss", float("nan")),
            )
        )


def _quiet() -> None:
    """Silence Lightning's advice about workers and its tips; the callers report progress themselves."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
