"""The heatmap in a real browser, and the grids it fetches."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.async_api import Page, expect

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_client import FleetForecast, MetricThreshold
from argus_client._admin import IngestLimits, ServerInfo
from argus_client._enums import metric_number
from argus_client.testing import FakeServer, make_forecasts
from argus_ui.heat import MAX_COLUMNS, Metric, by_metric, metrics_of, nearest, over_time
from tests.processes import until
from tests.ui.conftest import PHONE, Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

in_browser = pytest.mark.asyncio(loop_scope="session")

CANVAS = "[data-test=heat-canvas]"
MEMORY = Metric("mem_used_pct", False, {"": (90.0, 98.0), "database": (98.0, 99.0)})


def heated(*args: object, **more: object) -> snapshot_pb2.Snapshot:
    """A fleet whose riskiest server runs out of idle CPU, and whose others do not."""
    snapshot = fleet(*args, **more)  # type: ignore[arg-type]
    for i, server in enumerate(snapshot.servers):
        for forecast in make_forecasts(
            ("cpu_idle_pct", "mem_used_pct"), value=2.0 if i == 0 else 90.0, band=1.0
        ):
            forecast.history.extend([2.5 if i == 0 else 91.0] * 12)
            server.forecasts.append(forecast)
    return snapshot


@pytest.fixture(autouse=True)
def twelve(argus: FakeServer, dashboard: DashboardProcess) -> None:
    publish(argus, dashboard, heated())


def publish(argus: FakeServer, dashboard: DashboardProcess, snapshot: snapshot_pb2.Snapshot) -> None:
    revision = argus.publish(snapshot)
    until(lambda: httpx.get(f"{dashboard.url}api/fleet").json().get("revision") == revision)


def forecast_of(*rows: tuple[list[float], list[float]]) -> FleetForecast:
    """Servers `s0`, `s1`, ... with these histories and medians of memory; bands are 2 wide."""
    message = prediction_pb2.GetForecastResponse(
        header=snapshot_pb2.SnapshotHeader(forecast_origin_ms=1000, step_seconds=300)
    )
    for i, (history, median) in enumerate(rows):
        server = message.servers.add(server_name=f"s{i}")
        if median:
            server.forecasts.add(
                metric=metric_number("mem_used_pct"), history=history, p50=median,
                p10=[value - 1 for value in median], p90=[value + 1 for value in median],
            )  # fmt: skip
    return FleetForecast.from_proto(message)


def test_the_worst_is_the_highest_or_the_lowest() -> None:
    found = by_metric([forecast_of(([1, 2], [3, 9, 4]), ([5, math.nan], [7, 7, 7]), ([], []))], [MEMORY])
    assert found["servers"] == ["s0", "s1", "s2"]
    (memory,) = found["metrics"]
    np.testing.assert_array_equal(memory["now"], [2, math.nan, math.nan])
    np.testing.assert_array_equal(memory["expected"], [9, 7, math.nan])
    np.testing.assert_array_equal(memory["possible"], [10, 8, math.nan])
    low = Metric("mem_used_pct", True, {})
    (memory,) = by_metric([forecast_of(([1, 2], [3, 9, 4]))], [low])["metrics"]
    assert (memory["expected"], memory["possible"]) == ([2], [2])
    # A value that is bad now is not covered by a forecast that it will be better.
    (memory,) = by_metric([forecast_of(([99], [3, 9, 4]))], [MEMORY])["metrics"]
    assert (memory["now"], memory["expected"], memory["possible"]) == ([99], [99], [99])


def test_time_is_cut_into_columns_that_meet_at_the_origin() -> None:
    past = [float(i) for i in range(MAX_COLUMNS + 1)]
    ahead = [float(i) for i in range(500, 510)]
    found = over_time([(MEMORY, [forecast_of((past, ahead), ([], []))])])
    assert found["column_seconds"] == 600
    assert found["past"][0].tolist() == [float(2 * i + 2) for i in range(MAX_COLUMNS // 2)]
    assert found["expected"][0].tolist() == [501, 503, 505, 507, 509]
    assert found["possible"][0].tolist() == [502, 504, 506, 508, 510]
    assert np.isnan(found["past"][1]).all()


def test_how_near_a_value_is_to_its_thresholds() -> None:
    values = np.array([0, 45, 90, 94, 98, 100, math.nan, 98.5, 50], np.float32)
    profiles = [""] * 7 + ["database", "unheard-of"]
    found = MEMORY.nearness(values, profiles)
    np.testing.assert_allclose(found, [0, 0.3, 0.6, 0.8, 1, 1.1, math.nan, 0.8, math.nan], rtol=1e-5)
    idle = Metric("cpu_idle_pct", True, {"": (15.0, 5.0)})
    found = idle.nearness(np.array([100, 15, 5, 0], np.float32), [""] * 4)
    np.testing.assert_allclose(found, [0, 0.6, 1, 1.2], rtol=1e-5)


def test_each_server_is_of_the_metric_that_is_nearest() -> None:
    message = prediction_pb2.GetForecastResponse(header=snapshot_pb2.SnapshotHeader(step_seconds=300))
    # Name, idle CPU, memory: now and in a step. What is over by then is near as well.
    for name, *metrics in (
        ("a", [90.0, 10.0], [50.0, 50.0]),
        ("b", [6.0, 90.0], [50.0, 50.0]),
        ("c", [], []),
        ("d", [], [1.0, 1.0]),
    ):
        server = message.servers.add(server_name=name)
        for metric, values in zip(("cpu_idle_pct", "mem_used_pct"), metrics, strict=True):
            if values:
                server.forecasts.add(metric=metric_number(metric), history=values[:1], p50=values[1:])
    found = FleetForecast.from_proto(message)
    idle = Metric("cpu_idle_pct", True, {"": (15.0, 5.0)})
    assert nearest([found], [idle, MEMORY], {"a": "", "d": ""}) == [(idle, ["a", "b"]), (MEMORY, ["d"])]
    assert nearest([], [idle], {}) == nearest([found], [], {}) == []


def test_metrics_whose_bad_ends_differ_share_a_grid() -> None:
    def only(metric: str, value: list[float]) -> FleetForecast:
        message = prediction_pb2.GetForecastResponse(header=snapshot_pb2.SnapshotHeader(step_seconds=300))
        message.servers.add(server_name=metric).forecasts.add(
            metric=metric_number(metric),
            history=value,
            p50=value,
            p10=[0.0] * len(value),
            p90=[99.0] * len(value),
        )
        return FleetForecast.from_proto(message)

    idle = Metric("cpu_idle_pct", True, {})
    values = [1.0, 2.0] * (MAX_COLUMNS // 2)
    parts = [(idle, [only("cpu_idle_pct", values)]), (MEMORY, [only("mem_used_pct", values)])]
    found = over_time(parts)
    assert found["metric"] == [0, 1]
    assert found["past"][:, 0].tolist() == found["expected"][:, 0].tolist() == [1.0, 2.0]
    assert found["possible"][:, 0].tolist() == [0.0, 99.0]


def test_an_empty_fleet_has_empty_grids() -> None:
    assert by_metric([], [MEMORY])["servers"] == []
    assert over_time([(MEMORY, [])])["past"].shape == (0, 0)


def test_only_thresholds_that_hold_without_knowing_a_machine_count() -> None:
    thresholds = (
        MetricThreshold("mem_used_pct", "", 90, 98, "%", False, False),
        MetricThreshold("mem_used_pct", "database", 98, 99, "%", False, False),
        MetricThreshold("cpu_idle_pct", "", 15, 5, "%", True, False),
        MetricThreshold("load_average", "", 1.5, 4, "", False, True),
    )
    info = ServerInfo("1", "1", "x", 0, (), IngestLimits(1, 1, 1, 1), 1, "wall", thresholds)
    found = metrics_of(info, ["", "database", ""])
    assert found == (MEMORY, Metric("cpu_idle_pct", True, {"": (15.0, 5.0), "database": (15.0, 5.0)}))


def test_grids_as_json(argus: FakeServer, dashboard: DashboardProcess) -> None:
    with httpx.Client(base_url=dashboard.url) as http:
        answer = http.get("/api/heatmap/time", params={"metric": "cpu_idle_pct", "hours": 3})
        found = answer.json()
        assert found["servers"][0] == "dat-0000"
        assert found["column_seconds"] == 300
        assert found["past"][0] == [*24 * [None], *12 * [2.5]]
        assert found["possible"][0] == 96 * [1.0]
        again = http.get(answer.url, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code in (200, 304)
        assert (
            "must be one with a threshold" in http.get("/api/heatmap/time?metric=x&hours=3").json()["detail"]
        )
        assert http.get("/api/heatmap/time?metric=cpu_idle_pct&hours=5").status_code == 400


async def color_at(page: Page, x: float, y: float) -> list[int]:
    """Red, green, blue of a point of the canvas, in CSS pixels."""
    read: list[int] = await page.evaluate(
        """([x, y]) => [...document.querySelector("[data-test=heat-canvas]").getContext("2d")
            .getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data].slice(0, 3)""",
        [x, y],
    )
    return read


async def painted(page: Page) -> None:
    """Waits until there is something on the canvas."""
    await page.wait_for_function(
        """() => {
            const c = document.querySelector("[data-test=heat-canvas]");
            if (!c?.offsetHeight || !c.width) return false;
            return new Set(c.getContext("2d").getImageData(0, 0, c.width, c.height).data).size > 20; }"""
    )


@in_browser
async def test_it_colours_tells_and_leads_to_a_server(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}heatmap", ready=CANVAS, color_scheme="light")
    await painted(page)
    # Head, head of the group, then the rows of it; idle CPU is the first column.
    bad, good = await color_at(page, 240, 30 + 26 + 5), await color_at(page, 240, 30 + 26 + 25)
    assert sum(bad) < 300 < 600 < sum(good), (bad, good)
    await page.hover(CANVAS, position={"x": 240, "y": 30 + 26 + 10})
    tip = page.get_by_test_id("heat-tip")
    await expect(tip).to_contain_text("dat-0000")
    for part in (
        "CPU idle2.5 % now",
        "worst expected2 %",
        "worst possible1 %",
        "critical≤ 5 %",
        "▲ critical",
    ):
        await expect(tip).to_contain_text(part)
    await page.click(CANVAS, position={"x": 240, "y": 30 + 26 + 10})
    await expect(page.get_by_test_id("server-name")).to_have_text("dat-0000")
    await page.go_back()
    await painted(page)


@in_browser
async def test_what_is_chosen_is_in_the_address(
    open_page: Open, dashboard: DashboardProcess, tmp_path: Path
) -> None:
    page = await open_page(f"{dashboard.url}heatmap", ready=CANVAS)
    await page.get_by_test_id("heat-sort").select_option("name")
    await page.get_by_test_id("heat-group").click()
    await page.get_by_test_id("show-time").click()
    await painted(page)
    await page.get_by_test_id("heat-metric").select_option("cpu_idle_pct")
    await page.get_by_test_id("heat-value").select_option("possible")
    for part in ("sort=name", "group=none", "show=time", "metric=cpu_idle_pct", "value=possible"):
        assert part in page.url
    await page.reload()
    await expect(page.get_by_test_id("heat-metric")).to_have_value("cpu_idle_pct")
    await painted(page)
    box = await page.locator(CANVAS).bounding_box()
    assert box is not None
    await page.hover(CANVAS, position={"x": box["width"] - 20, "y": 40})
    await expect(page.get_by_test_id("heat-tip")).to_contain_text("ahead")
    await expect(page.get_by_test_id("heat-tip")).to_contain_text("CPU idle1 %")
    async with page.expect_download() as download:
        await page.get_by_test_id("heat-csv").click()
    saved = tmp_path / "heat.csv"
    await (await download.value).save_as(saved)
    rows = list(csv.reader(saved.read_text("utf-8").splitlines()))
    assert [row[0] for row in rows[1:4]] == ["dat-0000", "dat-0003", "dat-0004"]
    assert rows[1][-1] == "1"
    assert rows[0][-1].endswith("Z")


@in_browser
async def test_keys_choose_a_server(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}heatmap?group=none", ready=CANVAS)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    assert "at=web-0001" in page.url
    await page.keyboard.press("/")
    await page.keyboard.type("ml_")
    await expect(page.locator(CANVAS)).to_have_attribute(
        "aria-label", "Heatmap of 3 servers; j and k choose one, Enter opens it"
    )
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("server-name")).to_have_text("web-0001")


@in_browser
async def test_a_thousand_servers_fit_and_scroll(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    publish(argus, dashboard, heated(1000))
    page = await open_page(f"{dashboard.url}heatmap", ready=CANVAS, size=PHONE)
    await painted(page)
    # The canvas is no taller than the window, and what it shows goes with the page.
    assert await page.evaluate("document.documentElement.scrollHeight") > 5000
    box = await page.locator(CANVAS).bounding_box()
    assert box is not None
    assert box["height"] <= PHONE["height"]
    await page.evaluate("window.scrollTo(0, 4000)")
    await page.wait_for_function(
        "document.querySelector('[data-test=heat-canvas]').getBoundingClientRect().top < 60"
    )
    await page.hover(CANVAS, position={"x": 200, "y": 400})
    await expect(page.get_by_test_id("heat-tip")).to_contain_text("ml_compute")
    await expect(page.get_by_test_id("heat-tip")).to_contain_text("worst expected91 %")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@in_browser
async def test_names_are_text(open_page: Open, dashboard: DashboardProcess, argus: FakeServer) -> None:
    publish(argus, dashboard, heated(HOSTILE))
    page = await open_page(f"{dashboard.url}heatmap?group=none&sort=name", ready=CANVAS)
    await painted(page)
    for i, name in enumerate(sorted(HOSTILE)):
        await page.hover(CANVAS, position={"x": 240, "y": 30 + 20 * i + 10})
        await expect(page.get_by_test_id("heat-tip").locator("strong")).to_have_text(name)
    assert await page.evaluate("window.pwned") is None


@in_browser
async def test_it_says_what_it_cannot_have(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}heatmap", ready=CANVAS)
    await painted(page)
    page.complaints.expected.append("503")
    await page.route(
        "**/api/heatmap/time*", lambda route: route.fulfill(status=503, json={"detail": "It is tired."})
    )
    await page.get_by_test_id("show-time").click()
    await expect(page.get_by_test_id("heat-problem")).to_have_text("It is tired.")
    await expect(page.locator(CANVAS)).not_to_be_visible()
    await page.get_by_test_id("show-metrics").click()
    await painted(page)
    await expect(page.get_by_test_id("heat-problem")).to_have_count(0)


# Memory of servers of no profile: warning at 90, critical at 98.
AT = {"calm": 76.0, "warning": 91.0, "critical": 98.5}


@in_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_calm_is_calm_and_trouble_is_seen(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, theme: str
) -> None:
    snapshot = fleet(list(AT))
    for server, value in zip(snapshot.servers, AT.values(), strict=True):
        server.forecasts.extend(make_forecasts(("cpu_idle_pct", "mem_used_pct"), value=value, band=1.0))
        server.forecasts[1].history.extend([value] * 12)
    publish(argus, dashboard, snapshot)
    page = await open_page(f"{dashboard.url}heatmap?group=none", ready=CANVAS, color_scheme=theme)
    await painted(page)
    box = await page.locator(CANVAS).bounding_box()
    assert box is not None
    colors = [await color_at(page, box["width"] - 30, 34 + 20 * i + 5) for i in range(3)]
    calm, warm, hot = colors
    # Grey, or nearly; then a warm colour; then as far from calm as dark is from light.
    assert max(calm) - min(calm) < 25, colors
    assert warm[0] - warm[2] > 40, colors
    assert abs(sum(hot) - sum(calm)) > 200, colors
    await page.hover(CANVAS, position={"x": box["width"] - 30, "y": 34 + 20 + 10})
    await expect(page.get_by_test_id("heat-tip")).to_contain_text(
        "warning≥ 90 %critical≥ 98 %stands atwarning"
    )
    # The legend is where the colours are: a step before the warning value is calm, and behind it warm.
    ends = await page.evaluate("""async () => {
      const { END, WARM, colorOf } = await import("argus/heat_colors.js");
      const dark = document.body.classList.contains("body--dark");
      const light = (place) => colorOf(place, dark).fill.match(/\\d+/g).map(Number)
        .reduce((sum, value, i) => sum + value * [0.299, 0.587, 0.114][i], 0);
      const places = Array.from({ length: 126 }, (_, i) => light((i / 125) * END));
      const left = parseFloat(document.querySelector("[data-test=legend-warning]").style.left);
      return [places, left / 100, WARM / END];
    }""")
    lightness, left, warm_at = ends
    steps = np.diff(lightness)
    assert (steps <= 0.6).all() if theme == "light" else (steps >= -0.6).all(), lightness
    assert left == pytest.approx(warm_at)


@in_browser
async def test_each_server_over_time_by_the_metric_that_is_nearest(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, tmp_path: Path
) -> None:
    """Whatever the snapshot calls most urgent, such as load, which has no threshold here."""
    snapshot = fleet(["a", "b", "c"])
    for server, names, value in zip(
        snapshot.servers,
        (("cpu_idle_pct", "mem_used_pct"), ("cpu_idle_pct", "mem_used_pct"), ("net_in_mb_s",)),
        (3.0, 95.0, 7.0),
        strict=True,
    ):
        server.outlook.metric = metric_number("load_average")
        server.outlook.critical = math.nan
        for forecast in make_forecasts(names, value=value, band=1.0):
            forecast.history.extend([value] * 12)
            server.forecasts.append(forecast)
    publish(argus, dashboard, snapshot)
    async with httpx.AsyncClient(base_url=dashboard.url) as http:
        found = (await http.get("/api/heatmap/time?metric=nearest&hours=3")).json()
    assert dict(zip(found["servers"], found["metric"], strict=True)) == {"a": 0, "b": 1}
    assert [one["name"] for one in found["metrics"]] == ["cpu_idle_pct", "mem_used_pct"]
    page = await open_page(f"{dashboard.url}heatmap?show=time&group=none&hours=3", ready=CANVAS)
    await painted(page)
    box = await page.locator(CANVAS).bounding_box()
    assert box is not None
    # Of three hours that were and eight to come, the last that was is measured.
    x = 190 + (box["width"] - 190) * 2.5 / 11
    tip = page.get_by_test_id("heat-tip")
    for i, text in enumerate(
        ("CPU idle3 % measured", "Memory95 % measured", "nothing measured that has a threshold")
    ):
        await page.hover(CANVAS, position={"x": x, "y": 34 + 20 * i + 10})
        await expect(tip).to_contain_text(text)
    async with page.expect_download() as download:
        await page.get_by_test_id("heat-csv").click()
    saved = tmp_path / "heat.csv"
    await (await download.value).save_as(saved)
    rows = list(csv.reader(saved.read_text("utf-8").splitlines()))
    assert [(row[0], row[2]) for row in rows] == [
        ("server", "metric"), ("a", "cpu_idle_pct"), ("b", "mem_used_pct"), ("c", ""),
    ]  # fmt: skip
