"""Going from view to view: at once, in the browser, with the mouse and without."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from argus_client.testing import FakeServer
from tests.ui.conftest import PHONE, Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL_THERE = """() => {
  const modules = JSON.parse(document.getElementById("argus-page").textContent).modules;
  const fetched = performance.getEntriesByType("resource").map((entry) => entry.name);
  return modules.every((module) => fetched.some((name) => name.endsWith(module)));
}"""
# Leaves no time for an answer of anybody: what is there after a frame was drawn by the browser alone.
CLICK_AND_LOOK = """(selector) => new Promise((done) => {
  document.querySelector(selector).click();
  const path = location.pathname;
  requestAnimationFrame(() => done([path, document.querySelector("main").innerText]));
})"""
VIEWS = ("overview", "top_risks", "alerts", "heatmap", "model", "help")

# What views read from the address, and something that each of them shows whatever stands there.
READ = {
    "": (("sort", "level", "profile", "q", "at", "next"), "[data-test=count]"),
    "alerts": (
        ("show", "level", "q", "at", "alert", "expired"),
        "[data-test=show-firing].active, [data-test=no-alerts]",
    ),
    "top-risks": (("count", "all"), "[data-test=risk-card]"),
    "server": (("range", "sort", "level", "profile", "q"), "[data-test=server-name]"),
}
GARBAGE = (
    "constructor", "toString", "__proto__", "hasOwnProperty", "-1", "1e999", "NaN", "null", "%00", "<b>", "risk:x:r",
    "\N{RIGHT-TO-LEFT OVERRIDE}x", "x" * 2_000, "../..", ",,,",
)  # fmt: skip
# Puts one address after the other, and gives each the time to be drawn; returns those that do not show what they must.
GO_THROUGH = """async ([addresses, shown]) => {
  const lost = [];
  for (const address of addresses) {
    history.replaceState({}, "", address);
    dispatchEvent(new PopStateEvent("popstate", { state: {} }));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
    if (!document.querySelector(shown)?.checkVisibility()) lost.push(address);
  }
  return lost;
}"""


@pytest.fixture(autouse=True)
def twelve(argus: FakeServer) -> None:
    argus.publish(fleet())


async def settled(page: Page, view: str) -> None:
    """Waits until a view says that it has what it shows."""
    await page.wait_for_function(
        "(view) => performance.getEntriesByName('argus:shown').some((mark) => mark.detail === view)", arg=view
    )


async def test_a_view_is_there_at_once_and_needs_nobody(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url)
    await page.wait_for_function(ALL_THERE)
    await page.context.set_offline(True)
    page.complaints.expected += ["Failed to fetch", "WebSocket"]
    path, text = await page.evaluate(CLICK_AND_LOOK, "[data-test=nav-help]")
    assert path == "/help"
    assert "How to read it" in text
    path, text = await page.evaluate(CLICK_AND_LOOK, "[data-test=nav-overview]")
    assert path == "/"
    assert "dat-0000" in text


async def test_every_view_says_when_it_is_shown(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url)
    await settled(page, "overview")
    for view in VIEWS[1:]:
        await page.get_by_test_id(f"nav-{view}").click()
        await settled(page, view)


async def test_going_back_shows_what_was_before(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}?profile=web_api")
    await page.get_by_test_id("nav-help").click()
    await expect(page.get_by_test_id("help-text")).to_be_visible()
    await expect(page).to_have_title("Help · Argus")
    await page.go_back()
    await expect(page).to_have_title("Overview · Argus")
    await expect(page.get_by_test_id("count")).to_have_text("3 of 12")
    await page.go_forward()
    await expect(page.get_by_test_id("help-text")).to_be_visible()


async def test_an_address_without_a_view_says_so_and_shows_ways_on(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(dashboard.url)
    page.complaints.expected.append("404")
    answer = await page.goto(f"{dashboard.url}no/such<b>page")
    assert answer.status == 404
    gone = page.get_by_test_id("no-view")
    await expect(gone).to_contain_text("/no/such")
    await gone.get_by_role("link", name="Top risks").click()
    await expect(page.get_by_test_id("risk-card").first).to_be_visible()
    assert page.url.endswith("/top-risks")


@pytest.mark.parametrize("view", VIEWS)
async def test_keys_work_in_every_view(open_page: Open, dashboard: DashboardProcess, view: str) -> None:
    page = await open_page(dashboard.url, color_scheme="light")
    await page.get_by_test_id(f"nav-{view}").click()
    await settled(page, view)
    await page.keyboard.press("d")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+k")
    await expect(page.get_by_label("Server or view")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await expect(page.locator("input:focus")).to_have_count(1)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Meta+k")
    await page.keyboard.type("Help")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("help-text")).to_be_visible()


async def test_more_views_of_a_phone_go_away_with_escape(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(dashboard.url, size=PHONE)
    more = page.get_by_role("button", name="More", exact=True)
    await more.click()
    sheet = page.get_by_role("dialog", name="More views")
    await expect(sheet).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)
    await expect(more).to_be_focused()


@pytest.mark.parametrize("view", ["overview", "top_risks", "alerts", "heatmap"])
async def test_enter_presses_what_has_the_focus(
    open_page: Open, dashboard: DashboardProcess, view: str
) -> None:
    page = await open_page(dashboard.url, color_scheme="light")
    await page.get_by_test_id(f"nav-{view}").click()
    await settled(page, view)
    await page.get_by_test_id("open-palette").focus()
    await page.keyboard.press("Tab")
    await expect(page.get_by_test_id("theme")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_test_id("nav-help").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("help-text")).to_be_visible()


async def test_enter_after_j_opens_what_was_chosen(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url)
    await page.get_by_test_id("nav-overview").click()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("server-name")).to_have_text("dat-0000")


async def test_keys_do_nothing_behind_a_dialog(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url)
    await settled(page, "overview")
    keys = page.get_by_role("dialog", name="Keys")
    button = page.get_by_role("button", name="Keys")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(keys).to_be_focused()
    for key in ("j", "Enter", "d", "/"):
        await page.keyboard.press(key)
    await page.keyboard.press("Tab")
    await expect(keys).to_be_focused()
    assert page.url == dashboard.url
    await page.keyboard.press("?")
    await expect(keys).to_have_count(0)
    await expect(button).to_be_focused()
    await page.keyboard.press("j")
    assert "at=" in page.url


async def test_j_and_k_move_what_has_no_rows(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}help", ready="[data-test=help-text]")
    await settled(page, "help")
    await page.keyboard.press("j")
    await page.wait_for_function("scrollY > 0")
    await page.keyboard.press("k")
    await page.wait_for_function("scrollY === 0")


async def test_what_has_the_focus_can_be_seen(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url)
    for _ in range(6):
        await page.keyboard.press("Tab")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outline")
        assert outline.endswith("solid 2px")


@pytest.mark.parametrize("view", READ)
async def test_whatever_stands_in_the_address_there_is_something_to_see(
    open_page: Open, dashboard: DashboardProcess, view: str
) -> None:
    keys, shown = READ[view]
    base = "name=web-0001&" if view == "server" else ""
    # The address that is opened, too: it is read before anything is there.
    page = await open_page(
        f"{dashboard.url}{view}?{base}{'&'.join(f'{key}=constructor' for key in keys)}", ready=".a-frame"
    )
    await page.wait_for_selector(shown)
    addresses = [f"/{view}?{base}{key}={quote(value)}" for key in keys for value in GARBAGE]
    assert await page.evaluate(GO_THROUGH, [addresses, shown]) == []
    assert page.complaints.found == []


async def test_what_cannot_be_meant_is_left_out(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}?sort=constructor&level=xyz,critical")
    await expect(page.get_by_test_id("count")).to_have_text("1 of 12")
    await page.goto(f"{dashboard.url}?sort=toString&level=xyz")
    await expect(page.get_by_test_id("count")).to_have_text("12 of 12")
    await expect(page.locator("[data-test=row] .a-name").first).to_have_text("dat-0000")
    await expect(page.get_by_test_id("sort-risk").locator("svg")).to_have_count(1)
    await page.goto(f"{dashboard.url}alerts?show=xyz&level=toString")
    await expect(page.get_by_test_id("show-firing")).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_test_id("level")).to_have_value("")


async def test_more_of_what_fails_next(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.publish(fleet(40))  # a fifth of them is about to fail
    page = await open_page(dashboard.url)
    cards = page.get_by_test_id("next-card")
    await expect(cards).to_have_count(4)
    more = page.get_by_test_id("next-more")
    await expect(more).to_have_text("5 more")
    await more.click()
    await expect(cards).to_have_count(9)
    assert "next=more" in page.url
    await more.click()
    await expect(cards).to_have_count(4)
