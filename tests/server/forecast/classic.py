"""TFTs trained with pytorch-forecasting for a few steps on made-up servers, and what it predicts with them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightning  # noqa: F401  its import warns, and pytorch-forecasting's as well
    from pytorch_forecasting import TemporalFusionTransformer, TimeSeriesDataSet
    from pytorch_forecasting.data.encoders import EncoderNormalizer, MultiNormalizer, NaNLabelEncoder
    from pytorch_forecasting.metrics import MultiLoss, QuantileLoss

from argus_server.metrics import METRICS

ENCODER, HORIZON, STEP_SECONDS = 24, 6, 300
# A Wednesday, at 21:00 UTC: hour and weekday change within a window and its horizon.
ORIGIN_MS = 1_767_819_600_000 // 86_400_000 * 86_400_000 + 21 * 3_600_000 + 10 * 300_000
STEPS = 300


@dataclass(frozen=True)
class Recipe:
    """What a data set and a model are made of; the defaults are the plainest that can be imported."""

    targets: tuple[str, ...] = ("cpu_user_pct",)
    normalizers: tuple[Any, ...] = field(default_factory=lambda: (EncoderNormalizer(),))
    covariates: tuple[str, ...] = ("mem_used_pct", "load_average")
    known: tuple[str, ...] = ("hour",)
    static: tuple[str, ...] = ()
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    scalers: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)


def with_unknown() -> NaNLabelEncoder:
    return NaNLabelEncoder(add_nan=True)


def table(names: Sequence[str], steps: int = STEPS, seed: int = 0, profile: str = "database") -> pd.DataFrame:
    """Rows of servers in contract columns whose newest but `HORIZON` row is at `ORIGIN_MS`."""
    rng = np.random.default_rng(seed)
    parts = []
    for index, name in enumerate(names):
        at = np.arange(steps) - (steps - 1 - HORIZON)
        when = pd.to_datetime(ORIGIN_MS + at * STEP_SECONDS * 1000, unit="ms", utc=True)
        wave = np.sin(2.0 * np.pi * at / 48.0 + index)
        columns: dict[str, Any] = {
            metric: np.clip(30.0 + 3.0 * k + 12.0 * wave + rng.normal(0.0, 2.0, steps), 0.5, 100.0)
            for k, metric in enumerate(METRICS)
        }
        # Between 0 and 1, as the logit wants it, and large with a small change, as float32 does not like it.
        columns["load_average"] = 0.5 + 0.3 * wave + rng.uniform(-0.1, 0.1, steps)
        columns["uptime_days"] = 300.0 + at / 288.0
        parts.append(
            pd.DataFrame(
                {
                    **columns,
                    "server": name,
                    "profile": profile if index else "generic",
                    "step": 5_000 + np.arange(steps),
                    "hour": when.hour.astype(np.float64),
                    "weekday": when.dayofweek.astype(np.float64),
                    "minute_of_hour": when.minute.astype(np.float64),
                    "hour_start": 1.0,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def made(recipe: Recipe, train_steps: int = 4, change: Any = None) -> tuple[Any, Any]:
    """A model and the data set it was trained on."""
    torch.manual_seed(1)
    several = len(recipe.targets) > 1
    rows = table(["db-1", "db-2", "db-3"])
    if change is not None:
        rows = change(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings: dict[str, Any] = {
            "time_idx": "step",
            "target": list(recipe.targets) if several else recipe.targets[0],
            "group_ids": ["server"],
            "max_encoder_length": ENCODER,
            "max_prediction_length": HORIZON,
            "static_categoricals": list(recipe.static),
            "time_varying_known_reals": list(recipe.known),
            "time_varying_unknown_reals": [*recipe.targets, *recipe.covariates],
            "target_normalizer": MultiNormalizer(list(recipe.normalizers))
            if several
            else recipe.normalizers[0],
            "categorical_encoders": {name: with_unknown() for name in {"server", *recipe.static}},
            "scalers": dict(recipe.scalers),
        }
        dataset = TimeSeriesDataSet(rows, **{**settings, **recipe.dataset})
        losses = [QuantileLoss(list(recipe.quantiles)) for _ in recipe.targets]
        arguments: dict[str, Any] = {
            "hidden_size": 8,
            "hidden_continuous_size": 4,
            "attention_head_size": 2,
            "dropout": 0.0,
            "loss": MultiLoss(losses) if several else losses[0],
            "output_size": [len(recipe.quantiles)] * len(losses) if several else len(recipe.quantiles),
        }
        model = TemporalFusionTransformer.from_dataset(dataset, **{**arguments, **recipe.model})
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        batches = iter(dataset.to_dataloader(train=True, batch_size=64))
        for _ in range(train_steps):
            x, y = next(batches)
            loss = model.loss(model(x)["prediction"], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval(), dataset


def predicted(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Its own forecast after all rows but the last `HORIZON`, [servers, targets, horizon, levels]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        quantiles = model.predict(
            rows,
            mode="quantiles",
            trainer_kwargs={
                "accelerator": "cpu",
                "logger": False,
                "enable_progress_bar": False,
                "enable_model_summary": False,
                "enable_checkpointing": False,
            },
        )
    parts = quantiles if isinstance(quantiles, list) else [quantiles]
    return np.stack([part.numpy() for part in parts], axis=1)


def window(rows: pd.DataFrame, steps: int = 288) -> np.ndarray:
    """The same past as a window of Argus, float32 [servers, steps, metrics]."""
    servers = [part for _, part in rows.groupby("server", sort=False)]
    return np.stack([part[list(METRICS)].to_numpy()[:-HORIZON][-steps:] for part in servers]).astype(
        np.float32
    )
