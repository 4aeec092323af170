"""Exports a TFT that was trained with pytorch-forecasting, where its trusted objects live: `export_tft`.

What it writes, `argus model import` turns into an artifact:

    weights.safetensors   the model's state dict, float32
    tft.json              hyper-parameters, variables in order with their scaling, quantiles, SHA-256 of the weights

Neither holds anything executable.
"""

from __future__ import annotations

import hashlib
import json
import math
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.torch

from argus_server.contract import CONTRACT_VERSION
from argus_server.forecast.classic_scaling import FixedScaler, WindowScaler
from argus_server.forecast.classic_schema import (
    UNKNOWN,
    ClassicSchema,
    Source,
    StaticCategory,
    StaticReal,
    Target,
    UnsupportedModelError,
    Variable,
)
from argus_server.forecast.pytorch_forecasting_import import HPARAMS, import_config
from argus_server.metrics import METRICS
from argus_server.profiles import PROFILES

WEIGHTS_FILE: Final = "weights.safetensors"
DESCRIPTION_FILE: Final = "tft.json"
FORMAT: Final = "argus-tft-export"
FORMAT_VERSION: Final = 1

_TRANSFORMATIONS: Final = ("relu", "log", "log1p", "sqrt", "softplus", "count", "logit")
_WEEKDAYS: Final = ("weekday", "day_of_week", "dayofweek")


def export_tft(model: Any, dataset: Any, directory: str | Path, *, step_seconds: int = 300) -> Path:
    """Write a trained TFT of pytorch-forecasting as tensors and JSON.

    Args:
        model: The trained `pytorch_forecasting.TemporalFusionTransformer`.
        dataset: The `pytorch_forecasting.TimeSeriesDataSet` it was trained on; its scalers and encoders are part
            of the model.
        directory: Where to write; made if it is not there.
        step_seconds: Time between two rows of the data set.

    Returns:
        The directory.

    Raises:
        UnsupportedModelError: The model uses what Argus cannot feed or serve; the message says what, and what to
            do about it.
    """
    _check_classes(model, dataset)
    quantiles = _quantiles(model)
    schema = _schema(dataset, model, step_seconds)
    hparams = {name: _plain(model.hparams[name]) for name in HPARAMS}
    try:
        schema.check(import_config(hparams, schema.encoder_steps, schema.horizon, quantiles))
    except ValueError as error:
        raise UnsupportedModelError(str(error)) from error
    # Scaling layers are shared between the selections: each is written once.
    state = {
        name: tensor.detach().cpu().float().clone().contiguous()
        for name, tensor in model.state_dict().items()
        if ".prescalers." not in name and tensor.is_floating_point()
    }
    weights = safetensors.torch.save(state)
    description = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "contract_version": CONTRACT_VERSION,
        "pytorch_forecasting": metadata.version("pytorch-forecasting"),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "training_servers": _servers(dataset),
        "quantiles": quantiles,
        "hparams": hparams,
        "inputs": schema.to_json(),
    }
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    (path / WEIGHTS_FILE).write_bytes(weights)
    text = json.dumps(description, indent=2, allow_nan=False)
    (path / DESCRIPTION_FILE).write_text(f"{text}\n", encoding="utf-8")
    return path


def _check_classes(model: Any, dataset: Any) -> None:
    from pytorch_forecasting import TemporalFusionTransformer, TimeSeriesDataSet

    for what, thing, wanted in (
        ("model", model, TemporalFusionTransformer),
        ("dataset", dataset, TimeSeriesDataSet),
    ):
        if not isinstance(thing, wanted):
            raise UnsupportedModelError(
                f"{what} must be a pytorch_forecasting.{wanted.__name__}, got {type(thing).__name__}"
            )
    mismatch = [
        name
        for name, ours, theirs in (
            ("x_reals", dataset.reals, model.hparams.x_reals),
            ("static_categoricals", dataset._static_categoricals, model.hparams.static_categoricals),
            ("max_encoder_length", dataset.max_encoder_length, model.hparams.max_encoder_length),
        )
        if _plain(ours) != _plain(theirs)
    ]
    if mismatch:
        raise UnsupportedModelError(
            f"the model was not made for this data set, they differ in {', '.join(mismatch)}: "
            "give the data set that the model was trained on"
        )
    refused = {
        "lags": dataset._lags,
        "variable_groups": dataset._variable_groups,
        "constant_fill_strategy": dataset._constant_fill_strategy,
        "time-varying categoricals": dataset._time_varying_known_categoricals
        + dataset._time_varying_unknown_categoricals,
    }
    if used := [f"{name} ({', '.join(value)})" for name, value in refused.items() if value]:
        raise UnsupportedModelError(f"a data set with {' and '.join(used)} cannot be exported: train without")


def _quantiles(model: Any) -> list[float]:
    from pytorch_forecasting.metrics import MultiLoss, QuantileLoss

    losses = list(model.loss.metrics) if isinstance(model.loss, MultiLoss) else [model.loss]
    if odd := sorted({type(loss).__name__ for loss in losses if type(loss) is not QuantileLoss}):
        raise UnsupportedModelError(
            f"the model was trained with {', '.join(odd)}: Argus needs quantiles, train with QuantileLoss"
        )
    levels = {tuple(float(level) for level in loss.quantiles) for loss in losses}
    if len(levels) != 1:
        raise UnsupportedModelError(f"every target must have the same quantiles, got {sorted(levels)}")
    return list(levels.pop())


def _schema(dataset: Any, model: Any, step_seconds: int) -> ClassicSchema:
    if odd := [name for name in dataset.target_names if name not in METRICS]:
        raise UnsupportedModelError(
            f"the targets {odd} are no metrics of the contract: rename the columns, those are {list(METRICS)}"
        )
    targets = tuple(
        Target(name, _scaler(dataset, normalizer, f"the normalizer of target {name}"))
        for name, normalizer in zip(dataset.target_names, dataset.target_normalizers, strict=True)
    )
    scalers = {target.metric: target.scaler for target in targets}

    def variable(name: str) -> Variable:
        if name in dataset._time_varying_known_reals:
            return _known(dataset, name)
        if name not in METRICS:
            raise UnsupportedModelError(
                f"the input {name} is no metric of the contract: train without it, or rename the column; "
                f"those are {list(METRICS)}"
            )
        scaler = scalers.get(name) or _scaler(dataset, dataset._scalers[name], f"the scaler of {name}")
        return Variable(name, "metric", scaler)

    return ClassicSchema(
        step_seconds=step_seconds,
        encoder_steps=dataset.max_encoder_length,
        horizon=dataset.max_prediction_length,
        targets=targets,
        static_categoricals=tuple(_category(dataset, name) for name in model.hparams.static_categoricals),
        static_reals=tuple(_static_real(dataset, name) for name in model.hparams.static_reals),
        encoder_reals=tuple(map(variable, model.hparams.time_varying_reals_encoder)),
        decoder_reals=tuple(map(variable, model.hparams.time_varying_reals_decoder)),
    )


def _known(dataset: Any, name: str) -> Variable:
    """A variable whose future is known: only what follows from the time of a step is."""
    scaler = dataset._scalers.get(name)
    if name == "relative_time_idx" and dataset.add_relative_time_idx:
        # The data set makes it anew for each sequence, after all scaling but a sequence's own.
        if isinstance(_scaler(dataset, scaler, f"the scaler of {name}"), WindowScaler):
            raise UnsupportedModelError(f"{name} is scaled per sequence: leave its scaler out")
        return Variable(name, "relative_time", FixedScaler())
    found = _scaler(dataset, scaler, f"the scaler of {name}")
    if name == dataset.time_idx:
        shifts = isinstance(found, WindowScaler) and found.transformation == "none" and found.centered
        if not shifts or found == WindowScaler(method="identity"):
            raise UnsupportedModelError(
                f"{name} counts from the start of the training data, which a server cannot know: use "
                f"add_relative_time_idx=True instead, or scalers={{{name!r}: EncoderNormalizer()}}"
            )
        return Variable(name, "time_index", found)
    return Variable(name, _calendar_source(dataset, name, found), found)


def _calendar_source(dataset: Any, name: str, scaler: FixedScaler | WindowScaler) -> Source:
    """Which calendar variable a column is, by its name and its values."""
    column = dataset.data["reals"][:, dataset.reals.index(name)].double().numpy()
    if isinstance(scaler, FixedScaler):  # per-sequence scaling is left to later by the data set
        column = column * scaler.scale + scaler.center
    whole = bool(np.allclose(column, np.rint(column), atol=1e-3))
    low, high = float(column.min()), float(column.max())
    if name == "hour" and low > -1e-3 and high < 24.0 - 1e-3:
        return "hour" if whole else "hour_fraction"
    if name in _WEEKDAYS and whole and low > -1e-3 and high < 6.0 + 1e-3:
        return "weekday"
    raise UnsupportedModelError(
        f"the known input {name} ({low:g} to {high:g}) cannot be made for the future: Argus knows hour (0 to "
        f"below 24, UTC), {', '.join(_WEEKDAYS)} (Monday 0 to Sunday 6, UTC), relative_time_idx and the time index"
    )


def _static_real(dataset: Any, name: str) -> StaticReal:
    if name == "encoder_length" and dataset.add_encoder_length:
        return StaticReal(name, "encoder_length", FixedScaler())
    target, _, kind = name.rpartition("_")
    if not dataset.add_target_scales or target not in dataset.target_names or kind not in ("center", "scale"):
        raise UnsupportedModelError(
            f"the static input {name} is nothing Argus knows of a server: only encoder_length and the centres and "
            "scales of targets can be used"
        )
    scaler = _scaler(dataset, dataset._scalers[name], f"the scaler of {name}")
    if isinstance(scaler, WindowScaler):
        raise UnsupportedModelError(f"{name} does not change with time: it needs another scaler")
    return StaticReal(name, "target_center" if kind == "center" else "target_scale", scaler, target)


def _category(dataset: Any, name: str) -> StaticCategory:
    """Codes of the profiles; of anything else, such as the server's name, the code of the unknown."""
    encoder = dataset._categorical_encoders[name]
    codes = {str(key): int(code) for key, code in encoder.classes_.items()}
    advice = f"encode it with categorical_encoders={{{name!r}: NaNLabelEncoder(add_nan=True)}}"
    if name != "profile":
        if not encoder.add_nan:
            raise UnsupportedModelError(
                f"{name} has no code for what was not in the training data, and Argus forecasts servers that were "
                f"not: train without it, or {advice}"
            )
        return StaticCategory(name, dict.fromkeys([*PROFILES, UNKNOWN], 0))
    missing = [profile for profile in PROFILES if profile not in codes]
    if missing and not encoder.add_nan:
        raise UnsupportedModelError(
            f"profile has no code for {', '.join(missing)}, which servers may be of, nor for the unknown: {advice}"
        )
    known = {profile: codes.get(profile, 0) for profile in PROFILES}
    return StaticCategory(name, {**known, UNKNOWN: 0 if encoder.add_nan else known["generic"]})


def _scaler(dataset: Any, scaler: Any, what: str) -> FixedScaler | WindowScaler:
    """The same scaling, as data."""
    from pytorch_forecasting.data.encoders import EncoderNormalizer, GroupNormalizer, TorchNormalizer
    from sklearn.preprocessing import RobustScaler, StandardScaler

    if scaler is None:
        return FixedScaler()
    kind = type(scaler)
    if kind is StandardScaler:
        return _fixed(what, scaler.mean_, scaler.scale_)
    if kind is RobustScaler:
        return _fixed(what, scaler.center_, scaler.scale_)
    if kind not in (EncoderNormalizer, GroupNormalizer, TorchNormalizer):
        raise UnsupportedModelError(
            f"{what} is a {kind.__name__}: Argus knows EncoderNormalizer, GroupNormalizer, TorchNormalizer, "
            "StandardScaler and RobustScaler"
        )
    transformation: Any = scaler.transformation or "none"
    if transformation != "none" and transformation not in _TRANSFORMATIONS:
        raise UnsupportedModelError(
            f"{what} has the transformation {transformation!r}: Argus knows none and {', '.join(_TRANSFORMATIONS)}"
        )
    if kind is EncoderNormalizer:
        return _window(scaler, transformation)
    if kind is TorchNormalizer and scaler.method == "identity":
        return FixedScaler(transformation=transformation)
    center, scale = (
        (scaler.center_, scaler.scale_) if kind is TorchNormalizer else _group(dataset, scaler, what)
    )
    return _fixed(what, center, scale, transformation)


def _fixed(what: str, center: Any, scale: Any, transformation: Any = "none") -> FixedScaler:
    """Constants of one column; None stands for no centre or no scale."""
    numbers = [
        np.asarray(default if x is None else x, dtype=np.float64)
        for x, default in ((center, 0.0), (scale, 1.0))
    ]
    if any(x.size != 1 for x in numbers):
        raise UnsupportedModelError(f"{what} has {numbers[0].size} centres for one column: use another one")
    first, second = (float(x.reshape(-1)[0]) for x in numbers)
    if not (math.isfinite(first) and math.isfinite(second) and second > 0.0):
        raise UnsupportedModelError(f"{what} has centre {first} and scale {second}: it needs finite ones")
    return FixedScaler(center=first, scale=second, transformation=transformation)


def _window(scaler: Any, transformation: Any) -> WindowScaler:
    levels = scaler.method_kwargs or {}
    lengths = scaler.max_length
    center_steps, scale_steps = lengths if isinstance(lengths, (list, tuple)) else (lengths, lengths)
    return WindowScaler(
        method=scaler.method,
        centered=bool(scaler.center),
        lower=float(levels.get("lower", 0.25)),
        middle=float(levels.get("center", 0.5)),
        upper=float(levels.get("upper", 0.75)),
        center_steps=int(center_steps or 0),
        scale_steps=int(scale_steps or 0),
        transformation=transformation,
    )


def _group(dataset: Any, scaler: Any, what: str) -> tuple[float, float]:
    """Centre and scale of a group that is not in the training data; of all data where there are no groups."""
    groups = list(scaler._groups)
    if not groups:
        return scaler.norm_["center"], scaler.norm_["scale"]
    if known := [name for name in groups if name not in dataset.group_ids or name == "profile"]:
        raise UnsupportedModelError(
            f"{what} differs by {', '.join(known)}: Argus can use one per server (group_ids) or one for all"
        )
    missing = scaler.missing_
    if not scaler.scale_by_group:
        return missing["center"], missing["scale"]
    center, scale = (
        math.prod(float(missing[name][part]) for name in groups) ** (1.0 / len(groups))
        for part in ("center", "scale")
    )
    return center, scale


def _servers(dataset: Any) -> list[str]:
    """Names of the series in the training data, so that nobody scores the model on them unawares."""
    if len(dataset.group_ids) != 1:
        return []
    encoder = dataset._categorical_encoders[dataset._group_ids[0]]
    return sorted(str(name) for name in encoder.classes_)


def _plain(value: Any) -> Any:
    """A value of `hparams` as JSON has it."""
    return json.loads(
        json.dumps(value, default=lambda item: dict(item) if hasattr(item, "keys") else list(item))
    )
