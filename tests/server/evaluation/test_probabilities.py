"""Scores of probabilities against figures by hand, and the board against the server's own scoring."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.evaluation.probabilities import ProbabilityBoard, brier, crossings_at, reliability
from argus_server.evaluation.rolling import ServerForecasts
from argus_server.evaluation.truth import Truth
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.profiles import PROFILE_INDEX
from argus_server.risk.calibration import Calibrator, HorizonMap
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables

TABLES = load_tables()
STEP_SECONDS = 300
HORIZON = 96
NAMES = {"30min": 30.0, "8h": 480.0}


def test_brier_and_skill_by_hand() -> None:
    probability = np.array([0.1, 0.2, 0.8, 0.9])
    outcome = np.array([False, False, True, False])
    row = brier(probability, outcome)
    assert row["brier"] == pytest.approx((0.01 + 0.04 + 0.04 + 0.81) / 4)
    assert row["brier_of_base_rate"] == pytest.approx(0.25 * 0.75)
    assert row["skill"] == pytest.approx(1 - 0.225 / 0.1875)


def test_calibration_error_by_hand() -> None:
    probability = np.array([0.05] * 10 + [0.55] * 10)
    outcome = np.array([True] * 2 + [False] * 8 + [True] * 4 + [False] * 6)
    row = brier(probability, outcome)
    # Bins 0.0-0.1 and 0.5-0.6: 0.15 too low and 0.15 too high, half of the samples each.
    assert row["ece"] == pytest.approx(0.15)
    assert row["ece_equal_count"] == pytest.approx(0.15)
    assert reliability(probability, outcome) == [
        {"from": 0.0, "to": 0.1, "samples": 10, "mean_probability": 0.05, "frequency": 0.2},
        {"from": 0.5, "to": 0.6, "samples": 10, "mean_probability": 0.55, "frequency": 0.4},
    ]


def test_honest_probabilities_have_no_calibration_error_to_speak_of() -> None:
    rng = np.random.default_rng(0)
    probability = rng.beta(0.4, 1.5, 40_000)
    row = brier(probability, rng.random(40_000) < probability)
    assert row["ece"] < 0.01
    assert row["ece_equal_count"] < 0.01
    assert row["skill"] > 0.3


def test_many_equal_probabilities_share_a_bin() -> None:
    probability = np.zeros(1000)
    outcome = np.arange(1000) < 30
    assert brier(probability, outcome)["ece_equal_count"] == pytest.approx(0.03)


def test_no_samples_have_no_figures() -> None:
    assert brier(np.array([]), np.array([], dtype=bool))["brier"] is None
    constant = brier(np.array([0.0, 0.1]), np.array([False, False]))
    assert constant["skill"] is None


def a_server(seed: int, name: str = "ppgen001", profile: str = "generic") -> ServerForecasts:
    """Noisy memory and CPU that cross their thresholds now and then, forecast without skill."""
    rng = np.random.default_rng(seed)
    values = np.full((1200, len(METRICS)), np.nan, dtype=np.float32)
    values[:, METRIC_INDEX["mem_used_pct"]] = np.clip(92 + rng.normal(0, 3, 1200), 0, 100)
    values[:, METRIC_INDEX["cpu_idle_pct"]] = np.clip(12 + rng.normal(0, 3, 1200), 0, 100)
    values[300:320] = np.nan
    origins = np.arange(100, 1100, 6)
    quantiles = np.full((len(origins), len(METRICS), HORIZON, 3), np.nan, dtype=np.float32)
    for metric in ("mem_used_pct", "cpu_idle_pct"):
        index = METRIC_INDEX[metric]
        last = np.nan_to_num(values[origins - 1, index], nan=50.0)[:, None, None]
        quantiles[:, index] = last + np.array([-6, 0, 6], dtype=np.float32)
    quantiles = np.clip(quantiles, 0, 100)
    return ServerForecasts(
        name=name,
        profile=PROFILE_INDEX[profile],
        values=values,
        start_ms=0,
        step_seconds=STEP_SECONDS,
        origins=origins,
        quantiles=quantiles,
        uncalibrated=quantiles,
    )


@pytest.mark.parametrize("profile", ["generic", "database"])
def test_probabilities_are_those_that_the_server_states(profile: str) -> None:
    made = a_server(1, profile=profile)
    servers = len(made.origins)
    frame = score(
        RiskInputs(
            current=made.values[made.origins - 1],
            quantiles=made.quantiles,
            profiles=np.full(servers, made.profile, dtype=np.int8),
            silent=np.zeros(servers, dtype=bool),
            silent_minutes=np.zeros(servers, dtype=np.float32),
            cores=np.full(servers, np.nan, dtype=np.float32),
            step_seconds=STEP_SECONDS,
        ),
        TABLES,
    )
    found = crossings_at(made, TABLES)
    assert np.array_equal(found.probability[:, 5], frame.probability_30m)
    assert np.array_equal(found.probability[:, -1], frame.probability_8h)


def board_of(
    *servers: ServerForecasts, calibrator: Calibrator | None = None, fleet: str = ""
) -> ProbabilityBoard:
    board = ProbabilityBoard(TABLES, NAMES)
    for made in servers:
        truth = Truth.of(made.values, made.profile, TABLES)
        board.add(made, truth, crossings_at(made, TABLES, calibrator), fleet=fleet, calibrator=calibrator)
    return board


def test_scored_only_where_nothing_is_over_and_the_future_is_known() -> None:
    made = a_server(2)
    result = board_of(made).to_json()
    over = np.zeros(len(made.values), dtype=bool)
    with np.errstate(invalid="ignore"):
        over |= made.values[:, METRIC_INDEX["mem_used_pct"]] >= 98
        over |= made.values[:, METRIC_INDEX["cpu_idle_pct"]] <= 5
    measured = np.any(~np.isnan(made.values), axis=1)
    expected = [
        any(over[origin : origin + 6])
        for origin in made.origins
        if measured[origin - 1] and not over[origin - 1] and sum(measured[origin : origin + 6]) >= 4.8
    ]
    assert result["30min"]["server"]["samples"] == len(expected)
    assert result["30min"]["server"]["happened"] == sum(expected)
    assert result["origins_over_a_threshold_already"] == over[made.origins - 1].sum() > 0
    assert result["30min"]["signals"]["disk"]["samples"] == 0


def test_fleets_are_made_of_servers_at_one_time_and_combine_as_independent() -> None:
    servers = [a_server(seed, f"ppgen{seed:03d}") for seed in range(3)]
    row = board_of(*servers).to_json()["30min"]["environment"]
    stated: dict[int, list[float]] = {}
    happened: dict[int, list[bool]] = {}
    for made in servers:
        truth = Truth.of(made.values, made.profile, TABLES)
        near = crossings_at(made, TABLES).probability[:, 5]
        over = np.any(truth.over, axis=1)
        measured = np.any(~np.isnan(truth.values), axis=1)
        for index, origin in enumerate(made.origins.tolist()):
            if measured[origin - 1] and not over[origin - 1] and sum(measured[origin : origin + 6]) >= 4.8:
                stated.setdefault(origin, []).append(float(near[index]))
                happened.setdefault(origin, []).append(bool(over[origin : origin + 6].any()))
    fleets = [origin for origin, chances in stated.items() if len(chances) > 1]
    expected = [1 - np.prod([1 - p for p in stated[origin]]) for origin in fleets]
    outcome = [any(happened[origin]) for origin in fleets]
    assert row["samples"] == len(fleets)
    assert row["happened"] == sum(outcome)
    assert row["brier"] == pytest.approx(np.mean((np.array(expected) - outcome) ** 2), abs=1e-4)


def test_a_calibrator_fitted_on_one_half_improves_the_other() -> None:
    fitted = board_of(*(a_server(seed) for seed in range(4)))
    calibrator = Calibrator.fit({minutes: fitted.samples(name) for name, minutes in NAMES.items()})
    others = [a_server(seed) for seed in range(10, 14)]
    raw, calibrated = board_of(*others), board_of(*others, calibrator=calibrator)
    for name in NAMES:
        before, after = brier(*raw.samples(name)), brier(*calibrated.samples(name))
        assert after["brier"] < before["brier"]
        assert after["ece"] < before["ece"]


def test_a_calibrator_that_changes_nothing_changes_nothing() -> None:
    made = a_server(5)
    identity = Calibrator((HorizonMap(30.0, 0.0, 1.0),))
    raw, same = crossings_at(made, TABLES), crossings_at(made, TABLES, identity)
    assert same.probability == pytest.approx(raw.probability, abs=1e-5)


def test_servers_of_different_fleets_are_never_in_one() -> None:
    board = ProbabilityBoard(TABLES, NAMES)
    for seed, fleet in ((1, "a"), (2, "b"), (3, "b")):
        made = a_server(seed)
        truth = Truth.of(made.values, made.profile, TABLES)
        board.add(made, truth, crossings_at(made, TABLES), fleet=fleet)
    assert {len(chances) for chances, _ in board.fleets("8h")} == {2}


def test_dependence_fitted_to_twins_makes_their_fleets_honest() -> None:
    """The same server five times over: what one states, the fleet states."""
    honest = Calibrator.fit(
        {
            minutes: board_of(*(a_server(seed) for seed in range(6))).samples(name)
            for name, minutes in NAMES.items()
        }
    )

    def twins(seed: int, calibrator: Calibrator) -> ProbabilityBoard:
        made = [a_server(seed, f"ppgen{number:03d}") for number in range(5)]
        return board_of(*made, calibrator=calibrator)

    fitted = twins(7, honest)
    together = honest.with_dependence({minutes: fitted.fleets(name) for name, minutes in NAMES.items()})
    assert together.exponent(30.0) < 0.5
    before = twins(11, honest).to_json()["30min"]["environment"]
    after = twins(11, together).to_json()["30min"]["environment"]
    assert after["brier"] < before["brier"]
    assert after["ece"] < before["ece"]
