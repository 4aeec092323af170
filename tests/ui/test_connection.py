"""What a page says and does when something behind it goes away."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from argus_client.testing import FakeServer, make_alert, make_snapshot
from tests.ui.conftest import Open, free_port
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

# The client waits longer and longer between attempts.
SOON = 20_000


async def test_it_finds_the_server_again(open_page: Open) -> None:
    with FakeServer() as argus, DashboardProcess(argus.target) as dashboard:
        page = await open_page(dashboard.url, ready="[data-test=no-fleet]")
        await expect(page.get_by_test_id("no-fleet")).to_contain_text("nothing published yet", timeout=SOON)
        argus.publish(fleet())
        state = page.get_by_test_id("connection")
        await expect(page.get_by_test_id("count")).to_have_text("12 of 12")
        argus.stop()
        await expect(state).to_have_text("Reconnecting", timeout=SOON)
        banner = page.get_by_test_id("banner-lost")
        await expect(banner).to_contain_text(f"The Argus server {argus.target} does not answer.")
        await expect(banner).not_to_contain_text("Subscribe at")
        await expect(page.get_by_test_id("count")).to_have_text("12 of 12")
        argus.start()
        await expect(state).to_have_text("Live", timeout=SOON)
        await expect(page.get_by_test_id("banner-lost")).to_have_count(0)


async def test_no_alerts_is_no_good_news_without_a_connection(open_page: Open) -> None:
    with FakeServer() as argus, DashboardProcess(argus.target) as dashboard:
        argus.publish(make_snapshot({"web-1": 5.0}))
        page = await open_page(f"{dashboard.url}alerts", ready="[data-test=no-alerts]")
        page.complaints.expected += ["Failed to load resource"]
        told = page.get_by_test_id("no-alerts")
        await expect(told).to_contain_text("No unacknowledged alerts.", timeout=SOON)
        await expect(told.locator(".a-level-healthy")).to_have_count(1)
        argus.stop()
        await expect(told).to_contain_text("No connection: alerts are not known", timeout=SOON)
        await expect(told.locator(".a-level-healthy")).to_have_count(0)


async def test_what_cannot_be_done_without_a_server_is_said_in_words(open_page: Open) -> None:
    with FakeServer() as argus, DashboardProcess(argus.target) as dashboard:
        argus.publish(fleet())
        argus.put_alerts(make_alert("web-1"))
        page = await open_page(f"{dashboard.url}alerts", ready="[data-test=alert]")
        page.complaints.expected += ["Failed to load resource"]
        argus.stop()
        await expect(page.get_by_test_id("connection")).to_have_text("Reconnecting", timeout=SOON)
        await page.get_by_test_id("acknowledge").click()
        await page.get_by_test_id("author").fill("ada")
        await page.get_by_test_id("confirm").click()
        failed = page.locator(".a-toast-failed .q-notification__message")
        await expect(failed).to_have_text(
            "Not done. The Argus server cannot be reached; nothing was changed.", timeout=SOON
        )


async def test_it_waits_for_a_server_that_is_not_there_yet(open_page: Open) -> None:
    port = free_port()
    with DashboardProcess(f"127.0.0.1:{port}") as dashboard:
        page = await open_page(dashboard.url, ready="[data-test=no-fleet]")
        await expect(page.get_by_test_id("no-fleet")).to_contain_text(f"127.0.0.1:{port}")
        lost = page.get_by_test_id("banner-lost")
        await expect(lost).to_contain_text("does not answer", timeout=SOON)
        await expect(lost).not_to_contain_text("What you see")
        with FakeServer(port=port) as argus:
            argus.publish(fleet())
            await expect(page.get_by_test_id("count")).to_have_text("12 of 12", timeout=SOON)


async def test_a_page_outlives_the_dashboard(open_page: Open, argus: FakeServer) -> None:
    listen = f"127.0.0.1:{free_port()}"
    with DashboardProcess(argus.target, listen=listen) as dashboard:
        page = await open_page(f"{dashboard.url}?profile=web_api")
    # Its socket and its fetches fail until the dashboard is back.
    page.complaints.expected += ["net::ERR_", "WebSocket", "Failed to load", "Failed to fetch"]
    await expect(page.get_by_test_id("connection")).to_have_text("Page disconnected", timeout=SOON)
    await expect(page.get_by_test_id("banner-lost")).to_be_visible()
    with DashboardProcess(argus.target, listen=listen):
        await expect(page.get_by_test_id("connection")).to_have_text("Live", timeout=SOON)
        await expect(page.get_by_test_id("count")).to_have_text("3 of 12")


async def test_a_refused_key_is_said_and_mended(open_page: Open) -> None:
    with FakeServer() as argus:
        argus.api_key = "right"
        with DashboardProcess(argus.target, ARGUS_API_KEY="wrong") as dashboard:
            page = await open_page(dashboard.url, ready="[data-test=no-fleet]")
            await expect(page.get_by_test_id("no-fleet")).to_contain_text("API key")
            argus.publish(fleet())
            argus.api_key = "wrong"
            await expect(page.get_by_test_id("count")).to_have_text("12 of 12", timeout=SOON)


async def test_news_that_comes_while_it_fetches_is_not_lost(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    argus.publish(fleet())
    page = await open_page(dashboard.url)
    answered, heard = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        response = await route.fetch()
        answered.set()
        await heard.wait()
        await route.fulfill(response=response)

    await page.route("**/api/fleet", hold, times=1)
    messages = await page.evaluate("window.nextMessageId")
    argus.publish(fleet(20))
    await asyncio.wait_for(answered.wait(), SOON / 1000)
    argus.publish(fleet(25))
    await page.wait_for_function("(before) => window.nextMessageId >= before + 2", arg=messages)
    heard.set()
    await expect(page.get_by_test_id("count")).to_have_text("25 of 25")
