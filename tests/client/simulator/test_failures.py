from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from argus_client.samples import METRICS, STATES
from argus_client.simulator import FleetChunk, FleetSimulator, Label
from argus_client.simulator.modes import MODES

from .conftest import START_MS, STEP_MS

Failing = tuple[FleetChunk, list[Label]]
CRITICAL = STATES.index("critical_issue")
HOUR_MS = 3_600_000

# The metric a mode shows itself in, and how much it has risen by the time of the failure, in its unit.
SIGNATURES = {
    "memory_leak": ("mem_used_pct", 10),
    "disk_fill": ("disk_usage_pct", 15),
    "cpu_runaway": ("cpu_user_pct", 15),
    "connection_leak": ("back_close_wait", 150),
    "io_saturation": ("cpu_iowait_pct", 15),
    "dead_server": ("cpu_iowait_pct", 4),
}


def window(chunk: FleetChunk, server: str, first_ms: float, end_ms: float) -> NDArray[np.float32]:
    """[steps, 14] of what a server sent in a window of time."""
    row = int(np.searchsorted(chunk.server_name.astype(str), server))
    steps = (chunk.timestamp_ms >= first_ms) & (chunk.timestamp_ms < end_ms) & chunk.present[row]
    return chunk.metrics[row, steps]


def complete(failing: Failing, mode: str) -> list[Label]:
    """Failures with a ramp, after a quiet hour and before the end of the data."""
    chunk, labels = failing
    last_ms = int(chunk.timestamp_ms[-1])
    ends: dict[str, int] = {}
    found = []
    for label in labels:
        quiet = label.onset_ms - ends.get(label.server_name, START_MS) > 2 * HOUR_MS
        ends[label.server_name] = label.end_ms or last_ms
        if label.mode != mode or label.failure_ms is None or label.end_ms is None:
            continue
        if quiet and label.failure_ms > label.onset_ms and label.end_ms + HOUR_MS < last_ms:
            found.append(label)
    return found


def test_every_mode_occurs(failing: Failing) -> None:
    counts = Counter(label.mode for label in failing[1] if label.failure_ms is not None)
    assert set(counts) == set(MODES)
    assert min(counts.values()) >= 5


@pytest.mark.parametrize("mode", list(SIGNATURES))
def test_the_signature_metric_rises_between_onset_and_failure(failing: Failing, mode: str) -> None:
    chunk, _ = failing
    metric, rise = SIGNATURES[mode]
    column = METRICS.index(metric)
    labels = complete(failing, mode)
    assert len(labels) >= 5
    risen = []
    for label in labels:
        assert label.failure_ms is not None
        ramp = label.failure_ms - label.onset_ms
        before = window(chunk, label.server_name, label.onset_ms - 2 * HOUR_MS, label.onset_ms)[:, column]
        late = window(chunk, label.server_name, label.failure_ms - max(ramp / 6, STEP_MS), label.failure_ms)
        if len(before) > 6 and len(late):
            risen.append(late[:, column].mean() - before.mean())
    assert len(risen) >= 4
    assert np.median(risen) > rise
    assert np.mean(np.array(risen) > 0) >= 0.9


def test_precursors_grow_step_by_step(failing: Failing) -> None:
    """A leak is a ramp, not a jump at the failure: each third of it is higher than the one before."""
    chunk, _ = failing
    column = METRICS.index("mem_used_pct")
    for label in complete(failing, "memory_leak"):
        assert label.failure_ms is not None
        thirds = np.linspace(label.onset_ms, label.failure_ms, 4)
        levels = [
            window(chunk, label.server_name, first, end)[:, column].mean()
            for first, end in itertools.pairwise(thirds)
        ]
        assert levels == sorted(levels), label


def test_resources_are_exhausted_when_the_server_fails(failing: Failing) -> None:
    chunk, _ = failing
    for mode, metric, level in (
        ("memory_leak", "mem_used_pct", 97),
        ("disk_fill", "disk_usage_pct", 98),
        ("cpu_runaway", "cpu_user_pct", 60),
    ):
        for label in complete(failing, mode):
            assert label.failure_ms is not None
            at = window(chunk, label.server_name, label.failure_ms, label.failure_ms + 2 * STEP_MS)
            assert at[0, METRICS.index(metric)] > level, label


def test_nothing_shows_before_the_first_onset() -> None:
    """Up to the first onset a fleet that will fail is, byte for byte, one that will not."""
    failing, calm = (
        FleetSimulator(40, seed=21, start_ms=START_MS, incidents_per_server_day=rate) for rate in (0.05, 0.0)
    )
    with_failures, without = failing.generate(600), calm.generate(600)
    onset_ms = min(label.onset_ms for label in failing.labels)
    before = int(np.searchsorted(with_failures.timestamp_ms, onset_ms, side="right"))
    assert 20 < before < 590
    assert with_failures.metrics[:, :before].tobytes() == without.metrics[:, :before].tobytes()
    assert with_failures.metrics.tobytes() != without.metrics.tobytes()


def test_critical_state_means_failed_and_never_gives_a_precursor_away(failing: Failing) -> None:
    chunk, labels = failing
    expected = np.zeros_like(chunk.present)
    rows = {name: row for row, name in enumerate(chunk.server_name)}
    for label in labels:
        if label.failure_ms is not None:
            assert label.end_ms is not None
            during = (chunk.timestamp_ms >= label.failure_ms) & (chunk.timestamp_ms < label.end_ms)
            expected[rows[label.server_name]] |= during
    np.testing.assert_array_equal(chunk.present & (chunk.state == CRITICAL), chunk.present & expected)
    assert (chunk.present & expected).sum() > 100


def test_dead_servers_are_silent_and_come_back_rebooted(failing: Failing) -> None:
    chunk, _ = failing
    uptime = METRICS.index("uptime_days")
    labels = complete(failing, "dead_server")
    assert labels
    for label in labels:
        assert label.failure_ms is not None
        assert label.end_ms is not None
        assert label.end_ms - label.failure_ms >= 0.5 * HOUR_MS
        assert len(window(chunk, label.server_name, label.failure_ms - 2 * STEP_MS, label.failure_ms)) == 2
        assert len(window(chunk, label.server_name, label.failure_ms, label.end_ms)) == 0
        after = window(chunk, label.server_name, label.end_ms, label.end_ms + 2 * STEP_MS)
        assert len(after) == 2
        assert (after[:, uptime] == 0).all()


def test_some_servers_die_without_warning(failing: Failing) -> None:
    deaths = [label for label in failing[1] if label.mode == "dead_server"]
    sudden = [label for label in deaths if label.onset_ms == label.failure_ms]
    assert 0.1 < len(sudden) / len(deaths) < 0.5
    assert all(label.failure_ms is not None for label in deaths)


def test_some_failures_are_remedied_in_time(failing: Failing) -> None:
    chunk, labels = failing
    remedied = [label for label in labels if label.failure_ms is None]
    assert 0.04 < len(remedied) / len(labels) < 0.25
    for label in remedied:
        assert label.end_ms is not None
        if label.end_ms < chunk.timestamp_ms[-1] and label.mode == "memory_leak":
            rows = window(chunk, label.server_name, label.onset_ms, label.end_ms)
            assert rows[:, METRICS.index("mem_used_pct")].max() < 96


def test_upstream_suffers_before_its_dependants(failing: Failing) -> None:
    chunk, labels = failing
    cascades = [label for label in labels if label.mode == "cascade"]
    sources = {
        (label.server_name, label.end_ms): label for label in cascades if label.upstream_server is None
    }
    dependants = [label for label in cascades if label.upstream_server is not None]
    assert len(sources) >= 3
    assert len(dependants) >= 5
    iowait, back = METRICS.index("cpu_iowait_pct"), METRICS.index("back_close_wait")
    for label in dependants:
        source = max(
            (
                s
                for s in sources.values()
                if s.server_name == label.upstream_server and s.onset_ms < label.onset_ms
            ),
            key=lambda s: s.onset_ms,
        )
        assert label.upstream_server is not None
        assert label.upstream_server.startswith("ppdb")
        assert label.failure_ms is not None
        assert source.failure_ms is not None
        assert 600_000 <= label.onset_ms - source.onset_ms <= 2_400_000
        assert source.failure_ms < label.failure_ms
    for source in sources.values():
        assert source.failure_ms is not None
        if source.failure_ms < chunk.timestamp_ms[-1]:
            before = window(chunk, source.server_name, source.onset_ms - HOUR_MS, source.onset_ms)
            late = window(chunk, source.server_name, source.failure_ms - 4 * STEP_MS, source.failure_ms)
            assert late[:, iowait].mean() > before[:, iowait].mean() + 8
    finished = [label for label in dependants if (label.failure_ms or 0) < chunk.timestamp_ms[-1]]
    for label in finished:
        assert label.failure_ms is not None
        before = window(chunk, label.server_name, label.onset_ms - HOUR_MS, label.onset_ms)
        late = window(chunk, label.server_name, label.failure_ms - 2 * STEP_MS, label.failure_ms)
        if len(before) and len(late):
            assert late[:, back].mean() > before[:, back].mean() + 5


def test_labels_are_sane(failing: Failing) -> None:
    chunk, labels = failing
    for label in labels:
        assert label.server_name in set(chunk.server_name)
        assert label.mode in MODES
        assert label.scenario == "background"
        assert label.end_ms is not None
        assert label.onset_ms < label.end_ms
        if label.failure_ms is not None:
            assert label.onset_ms <= label.failure_ms < label.end_ms


def test_a_server_has_one_failure_at_a_time(failing: Failing) -> None:
    by_server: dict[str, list[Label]] = {}
    for label in failing[1]:
        by_server.setdefault(label.server_name, []).append(label)
    assert max(len(labels) for labels in by_server.values()) > 1
    for labels in by_server.values():
        labels.sort(key=lambda label: label.onset_ms)
        for earlier, later in itertools.pairwise(labels):
            assert earlier.end_ms is not None
            assert earlier.end_ms <= later.onset_ms
