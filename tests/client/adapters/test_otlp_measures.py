"""What host metrics come to as contract columns, whatever convention they follow."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from argus_client.adapters.otlp.conventions import CONVENTIONS
from argus_client.adapters.otlp.measures import Past, Values
from argus_client.adapters.otlp.points import Reading, Selection, read
from tests.client.adapters.otlp_requests import CPU, T0, counter, cpu_time, gauge, request, together

SELECTION = Selection(
    ("host.name", "host", "service.instance.id"), frozenset({"/", "C:"}), re.compile("lo|veth.*")
)
BUCKET_MS = 10_000


def reading(*metrics: Metric, **resource: Any) -> Reading:
    return read(request(*metrics, **resource), SELECTION)


def columns(*metrics: Metric, past: Past | None = None, at: float = T0) -> dict[str, float]:
    """What metrics of one bucket say."""
    values = Values()
    found = reading(*metrics)
    assert not found.rejected, found.problem
    for point in found.points.get("web-1", []):
        values.add(point)
    at_ms = round(at * 1000)
    return values.columns(at_ms - at_ms % BUCKET_MS, past or Past())


def series(*buckets: list[Metric], step: float = 10) -> list[dict[str, float]]:
    """What metrics say bucket after bucket."""
    past = Past()
    return [columns(*metrics, past=past, at=T0 + index * step) for index, metrics in enumerate(buckets)]


def test_processor_time_is_told_by_its_increase() -> None:
    first, second, third = series(*([cpu_time(100 + 10 * n, at=T0 + 10 * n)] for n in range(3)))
    assert first == {}
    assert second == pytest.approx(CPU)
    assert third == pytest.approx(CPU)


def test_processor_utilization_is_the_mean_of_the_cores_and_wins() -> None:
    shares = gauge(
        "system.cpu.utilization",
        {("0", "user"): 0.2, ("0", "idle"): 0.8, ("1", "user"): 0.6, ("1", "idle"): 0.4},
        "cpu",
        "state",
    )
    assert columns(shares, cpu_time(10, at=T0)) == pytest.approx({"cpu_user_pct": 40, "cpu_idle_pct": 60})


def test_the_stable_conventions_name_attributes_differently() -> None:
    shares = gauge(
        "system.cpu.utilization",
        {("0", "user"): 0.2, ("0", "iowait"): 0.1, ("0", "idle"): 0.7},
        "cpu.logical_number",
        "cpu.mode",
    )
    memory = gauge("system.memory.utilization", {("used",): 0.3}, "system.memory.state")
    disk = gauge(
        "system.filesystem.utilization",
        {("/", "used"): 0.6, ("/", "free"): 0.4},
        "system.filesystem.mountpoint",
        "system.filesystem.state",
    )
    assert columns(shares, memory, disk) == pytest.approx(
        {
            "cpu_user_pct": 20,
            "cpu_iowait_pct": 10,
            "cpu_idle_pct": 70,
            "mem_used_pct": 30,
            "disk_usage_pct": 60,
        }
    )


def test_no_processor_is_idle_nor_busy_before_it_was_measured() -> None:
    assert (
        columns(gauge("system.cpu.utilization", {("0", "idle"): 0.0, ("0", "user"): 0.0}, "cpu", "state"))
        == {}
    )


@pytest.mark.parametrize(
    ("metrics", "percent"),
    [
        ([gauge("system.memory.utilization", {("used",): 0.5, ("free",): 0.5}, "state")], 50),
        ([gauge("system.memory.usage", {("used",): 3.0, ("free",): 1.0, ("cached",): 2.0}, "state")], 50),
        (
            [
                gauge("system.memory.usage", {("used",): 3.0, ("free",): 9.0}, "state"),
                gauge("system.memory.limit", 10.0),
            ],
            30,
        ),
        (
            [
                gauge("system.memory.usage", {("used",): 3.0}, "state"),
                gauge("system.memory.limit", 10.0),
                gauge("system.linux.memory.available", 6.0),
            ],
            40,
        ),
        ([gauge("system.memory.usage", {("used",): 1.0, ("available",): 3.0}, "state")], 25),
        (
            [gauge("node_memory_MemTotal_bytes", 8.0), gauge("node_memory_MemAvailable_bytes", 2.0)],
            75,
        ),
        ([gauge("mem_used_percent", 42.0)], 42),
        ([gauge("system.memory.utilization", {("used",): 42.0}, "state", unit="%")], 42),
        ([gauge("system.memory.usage", {("used",): 3.0}, "state")], None),
    ],
)
def test_memory(metrics: list[Metric], percent: float | None) -> None:
    assert columns(*metrics) == ({} if percent is None else {"mem_used_pct": pytest.approx(percent)})


@pytest.mark.parametrize(
    ("metrics", "percent"),
    [
        (
            [
                gauge(
                    "system.paging.usage",
                    {("a", "used"): 1.0, ("a", "free"): 3.0, ("b", "used"): 0.0, ("b", "free"): 4.0},
                    "device",
                    "state",
                )
            ],
            12.5,
        ),
        ([gauge("system.paging.usage", {("used",): 0.0, ("free",): 0.0}, "state")], 0.0),
        ([gauge("system.paging.utilization", {("used",): 0.25, ("free",): 0.75}, "state")], 25.0),
        ([gauge("system.swap.utilization", {("used",): 0.25}, "state")], 25.0),
        ([gauge("node_memory_SwapTotal_bytes", 8.0), gauge("node_memory_SwapFree_bytes", 6.0)], 25.0),
        ([gauge("system.paging.usage", {("used",): 1.0}, "state")], None),
    ],
)
def test_swap(metrics: list[Metric], percent: float | None) -> None:
    assert columns(*metrics) == ({} if percent is None else {"swap_used_pct": pytest.approx(percent)})


@pytest.mark.parametrize(
    "metric",
    [
        # A tenth is kept for root: used of what others can have.
        gauge(
            "system.filesystem.usage",
            {
                ("/dev/a", "/", "used"): 45.0,
                ("/dev/a", "/", "free"): 45.0,
                ("/dev/a", "/", "reserved"): 10.0,
                ("/dev/b", "/srv", "used"): 99.0,
                ("/dev/b", "/srv", "free"): 1.0,
            },
            "device",
            "mountpoint",
            "state",
        ),
        gauge(
            "system.filesystem.utilization",
            {("/dev/a", "/"): 0.5, ("/dev/b", "C:"): 0.4, ("/dev/c", "/srv"): 0.99},
            "device",
            "mountpoint",
        ),
        gauge("disk_used_percent", {("/",): 50.0}, "path"),
    ],
)
def test_the_disk_is_the_fullest_of_those_that_are_looked_at(metric: Metric) -> None:
    assert columns(metric) == {"disk_usage_pct": pytest.approx(50)}


def test_the_disk_of_a_node_exporter() -> None:
    parts = [("size", 100.0), ("free", 55.0), ("avail", 45.0)]
    metrics = [gauge(f"node_filesystem_{part}_bytes", {("/",): value}, "mountpoint") for part, value in parts]
    assert columns(*metrics) == {"disk_usage_pct": pytest.approx(50)}


def network(received: float, sent: float, *, at: float, **more: Any) -> Metric:
    values = {
        ("eth0", "receive"): received,
        ("eth0", "transmit"): sent,
        ("eth1", "receive"): received,
        ("eth1", "transmit"): 0.0,
        ("lo", "receive"): 1e12 * at,
        ("veth7", "transmit"): 1e12 * at,
    }
    return counter("system.network.io", values, "device", "direction", at=at, **more)


def test_the_network_is_told_by_bytes_a_second_of_what_leaves_the_machine() -> None:
    _, later = series([network(5e6, 1e6, at=T0)], [network(25e6, 6e6, at=T0 + 10)])
    assert later == pytest.approx({"net_in_mb_s": 4.0, "net_out_mb_s": 0.5})


def test_deltas_need_no_value_before() -> None:
    assert columns(
        network(20e6, 5e6, at=T0 + 5, start=T0 - 5, delta=True),
        cpu_time(10, at=T0 + 5, start=T0 - 5, delta=True),
    ) == pytest.approx({"net_in_mb_s": 4.0, "net_out_mb_s": 0.5, **CPU})


def test_a_counter_that_began_anew_counts_from_its_start() -> None:
    _, later = series([network(900e6, 900e6, at=T0)], [network(10e6, 5e6, at=T0 + 10, start=T0 + 5)])
    assert later == pytest.approx({"net_in_mb_s": 4.0, "net_out_mb_s": 1.0})


def test_a_counter_that_fell_without_a_new_start_says_nothing() -> None:
    _, later, after = series(
        [network(900e6, 900e6, at=T0)],
        [network(10e6, 5e6, at=T0 + 10)],
        [network(30e6, 10e6, at=T0 + 20)],
    )
    assert later == {}
    assert after == pytest.approx({"net_in_mb_s": 4.0, "net_out_mb_s": 0.5})


def test_a_sender_that_restarts_and_reads_on_is_no_reset() -> None:
    """Some give every start of their own as the start of a counter that has run since boot."""
    _, later = series(
        [network(5e6, 1e6, at=T0, start=T0 - 5000)], [network(25e6, 6e6, at=T0 + 10, start=T0 + 9)]
    )
    assert later == pytest.approx({"net_in_mb_s": 4.0, "net_out_mb_s": 0.5})


def test_a_core_that_goes_is_no_negative_time() -> None:
    first, second, third, fourth = series(
        [cpu_time(100, at=T0)],
        [cpu_time(110, at=T0 + 10, cores=["cpu0"])],
        [cpu_time(120, at=T0 + 20, cores=["cpu0"])],
        [cpu_time(130, at=T0 + 30, cores=["cpu0"])],
    )
    assert (first, second) == ({}, {})
    assert third == pytest.approx(CPU)
    assert fourth == pytest.approx(CPU)


def test_kernels_that_count_back_a_little_are_put_up_with() -> None:
    _, later = series(
        [counter("system.cpu.time", {("wait",): 7.5, ("idle",): 90.0}, "state", at=T0)],
        [counter("system.cpu.time", {("wait",): 7.4, ("idle",): 100.0}, "state", at=T0 + 10)],
    )
    assert later == {"cpu_iowait_pct": 0.0, "cpu_idle_pct": 100.0}


def test_an_interface_that_is_new_counts_from_the_next_time_on() -> None:
    def received(devices: dict[tuple[str, ...], float], at: float) -> list[Metric]:
        return [counter("system.network.io", devices, "device", "direction", at=at)]

    _, second, third = series(
        received({("eth0", "receive"): 0.0}, T0),
        received({("eth0", "receive"): 10e6, ("eth1", "receive"): 700e9}, T0 + 10),
        received({("eth0", "receive"): 20e6, ("eth1", "receive"): 700e9 + 20e6}, T0 + 20),
    )
    assert second == pytest.approx({"net_in_mb_s": 1.0})
    assert third == pytest.approx({"net_in_mb_s": 3.0})


def test_a_rate_over_a_long_silence_says_nothing() -> None:
    _, later = series([network(5e6, 1e6, at=T0)], [network(25e6, 6e6, at=T0 + 1000)], step=1000)
    assert later == {}


def test_what_is_only_partly_there_waits_for_the_rest() -> None:
    """A sender may spread the points of one metric over requests: a share of half a whole is wrong."""
    past = Past()
    whole = {("used",): 3.0, ("free",): 1.0, ("cached",): 2.0}
    assert columns(gauge("system.memory.usage", whole, "state"), past=past)
    part = {state: value for state, value in whole.items() if state != ("cached",)}
    late = Values()
    for point in reading(gauge("system.memory.usage", part, "state", at=T0 + 10)).points["web-1"]:
        late.add(point)
    at_ms = (T0 + 10) * 1000
    assert late.columns(at_ms, past) == {}
    for point in reading(gauge("system.memory.usage", whole, "state", at=T0 + 10)).points["web-1"]:
        late.add(point)
    assert late.columns(at_ms, past) == {"mem_used_pct": pytest.approx(50)}
    # Gone for good is gone: the bucket after that knows no better.
    for number in (2, 3):
        gone = columns(
            gauge("system.memory.usage", part, "state", at=T0 + 10 * number), past=past, at=T0 + 10 * number
        )
    assert gone == {"mem_used_pct": pytest.approx(75)}


def test_points_that_are_sent_again_change_nothing() -> None:
    values, past = Values(), Past()
    for metric in (cpu_time(100, at=T0), network(5e6, 1e6, at=T0)):
        for point in reading(metric).points["web-1"]:
            values.add(point)
    values.columns(T0 * 1000, past)
    later = [
        network(20e6, 5e6, at=T0 + 15, start=T0 + 5, delta=True),
        cpu_time(110, at=T0 + 15),
        gauge("system.cpu.load_average.1m", 2.0, at=T0 + 15),
    ]
    again = Values()
    for _ in range(3):
        for metric in later:
            for point in reading(metric).points["web-1"]:
                again.add(point)
        assert again.columns((T0 + 10) * 1000, past) == pytest.approx(
            {"net_in_mb_s": 4.0, "net_out_mb_s": 0.5, "load_average": 2.0, **CPU}
        )


def test_load_connections_and_uptime() -> None:
    assert columns(
        gauge("system.cpu.load_average.1m", 1.75),
        gauge(
            "system.network.connections",
            {("tcp", "CLOSE_WAIT"): 5.0, ("tcp6", "CLOSE_WAIT"): 2.0, ("tcp", "ESTABLISHED"): 80.0},
            "protocol",
            "state",
        ),
        gauge("system.uptime", 3 * 86_400 + 5000.0, unit="s"),
    ) == {"load_average": 1.75, "back_close_wait": 7.0, "uptime_days": 3.0}
    assert columns(gauge("node_boot_time_seconds", T0 - 2.5 * 86_400)) == {"uptime_days": 2.0}


def test_shares_that_exceed_a_whole_by_rounding_are_put_right_and_no_others() -> None:
    rounded = gauge("system.memory.utilization", {("used",): 1.0004}, "state")
    wrong = gauge("system.memory.utilization", {("used",): 42.0}, "state")
    assert columns(rounded) == {"mem_used_pct": 100.0}
    assert columns(wrong) == {"mem_used_pct": 4200.0}  # the server refuses it, and says so


def test_telegraf() -> None:
    metrics = [
        gauge(f"cpu_usage_{state}", {("cpu-total",): percent}, "cpu")
        for state, percent in {"user": 20.0, "system": 5.0, "iowait": 5.0, "idle": 70.0}.items()
    ]
    metrics += [
        gauge("system_load1", 0.5),
        gauge("swap_used_percent", 10.0),
        gauge("netstat_tcp_close_wait", 3.0),
    ]
    metrics += [counter("net_bytes_recv", {("eth0",): 1e6}, "interface")]
    assert columns(*metrics) == pytest.approx(
        {
            "cpu_user_pct": 20.0,
            "cpu_sys_pct": 5.0,
            "cpu_iowait_pct": 5.0,
            "cpu_idle_pct": 70.0,
            "load_average": 0.5,
            "swap_used_pct": 10.0,
            "back_close_wait": 3.0,
        }
    )


def test_a_server_is_named_by_its_resource_or_else_its_points() -> None:
    load = gauge("system.cpu.load_average.1m", 1.0)
    pointed = gauge("system.cpu.load_average.1m", {("agent-7",): 1.0}, "host")
    assert set(reading(load, **{"service.instance.id": "i-1"}).points) == {"web-1"}
    assert set(reading(load, host=None, **{"service.instance.id": "i-1"}).points) == {"i-1"}
    assert set(reading(pointed, host=None).points) == {"agent-7"}
    nameless = reading(load, host=None)
    assert (nameless.points, nameless.rejected) == ({}, 1)
    assert nameless.problem == (
        "system.cpu.load_average.1m names no server: neither resource nor point has one of host.name, host, "
        "service.instance.id"
    )


def test_what_is_not_ours_is_no_error() -> None:
    found = reading(
        gauge("http.server.active_requests", {("a",): 1.0, ("b",): 2.0}, "route"),
        gauge("system.cpu.load_average.1m", 0.0, flags=1),
        gauge("system.filesystem.utilization", {("/mnt",): 0.1}, "mountpoint"),
    )
    assert (found.points, found.ignored, found.rejected) == ({}, 4, 0)


def test_what_is_ours_and_cannot_be_used_is_rejected_with_a_reason() -> None:
    histogram = Metric(name="system.cpu.utilization")
    histogram.histogram.data_points.add()
    no_temporality = counter("system.network.io", {("eth0", "receive"): 1.0}, "device", "direction")
    no_temporality.sum.aggregation_temporality = 0  # type: ignore[assignment]
    for metric, problem in (
        (histogram, "system.cpu.utilization is a histogram; a gauge or a sum can be used"),
        (no_temporality, "system.network.io is a sum without aggregation temporality"),
        (gauge("system.cpu.load_average.1m", 1.0, at=0), "system.cpu.load_average.1m of web-1 has no time"),
        (gauge("system.cpu.load_average.1m", math.nan), "system.cpu.load_average.1m of web-1 is nan"),
    ):
        found = reading(metric)
        assert (found.points, found.rejected, found.problem) == ({}, 1, problem)


def test_every_convention_can_be_read() -> None:
    for name, convention in CONVENTIONS.items():
        state = convention.state or {"connections": "close_wait"}.get(convention.quantity.value, "used")
        values = {("/", "0", state): 1.0}
        metric = counter(
            name, values, "mountpoint", "cpu", convention.states[0] if convention.states else "x"
        )
        assert len(reading(metric).points["web-1"]) == 1, name
    assert together(request(), request()).resource_metrics[1].resource.attributes[0].key == "host.name"
