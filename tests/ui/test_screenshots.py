"""Every view at every width: nothing sticks out, is cut or too pale; and pictures to look at.

They are written to `ARGUS_SCREENSHOTS`, by default `.cache/screenshots`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from argus_client import AlertMatcher, ArgusClient, DayOfWeek, MaintenanceWindow
from argus_client.testing import FakeServer, make_alert
from argus_ui.views import all_views
from tests.processes import ROOT, Process, ServerProcess, until
from tests.ui.conftest import PHONE, SIZE, Open, free_port
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

FOLDER = Path(os.environ.get("ARGUS_SCREENSHOTS", ROOT / ".cache/screenshots"))
LAYOUT = Path(__file__).parent / "layout.js"
SERVERS = 24
# Of the smallest phone, a phone, a tablet, half a screen, where columns go, laptops, a monitor.
WIDTHS = (320, PHONE["width"], 768, 901, 1024, 1181, 1366, SIZE["width"], 1920)
# What views show when asked to: a name, the address, what is clicked there. `NAME` is a server in trouble.
MORE: tuple[tuple[str, str, str], ...] = (
    ("next", "/?next=more", ""),
    ("sorted", "/?sort=iowait", ""),
    ("status", "/", "connection"),
    ("palette", "/", "open-palette"),
    ("alert", "/alerts?show=acknowledged", "alert"),
    ("acknowledged", "/alerts?show=acknowledged", ""),
    ("silences", "/alerts?show=silences", ""),
    ("new-silence", "/alerts?show=silences", "new-silence"),
    ("windows", "/alerts?show=windows", ""),
    ("new-window", "/alerts?show=windows", "new-window"),
    ("over-time", "/heatmap?show=time", ""),
    ("silencing", "/server?name=NAME", "silence"),
)
# Nothing has moved for as long as 20 frames take.
_STILL = """() => {
  const seen = document.body.innerText.length + ":" + document.querySelectorAll("svg, canvas").length;
  window.still = seen === window.stillSeen ? (window.still ?? 0) + 1 : 0;
  window.stillSeen = seen;
  return window.still >= 20;
}"""
# A resized page asks media queries and observers, which draw in the next frame.
_THREE_FRAMES = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => done()))))"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DashboardProcess, str]]:
    """A dashboard of a real server with a simulated fleet in trouble, and who is in trouble."""
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
            # Who is in trouble gets critical with the next step of five minutes; their first alert is there before.
            until(client.list_alerts, 90)
            worst = client.list_alerts()[0]
            client.acknowledge_alert(worst.alert_id, "annamaria.schmidt")
            quiet = AlertMatcher(servers=("ppgen*", "ppcon*"), metrics=("mem_used_pct", "swap_used_pct"))
            client.create_silence(quiet, 7200, "ann", comment="migration of the billing database")
            weekdays = (DayOfWeek.MONDAY, DayOfWeek.WEDNESDAY, DayOfWeek.FRIDAY)
            client.put_maintenance_window(
                MaintenanceWindow(weekdays, "02:00", 5400, "ann", quiet, "America/Argentina/Buenos_Aires")
            )
        dashboard = DashboardProcess(server.target, "--simulator", f"127.0.0.1:{port}")
        yield stack.enter_context(dashboard), worst.server_name


async def _settled(page: Page, question: str) -> list[str]:
    """What a question about the layout answers, once what it is about has been drawn."""
    await page.evaluate(_THREE_FRAMES)
    found = await page.evaluate(question)
    if found:
        await page.wait_for_function(_STILL)
        found = await page.evaluate(question)
    return [str(one) for one in found]


async def _picture(page: Page, name: str, *, width: int, dark: bool = False) -> None:
    look = {
        (False, False): "light",
        (False, True): "dark",
        (True, False): "phone",
        (True, True): "phone-dark",
    }
    await page.wait_for_function(_STILL)
    await page.screenshot(
        path=FOLDER / f"{name}-{look[width == PHONE['width'], dark]}.png", animations="disabled"
    )


async def _resize(page: Page, width: int) -> None:
    size = PHONE if width < 760 else SIZE
    await page.set_viewport_size({"width": width, "height": size["height"]})


@pytest.mark.timeout(240)
async def test_every_view_is_worth_looking_at(open_page: Open, real: tuple[DashboardProcess, str]) -> None:
    dashboard, name = real
    page = await open_page(dashboard.url, color_scheme="light")
    await page.add_init_script(path=LAYOUT)
    shown = [(view.name, view.path if view.menu else f"{view.path}?name=NAME", "") for view in all_views()]
    problems = []
    for title, path, click in (*shown, *MORE):
        is_view = (title, path, click) in shown
        await _resize(page, SIZE["width"])
        await page.goto(dashboard.url + path.removeprefix("/").replace("NAME", quote(name)))
        await page.wait_for_selector(".a-main > *")
        # Charts move in; nothing says when they have.
        await page.wait_for_function(_STILL)
        if click:
            await page.get_by_test_id(click).first.click()
        for width in WIDTHS if is_view else WIDTHS[::2]:
            await _resize(page, width)
            problems += [f"{title} at {width} px: {one}" for one in await _settled(page, "layoutFaults()")]
            await expect(page.get_by_test_id("connection")).to_be_in_viewport()
            await expect(page.get_by_test_id("forecast-age")).to_be_in_viewport()
        for width in (SIZE["width"], PHONE["width"]) if is_view else (PHONE["width"],):
            await _resize(page, width)
            await _picture(page, title, width=width)
        problems += [f"{title}: {one}" for one in await _settled(page, "paleTexts()")]
        problems += [f"{title}: focus ring of {one}" for one in await _settled(page, "cutRings()")]
    assert not problems, "\n".join(problems)


@pytest.mark.timeout(120)
async def test_every_view_is_worth_looking_at_in_the_dark(
    open_page: Open, real: tuple[DashboardProcess, str]
) -> None:
    dashboard, name = real
    page = await open_page(dashboard.url, color_scheme="dark")
    await page.add_init_script(path=LAYOUT)
    problems = []
    for view in all_views():
        await _resize(page, SIZE["width"])
        query = "" if view.menu else f"?name={quote(name)}"
        await page.goto(dashboard.url + view.path.removeprefix("/") + query)
        await page.wait_for_selector(".a-main > *")
        await _picture(page, view.name, width=SIZE["width"], dark=True)
        problems += [f"{view.name}: {one}" for one in await _settled(page, "paleTexts()")]
        await _resize(page, PHONE["width"])
        await _picture(page, view.name, width=PHONE["width"], dark=True)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("path", "click"),
    [
        ("", ""),
        ("top-risks?all=1&count=10", ""),
        ("heatmap", ""),
        ("alerts?show=pending", "acknowledge"),
        ("server?name=NAME", ""),
    ],
)
async def test_names_of_strangers_do_not_break_the_layout(
    path: str, click: str, argus: FakeServer, dashboard: DashboardProcess, open_page: Open
) -> None:
    argus.publish(fleet(HOSTILE))
    longest = max(HOSTILE, key=len)
    argus.put_alerts(*(make_alert(name, state="pending") for name in HOSTILE))
    page = await open_page(dashboard.url)
    await page.add_init_script(path=LAYOUT)
    await page.goto(dashboard.url + path.replace("NAME", longest))
    await page.wait_for_selector(f"text={longest}" if path != "heatmap" else "canvas")
    if click:
        await page.get_by_test_id(click).last.click()
    problems = []
    for width in WIDTHS:
        await _resize(page, width)
        problems += [f"{path} at {width} px: {one}" for one in await _settled(page, "layoutFaults()")]
    assert not problems, "\n".join(problems)


FAULTS: dict[str, tuple[str, str]] = {
    "wide": ("<p style='width: 900px'>wide</p>", "the page is"),
    "cut": (
        "<div style='width: 40px; overflow: hidden'><button style='width: 80px'>Ack</button></div>",
        "is cut by 40 px",
    ),
    "low": (
        "<div style='height: 10px; overflow: hidden'><button style='height: 30px'>Ack</button></div>",
        "of height in",
    ),
    "off": ("<button style='position: absolute; left: -20px'>Ack</button>", "off the page"),
    "touching": (
        "<div style='display: flex' role='row'><b role='columnheader'>CPU</b><b role='columnheader'>Memory</b></div>",
        '"CPU" and b. "Memory" touch',
    ),
    "over": ("<div style='display: flex'><b>One</b><b style='margin-left: -20px'>Two</b></div>", "overlap"),
    "out": (
        "<p style='width: 30px; border: 1px solid; white-space: nowrap'>more than fits</p>",
        "sticks out of",
    ),
    "clipped": (
        "<p style='width: 30px; overflow: hidden; white-space: nowrap'>more than fits</p>",
        "of its text",
    ),
    "untold": (
        "<p style='width: 30px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis'>more than fits</p>",
        "no title says it",
    ),
    "broken": ("<p style='width: 30px; overflow-wrap: anywhere'>Running</p>", '"Running" is broken'),
    "covered": (
        "<div class='a-body'><button>Ack</button></div>"
        "<nav class='a-tabs' style='position: fixed; bottom: 0; height: 99%'>tabs</nav>",
        "beneath the tabs",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_faults_of_a_layout_are_found(fault: str, browser: Browser) -> None:
    html, said = FAULTS[fault]
    page = await browser.new_page(viewport={"width": 390, "height": 844})
    try:
        await page.add_init_script(path=LAYOUT)
        await page.goto("about:blank")
        await page.set_content(f"<body style='margin: 0'><div class='a-frame'>{html}</div>")
        assert said in " ".join(await page.evaluate("layoutFaults()"))
        await page.set_content(
            "<body style='margin: 0'><div class='a-frame'><p>Fine</p><button>Ack</button></div>"
        )
        assert await page.evaluate("[layoutFaults(), paleTexts(), cutRings()].flat()") == []
    finally:
        await page.close()


async def test_pale_texts_and_cut_focus_rings_are_found(browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 390, "height": 844})
    try:
        await page.add_init_script(path=LAYOUT)
        await page.goto("about:blank")
        await page.set_content(
            "<style>button:focus { outline: 2px solid; outline-offset: 1px }</style>"
            "<div class='a-frame'><p style='opacity: 0.5; color: #606a76'>pale</p>"
            "<div style='overflow: hidden; width: min-content'><button>Ack</button></div></div>"
        )
        (pale,) = await page.evaluate("paleTexts()")
        assert '"pale" has a contrast of' in pale
        assert '"Ack" is cut by 3 px' in " ".join(await page.evaluate("cutRings()"))
    finally:
        await page.close()
