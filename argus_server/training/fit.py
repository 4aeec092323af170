"""Fit a TFT to histories: seeds, device, early stopping, best weights, progress."""

from __future__ import annotations

import hashlib
import logging
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import lightning
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch.utils.data import DataLoader

from argus_server.forecast.device import detect, prepare
from argus_server.forecast.features import FeatureSchema, model_config
from argus_server.forecast.forecaster import usable_cores
from argus_server.forecast.tft import TemporalFusionTransformer
from argus_server.training.corpus import History
from argus_server.training.module import BestWeights, ForecastTraining, OptimizerConfig
from argus_server.training.sampling import SamplingConfig, WindowSampler


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train.

    Attributes:
        hidden_size: Width of the network.
        attention_heads: Attention heads.
        lstm_layers: Layers of each LSTM.
        dropout: Dropout.
        epochs: Most epochs; an epoch is `steps_per_epoch` batches.
        steps_per_epoch: Batches between two validations.
        minutes: Time limit, None for none.
        patience: Epochs without a better validation loss before training stops.
        validation_share: Share of servers kept for validation, chosen by a hash of their name.
        validation_servers: Servers kept for validation instead, by name.
        validation_batches: Batches of the fixed validation set.
        seed: Seed of weights, windows and dropout.
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
    validation_share: float = 0.08
    validation_servers: tuple[str, ...] = ()
    validation_batches: int = 16
    seed: int = 7
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a running training: `done` is 0 to 1; losses are NaN before the first validation."""

    done: float
    epoch: int
    step: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True, slots=True)
class FitResult:
    """A trained model and how it came to be.

    Attributes:
        model: The model with its best weights, in eval mode, on the CPU.
        seconds: Wall time of the fit.
        steps: Optimiser steps.
        best_epoch: Epoch of the best validation loss.
        best_loss: That loss.
        history: Train and validation loss per epoch.
        training_servers: Names, sorted.
        validation_servers: Names, sorted.
        device: What it ran on.
    """

    model: TemporalFusionTransformer
    seconds: float
    steps: int
    best_epoch: int
    best_loss: float
    history: tuple[dict[str, float], ...]
    training_servers: tuple[str, ...]
    validation_servers: tuple[str, ...]
    device: str


def fit(
    histories: Sequence[History],
    schema: FeatureSchema,
    config: TrainingConfig,
    *,
    holdout: Collection[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> FitResult:
    """Train a fresh model.

    Args:
        histories: Servers to learn from; only steps before each boundary are used.
        schema: Feature schema.
        config: Training settings.
        holdout: Names of servers that must not be seen at all.
        on_progress: Called after every step.

    Raises:
        ValueError: Too little data is left for training or validation.
    """
    _quiet()
    profile = detect()
    prepare(profile)
    # Global generators drive weight initialisation and dropout; Lightning seeds Python, NumPy and torch.
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    usable = [h for h in histories if h.name not in set(holdout)]
    chosen = set(config.validation_servers) or {
        h.name for h in usable if _share(h.name) < config.validation_share
    }
    validation = [h for h in usable if h.name in chosen]
    training = [h for h in usable if h.name not in chosen]
    if not validation or not training:
        # A fleet of a few servers: validate on the last tenth of everyone's training part.
        training, validation = _split_by_time(usable, schema, config.sampling.min_encoder_steps)

    train_windows = WindowSampler(
        training, schema, config.sampling, batches=config.steps_per_epoch, seed=config.seed
    )
    validation_windows = WindowSampler(
        validation,
        schema,
        config.sampling,
        batches=config.validation_batches,
        seed=config.seed + 1,
        fixed=True,
    )
    model = TemporalFusionTransformer(
        model_config(
            schema,
            hidden_size=config.hidden_size,
            attention_heads=config.attention_heads,
            lstm_layers=config.lstm_layers,
            dropout=config.dropout,
        )
    )
    module = ForecastTraining(
        model,
        config.optimizer,
        total_steps=config.epochs * config.steps_per_epoch,
        seconds=config.minutes * 60 if config.minutes is not None else None,
    )
    best = BestWeights()
    callbacks: list[Callback] = [best, EarlyStopping("validation_loss", patience=config.patience)]
    if on_progress is not None:
        callbacks.append(_Report(on_progress, best))
    accelerator = "gpu" if profile.device == "cuda" else "cpu"
    workers = min(profile.workers, max(usable_cores() - 1, 0))
    trainer = lightning.Trainer(
        max_epochs=config.epochs,
        max_time=timedelta(minutes=config.minutes) if config.minutes is not None else None,
        accelerator=accelerator,
        devices=1,
        gradient_clip_val=config.optimizer.gradient_clip,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    started = time.monotonic()
    trainer.fit(
        module,
        # Workers live as long as the fit: each keeps count of its passes, and no pass repeats another.
        DataLoader(train_windows, batch_size=None, num_workers=workers, persistent_workers=workers > 0),
        DataLoader(validation_windows, batch_size=None),
    )
    if best.epoch < 0:
        trainer.validate(module, DataLoader(validation_windows, batch_size=None), verbose=False)
    best.restore(model)
    return FitResult(
        model=model.cpu().eval(),
        seconds=time.monotonic() - started,
        steps=trainer.global_step,
        best_epoch=best.epoch,
        best_loss=best.loss,
        history=tuple(best.history),
        training_servers=tuple(sorted(h.name for h in training)),
        validation_servers=tuple(sorted(h.name for h in validation)),
        device=accelerator,
    )


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
                epoch=trainer.current_epoch,
                step=trainer.global_step,
                train_loss=float("nan") if train_loss is None else float(train_loss),
                validation_loss=losses.get("validation_loss", float("nan")),
            )
        )


def _share(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2.0**64


def _split_by_time(
    histories: Sequence[History], schema: FeatureSchema, min_encoder_steps: int
) -> tuple[list[History], list[History]]:
    training, validation = [], []
    for history in histories:
        tail = max(history.boundary // 10, min_encoder_steps + schema.horizon)
        cut = history.boundary - tail
        if cut < min_encoder_steps + schema.horizon:
            training.append(history)
            continue
        step_ms = history.step_seconds * 1000
        training.append(
            History(
                history.name,
                history.source,
                history.profile,
                history.start_ms,
                history.step_seconds,
                history.values[:cut],
                cut,
            )
        )
        validation.append(
            History(
                history.name,
                history.source,
                history.profile,
                history.start_ms + cut * step_ms,
                history.step_seconds,
                history.values[cut : history.boundary],
                tail,
            )
        )
    if not validation:
        raise ValueError(
            "no server has enough training steps to set a validation part aside; "
            f"{2 * (min_encoder_steps + schema.horizon)} are needed"
        )
    return training, validation


def _quiet() -> None:
    """Silence Lightning's advice about workers and its tips; the callers report progress themselves."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
