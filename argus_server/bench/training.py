"""How fast training goes: windows per second through loader and fit, beside pytorch-forecasting's own.

A window is one metric of one server: a day of past (and what our model sees of the week before it) and 8 hours of
future. Ours is `fit`, as `argus train` calls it; theirs is TimeSeriesDataSet, its loader and their
TemporalFusionTransformer in a Lightning trainer. Both get the same series, batch, hidden size and heads, one thread and
the same device. Ours runs in the patch form it is used in, and in the classic form with one step per token, as theirs
has, and then with more variables than theirs. Runs alternate, and medians are compared.
"""

from __future__ import annotations

import logging
import math
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import lightning
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback

from argus_server.forecast.device import DeviceProfile, detect, prepare
from argus_server.forecast.features import FeatureSchema, model_config
from argus_server.forecast.forecaster import usable_cores
from argus_server.forecast.tft import TemporalFusionTransformer, parameter_count
from argus_server.metrics import METRICS, QUANTILES
from argus_server.training.corpus import History
from argus_server.training.data import TrainingData
from argus_server.training.fit import TrainingConfig, fit
from argus_server.training.module import OptimizerConfig
from argus_server.training.sampling import SamplingConfig, WindowSampler

_DAYS: Final = 12
_SERVERS: Final = 16
_STEPS_A_DAY: Final = 288
_MEASURED: Final = ("cpu_user_pct", "mem_used_pct", "net_in_mb_s", "load_average")
_HEADS: Final = 4
_WARM_UP: Final = 2


def run(*, batch: int, seconds: float, rounds: int, hidden_size: int) -> dict[str, Any]:
    """Measure.

    Args:
        batch: Windows per batch.
        seconds: About how long a run takes.
        rounds: Runs of each.
        hidden_size: Width of both networks.

    Returns:
        JSON-ready figures; `ratio` compares our patch form, `ratio_same_tokens` our classic form.
    """
    threads, profile = torch.get_num_threads(), detect()
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepare(profile)
            histories = _histories()
            # Beside a card, processes prepare batches for both; on a CPU everything is done by one thread.
            workers = min(profile.workers, usable_cores() - 1) if profile.device == "cuda" else 0
            size = _Size(batch, hidden_size, workers)
            reference, reference_parameters = _reference(histories, size, profile)
            ours, parameters = _ours(histories, FeatureSchema(), size)
            classic, _ = _ours(histories, FeatureSchema(patch_length=1), size)
            sides = {"reference": reference, "ours": ours, "classic": classic}
            # The first run warms up and tells how many batches the others need.
            batches = {name: _batches_in(seconds, side) for name, side in sides.items()}
            speeds: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(rounds):
                for name, side in sides.items():
                    speeds[name].append(batch * batches[name] / side(batches[name]))
    finally:
        torch.set_num_threads(threads)
    speed = {name: statistics.median(each) for name, each in speeds.items()}
    return {
        "ratio": round(speed["ours"] / speed["reference"], 1),
        "ratio_same_tokens": round(speed["classic"] / speed["reference"], 2),
        "windows_per_second": round(speed["ours"], 1),
        "classic_windows_per_second": round(speed["classic"], 1),
        "pytorch_forecasting_windows_per_second": round(speed["reference"], 1),
        "spread": {name: [round(min(each), 1), round(max(each), 1)] for name, each in speeds.items()},
        "parameters": parameters,
        "pytorch_forecasting_parameters": reference_parameters,
        "hidden_size": hidden_size,
        "batch": batch,
        "batches": batches,
        "rounds": rounds,
        "threads": 1,
        "device": profile.name,
        "torch": torch.__version__,
    }


@dataclass(frozen=True, slots=True)
class _Size:
    """What both sides share: windows of a batch, width of the network, processes that prepare batches."""

    batch: int
    hidden: int
    workers: int


def _batches_in(seconds: float, side: Callable[[int], float]) -> int:
    return max(math.ceil(seconds / (side(_WARM_UP) / _WARM_UP)), _WARM_UP)


def _histories() -> list[History]:
    rng = np.random.default_rng(3)
    steps = np.arange(_DAYS * _STEPS_A_DAY)
    wave = np.sin(2.0 * np.pi * steps / _STEPS_A_DAY)[:, None]
    histories = []
    for server in range(_SERVERS):
        values = np.full((len(steps), len(METRICS)), np.nan, dtype=np.float32)
        columns = [METRICS.index(name) for name in _MEASURED]
        level = rng.uniform(20.0, 60.0, len(columns))
        noise = rng.normal(0.0, 3.0, (len(steps), len(columns)))
        values[:, columns] = (level + 15.0 * wave + noise).clip(0.0, 100.0)
        histories.append(
            History(f"ppweb{server:03d}", "bench", 0, 1_700_000_100_000, 300, values, len(steps))
        )
    return histories


def _ours(histories: list[History], schema: FeatureSchema, size: _Size) -> tuple[Callable[[int], float], int]:
    config = TrainingConfig(
        hidden_size=size.hidden, attention_heads=_HEADS, epochs=1, sampling=SamplingConfig(series=size.batch)
    )
    names = tuple(history.name for history in histories)

    def measure(batches: int) -> float:
        def windows(first_round: int) -> WindowSampler:
            return WindowSampler(
                histories, schema, config.sampling, batches=batches + 1, seed=1, first_pass=first_round
            )

        check = WindowSampler(histories, schema, config.sampling, batches=1, seed=2, fixed=True)
        data = TrainingData(names, names, windows, check, (), rounds=1, workers=size.workers)
        ended: list[float] = []
        fit(
            data,
            schema,
            replace(config, steps_per_epoch=batches + 1),
            on_progress=lambda progress: ended.append(time.perf_counter()),
        )
        return ended[-1] - ended[0]

    network = model_config(schema, hidden_size=size.hidden, attention_heads=_HEADS)
    return measure, parameter_count(TemporalFusionTransformer(network))


def _reference(
    histories: list[History], size: _Size, profile: DeviceProfile
) -> tuple[Callable[[int], float], int]:
    from pytorch_forecasting import TemporalFusionTransformer as Reference
    from pytorch_forecasting import TimeSeriesDataSet
    from pytorch_forecasting.data import EncoderNormalizer
    from pytorch_forecasting.metrics import QuantileLoss

    schema = FeatureSchema()
    dataset = TimeSeriesDataSet(
        _table(histories),
        time_idx="step",
        target="value",
        group_ids=["series"],
        max_encoder_length=schema.encoder_steps,
        min_encoder_length=schema.encoder_steps,
        max_prediction_length=schema.horizon,
        min_prediction_length=schema.horizon,
        static_categoricals=["metric"],
        time_varying_known_reals=["hour", "weekday"],
        time_varying_unknown_reals=["value"],
        target_normalizer=EncoderNormalizer(),
    )
    model = Reference.from_dataset(
        dataset,
        hidden_size=size.hidden,
        hidden_continuous_size=size.hidden,
        attention_head_size=_HEADS,
        loss=QuantileLoss(list(QUANTILES)),
        learning_rate=1e-3,
        log_interval=-1,
    )
    loader = dataset.to_dataloader(train=True, batch_size=size.batch, num_workers=size.workers)

    def measure(batches: int) -> float:
        watch = _Stopwatch()
        trainer = lightning.Trainer(
            max_steps=batches + 1,
            accelerator="gpu" if profile.device == "cuda" else "cpu",
            devices=1,
            gradient_clip_val=OptimizerConfig().gradient_clip,
            callbacks=[watch],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            num_sanity_val_steps=0,
        )
        trainer.fit(model, loader)
        return watch.ended - watch.started

    return measure, int(model.size())


def _table(histories: list[History]) -> pd.DataFrame:
    parts = []
    for history in histories:
        steps = np.arange(len(history.values))
        at = pd.to_datetime(history.start_ms + steps * history.step_seconds * 1000, unit="ms", utc=True)
        for name in _MEASURED:
            parts.append(
                pd.DataFrame(
                    {
                        "series": f"{history.name} {name}",
                        "metric": name,
                        "step": steps,
                        "hour": at.hour.to_numpy().astype(np.float32),
                        "weekday": at.dayofweek.to_numpy().astype(np.float32),
                        "value": history.values[:, METRICS.index(name)],
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


class _Stopwatch(Callback):
    """Times batches from the end of the first one, loading included."""

    def __init__(self) -> None:
        self.started = self.ended = 0.0

    def on_train_batch_end(self, *arguments: Any, **named: Any) -> None:
        self.ended = time.perf_counter()
        if not self.started:
            self.started = self.ended
