"""Bands that learn from their misses: the arithmetic against a slow loop, and coverage in the long run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from argus_server.forecast import calibration
from argus_server.forecast.calibration import BandCalibration, adjusted, fresh_factors, learned
from argus_server.forecast.frame import Forecast, Source
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.window.frame import WindowFrame

STEP = 300
HORIZON = 96
NET = METRIC_INDEX["net_in_mb_s"]
CPU = METRIC_INDEX["cpu_user_pct"]


def quantiles(servers: int = 2, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(5.0, 60.0, (servers, len(METRICS), HORIZON, 3)).astype(np.float32), axis=-1)


def test_buckets_end_where_their_names_say() -> None:
    found = calibration.buckets(HORIZON, STEP).tolist()
    assert [found.count(bucket) for bucket in range(5)] == [6, 6, 12, 24, 48]
    assert found == sorted(found)


def test_fresh_factors_change_nothing() -> None:
    given = quantiles()
    np.testing.assert_allclose(adjusted(given, fresh_factors(2), STEP), given, rtol=1e-6)


def test_bands_are_stretched_about_the_median_and_kept_in_range() -> None:
    given = quantiles()
    factors = fresh_factors(2)
    factors[0, :, 4, 0], factors[0, :, 4, 1] = 3.0, 5.0
    found = adjusted(given, factors, STEP)
    median = given[..., 1]
    np.testing.assert_array_equal(found[..., 1], median)
    np.testing.assert_allclose(found[1], given[1], rtol=1e-6)
    np.testing.assert_allclose(found[0, :, :48], given[0, :, :48], rtol=1e-6)
    low = np.maximum(median[0] - 3.0 * (median[0] - given[0, ..., 0]), 0.0)
    np.testing.assert_allclose(found[0, :, 48:, 0], low[:, 48:], rtol=1e-5, atol=1e-4)
    high = median[0] + 5.0 * (given[0, ..., 2] - median[0])
    np.testing.assert_allclose(found[0, NET, 48:, 2], high[NET, 48:], rtol=1e-5)
    assert found[0, CPU, :, 2].max() == 100.0


def test_learning_matches_a_slow_loop() -> None:
    rng = np.random.default_rng(4)
    given = quantiles(3, seed=1)
    actual = rng.uniform(0.0, 70.0, (3, len(METRICS), HORIZON)).astype(np.float32)
    actual[rng.random(actual.shape) < 0.3] = np.nan
    actual[1, 2] = np.nan
    factors = rng.uniform(0.5, 2.0, fresh_factors(3).shape).astype(np.float32)
    found = learned(factors, given, actual, STEP)
    edges = [0, 6, 12, 24, 48, 96]
    for server in range(3):
        for metric in range(len(METRICS)):
            for bucket in range(5):
                span = range(edges[bucket], edges[bucket + 1])
                known = [h for h in span if not np.isnan(actual[server, metric, h])]
                for side in range(2):
                    expected = factors[server, metric, bucket, side]
                    if len(known) * 2 >= len(span):
                        beyond = sum(
                            actual[server, metric, h] < given[server, metric, h, 0]
                            if side == 0
                            else actual[server, metric, h] > given[server, metric, h, 2]
                            for h in known
                        )
                        expected = np.clip(expected * np.exp(0.5 * (beyond / len(known) - 0.1)), 0.2, 5.0)
                    assert found[server, metric, bucket, side] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("wrong", [0.4, 2.5])
def test_coverage_comes_right_in_the_long_run(wrong: float) -> None:
    """Bands `wrong` times as wide as the normal noise they forecast end up covering four fifths."""
    rng = np.random.default_rng(7)
    half = 1.2815515 * 3.0 * wrong
    given = np.full((1, len(METRICS), HORIZON, 3), 50.0, dtype=np.float32)
    given[..., 0] -= half
    given[..., 2] += half
    factors = fresh_factors(1)
    covered = []
    for _ in range(120):
        served = adjusted(given, factors, STEP)
        actual = rng.normal(50.0, 3.0, (1, len(METRICS), HORIZON)).astype(np.float32)
        covered.append(((served[..., 0] <= actual) & (actual <= served[..., 2])).mean())
        factors = learned(factors, served, actual, STEP)
    assert abs(covered[0] - 0.8) > 0.15
    assert np.mean(covered[-60:]) == pytest.approx(0.8, abs=0.02)
    assert np.median(factors) == pytest.approx(1.0 / wrong, rel=0.1)


class Fleet:
    """A window that moves on, and a model that always says the same too narrow thing."""

    def __init__(self, names: tuple[str, ...] = ("a", "b")) -> None:
        self.names, self.step = names, 10_000
        self.rng = np.random.default_rng(1)
        self.values = np.full((len(names), 2016, len(METRICS)), 50.0, dtype=np.float32)

    def advance(self, steps: int) -> None:
        fresh = self.rng.normal(50.0, 3.0, (len(self.names), min(steps, 2016), len(METRICS)))
        self.values = np.concatenate((self.values, fresh.astype(np.float32)), axis=1)[:, -2016:]
        self.step += steps

    def frame(self) -> WindowFrame:
        count = len(self.names)
        return WindowFrame(
            self.names,
            self.values,
            self.step * STEP * 1000,
            STEP,
            np.zeros(count, np.int8),
            np.full(count, 2016, np.int32),
        )

    def forecast(self, revision: str = "m-1", source: Source = Source.TFT) -> Forecast:
        count = len(self.names)
        given = np.full((count, len(METRICS), HORIZON, 3), 50.0, dtype=np.float32)
        given[..., 0] -= 1.0
        given[..., 2] += 1.0
        return Forecast(given, np.full(count, source, np.uint8), self.step * STEP * 1000, STEP, revision)


def width(forecast: Forecast) -> float:
    return float((forecast.quantiles[..., 2] - forecast.quantiles[..., 0]).mean())


def test_a_fleet_learns_once_its_forecast_is_past() -> None:
    fleet, bands = Fleet(), BandCalibration()
    dumps: list[bytes] = []
    bands.changed = lambda: dumps.append(bands.dump())
    assert width(bands.calibrate(fleet.frame(), fleet.forecast())) == pytest.approx(2.0)
    fleet.advance(96)
    assert width(bands.calibrate(fleet.frame(), fleet.forecast())) == pytest.approx(2.0), (
        "step 96 still fills"
    )
    fleet.advance(1)
    learnt = width(bands.calibrate(fleet.frame(), fleet.forecast()))
    assert learnt > 2.2
    assert width(bands.calibrate(fleet.frame(), fleet.forecast())) == pytest.approx(learnt), "once is enough"
    assert len(dumps) == 2, "what is remembered or learned is to be kept, and nothing else"
    assert dumps[1] == bands.dump() != dumps[0]
    for _ in range(40):
        fleet.advance(97)
        last = bands.calibrate(fleet.frame(), fleet.forecast())
    assert width(last) == pytest.approx(2 * 1.2815 * 3.0, rel=0.15)


def test_what_was_compared_is_what_was_forecast() -> None:
    """Values far outside, one horizon after the remembered one, must not count."""
    fleet, bands = Fleet(), BandCalibration()
    bands.calibrate(fleet.frame(), fleet.forecast())
    fleet.values[:] = 50.0
    fleet.advance(96)
    fleet.values[:, -96:] = 50.0
    fleet.advance(5)
    fleet.values[:, -5:] = 99.0
    assert width(bands.calibrate(fleet.frame(), fleet.forecast())) < 2.0


def test_servers_come_and_go() -> None:
    fleet, bands = Fleet(), BandCalibration()
    bands.calibrate(fleet.frame(), fleet.forecast())
    fleet.advance(97)
    fleet.names = ("new", "b")
    after = bands.calibrate(fleet.frame(), fleet.forecast()).quantiles
    assert (after[0, ..., 2] - after[0, ..., 0]).mean() == pytest.approx(2.0), (
        "nothing is known of the new one"
    )
    assert (after[1, ..., 2] - after[1, ..., 0]).mean() > 2.2


def test_fallback_forecasts_and_new_models_start_afresh() -> None:
    fleet, bands = Fleet(), BandCalibration()
    bands.calibrate(fleet.frame(), fleet.forecast())
    fleet.advance(97)
    assert width(bands.calibrate(fleet.frame(), fleet.forecast())) > 2.2
    assert width(bands.calibrate(fleet.frame(), fleet.forecast(source=Source.FALLBACK))) == pytest.approx(2.0)
    assert width(bands.calibrate(fleet.frame(), fleet.forecast("m-2"))) == pytest.approx(2.0)


@pytest.mark.parametrize("jump", [-500, 5000])
def test_a_clock_that_jumps_teaches_nothing(jump: int, caplog: pytest.LogCaptureFixture) -> None:
    fleet, bands = Fleet(), BandCalibration()
    bands.calibrate(fleet.frame(), fleet.forecast())
    fleet.step += jump
    assert width(bands.calibrate(fleet.frame(), fleet.forecast())) == pytest.approx(2.0)
    assert "time jumped" in caplog.text


def taught() -> tuple[Fleet, BandCalibration]:
    """Bands that have learned once, and remember the next forecast."""
    fleet, bands = Fleet(), BandCalibration()
    bands.calibrate(fleet.frame(), fleet.forecast())
    fleet.advance(97)
    bands.calibrate(fleet.frame(), fleet.forecast())
    return fleet, bands


def test_what_was_learned_and_what_is_remembered_survive_a_restart() -> None:
    fleet, bands = taught()
    again = BandCalibration()
    again.load(bands.dump())
    for _ in range(2):
        expected = bands.calibrate(fleet.frame(), fleet.forecast()).quantiles
        np.testing.assert_array_equal(again.calibrate(fleet.frame(), fleet.forecast()).quantiles, expected)
        assert width(bands.calibrate(fleet.frame(), fleet.forecast())) != pytest.approx(2.0)
        fleet.advance(97)  # the forecast remembered before the restart is compared after it
    assert again.dump() == bands.dump()


def test_bands_that_have_learned_nothing_yet_survive_too() -> None:
    again = BandCalibration()
    again.load(BandCalibration().dump())
    assert again.dump() == BandCalibration().dump()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-40],
        lambda data: data.replace(b"cpu_user_pct", b"cpu_used_pct"),
        lambda data: data.replace(b'\\"format_version\\": 1', b'\\"format_version\\": 7'),
        lambda data: data.replace(b'\\"servers\\"', b'\\"workers\\"'),
    ],
)
def test_an_odd_state_is_ignored_with_a_word(
    spoil: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    fleet, bands = taught()
    spoiled = spoil(bands.dump())
    assert spoiled != bands.dump()
    odd = BandCalibration()
    odd.load(spoiled)
    assert "starts afresh" in caplog.text
    assert width(odd.calibrate(fleet.frame(), fleet.forecast())) == pytest.approx(2.0)


def test_a_factor_beyond_the_limits_is_not_believed(caplog: pytest.LogCaptureFixture) -> None:
    bands = BandCalibration()
    bands._factors = {"a": np.full_like(fresh_factors(1)[0], 1e9)}
    BandCalibration().load(bands.dump())
    assert "is not within 0.2 to 5.0" in caplog.text


def test_metrics_never_measured_stay_unknown() -> None:
    fleet, bands = Fleet(), BandCalibration()
    fleet.values[:, :, CPU] = np.nan
    forecast = fleet.forecast()
    forecast.quantiles[:, CPU] = np.nan
    bands.calibrate(fleet.frame(), forecast)
    fleet.advance(97)
    fleet.values[:, :, CPU] = np.nan
    after = bands.calibrate(fleet.frame(), replace(forecast, origin_ms=fleet.step * STEP * 1000)).quantiles
    assert np.isnan(after[:, CPU]).all()
    assert not np.isnan(np.delete(after, CPU, axis=1)).any()
