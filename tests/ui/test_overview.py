"""The overview in a real browser, in front of a fake server."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from argus_client.testing import FakeServer, make_alert
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
def twelve(argus: FakeServer) -> None:
    argus.publish(fleet())


async def test_it_shows_the_fleet_and_what_comes_next(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(dashboard.url)
    await count(page, "12 of 12")
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await expect(page.get_by_test_id("count-silent")).to_contain_text("1")
    assert (await names(page))[:3] == ["dat-0000", "web-0001", "ml_-0002"]
    cards = page.get_by_test_id("next-card")
    await expect(cards).to_have_count(3)
    await expect(cards.first).to_contain_text("now")
    await expect(cards.nth(1)).to_contain_text("in 12 min")
    await expect(cards.nth(1)).to_contain_text("Memory above 98 %")
    await expect(cards.nth(1)).to_contain_text("83 %")
    argus.publish(fleet(30))
    await count(page, "30 of 30")


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
    assert [rows[1][f"breach_{what}"] for what in ("minutes", "metric", "threshold")] == [
        "12",
        "mem_used_pct",
        "98",
    ]
    written = [row[0] for row in csv.reader(saved.read_text("utf-8").splitlines())][1:]
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


async def test_alerts_are_acknowledged_and_silenced(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.put_alerts(make_alert("dat-0000", alert_id="dat-0000-mem_used_pct"))
    page = await open_page(dashboard.url)
    card = page.get_by_test_id("next-card").first
    await card.get_by_test_id("acknowledge").click()
    await expect(card.get_by_test_id("author")).to_be_focused()
    await page.keyboard.type("Ada")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You are on it: dat-0000", exact=True)).to_be_visible()
    await expect(card.get_by_test_id("confirm")).to_have_count(0)
    await card.get_by_test_id("silence").click()
    await expect(card.get_by_test_id("author")).to_be_focused()
    await card.get_by_role("button", name="4 h").click()
    await expect(card.get_by_role("button", name="4 h")).to_have_count(0)
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
