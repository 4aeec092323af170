"""The Lightning module: the served TFT, the quantile loss, and a learning rate that knows how long it has."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from argus_server.forecast.series_view import BASELINES
from argus_server.forecast.tft import TemporalFusionTransformer
from argus_server.training.checkpoint import TrainingState
from argus_server.training.sampling import Batch

# After n steps the average spans about n / 20 of them, until `averaging` limits it.
_AVERAGING_START: Final = 20

# Of the relative loss, in units of the window's scale.
_LEAST_MISS: Final = 0.2
_STRAY_SHARE: Final = 0.3
_MOST_RELATIVE_LOSS: Final = 10.0
_REAL_LIMIT: Final = 8.0
_YESTERDAY: Final = BASELINES.index("yesterday")


def quantile_loss(forecast: Tensor, target: Tensor, observed: Tensor, quantiles: Tensor) -> Tensor:
    """Mean pinball loss over what was observed.

    Args:
        forecast: [series, horizon, quantiles].
        target: [series, horizon].
        observed: 1 where the target counts, [series, horizon].
        quantiles: Levels, [quantiles].
    """
    loss = _pinball(forecast, target, quantiles)
    return (loss * observed).sum() / observed.sum().clamp(min=1.0)


def relative_loss(
    forecast: Tensor, target: Tensor, observed: Tensor, yesterday: Tensor, quantiles: Tensor
) -> Tensor:
    """Mean over series of the pinball loss in real units, relative to how hard the series is.

    Model space sees a burst by its logarithm; users and scores see its size. Hard is what yesterday's values miss
    by, and what the series strays from its median.

    Args:
        forecast: In model space, [series, horizon, quantiles].
        target: [series, horizon].
        observed: 1 where the target counts, [series, horizon].
        yesterday: Values of the day before, [series, horizon].
        quantiles: Levels, [quantiles].
    """
    steps = observed.sum(dim=1).clamp(min=1.0)

    def mean(x: Tensor) -> Tensor:
        return (x * observed).sum(dim=1) / steps

    # In units of the window's scale; a series cannot outweigh the rest of a batch by its bursts.
    real, before = _real(target), _real(yesterday)
    loss = mean(_pinball(_real(forecast), real, quantiles))
    difficulty = mean((real - before).abs()).clamp(min=_LEAST_MISS) + _STRAY_SHARE * mean(real.abs())
    return (loss / difficulty).clamp(max=_MOST_RELATIVE_LOSS).mean()


def _pinball(forecast: Tensor, target: Tensor, quantiles: Tensor) -> Tensor:
    """[series, horizon], the mean over quantiles."""
    error = target[..., None] - forecast
    return torch.maximum(quantiles * error, (quantiles - 1.0) * error).mean(dim=-1)


def _real(x: Tensor) -> Tensor:
    return torch.sinh(x.clamp(-_REAL_LIMIT, _REAL_LIMIT))


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """AdamW with warm-up, a cosine down to 2 % of `learning_rate`, and weights averaged over the steps.

    Attributes:
        learning_rate: Peak learning rate.
        weight_decay: Pull of matrices towards 0.
        warmup_steps: Steps until the peak.
        gradient_clip: Largest gradient norm.
        averaging: What is left of the averaged weights at each step, the rest is the step's own; the average is
            what is validated and kept. Earlier steps are forgotten faster, so that the start leaves no trace.
        real_share: Share of the relative loss in real units; the rest is the quantile loss in model space.
        pull: Weight of the squared distance from the starting weights (L2-SP, arXiv 1802.01483); what a model has
            learned from many fleets is not forgotten over one.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup_steps: int = 200
    gradient_clip: float = 1.0
    averaging: float = 0.998
    real_share: float = 0.3
    pull: float = 0.0


class ForecastTraining(lightning.LightningModule):
    """Trains a TFT for `total_steps` steps or `seconds` seconds, whichever ends first.

    Attributes:
        model: What is trained.
        averaged: Its weights averaged over the steps; what is validated and kept.
        steps_done: Optimiser steps so far, those before a resume included.
    """

    def __init__(
        self,
        model: TemporalFusionTransformer,
        optimizer: OptimizerConfig,
        *,
        total_steps: int,
        seconds: float | None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.model = model
        self.averaged = copy.deepcopy(model).requires_grad_(False)
        # Tensors stay the same ones when they move or are loaded; to look them up takes time at every step.
        self._weights = list(model.parameters())
        self._averages = list(self.averaged.parameters())
        self.steps_done = 0
        self._optimizer_config = optimizer
        self._start = [p.detach().clone() for p in self._weights] if optimizer.pull else []
        self._moments: Mapping[int, Mapping[str, Tensor]] = {}
        self._total_steps = total_steps
        self._seconds = seconds
        self._seed = seed
        self._started = time.monotonic()
        self.register_buffer("levels", torch.tensor(model.config.quantiles), persistent=False)

    def progress(self) -> float:
        """Share of the training that is done, 0 to 1, by steps or by time."""
        done = self.steps_done / max(self._total_steps, 1)
        if self._seconds is not None:
            done = max(done, (time.monotonic() - self._started) / self._seconds)
        return min(done, 1.0)

    def on_train_start(self) -> None:
        self._started = time.monotonic()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # Dropout depends on the number of the step alone, not on what was drawn before, by a data loader say.
        torch.manual_seed(self._seed * 1_000_003 + self.steps_done)
        config = self._optimizer_config
        warmup = min(1.0, (self.steps_done + 1) / config.warmup_steps)
        cosine = 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * self.progress()))
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = config.learning_rate * warmup * cosine

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = self.steps_done
        kept = min(self._optimizer_config.averaging, step / (step + _AVERAGING_START))
        update = get_ema_multi_avg_fn(kept)  # type: ignore[no-untyped-call]
        update(self._averages, self._weights, None)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.steps_done += 1
        loss = self._loss(self.model, batch)
        self.log("train_loss", loss, batch_size=len(batch.target))
        if self._start:
            distance = [
                (own - start.to(own.device)).square().sum()
                for own, start in zip(self._weights, self._start, strict=True)
            ]
            loss = loss + self._optimizer_config.pull * torch.stack(distance).sum()
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("validation_loss", self._loss(self.averaged, batch), batch_size=len(batch.target))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        config = self._optimizer_config
        # Weight decay pulls matrices, never biases, norms or gains.
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            # A third of the time; Lightning cannot clip its gradients in mixed precision.
            fused=self.trainer.precision == "32-true",
        )
        if self._moments:
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": dict(self._moments), "param_groups": groups})
        return optimizer

    def resume(self, state: TrainingState) -> None:
        """Go on from a checkpoint; to be called before the fit starts."""
        self.model.load_state_dict(state.model)
        self.averaged.load_state_dict(state.averaged)
        self.steps_done = state.steps_done
        self._moments = state.moments

    def _loss(self, model: TemporalFusionTransformer, batch: Batch) -> Tensor:
        # In mixed precision the network's output is bfloat16; bursts in real units need more digits.
        forecast = model(batch.inputs)[:, :, 0].float()
        levels: Tensor = self.levels  # type: ignore[assignment]
        share = self._optimizer_config.real_share
        baselines = batch.inputs.baselines
        assert baselines is not None
        # [series, 1, decoder tokens, baselines, patch_length] -> [series, horizon]
        yesterday = baselines[:, 0, :, _YESTERDAY].reshape(batch.target.shape)
        scaled = quantile_loss(forecast, batch.target, batch.observed, levels)
        real = relative_loss(forecast, batch.target, batch.observed, yesterday, levels)
        return (1.0 - share) * scaled + share * real


class BestWeights(Callback):
    """Keeps a copy of the averaged weights with the lowest validation loss.

    Attributes:
        loss: Lowest validation loss so far.
        round: Round it was reached in, 0 for the first; -1 for the weights that training started from.
        history: Losses of every round.
        state: The weights, None before the first validation.
    """

    def __init__(self) -> None:
        self.loss = math.inf
        self.round = -1
        self.history: list[dict[str, float]] = []
        self.state: dict[str, Tensor] | None = None

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, ForecastTraining)
        loss = float(trainer.callback_metrics["validation_loss"])
        if trainer.state.fn != TrainerFn.FITTING:
            self._keep(loss, -1, pl_module)
            return
        train_loss = trainer.callback_metrics.get("train_loss")
        done = len(self.history)
        self.history.append(
            {
                "round": float(done),
                "train_loss": math.nan if train_loss is None else float(train_loss),
                "validation_loss": loss,
            }
        )
        if loss < self.loss:
            self._keep(loss, done, pl_module)

    def _keep(self, loss: float, round_: int, module: ForecastTraining) -> None:
        self.loss, self.round = loss, round_
        self.state = copy.deepcopy(module.averaged.state_dict())

    def restore(self, model: TemporalFusionTransformer) -> None:
        """Put the best weights back; without a validation the model keeps its last ones."""
        if self.state is not None:
            model.load_state_dict(self.state)
