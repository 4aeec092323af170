"""Outlooks against a slow computation of the same rule, server by server; and the rule case by case."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.outlook import HISTORY_STEPS, OutlookFrame, Outlooks, band_stride
from argus_server.profiles import PROFILE_INDEX
from argus_server.risk.frame import RiskFrame
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables
from argus_server.window.frame import WindowFrame
from tests.server.risk.fleets import random_fleet, rows

TABLES = load_tables()
MINUTE_MS = 60_000
NOW_MS = 1_700_000_000_000
CPU, IDLE, MEMORY, SWAP, DISK, LOAD = (
    METRIC_INDEX[name] + 1
    for name in (
        "cpu_user_pct",
        "cpu_idle_pct",
        "mem_used_pct",
        "swap_used_pct",
        "disk_usage_pct",
        "load_average",
    )
)


@dataclass
class Memory:
    """What the slow computation remembers of a server."""

    metric: int
    named_at_ms: int


def expected_metric(
    before: Memory | None, breach: int, causes: list[tuple[int, float]], measured: set[int], now_ms: int
) -> tuple[int, Memory | None]:
    """The metric of one server, as the contract tells it, and what to remember."""
    after: Memory | None
    if breach:
        after = Memory(breach, now_ms)
    elif causes:
        strongest, points = causes[0]
        kept = before and any(
            metric == before.metric and share >= points / 2 for metric, share in causes if share > 0
        )
        after = Memory(before.metric if before and kept else strongest, now_ms)
    elif before and now_ms - before.named_at_ms <= 30 * MINUTE_MS:
        after = before
    else:
        after = None
    if after and after.metric in measured:
        return after.metric, after
    if not measured or CPU in measured:
        return CPU, after
    return min(measured), after


def expected_limits(metric: int, profile: int, cores: float) -> tuple[float, float] | None:
    threshold = TABLES.thresholds.get(metric - 1)
    if threshold is None or (threshold.per_core and not cores > 0):
        return None
    limits = threshold.of(profile)
    factor = cores if threshold.per_core else 1.0
    return factor * limits.warning, factor * limits.critical


def window_of(names: tuple[str, ...], profiles: np.ndarray, values: np.ndarray) -> WindowFrame:
    return WindowFrame(names, values, NOW_MS, 300, profiles, np.full(len(names), values.shape[1], np.int32))


def causes_of(risk: RiskFrame, row: int) -> list[tuple[int, float]]:
    used = int(np.count_nonzero(risk.cause_kinds[row]))
    named = zip(risk.cause_metrics[row].tolist(), risk.cause_points[row].tolist(), strict=True)
    return [(metric, points) for metric, points in list(named)[:used] if metric]


FLEET = tuple(f"server-{number}" for number in range(12))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.permutations(FLEET), st.integers(0, 12), st.integers(0, 40)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([2, 35, 36, 50]),
)
def test_outlooks_are_what_a_slow_computation_finds(
    ticks: list[tuple[int, list[str], int, int]], steps: int
) -> None:
    outlooks = Outlooks(TABLES)
    remembered: dict[str, Memory | None] = {}
    now_ms = NOW_MS
    for seed, order, present, minutes in ticks:
        now_ms += minutes * MINUTE_MS
        names = tuple(order[:present])
        inputs = random_fleet(seed, len(names))
        risk = score(inputs, TABLES)
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(len(names), steps, len(METRICS))).astype(np.float32)
        values[rng.random(values.shape) < 0.1] = np.nan

        made = outlooks.gather(
            window_of(names, inputs.profiles, values), inputs.quantiles, risk, inputs.cores, now_ms
        )

        left = dict(remembered)
        remembered = {}
        for row, name in enumerate(names):
            measured = {
                column + 1
                for column in range(len(METRICS))
                if not np.isnan(inputs.quantiles[row, column]).all()
            }
            breach = int(risk.breach_metrics[row])
            metric, remembered[name] = expected_metric(
                left.get(name), breach, causes_of(risk, row), measured, now_ms
            )
            assert made.metrics[row] == metric
            past = values[row, :, metric - 1].tolist()
            padded = ([float("nan")] * HISTORY_STEPS + past)[-HISTORY_STEPS:]
            np.testing.assert_array_equal(made.history[row], np.array(padded, np.float32))
            limits = expected_limits(metric, int(inputs.profiles[row]), float(inputs.cores[row]))
            if limits is None:
                assert np.isnan([made.warning[row], made.critical[row]]).all()
            else:
                assert [made.warning[row], made.critical[row]] == pytest.approx(limits)


def one_server(
    breach: int = 0, causes: tuple[tuple[int, float], ...] = (), missing: tuple[int, ...] = ()
) -> tuple[RiskInputs, RiskFrame]:
    """A server whose risk is about these metrics and which does not measure the missing ones."""
    inputs = rows(random_fleet(0, 12), [0])
    quantiles = np.full_like(inputs.quantiles, 50.0)
    quantiles[0, [number - 1 for number in missing]] = np.nan
    inputs = replace(inputs, quantiles=quantiles)
    risk = score(inputs, TABLES)
    metrics, points = np.zeros((1, 3), np.uint8), np.zeros((1, 3), np.float32)
    for place, (metric, weight) in enumerate(causes):
        metrics[0, place], points[0, place] = metric, weight
    return inputs, replace(
        risk, breach_metrics=np.array([breach], np.uint8), cause_metrics=metrics, cause_points=points
    )


class OneServer:
    """The outlook of one server from tick to tick."""

    def __init__(self) -> None:
        self.outlooks = Outlooks(TABLES)
        self.now_ms = NOW_MS

    def metric(
        self,
        breach: int = 0,
        *causes: tuple[int, float],
        missing: tuple[int, ...] = (),
        minutes: float = 1,
    ) -> int:
        self.now_ms += round(minutes * MINUTE_MS)
        inputs, risk = one_server(breach, causes, missing)
        values = np.zeros((1, 36, len(METRICS)), np.float32)
        made = self.outlooks.gather(
            window_of(("a",), inputs.profiles, values), inputs.quantiles, risk, inputs.cores, self.now_ms
        )
        return int(made.metrics[0])


def test_a_breach_comes_before_causes_and_causes_before_quiet() -> None:
    assert OneServer().metric(SWAP, (DISK, 30.0)) == SWAP
    assert OneServer().metric(0, (DISK, 30.0), (SWAP, 20.0)) == DISK
    assert OneServer().metric() == CPU


def test_causes_that_swap_places_do_not_swap_the_metric() -> None:
    server = OneServer()
    assert server.metric(0, (DISK, 21.0), (SWAP, 20.0)) == DISK
    assert server.metric(0, (SWAP, 21.0), (DISK, 20.0)) == DISK
    assert server.metric(0, (SWAP, 21.0), (DISK, 10.0)) == SWAP
    assert server.metric(0, (DISK, 21.0), (SWAP, 12.0)) == SWAP


def test_a_metric_lingers_for_half_an_hour_after_it_was_last_named() -> None:
    server = OneServer()
    assert server.metric(MEMORY) == MEMORY
    assert server.metric(minutes=29) == MEMORY
    assert server.metric(minutes=1) == MEMORY
    assert server.metric(minutes=1) == CPU
    assert server.metric() == CPU


def test_a_metric_that_is_not_measured_is_never_shown() -> None:
    server = OneServer()
    assert server.metric(MEMORY) == MEMORY
    assert server.metric(missing=(MEMORY,)) == CPU
    assert server.metric(missing=(MEMORY, CPU)) == CPU + 1
    assert server.metric(missing=tuple(range(1, len(METRICS) + 1))) == CPU


def test_a_new_server_begins_without_what_others_were_shown_with() -> None:
    outlooks = Outlooks(TABLES)
    inputs, risk = one_server(0, ((DISK, 21.0), (SWAP, 20.0)))
    inputs, values = rows(inputs, [0, 0]), np.zeros((2, 36, len(METRICS)), np.float32)
    both = replace(
        risk,
        breach_metrics=np.zeros(2, np.uint8),
        cause_metrics=risk.cause_metrics[[0, 0]],
        cause_points=risk.cause_points[[0, 0]],
    )
    old = replace(both, breach_metrics=np.array([SWAP, SWAP], np.uint8))
    quantiles, cores = inputs.quantiles, inputs.cores

    outlooks.gather(window_of(("a", "b"), inputs.profiles, values), quantiles, old, cores, NOW_MS)
    made = outlooks.gather(window_of(("new", "b"), inputs.profiles, values), quantiles, both, cores, NOW_MS)

    assert made.metrics.tolist() == [DISK, SWAP]


def test_thresholds_are_those_of_the_server() -> None:
    inputs = rows(random_fleet(0, 12), range(5))
    shown = np.array([MEMORY, MEMORY, LOAD, LOAD, LOAD], np.uint8)
    risk = replace(score(inputs, TABLES), breach_metrics=shown)
    kinds = ("generic", "database", "generic", "generic", "generic")
    profiles = np.array([PROFILE_INDEX[name] for name in kinds], np.int8)
    cores = np.array([np.nan, 4.0, 8.0, np.nan, 0.0], np.float32)
    values = np.zeros((5, 36, len(METRICS)), np.float32)

    made = Outlooks(TABLES).gather(
        window_of(("a", "b", "c", "d", "e"), profiles, values),
        np.full_like(inputs.quantiles, 50.0),
        risk,
        cores,
        NOW_MS,
    )

    np.testing.assert_array_equal(made.warning, np.array([90, 98, 12, np.nan, np.nan], np.float32))
    np.testing.assert_array_equal(made.critical, np.array([98, 99, 32, np.nan, np.nan], np.float32))


def test_frames_are_compared_bit_by_bit() -> None:
    first = OutlookFrame.empty(3)
    history = first.history.copy()
    history[1, 7] = 0.0
    warmer = replace(first, history=history)
    limited = replace(first, critical=np.array([np.nan, np.nan, 5.0], np.float32))
    every = np.arange(3)

    assert first.same(every, OutlookFrame.empty(3), every).tolist() == [True] * 3
    assert first.same(every, warmer, every).tolist() == [True, False, True]
    assert first.same(np.array([2, 0]), limited, np.array([2, 1])).tolist() == [False, True]


@pytest.mark.parametrize(("horizon", "points"), [(96, 32), (97, 24), (32, 32), (33, 16), (12, 12), (1, 1)])
def test_bands_have_at_most_32_points_however_long_the_horizon(horizon: int, points: int) -> None:
    stride = band_stride(horizon)
    assert len(range(stride - 1, horizon, stride)) == points
