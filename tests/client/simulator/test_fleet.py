from __future__ import annotations

import numpy as np
import pytest

from argus_client.samples import METRICS, STATES, Samples
from argus_client.simulator import FleetChunk, FleetSimulator, Label

from .conftest import START_MS, STEP_MS

IDLE = METRICS.index("cpu_idle_pct")


def same(left: Samples, right: Samples) -> bool:
    return (
        left.timestamp_ms.tobytes() == right.timestamp_ms.tobytes()
        and left.server_name.tolist() == right.server_name.tolist()
        and left.state.tobytes() == right.state.tobytes()
        and left.metrics.tobytes() == right.metrics.tobytes()
    )


def test_same_seed_same_bytes_other_seed_other_bytes() -> None:
    one, again, other = (
        FleetSimulator(30, seed=seed, start_ms=START_MS, incidents_per_server_day=0.2).generate(200)
        for seed in (3, 3, 4)
    )
    assert one.metrics.tobytes() == again.metrics.tobytes()
    assert one.state.tobytes() == again.state.tobytes()
    assert one.metrics.tobytes() != other.metrics.tobytes()


def test_chunk_sizes_do_not_change_what_is_generated() -> None:
    whole, parts = (
        FleetSimulator(30, seed=3, start_ms=START_MS, incidents_per_server_day=0.2) for _ in range(2)
    )
    expected = whole.generate(120).samples()
    actual = Samples.concat([parts.generate(steps).samples() for steps in (1, 50, 69)])
    assert same(expected, actual)
    assert whole.labels == parts.labels


def test_cpu_parts_sum_to_100(failing: tuple[FleetChunk, list[Label]]) -> None:
    metrics = failing[0].samples().metrics.astype(np.float64)
    np.testing.assert_allclose(metrics[:, :4].sum(axis=1), 100, atol=1e-3)


def test_every_value_is_one_the_contract_accepts(failing: tuple[FleetChunk, list[Label]]) -> None:
    metrics = failing[0].samples().metrics
    assert np.isfinite(metrics).all()
    assert (metrics >= 0).all()
    percentages = [i for i, name in enumerate(METRICS) if name.endswith("_pct")]
    assert (metrics[:, percentages] <= 100).all()
    counted = [METRICS.index(n) for n in ("back_close_wait", "front_close_wait", "uptime_days")]
    assert (metrics[:, counted] == np.rint(metrics[:, counted])).all()
    java, user, system = (
        metrics[:, METRICS.index(n)] for n in ("java_cpu_pct", "cpu_user_pct", "cpu_sys_pct")
    )
    assert (java <= user + system + 0.02).all()


def test_load_follows_cpu_and_cores(calm: FleetChunk) -> None:
    """Across servers, mean load per busy core is alike although their core counts differ fourfold."""
    busy = (100 - np.nanmean(calm.metrics[:, :, IDLE], axis=1)) / 100
    load = np.nanmean(calm.metrics[:, :, METRICS.index("load_average")], axis=1)
    cores_in_use = load / busy
    assert cores_in_use.min() > 6
    assert cores_in_use.max() < 48
    time_correlation = [
        np.corrcoef(100 - server[:, IDLE], server[:, METRICS.index("load_average")])[0, 1]
        for server in np.nan_to_num(calm.metrics)
    ]
    assert np.median(time_correlation) > 0.9


def test_samples_are_ordered_by_time_then_server(failing: tuple[FleetChunk, list[Label]]) -> None:
    samples = failing[0].samples()
    keys = list(zip(samples.timestamp_ms.tolist(), samples.server_name.tolist(), strict=True))
    assert keys == sorted(keys)
    assert len(samples) == failing[0].present.sum() < failing[0].present.size


def test_backfill_lies_on_the_grid_and_ends_now() -> None:
    now_ms = START_MS + 123_456
    history = FleetSimulator(10, seed=1).backfill(now_ms, hours=24)
    stamps = np.unique(history.timestamp_ms)
    assert (stamps % STEP_MS == 0).all()
    assert len(stamps) == 288
    assert now_ms - STEP_MS < stamps[-1] <= now_ms
    assert len(history) == 288 * 10


def test_live_samples_continue_the_backfilled_process() -> None:
    """The first live sample is as near to the last of the history as two neighbours within it."""
    fleet = FleetSimulator(200, seed=5)
    history = fleet.backfill(START_MS, hours=2)
    live = fleet.sample(START_MS + 5000)
    before, last = (history.metrics[-400:-200], history.metrics[-200:])
    for name in ("cpu_user_pct", "mem_used_pct", "disk_usage_pct", "net_in_mb_s"):
        column = METRICS.index(name)
        inside = np.abs(last[:, column] - before[:, column]).mean()
        across = np.abs(live.metrics[:, column] - last[:, column]).mean()
        assert across < 1.5 * inside + 0.1, name


def test_a_short_cadence_samples_the_same_process_as_a_long_one() -> None:
    """Five-minute means of 5 s samples spread like 5-minute samples: the noise averages as the model says."""

    def roughness(series: np.ndarray) -> float:
        return float(np.median(np.diff(series, axis=0).std(axis=0) / series.mean(axis=0)))

    user = METRICS.index("cpu_user_pct")
    slow = FleetSimulator(40, seed=9, start_ms=START_MS).generate(60).metrics[:, :, user].T
    fast = (
        FleetSimulator(40, seed=9, start_ms=START_MS, step_seconds=5).generate(60 * 60).metrics[:, :, user].T
    )
    means = fast.reshape(60, 60, 40).mean(axis=1)
    assert roughness(means) == pytest.approx(roughness(slow), rel=0.35)
    assert roughness(fast[::60]) > 1.1 * roughness(means)


def test_a_long_pause_is_walked_through() -> None:
    """States and failures keep their times when nobody samples for a day."""
    fleet = FleetSimulator(100, seed=2, incidents_per_server_day=0.5)
    fleet.sample(START_MS)
    fleet.sample(START_MS + 86_400_000)
    onsets = [label.onset_ms for label in fleet.labels]
    assert len(set(onsets)) > 5
    assert all(START_MS - STEP_MS < onset <= START_MS + 86_400_000 for onset in onsets)


def test_time_cannot_go_back() -> None:
    fleet = FleetSimulator(3)
    fleet.sample(START_MS)
    with pytest.raises(ValueError, match="Time must move forward"):
        fleet.sample(START_MS)
    with pytest.raises(RuntimeError, match="before the first sample"):
        fleet.backfill(START_MS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"servers": 0}, "at least 1 server"),
        ({"servers": 5, "step_seconds": 0}, "step_seconds must be above 0"),
        ({"servers": 5, "speed": 0}, "speed must be above 0"),
        ({"servers": 5, "incidents_per_server_day": -1}, "must not be negative"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FleetSimulator(**arguments)


def test_state_names_are_of_the_contract(failing: tuple[FleetChunk, list[Label]]) -> None:
    seen = {STATES[number] for number in np.unique(failing[0].samples().state)}
    assert seen >= {"healthy", "heavy_load", "idle", "critical_issue", "recovery", "morning_spike"}
    assert not seen & {"unspecified", "offline"}
