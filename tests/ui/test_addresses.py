"""Addresses and questions that make no sense: there is always something to see, and no storm of requests."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Request, expect

from argus_client.testing import FakeServer
from tests.ui.conftest import Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import fleet

in_browser = pytest.mark.asyncio(loop_scope="session")

# What every object of JavaScript has; numbers that are none, or too large; what stands in no list.
GARBAGE = ("constructor", "toString", "__proto__", "NaN", "-1", "1e999", "9" * 30, "\u0000", "<b>", "")
KEYS = {
    "history": ("range", "q", "event", "server", "metric", "horizon"),
    "accuracy": ("range", "server", "metric", "horizon"),
    "heatmap": ("show", "value", "metric", "hours", "group", "rows", "at", "q", "profile"),
    "model": ("range",),
    "help": ("range",),
}
CONTENTS = {
    "history": "[data-test=fleet-chart]",
    "accuracy": "[data-test=forecast-check]",
    "heatmap": "[data-test=heat-csv]",
    "model": "[data-test=model-name]",
    "help": "[data-test=ladder]",
}
# What a view may ask for while it is opened and looked at.
MOST_REQUESTS = 12
LOOK_ON = """async () => {
  for (let frames = 0; frames < 20; frames++) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture(autouse=True)
def twelve(argus: FakeServer) -> None:
    argus.publish(fleet())


@in_browser
@pytest.mark.parametrize("view", KEYS)
async def test_every_key_may_hold_anything(view: str, open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}{view}", ready=CONTENTS[view])
    # A server of that name has no past, and says so.
    page.complaints.expected += ["404", "400"]
    asked: list[str] = []

    def count(request: Request) -> None:
        if "/api/" in request.url:
            asked.append(request.url)

    page.on("request", count)
    for garbage in GARBAGE:
        asked.clear()
        # As a link does: the same page, another address.
        await page.evaluate(
            """([path, keys, value]) => {
                history.pushState({}, "", `${path}?${new URLSearchParams(keys.map((key) => [key, value]))}`);
                dispatchEvent(new PopStateEvent("popstate"));
            }""",
            [f"/{view}", KEYS[view], garbage],
        )
        await expect(page.locator(CONTENTS[view]).first).to_be_visible()
        await page.evaluate(LOOK_ON)
        assert len(asked) <= MOST_REQUESTS, asked
        assert not page.complaints.found or all("40" in one for one in page.complaints.found), garbage
    await page.reload()
    await expect(page.locator(CONTENTS[view]).first).to_be_visible()


@in_browser
async def test_a_range_that_is_none_is_the_usual_one(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}history?range=constructor", ready="[data-test=summary]")
    await expect(page.get_by_test_id("range-1d")).to_have_attribute("aria-pressed", "true")


@in_browser
async def test_a_metric_that_is_none_is_the_usual_choice(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(
        f"{dashboard.url}heatmap?show=time&metric=constructor", ready="[data-test=heat-metric]"
    )
    await expect(page.get_by_test_id("heat-metric")).to_have_value("nearest")
    await expect(page.get_by_test_id("heat-problem")).to_have_count(0)


NUMBERS = (
    "99999999999999999999999", "9" * 5000, "9007199254740993", "-1", "NaN", "inf", "1e3", "0x10", "\u0663", "text",
)  # fmt: skip
QUERIES = (
    "alerts/events?id=a&server=dat-0000&since={}",
    "top-risks?count={}",
    "server/history?name=dat-0000&last={}",
    "server/history?name=dat-0000&last={}h",
    "server/events?name=dat-0000&last={}",
    "history/summary?range={}",
    "history/fleet?range={}",
    "history/events?range={}",
    "history/export?table=metrics&format=csv&range={}",
    "history/export?table={}&format=csv&range=1d",
    "accuracy/server?server=dat-0000&metric=mem_used_pct&range=1d&horizon={}",
    "accuracy/server?server=dat-0000&metric={}&range=1d",
    "heatmap/time?metric=nearest&hours={}",
    "heatmap/time?metric={}&hours=8",
)


@pytest.mark.parametrize("query", QUERIES)
def test_a_number_that_is_none_is_refused(query: str, dashboard: DashboardProcess) -> None:
    path, _, given = query.partition("?")
    names = dict(part.split("=") for part in given.split("&"))
    with httpx.Client(base_url=f"{dashboard.url}api/") as http:
        for number in NUMBERS:
            answer = http.get(path, params={name: value.format(number) for name, value in names.items()})
            assert answer.status_code == 400, (number, answer.text)
            assert len(answer.json()["detail"]) < 500 + len(number), number


WINDOW = {
    "servers": ["*"],
    "author": "ann",
    "days": [],
    "start_time": "02:00",
    "seconds": 3600,
    "expires_at_ms": 0,
}
BODIES = (
    ("silences", {"servers": ["*"], "author": "ann", "seconds": "{}"}),
    ("alerts/silence", {"server": "dat-0000", "author": "ann", "seconds": "{}"}),
    ("windows", WINDOW | {"seconds": "{}"}),
    ("windows", WINDOW | {"expires_at_ms": "{}"}),
)


@pytest.mark.parametrize(("path", "body"), BODIES)
@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 40, '"text"', "true", "null"]
)
async def test_a_body_with_a_number_that_is_none_is_refused(
    path: str, body: dict[str, object], number: str, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    text = str(body).replace("'{}'", number).replace("'", '"')
    async with httpx.AsyncClient(base_url=f"{dashboard.url}api/") as http:
        answer = await http.post(path, content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
