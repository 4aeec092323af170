"""Load times, view switches, delay from snapshot to screen, bytes and processor time of the dashboard."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable
from typing import Any, Final

from argus.v1 import metrics_pb2, snapshot_pb2
from argus_client import AsyncArgusClient
from argus_client.testing import FakeServer, make_outlook, make_snapshot
from argus_ui.bench import pages
from argus_ui.bench.processes import BenchError, Running, dashboard_of, live_fleet
from argus_ui.bench.sessions import watching
from argus_ui.columns import METERS

__all__ = ["BenchError", "run"]

_LOADS: Final = 7
_SWITCHES: Final = 6
_MANY: Final = (1_000, 5_000)
_SETTLE_TICKS: Final = 2
_READY_SECONDS: Final = 180.0
_UPDATED: Final = "performance.getEntriesByName('argus:painted').some((mark) => mark.detail.heard)"


async def run(
    servers: int,
    tick_seconds: float,
    sessions: int,
    ticks: int,
    chromium: str,
    on_step: Callable[[str], None],
) -> dict[str, float]:
    """Measures the dashboard of a live fleet, everything on this machine.

    Args:
        servers: Servers of the simulated fleet.
        tick_seconds: How often the server forecasts.
        sessions: Sessions that watch while the processor is measured.
        ticks: Updates to measure.
        chromium: Browser; found by itself if empty.
        on_step: Told what is being measured.

    Returns:
        `cold_load_ms`, `warm_load_ms`: medians, until the overview with its servers is painted, with an empty and a
        filled cache. `bytes_first_load`: all that came for the former. `view_switch_ms`: of the slowest view,
        median of the times from a click until it is painted with what it is about, such as its chart; the others are
        in `view_switch_ms_*`, and `view_first_ms` is the longest of the times each view was opened first.
        `update_to_paint_ms`: 95th percentile,
        from the server's publishing to the paint, while the sessions watch. `server_cpu_pct_50_browsers`: of one core,
        of the dashboard process; the name says 50 whatever `sessions` is. `longest_task_ms_*_servers`: of the browser,
        while it scrolls through so many servers and gets an update.

    Raises:
        BenchError: Something is missing or did not start.
    """
    found: dict[str, float] = {"servers": servers, "tick_seconds": tick_seconds, "sessions": sessions}
    async with pages.chromium(chromium) as browser:
        on_step("waiting for a fleet with a day of history")
        async with live_fleet(servers, tick_seconds) as running:
            await _warm(running, servers)
            await asyncio.sleep(_SETTLE_TICKS * tick_seconds)
            on_step("loading the overview")
            found |= await _loads(browser, running.url)
            on_step("switching views")
            found |= await _switches(browser, running.url)
            on_step(f"watching with {sessions} sessions")
            found |= await _watch(browser, running, sessions, ticks, tick_seconds)
        for many in _MANY:
            on_step(f"scrolling through {many} servers")
            found[f"longest_task_ms_{many}_servers"] = await _scroll(browser, many)
    return found


async def _warm(running: Running, servers: int) -> None:
    async with AsyncArgusClient(running.target) as client, asyncio.timeout(_READY_SECONDS):
        await client.wait_ready(timeout=_READY_SECONDS)
        while (await client.get_status()).warm_servers < servers:
            await asyncio.sleep(0.5)


async def _loads(browser: Any, url: str) -> dict[str, float]:
    async with pages.profile(browser) as context:  # the dashboard's own first time
        await pages.load(context, url)
    cold, warm, sizes = [], [], []
    for _ in range(_LOADS):
        async with pages.profile(browser) as context:
            page = await pages.load(context, url)
            cold.append(await pages.first_paint_ms(page))
            sizes.append(await pages.transferred_bytes(page))
            await page.close()
            page = await pages.load(context, url)
            warm.append(await pages.first_paint_ms(page))
    return {
        "cold_load_ms": statistics.median(cold),
        "warm_load_ms": statistics.median(warm),
        "bytes_first_load": statistics.median(sizes),
    }


async def _switches(browser: Any, url: str) -> dict[str, float]:
    async with pages.profile(browser) as context:
        page = await pages.load(context, url)
        overview, *others = await pages.views(page)
        # The overview comes between any two: it has most to draw, and links to servers.
        tour = [name for other in (pages.SERVER, *others) for name in (other, overview)]
        first: dict[str, float] = {}
        for name in tour:
            first.setdefault(name, await pages.switch_ms(page, name))
        taken: dict[str, list[float]] = {name: [] for name in tour}
        for _ in range(_SWITCHES):
            for name in tour:
                taken[name].append(await pages.switch_ms(page, name))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    slowest = max(medians, key=medians.__getitem__)
    return {
        "view_switch_ms": medians[slowest],
        **{f"view_switch_ms_{name}": taken for name, taken in medians.items()},
        "view_first_ms": max(first.values()),
    }


async def _watch(
    browser: Any, running: Running, sessions: int, ticks: int, tick_seconds: float
) -> dict[str, float]:
    import psutil

    process = psutil.Process(running.dashboard_pid)
    async with pages.profile(browser) as context, watching(running.url, sessions) as watchers:
        page = await pages.load(context, running.url)
        await asyncio.sleep(_SETTLE_TICKS * tick_seconds)
        since = await pages.now_ms(page)
        seen = [watcher.updates for watcher in watchers]
        process.cpu_percent()
        await asyncio.sleep(ticks * tick_seconds)
        percent = process.cpu_percent()
        delays = await pages.delays_ms(page, since)
        told = [watcher.updates - before for watcher, before in zip(watchers, seen, strict=True)]
    if len(delays) < 2 or min(told) < len(delays) - 2:
        raise BenchError(
            f"of {ticks} updates the browser painted {len(delays)}, and some session got {min(told)}"
        )
    return {
        "update_to_paint_ms": statistics.quantiles(delays, n=20, method="inclusive")[-1],
        "update_to_paint_ms_median": statistics.median(delays),
        "server_cpu_pct_50_browsers": percent,
    }


async def _scroll(browser: Any, servers: int) -> float:
    """The longest task of a page with a made-up fleet."""
    snapshot = made_up_fleet(servers)
    with FakeServer() as argus:
        argus.publish(snapshot)
        async with dashboard_of(argus.target) as running, pages.profile(browser) as context:
            page = await pages.load(context, running.url)
            await page.wait_for_function(
                f"document.querySelector('[data-test=count]').textContent.startsWith('{servers} ')"
            )
            await pages.watch_tasks(page)
            argus.publish(snapshot)
            longest = await pages.scroll_through(page)
            # The update may come while it scrolls, or after.
            await page.wait_for_function(_UPDATED)
            return max(longest, await pages.longest_task_ms(page))


def made_up_fleet(servers: int) -> snapshot_pb2.Snapshot:
    """Servers with all that a row can show; one in twenty is about to fail."""
    risks = {f"server-{i:05d}": 95.0 * (1 - i / servers) for i in range(servers)}
    snapshot = make_snapshot(risks, outlook=make_outlook("mem_used_pct", value=60.0, critical=98.0))
    for i, server in enumerate(snapshot.servers):
        for k, meter in enumerate(METERS):
            value = (17.0 * i + 11.0 * k) % 100.0
            getattr(server.display_metrics, meter).CopyFrom(
                snapshot_pb2.DisplayMetric(
                    current=value,
                    predicted=value + 5,
                    delta=5.0,
                    unit="%",
                    trend=snapshot_pb2.TREND_INCREASING if k % 2 else snapshot_pb2.TREND_STABLE,
                )
            )
        server.causes.add(metric=metrics_pb2.METRIC_MEM_USED_PCT, points=30.0, text=f"memory {i % 100} % now")
        if i < servers // 20:
            server.first_breach.CopyFrom(
                snapshot_pb2.ThresholdBreach(
                    metric=metrics_pb2.METRIC_MEM_USED_PCT, threshold=98.0, minutes=float(i), probability=0.8
                )
            )
    return snapshot
