"""What cannot be mapped is refused where it can still be changed: before anything is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
from sklearn.preprocessing import MinMaxScaler

from argus_server.forecast.classic_export import export_tft
from argus_server.forecast.classic_schema import UnsupportedModelError
from tests.server.forecast.classic import Recipe, made, with_unknown

from pytorch_forecasting.data.encoders import (  # isort: skip  after tests.server.forecast.classic silenced it
    EncoderNormalizer,
    GroupNormalizer,
    NaNLabelEncoder,
)
from pytorch_forecasting.metrics import MAE, QuantileLoss  # isort: skip


def without_unknown(rows: Any) -> Any:
    return rows.assign(profile="generic")


def of_letters(rows: Any) -> Any:
    return rows.assign(state=["up" if value > 30 else "down" for value in rows["cpu_user_pct"]])


REFUSED: dict[str, tuple[Recipe, Any, str]] = {
    "time-varying categoricals": (
        Recipe(dataset={"time_varying_unknown_categoricals": ["state"]}),
        of_letters,
        r"time-varying categoricals \(state\)",
    ),
    "lags": (Recipe(dataset={"lags": {"cpu_user_pct": [3]}}), None, r"lags \(cpu_user_pct\)"),
    "filling with constants": (
        Recipe(dataset={"constant_fill_strategy": {"mem_used_pct": 0.0}, "allow_missing_timesteps": True}),
        None,
        r"constant_fill_strategy \(mem_used_pct\)",
    ),
    "a target of another name": (
        Recipe(targets=("minute_of_hour",)),
        None,
        r"targets \['minute_of_hour'\] are no metrics of the contract",
    ),
    "an input of another name": (
        Recipe(covariates=("minute_of_hour",)),
        None,
        "input minute_of_hour is no metric",
    ),
    "a known input that is no calendar": (Recipe(known=("minute_of_hour",)), None, "Argus knows hour"),
    "a metric known in advance": (
        Recipe(known=("hour", "disk_usage_pct")),
        None,
        r"known input disk_usage_pct \(.*\) cannot be made for the future",
    ),
    "weekdays from 1 to 7": (
        Recipe(known=("weekday",), covariates=()),
        lambda rows: rows.assign(weekday=rows["weekday"] + 5.0),
        "Monday 0 to Sunday 6",
    ),
    "an absolute time": (Recipe(known=("step",)), None, "step counts from the start of the training data"),
    "an absolute time with a scaler that keeps it": (
        Recipe(known=("step",), scalers={"step": EncoderNormalizer(method="identity")}),
        None,
        "step counts from the start",
    ),
    "a static real": (
        Recipe(dataset={"static_reals": ["hour_start"]}),
        None,
        "static input hour_start is nothing Argus knows",
    ),
    "names without an unknown one": (
        Recipe(static=("server",), dataset={"categorical_encoders": {"server": NaNLabelEncoder()}}),
        None,
        r"server has no code for what was not in the training data.*add_nan=True",
    ),
    "profiles without an unknown one": (
        Recipe(static=("profile",), dataset={"categorical_encoders": {"profile": NaNLabelEncoder()}}),
        without_unknown,
        "profile has no code for ml_compute, database",
    ),
    "an unknown scaler": (
        Recipe(scalers={"mem_used_pct": MinMaxScaler()}),
        None,
        "scaler of mem_used_pct is a MinMaxScaler",
    ),
    "one's own transformation": (
        Recipe(normalizers=(EncoderNormalizer(transformation={"forward": abs, "reverse": abs}),)),
        None,
        "normalizer of target cpu_user_pct has the transformation",
    ),
    "scales by profile": (
        Recipe(
            normalizers=(GroupNormalizer(groups=["profile"]),),
            static=("profile",),
        ),
        None,
        "differs by profile",
    ),
    "another loss": (Recipe(model={"loss": MAE(), "output_size": 1}), None, "trained with MAE"),
    "no p90": (
        Recipe(model={"loss": QuantileLoss([0.1, 0.5]), "output_size": 2}),
        None,
        r"quantiles \[0.1, 0.5\]; Argus needs \[0.1, 0.5, 0.9\]",
    ),
    "attention to the future": (Recipe(model={"causal_attention": False}), None, "causal_attention"),
    "shared variable networks": (
        Recipe(model={"share_single_variable_networks": True}),
        None,
        "share_single_variable_networks",
    ),
}


@pytest.mark.parametrize(("recipe", "change", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_mapped_is_refused(recipe: Recipe, change: Any, hint: str, tmp_path: Path) -> None:
    model, dataset = made(recipe, train_steps=0, change=change)
    with pytest.raises(UnsupportedModelError, match=hint):
        export_tft(model, dataset, tmp_path / "export")
    assert not (tmp_path / "export").exists()


def test_the_wrong_objects_are_refused(tmp_path: Path) -> None:
    model, dataset = made(Recipe(), train_steps=0)
    _, other = made(Recipe(covariates=("swap_used_pct",)), train_steps=0)
    with pytest.raises(UnsupportedModelError, match=r"model must be a pytorch_forecasting\.TemporalFusion"):
        export_tft(dataset, dataset, tmp_path)
    with pytest.raises(
        UnsupportedModelError, match=r"dataset must be a pytorch_forecasting\.TimeSeriesDataSet"
    ):
        export_tft(model, model, tmp_path)
    with pytest.raises(UnsupportedModelError, match="not made for this data set, they differ in x_reals"):
        export_tft(model, other, tmp_path)


def test_an_export_is_tensors_and_json(tmp_path: Path) -> None:
    recipe = Recipe(static=("server", "profile"), dataset={"add_target_scales": True})
    model, dataset = made(recipe, train_steps=0)
    path = export_tft(model, dataset, tmp_path / "export", step_seconds=60)
    assert sorted(file.name for file in path.iterdir()) == ["tft.json", "weights.safetensors"]
    state = safetensors.torch.load((path / "weights.safetensors").read_bytes())
    assert state["lstm_encoder.weight_ih_l0"].equal(model.lstm_encoder.weight_ih_l0)
    description = json.loads((path / "tft.json").read_text())
    assert description["training_servers"] == ["db-1", "db-2", "db-3"]
    assert description["quantiles"] == [0.1, 0.5, 0.9]
    inputs = description["inputs"]
    assert (inputs["step_seconds"], inputs["encoder_steps"], inputs["horizon"]) == (60, 24, 6)
    assert [real["name"] for real in inputs["encoder_reals"]] == [
        "hour",
        "cpu_user_pct",
        "mem_used_pct",
        "load_average",
    ]
    memory = inputs["encoder_reals"][2]["scaler"]
    assert memory["center"] == pytest.approx(dataset.get_parameters()["scalers"]["mem_used_pct"].mean_[0])
    codes = {item["name"]: item["codes"] for item in inputs["static_categoricals"]}
    assert set(codes["server"].values()) == {0}
    encoder = with_unknown().fit(pd.Series(["database", "generic"]))
    assert codes["profile"]["database"] == encoder.classes_["database"]
    assert codes["profile"]["generic"] == encoder.classes_["generic"]
    assert codes["profile"]["web_api"] == codes["profile"]["unknown"] == 0
