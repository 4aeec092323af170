"""The overview in a real browser, in front of a fake server."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from argus.v1 import snapshot_pb2
from argus_client.testing import FakeServer, make_alert
from tests.processes import until
from tests.ui.conftest import PHONE, Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROW = "[data-test=row]"


async def names(page: Page) -> list[str]:
    return await page.locator(f"{ROW} .a-name").all_inner_texts()


async def count(page: Page, text: str) -> None:
    await expect(page.get_by_test_id("count")).to_have_text(text)


@pytest.fixture(autouse=True)
def twelve(argus: FakeServer, dashboard: DashboardProcess) -> None:
    revision = argus.publish(fleet())
    until(lambda: httpx.get(f"{dashboard.url}api/fleet").json().get("revision") == revision)


async def test_it_shows_the_fleet_and_what_comes_next(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(dashboard.url)
    await count(page, "12 of 12")
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await expect(page.get_by_test_id("count-silent")).to_contain_text("1")
    assert (await names(page))[:3] == ["dat-0000", "web-0001", "ml_-0002"]
    cards = page.get_by_test_id("next-card")
    # The one nobody hears of, then by the time left, however risky the others are now.
    await expect(cards.locator(".a-name")).to_have_text(["dat-0011", "ml_-0002", "web-0001", "dat-0000"])
    when = cards.get_by_test_id("next-when")
    await expect(when).to_have_text(["no data for 30 min", "now", "in 12 min", "in 24 min"])
    await expect(cards.nth(2)).to_contain_text("Memory above 98 % · 83 %")
    # What the line above it says already is not said again.
    await expect(cards.nth(2).locator(".a-cause")).to_have_text("memory 61 % → 98 %")
    argus.publish(fleet(30))
    await count(page, "30 of 30")


async def test_a_moment_is_told_by_the_clock_of_the_fleet(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(dashboard.url, timezone_id="Asia/Tokyo")
    when = page.get_by_test_id("next-when")
    await when.nth(2).hover()
    # The fleet's clock stands at 15:11:40; the forecast begins five minutes before.
    await expect(when.nth(2)).to_have_attribute("title", re.compile(r"2025-06-15 15:23:40 UTC"))
    await when.nth(1).hover()
    await expect(when.nth(1)).to_have_attribute("title", "Crossed already")
    cell = page.locator(ROW, has_text="web-0001").locator(".c-breach")
    await expect(cell).to_have_text("12 min")
    await cell.hover()
    await expect(cell).to_have_attribute("title", re.compile(r"probability 83 %; .*2025-06-15 15:23:40 UTC"))


async def test_what_is_near_is_not_yet_crossed(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    near = fleet()
    near.servers[1].first_breach.minutes = 0.02
    argus.publish(near)
    page = await open_page(dashboard.url)
    await expect(page.get_by_test_id("next-when").nth(2)).to_have_text("< 1 min")
    await expect(page.locator(ROW, has_text="web-0001").locator(".c-breach")).to_have_text("< 1 min")
    await expect(page.locator(ROW, has_text="ml_-0002").locator(".c-breach")).to_have_text("now")


async def test_the_time_left_goes_on_while_nothing_is_heard(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(dashboard.url, ready=ROW)
    await expect(page.get_by_test_id("next-when").nth(2)).to_have_text("in 12 min")
    await page.clock.install()
    await page.reload()
    await page.wait_for_selector(ROW)
    await page.clock.fast_forward(121_000)
    await expect(page.get_by_test_id("next-when").nth(2)).to_have_text("in 10 min")
    await page.clock.fast_forward(20 * 60_000)
    await expect(page.get_by_test_id("next-when").nth(2)).to_have_text("< 1 min")


async def test_a_silent_server_is_no_calm_one(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url)
    card = page.get_by_test_id("next-card").first
    await expect(card).to_contain_text("Stopped sending")
    await expect(card.locator(".a-spark")).to_have_count(0)
    await expect(card.get_by_test_id("acknowledge")).to_be_visible()
    await expect(card.get_by_test_id("silence")).to_be_visible()
    row = page.locator(ROW, has_text="dat-0011")
    await expect(row.locator(".c-breach")).to_have_text("no data for 30 min")
    await expect(row.locator(".a-meter-old")).to_have_count(8)
    for look in (".a-rising", ".a-falling", ".a-meter-bar", ".a-spark"):
        await expect(row.locator(look)).to_have_count(0)
    await page.get_by_test_id("sort-breach").click()
    assert (await names(page))[:2] == ["dat-0011", "ml_-0002"]


async def test_the_fleet_is_called_what_the_server_calls_it_and_calm_is_not_green(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    calm = fleet()
    calm.environment.incident_probability_30m = 0.19
    calm.environment.incident_probability_8h = 0.91
    calm.environment.fleet_health = snapshot_pb2.FLEET_HEALTH_HEALTHY
    calm.servers[1].alert.CopyFrom(calm.servers[10].alert)
    argus.publish(calm)
    page = await open_page(dashboard.url)
    odds = page.get_by_test_id("odds")
    await expect(odds).to_have_text([re.compile(r"19 %\s*healthy"), re.compile(r"91 %\s*in 8 h")])
    for one in (odds.first, odds.nth(1)):
        await expect(one).to_have_class("")
        await expect(one.locator("svg")).to_have_count(0)
    await expect(page.locator(".a-tile-wide .a-level-healthy")).to_have_count(0)
    card = page.get_by_test_id("next-card").nth(2)
    await expect(card).to_contain_text("Healthy")
    await expect(card).not_to_have_class(re.compile("a-edge"))
    await expect(card.locator(".a-level-healthy")).to_have_count(0)


async def test_filters_search_and_order_live_in_the_address(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(dashboard.url)
    await page.get_by_test_id("count-critical").click()
    await count(page, "1 of 12")
    await page.get_by_test_id("count-silent").click()
    await count(page, "2 of 12")
    await page.get_by_test_id("search").fill("WEB")
    await expect(page.get_by_test_id("no-match")).to_be_visible()
    await page.get_by_test_id("clear").click()
    await page.get_by_test_id("profile").select_option("web_api")
    await page.get_by_test_id("sort-cpu").click()
    await expect(page.locator(ROW)).to_have_count(3)
    shown = await names(page)
    assert shown == ["web-0005", "web-0009", "web-0001"]
    assert "profile=web_api" in page.url
    assert "sort=cpu" in page.url
    await page.reload()
    await page.wait_for_selector(ROW)
    assert await names(page) == shown
    await page.get_by_test_id("sort-cpu").click()
    await expect(page.locator(f"{ROW} .a-name").first).to_have_text("web-0001")


async def test_keys_choose_search_and_go_anywhere(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(page.locator(".a-row.chosen .a-name")).to_have_text("web-0001")
    await page.keyboard.press("k")
    await expect(page.locator(".a-row.chosen .a-name")).to_have_text("dat-0000")
    await page.keyboard.press("/")
    await page.keyboard.type("jd")
    assert "q=jd" in page.url
    await page.keyboard.press("Escape")
    await count(page, "12 of 12")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("ml_-0006")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/server?name=ml_-0006")
    await page.go_back()
    await page.wait_for_selector(ROW)


async def test_dark_is_kept(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url, color_scheme="light")
    theme = page.locator("html")
    await expect(theme).to_have_attribute("data-theme", "light")
    await page.keyboard.press("d")
    await expect(theme).to_have_attribute("data-theme", "dark")
    await page.reload()
    await page.wait_for_selector(ROW)
    await expect(theme).to_have_attribute("data-theme", "dark")
    assert await page.evaluate("document.body.classList.contains('body--dark')")


async def test_names_are_text_whatever_they_say(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, tmp_path: Path
) -> None:
    argus.publish(fleet(HOSTILE))
    page = await open_page(f"{dashboard.url}?q=%3Cimg")  # the names are in the page itself, too
    await count(page, "1 of 8")
    await page.get_by_test_id("clear").click()
    await expect(page.locator(ROW)).to_have_count(8)
    assert set(await names(page)) == set(HOSTILE)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("<")
    await expect(page.locator(".a-palette li")).to_have_count(sum("<" in name for name in HOSTILE))
    await page.keyboard.press("Escape")
    assert await page.evaluate("window.pwned") is None
    async with page.expect_download() as download:
        await page.get_by_test_id("csv").click()
    saved = tmp_path / "fleet.csv"
    await (await download.value).save_as(saved)
    rows = list(csv.DictReader(saved.read_text("utf-8").splitlines()))
    first_breach = [rows[1][f"first_breach_{what}"] for what in ("minutes_left", "metric", "threshold")]
    assert first_breach == ["12", "mem_used_pct", "98"]
    assert rows[0]["snapshot_time_utc"] == "2025-06-15T15:11:40.000Z"
    assert (await download.value).suggested_filename == "argus-fleet-2025-06-15T15-11-40Z.csv"
    assert rows[1]["cpu_pct_now"] == "17"
    assert rows[1]["cpu_pct_change_30m"] == "5"
    written = [row[1] for row in csv.reader(saved.read_text("utf-8").splitlines())][1:]
    assert set(written) == {f"'{name}" if name.startswith("=") else name for name in HOSTILE}
    await page.get_by_role("link", name=HOSTILE[0]).first.click()
    await page.wait_for_url("**/server?name=*")
    assert await page.evaluate("new URLSearchParams(location.search).get('name')") == HOSTILE[0]
    assert await page.evaluate("window.pwned") is None


async def test_it_says_what_is_wrong(open_page: Open, dashboard: DashboardProcess, argus: FakeServer) -> None:
    argus.publish(fleet(degraded="the model <b>cannot</b> be read", warm=False))
    page = await open_page(dashboard.url)
    await expect(page.get_by_test_id("banner-degraded")).to_have_text(
        "Degraded: the model <b>cannot</b> be read"
    )
    await expect(page.get_by_test_id("banner-warm")).to_contain_text("The fleet is warming up")
    argus.publish(fleet(["only-one"]))
    await count(page, "1 of 1")
    await expect(page.get_by_test_id("banner-degraded")).to_have_count(0)


async def test_a_few_that_warm_up_are_counted_beside_the_fleet(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    few = fleet()
    few.summary.warm_servers = 10
    argus.publish(few)
    page = await open_page(dashboard.url)
    await expect(page.get_by_test_id("cold")).to_have_text("2 warming up")
    await expect(page.get_by_test_id("banner-warm")).to_have_count(0)
    few.summary.warm_servers = 9
    argus.publish(few)
    await expect(page.get_by_test_id("banner-warm")).to_contain_text("3 of 12 servers are warming up")
    await expect(page.get_by_test_id("cold")).to_have_count(0)


async def test_cards_line_up_and_nothing_jumps_when_they_ask(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    several = fleet()
    for k, server in ((1, 1), (2, 1), (1, 0)):
        several.servers[server].active_alerts.add(alert_id=f"more-{k}", state=snapshot_pb2.ALERT_STATE_FIRING)
    argus.publish(several)
    page = await open_page(dashboard.url)
    cards = page.get_by_test_id("next-card")
    await expect(cards.nth(3)).to_contain_text("Imminent Failure")
    tops = await cards.evaluate_all(
        """(cards) => cards.slice(1).map(
             (card) => [...card.children].map((one) => Math.round(one.getBoundingClientRect().top)))"""
    )
    assert tops[0] == tops[1] == tops[2]
    table = page.locator(".a-table")
    before = await table.bounding_box()
    for card in (cards.first, cards.nth(2)):
        for ask in ("silence", "acknowledge"):
            await card.get_by_test_id(ask).click()
            await expect(card.get_by_test_id("author")).to_be_visible()
            assert await table.bounding_box() == before
            await page.keyboard.press("Escape")
            await expect(card.get_by_test_id("author")).to_have_count(0)


async def test_a_server_is_taken_with_all_of_it_that_fires(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    several = fleet()
    firing, pending = snapshot_pb2.ALERT_STATE_FIRING, snapshot_pb2.ALERT_STATE_PENDING
    alerts = several.servers[1].active_alerts
    alerts.add(alert_id="more-1", state=firing)
    alerts.add(alert_id="more-2", state=pending)
    argus.publish(several)
    # The second is over by the time somebody takes it.
    argus.put_alerts(make_alert("web-0001", alert_id=alerts[0].alert_id))
    argus.calls.clear()
    page = await open_page(dashboard.url)
    card = page.get_by_test_id("next-card").nth(2)
    await expect(card.get_by_test_id("alerts-state")).to_have_text("3 alerts")
    await expect(card.get_by_test_id("alerts-state")).to_have_attribute("title", "2 firing, 1 pending")
    ack = card.get_by_test_id("acknowledge")
    await expect(ack).to_have_text("Ack 2 firing")
    await ack.click()
    await page.keyboard.type("Ada")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You are on it: web-0001, 2 alerts", exact=True)).to_be_visible()
    assert argus.calls.count("AcknowledgeAlert") == 2
    for alert in alerts[:2]:
        alert.acknowledged_by, alert.muted = "Ada", True
    argus.publish(several)
    await expect(card.get_by_test_id("acknowledged")).to_have_text("Ada is on 2 of 3")
    await expect(card.get_by_test_id("silenced")).to_have_text("2 of 3 silenced")
    await expect(ack).to_have_count(0)
    await card.get_by_test_id("silenced").click()
    await expect(page.get_by_test_id("show-silences")).to_have_attribute("aria-selected", "true")


async def test_what_is_half_taken_is_counted_and_the_rest_may_be_taken_again(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    several = fleet()
    alerts = several.servers[1].active_alerts
    alerts.add(alert_id="half-2", state=snapshot_pb2.ALERT_STATE_FIRING)
    argus.publish(several)
    argus.put_alerts(*(make_alert("web-0001", alert_id=alert.alert_id) for alert in alerts))
    argus.calls.clear()
    page = await open_page(dashboard.url)
    card = page.get_by_test_id("next-card").nth(2)
    await card.get_by_test_id("acknowledge").click()
    await page.keyboard.type("Ada")
    await page.route(
        "**/api/alerts/acknowledge",
        lambda route: route.fulfill(json={"acknowledged": 1, "problem": "1 of 2 acknowledged: no answer"}),
        times=1,
    )
    async with page.expect_request("**/api/alerts"):
        await page.keyboard.press("Enter")
    await expect(page.locator(".a-toast-failed")).to_contain_text("1 of 2 acknowledged: no answer")
    await expect(page.get_by_text("You are on it")).to_have_count(0)
    await card.get_by_test_id("confirm").click()
    await expect(page.get_by_text("You are on it: web-0001, 2 alerts", exact=True)).to_be_visible()
    assert argus.calls.count("AcknowledgeAlert") == 2


async def test_alerts_are_acknowledged_and_silenced(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.put_alerts(make_alert("dat-0011", alert_id="dat-0011-silence"))
    argus.calls.clear()
    page = await open_page(dashboard.url)
    card = page.get_by_test_id("next-card").first
    await card.get_by_test_id("acknowledge").click()
    await expect(card.get_by_test_id("author")).to_be_focused()
    await page.keyboard.type("Ada")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You are on it: dat-0011", exact=True)).to_be_visible()
    await expect(card.get_by_test_id("confirm")).to_have_count(0)
    await card.get_by_test_id("silence").click()
    await expect(card.get_by_test_id("author")).to_be_focused()
    await card.get_by_role("button", name="4 h").click()
    await expect(card.get_by_role("button", name="4 h")).to_have_count(0)
    # A slip is taken back where it was made.
    await page.locator(".a-toast").get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("No longer silenced: dat-0011", exact=True)).to_be_visible()
    assert argus.calls.count("ExpireSilence") == 1
    assert argus.calls.count("AcknowledgeAlert") == 1
    assert argus.calls.count("CreateSilence") == 1
    argus.fail_next("AcknowledgeAlert", "NOT_FOUND", "there is no such alert")
    page.complaints.expected.append("404")
    await card.get_by_test_id("acknowledge").click()
    await card.get_by_test_id("confirm").click()
    await expect(page.locator(".a-toast-failed")).to_contain_text("there is no such alert")


async def test_a_phone_gets_cards_and_no_scrolling_sideways(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(dashboard.url, size=PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await expect(page.locator(".a-phone-card").first).to_contain_text("dat-0000")
    await expect(page.locator(".a-head")).to_have_count(0)
    await expect(page.locator(".a-tabs")).to_be_visible()
    await page.get_by_test_id("sort").select_option("name")
    await expect(page.locator(".a-phone-card .a-name").first).to_have_text("dat-0000")
    assert "sort=name" in page.url
    await page.get_by_test_id("profile").select_option("web_api")
    await count(page, "3 of 12")
    await page.get_by_test_id("clear-phone").click()
    await count(page, "12 of 12")


async def test_thousands_of_servers_draw_what_is_seen(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.publish(fleet(2_000))
    page = await open_page(dashboard.url)
    await count(page, "2000 of 2000")
    assert await page.locator(ROW).count() < 120
    await page.wait_for_function(
        "() => { scrollTo(0, document.body.scrollHeight); return document.body.innerText.includes('dat-1999'); }"
    )
    assert await page.locator(ROW).count() < 120
