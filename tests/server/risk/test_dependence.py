"""Chances of servers as the chance of any, and how much of a fleet counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_server.risk.calibration import CalibrationError, Calibrator, HorizonMap
from argus_server.risk.dependence import Dependence, any_of

CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


@given(CHANCES, st.floats(0.01, 1))
def test_it_lies_within_what_any_dependence_allows(chances: np.ndarray, exponent: float) -> None:
    found = any_of(chances, exponent)
    assert chances.max() <= found <= min(1.0, chances.sum()) + 1e-9


@given(CHANCES, st.floats(0.01, 1), st.integers(0, 11), st.floats(0, 1))
def test_it_never_falls_when_a_chance_rises(
    chances: np.ndarray, exponent: float, place: int, more: float
) -> None:
    raised = chances.copy()
    place %= len(chances)
    raised[place] = max(raised[place], more)
    assert any_of(raised, exponent) >= any_of(chances, exponent) - 1e-12


def test_from_independence_to_the_likeliest_alone() -> None:
    chances = np.array([0.1, 0.2, 0.5])
    assert any_of(chances) == pytest.approx(1 - 0.9 * 0.8 * 0.5)
    assert any_of(chances, 1e-6) == 0.5
    assert any_of(np.array([])) == 0.0
    assert any_of(np.array([1.0] + [0.0] * 50), 0.1) == 1.0


def fleets(copies: int, seed: int) -> list[tuple[np.ndarray, bool]]:
    """Fleets of 12 servers, so many of them always the same as another."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(4000):
        own = rng.beta(0.6, 12, 12 // copies)
        made.append((np.repeat(own, copies), bool((rng.random(len(own)) < own).any())))
    return made


@pytest.mark.parametrize("copies", [1, 2, 4, 12])
def test_the_share_that_counts_is_found(copies: int) -> None:
    found = Dependence.fit(30.0, fleets(copies, copies))
    if copies == 12:
        assert found.exponent < 0.2  # the likeliest one says it all, whatever the exponent
    else:
        assert found.exponent == pytest.approx(1 / copies, rel=0.15)


def test_few_fleets_change_little() -> None:
    assert Dependence.fit(30.0, []).exponent == 1.0
    assert Dependence.fit(30.0, [(np.array([0.2, 0.2]), False)]).exponent > 0.7


@pytest.mark.parametrize(
    ("minutes", "exponent"), [(0.0, 0.5), (30.0, 0.0), (30.0, 1.1), (30.0, float("nan"))]
)
def test_what_is_no_dependence_is_refused(minutes: float, exponent: float) -> None:
    with pytest.raises(CalibrationError):
        Dependence(minutes, exponent)


MAPS = (HorizonMap(30.0, 0.0, 1.0), HorizonMap(480.0, 0.0, 1.0))


def test_it_is_kept_with_the_calibration_and_older_ones_have_none() -> None:
    full = Calibrator(MAPS, (Dependence(30.0, 0.4), Dependence(480.0, 0.8)))
    assert Calibrator.from_json(full.to_json()) == full
    older = full.to_json()
    del older["dependence"]
    assert Calibrator.from_json(older) == Calibrator(MAPS)
    assert Calibrator(MAPS).exponent(30.0) == 1.0
    with pytest.raises(CalibrationError, match="dependence must be a list of minutes and exponent"):
        Calibrator.from_json({**full.to_json(), "dependence": [{"minutes": 30.0}]})
    with pytest.raises(CalibrationError, match="rising horizons"):
        Calibrator(MAPS, (Dependence(480.0, 0.8), Dependence(30.0, 0.4)))


def test_between_horizons_it_goes_by_the_logarithm_of_time() -> None:
    full = Calibrator(MAPS, (Dependence(30.0, 0.4), Dependence(480.0, 0.8)))
    assert [full.exponent(minutes) for minutes in (5.0, 30.0, 120.0, 480.0, 900.0)] == pytest.approx(
        [0.4, 0.4, 0.6, 0.8, 0.8]
    )
