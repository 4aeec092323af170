"""The riskiest servers, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from argus_client.testing import FakeServer, make_snapshot
from tests.ui.conftest import PHONE, Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

CARD = "[data-test=risk-card]"


@pytest.fixture(autouse=True)
def thirty(argus: FakeServer) -> None:
    argus.publish(fleet(30))


async def test_cards_say_how_bad_why_and_when(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}top-risks", ready=CARD)
    cards = page.locator(CARD)
    await expect(cards).to_have_count(5)
    second = cards.nth(1)
    await expect(second).to_contain_text("web-0001")
    await expect(second).to_contain_text("memory 61 % → 98 % in 10 min")
    await expect(second).to_contain_text("+30")
    await expect(second.locator(".a-when")).to_have_text("in 48 min")
    await expect(second.locator(".a-when")).to_have_attribute("title", re.compile("2025-06-15 15:59:40 UTC"))
    # The same moment as everywhere else.
    await expect(cards.nth(4).locator(".a-when")).to_have_text("in 12 min")
    await expect(second).to_contain_text("Memory above 98 %, probability 83 %")
    await expect(second.get_by_role("img", name="risk 86 of 100")).to_be_visible()
    await expect(second.get_by_test_id("acknowledge")).to_be_visible()
    await page.get_by_test_id("top-10").click()
    # Six of them are above healthy; the others only when asked for.
    risky = await cards.count()
    assert 5 < risky <= 10
    await page.get_by_test_id("all").click()
    await expect(cards).to_have_count(10)
    await page.reload()
    await expect(cards).to_have_count(10)


async def test_what_was_last_heard_of_a_silent_server_is_not_its_present(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.publish(fleet(4))
    page = await open_page(f"{dashboard.url}top-risks?all=1", ready=CARD)
    silent = page.locator(CARD, has_text="dat-0003")
    await expect(silent.locator(".a-when")).to_have_text("no data for 30 min")
    await expect(silent).to_contain_text("Stopped sending")
    await expect(silent).not_to_contain_text("Incident within")
    for look in (".a-arrow", ".a-risk-bar", ".a-rising", ".a-risk-outlook"):
        await expect(silent.locator(look)).to_have_count(0)


async def test_a_healthy_fleet_is_a_calm_one(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}top-risks", ready=CARD)
    argus.publish(make_snapshot({"web-1": 12.0, "db-1": 20.0}))
    calm = page.get_by_test_id("calm")
    await expect(calm).to_contain_text("All 2 servers are healthy")
    await calm.get_by_role("button").click()
    await expect(page.locator(CARD)).to_have_count(2)


async def test_names_are_text_and_a_phone_needs_no_scrolling_sideways(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.publish(fleet(HOSTILE))
    page = await open_page(f"{dashboard.url}top-risks?count=10&all=1", ready=CARD, size=PHONE)
    await expect(page.locator(CARD)).to_have_count(len(HOSTILE))
    assert await page.evaluate("window.pwned") is None
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
