"""The Prometheus source over a real Prometheus that holds made-up history."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.prometheus import SPEC
from argus_client.adapters.pull import Cursor, Page, PullSource
from argus_client.adapters.source import SourceError
from argus_client.samples import METRICS
from tests.client.adapters.prometheus_servers import needs_prometheus, prometheus, write_history
from tests.processes import ROOT

pytestmark = needs_prometheus

STEP = 30
T0 = 1_700_000_100 // 300 * 300
MINUTES = 60
END = T0 + MINUTES * 60
TIMES = range(T0, END + 1, 15)


def level(value: float) -> list[tuple[float, float]]:
    """A gauge that never changes."""
    return [(at, value) for at in TIMES]


def counter(per_scrape: float) -> list[tuple[float, float]]:
    """A counter, scraped every 15 s."""
    return [(at, 1000.0 + index * per_scrape) for index, at in enumerate(TIMES)]


def linux(instance: str) -> dict[str, list[tuple[float, float]]]:
    modes = {"user": 3.0, "nice": 0.75, "system": 1.5, "irq": 0.0, "softirq": 0.5, "steal": 0.25}
    modes |= {"iowait": 1.5, "idle": 7.5}
    label = f'instance="{instance}",job="node"'
    return {
        f'node_cpu_seconds_total{{{label},cpu="{cpu}",mode="{mode}"}}': counter(seconds)
        for cpu in range(2)
        for mode, seconds in modes.items()
    } | {
        f"node_memory_MemAvailable_bytes{{{label}}}": level(3e9),
        f"node_memory_MemTotal_bytes{{{label}}}": level(4e9),
        f"node_memory_SwapFree_bytes{{{label}}}": level(0.0),
        f"node_memory_SwapTotal_bytes{{{label}}}": level(0.0),
        f"node_load1{{{label}}}": level(3.5),
        f"node_boot_time_seconds{{{label}}}": level(T0 - 3 * 86400 - 100),
    }


def full_linux(instance: str) -> dict[str, list[tuple[float, float]]]:
    """A machine with swap, a disk that keeps blocks for root, inner interfaces and the tcpstat collector."""
    label = f'instance="{instance}",job="node"'
    return linux(instance) | {
        f"node_memory_SwapFree_bytes{{{label}}}": level(1e9),
        f"node_memory_SwapTotal_bytes{{{label}}}": level(4e9),
        **filesystem(label, "/", size=1000.0, free=500.0, avail=300.0),
        **filesystem(label, "/srv", size=100.0, free=10.0, avail=10.0),
        f'node_network_receive_bytes_total{{{label},device="eth0"}}': counter(30e6),
        f'node_network_receive_bytes_total{{{label},device="eth1"}}': counter(15e6),
        f'node_network_receive_bytes_total{{{label},device="eth0.100"}}': counter(9e9),
        f'node_network_receive_bytes_total{{{label},device="lo"}}': counter(9e9),
        f'node_network_transmit_bytes_total{{{label},device="eth0"}}': counter(15e6),
        f'node_network_transmit_bytes_total{{{label},device="veth1"}}': counter(9e9),
        f'node_tcp_connection_states{{{label},state="close_wait"}}': level(7.0),
        f'node_tcp_connection_states{{{label},state="established"}}': level(70.0),
    }


def filesystem(label: str, mountpoint: str, **parts: float) -> dict[str, list[tuple[float, float]]]:
    return {
        f'node_filesystem_{part}_bytes{{{label},mountpoint="{mountpoint}",fstype="ext4"}}': level(value)
        for part, value in parts.items()
    }


def windows(instance: str, names: dict[str, str]) -> dict[str, list[tuple[float, float]]]:
    label = f'instance="{instance}",job="windows"'
    cpu = {"user": 3.0, "privileged": 2.0, "idle": 10.0, "dpc": 0.5, "interrupt": 0.5}
    return {
        f'windows_cpu_time_total{{{label},core="0,{core}",mode="{mode}"}}': counter(seconds)
        for core in range(2)
        for mode, seconds in cpu.items()
    } | {
        f"{names['processors']}{{{label}}}": level(2.0),
        f'windows_process_cpu_time_total{{{label},process="java",mode="user",process_id="9"}}': counter(1.5),
        f'windows_process_cpu_time_total{{{label},process="java",mode="privileged",process_id="8"}}': counter(
            1.5
        ),
        f'windows_process_cpu_time_total{{{label},process="javelin",mode="user",process_id="7"}}': counter(
            15.0
        ),
        f"windows_memory_available_bytes{{{label}}}": level(1e9),
        f"{names['memory']}{{{label}}}": level(4e9),
        f"{names['paging_free']}{{{label}}}": level(1e9),
        f"{names['paging_limit']}{{{label}}}": level(2e9),
        f'windows_logical_disk_free_bytes{{{label},volume="C:"}}': level(100.0),
        f'windows_logical_disk_size_bytes{{{label},volume="C:"}}': level(400.0),
        f'windows_logical_disk_free_bytes{{{label},volume="D:"}}': level(0.0),
        f'windows_logical_disk_size_bytes{{{label},volume="D:"}}': level(400.0),
        f'windows_net_bytes_received_total{{{label},nic="Intel_R_Ethernet"}}': counter(30e6),
        f'windows_net_bytes_received_total{{{label},nic="Teredo_Tunneling"}}': counter(9e9),
        f'windows_net_bytes_sent_total{{{label},nic="Intel_R_Ethernet"}}': counter(15e6),
        f"{names['boot']}{{{label}}}": level(T0 - 86400.0),
    }


TODAY = {
    "processors": "windows_cpu_logical_processor",
    "memory": "windows_memory_physical_total_bytes",
    "paging_free": "windows_pagefile_free_bytes",
    "paging_limit": "windows_pagefile_limit_bytes",
    "boot": "windows_system_boot_time_timestamp",
}
FORMERLY = {
    "processors": "windows_cs_logical_processors",
    "memory": "windows_cs_physical_memory_bytes",
    "paging_free": "windows_os_paging_free_bytes",
    "paging_limit": "windows_os_paging_limit_bytes",
    "boot": "windows_system_system_up_time",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("prometheus")
    late = [(at, 5.0) for at in TIMES if at >= END - 300]
    gap = [(at, 5.0) for at in TIMES if not T0 + 900 < at < T0 + 2400]
    write_history(
        directory,
        full_linux("web-1:9100")
        | linux("web-2:9100")
        | windows("win-1:9182", TODAY)
        | windows("win-2:9182", FORMERLY)
        | {f'many{{instance="m{index:02}"}}': level(index) for index in range(50)}
        | {
            'up{instance="web-1:9100"}': level(1.0),
            'process_cpu_usage{instance="web-1:8080"}': level(0.1),
            'process_cpu_usage{instance="web-1:8081"}': level(0.2),
            'odd{instance="nan"}': level(math.nan),
            'odd{instance="infinite"}': level(math.inf),
            'odd{instance="late"}': late,
            'odd{instance="gap"}': gap,
            'odd{instance="steady"}': level(1.0),
            'twice{instance="a:1"}': level(1.0),
            'twice{instance="a:2"}': level(2.0),
        },
    )
    with prometheus(directory) as address:
        yield address


@dataclass
class Asked:
    """A source, and a clock to move."""

    source: PullSource
    now: list[float]
    warnings: list[str] = field(default_factory=list)

    async def pages(self, since: float, limit: int = 10_000) -> tuple[list[Page], Cursor]:
        """All pages there are now."""
        pages, cursor = [], self.source.begin(round(since * 1000))
        while not pages or not pages[-1].is_last:
            pages.append(await self.source.fetch(cursor, limit))
            cursor = pages[-1].cursor
        return pages, cursor


def asked(url: str, now: float = END + 30, overlap_seconds: float = 120.0, **source: Any) -> Asked:
    hands, warnings = [now], list[str]()
    context = SourceContext(
        overlap_seconds=overlap_seconds,
        now_ms=lambda: round(hands[0] * 1000),
        warn=warnings.append,
    )
    assert SPEC.build is not None
    made = SPEC.build({"url": url, "rate_window_seconds": 60, **source}, context)
    return Asked(made, hands, warnings)


Rows = dict[tuple[str, int], dict[str, float]]


def rows(*pages: Page) -> Rows:
    """Measured values by server and Unix second. A row that comes twice is an error."""
    found: Rows = {}
    for page in pages:
        records = page.records
        if not len(records):
            continue
        times, names = present(records.column("timestamp")), present(records.column("server_name"))
        assert (np.diff(times) >= 0).all(), "rows are in order of time"
        columns = {name: column for name in METRICS if (column := records.column(name)) is not None}
        assert set(columns) | {"timestamp", "server_name"} == set(records.fields())
        for index in range(len(records)):
            at, rest = divmod(int(times[index]), 1000)
            assert rest == 0
            assert (names[index], at) not in found
            found[names[index], at] = {
                name: float(column[index]) for name, column in columns.items() if not np.isnan(column[index])
            }
    return found


def present(column: NDArray[Any] | None) -> NDArray[Any]:
    assert column is not None
    return column


@pytest.fixture
async def ask(url: str) -> AsyncIterator[Any]:
    made: list[Asked] = []

    def one(**settings: Any) -> Asked:
        made.append(asked(url, **settings))
        return made[-1]

    yield one
    for one_asked in made:
        await one_asked.source.close()


async def test_node_exporter_becomes_contract_columns(ask: Any) -> None:
    source = ask(preset="node_exporter")
    pages, _ = await source.pages(T0 + 600)
    found = rows(*pages)
    at = T0 + 1800

    assert {name for name, _ in found} == {"web-1", "web-2"}
    assert sorted(found["web-1", at]) == sorted(set(METRICS) - {"java_cpu_pct", "front_close_wait"})
    assert found["web-1", at] == pytest.approx(
        {
            "cpu_user_pct": 25.0,
            "cpu_sys_pct": 15.0,
            "cpu_iowait_pct": 10.0,
            "cpu_idle_pct": 50.0,
            "mem_used_pct": 25.0,
            "swap_used_pct": 75.0,
            "disk_usage_pct": 62.5,
            "net_in_mb_s": 3.0,
            "net_out_mb_s": 1.0,
            "back_close_wait": 7.0,
            "load_average": 3.5,
            "uptime_days": 3.0,
        }
    )
    # No swap is no swap in use; what is not exported is not zero.
    assert found["web-2", at]["swap_used_pct"] == 0.0
    assert {"disk_usage_pct", "net_in_mb_s", "back_close_wait"}.isdisjoint(found["web-2", at])


@pytest.mark.parametrize("server", ["win-1", "win-2"], ids=["names of today", "former names"])
async def test_windows_exporter_becomes_contract_columns(ask: Any, server: str) -> None:
    source = ask(preset="windows_exporter", match='job="windows"')
    pages, _ = await source.pages(T0 + 600)
    assert rows(*pages)[server, T0 + 1800] == pytest.approx(
        {
            "cpu_user_pct": 20.0,
            "cpu_sys_pct": 100 * 2 / 15,
            "cpu_idle_pct": 100 * 10 / 15,
            "java_cpu_pct": 10.0,
            "mem_used_pct": 75.0,
            "swap_used_pct": 50.0,
            "disk_usage_pct": 75.0,
            "net_in_mb_s": 2.0,
            "net_out_mb_s": 1.0,
            "uptime_days": 1.0,
        }
    )


async def test_pages_are_all_rows_once_whatever_their_size(ask: Any) -> None:
    queries = {"load_average": "many"}
    whole = rows(*(await ask(preset="none", queries=queries).pages(T0, limit=1_000_000))[0])
    assert len(whole) == 50 * (MINUTES * 60 // STEP + 1)
    assert whole["m07", T0] == {"load_average": 7.0}

    small, _ = await ask(preset="none", queries=queries).pages(T0, limit=500)
    assert rows(*small) == whole
    assert len(small) > 10
    assert max(len(page.records) for page in small) <= 500


async def test_a_column_of_the_preset_can_be_replaced_and_left_out(ask: Any) -> None:
    queries = {"load_average": "10 * max by (instance) (node_load1)", "mem_used_pct": ""}
    pages, _ = await ask(preset="node_exporter", queries=queries).pages(T0 + 600)
    row = rows(*pages)["web-1", T0 + 1800]
    assert row["load_average"] == 35.0
    assert "mem_used_pct" not in row
    assert row["disk_usage_pct"] == pytest.approx(62.5)


async def test_the_queries_of_the_manual_do_what_it_says(ask: Any) -> None:
    manual = (ROOT / "docs" / "adapters" / "prometheus.md").read_text()
    (block,) = re.findall(r"```toml\n(\[source\.queries\]\n.*?)```", manual, re.DOTALL)
    source = ask(preset="node_exporter", queries=tomllib.loads(block)["source"]["queries"])
    pages, _ = await source.pages(T0 + 600)
    row = rows(*pages)["web-1", T0 + 1800]
    assert row["java_cpu_pct"] == pytest.approx(30.0)
    assert row["disk_usage_pct"] == pytest.approx(90.0)
    assert "back_close_wait" not in row


async def test_what_is_no_number_is_not_measured(ask: Any) -> None:
    source = ask(preset="none", queries={"load_average": "odd", "mem_used_pct": "odd"})
    pages, _ = await source.pages(T0)
    found = rows(*pages)
    assert {name for name, _ in found} == {"steady", "late", "gap"}
    missing = [at for at in range(T0, END, STEP) if ("gap", at) not in found]
    # A Prometheus shows a series for 5 minutes after its last sample.
    assert missing
    assert min(missing) >= T0 + 1200
    assert max(missing) < T0 + 2400


async def test_rows_wait_until_scrapes_have_settled(ask: Any) -> None:
    source = ask(now=END - 100, preset="none", queries={"load_average": "many"}, settle_seconds=45)
    pages, _ = await source.pages(T0)
    newest = max(at for _, at in rows(*pages))
    assert newest == (END - 145) // STEP * STEP


async def test_caught_up_it_asks_for_what_is_new_and_a_little_of_what_was(ask: Any) -> None:
    source = ask(
        now=END - 600, preset="none", queries={"load_average": "many"}, settle_seconds=0, overlap_seconds=90
    )
    pages, cursor = await source.pages(T0)
    last = max(at for _, at in rows(*pages))

    again = await source.source.fetch(cursor, 10_000)
    assert (len(again.records), again.is_last, again.cursor) == (0, True, cursor)

    source.now[0] += STEP
    later = await source.source.fetch(cursor, 10_000)
    assert {at for _, at in rows(later)} == set(range(last - 90, last + STEP + 1, STEP))
    assert later.is_last


async def test_the_same_cursor_gives_the_same_rows(ask: Any) -> None:
    settings = {"preset": "none", "queries": {"load_average": "many"}}
    first, second = ask(**settings), ask(**settings)
    cursor = first.source.begin((T0 + 301) * 1000)
    page = await first.source.fetch(cursor, 1000)
    assert min(at for _, at in rows(page)) == T0 + 330
    assert rows(await second.source.fetch(cursor, 1000)) == rows(page)
    assert rows(await first.source.fetch(cursor, 1000)).items() >= rows(page).items()


async def test_a_cursor_outlives_a_change_of_the_step(ask: Any) -> None:
    queries = {"load_average": "many"}
    cursor = ask(preset="none", queries=queries).source.begin((T0 + 331) * 1000)
    assert cursor == {"next_ms": (T0 + 360) * 1000}
    page = await ask(preset="none", queries=queries, step_seconds=50).source.fetch(cursor, 1000)
    assert min(at for _, at in rows(page)) == -(-(T0 + 360) // 50) * 50


async def test_two_ports_of_one_host_are_one_server_and_that_is_said(ask: Any) -> None:
    source = ask(preset="none", queries={"load_average": "twice"})
    pages, _ = await source.pages(T0)
    assert rows(*pages)["a", T0 + 600] == {"load_average": 1.0}
    assert source.warnings == [
        "load_average: 'a:1' and 'a:2' are both the server 'a'; the first is taken. Narrow [source] match to one "
        "job, or set strip_port = false."
    ]
    apart, _ = await ask(preset="none", queries={"load_average": "twice"}, strip_port=False).pages(T0)
    assert {name for name, _ in rows(*apart)} == {"a:1", "a:2"}


async def test_columns_no_exporter_has_are_named(ask: Any) -> None:
    source = ask(preset="node_exporter", match='instance="web-2:9100"')
    await source.pages(END - 300)
    assert source.warnings == [
        "No series for disk_usage_pct, net_in_mb_s, net_out_mb_s, back_close_wait: not measured by what is scraped."
    ]
    nothing = ask(preset="node_exporter", match='job="nowhere"')
    pages, _ = await nothing.pages(END - 300)
    assert pages[-1].problem.startswith(
        "No series for any column: preset 'node_exporter' with match 'job=\"nowhere\"' on http://127.0.0.1:"
    )


async def test_a_stretch_before_the_first_series_is_no_page(ask: Any) -> None:
    source = ask(preset="node_exporter", match='instance="web-1:9100"')
    page = await source.source.fetch(source.source.begin(round(T0 * 1000) - 7 * 86_400_000), 1000)
    assert len(page.records) > 0
    assert page.problem == ""


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("sum(", "The query of load_average is refused: 1:5: parse error"),
        ("node_load1 * on (job) group_left node_cpu_seconds_total", "many-to-many"),
        ("sum(many)", "gives a series without the label 'instance': {}. Aggregate by (instance)"),
        ("node_cpu_seconds_total", "several series with instance='web-1:9100'"),
    ],
)
async def test_a_query_that_is_wrong_is_named(ask: Any, query: str, complaint: str) -> None:
    source = ask(preset="none", queries={"load_average": query})
    with pytest.raises(SourceError) as caught:
        await source.pages(T0)
    assert complaint in str(caught.value)
    assert str(caught.value).endswith(f"The query is: {query}")


async def test_a_query_beyond_the_samples_allowed_is_asked_for_in_parts(tmp_path: Path) -> None:
    write_history(tmp_path, {f'many{{instance="m{index:02}"}}': level(index) for index in range(20)})
    with prometheus(tmp_path, flags=["--query.max-samples=500"]) as url:
        source = asked(url, preset="none", queries={"load_average": "many"})
        pages, _ = await source.pages(T0, limit=100_000)
        await source.source.close()
    assert len(rows(*pages)) == 20 * (MINUTES * 60 // STEP + 1)
    assert len(pages) >= 5


async def test_one_time_too_large_is_an_error(tmp_path: Path) -> None:
    write_history(tmp_path, {f'many{{instance="m{index:02}"}}': level(index) for index in range(20)})
    with prometheus(tmp_path, flags=["--query.max-samples=10"]) as url:
        source = asked(url, preset="none", queries={"load_average": "many"})
        with pytest.raises(SourceError, match="too many samples"):
            await source.pages(T0)
        await source.source.close()
