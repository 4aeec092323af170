"""What a fleet forecast promises, whatever the weights are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from argus_server.forecast.artifact import LoadedModel
from argus_server.forecast.device import DeviceProfile
from argus_server.forecast.forecaster import Forecaster
from argus_server.forecast.frame import Source
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.window.frame import WindowFrame

MakeFrame = Callable[..., WindowFrame]


@pytest.fixture
def forecaster(model: LoadedModel, profile: DeviceProfile) -> Forecaster:
    return Forecaster(model, profile)


@pytest.mark.parametrize("observed", [2016, 288, 100, 24])
def test_quantiles_are_complete_ordered_and_in_range(
    forecaster: Forecaster, make_frame: MakeFrame, observed: int
) -> None:
    forecast = forecaster.forecast(make_frame(observed=observed))
    assert forecast.quantiles.shape == (6, 14, 96, 3)
    assert forecast.quantiles.dtype == np.float32
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()
    assert (forecast.quantiles >= 0).all()
    percentages = [index for index, name in enumerate(METRICS) if name.endswith("_pct")]
    assert (forecast.quantiles[:, percentages] <= 100).all()
    assert (forecast.sources == Source.TFT).all()


def test_bands_have_width(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    quantiles = forecaster.forecast(make_frame()).quantiles
    cpu = quantiles[:, METRIC_INDEX["cpu_user_pct"]]
    assert (cpu[..., 2] > cpu[..., 0]).mean() > 0.9


def test_a_missing_metric_changes_no_other_server(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    frame = make_frame()
    before = forecaster.forecast(frame).quantiles
    values = frame.values.copy()
    values[2, :, METRIC_INDEX["mem_used_pct"]] = np.nan
    values[2, :, METRIC_INDEX["net_in_mb_s"]] = np.nan
    after = forecaster.forecast(replace(frame, values=values)).quantiles
    others = [0, 1, 3, 4, 5]
    assert before[others].tobytes() == after[others].tobytes()
    assert np.isnan(after[2, METRIC_INDEX["mem_used_pct"]]).all()
    # The same server's other metrics may change (they see its memory), but stay forecasts.
    assert np.isfinite(after[2, METRIC_INDEX["cpu_user_pct"]]).all()


def test_the_fleet_size_changes_nothing(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    frame = make_frame(servers=11)
    whole = forecaster.forecast(frame).quantiles
    for count in (1, 3, 4, 9):
        part = forecaster.forecast(
            WindowFrame(
                frame.server_names[:count],
                frame.values[:count],
                frame.origin_ms,
                frame.step_seconds,
                frame.profiles[:count],
                frame.observed_steps[:count],
            )
        ).quantiles
        assert part.tobytes() == whole[:count].tobytes()


def test_uptime_counts_on_without_doubt(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    frame = make_frame()
    uptime = METRIC_INDEX["uptime_days"]
    values = frame.values.copy()
    values[1, -5:, uptime] = np.nan  # last seen five steps ago
    quantiles = forecaster.forecast(replace(frame, values=values)).quantiles[:, uptime]
    expected = frame.values[:, -1:, uptime] + np.arange(1, 97) * 300 / 86_400
    np.testing.assert_allclose(quantiles, np.repeat(expected[:, :, None], 3, axis=-1), atol=1e-3)


def test_servers_that_warm_up_get_the_fallback(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    frame = make_frame()
    values = frame.values.copy()
    values[[1, 4], :-23] = np.nan
    observed = frame.observed_steps.copy()
    observed[[1, 4]] = 23
    mixed = replace(frame, values=values, observed_steps=observed)
    forecast = forecaster.forecast(mixed)
    assert forecast.sources.tolist() == [Source.TFT, 2, 1, 1, 2, 1]
    assert np.isfinite(forecast.quantiles).all()
    alone = Forecaster(None, DeviceProfile("one", "cpu", 1, 1, 0, "highest", 1.0)).forecast(mixed)
    assert (alone.sources == Source.FALLBACK).all()
    assert alone.quantiles[[1, 4]].tobytes() == forecast.quantiles[[1, 4]].tobytes()


def test_without_a_model_everything_is_fallback(profile: DeviceProfile, make_frame: MakeFrame) -> None:
    forecast = Forecaster(None, profile).forecast(make_frame())
    assert (forecast.sources == Source.FALLBACK).all()
    assert forecast.model_revision == ""
    assert np.isfinite(forecast.quantiles).all()


def test_a_window_of_another_length_is_fitted(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    longer = make_frame(steps=400)
    newest = replace(longer, values=longer.values[:, -2016:])
    assert forecaster.forecast(longer).quantiles.tobytes() == forecaster.forecast(newest).quantiles.tobytes()
    shorter = replace(longer, values=longer.values[:, -100:])
    assert np.isfinite(forecaster.forecast(shorter).quantiles).all()


def test_another_step_is_refused(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    with pytest.raises(ValueError, match="steps of 300 s, the window has steps of 60 s"):
        forecaster.forecast(replace(make_frame(), step_seconds=60))


def test_the_fallback_answers_from_the_first_step(profile: DeviceProfile, make_frame: MakeFrame) -> None:
    frame = make_frame(observed=1)
    quantiles = Forecaster(None, profile).forecast(frame).quantiles
    assert np.isfinite(quantiles).all()
    np.testing.assert_allclose(quantiles[:, :13, 0, 1], frame.values[:, -1, :13], rtol=1e-5)


def test_an_empty_fleet_is_no_trouble(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    forecast = forecaster.forecast(make_frame(servers=0))
    assert forecast.quantiles.shape == (0, 14, 96, 3)


def test_explanations_are_shares(forecaster: Forecaster, make_frame: MakeFrame) -> None:
    explanation = forecaster.explain(make_frame(), row=3)
    assert explanation.attention.shape == (13, 2, 8, 32)
    for weights in (explanation.attention, explanation.encoder_weights, explanation.decoder_weights):
        np.testing.assert_allclose(weights.sum(dim=-1).numpy(), 1.0, atol=1e-5)
