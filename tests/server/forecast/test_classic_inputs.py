"""What an imported model is fed with: gaps filled, calendars right, each server on its own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.forecast.classic import ClassicPipeline, build
from argus_server.forecast.classic_scaling import FixedScaler, WindowScaler
from argus_server.forecast.classic_schema import (
    UNKNOWN,
    ClassicSchema,
    StaticCategory,
    StaticReal,
    Target,
    Variable,
)
from argus_server.forecast.tft import Categorical, Real, TemporalFusionTransformer, TFTConfig
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.profiles import PROFILES

PLAIN = FixedScaler()
CPU, MEMORY = METRIC_INDEX["cpu_user_pct"], METRIC_INDEX["mem_used_pct"]
CALENDAR = tuple(
    Variable(name, name, PLAIN) for name in ("hour", "hour_fraction", "weekday", "relative_time", "time_index")
)  # fmt: skip
SCHEMA = ClassicSchema(
    step_seconds=14_400,
    encoder_steps=8,
    horizon=4,
    targets=(Target("cpu_user_pct", WindowScaler()),),
    static_categoricals=(
        StaticCategory("profile", {**{name: i + 1 for i, name in enumerate(PROFILES)}, UNKNOWN: 0}),
    ),
    static_reals=(
        StaticReal("encoder_length", "encoder_length", PLAIN),
        StaticReal("cpu_user_pct_center", "target_center", FixedScaler(center=10.0, scale=2.0), "cpu_user_pct"),
    ),
    encoder_reals=(
        *CALENDAR,
        Variable("cpu_user_pct", "metric", WindowScaler()),
        Variable("mem_used_pct", "metric", PLAIN),
    ),
    decoder_reals=CALENDAR,
)  # fmt: skip
MEMORY_INPUT = -1


def network(schema: ClassicSchema) -> TemporalFusionTransformer:
    torch.manual_seed(4)
    config = TFTConfig(
        static_categoricals=tuple(
            Categorical(item.name, len(PROFILES) + 1, 4) for item in schema.static_categoricals
        ),
        static_reals=tuple(Real(item.name) for item in schema.static_reals),
        encoder_reals=tuple(Real(item.name) for item in schema.encoder_reals),
        decoder_reals=tuple(Real(item.name) for item in schema.decoder_reals),
        encoder_tokens=schema.encoder_steps,
        decoder_tokens=schema.horizon,
        patch_length=1,
        hidden_size=8,
        real_size=4,
        attention_heads=2,
        lstm_layers=1,
        dropout=0.0,
        targets=len(schema.targets),
        quantiles=(0.1, 0.5, 0.9),
    )
    schema.check(config)
    return TemporalFusionTransformer(config).eval()


def windows(servers: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(1.0, 90.0, (servers, SCHEMA.context_steps, len(METRICS))).astype(np.float32)


def inputs(values: np.ndarray, origin_ms: int = 0) -> list[np.ndarray]:
    built = build(SCHEMA, values, np.array([origin_ms]), np.zeros(len(values), dtype=np.int8))
    return [x[:, :, 0].numpy() for x in built.inputs.encoder]


@given(st.lists(st.one_of(st.none(), st.floats(0.0, 100.0, width=32)), min_size=8, max_size=8))
def test_gaps_are_filled_from_before_and_a_missing_beginning_from_after(seen: list[float | None]) -> None:
    values = windows(1)
    values[0, :, MEMORY] = [np.nan if value is None else value for value in seen]
    known = [value for value in seen if value is not None]
    expected, last = [], (known[0] if known else 0.0)
    for value in seen:
        last = last if value is None else value
        expected.append(last)
    np.testing.assert_array_equal(inputs(values)[MEMORY_INPUT][0], np.array(expected, dtype=np.float32))


@settings(max_examples=30)
@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_the_calendar_is_that_of_utc(origin: datetime) -> None:
    at = origin.replace(tzinfo=UTC, microsecond=0)
    built = build(SCHEMA, windows(2), np.array([int(at.timestamp()) * 1000] * 2), np.zeros(2, dtype=np.int8))
    count = len(CALENDAR)
    for index in range(2):
        rows = [
            torch.cat((past, future), dim=1)[index, :, 0].tolist()
            for past, future in zip(built.inputs.encoder[:count], built.inputs.decoder, strict=True)
        ]
        steps = [at + timedelta(seconds=14_400 * ahead) for ahead in range(-7, 5)]
        assert rows[0] == [when.hour for when in steps]
        exact = [when.hour + when.minute / 60 + when.second / 3600 for when in steps]
        np.testing.assert_allclose(rows[1], exact, atol=1e-5)
        assert rows[2] == [when.weekday() for when in steps]
        assert rows[3] == [place / 8 for place in range(-8, 4)]
        assert rows[4] == list(range(12))


def test_static_inputs() -> None:
    values = windows(3)
    values[2, :, CPU] = np.nan
    profiles = np.array([0, 2, len(PROFILES)], dtype=np.int8)
    built = build(SCHEMA, values, np.array([0]), profiles).inputs
    assert built.static_categoricals[:, 0].tolist() == [1, 3, 0]
    assert built.static_reals[0][:, 0].tolist() == [1.0, 1.0, 1.0]
    centers = (values[:2, :, CPU].mean(axis=1) - 10.0) / 2.0
    np.testing.assert_allclose(built.static_reals[1][:, 0], [*centers, 0.0], rtol=1e-5)


def test_each_sequence_is_scaled_by_itself() -> None:
    values = windows(3)
    scaled = inputs(values)[-2]
    np.testing.assert_allclose(scaled.mean(axis=1), 0.0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=1, ddof=1), 1.0, atol=1e-5)


def test_a_missing_metric_changes_no_other_server() -> None:
    pipeline = ClassicPipeline(network(SCHEMA), SCHEMA)
    values, origin, profiles = windows(4), np.array([0]), np.zeros(4, dtype=np.int8)
    before = pipeline.forecast(values, origin, profiles)
    assert np.isfinite(before).all()
    assert (np.diff(before, axis=-1) >= 0.0).all()
    values[1, :, CPU] = values[2, :, MEMORY] = np.nan
    after = pipeline.forecast(values, origin, profiles)
    assert after[[0, 3]].tobytes() == before[[0, 3]].tobytes()
    assert np.isnan(after[1, CPU]).all()
    assert np.isfinite(after[1, MEMORY]).all()
    # The cpu of a server without memory is still forecast, without it.
    assert np.isfinite(after[2, CPU]).all()
    assert not np.array_equal(after[2, CPU], before[2, CPU])
    assert np.isnan(after[2, MEMORY]).all()


def test_a_window_of_another_length_is_refused() -> None:
    pipeline = ClassicPipeline(network(SCHEMA), SCHEMA)
    with pytest.raises(ValueError, match=r"values must be \[servers, 8, 14\]"):
        pipeline.forecast(windows(1)[:, 1:], np.array([0]), np.zeros(1, dtype=np.int8))


def test_the_fallback_gets_a_day_even_if_the_encoder_is_shorter() -> None:
    assert SCHEMA.context_steps == 8
    assert replace(SCHEMA, encoder_steps=3).context_steps == 6
    assert replace(SCHEMA, step_seconds=300).context_steps == 288


def test_a_schema_survives_json() -> None:
    again = ClassicSchema.from_json(json.loads(json.dumps(SCHEMA.to_json())))
    assert again == SCHEMA


def test_a_network_of_another_shape_is_refused() -> None:
    config = network(SCHEMA).config
    for change, hint in (
        (replace(config, decoder_tokens=5), "expected \\(8, 4, 1\\) in patches of 1"),
        (replace(config, patch_length=2), "in patches of 2"),
        (replace(config, static_reals=(Real("encoder_length"),)), "static_reals are described as"),
        (replace(config, decoder_reals=tuple(Real(v.name, 2) for v in CALENDAR)), "one number per step"),
        (replace(config, quantiles=(0.1, 0.5, 0.8)), "Argus needs"),
    ):
        with pytest.raises(ValueError, match=hint):
            SCHEMA.check(config=change)
