"""One browser for all tests of pages; a server and a dashboard for each module."""

from __future__ import annotations

import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from argus_client.testing import FakeServer
from tests.ui.dashboards import Complaints, DashboardProcess
from tests.ui.fleets import fleet

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def argus() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.publish(fleet())
        yield server


@pytest.fixture(scope="module")
def dashboard(argus: FakeServer) -> Iterator[DashboardProcess]:
    with DashboardProcess(argus.target) as process:
        yield process


Open = Callable[..., Any]


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Opens pages, each in a browser profile of its own; what they complain about fails the test."""
    opened: list[tuple[Page, Complaints]] = []

    async def open_one(
        url: str, *, size: dict[str, int] = SIZE, ready: str = "[data-test=row]", **more: Any
    ) -> Page:
        context = await browser.new_context(viewport=size, **more)
        context.set_default_timeout(15_000)
        page = await context.new_page()
        opened.append((page, Complaints(page)))
        page.complaints = opened[-1][1]  # type: ignore[attr-defined]
        await page.goto(url)
        await page.wait_for_selector(ready)
        return page

    yield open_one
    for page, _ in opened:
        await page.context.close()
    for _, complaints in opened:
        complaints.check()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
