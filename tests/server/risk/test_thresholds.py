"""Crossing probabilities and times, against arithmetic by hand and against simulated series."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest

from argus_server.risk.table_file import load_tables
from argus_server.risk.tables import Urgency
from argus_server.risk.thresholds import UrgencyWeights, crossing, crossing_probability, exceedance
from tests.server.risk.fleets import ramp

Floats = npt.NDArray[np.float32]

URGENCY = load_tables().urgency
EXPONENT = URGENCY.independence_exponent
P90_DEVIATIONS = NormalDist().inv_cdf(0.9)

# Stated tolerances of the treatment of autocorrelation over the simulated family below.
LARGEST_ERROR = 0.15
MEAN_ERROR = 0.04


def of(value: float) -> Floats:
    return np.array([value], dtype=np.float32)


def chance(band: Sequence[float], critical: float) -> float:
    return float(exceedance(np.array([band], dtype=np.float32), of(critical))[0])


def test_quantiles_themselves_are_passed_through() -> None:
    band = [60.0, 70.0, 95.0]
    assert chance(band, 60) == pytest.approx(0.9, abs=1e-5)
    assert chance(band, 70) == pytest.approx(0.5, abs=1e-5)
    assert chance(band, 95) == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize("critical", [30.0, 55.0, 62.0, 80.0, 88.0])
def test_normal_forecast_is_read_exactly(critical: float) -> None:
    normal = NormalDist(60, 9)
    band = [normal.inv_cdf(q) for q in (0.1, 0.5, 0.9)]
    assert chance(band, critical) == pytest.approx(1 - normal.cdf(critical), abs=2e-6)


@pytest.mark.parametrize(
    ("band", "critical", "expected"),
    [
        ([80, 80, 80], 95, 0.0),
        ([95, 95, 95], 95, 1.0),
        ([97, 97, 97], 95, 1.0),
        ([70, 80, 80], 95, 0.0),
        ([99, 99, 100], 95, 1.0),
        ([np.nan, np.nan, np.nan], 95, 0.0),
        ([70, 80, 90], np.nan, 0.0),
    ],
)
def test_certain_and_unknown_forecasts(band: Sequence[float], critical: float, expected: float) -> None:
    assert chance(band, critical) == expected


def test_probability_never_falls_along_the_horizon() -> None:
    rng = np.random.default_rng(4)
    median = rng.uniform(0, 100, (200, 96))
    width = rng.uniform(0, 20, (200, 96, 2))
    quantiles = np.stack([median - width[..., 0], median, median + width[..., 1]], axis=-1).astype(np.float32)
    probability = crossing_probability(quantiles, np.full(200, 90, dtype=np.float32), EXPONENT)
    single = exceedance(quantiles, np.full((200, 1), 90, dtype=np.float32))

    assert (np.diff(probability, axis=1) >= 0).all()
    assert (probability >= single).all()
    assert (probability <= 1).all()


def test_steady_bands_are_separate_chances_and_growing_bands_are_not() -> None:
    steady = np.tile(np.array([40, 50, 60], dtype=np.float32), (1, 96, 1))
    critical = of(50 + 10 * NormalDist().inv_cdf(0.98) / P90_DEVIATIONS)
    assert crossing_probability(steady, critical, EXPONENT)[0, -1] == pytest.approx(1 - 0.98**96, abs=1e-3)

    spread = 10 * np.sqrt(np.arange(1, 97, dtype=np.float32) / 96)
    growing = np.stack([50 - spread, np.full(96, 50), 50 + spread], axis=1)[None].astype(np.float32)
    assert crossing_probability(growing, critical, EXPONENT)[0, -1] < 0.05


def simulated(coefficient: float, drift: float, paths: int = 4000) -> tuple[Floats, Floats, float]:
    """A first-order autoregressive series from its present value: paths, quantiles, last deviation."""
    rng = np.random.default_rng(round(coefficient * 1000) + round(drift * 10))
    noise = rng.standard_normal((paths, 96))
    values = np.empty_like(noise)
    value = np.zeros(paths)
    for step in range(96):
        value = coefficient * value + noise[:, step]
        values[:, step] = value
    deviation = np.sqrt(np.cumsum(coefficient ** (2.0 * np.arange(96))))
    median = np.linspace(0, drift, 96) * deviation[-1]
    band = P90_DEVIATIONS * deviation
    quantiles = np.stack([median - band, median, median + band], axis=1)
    return (values + median).astype(np.float32), quantiles.astype(np.float32), float(deviation[-1])


def test_crossing_probability_agrees_with_simulated_series() -> None:
    """Random walks (coefficient 1) and autoregressive series, with and without drift, near and far."""
    errors = []
    for coefficient in (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0):
        for drift in (0.0, 0.5, 2.0):
            values, quantiles, deviation = simulated(coefficient, drift)
            highest = np.maximum.accumulate(values, axis=1)
            for away in (0.5, 1.28, 2.0, 2.6):
                critical = of((away + 0.7 * drift) * deviation)
                probability = crossing_probability(quantiles[None], critical, EXPONENT)[0]
                happened = (highest >= critical).mean(axis=0)
                errors += [float(probability[step - 1] - happened[step - 1]) for step in (6, 24, 96)]
    absolute = np.abs(errors)
    assert absolute.max() < LARGEST_ERROR
    assert absolute.mean() < MEAN_ERROR


def cross(
    current: float, quantiles: Floats, critical: float, urgency: Urgency = URGENCY
) -> tuple[float, float, bool]:
    """Probability within the horizon, minutes, by median."""
    found = crossing(of(current), quantiles[None], of(critical), 300, urgency)
    return float(found.probability[0, -1]), float(found.minutes[0]), bool(found.by_median[0])


def test_time_of_a_median_crossing_is_interpolated_between_steps() -> None:
    # 0.1 a step from 85: step 100 would be 95; at 94 it is step 90, at 93.95 half a step before.
    for critical, minutes in ((94.0, 450.0), (93.95, 447.5)):
        _, found, by_median = cross(85, ramp(85, 94.6), critical)
        assert found == pytest.approx(minutes, abs=0.05)
        assert by_median


def test_first_step_is_interpolated_from_the_present_value() -> None:
    to_100 = np.full((96, 3), 100, dtype=np.float32)
    assert cross(90, to_100, 95)[1] == pytest.approx(2.5)
    assert cross(np.nan, to_100, 95)[1] == pytest.approx(5)


def test_crossed_already_is_certain_and_takes_no_time() -> None:
    falling = ramp(96, 10)
    assert cross(96, falling, 95) == (1.0, 0.0, True)
    assert cross(95, falling, 95) == (1.0, 0.0, True)
    assert cross(96, np.full((96, 3), np.nan, dtype=np.float32), 95) == (1.0, 0.0, True)
    assert cross(94.99, falling - 2, 95)[0] == 0


def test_pessimistic_crossing_counts_from_the_minimum_probability_on() -> None:
    band = ramp(80, 80, spread=0)
    band[:, 2] = np.linspace(80.2, 99.4, 96)  # p90 passes 95 at step 75
    probability, minutes, by_median = cross(80, band, 95)
    assert 0.1 < probability < 0.5
    assert not by_median
    announced = Urgency(URGENCY.minutes, URGENCY.points, probability - 0.01, EXPONENT)
    withheld = Urgency(URGENCY.minutes, URGENCY.points, probability + 0.01, EXPONENT)
    assert cross(80, band, 95, announced)[1] == pytest.approx(5 * (95 - 80) / 0.2021, rel=0.01)
    assert np.isnan(cross(80, band, 95, withheld)[1])
    assert np.isnan(minutes) == (probability < URGENCY.minimum_probability)


def test_urgency_is_the_expected_value_of_the_points() -> None:
    weights = UrgencyWeights.of(URGENCY, 96, 300)
    certain_at = np.zeros((4, 96), dtype=np.float32)
    for row, step in enumerate((1, 6, 51, 96)):
        certain_at[row, step - 1 :] = 1
    expected = np.array([65, 65, 60, 55], dtype=np.float32)
    np.testing.assert_allclose(weights.points(certain_at), expected, atol=1e-3)
    np.testing.assert_allclose(weights.points(certain_at * np.float32(0.5)), expected / 2, atol=1e-3)
    assert (weights.weights >= 0).all()
