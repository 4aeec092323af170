"""The view of the past, in a real browser, in front of a fake server."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from argus.v1 import history_pb2, metrics_pb2, snapshot_pb2
from argus_client.testing import FakeServer
from tests.ui.conftest import PHONE, Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUMMARY = "[data-test=summary]"
START_MS = 1_750_000_000_000
TIMES = [START_MS + i * 60_000 for i in range(60)]


@pytest.fixture(autouse=True)
def past(argus: FakeServer) -> Iterator[None]:
    argus.publish(fleet())
    history = argus.history
    history.summary = history_pb2.GetHistorySummaryResponse(
        start_ms=TIMES[0], end_ms=TIMES[-1], alerts=8, critical_alerts=3, acknowledged_alerts=4, resolved_alerts=6,
        resolution_ratio=0.75, mean_time_to_resolve_seconds=1800.0, mean_time_to_acknowledge_seconds=math.nan,
        incidents=5, predicted_incidents=4, predicted_ratio=0.8, mean_lead_seconds=2400.0, servers_with_incidents=2,
        servers=12, watched_since_ms=TIMES[10],
    )  # fmt: skip
    history.fleet = history_pb2.GetFleetHistoryResponse(
        bucket_seconds=60, timestamp=TIMES, total_servers=[12.0] * 60, healthy_count=[10.0] * 60,
        critical_count=[1.0] * 60, critical_count_maximum=[1.0] * 60, warning_count=[1.0] * 60,
        degrading_count=[0.0] * 60,
        silent_count=[0.0] * 60, average_risk=[math.nan] + [20.0] * 59, maximum_risk=[90.0] * 60,
        incident_probability_30m=[0.2] * 60, incident_probability_30m_maximum=[0.2] * 60,
        incident_probability_8h=[0.7] * 60, incident_probability_8h_maximum=[0.7] * 60,
        expected_incidents_8h=[1.0] * 60,
    )  # fmt: skip
    history.events = history_pb2.ListAlertEventsResponse(
        events=[
            history_pb2.AlertEvent(
                at_ms=TIMES[i], event=event, alert_id=alert, server_name=server, author=author, detail=detail,
                subject=snapshot_pb2.ALERT_SUBJECT_METRIC, metric=metrics_pb2.METRIC_MEM_USED_PCT,
                level=snapshot_pb2.ALERT_LEVEL_WARNING, probability=0.9,
            )
            for i, (event, alert, server, author, detail) in enumerate(
                [
                    ("fired", "a1", "web-1", "", "memory 90 %"),
                    ("acknowledged", "a1", "web-1", "ada", ""),
                    ("note_added", "a1", "web-1", "ada", HOSTILE[5]),
                    ("fired", "a2", HOSTILE[0], "", HOSTILE[4]),
                    ("invented_later", "a2", "web-2", "", ""),
                ]
            )
        ],
        total=7,
    )  # fmt: skip
    history.chunks = [b"server_name,risk\n", b"web-1,12\n" * 1000]
    history.break_export = False
    history.requests.clear()
    yield
    history.break_export = False


async def test_a_range_in_numbers_and_charts(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}history?range=1h", ready=SUMMARY)
    await expect(page.get_by_test_id("card-alerts")).to_contain_text("3 critical, 5 lower")
    await expect(page.get_by_test_id("card-resolved")).to_contain_text("75 %")
    await expect(page.get_by_test_id("card-mttr")).to_contain_text("30 min")
    await expect(page.get_by_test_id("card-acknowledged")).to_contain_text("of 8 that fired")
    await expect(page.get_by_test_id("card-predicted")).to_contain_text("4 of 5, 40 min ahead")
    await expect(page.get_by_test_id("watched")).to_contain_text("incidents since")
    await expect(page.get_by_test_id("fleet-chart").locator("canvas")).to_be_visible()
    assert await page.get_by_test_id("to-accuracy").get_attribute("href") == "/accuracy?range=1h"
    await page.get_by_test_id("range-1w").click()
    await expect(page.get_by_test_id("range-1w")).to_have_class("active")
    assert "range=1w" in page.url
    await expect(page.get_by_test_id("card-alerts")).to_be_visible()


async def test_what_is_a_mean_is_called_one(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}history?range=8h", ready=SUMMARY)
    chart = page.get_by_test_id("fleet-chart").locator(".a-chart")
    await expect(chart.locator("canvas")).to_be_visible()
    await chart.hover(position={"x": 300, "y": 120})
    await expect(chart).to_contain_text("Critical 1Warning 1")
    await expect(chart).not_to_contain_text("Means")
    await expect(page.get_by_test_id("unwatched")).to_have_count(0)
    await expect(page.get_by_test_id("fleet-chart")).not_to_contain_text("Nothing recorded")
    fleet = argus.history.fleet
    fleet.bucket_seconds = 240
    # A server that did not run for the half hour before the last ten minutes.
    fleet.total_servers[20:50] = [math.nan] * 30
    del fleet.critical_count[:], fleet.incident_probability_8h_maximum[:]
    fleet.critical_count.extend([0.4] * 60)
    fleet.incident_probability_8h_maximum.extend([0.75] * 60)
    await page.get_by_test_id("range-30m").click()
    await expect(page.get_by_test_id("range-30m")).to_have_class("active")
    await expect(page.get_by_test_id("unwatched")).to_contain_text("for 31 min in between")
    await page.mouse.move(0, 0)
    await chart.hover(position={"x": 300, "y": 120})
    await expect(chart).to_contain_text("Means of 4 min")
    await expect(chart).to_contain_text("Critical 0.4, at most 1Warning 1")
    await expect(chart).to_contain_text("Incident in 8 h 70 %, at most 75 %")
    await expect(chart).to_have_attribute("aria-label", re.compile("^Servers by level .* last 30 min"))


async def test_events_are_filtered_and_stay_texts(
    open_page: Open, dashboard: DashboardProcess, tmp_path: Path
) -> None:
    page = await open_page(f"{dashboard.url}history?range=8h", ready="[data-test=event]")
    rows = page.get_by_test_id("event")
    await expect(rows).to_have_count(5)
    await expect(rows.first).to_contain_text("invented later")
    await expect(page.get_by_test_id("events")).to_contain_text("The newest 5 of 7")
    async with page.expect_download() as download:
        await page.get_by_test_id("events").get_by_role("button", name="CSV").click()
    saved = tmp_path / "events.csv"
    await (await download.value).save_as(saved)
    details = [line["detail"] for line in csv.DictReader(saved.read_text("utf-8").splitlines())]
    assert f"'{HOSTILE[5]}" in details
    assert HOSTILE[5] not in details
    await page.get_by_test_id("event-kind").select_option("fired")
    await expect(rows).to_have_count(2)
    assert await page.evaluate("window.pwned") is None


async def test_an_export_is_a_file_and_tells_its_size(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, tmp_path: Path
) -> None:
    page = await open_page(f"{dashboard.url}history?range=1d", ready=SUMMARY)
    async with page.expect_download() as download:
        await page.get_by_test_id("export-server_risk-csv").click()
    found = await download.value
    assert found.suggested_filename == "argus-server_risk-1d.csv"
    await found.save_as(tmp_path / "risk.csv")
    assert (tmp_path / "risk.csv").read_bytes() == b"".join(argus.history.chunks)
    await expect(page.get_by_test_id("download")).to_contain_text("complete, 9017 B")


async def test_an_export_that_breaks_is_no_file(dashboard: DashboardProcess, argus: FakeServer) -> None:
    argus.history.break_export = True
    query = {"table": "metrics", "format": "arrow", "range": "1d", "id": "abcdef123456"}
    async with httpx.AsyncClient(base_url=dashboard.url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("api/history/export", params=query)
        progress = (await client.get("api/history/export/progress", params=query)).json()
        assert progress["done"] is False
        assert "as the test wants it" in progress["error"]
        refused = await client.get("api/history/export", params=query | {"table": "secrets"})
    assert refused.status_code == 400
    assert "alert_events" in refused.json()["detail"]


async def test_many_browsers_ask_once(dashboard: DashboardProcess, argus: FakeServer) -> None:
    async with httpx.AsyncClient(base_url=dashboard.url) as client:
        first = await client.get("api/history/summary", params={"range": "1M"})
        again = await client.get(
            "api/history/summary", params={"range": "1M"}, headers={"If-None-Match": first.headers["etag"]}
        )
    assert again.status_code == 304
    assert first.json()["mean_time_to_acknowledge_seconds"] is None
    assert len(argus.history.requests) == 1


async def test_a_phone_needs_no_scrolling_sideways(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}history?range=30m", ready="[data-test=event]", size=PHONE)
    await expect(page.get_by_test_id("fleet-chart").locator("canvas")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_without_a_history_it_is_not_in_the_menu(open_page: Open) -> None:
    with FakeServer() as server:
        server.services.remove("History")
        server.publish(fleet())
        with DashboardProcess(server.target) as process:
            page = await open_page(process.url)
            await expect(page.get_by_test_id("nav-alerts")).to_be_visible()
            await expect(page.get_by_test_id("nav-history")).to_have_count(0)
