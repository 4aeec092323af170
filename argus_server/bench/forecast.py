"""How long a fleet forecast takes, against pytorch-forecasting's predict() and the floor of its FLOPs.

Both sides run in one process on the same machine, with the same window, targets and horizon.
"""

from __future__ import annotations

import platform
import statistics
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from argus_server.forecast import artifact, features
from argus_server.forecast.artifact import LoadedModel
from argus_server.forecast.device import detect
from argus_server.forecast.features import FeatureSchema
from argus_server.forecast.forecaster import Forecaster, usable_cores
from argus_server.forecast.tft import TFTInputs, parameter_count
from argus_server.metrics import METRICS, QUANTILES
from argus_server.profiles import PROFILES
from argus_server.window.frame import WindowFrame

_ORIGIN_MS: Final = 1_767_225_600_000
_GEMM_SIZE: Final = 2048
_MIN_REPEATS: Final = 3


def run(servers: int = 90, seconds: float = 10.0, model: Path | None = None) -> dict[str, Any]:
    """Measure one fleet forecast.

    Args:
        servers: Fleet size.
        seconds: About how long to measure each of the four parts.
        model: Artifact to measure; the shipped one by default.

    Returns:
        Medians in milliseconds. `fleet_ms` is WindowFrame to Forecast in real units; `forward_ms` the network
        alone over the same fleet; `gemm_floor_ms` its FLOPs at the rate of a square float32 product of side
        2048, measured in the same run; `floor_ratio` forward over floor.
    """
    if find_spec("pytorch_forecasting") is None:
        raise ModuleNotFoundError("the comparison needs pytorch-forecasting", name="pytorch_forecasting")
    loaded = artifact.load(model if model is not None else _shipped_model())
    profile = detect()
    forecaster = Forecaster(loaded, profile)
    frame = _fleet(servers, loaded.schema)
    fleet_ms = _median_ms(lambda: forecaster.forecast(frame), seconds)
    forward_ms, flops = _forward(loaded, frame, profile.infer_servers, seconds)
    # What is measured from here on may use all cores as PyTorch sees fit.
    torch.set_num_threads(usable_cores())
    gflops = _gemm_gflops(seconds)
    floor_ms = flops / gflops / 1e6
    # It looks back one day, as its users do; its cost grows with the past.
    last_day = replace(frame, values=frame.values[:, -loaded.schema.encoder_steps :])
    reference = _pytorch_forecasting(last_day, loaded, seconds)
    return {
        "servers": servers,
        "fleet_ms": round(fleet_ms, 2),
        "pytorch_forecasting_predict_ms": round(reference["predict_ms"], 1),
        "speedup": round(reference["predict_ms"] / fleet_ms, 1),
        "forward_ms": round(forward_ms, 2),
        "gemm_floor_ms": round(floor_ms, 2),
        "floor_ratio": round(forward_ms / floor_ms, 2),
        "gflop": round(flops / 1e9, 3),
        "gemm_gflop_per_second": round(gflops, 1),
        "parameters": parameter_count(loaded.module),
        "pytorch_forecasting_parameters": reference["parameters"],
        "pytorch_forecasting_hidden_size": reference["hidden_size"],
        "model_revision": loaded.revision,
        "device_profile": profile.name,
        "servers_per_pass": profile.infer_servers,
        "cores": usable_cores(),
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
    }


def _shipped_model() -> Path:
    from argus_server.model_control import shipped_model

    return shipped_model()


def _fleet(servers: int, schema: FeatureSchema) -> WindowFrame:
    """A made-up fleet with a daily cycle, noise and 1 % of readings missing."""
    rng = np.random.default_rng(5)
    steps = np.arange(schema.context_steps)
    cycle = 30.0 + 20.0 * np.sin(2.0 * np.pi * steps / schema.encoder_steps)
    level = rng.uniform(0.3, 1.5, (servers, 1, len(METRICS)))
    values = cycle[None, :, None] * level + rng.normal(0.0, 4.0, (servers, len(steps), len(METRICS)))
    readings = values.clip(0.0, 100.0).astype(np.float32)
    readings[rng.random(readings.shape) < 0.01] = np.nan
    return WindowFrame(
        server_names=tuple(f"ppweb{index:03d}" for index in range(servers)),
        values=readings,
        origin_ms=_ORIGIN_MS,
        step_seconds=schema.step_seconds,
        profiles=(np.arange(servers) % len(PROFILES)).astype(np.int8),
        observed_steps=np.full(servers, schema.context_steps, dtype=np.int32),
    )


def _median_ms(call: Callable[[], object], seconds: float) -> float:
    call()
    taken: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(taken) < _MIN_REPEATS or time.perf_counter() < deadline:
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e3


def _forward(model: LoadedModel, frame: WindowFrame, chunk: int, seconds: float) -> tuple[float, float]:
    """Median time and FLOPs of the network over the fleet, in the chunks that serving uses."""
    schema = model.schema
    passes = -(-len(frame.server_names) // chunk)
    rows = np.arange(chunk) % len(frame.server_names)
    built = features.build(
        schema, frame.values[rows], np.array([frame.origin_ms], dtype=np.int64), frame.profiles[rows]
    )

    def one_pass(_: int) -> None:
        with torch.inference_mode():
            model.module(built.inputs)

    # As serving does it: passes side by side, one core each.
    with ThreadPoolExecutor(usable_cores(), initializer=lambda: torch.set_num_threads(1)) as workers:
        forward_ms = _median_ms(lambda: list(workers.map(one_pass, range(passes))), seconds)
    return forward_ms, passes * flops_of(model, built.inputs)


def flops_of(model: LoadedModel, inputs: TFTInputs) -> float:
    """FLOPs of one pass: products as PyTorch counts them, the LSTMs by formula, since its counter skips them.

    Outside inference mode all products are plain ones, which the counter knows.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        series = model.module(inputs).shape[0]
    config = model.module.config
    # Four gates, each with an input and a recurrent product of hidden x hidden, 2 FLOPs per multiply-add.
    per_token = config.lstm_layers * 4 * 2 * 2 * config.hidden_size**2
    lstm = series * (config.encoder_tokens + config.decoder_tokens) * per_token
    return float(counter.get_total_flops() + lstm)


def _gemm_gflops(seconds: float) -> float:
    a, b = torch.randn(_GEMM_SIZE, _GEMM_SIZE), torch.randn(_GEMM_SIZE, _GEMM_SIZE)
    return 2.0 * _GEMM_SIZE**3 / (_median_ms(lambda: a @ b, seconds) * 1e6)


def _pytorch_forecasting(frame: WindowFrame, model: LoadedModel, seconds: float) -> dict[str, Any]:
    """Time of predict() from a DataFrame, with a TFT of the nearest parameter count."""
    with warnings.catch_warnings():
        # Its own deprecation notices and Lightning's advice are no concern of this measurement.
        warnings.simplefilter("ignore")
        import logging

        from pytorch_forecasting import TemporalFusionTransformer, TimeSeriesDataSet
        from pytorch_forecasting.data import EncoderNormalizer, MultiNormalizer
        from pytorch_forecasting.metrics import MultiLoss, QuantileLoss

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        schema, targets = model.schema, list(METRICS)
        table = _table(frame, schema.horizon)
        dataset = TimeSeriesDataSet(
            table,
            time_idx="step",
            target=targets,
            group_ids=["server"],
            max_encoder_length=schema.encoder_steps,
            min_encoder_length=schema.encoder_steps,
            max_prediction_length=schema.horizon,
            static_categoricals=["profile"],
            time_varying_known_reals=["hour", "weekday"],
            time_varying_unknown_reals=targets,
            target_normalizer=MultiNormalizer([EncoderNormalizer() for _ in targets]),
        )
        wanted = parameter_count(model.module)
        best: Any = None
        for hidden_size in range(4, 129, 4):
            candidate = TemporalFusionTransformer.from_dataset(
                dataset,
                hidden_size=hidden_size,
                hidden_continuous_size=max(hidden_size // 2, 4),
                attention_head_size=4,
                output_size=[len(QUANTILES)] * len(targets),
                loss=MultiLoss([QuantileLoss(list(QUANTILES)) for _ in targets]),
            )
            if best is None or abs(candidate.size() - wanted) < abs(best.size() - wanted):
                best = candidate
            if candidate.size() > wanted:
                break

        def predict() -> object:
            return best.predict(
                table,
                mode="quantiles",
                batch_size=len(frame.server_names),
                trainer_kwargs={"accelerator": "auto", "logger": False, "enable_progress_bar": False},
            )

        return {
            "predict_ms": _median_ms(predict, seconds),
            "parameters": int(best.size()),
            "hidden_size": int(best.hparams.hidden_size),
        }


def _table(frame: WindowFrame, horizon: int) -> pd.DataFrame:
    """The fleet as pytorch-forecasting wants it: a row per server and step, future ones with dummy values."""
    servers, steps, _ = frame.values.shape
    total = steps + horizon
    values = np.zeros((servers, total, len(METRICS)), dtype=np.float32)
    values[:, :steps] = np.nan_to_num(frame.values)
    step_ms = frame.step_seconds * 1000
    at = pd.to_datetime(frame.origin_ms + (np.arange(total) - steps + 1) * step_ms, unit="ms", utc=True)
    table = pd.DataFrame(values.reshape(-1, len(METRICS)), columns=list(METRICS))
    table["server"] = np.repeat(np.array(frame.server_names, dtype=object), total)
    table["profile"] = np.repeat(np.array([PROFILES[index] for index in frame.profiles], dtype=object), total)
    table["step"] = np.tile(np.arange(total), servers)
    table["hour"] = np.tile(at.hour.to_numpy(), servers).astype(np.float32)
    table["weekday"] = np.tile(at.dayofweek.to_numpy(), servers).astype(np.float32)
    return table
