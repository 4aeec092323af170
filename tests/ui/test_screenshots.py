"""Every view in dark, light and on a phone: nothing sticks out, and pictures to look at.

They are written to `ARGUS_SCREENSHOTS`, by default `.cache/screenshots`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from argus_client import ArgusClient
from argus_ui.views import all_views
from tests.processes import ROOT, Process, ServerProcess, until
from tests.ui.conftest import PHONE, SIZE, Open, free_port
from tests.ui.dashboards import DashboardProcess

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

FOLDER = Path(os.environ.get("ARGUS_SCREENSHOTS", ROOT / ".cache/screenshots"))
SERVERS = 24
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"size": SIZE, "color_scheme": "light"},
    "dark": {"size": SIZE, "color_scheme": "dark"},
    "phone": {"size": PHONE, "color_scheme": "light"},
    "phone-dark": {"size": PHONE, "color_scheme": "dark"},
}
# Nothing has moved for as long as 20 frames take.
_STILL = """() => {
  const seen = document.body.innerText.length + ":" + document.querySelectorAll("svg, canvas").length;
  window.still = seen === window.stillSeen ? (window.still ?? 0) + 1 : 0;
  window.stillSeen = seen;
  return window.still >= 20;
}"""
_OVERFLOW = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) return `the page is ${wide} px too wide`;
  for (const element of document.querySelectorAll(".a-frame *")) {
    const { overflowY, webkitLineClamp } = getComputedStyle(element);
    if (overflowY !== "hidden" || webkitLineClamp !== "none" || !element.innerText?.trim()) continue;
    const hidden = element.scrollHeight - element.clientHeight;
    if (hidden > 1) return `${element.className} hides ${hidden} px of "${element.innerText.slice(0, 60)}"`;
  }
  return "";
}"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    """A dashboard of a real server with a simulated fleet in trouble."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = tmp_path_factory.mktemp("data")
    port = free_port()
    fleet = ("--servers", SERVERS, "--scenario", "critical", "--scenario-listen", f"127.0.0.1:{port}")
    with ExitStack() as stack:
        server = stack.enter_context(
            ServerProcess("--clock", "wall", "--data-dir", data, "--tick-seconds", "1")
        )
        stack.enter_context(Process("simulate", "--target", server.target, *fleet))
        with ArgusClient(server.target) as client:
            until(lambda: client.get_status().warm_servers >= SERVERS, 60)
            until(lambda: client.get_snapshot().summary.critical_count > 0, 60)
        yield stack.enter_context(DashboardProcess(server.target, "--simulator", f"127.0.0.1:{port}"))


@pytest.mark.parametrize("look", LOOKS)
async def test_every_view_is_worth_looking_at(look: str, open_page: Open, real: DashboardProcess) -> None:
    page = await open_page(real.url, **LOOKS[look])
    worst = await page.locator("[data-test=row] .a-name").first.inner_text()
    problems = {}
    for view in all_views():
        query = "" if view.menu else f"?name={quote(worst)}"
        await page.goto(f"{real.url}{view.path.removeprefix('/')}{query}")
        await page.wait_for_selector(".a-main > *")
        # Charts move in; nothing says when they have.
        await page.wait_for_function(_STILL)
        await page.screenshot(path=FOLDER / f"{view.name}-{look}.png", animations="disabled")
        if problem := await page.evaluate(_OVERFLOW):
            problems[view.name] = problem
    assert not problems
