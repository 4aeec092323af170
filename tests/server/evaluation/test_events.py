"""Alarms and events: worked examples, a brute-force choice, and forecasts that know everything or nothing."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.evaluation.alarms import AlarmPolicy, Tally, Timeline
from argus_server.evaluation.events import EventBoard
from argus_server.evaluation.rolling import ServerForecasts
from argus_server.evaluation.timelines import NO_FAILURE, Failure, timelines
from argus_server.evaluation.truth import Event, Truth, members_of_groups, outcomes
from argus_server.evaluation.tuning import choose
from argus_server.metrics import METRIC_INDEX, METRICS, QUANTILES
from argus_server.profiles import PROFILE_INDEX
from argus_server.risk.table_file import load_tables

TABLES = load_tables()
GROUPS = members_of_groups(TABLES)
STEP_SECONDS = 300
HOUR = 12
HORIZON = 96
REACH = HORIZON + HOUR
STRIDE = 6
GENERIC = PROFILE_INDEX["generic"]


def history(steps: int, **metrics: np.ndarray | float) -> np.ndarray:
    values = np.full((steps, len(METRICS)), np.nan, dtype=np.float32)
    for name, series in metrics.items():
        values[:, METRIC_INDEX[name]] = series
    return values


def oracle(values: np.ndarray, origins: np.ndarray, spread: float = 0.5) -> np.ndarray:
    """Quantiles around what will be, [origins, metrics, horizon, 3]."""
    quantiles = np.full((len(origins), len(METRICS), HORIZON, len(QUANTILES)), np.nan, dtype=np.float32)
    for row, origin in enumerate(origins):
        future = values[origin : origin + HORIZON].T
        quantiles[row] = future[:, :, None] + np.array([-spread, 0, spread], dtype=np.float32)
    return quantiles


def forecasts(
    values: np.ndarray, origins: np.ndarray, quantiles: np.ndarray, name: str = "ppgen001"
) -> ServerForecasts:
    return ServerForecasts(
        name=name,
        profile=GENERIC,
        values=values,
        start_ms=0,
        step_seconds=STEP_SECONDS,
        origins=origins,
        quantiles=quantiles,
        uncalibrated=quantiles,
    )


def a_timeline(*found: Event, rows: int = 600, **more: object) -> Timeline:
    return Timeline(
        origins=np.arange(STRIDE, rows - REACH + 1, STRIDE),
        step_seconds=STEP_SECONDS,
        horizon=HORIZON,
        measured=np.ones(rows, dtype=bool),
        events=found,
        **more,  # type: ignore[arg-type]
    )


def judged(line: Timeline, *on: tuple[int, int]) -> Tally:
    """The tally of an alarm that is on from one row to another."""
    active = np.zeros(len(line.origins), dtype=bool)
    for begin, end in on:
        active |= (line.origins >= begin) & (line.origins < end)
    tally = Tally()
    tally.add({"memory": (line, active)})
    return tally


# Truth


def test_an_event_lasts_ten_minutes_and_close_ones_are_one() -> None:
    disk = np.full(60, 50.0)
    disk[5] = 99.0  # five minutes: none
    disk[10:12] = 95.0  # ten minutes, exactly at the threshold
    disk[16:18] = 96.0  # twenty minutes later: the same
    disk[24:26] = 96.0  # thirty minutes later: another
    truth = Truth.of(history(60, disk_usage_pct=disk), GENERIC, TABLES)
    found = truth.events(GROUPS["disk"], STEP_SECONDS)
    assert [(event.first, event.end) for event in found] == [(10, 18), (24, 26)]
    assert truth.events(GROUPS["memory"], STEP_SECONDS) == []


def test_idle_cpu_is_bad_when_low_and_substitutes_stand_in() -> None:
    idle = np.full(20, 50.0)
    idle[8:] = 5.0
    measured = Truth.of(history(20, cpu_idle_pct=idle), GENERIC, TABLES)
    substituted = Truth.of(history(20, cpu_user_pct=90 - idle, cpu_sys_pct=10.0), GENERIC, TABLES)
    for truth in (measured, substituted):
        assert [event.first for event in truth.events(GROUPS["cpu"], STEP_SECONDS)] == [8]


def test_outcomes_equal_a_loop() -> None:
    rng = np.random.default_rng(2)
    measured = rng.random((80, 2)) < 0.9
    over = (rng.random((80, 2)) < 0.03) & measured
    origins = np.arange(1, 80, 3)
    reached, known = outcomes(over, measured, origins, 12)
    for row, origin in enumerate(origins.tolist()):
        for column in range(2):
            assert reached[row, column] == any(over[origin : origin + 12, column])
            assert known[row, column] == (sum(measured[origin : origin + 12, column]) >= 0.8 * 12)


# The policy


def test_an_alarm_is_held_raised_and_cleared_with_hysteresis() -> None:
    probability = np.array([0.6, 0.2, 0.6, 0.7, 0.4, 0.2, 0.4, 0.2, 0.2, 0.1, 0.9], dtype=np.float32)
    policy = AlarmPolicy(480.0, tau=0.5, hold=2, clear_hold=2)
    assert policy.active(probability).astype(int).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0]


def walked(policy: AlarmPolicy, probability: np.ndarray) -> list[bool]:
    """The policy, one origin at a time."""
    on, streak, result = False, 0, []
    for value in probability.tolist():
        if value != value:
            on, streak = False, 0
        else:
            turning = value < policy.tau * policy.clear_ratio if on else value >= policy.tau
            streak = streak + 1 if turning else 0
            if streak >= (policy.clear_hold if on else policy.hold):
                on, streak = not on, 0
        result.append(on)
    return result


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.9, float("nan")]), max_size=60),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_an_alarm_is_that_of_one_origin_after_the_other(
    values: list[float], hold: int, clear_hold: int
) -> None:
    probability = np.array(values, dtype=np.float32)
    policy = AlarmPolicy(480.0, 0.5, hold, clear_hold)
    assert policy.active(probability).tolist() == walked(policy, probability)


def test_without_a_forecast_an_alarm_is_off_and_starts_anew() -> None:
    probability = np.array([0.9, 0.9, np.nan, 0.9, 0.9], dtype=np.float32)
    assert AlarmPolicy(480.0, 0.5, hold=2).active(probability).astype(int).tolist() == [0, 1, 0, 0, 1]


# Claims


def test_lead_is_from_the_first_alarm_to_the_crossing() -> None:
    tally = judged(a_timeline(Event(300, 330, "disk_fill")), (252, 300))
    assert tally.to_json()["median_lead_minutes"] == (300 - 252) * 5
    assert (tally.right, tally.wrong, tally.recall) == (1, 0, 1.0)


def test_an_alarm_that_clears_again_has_still_announced() -> None:
    tally = judged(a_timeline(Event(300, 330, "disk_fill")), (252, 264))
    assert (tally.right, tally.recall) == (1, 1.0)


def test_an_alarm_at_the_crossing_or_beyond_reach_announces_nothing() -> None:
    line = a_timeline(Event(300, 330, "disk_fill"))
    assert judged(line, (300, 330)).recall == 0.0
    assert judged(line, (300, 330)).wrong == 0
    too_early = judged(line, (300 - REACH - STRIDE, 300 - REACH))
    assert (too_early.recall, too_early.wrong) == (0.0, 1)


def test_an_alarm_that_is_always_on_is_false_over_and_over() -> None:
    line = a_timeline(rows=2000)
    tally = judged(line, (0, 2000))
    assert tally.wrong == -(-(2000 - REACH) // REACH)
    assert tally.seconds == len(line.origins) * STRIDE * STEP_SECONDS


def test_false_alarms_are_counted_per_server_and_time() -> None:
    tally = judged(a_timeline(rows=REACH + 7 * 288), (60, 66), (600, 606))
    row = tally.to_json()
    assert row["false_alarms"] == 2
    assert row["false_alarms_per_server_week"] == pytest.approx(2, abs=0.01)
    assert row["false_alarms_per_server_month"] == pytest.approx(2 * 30 / 7, abs=0.05)


def test_groups_of_a_server_share_its_time() -> None:
    line = a_timeline()
    never = np.zeros(len(line.origins), dtype=bool)
    alone, together = Tally(), Tally()
    alone.add({"memory": (line, never)})
    together.add({"memory": (line, never), "cpu": (line, never)})
    assert alone.seconds == together.seconds > 0


def test_during_and_shortly_after_an_event_there_is_nothing_to_claim() -> None:
    line = a_timeline(Event(200, 240, "disk_fill"))
    assert judged(line, (200, 252)).to_json()["alarms"] == 0
    assert judged(line, (200, 258)).wrong == 1


def test_trouble_that_is_real_is_no_false_alarm() -> None:
    early = a_timeline(Event(400, 430, "disk_fill"), rising=((100, 400),))
    assert (judged(early, (150, 162)).early, judged(early, (150, 162)).wrong) == (1, 0)
    repaired = a_timeline(mitigated=((100, 200),))
    assert (judged(repaired, (150, 162)).mitigated, judged(repaired, (150, 162)).wrong) == (1, 0)
    assert judged(repaired, (204, 216)).wrong == 1
    other = a_timeline(elsewhere=(Event(200, 230, "memory_leak"),))
    assert (judged(other, (150, 162)).elsewhere, judged(other, (150, 162)).wrong) == (1, 0)


def test_what_was_not_observed_is_undecided() -> None:
    measured = np.ones(600, dtype=bool)
    measured[130:] = False
    line = Timeline(np.arange(6, 492, 6), STEP_SECONDS, HORIZON, measured, ())
    tally = judged(line, (120, 126))
    assert (tally.undecided, tally.wrong) == (1, 0)


def test_an_event_that_nothing_could_announce_does_not_count() -> None:
    first = a_timeline(Event(4, 10, "disk_fill"))
    assert judged(first).leads == []
    in_another = a_timeline(Event(4, 300, "a"), Event(303, 310, "b"))
    assert judged(in_another).leads == []


@st.composite
def tried(draw: st.DrawFn) -> dict[str, list[tuple[str, Tally]]]:
    def tally(name: str) -> tuple[str, Tally]:
        leads: list[tuple[str, bool, float | None]] = [
            ("leak", True, minutes) for minutes in draw(st.lists(st.sampled_from([10.0, 60.0]), max_size=3))
        ]
        return name, Tally(leads=leads, wrong=draw(st.integers(0, 4)))

    return {
        group: [tally(f"{group}{index}") for index in range(draw(st.integers(0, 4)))]
        for group in ("a", "b", "c")
    }


@settings(deadline=None)
@given(tried(), st.integers(0, 6))
def test_the_choice_is_as_good_as_the_best_of_all(
    options: dict[str, list[tuple[str, Tally]]], allowance: int
) -> None:
    chosen = choose(options, 30.0 * 86_400, allowance)  # type: ignore[arg-type]

    def worth(picked: tuple[tuple[str, Tally] | None, ...]) -> tuple[int, int, float]:
        tallies = [one[1] for one in picked if one is not None]
        return (
            sum(len(one.announced) for one in tallies),
            -sum(one.wrong for one in tallies),
            sum(sum(one.announced) for one in tallies),
        )

    everything = itertools.product(*([None, *settings] for settings in options.values()))
    best = max(worth(picked) for picked in everything if -worth(picked)[1] <= allowance)
    mine = tuple(
        next((one for one in settings if one[0] == chosen.get(group)), None)
        for group, settings in options.items()
    )
    assert worth(mine) == best


# Failures that are known


def lines_of(values: np.ndarray, *failures: Failure) -> dict[str, Timeline]:
    origins = np.arange(30, len(values) - REACH, STRIDE)
    quantiles = np.full((len(origins), len(METRICS), HORIZON, 3), np.nan, dtype=np.float32)
    truth = Truth.of(values, GENERIC, TABLES)
    return timelines(forecasts(values, origins, quantiles), truth, TABLES, failures)


def test_a_failure_owns_the_crossing_of_its_own_signals_only() -> None:
    memory, idle = np.full(400, 40.0), np.full(400, 60.0)
    memory[200:220] = 99.0
    idle[150:160] = 1.0
    lines = lines_of(
        history(400, mem_used_pct=memory, cpu_idle_pct=idle),
        Failure(120, 215, 225, "memory_leak", ("memory", "swap")),
    )
    assert lines["memory"].events == (Event(200, 220, "memory_leak"),)
    assert lines["memory"].rising == ((120, 200),)
    assert lines["cpu"].events == (Event(150, 160, NO_FAILURE, counts=False),)
    assert lines["cpu"].elsewhere == lines["memory"].events


def test_failures_without_a_crossing_stand_elsewhere_or_were_repaired() -> None:
    quiet = history(400, mem_used_pct=40.0, disk_usage_pct=40.0)
    fails = lines_of(quiet, Failure(100, 150, 180, "cascade"))
    assert all(line.elsewhere == (Event(150, 180, "cascade", counts=False),) for line in fails.values())
    repaired = lines_of(quiet, Failure(100, None, 180, "disk_fill", ("disk",)))
    assert all(line.mitigated == ((100, 180),) for line in repaired.values())
    later = lines_of(quiet, Failure(300, 900, 950, "disk_fill", ("disk",)))
    assert all(line.elsewhere == () == line.mitigated for line in later.values())


def test_without_known_failures_every_crossing_counts() -> None:
    disk = np.full(400, 50.0)
    disk[200:210] = 99.0
    values = history(400, disk_usage_pct=disk)
    truth = Truth.of(values, GENERIC, TABLES)
    made = forecasts(values, np.array([100]), oracle(values, np.array([100])))
    assert timelines(made, truth, TABLES)["disk"].events == (Event(200, 210, "threshold"),)


# The whole


def filling(seed: int) -> np.ndarray:
    """Two fills of a disk within 20 days, at times of their own."""
    rng = np.random.default_rng(seed)
    disk = np.full(20 * 288, 50.0) + rng.normal(0, 0.5, 20 * 288)
    for day in (6, 14):
        begin = int((day + rng.random()) * 288)
        disk[begin : begin + 200] = np.linspace(50, 98, 200)
    return history(20 * 288, disk_usage_pct=disk, mem_used_pct=40.0)


def scored(made: list[ServerForecasts]) -> dict[str, Any]:
    board = EventBoard()
    for one in made:
        board.add(one)
    return board.to_json((board.names[::2], board.names[1::2]))


def test_who_knows_the_future_announces_all_of_it_without_a_false_alarm() -> None:
    origins = np.arange(288, 19 * 288, STRIDE)
    fleet = [filling(seed) for seed in range(4)]
    made = [
        forecasts(values, origins, oracle(values, origins), f"ppgen{index:03d}")
        for index, values in enumerate(fleet)
    ]
    result = scored(made)
    assert result["servers"] == 4
    assert result["definition"]["looked_at_every_minutes"] == STRIDE * 5
    assert result["alarms"]["recall"] == 1.0
    assert result["alarms"]["false_alarms"] == 0
    assert result["alarms"]["median_lead_minutes"] > 420
    assert result["alarms"]["by_kind"]["threshold"]["events"] == 8
    for horizon in ("30min", "8h"):
        assert result["probabilities"][horizon]["server"]["skill"] > 0.95
        assert result["probabilities"][horizon]["environment"]["skill"] > 0.95
    # The rule sees it as well, but only from the warning level on.
    assert result["node_mixin_8h"]["recall"] == 1.0
    assert result["node_mixin_8h"]["median_lead_minutes"] < 180


def test_who_expects_nothing_announces_nothing() -> None:
    origins = np.arange(288, 19 * 288, HORIZON)
    made = []
    for seed in range(2):
        values = filling(seed)
        calm = np.full((len(origins), len(METRICS), HORIZON, 3), np.nan, dtype=np.float32)
        for metric, level in (("disk_usage_pct", 50.0), ("mem_used_pct", 40.0)):
            calm[:, METRIC_INDEX[metric]] = level + np.array([-1, 0, 1])
        made.append(forecasts(values, origins, calm, f"ppgen{seed:03d}"))
    result = scored(made)
    assert result["alarms"]["recall"] == 0.0
    assert result["alarms"]["alarms"] == 0
    assert result["probabilities"]["8h"]["server"]["skill"] < 0


def test_alarms_are_chosen_on_the_half_that_they_are_not_scored_on() -> None:
    """Only one server has events: what is tuned on the other, which has none, announces nothing."""
    origins = np.arange(288, 19 * 288, STRIDE)
    eventful, quiet = filling(0), history(20 * 288, disk_usage_pct=50.0, mem_used_pct=40.0)
    made = [
        forecasts(values, origins, oracle(values, origins), name)
        for name, values in (("ppgen000", eventful), ("ppgen001", quiet))
    ]
    result = scored(made)
    assert result["halves"] == [["ppgen000"], ["ppgen001"]]
    for alarms in ("alarms", "linear_rule_tuned"):
        first, second = result[alarms]["chosen_by_each_half"]
        assert first["chosen"] != {}
        assert first["on_the_half_that_chose"]["recall"] == 1.0
        assert second["chosen"] == {}
        assert second["on_the_other_half"]["recall"] == 0.0
        assert result[alarms]["recall"] == 0.0


def test_where_all_servers_move_together_nothing_is_tuned() -> None:
    origins = np.arange(288, 19 * 288, STRIDE)
    board = EventBoard()
    values = filling(0)
    board.add(forecasts(values, origins, oracle(values, origins)))
    result = board.to_json((board.names, ()))
    assert "alarms" not in result
    assert "linear_rule_tuned" not in result
    assert result["alarms_as_served"]["recall"] == result["node_mixin_8h"]["recall"] == 1.0


def test_a_fixed_rule_may_be_chosen_among_its_variants() -> None:
    """A drop of idle CPU is seen by a line through the last hour, not by one through the last six."""
    idle = np.full(20 * 288, 60.0)
    for day in (5, 11, 17):
        idle[day * 288 : day * 288 + 24] = np.linspace(60, 3, 24)
        idle[day * 288 + 24 : day * 288 + 40] = 3.0
    origins = np.arange(288, 19 * 288, 1)
    values = history(20 * 288, cpu_idle_pct=idle)
    made = [
        forecasts(values, origins, oracle(np.full_like(values, np.nan), origins), name)
        for name in ("ppgen000", "ppgen001")
    ]
    for one in made:
        one.quantiles[:, METRIC_INDEX["cpu_idle_pct"]] = 60.0
    result = scored(made)
    assert result["node_mixin_8h"]["recall"] == 0.0
    assert result["linear_rule_tuned"]["recall"] == 1.0
    assert result["linear_rule_tuned"]["false_alarms"] == 0
    assert result["linear_rule_tuned"]["chosen_by_each_half"][0]["chosen"]["cpu"].startswith("1h_to_")
