"""What a real browser measures of a page, on its own clock."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from argus_ui.bench.processes import BenchError

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SIZE: Final = {"width": 1440, "height": 900}
_SECONDS: Final = 60_000

_LOADED: Final = "performance.getEntriesByName('argus:painted').length"
_FIRST: Final = """() => Math.max(
  performance.getEntriesByName("argus:painted")[0].startTime,
  performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0)"""
# Once the overview is there the browser fetches what other views need, while it has nothing else to do.
_BYTES: Final = """() => {
  const [{ startTime: until }] = performance.getEntriesByName("argus:painted");
  return [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter((entry) => entry.startTime < until)
    .reduce((sum, entry) => sum + entry.transferSize, 0);
}"""

# The click is made within the page: how long the driver takes is not what is asked.
_SWITCH: Final = """([view, selector, limit]) => new Promise((done) => {
  const start = performance.now();
  const look = () => {
    const seen = performance.getEntriesByName("argus:shown")
      .find((mark) => mark.startTime > start && mark.detail === view);
    if (seen) done(seen.startTime - start);
    else if (performance.now() - start > limit) done(null);
    else setTimeout(look, 2);
  };
  document.querySelector(selector).click();
  look();
})"""
# A link to a server is in a view, not in the menu.
SERVER: Final = "server"
_SERVER_LINK: Final = "[data-test=row] .a-name"
_SWITCH_MS: Final = 20_000
_DELAYS: Final = """(from) => performance.getEntriesByName("argus:painted")
  .filter((mark) => mark.startTime > from && mark.detail.heard)
  .map((mark) => performance.timeOrigin + mark.startTime - mark.detail.published)"""
_WATCH_TASKS: Final = """() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
  }).observe({ type: "longtask" });
}"""
_SCROLL: Final = """() => new Promise((done) => {
  const step = () => {
    const before = scrollY;
    scrollBy(0, 600);
    if (scrollY === before) done(); else requestAnimationFrame(step);
  };
  step();
})"""


@asynccontextmanager
async def chromium(path: str) -> AsyncIterator[Any]:
    """A browser."""
    try:
        from playwright.async_api import async_playwright
    except ModuleNotFoundError:
        raise BenchError("it needs Playwright: pip install 'argus-forecast[dev]'") from None
    found = path or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise BenchError(
            f"there is no Chromium: none of {', '.join(NAMES)} is on the path; name it with --chromium"
        )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def profile(browser: Any) -> AsyncIterator[Any]:
    """A fresh profile with an empty cache."""
    context = await browser.new_context(viewport=_SIZE)
    context.set_default_timeout(_SECONDS)
    try:
        yield context
    finally:
        await context.close()


async def load(context: Any, url: str) -> Any:
    """A page with the fleet on the screen."""
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_function(_LOADED)
    return page


async def first_paint_ms(page: Any) -> float:
    """From asking for the page until the fleet is on the screen."""
    return float(await page.evaluate(_FIRST))


async def transferred_bytes(page: Any) -> int:
    """Bytes that came over the network until the fleet was on the screen, as they came, headers included."""
    return int(await page.evaluate(_BYTES))


async def switch_ms(page: Any, view: str) -> float:
    """From a click in the menu, or on the first server, until the view is on the screen with what it is about.

    Raises:
        BenchError: It never said so.
    """
    selector = _SERVER_LINK if view == SERVER else f'[data-test="nav-{view}"]'
    taken = await page.evaluate(_SWITCH, [view, selector, _SWITCH_MS])
    if taken is None:
        raise BenchError(f"the view {view} did not get shown")
    return float(taken)


async def views(page: Any) -> list[str]:
    """Names of the views in the menu."""
    names: list[str] = await page.evaluate(
        "[...document.querySelectorAll('[data-test^=nav-]')].map((link) => link.dataset.test.slice(4))"
    )
    return names


async def now_ms(page: Any) -> float:
    """The page's clock."""
    return float(await page.evaluate("performance.now()"))


async def delays_ms(page: Any, since_ms: float) -> list[float]:
    """From publishing a snapshot until it is on the screen, for all since then."""
    return [float(delay) for delay in await page.evaluate(_DELAYS, since_ms)]


async def watch_tasks(page: Any) -> None:
    """Starts to note the longest task."""
    await page.evaluate(_WATCH_TASKS)


async def scroll_through(page: Any) -> float:
    """Scrolls to the end, a screen a frame; returns the longest task since `watch_tasks`, 0 when all were short."""
    await page.evaluate(_SCROLL)
    return await longest_task_ms(page)


async def longest_task_ms(page: Any) -> float:
    """The longest task since `watch_tasks`, 0 when all were short."""
    return float(await page.evaluate("window.longest"))
