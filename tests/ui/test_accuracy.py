"""The view of what was foretold and what came."""

from __future__ import annotations

import asyncio
import csv
import math
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from argus.v1 import history_pb2, metrics_pb2
from argus_client.testing import FakeServer
from tests.processes import until
from tests.ui.conftest import Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

in_browser = pytest.mark.asyncio(loop_scope="session")

NAN = math.nan
STEP_MS = 300_000
START_MS = 1_800_000_000_000 // STEP_MS * STEP_MS
READY = "[data-test=past]"


def past(
    name: str, actual: list[float], p10: list[float], p90: list[float]
) -> history_pb2.GetServerHistoryResponse:
    middle = [(low + high) / 2 for low, high in zip(p10, p90, strict=True)]
    return history_pb2.GetServerHistoryResponse(
        server_name=name,
        bucket_seconds=300,
        timestamp=[START_MS + STEP_MS * i for i in range(len(actual))],
        horizon_minutes=60,
        metrics=[
            history_pb2.MetricHistory(
                metric=metrics_pb2.METRIC_CPU_USER_PCT, actual=actual, p10=p10, p50=middle, p90=p90
            )
        ],
    )


@pytest.fixture(autouse=True)
def one_fleet(argus: FakeServer) -> None:
    argus.publish(fleet())


@in_browser
async def test_incidents_are_told_as_the_server_tells_them(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.history.summary = history_pb2.GetHistorySummaryResponse(
        incidents=8, predicted_incidents=6, predicted_ratio=0.75, mean_lead_seconds=5400, alerts=9,
        servers_with_incidents=4, servers=12, watched_since_ms=START_MS,
    )  # fmt: skip
    argus.history.servers["dat-0000"] = past("dat-0000", [50.0], [NAN], [NAN])
    page = await open_page(f"{dashboard.url}accuracy", ready=READY)
    incidents = page.get_by_test_id("incidents")
    await expect(incidents).to_contain_text("6 of 8")
    await expect(incidents).to_contain_text("75 %")
    await expect(incidents).to_contain_text("1 h 30")
    await expect(incidents).to_contain_text("on 4 of 12 servers")
    asked = [one for one in argus.history.requests if isinstance(one, history_pb2.GetHistorySummaryRequest)]
    assert {one.range.length_ms for one in asked} == {86_400_000}


@in_browser
async def test_forecasts_are_counted_against_what_was_measured(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, tmp_path: Path
) -> None:
    argus.history.servers["dat-0000"] = past(
        "dat-0000", [50, 50, 50, NAN, 50, 50], [40, NAN, 60, 40, 50, 20], [60, NAN, 80, 60, 50, 49]
    )
    page = await open_page(f"{dashboard.url}accuracy", ready="[data-test=counted]")
    await expect(page.get_by_test_id("counted")).to_contain_text("2 of 3 forecasts shown had")
    await expect(page.locator("canvas")).to_have_count(1)
    assert "name=dat-0000" in page.url
    async with page.expect_download() as download:
        await page.get_by_test_id("past").get_by_test_id("csv").click()
    saved = tmp_path / "accuracy.csv"
    await (await download.value).save_as(saved)
    rows = list(csv.reader(saved.read_text().splitlines()))
    assert rows[0] == ["time", "actual", "p10", "p50", "p90"]
    assert rows[2][1:] == ["50", "", "", ""]
    await page.get_by_test_id("horizon-480").click()
    await page.get_by_test_id("range-1w").click()
    await expect(page).to_have_url(dashboard.url + "accuracy?name=dat-0000&horizon=480&range=1w")
    await expect(page.get_by_test_id("horizon-480")).to_have_attribute("aria-pressed", "true")

    def newest() -> history_pb2.GetServerHistoryRequest:
        asked = argus.history.requests
        return next(one for one in reversed(asked) if isinstance(one, history_pb2.GetServerHistoryRequest))

    await asyncio.to_thread(until, lambda: newest().range.length_ms == 7 * 86_400_000)
    assert (newest().horizon_minutes, newest().max_points) == (480, 2017)


@in_browser
async def test_strange_names_are_only_names(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.publish(fleet(HOSTILE))
    argus.history.servers[HOSTILE[0]] = past(HOSTILE[0], [50.0, 50.0], [40.0, NAN], [60.0, NAN])
    page = await open_page(f"{dashboard.url}accuracy", ready="[data-test=counted]")
    await expect(page.get_by_test_id("server")).to_have_value(HOSTILE[0])
    await page.get_by_test_id("chart").hover()
    assert await page.evaluate("window.pwned") is None


@in_browser
async def test_what_is_not_recorded_is_not_made_up(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.history.summary = history_pb2.GetHistorySummaryResponse(incidents=0, watched_since_ms=0)
    page = await open_page(f"{dashboard.url}accuracy?name=gone&range=1M", ready="[data-test=nothing-yet]")
    page.complaints.expected.append("404")
    await expect(page.get_by_test_id("past-problem")).to_contain_text("nothing is recorded of 'gone'")
    await expect(page.locator("canvas")).to_have_count(0)


@pytest.mark.parametrize("query", ["range=2y", "metric=nope", "metric=cpu_user_pct&horizon=45"])
def test_odd_questions_are_refused(dashboard: DashboardProcess, query: str) -> None:
    answer = httpx.get(f"{dashboard.url}api/accuracy/server?name=x&{query}")
    assert answer.status_code == 400
    assert "must be one of" in answer.json()["detail"]
