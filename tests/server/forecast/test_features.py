"""The feature pipeline: what the model may see, and when."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from argus_server.forecast import features
from argus_server.forecast.features import MODELLED, FeatureSchema
from argus_server.forecast.series_view import BASELINES
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.window.frame import WindowFrame

SCHEMA = FeatureSchema()
ORIGIN = np.array([1_767_225_600_000], dtype=np.int64)  # 2026-01-01T00:00Z, a Thursday
CPU = MODELLED.index("cpu_user_pct")
STEPS = SCHEMA.context_steps
CALENDAR_PAST, CALENDAR_FUTURE = 3, 3


def build(values: np.ndarray, origin_ms: np.ndarray = ORIGIN) -> features.Features:
    return features.build(SCHEMA, values, origin_ms, np.zeros(len(values), dtype=np.int8))


def ramp() -> np.ndarray:
    """One server whose every metric is the index of its step, a tenth of it."""
    return np.repeat(np.arange(STEPS, dtype=np.float32)[None, :, None] / 10, len(METRICS), axis=2)


def unscaled(built: features.Features, scaled: np.ndarray) -> np.ndarray:
    return np.sinh(scaled) * built.scaling.scale[0, CPU] + built.scaling.center[0, CPU]


def test_no_decoder_step_is_an_observed_one() -> None:
    """Decoder token i covers origin + 12 i + 1 .. origin + 12 i + 12, all after the last observed step."""
    future = build(ramp()).inputs.decoder[CALENDAR_FUTURE].numpy()[0, 0]
    past = build(ramp()).inputs.encoder[CALENDAR_PAST].numpy()[0, 0]
    # The last column numbers the tokens in days: 0 is the first after the origin.
    np.testing.assert_allclose(future[:, -1] * SCHEMA.encoder_tokens, np.arange(8), atol=1e-5)
    np.testing.assert_allclose(past[:, -1] * SCHEMA.encoder_tokens, np.arange(-24, 0), atol=1e-5)
    hour = np.arctan2(future[:, 0], future[:, 1]) / (2 * np.pi) * 24
    # The last observed step starts at midnight, so the first hour of steps after it is centred on 00:32:30;
    # a decoder over observed steps would start before midnight.
    expected = 65 / 120 + np.arange(8)
    np.testing.assert_allclose(hour, expected, atol=1e-3)


def test_the_decoder_is_shown_the_same_time_yesterday() -> None:
    built = build(ramp())
    yesterday = built.inputs.decoder[0].numpy()[0, CPU]
    # Future step i is window index STEPS - 1 + i; a day (288 steps) before it lies index STEPS - 289 + i.
    expected = (STEPS - 288 + np.arange(96)) / 10
    np.testing.assert_allclose(unscaled(built, yesterday[:, :12].reshape(-1)), expected, rtol=1e-4)


def test_the_decoder_is_shown_every_day_at_the_same_time() -> None:
    """On a ramp the days are in order already: the first is the lowest."""
    built = build(ramp())
    days = built.inputs.decoder[2].numpy()[0, CPU].reshape(8, 8, 12)  # tokens, days and their number, steps
    for day in range(7):
        expected = (288 * day + np.arange(96)) / 10
        np.testing.assert_allclose(unscaled(built, days[:, day].reshape(-1)), expected, rtol=1e-3, atol=0.02)
    np.testing.assert_array_equal(days[:, 7], 1.0)
    first = built.inputs.decoder[1].numpy()[0, CPU, :, :12].reshape(-1)
    np.testing.assert_allclose(unscaled(built, first), np.arange(96) / 10, rtol=1e-3, atol=0.02)


def test_baselines_are_what_their_names_say() -> None:
    """A server that repeats a daily wave exactly, three units higher in the last hour."""
    step = np.arange(STEPS)
    values = ramp()
    values[0] = (40 + 20 * np.sin(2 * np.pi * step / 288))[:, None]
    values[0, -12:] += 3.0
    built = build(values)
    assert built.inputs.baselines is not None
    shown = unscaled(built, built.inputs.baselines.numpy()[0, CPU].transpose(1, 0, 2).reshape(11, 96))
    given = dict(zip(BASELINES, shown, strict=True))
    wave = values[0, :96, 0]
    for name in ("yesterday", "first_day", "low", "median", "high"):
        np.testing.assert_allclose(given[name], wave, rtol=1e-3)
    np.testing.assert_allclose(given["last"], values[0, -1, 0], rtol=1e-4)
    np.testing.assert_allclose(given["last_hour"], values[0, -12:, 0].mean(), rtol=1e-3)
    scaled = built.inputs.baselines.numpy()[0, CPU]
    moved = scaled[:, BASELINES.index("moved_median")] - scaled[:, BASELINES.index("median")]
    shift = built.inputs.static_reals[0].numpy()[0, CPU, 2]
    np.testing.assert_allclose(moved, shift, atol=1e-5)
    assert shift > 0


def test_inputs_do_not_depend_on_anything_but_the_window() -> None:
    """The pipeline is given no future at all: perturbing one past step is the only way to change it."""
    base, changed = ramp(), ramp()
    changed[0, -1, METRIC_INDEX["cpu_user_pct"]] += 5.0
    before, after = build(base).inputs, build(changed).inputs
    moved = (before.encoder[0] != after.encoder[0]).any(dim=-1)[0]
    assert moved[CPU].any()
    others = [index for index in range(len(MODELLED)) if index != CPU]
    assert not moved[others].any()


def test_gaps_are_filled_forward_and_marked() -> None:
    values = ramp()
    values[0, -188:-178] = np.nan
    values[0, -4:] = np.nan  # the server lags
    own = build(values).inputs.encoder[0].numpy()[0, CPU]
    filled, mask = own[:, :12].reshape(-1), own[:, 12:].reshape(-1)
    assert mask[100:110].sum() == 0
    assert mask[284:].sum() == 0
    assert mask.sum() == 288 - 14
    assert (filled[100:110] == filled[99]).all()
    assert (filled[284:] == filled[283]).all()
    coverage = build(values).inputs.static_reals[2].numpy()[0, CPU]
    assert coverage[1] == pytest.approx(4 / 288)


def test_a_metric_never_measured_gives_zeros_not_nan() -> None:
    values = ramp()
    values[0, :, METRIC_INDEX["mem_used_pct"]] = np.nan
    inputs = build(values).inputs
    for tensor in (*inputs.static_reals, *inputs.encoder, *inputs.decoder, inputs.baselines):
        assert tensor is not None
        assert bool(tensor.isfinite().all())
    own = inputs.encoder[0].numpy()[0, MODELLED.index("mem_used_pct")]
    assert (own == 0).all()


def test_scaling_is_median_and_mean_absolute_deviation(make_frame: Callable[..., WindowFrame]) -> None:
    values = make_frame().values.copy()
    values[0, -90:-50, CPU] = np.nan
    scaling = build(values).scaling
    column = values[0, -288:, METRIC_INDEX["cpu_user_pct"]]
    median = np.nanmedian(column)
    assert scaling.center[0, CPU] == pytest.approx(median, rel=1e-5)
    assert scaling.scale[0, CPU] == pytest.approx(np.nanmean(np.abs(column - median)), rel=1e-4)


def test_the_calendar_can_be_hidden() -> None:
    calendar = build(ramp(), np.array([-1], dtype=np.int64)).inputs.encoder[CALENDAR_PAST].numpy()
    assert (calendar[..., :4] == 0).all()
    assert (calendar[..., 4] != 0).any()


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="values must be"):
        build(ramp()[:, 1:])


def test_patches_must_divide_the_window() -> None:
    with pytest.raises(ValueError, match="patch_length 7 must divide"):
        FeatureSchema(patch_length=7)
