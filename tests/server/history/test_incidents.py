"""Incidents against the evaluation's own judgement of whole series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from argus_server.evaluation.truth import Truth, members_of_groups
from argus_server.history.batches import QueryCancelled
from argus_server.history.incidents import IncidentFinder
from argus_server.history.schemas import FLEET_RISK, SCHEMAS
from argus_server.history.span import DAY_MS, Span
from argus_server.history.steps import chunks_of, step_means
from argus_server.history.summary import Judge, summarise
from argus_server.metrics import METRICS
from argus_server.profiles import profile_of
from argus_server.store.tables import METRICS_TABLE
from tests.server.history.frames import STEP_MS, TABLES
from tests.server.history.memory_store import MemoryStore, samples

START_MS = 1_700_000_100_000 // DAY_MS * DAY_MS + 20 * 3_600_000
NAMES = ["web-1", "ppdb001", "batch-1"]
STEPS = 150  # past midnight
HEALTHY = {
    **dict.fromkeys(METRICS, 5.0),
    "cpu_idle_pct": 80.0,
    "disk_usage_pct": 40.0,
    "mem_used_pct": 50.0,
}


def troubled(seed: int) -> np.ndarray:
    """Step means [servers, steps, metrics] that dip into trouble for stretches of any length."""
    rng = np.random.default_rng(seed)
    values = np.tile(np.array([HEALTHY[metric] for metric in METRICS]), (len(NAMES), STEPS, 1))
    for metric, bad in (("cpu_idle_pct", 2.0), ("mem_used_pct", 98.5), ("cpu_iowait_pct", 35.0)):
        for server in range(len(NAMES)):
            for _ in range(6):
                first = int(rng.integers(0, STEPS))
                values[server, first : first + int(rng.integers(1, 8)), METRICS.index(metric)] = bad
    values[rng.random(values.shape) < 0.02] = np.nan
    return values.astype(np.float32)


def stored(values: np.ndarray) -> MemoryStore:
    """Samples whose means per step are these values: three per step around it, uneven in time."""
    store = MemoryStore()
    for step in range(values.shape[1]):
        for offset, shift in ((0, -0.5), (1_000, 0.5), (299_999, 0.0)):
            columns = {metric: values[:, step, index] + shift for index, metric in enumerate(METRICS)}
            times = [START_MS + step * STEP_MS + offset] * len(NAMES)
            store.append(METRICS_TABLE, samples(NAMES, times, columns))
    return store


@pytest.mark.parametrize("seed", range(4))
def test_incidents_are_what_the_evaluation_calls_events(seed: int) -> None:
    values = troubled(seed)
    store = stored(values)
    span = Span(START_MS, START_MS + STEPS * STEP_MS)

    found, servers = Judge(store, TABLES, {}).incidents(span, 300, lambda: False)

    wanted = [
        (name, group, START_MS + event.first * STEP_MS, START_MS + event.end * STEP_MS)
        for server, name in enumerate(NAMES)
        for group, members in members_of_groups(TABLES).items()
        for event in Truth.of(values[server], profile_of(name), TABLES).events(members, 300)
    ]
    assert len(wanted) > 3
    assert sorted((one.server_name, one.group, one.start_ms, one.end_ms) for one in found) == sorted(wanted)
    assert servers == len(NAMES)


def test_an_incident_counts_for_the_span_it_began_in() -> None:
    values = np.tile(np.array([HEALTHY[metric] for metric in METRICS]), (3, STEPS, 1))
    values[0, 10:40, METRICS.index("disk_usage_pct")] = 97.0
    store = stored(values)

    def count(first: int, end: int) -> int:
        span = Span(START_MS + first * STEP_MS, START_MS + end * STEP_MS)
        return len(Judge(store, TABLES, {}).incidents(span, 300, lambda: False)[0])

    assert count(0, STEPS) == count(10, 40) == count(5, 12) == 1
    assert count(0, 10) == count(11, STEPS) == count(30, STEPS) == count(39, 41) == 0


@pytest.mark.parametrize(
    ("watching", "incidents", "since"),
    [((-9, 30), 2, 0), ((0,), 2, 0), ((15, 40), 1, 15), ((60,), 0, 60), ((), 0, None)],
)
def test_incidents_count_from_when_the_server_watched(
    watching: Sequence[int], incidents: int, since: int | None
) -> None:
    values = np.tile(np.array([HEALTHY[metric] for metric in METRICS]), (3, STEPS, 1))
    values[0, 10:14, METRICS.index("disk_usage_pct")] = 97.0
    values[1, 40:44, METRICS.index("disk_usage_pct")] = 97.0
    store = stored(values)
    schema = SCHEMAS[FLEET_RISK]
    for step in watching:
        row = {field.name: None for field in schema} | {"timestamp": START_MS + step * STEP_MS}
        store.append(FLEET_RISK, pa.RecordBatch.from_pylist([row], schema))
    span = Span(START_MS, START_MS + STEPS * STEP_MS)

    made = summarise(store, span, Judge(store, TABLES, {}), 300, lambda: False)

    assert (made.incidents, made.servers) == (incidents, len(NAMES))
    assert made.watched_since_ms == (0 if since is None else START_MS + since * STEP_MS)


def test_load_is_judged_where_the_number_of_cores_is_known() -> None:
    values = np.tile(np.array([HEALTHY[metric] for metric in METRICS]), (3, STEPS, 1))
    values[:, 20:30, METRICS.index("load_average")] = 9.0
    span = Span(START_MS, START_MS + STEPS * STEP_MS)

    found, _ = Judge(stored(values), TABLES, {"batch-1": 2}).incidents(span, 300, lambda: False)

    assert [(one.server_name, one.group) for one in found] == [("batch-1", "cpu")]


def test_means_per_step_are_those_of_the_samples() -> None:
    rng = np.random.default_rng(0)
    names = [f"web-{number}" for number in range(150)]
    store = MemoryStore()
    sums: dict[tuple[str, int], list[float]] = {}
    for _ in range(40):
        times = START_MS + rng.integers(0, STEPS * STEP_MS, len(names))
        cpu = rng.uniform(0, 100, len(names)).astype(np.float32)
        store.append(METRICS_TABLE, samples(names, times.tolist(), {"cpu_user_pct": cpu}))
        for name, time, value in zip(names, times.tolist(), cpu.tolist(), strict=True):
            sums.setdefault((name, time // STEP_MS), []).append(value)

    chunks = [
        step_means(store, chunk, STEP_MS, ["cpu_user_pct", "mem_used_pct"], lambda: False)
        for chunk in chunks_of(Span(START_MS, START_MS + STEPS * STEP_MS), STEP_MS)
    ]

    assert len(chunks) == 2
    found = {}
    for chunk in chunks:
        assert np.isnan(chunk.values[..., 1]).all()
        for server, step in zip(*np.nonzero(~np.isnan(chunk.values[..., 0])), strict=True):
            key = (chunk.server_names[server], chunk.first_step + int(step))
            found[key] = chunk.values[server, step, 0]
    assert found.keys() == sums.keys()
    for key, values in sums.items():
        assert found[key] == pytest.approx(sum(values) / len(values), rel=1e-5)


def test_a_finder_without_steps_finds_nothing() -> None:
    assert IncidentFinder(TABLES, STEP_MS).incidents() == []


def test_a_day_is_read_again_only_when_its_rows_have_changed() -> None:
    values = np.tile(np.array([HEALTHY[metric] for metric in METRICS]), (3, STEPS, 1))
    store = stored(values)
    judge = Judge(store, TABLES, {})
    span = Span(START_MS // DAY_MS * DAY_MS, START_MS // DAY_MS * DAY_MS + 2 * DAY_MS)
    assert judge.incidents(span, 300, lambda: False) == ([], 3)
    first = len(store.reads)

    assert judge.incidents(span, 300, lambda: False) == ([], 3)
    assert len(store.reads) - first == 2  # what lies before and behind the two days

    full = {"disk_usage_pct": np.full(3, 99.0)}
    for step in range(5):
        store.append(METRICS_TABLE, samples(NAMES, [START_MS + step * STEP_MS + 7] * 3, full))
    assert len(judge.incidents(span, 300, lambda: False)[0]) == 0  # a fourth of each mean
    for step in range(5):
        for offset in range(200):
            store.append(METRICS_TABLE, samples(NAMES, [START_MS + step * STEP_MS + 8 + offset] * 3, full))
    assert len(judge.incidents(span, 300, lambda: False)[0]) == 3


def test_a_question_that_was_called_off_has_not_been_in_vain() -> None:
    values = np.tile(np.array([HEALTHY[metric] for metric in METRICS]), (3, STEPS, 1))
    store = stored(values)
    judge = Judge(store, TABLES, {})
    span = Span(START_MS // DAY_MS * DAY_MS, START_MS // DAY_MS * DAY_MS + 2 * DAY_MS)
    with pytest.raises(QueryCancelled):
        judge.incidents(span, 300, lambda: len(store.reads) > 2)
    read = len(store.reads)
    judge.incidents(span, 300, lambda: False)
    assert len(store.reads) - read == 3  # before, the second day, behind
