"""The view of what was predicted and what came."""

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
from tests.ui.conftest import PHONE, Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

in_browser = pytest.mark.asyncio(loop_scope="session")

NAN = math.nan
STEP_MS = 300_000
START_MS = 1_800_000_000_000 // STEP_MS * STEP_MS
READY = "[data-test=forecast-check]"


def past(
    name: str, actual: list[float], p10: list[float], p90: list[float], *, bucket_seconds: int = 300
) -> history_pb2.GetServerHistoryResponse:
    middle = [(low + high) / 2 for low, high in zip(p10, p90, strict=True)]
    return history_pb2.GetServerHistoryResponse(
        server_name=name,
        bucket_seconds=bucket_seconds,
        timestamp=[START_MS + 1000 * bucket_seconds * i for i in range(len(actual))],
        horizon_minutes=60,
        metrics=[
            history_pb2.MetricHistory(
                metric=metrics_pb2.METRIC_MEM_USED_PCT, actual=actual, minimum=actual, maximum=actual,
                p10=p10, p50=middle, p90=p90,
            )
        ],
    )  # fmt: skip


@pytest.fixture(autouse=True)
def one_fleet(argus: FakeServer) -> None:
    argus.publish(fleet())
    argus.history.requests.clear()
    argus.history.servers.clear()


def asked_of_servers(argus: FakeServer) -> list[history_pb2.GetServerHistoryRequest]:
    return [one for one in argus.history.requests if isinstance(one, history_pb2.GetServerHistoryRequest)]


@in_browser
async def test_incidents_are_told_as_the_server_tells_them(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.history.summary = history_pb2.GetHistorySummaryResponse(
        incidents=8, predicted_incidents=6, predicted_ratio=0.75, mean_lead_seconds=5400, alerts=9,
        servers_with_incidents=4, servers=12, watched_since_ms=START_MS,
    )  # fmt: skip
    page = await open_page(f"{dashboard.url}accuracy", ready=READY)
    page.complaints.expected.append("404")
    incidents = page.get_by_test_id("incidents")
    await expect(incidents).to_contain_text("6 of 8")
    await expect(incidents).to_contain_text("75 %")
    await expect(incidents).to_contain_text("1 h 30")
    await expect(incidents).to_contain_text("on 4 of 12 servers")
    asked = [one for one in argus.history.requests if isinstance(one, history_pb2.GetHistorySummaryRequest)]
    assert {one.range.length_ms for one in asked} == {86_400_000}


@in_browser
async def test_it_begins_with_what_matters_most_and_stays_there(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.history.servers["dat-0000"] = past("dat-0000", [50.0] * 3, [40.0] * 3, [60.0] * 3)
    page = await open_page(f"{dashboard.url}accuracy?range=8h", ready="[data-test=counted]")
    assert page.url == f"{dashboard.url}accuracy?range=8h&server=dat-0000&metric=mem_used_pct"
    await expect(page.get_by_test_id("check-server")).to_have_value("dat-0000")
    await expect(page.get_by_test_id("check-metric")).to_have_value("mem_used_pct")
    argus.publish(fleet(["web-7", "dat-0000"]))
    await page.wait_for_function("document.querySelector('datalist').options.length === 2")
    await expect(page.get_by_test_id("check-server")).to_have_value("dat-0000")
    await page.get_by_test_id("nav-overview").click()
    await expect(page.get_by_test_id("row").first).to_be_visible()
    assert page.url == dashboard.url


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
    async with page.expect_download() as download:
        await page.get_by_test_id("csv").click()
    saved = tmp_path / "accuracy.csv"
    await (await download.value).save_as(saved)
    rows = list(csv.reader(saved.read_text().splitlines()))
    assert ",".join(rows[0]) == "time,server,metric,horizon_minutes,actual,minimum,maximum,p10,p50,p90"
    assert rows[2][1:] == ["dat-0000", "mem_used_pct", "60", "50", "50", "50", "", "", ""]
    await page.get_by_test_id("check-horizon").select_option("480")
    await page.get_by_test_id("range-1w").click()
    await expect(page.get_by_test_id("range-1w")).to_have_class("active")
    assert page.url.endswith("accuracy?server=dat-0000&metric=mem_used_pct&horizon=480&range=1w")

    def newest() -> history_pb2.GetServerHistoryRequest:
        return asked_of_servers(argus)[-1]

    await asyncio.to_thread(until, lambda: newest().range.length_ms == 7 * 86_400_000)
    # Every bucket is one step, so that forecasts can be counted.
    assert (newest().horizon_minutes, newest().max_points) == (480, 2017)


@in_browser
async def test_means_of_many_steps_are_not_counted(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.history.servers["dat-0000"] = past(
        "dat-0000", [50.0] * 3, [40.0] * 3, [60.0] * 3, bucket_seconds=600
    )
    page = await open_page(f"{dashboard.url}accuracy?range=1M", ready="[data-test=means]")
    await expect(page.get_by_test_id("means")).to_contain_text("the mean of 10 min")
    await expect(page.get_by_test_id("counted")).to_have_count(0)
    assert asked_of_servers(argus)[-1].max_points == 5000


@in_browser
async def test_strange_names_are_only_names(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.publish(fleet(HOSTILE))
    argus.history.servers[HOSTILE[0]] = past(HOSTILE[0], [50.0, 50.0], [40.0, NAN], [60.0, NAN])
    page = await open_page(f"{dashboard.url}accuracy", ready="[data-test=counted]")
    await expect(page.get_by_test_id("check-server")).to_have_value(HOSTILE[0])
    await expect(page.locator("canvas")).to_be_visible()
    await page.locator(".a-chart").hover()
    await expect(page.locator(".a-chart")).to_contain_text("40 % to 60 %")
    assert await page.evaluate("window.pwned") is None


@in_browser
async def test_what_is_not_recorded_is_not_made_up(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.history.summary = history_pb2.GetHistorySummaryResponse(incidents=0, watched_since_ms=0)
    argus.history.servers["dat-0000"] = past("dat-0000", [50.0] * 3, [NAN] * 3, [NAN] * 3)
    page = await open_page(f"{dashboard.url}accuracy?server=gone&range=3h", ready="[data-test=nothing-yet]")
    page.complaints.expected.append("404")
    check = page.get_by_test_id("forecast-check")
    await expect(check).to_contain_text("nothing is recorded of 'gone'")
    await expect(page.locator("canvas")).to_have_count(0)
    # A server that has left the fleet may have a past.
    await page.get_by_test_id("check-server").fill("dat-0000")
    await page.get_by_test_id("check-server").press("Enter")
    await expect(page.get_by_test_id("no-forecasts")).to_be_visible()
    await expect(page.locator("canvas")).to_have_count(1)
    await page.get_by_test_id("check-metric").select_option("swap_used_pct")
    await expect(page.get_by_test_id("no-points")).to_contain_text("Swap of this server was not measured")


@in_browser
async def test_a_phone_needs_no_scrolling_sideways(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.history.servers["dat-0000"] = past("dat-0000", [50.0] * 3, [40.0] * 3, [60.0] * 3)
    page = await open_page(f"{dashboard.url}accuracy", ready="[data-test=counted]", size=PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@in_browser
async def test_without_a_history_it_says_how_to_have_one(open_page: Open) -> None:
    with FakeServer() as server:
        server.services.remove("History")
        server.publish(fleet())
        with DashboardProcess(server.target) as process:
            for view in ("accuracy", "history"):
                page = await open_page(f"{process.url}{view}", ready="[data-test=no-history]")
                await expect(page.get_by_test_id("no-history")).to_contain_text("--data-dir")
                await page.close()  # while there is a dashboard to ask


@pytest.mark.parametrize(
    "query", ["range=2y", "range=1d&metric=nope", "range=1d&metric=cpu_user_pct&horizon=45"]
)
def test_odd_questions_are_refused(dashboard: DashboardProcess, query: str) -> None:
    answer = httpx.get(f"{dashboard.url}api/accuracy/server?server=x&{query}")
    assert answer.status_code == 400
    assert "must be one of" in answer.json()["detail"]


def test_a_question_that_many_ask_is_asked_once(dashboard: DashboardProcess, argus: FakeServer) -> None:
    argus.history.servers["dat-0000"] = past("dat-0000", [50.0], [40.0], [60.0])
    url = f"{dashboard.url}api/accuracy/server?server=dat-0000&metric=swap_used_pct&range=1M"
    assert [httpx.get(url).status_code for _ in range(3)] == [200] * 3
    assert len(asked_of_servers(argus)) == 1
