"""Rolling origins: where they are, what a forecast may see, and that it is the one that is served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from argus_server.evaluation import rolling
from argus_server.evaluation.protocol import EvaluationError, Protocol, targets
from argus_server.forecast import calibration
from argus_server.forecast.artifact import load
from argus_server.forecast.device import CPU as CPU_PROFILE
from argus_server.forecast.features import FeatureSchema
from argus_server.forecast.forecaster import Forecaster
from argus_server.forecast.pipeline import PatchPipeline
from argus_server.window.frame import WindowFrame
from tests.server.evaluation.conftest import CPU, NET, STEP_MS, candidate, history, save_model

PROTOCOL = Protocol()


def test_origins_begin_a_day_into_the_test_part_and_leave_room_for_the_horizon() -> None:
    one = history(steps=1400, boundary=800)
    assert PROTOCOL.origins(one).tolist() == [1088, 1184, 1280]
    assert 1280 + 96 <= 1400 < 1280 + 96 + 96
    assert Protocol(origin_stride=2).origins(one).tolist() == [1088, 1280]
    assert Protocol().origins(history(steps=1183, boundary=800)).tolist() == []
    assert Protocol().origins(history(steps=1184, boundary=800)).tolist() == [1088]


def test_without_a_split_the_last_part_is_the_test_part() -> None:
    one = history(steps=2000, boundary=2000)
    assert PROTOCOL.boundary(one) == 1400
    assert Protocol(test_share=0.5).boundary(one) == 1000
    assert PROTOCOL.boundary(history(steps=2000, boundary=0)) == 0


@pytest.mark.parametrize("share", [0.0, 1.0, -2.0])
def test_an_impossible_test_share_is_refused(share: float) -> None:
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        Protocol(test_share=share)


def test_windows_end_before_the_origin_and_are_padded_in_front() -> None:
    values = np.arange(10.0, dtype=np.float32)[:, None]
    found = rolling.windows(values, np.array([2, 9]), 4)[:, :, 0]
    np.testing.assert_array_equal(found, [[np.nan, np.nan, 0, 1], [5, 6, 7, 8]])


def test_targets_begin_at_the_origin() -> None:
    values = np.arange(10.0, dtype=np.float32)[:, None]
    assert targets(values, np.array([2, 5]), 3)[:, 0].tolist() == [[2, 3, 4], [5, 6, 7]]


def test_a_forecast_is_the_one_that_is_served(tmp_path: Path) -> None:
    """Through the harness, and through the server's own forecaster on a window of its own kind."""
    path = tmp_path / "model"
    save_model(path)
    model = load(path)
    one = history()
    origin = 1184
    made = rolling.forecasts(rolling.Candidate.of(model), one, np.array([origin]))
    steps = model.schema.context_steps
    window = rolling.windows(one.values, np.array([origin]), steps)
    frame = WindowFrame(
        server_names=(one.name,),
        values=window,
        origin_ms=one.start_ms + (origin - 1) * STEP_MS,
        step_seconds=300,
        profiles=np.array([one.profile], dtype=np.int8),
        observed_steps=(~np.isnan(window)).any(axis=2).sum(axis=1).astype(np.int32),
    )
    served = Forecaster(load(path), CPU_PROFILE).forecast(frame)
    assert not np.isnan(served.quantiles[0, [CPU, NET]]).any()
    np.testing.assert_allclose(made.quantiles[0], served.quantiles[0], rtol=1e-5, atol=1e-5)


def test_a_forecast_does_not_look_ahead() -> None:
    one, model = history(), candidate()
    origins = PROTOCOL.origins(one)
    full = rolling.forecasts(model, one, origins)
    for row, origin in enumerate(origins.tolist()):
        blind = one.values.copy()
        blind[origin:] = 99.0
        alone = rolling.forecasts(model, replace(one, values=blind), origins[: row + 1])
        np.testing.assert_array_equal(alone.quantiles[row], full.quantiles[row])


def test_bands_are_calibrated_by_the_forecasts_before() -> None:
    one, model = history(), candidate()
    origins = PROTOCOL.origins(one)
    made = rolling.forecasts(model, one, origins)
    np.testing.assert_allclose(made.quantiles[0], made.uncalibrated[0], rtol=1e-6)
    actual = targets(one.values, origins, 96)
    factors = calibration.learned(calibration.fresh_factors(1), made.quantiles[:1], actual[:1], 300)
    assert (factors[0, CPU] != 1.0).any()
    expected = calibration.adjusted(made.uncalibrated[1:2], factors, 300)
    np.testing.assert_array_equal(made.quantiles[1:2], expected)


def test_overlapping_origins_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 96 steps apart, got 95"):
        rolling.forecasts(candidate(), history(), np.array([900, 995]))


def test_a_server_that_was_hardly_observed_is_not_forecast_by_the_model() -> None:
    one = history()
    values = one.values.copy()
    values[: 1184 - 10] = np.nan
    made = rolling.forecasts(candidate(), replace(one, values=values), np.array([1184, 1280]))
    assert np.isnan(made.quantiles[0]).all()
    assert not np.isnan(made.quantiles[1, CPU]).any()


def test_a_model_has_seen_what_its_ancestors_have() -> None:
    info = {"training_servers": ["a"], "validation_servers": ["b"], "parent": {"training_servers": ["c"]}}
    assert rolling.seen_servers(info) == {"a", "b", "c"}
    assert rolling.seen_servers({"parent": "argus-1"}) == frozenset()


def test_models_of_different_horizons_cannot_be_scored_together() -> None:
    pipeline = PatchPipeline(candidate().pipeline.module, FeatureSchema(horizon=48))
    short = replace(candidate(), pipeline=pipeline)
    with pytest.raises(EvaluationError, match="share one step and horizon"):
        rolling.protocol_of([candidate(), short])
    assert rolling.protocol_of([candidate()], origin_stride=3) == Protocol(300, 96, 0.3, 3)
