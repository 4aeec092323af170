"""A model trained with pytorch-forecasting forecasts the same in Argus: exported, imported, loaded, served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import RobustScaler

from argus_server.forecast import artifact, fallback
from argus_server.forecast.classic_export import export_tft
from argus_server.forecast.classic_import import import_tft
from argus_server.forecast.device import DeviceProfile
from argus_server.forecast.forecaster import Forecaster
from argus_server.forecast.frame import Source
from argus_server.forecast.scaling import upper_bounds
from argus_server.metrics import METRIC_INDEX, METRICS, QUANTILES
from argus_server.profiles import PROFILE_INDEX
from argus_server.window.frame import WindowFrame
from tests.server.forecast.classic import HORIZON, ORIGIN_MS, Recipe, made, predicted, table, window

from pytorch_forecasting.data.encoders import (  # isort: skip  after tests.server.forecast.classic silenced it
    EncoderNormalizer,
    GroupNormalizer,
    TorchNormalizer,
)

RECIPES: dict[str, Recipe] = {
    "what the data set adds by itself": Recipe(
        normalizers=(EncoderNormalizer(transformation="relu"),),
        known=("hour", "weekday"),
        static=("server", "profile"),
        dataset={"add_relative_time_idx": True, "add_target_scales": True, "add_encoder_length": True},
    ),
    "several targets, each scaled its own way": Recipe(
        targets=("mem_used_pct", "cpu_user_pct", "load_average", "net_in_mb_s"),
        normalizers=(
            EncoderNormalizer(method="robust", method_kwargs={"upper": 0.9, "lower": 0.2, "center": 0.4}),
            GroupNormalizer(groups=["server"], transformation="softplus"),
            TorchNormalizer(method="standard", transformation="log1p"),
            TorchNormalizer(method="identity", center=False),
        ),
        covariates=("disk_usage_pct",),
        static=("server",),
        quantiles=(0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98),
        dataset={"add_target_scales": True},
        model={"lstm_layers": 2},
    ),
    "scalers of inputs": Recipe(
        normalizers=(GroupNormalizer(),),
        covariates=("mem_used_pct", "load_average", "net_out_mb_s", "swap_used_pct", "uptime_days"),
        known=("step", "hour"),
        scalers={
            "step": EncoderNormalizer(),
            "mem_used_pct": EncoderNormalizer(method="robust", max_length=12),
            "load_average": RobustScaler(),
            "net_out_mb_s": None,
            "swap_used_pct": GroupNormalizer(groups=["server"], method="robust"),
        },
    ),
    "centre and scale of different lengths": Recipe(
        normalizers=(EncoderNormalizer(max_length=[6, 18], center=False),),
    ),
    "groups scaled one by one": Recipe(
        normalizers=(GroupNormalizer(groups=["server"], scale_by_group=True, method="robust", center=True),),
    ),
    "a target that is no input": Recipe(
        dataset={"time_varying_unknown_reals": ["mem_used_pct"]},
    ),
    **{
        f"{name} per sequence": Recipe(
            targets=("load_average",),
            normalizers=(EncoderNormalizer(transformation=name),),
            covariates=("cpu_user_pct",),
        )
        for name in ("log", "log1p", "logit", "count", "softplus", "sqrt")
    },
    **{
        f"{name} with constants": Recipe(
            targets=("load_average",),
            normalizers=(GroupNormalizer(transformation=name),),
            covariates=("cpu_user_pct",),
        )
        for name in ("log", "logit", "count", "sqrt")
    },
}


def served(directory: Path, values: np.ndarray, profiles: list[str]) -> np.ndarray:
    """What a server's forecaster makes of windows with the artifact."""
    model = artifact.load(directory, step_seconds=300, max_context_steps=2016)
    names = tuple(f"s{index}" for index in range(len(values)))
    frame = WindowFrame(
        server_names=names,
        values=values,
        origin_ms=ORIGIN_MS,
        step_seconds=300,
        profiles=np.array([PROFILE_INDEX[name] for name in profiles], dtype=np.int8),
        observed_steps=np.full(len(values), values.shape[1], dtype=np.int32),
    )
    forecast = Forecaster(model, DeviceProfile("test", "cpu", 4, 2, 0, "highest", 1.0)).forecast(frame)
    assert (forecast.sources == Source.TFT).all()
    assert forecast.model_revision == model.revision
    return forecast.quantiles


def bounded(expected: np.ndarray, metric: str) -> np.ndarray:
    """Quantiles as the contract wants them: in order, and within the metric's range."""
    return np.sort(expected, axis=-1).clip(0.0, upper_bounds()[METRIC_INDEX[metric]])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_the_same_quantiles_as_where_it_was_trained(recipe: Recipe, tmp_path: Path) -> None:
    model, dataset = made(recipe)
    # pytorch-forecasting counts group ids from 0 and the categories of the same column from 1 when there is an
    # unknown one: the first new server would be un-scaled as the last known one.
    rows = table(["decoy", "new-1", "new-2", "new-3"], seed=5)
    expected = predicted(model, rows)[1:, ..., [recipe.quantiles.index(level) for level in QUANTILES]]

    export_tft(model, dataset, tmp_path / "export")
    import_tft(tmp_path / "export", tmp_path / "imported")
    values = window(rows)[1:]
    quantiles = served(tmp_path / "imported", values, ["database"] * 3)

    for index, metric in enumerate(recipe.targets):
        theirs = bounded(expected[:, index], metric)
        assert (theirs > 0.0).mean() > 0.5, "a forecast of nothing but zeros compares nothing"
        np.testing.assert_allclose(quantiles[:, METRIC_INDEX[metric]], theirs, rtol=1e-4, atol=1e-5)
    others = [index for index, name in enumerate(METRICS) if name not in recipe.targets]
    alone = fallback.forecast(values, 300, HORIZON)
    assert quantiles[:, others].tobytes() == alone[:, others].tobytes()


def test_hours_with_fractions(tmp_path: Path) -> None:
    def fractions(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(hour=rows["hour"] + rows["minute_of_hour"] / 60.0)

    recipe = Recipe()
    model, dataset = made(recipe, change=fractions)
    rows = fractions(table(["new-1"], seed=5))
    export_tft(model, dataset, tmp_path / "export")
    import_tft(tmp_path / "export", tmp_path / "imported")
    ours = served(tmp_path / "imported", window(rows), ["generic"])[:, METRIC_INDEX["cpu_user_pct"]]
    theirs = bounded(predicted(model, rows)[:, 0], "cpu_user_pct")
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_every_input_counts(tmp_path: Path) -> None:
    """Were an input left out or swapped on both sides, parity would not show it."""
    recipe: Any = RECIPES["what the data set adds by itself"]
    model, dataset = made(recipe)
    export_tft(model, dataset, tmp_path / "export")
    import_tft(tmp_path / "export", tmp_path / "imported")
    pipeline = artifact.load(tmp_path / "imported").pipeline
    values, origin = window(table(["new-1"], seed=5)), np.array([ORIGIN_MS])
    generic, database = np.array([0], dtype=np.int8), np.array([2], dtype=np.int8)
    cpu = METRIC_INDEX["cpu_user_pct"]
    plain = pipeline.forecast(values, origin, generic)[:, cpu]
    changed = [
        pipeline.forecast(values, origin, database),
        pipeline.forecast(values, origin + 7_200_000, generic),
    ]
    changed.append(pipeline.forecast(values, origin + 2 * 86_400_000, generic))
    for metric in ("cpu_user_pct", "mem_used_pct", "load_average"):
        other = values.copy()
        other[:, -20:, METRIC_INDEX[metric]] *= 0.5
        changed.append(pipeline.forecast(other, origin, generic))
    for forecast in changed:
        assert np.abs(forecast[:, cpu] - plain).max() > 1e-4
