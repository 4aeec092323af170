"""The view of one server in a real browser, and what it fetches."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import Page, expect

from argus.v1 import history_pb2, snapshot_pb2
from argus_client._enums import AlertLevel, AlertSubject, metric_number, to_number
from argus_client.testing import FakeServer, make_forecasts
from tests.processes import until
from tests.ui.conftest import Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

in_browser = pytest.mark.asyncio(loop_scope="session")

METRICS = ("cpu_idle_pct", "mem_used_pct", "load_average", "net_in_mb_s")
NAME = "[data-test=server-name]"
DRAWN = ".a-metric-canvas[data-ready=true]"
SLASH = "rack/7 #1?x=%2F&y"
NONE = "\N{EN DASH}"
ORIGIN_MS = 1_750_000_000_000
# Upright lines of a chart, from the left.
BREACH_MARKS = """async (selector) => {
  const found = await import("nicegui-echart");
  const chart = (found.echarts ?? found).getInstanceByDom(document.querySelector(selector));
  const lines = chart.getOption().series.flatMap((series) => series.markLine?.data ?? []);
  return lines.filter((line) => line.xAxis).map(({ xAxis, label }) => ({ xAxis, says: label.formatter }));
}"""


def forecast_fleet(*args: object, **more: object) -> snapshot_pb2.Snapshot:
    """A fleet with forecasts and an hour of history; memory rises to where it breaches."""
    snapshot = fleet(*args, **more)  # type: ignore[arg-type]
    for server in snapshot.servers:
        for forecast in make_forecasts(METRICS, value=60.0, band=8.0):
            forecast.history.extend([math.nan, *(50.0 + i for i in range(11))])
            server.forecasts.append(forecast)
    return snapshot


@pytest.fixture(autouse=True)
def twelve(argus: FakeServer, dashboard: DashboardProcess) -> None:
    publish(argus, dashboard, forecast_fleet())


def publish(argus: FakeServer, dashboard: DashboardProcess, snapshot: snapshot_pb2.Snapshot) -> None:
    revision = argus.publish(snapshot)
    until(lambda: httpx.get(f"{dashboard.url}api/fleet").json().get("revision") == revision)


async def drawn(page: Page) -> None:
    await expect(page.locator(DRAWN)).to_have_count(len(METRICS))


def test_a_server_as_json(argus: FakeServer, dashboard: DashboardProcess) -> None:
    with httpx.Client(base_url=dashboard.url) as http:
        argus.calls.clear()
        answer = http.get("/api/server", params={"name": "dat-0004"})
        found = answer.json()
        first, *rest = found["metrics"]
        assert first["name"] == "mem_used_pct"  # the causes name it
        assert (first["warning"], first["critical"]) == (
            None,
            98.0,
        )  # as its outlook says, not as its profile
        assert [one["name"] for one in rest] == ["cpu_idle_pct", "load_average", "net_in_mb_s"]
        assert rest[0]["low_is_bad"]
        assert (rest[0]["warning"], rest[0]["critical"]) == (15.0, 5.0)
        assert rest[1]["critical"] is None  # per core, of which nobody knows the number
        assert len(first["history"]) == 288
        assert first["history"][-12:] == [None, *(50.0 + i for i in range(11))]
        assert first["p90"] == [68.0] * 96
        again = http.get(
            "/api/server", params={"name": "dat-0004"}, headers={"If-None-Match": answer.headers["etag"]}
        )
        assert again.status_code == 304
        assert sum(call.endswith("GetForecast") for call in map(str, argus.calls)) == 1
        assert http.get("/api/server", params={"name": "gone"}).status_code == 404
        assert "name is missing" in http.get("/api/server").json()["detail"]


def test_breach_and_alerts_as_json(dashboard: DashboardProcess) -> None:
    found = httpx.get(f"{dashboard.url}api/server", params={"name": "web-0001"}).json()
    # Twelve minutes from the fleet's clock on, which is a step ahead of where the forecast begins.
    assert found["breach"] == {
        "metric": "mem_used_pct", "threshold": 98.0, "crossed": False,
        "at_ms": found["origin_ms"] + 17 * 60_000, "probability": pytest.approx(0.83),
    }  # fmt: skip
    assert [alert["state"] for alert in found["alerts"]] == [["web-0001-mem_used_pct", True, "", False]]
    crossed = httpx.get(f"{dashboard.url}api/server", params={"name": "ml_-0002"}).json()
    assert crossed["breach"]["crossed"]


def test_past_and_events_as_json(argus: FakeServer, dashboard: DashboardProcess) -> None:
    argus.history.servers["web-0001"] = history_pb2.GetServerHistoryResponse(
        server_name="web-0001", bucket_seconds=3600, timestamp=[1000, 2000], risk_score=[1.0, math.nan],
        metrics=[
            history_pb2.MetricHistory(
                metric=metric_number("mem_used_pct"), actual=[40, 41], minimum=[30, 31], maximum=[50, 51]
            )
        ],
    )  # fmt: skip
    with httpx.Client(base_url=dashboard.url) as http:
        found = http.get("/api/server/history", params={"name": "web-0001", "last": "1w"}).json()
        assert found["times_ms"] == [1000, 2000]
        assert found["risk"] == [1.0, None]
        assert found["metrics"]["mem_used_pct"] == {
            "actual": [40, 41],
            "minimum": [30, 31],
            "maximum": [50, 51],
        }
        assert argus.history.requests[-1].range.length_ms == 7 * 86_400_000
        assert http.get("/api/server/history", params={"name": "web-0001", "last": "soon"}).status_code == 400
        assert http.get("/api/server/events", params={"name": "web-0001"}).json() == {
            "total": 0,
            "events": [],
        }
        assert list(argus.history.requests[-1].servers) == ["web-0001"]


@in_browser
async def test_it_says_how_a_server_stands(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}servers/web-0001", ready=NAME)
    await expect(page.get_by_test_id("server-risk")).to_contain_text("74")
    await expect(page.get_by_test_id("server-level")).to_have_text("Danger")
    await expect(page.get_by_test_id("server-breach")).to_contain_text("in 12 min")
    await expect(page.get_by_test_id("server-breach")).to_contain_text("Memory above 98 % · 83 % likely")
    await expect(page.get_by_test_id("server-alert")).to_contain_text("Alert firing")
    await expect(page.get_by_test_id("server-alert").get_by_test_id("acknowledge")).to_be_visible()
    await drawn(page)
    await expect(page.locator(".a-metric").first).to_have_attribute("data-test", "metric-mem_used_pct")
    await expect(page.locator(".a-metric.large")).to_have_count(1)
    # The breach stands where it is expected, with its hour; the third threshold line is "now".
    marks = await page.evaluate(BREACH_MARKS, "[data-test=metric-mem_used_pct] .a-metric-canvas")
    assert [mark["xAxis"] for mark in marks] == [ORIGIN_MS, ORIGIN_MS + 17 * 60_000]
    assert marks[1]["says"].startswith("▼ breach ")
    assert await page.evaluate(BREACH_MARKS, "[data-test=metric-load_average] .a-metric-canvas") == [marks[0]]
    # What is drawn is changed, not made anew.
    await page.evaluate(
        "document.querySelectorAll('.a-metric-canvas canvas').forEach((c) => (c.dataset.kept = '1'))"
    )
    changed = forecast_fleet()
    changed.servers[1].risk_score = 31.0
    argus.publish(changed)
    await expect(page.get_by_test_id("server-risk")).to_contain_text("31")
    assert await page.locator("canvas[data-kept='1']").count() == len(METRICS)


@in_browser
async def test_a_server_that_stopped_sending_is_no_calm_one(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    lost = forecast_fleet()
    for forecast in lost.servers[-1].forecasts:
        forecast.history[-3:] = [math.nan] * 3
    publish(argus, dashboard, lost)
    page = await open_page(f"{dashboard.url}server?name=dat-0011", ready=NAME)
    await expect(page.get_by_test_id("server-breach")).to_contain_text("no data for 30 min")
    await expect(page.get_by_test_id("server-breach")).not_to_contain_text("none expected")
    await expect(page.get_by_test_id("server-chance")).to_have_text(NONE)
    await drawn(page)
    alert = page.get_by_test_id("server-alert")
    await expect(alert.locator("strong")).to_have_text("Stopped sending")
    await expect(alert.get_by_test_id("silence")).to_have_text("Silence")
    heads = page.locator(".a-metric-at")
    await expect(heads).to_have_text([NONE] * len(METRICS))


@in_browser
async def test_one_alert_is_taken_and_the_server_is_silenced(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    several = forecast_fleet()
    several.servers[1].active_alerts.add(
        alert_id="risk", subject=snapshot_pb2.ALERT_SUBJECT_RISK, state=snapshot_pb2.ALERT_STATE_PENDING
    )
    publish(argus, dashboard, several)
    page = await open_page(f"{dashboard.url}server?name=web-0001", ready=NAME)
    alerts = page.get_by_test_id("server-alert")
    await expect(alerts).to_have_count(2)
    await expect(alerts.get_by_test_id("acknowledge")).to_have_text(["Ack", "Ack"])
    await expect(alerts.get_by_test_id("silence")).to_have_count(0)
    everything = page.get_by_test_id("server-alerts-all")
    await expect(everything.get_by_test_id("acknowledge")).to_have_text("Ack 1 firing")
    await expect(everything.get_by_test_id("silence")).to_have_text("Silence")


@in_browser
async def test_back_goes_to_the_range_before(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}server?name=web-0001", ready=NAME)
    await page.get_by_test_id("range-3h").click()
    await page.get_by_test_id("range-1d").click()
    await page.go_back()
    await expect(page.get_by_test_id("range-3h")).to_have_attribute("aria-pressed", "true")
    await page.go_back()
    await expect(page.get_by_test_id("range-8h")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator(NAME)).to_have_text("web-0001")


@in_browser
async def test_hovering_tells_quantiles_and_how_far_ahead(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(f"{dashboard.url}server?name=web-0001", ready=NAME, timezone_id="Asia/Tokyo")
    await drawn(page)
    box = await page.locator(".a-metric.large .a-metric-plot").bounding_box()
    assert box is not None
    # The plot is from 36 to the width less 10: eight hours on either side of now.
    plot = box["width"] - 46
    await page.mouse.move(box["x"] + 36 + plot * 0.75, box["y"] + 100)
    tip = page.get_by_test_id("tip")
    await expect(tip).to_contain_text("4 h ahead")
    await expect(tip).to_contain_text("UTC")
    for quantile, value in (("p90", "68 %"), ("p50", "60 %"), ("p10", "52 %")):
        await expect(tip).to_contain_text(f"{quantile}{value}")
    await expect(page.get_by_test_id("metric-net_in_mb_s").locator(".a-metric-at")).to_contain_text("60 MB/s")
    await page.mouse.move(box["x"] + 36 + plot * 0.5, box["y"] + 100)
    await expect(tip).to_contain_text("measured60 %")


@in_browser
async def test_charts_follow_the_width_of_the_page(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}server?name=web-0001", ready=NAME)
    await drawn(page)
    for width in (1500, 700):
        await page.set_viewport_size({"width": width, "height": 900})
        await page.wait_for_function(
            """() => [...document.querySelectorAll(".a-metric-canvas")].every(
                 (box) => box.querySelector("canvas").clientWidth === box.clientWidth)"""
        )


@in_browser
async def test_the_range_is_in_the_address(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.history.servers["web-0001"] = history_pb2.GetServerHistoryResponse(
        server_name="web-0001", bucket_seconds=60
    )
    page = await open_page(f"{dashboard.url}server?name=web-0001", ready=NAME)
    async with page.expect_response("**/api/server/history?*") as asked:
        await page.get_by_test_id("range-1w").click()
    assert "last=1w" in (await asked.value).url
    assert "range=1w" in page.url
    await page.reload()
    await expect(page.get_by_test_id("range-1w")).to_have_attribute("aria-pressed", "true")
    await page.get_by_test_id("range-8h").click()
    assert "range" not in page.url


@in_browser
async def test_j_and_k_follow_the_list_it_came_from(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}?profile=web_api&sort=name:r")
    await page.locator("[data-test=row] .a-name").first.click()
    name = page.locator(NAME)
    await expect(name).to_have_text("web-0009")
    await expect(page.get_by_test_id("server-place")).to_have_text("1 of 3")
    await page.keyboard.press("j")
    await expect(name).to_have_text("web-0005")
    await page.get_by_test_id("range-3h").click()
    await page.keyboard.press("j")
    await expect(name).to_have_text("web-0001")
    assert "range=3h" in page.url
    await expect(page.get_by_test_id("server-next")).to_be_disabled()
    await page.keyboard.press("k")
    await expect(name).to_have_text("web-0005")
    await page.get_by_test_id("server-back").click()
    await page.wait_for_selector("[data-test=row]")
    assert "profile=web_api" in page.url
    assert await page.locator("[data-test=row]").count() == 3


@in_browser
async def test_any_name_has_a_link_and_is_text(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, tmp_path: Path
) -> None:
    names = (SLASH, *HOSTILE)
    publish(argus, dashboard, forecast_fleet(names))
    argus.history.events = history_pb2.ListAlertEventsResponse(
        total=1,
        events=[
            history_pb2.AlertEvent(
                at_ms=1_750_000_000_000, event="noted", alert_id="x", server_name=SLASH,
                subject=to_number(AlertSubject.RISK), level=to_number(AlertLevel.WARNING),
                author=HOSTILE[0], detail=HOSTILE[1],
            )
        ],
    )  # fmt: skip
    page = await open_page(f"{dashboard.url}servers/{quote(SLASH, safe='')}", ready=NAME)
    for name in reversed(names):
        await page.goto(f"{dashboard.url}servers/{quote(name, safe='')}")
        await expect(page.locator(NAME)).to_have_text(name, use_inner_text=False)
        await drawn(page)
        await expect(page.get_by_test_id("event")).to_contain_text(HOSTILE[1])
    assert await page.evaluate("window.pwned") is None
    async with page.expect_download() as download:
        await page.get_by_test_id("server-csv").click()
    saved = tmp_path / "server.csv"
    await (await download.value).save_as(saved)
    rows = list(csv.reader(saved.read_text("utf-8").splitlines()))
    assert rows[0] == ["time_utc", "metric", "measured", "p10", "p50", "p90"]
    assert len(rows) == 1 + len(METRICS) * (288 + 96)
    assert rows[288] == ["2025-06-15T15:06:40.000Z", "mem_used_pct", "60", "", "", ""]
    # The first step of the forecast is the one after the newest measured, the last lies eight hours on.
    assert rows[289] == ["2025-06-15T15:11:40.000Z", "mem_used_pct", "", "52", "60", "68"]
    assert rows[288 + 96] == ["2025-06-15T23:06:40.000Z", "mem_used_pct", "", "52", "60", "68"]


@in_browser
async def test_it_says_when_there_is_no_such_server(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}server?name=nobody", ready="[data-test=unknown-server]")
    page.complaints.expected.append("404")
    await page.goto(f"{dashboard.url}server")
    await expect(page.get_by_test_id("no-name")).to_be_visible()
    await page.goto(f"{dashboard.url}server?name=web-0001")
    await drawn(page)
    argus.publish(forecast_fleet(["somebody-else"]))
    await expect(page.get_by_test_id("server-problem")).to_contain_text("does not have this server any more")
    await expect(page.locator(NAME)).to_have_text("web-0001")
