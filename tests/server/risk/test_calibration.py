"""The map from stated to observed frequencies: what it learns, and what it never does."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from argus_server.risk.calibration import CalibrationError, Calibrator, HorizonMap
from argus_server.risk.table_file import load_tables
from argus_server.risk.thresholds import crossing
from tests.server.risk.fleets import STEP_SECONDS

SLOPES = st.floats(0.05, 5.0)
INTERCEPTS = st.floats(-6.0, 6.0)


@st.composite
def calibrators(draw: st.DrawFn) -> Calibrator:
    minutes = sorted(draw(st.sets(st.sampled_from([5.0, 30.0, 120.0, 480.0, 900.0]), min_size=1)))
    return Calibrator(tuple(HorizonMap(at, draw(INTERCEPTS), draw(SLOPES)) for at in minutes))


def rising(steps: int = 96) -> st.SearchStrategy[np.ndarray]:
    """Crossing probabilities [3, steps] that never fall."""
    values = hnp.arrays(np.float32, (3, steps), elements=st.floats(0, 1, width=32))
    return values.map(lambda p: np.sort(p, axis=1))


def softly(log_odds: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


@settings(max_examples=200, deadline=None)
@given(calibrators(), rising())
def test_a_calibrated_probability_never_falls_along_the_horizon(
    calibrator: Calibrator, probability: np.ndarray
) -> None:
    calibrated = calibrator.apply(probability, STEP_SECONDS)
    assert calibrated.dtype == np.float32
    assert calibrated.shape == probability.shape
    assert (np.diff(calibrated, axis=1) >= 0).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


@settings(max_examples=200, deadline=None)
@given(calibrators(), rising(), rising())
def test_more_likely_stays_more_likely(calibrator: Calibrator, one: np.ndarray, other: np.ndarray) -> None:
    low, high = np.minimum(one, other), np.maximum(one, other)
    assert (calibrator.apply(low, STEP_SECONDS) <= calibrator.apply(high, STEP_SECONDS)).all()


@given(calibrators())
def test_the_impossible_stays_impossible(calibrator: Calibrator) -> None:
    probability = np.array([[0.0, 0.0, 0.5, 1.0]], dtype=np.float32)
    calibrated = calibrator.apply(probability, STEP_SECONDS)
    assert calibrated[0, :2].tolist() == [0.0, 0.0]
    assert (calibrated[0, 2:] > 0).all()


def test_a_map_at_its_own_horizon_is_the_line_it_says() -> None:
    calibrator = Calibrator((HorizonMap(5.0, -0.5, 0.8), HorizonMap(45.0, 1.0, 1.4)))
    probability = np.linspace(0.1, 0.6, 9, dtype=np.float32)[None]
    raw = np.log(probability / (1 - probability))
    calibrated = calibrator.apply(probability, STEP_SECONDS)
    assert calibrated[0, 0] == pytest.approx(softly(-0.5 + 0.8 * raw[0, 0]), abs=1e-6)
    assert calibrated[0, 8] == pytest.approx(softly(1.0 + 1.4 * raw[0, 8]), abs=1e-6)
    # 15 minutes are half-way between 5 and 45 on a logarithmic scale.
    assert calibrated[0, 2] == pytest.approx(softly(0.25 + 1.1 * raw[0, 2]), abs=1e-6)


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (-1.2, 0.6), (0.7, 1.8)])
def test_fitting_finds_the_distortion(intercept: float, slope: float) -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(-1.5, 2.0, 60_000)
    outcome = rng.random(len(odds)) < softly(intercept + slope * odds)
    fitted = HorizonMap.fit(30.0, softly(odds), outcome)
    assert fitted.intercept == pytest.approx(intercept, abs=0.08)
    assert fitted.slope == pytest.approx(slope, abs=0.06)


def test_fitting_is_a_minimum_of_the_likelihood() -> None:
    rng = np.random.default_rng(4)
    probability = rng.beta(0.3, 2.0, 500)
    outcome = rng.random(500) < probability**1.7
    fitted = HorizonMap.fit(30.0, probability, outcome)

    def surprise(intercept: float, slope: float) -> float:
        odds = intercept + slope * np.log(probability / (1 - probability))
        stated = softly(odds)
        likelihood = -np.log(np.where(outcome, stated, 1 - stated)).sum()
        return float(likelihood + 0.5 * (intercept**2 + (slope - 1) ** 2))

    best = surprise(fitted.intercept, fitted.slope)
    for moved in ((0.02, 0.0), (-0.02, 0.0), (0.0, 0.02), (0.0, -0.02)):
        assert surprise(fitted.intercept + moved[0], fitted.slope + moved[1]) > best


def test_nothing_to_learn_from_gives_the_identity_and_separation_stays_finite() -> None:
    nothing = HorizonMap.fit(30.0, np.zeros(9), np.arange(9) < 2)
    assert (nothing.intercept, nothing.slope) == pytest.approx((0.0, 1.0))
    apart = HorizonMap.fit(30.0, np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert apart.slope < 10


def test_a_forecast_that_is_wrong_way_round_is_flattened_not_turned() -> None:
    rng = np.random.default_rng(5)
    probability = rng.uniform(0.01, 0.99, 5_000)
    outcome = rng.random(5_000) < 0.3 * (1 - probability)
    fitted = HorizonMap.fit(30.0, probability, outcome)
    assert fitted.slope == pytest.approx(0.05)
    mapped = Calibrator((fitted,)).apply(probability[:, None].astype(np.float32), STEP_SECONDS)
    assert mapped.mean() == pytest.approx(outcome.mean(), abs=0.02)


def test_json_there_and_back() -> None:
    calibrator = Calibrator((HorizonMap(30.0, -0.25, 0.5), HorizonMap(480.0, 0.1, 1.5)))
    assert Calibrator.from_json(json.loads(json.dumps(calibrator.to_json()))) == calibrator


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"maps": []}, "format_version must be 1"),
        ({"format_version": 1}, "maps must be a list"),
        ({"format_version": 1, "maps": []}, "at least one"),
        ({"format_version": 1, "maps": [{"minutes": 30}]}, "maps must be a list"),
        ({"format_version": 1, "maps": [{"minutes": 30, "intercept": 0, "slope": -1}]}, "above 0"),
        ({"format_version": 1, "maps": [{"minutes": 30, "intercept": "nan", "slope": 1}]}, "finite"),
        ({"format_version": 1, "maps": [{"minutes": 30, "intercept": 0, "slope": 1}] * 2}, "rising"),
    ],
)
def test_a_state_that_cannot_be_used_is_refused(state: dict[str, object], said: str) -> None:
    with pytest.raises(CalibrationError, match=said):
        Calibrator.from_json(state)


@pytest.mark.parametrize("probability", [np.array([0.5, 1.5]), np.array([0.5, np.nan]), np.ones((2, 2))])
def test_what_is_no_probability_is_refused(probability: np.ndarray) -> None:
    with pytest.raises(CalibrationError):
        HorizonMap.fit(30.0, probability, np.array([True, False]))


def test_crossings_are_calibrated_but_a_crossed_threshold_stays_crossed() -> None:
    quantiles = np.tile(np.array([80.0, 90.0, 100.0], dtype=np.float32), (2, 96, 1))
    current = np.array([50.0, 99.0], dtype=np.float32)
    critical = np.array([95.0, 95.0], dtype=np.float32)
    urgency = load_tables().urgency
    raw = crossing(current, quantiles, critical, STEP_SECONDS, urgency)
    calibrator = Calibrator((HorizonMap(30.0, -1.0, 1.0), HorizonMap(480.0, -1.0, 1.0)))
    calibrated = crossing(current, quantiles, critical, STEP_SECONDS, urgency, calibrator)
    assert (calibrated.probability[0] < raw.probability[0]).all()
    assert (calibrated.probability[1] == 1.0).all()
    assert calibrated.minutes[1] == 0.0
