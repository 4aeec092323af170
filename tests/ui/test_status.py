"""What is always in sight, and what a tap on it tells, on a phone and on a screen."""

from __future__ import annotations

import csv
import re

import pytest
from playwright.async_api import Download, expect

from argus_client.testing import FakeServer, make_alert
from tests.ui.conftest import PHONE, SIZE, Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

CARD = "[data-test=row]"
SMALL = {"width": 320, "height": 640}


async def _rows(download: Download) -> list[list[str]]:
    return list(csv.reader((await download.path()).read_text().splitlines()))


@pytest.mark.parametrize("size", [SMALL, PHONE, SIZE], ids=["small", "phone", "screen"])
async def test_the_connection_tells_model_and_age_when_it_is_pressed(
    size: dict[str, int], argus: FakeServer, dashboard: DashboardProcess, open_page: Open
) -> None:
    argus.publish(fleet())
    page = await open_page(dashboard.url, size=size)
    pill = page.get_by_test_id("connection")
    await expect(page.get_by_test_id("forecast-age")).to_be_in_viewport(ratio=1)
    await expect(page.get_by_test_id("forecast-age")).to_have_text(re.compile(r"\d+ s old"))

    await pill.focus()
    await page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name="Status")
    await expect(sheet).to_be_in_viewport(ratio=1)
    await expect(pill).to_have_attribute("aria-expanded", "true")
    await expect(sheet).to_contain_text(f"Connected to the Argus server {argus.target}.")
    await expect(sheet).to_contain_text(re.compile(r"Forecast\s*\d+ s old, begins .* UTC"))
    await expect(sheet).to_contain_text(re.compile(r"Revision\s*\d+"))
    model = fleet().header.model
    await expect(sheet).to_contain_text(model.revision)

    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await expect(pill).to_be_focused()
    await pill.click()
    await sheet.get_by_role("button", name="Close").click()
    await expect(sheet).to_be_hidden()


async def test_a_lost_server_is_told_within_the_width_of_a_phone(
    dashboard: DashboardProcess, open_page: Open
) -> None:
    page = await open_page(dashboard.url, size=SMALL)
    await page.evaluate("import('argus/feed.js').then(({ link }) => (link.socket = false))")
    pill = page.get_by_test_id("connection")
    await expect(pill).to_have_text("Page disconnected")
    await expect(pill).to_be_in_viewport(ratio=1)
    await expect(page.get_by_test_id("forecast-age")).to_be_in_viewport(ratio=1)
    await expect(page.get_by_test_id("theme")).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth") == SMALL["width"]


async def test_tables_of_a_phone_can_be_saved(
    argus: FakeServer, dashboard: DashboardProcess, open_page: Open
) -> None:
    argus.publish(fleet(3))
    argus.put_alerts(make_alert("web-first"))
    page = await open_page(dashboard.url, size=PHONE)
    await expect(page.locator(CARD)).to_have_count(3)
    async with page.expect_download() as download:
        await page.get_by_test_id("csv-phone").click()
    rows = await _rows(await download.value)
    names = {server.server_name for server in fleet(3).servers}
    assert [names.intersection(row) for row in rows] == [
        set(),
        *({server.server_name} for server in fleet(3).servers),
    ]

    await page.goto(f"{dashboard.url}alerts")
    async with page.expect_download() as download:
        await page.get_by_test_id("csv").click()
    rows = await _rows(await download.value)
    assert "web-first" in rows[1]
