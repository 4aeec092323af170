"""The host source on the very machine that runs the tests."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from argus_client.adapters.host import HostSampler, HostSource
from argus_client.extras import MissingExtraError
from argus_client.samples import METRICS, Samples

from .fake_time import FakeTime

RATES = [
    *("cpu_user_pct", "cpu_sys_pct", "cpu_iowait_pct", "cpu_idle_pct", "java_cpu_pct"),
    *("net_in_mb_s", "net_out_mb_s"),
]


def value(samples: Samples, metric: str) -> float:
    return float(samples.metrics[0, METRICS.index(metric)])


def burn() -> int:
    """Work until the kernel has counted some of it."""
    before = psutil.Process().cpu_times().user
    loops = 0
    while psutil.Process().cpu_times().user - before < 0.1:
        loops += sum(range(1000)) > 0
    return loops


@pytest.fixture
def two_samples() -> tuple[Samples, Samples]:
    sampler = HostSampler("this-host")
    first = sampler.sample()
    burn()
    return first, sampler.sample()


def test_first_sample_has_no_rates_and_never_zero_for_them(two_samples: tuple[Samples, Samples]) -> None:
    first, _ = two_samples
    for metric in RATES:
        assert np.isnan(value(first, metric)), metric
    assert not np.isnan(value(first, "mem_used_pct"))


def test_second_sample_has_rates(two_samples: tuple[Samples, Samples]) -> None:
    _, second = two_samples
    for metric in RATES:
        if metric == "cpu_iowait_pct" and not hasattr(psutil.cpu_times(), "iowait"):
            continue
        assert np.isfinite(value(second, metric)), metric
    parts = [value(second, m) for m in METRICS[:4]]
    assert np.nansum(parts) == pytest.approx(100, abs=1e-3)
    assert value(second, "cpu_user_pct") > 0


def test_values_lie_in_the_ranges_of_the_contract(two_samples: tuple[Samples, Samples]) -> None:
    for samples in two_samples:
        assert len(samples) == 1
        assert samples.server_name.tolist() == ["this-host"]
        assert samples.state.tolist() == [0]
        for metric in METRICS:
            measured = value(samples, metric)
            assert np.isnan(measured) or measured >= 0, metric
            assert np.isnan(measured) or not metric.endswith("_pct") or measured <= 100, metric
    assert 0 < value(two_samples[1], "mem_used_pct") < 100
    assert value(two_samples[1], "disk_usage_pct") > 0


def test_default_name_is_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HostSampler().sample().server_name.tolist() == [socket.gethostname()]
    assert HostSource("db-7").name == "host:db-7"


def test_close_wait_tells_clients_from_back_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real sockets: one peer that hung up on a port we listen on, one that we dialled."""
    sampler = HostSampler()
    before = sampler.sample()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        dialled = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        with dialled, accepted:
            dialled.shutdown(socket.SHUT_WR)
            dialled.close()
            accepted.settimeout(5)
            assert accepted.recv(1) == b""
            front = sampler.sample()
            assert value(front, "front_close_wait") == value(before, "front_close_wait") + 1
            assert value(front, "back_close_wait") == value(before, "back_close_wait")
        dialled = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()
        with dialled:
            dialled.settimeout(5)
            assert dialled.recv(1) == b""
            back = sampler.sample()
            assert value(back, "back_close_wait") == value(before, "back_close_wait") + 1


def test_what_may_not_be_read_is_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    samples = HostSampler().sample()
    assert np.isnan(value(samples, "back_close_wait"))
    assert np.isnan(value(samples, "front_close_wait"))
    assert np.isfinite(value(samples, "load_average"))


def test_cpu_parts_come_from_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known counters give known shares; a counter that steps back counts as no time."""
    cpu = {"user": 10.0, "nice": 1.0, "system": 5.0, "idle": 100.0, "iowait": 3.0}
    cpu |= {"irq": 0.0, "softirq": 1.0, "steal": 0.5, "guest": 4.0, "guest_nice": 0.0}
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(_asdict=lambda: dict(cpu)))
    sampler = HostSampler()
    sampler.sample()
    for part, seconds in (("user", 3.0), ("nice", 1.0), ("system", 1.0), ("softirq", 0.5), ("steal", 0.5)):
        cpu[part] += seconds
    cpu["idle"] += 4.0
    cpu["iowait"] -= 0.1
    cpu["guest"] += 3.0
    second = sampler.sample()
    assert [value(second, m) for m in METRICS[:4]] == pytest.approx([40, 20, 0, 40])


def test_network_counts_real_interfaces_in_megabytes_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = {"eth0": (0, 0), "lo": (0, 0), "docker0": (0, 0), "eth1": (500_000_000, 0)}

    def read(pernic: bool) -> dict[str, Any]:
        return {
            name: SimpleNamespace(bytes_recv=received, bytes_sent=sent)
            for name, (received, sent) in counters.items()
        }

    monkeypatch.setattr(psutil, "net_io_counters", read)
    monkeypatch.setattr(psutil, "net_if_stats", dict)
    time = FakeTime()
    sampler = HostSampler(monotonic=time.monotonic)
    sampler.sample()
    time.seconds += 5
    # eth1 was reset, eth2 is new: neither has a rate yet, and neither makes one up.
    counters.update(
        eth0=(10_000_000, 2_500_000), lo=(10**9, 10**9), docker0=(10**9, 10**9), eth1=(7, 7), eth2=(10**9, 0)
    )
    second = sampler.sample()
    assert value(second, "net_in_mb_s") == pytest.approx(2.0)
    assert value(second, "net_out_mb_s") == pytest.approx(0.5, abs=1e-5)


def test_java_share_is_of_the_whole_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    used = {1: 100.0, 2: 50.0}

    def process(pid: int, name: str) -> Any:
        return SimpleNamespace(
            pid=pid,
            info={"name": name},
            create_time=lambda: float(pid),
            cpu_times=lambda: SimpleNamespace(user=used.get(pid, 0.0), system=0.0),
        )

    processes = [process(1, "java"), process(2, "python")]
    monkeypatch.setattr(psutil, "process_iter", lambda _: iter(processes))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 4)
    time = FakeTime()
    sampler = HostSampler(monotonic=time.monotonic)
    assert np.isnan(value(sampler.sample(), "java_cpu_pct"))
    time.seconds += 10
    used.update({1: 108.0, 2: 60.0, 3: 2.0})
    processes.append(process(3, "java"))
    assert value(sampler.sample(), "java_cpu_pct") == pytest.approx(100 * (8 + 2) / 10 / 4)


def test_fullest_writable_disk_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = {"/": 20.0, "/var": 91.0, "/snap/core": 100.0, "/cdrom": 100.0}
    partitions = [
        SimpleNamespace(mountpoint="/", fstype="ext4", opts="rw,relatime"),
        SimpleNamespace(mountpoint="/var", fstype="xfs", opts="rw"),
        SimpleNamespace(mountpoint="/snap/core", fstype="squashfs", opts="rw"),
        SimpleNamespace(mountpoint="/cdrom", fstype="ext4", opts="ro,nosuid"),
        SimpleNamespace(mountpoint="/gone", fstype="ext4", opts="rw"),
    ]

    def usage(path: str) -> Any:
        if path not in fill:
            raise FileNotFoundError(path)
        return SimpleNamespace(percent=fill[path])

    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: partitions)
    monkeypatch.setattr(psutil, "disk_usage", usage)
    assert value(HostSampler().sample(), "disk_usage_pct") == 91


def test_missing_psutil_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(MissingExtraError, match=r"argus-forecast\[adapters\]"):
        HostSampler()


def test_source_yields_a_row_a_tick_until_stopped() -> None:
    stop = threading.Event()
    batches: Iterator[Samples] = HostSource("h", interval_seconds=0.01).batches(stop)
    first, second = next(batches), next(batches)
    assert first.timestamp_ms[0] <= second.timestamp_ms[0]
    stop.set()
    assert list(batches) == []
