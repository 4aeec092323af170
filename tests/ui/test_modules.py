"""Modules of the browser that views share, each in a page, where a small component uses it."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route

from argus_client.testing import FakeServer
from tests.ui.conftest import Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROBE = "/api/probe"
# Mounts a component that uses an answer; what a test changes and looks at is `window.probe`.
MOUNT = """async ({ every, follow, patience }) => {
  const { createApp, ref } = await import("vue");
  const { useAnswer } = await import("argus/answer.js");
  const probe = (window.probe = { path: ref("/api/probe?1"), news: ref(0), every });
  const app = createApp({
    setup() {
      const options = { every: () => Number(probe.every), follow: follow ? probe.news : null, patience };
      probe.answer = useAnswer(() => probe.path.value, options);
      return () => null;
    },
  });
  app.mount(document.createElement("div"));
  probe.end = () => app.unmount();
}"""


class Probe:
    """A route of the dashboard that a test answers.

    Attributes:
        asked: What was asked for, in turn.
        status: Of the answers.
        held: Questions that wait; None to answer at once.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.status = 200
        self.held: list[Route] | None = None

    async def answer(self, route: Route) -> None:
        self.asked.append(route.request.url.partition("?")[2])
        if self.held is not None:
            self.held.append(route)
        else:
            await self.fulfill(route, self.asked[-1])

    async def fulfill(self, route: Route, value: str) -> None:
        body = {"n": value} if self.status == 200 else {"detail": f"no {self.status}"}
        await route.fulfill(status=self.status, json=body)

    async def mount(self, *, every: Any = 3600, follow: bool = False, patience: int = 0) -> None:
        await self.page.evaluate(MOUNT, {"every": every, "follow": follow, "patience": patience})

    async def until(self, condition: str) -> None:
        await self.page.wait_for_function(
            f"(() => {{ const {{ answer, path }} = window.probe; return {condition}; }})()"
        )

    async def waiting(self, count: int) -> list[Route]:
        """The questions that wait, when they are as many."""
        assert self.held is not None
        while len(self.held) < count:
            await self.look_on(1)
        return self.held

    async def look_on(self, frames: int = 20) -> None:
        await self.page.evaluate(
            "async (frames) => { for (; frames; frames--) await new Promise(requestAnimationFrame); }", frames
        )


@pytest_asyncio.fixture(loop_scope="session")
async def probe(open_page: Open, dashboard: DashboardProcess, argus: FakeServer) -> Probe:
    argus.publish(fleet())
    page = await open_page(f"{dashboard.url}help", ready="[data-test=ladder]")
    page.complaints.expected += ["500", "504"]
    found = Probe(page)
    await page.route(f"**{PROBE}*", found.answer)
    return found


async def test_an_answer_comes_and_an_error_keeps_the_last_one(probe: Probe) -> None:
    await probe.mount()
    await probe.until("answer.data.value?.n === '1'")
    probe.status = 500
    await probe.page.evaluate("window.probe.answer.ask()")
    await probe.until("answer.problem.value === 'no 500' && answer.data.value?.n === '1'")
    # Another question has no answer yet, and no problem of the one before.
    probe.status = 200
    probe.held = []
    await probe.page.evaluate("void (window.probe.path.value = '/api/probe?2')")
    await probe.until("answer.loading.value && answer.data.value === null && answer.problem.value === ''")
    # The first one is held, and there at once.
    await probe.page.evaluate("void (window.probe.path.value = '/api/probe?1')")
    await probe.until("answer.data.value?.n === '1'")


async def test_an_answer_to_another_question_is_not_taken(probe: Probe) -> None:
    probe.held = []
    await probe.mount()
    await probe.until("answer.loading.value")
    await probe.page.evaluate("void (window.probe.path.value = '/api/probe?2')")
    first, second = await probe.waiting(2)
    await probe.fulfill(second, "2")
    await probe.until("answer.data.value?.n === '2'")
    await probe.fulfill(first, "1")
    await probe.look_on(3)
    await probe.until("answer.data.value?.n === '2'")


async def test_a_question_that_is_given_up_is_no_problem(probe: Probe) -> None:
    probe.held = []
    await probe.mount()
    await probe.waiting(1)
    await probe.page.evaluate("void window.probe.answer.ask()")
    await probe.waiting(2)
    await probe.until("answer.loading.value && answer.problem.value === ''")
    await probe.fulfill(probe.held[1], "1")
    await probe.until("answer.data.value?.n === '1' && !answer.loading.value")


@pytest.mark.parametrize("every", ["NaN", "Infinity", "-1", "0", "1e-9"])
async def test_no_interval_makes_a_storm(probe: Probe, every: str) -> None:
    await probe.mount(every=every)
    await probe.until("answer.data.value")
    await probe.look_on()
    assert len(probe.asked) <= 2


async def test_news_are_asked_for_once_however_many_there_are(probe: Probe) -> None:
    probe.held = []
    await probe.mount(every=1, follow=True)
    await probe.until("answer.loading.value")
    for _ in range(5):
        await probe.page.evaluate("void window.probe.news.value++")
    # Not even when it is time for another: whoever is slow would never be heard out.
    await probe.look_on(90)
    assert probe.asked == ["1"]
    # Those came while the question was under way, which may be older than they are: it is put again, later.
    (only,) = await probe.waiting(1)
    probe.held = None
    await probe.fulfill(only, "old")
    await probe.until("answer.data.value?.n === '1'")
    assert probe.asked == ["1", "1"]
    await probe.look_on()
    assert probe.asked == ["1", "1"]


async def test_patience_has_an_end(probe: Probe) -> None:
    probe.status = 504
    await probe.mount(patience=1)
    await probe.until("answer.problem.value === 'no 504'")
    assert probe.asked == ["1", "1"]


async def test_a_hidden_page_asks_nothing_until_it_is_seen(probe: Probe) -> None:
    await probe.page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
    )
    await probe.mount(every=1)
    await probe.look_on()
    assert probe.asked == []
    await probe.page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    await probe.until("answer.data.value?.n === '1'")


async def test_it_is_asked_again_when_the_server_is_back(probe: Probe) -> None:
    probe.status = 500
    await probe.mount()
    await probe.until("answer.problem.value === 'no 500'")
    probe.status = 200
    await probe.page.evaluate(
        """async () => {
            const { link } = await import("argus/feed.js");
            const { nextTick } = await import("vue");
            link.state = "reconnecting";
            await nextTick();
            link.state = "live";
        }"""
    )
    await probe.until("answer.data.value?.n === '1' && answer.problem.value === ''")


async def test_who_is_gone_asks_no_more(probe: Probe) -> None:
    probe.held = []
    await probe.mount(every=1, follow=True)
    await probe.waiting(1)
    await probe.page.evaluate("window.probe.end(); window.probe.news.value++; window.probe.path.value += '3'")
    await probe.look_on()
    assert probe.asked == ["1"]


async def test_a_chart_that_cannot_be_drawn_leaves_the_others_alone(probe: Probe) -> None:
    probe.page.complaints.expected.append("not to be drawn")  # type: ignore[attr-defined]
    drawn = await probe.page.evaluate(
        """async () => {
            const { createApp, h } = await import("vue");
            const { Chart } = await import("argus/charts.js");
            const good = { xAxis: {}, yAxis: {}, series: [{ type: "line", data: [[0, 1], [1, 2]] }] };
            const bad = { get series() { throw new Error("not to be drawn"); } };
            const box = document.body.appendChild(document.createElement("div"));
            const drawn = [];
            createApp({ render: () => [bad, good, bad, good, good].map((option, i) =>
                h(Chart, { option, style: "width: 200px; height: 100px", onDrawn: () => drawn.push(i) })) }).mount(box);
            for (let frames = 0; frames < 600 && drawn.length < 3; frames++) await new Promise(requestAnimationFrame);
            return drawn;
        }"""
    )
    assert drawn == [1, 3, 4]


async def test_what_is_over_has_nothing_left(probe: Probe) -> None:
    left = await probe.page.evaluate(
        """async () => {
            const { crossingOfAlert } = await import("argus/time_left.js");
            const alert = { subject: "metric", minutes: 12, updated_at: 1000 };
            const at = (state) => crossingOfAlert({ ...alert, state })?.at_ms ?? null;
            return ["pending", "firing", "resolved"].map(at);
        }"""
    )
    assert left == [721_000, 721_000, None]


async def test_a_risk_is_not_rounded_to_a_level_it_has_not_reached(probe: Probe) -> None:
    texts = await probe.page.evaluate(
        """async () => {
            const { riskText } = await import("argus/format.js");
            return [79.7, 80, 0.4, null].map(riskText);
        }"""
    )
    assert texts == ["79", "80", "0", "\u2013"]


async def test_what_is_near_is_not_crossed_in_a_file_either(probe: Probe) -> None:
    cells = await probe.page.evaluate(
        """async () => {
            const { fleetClock, leftCell } = await import("argus/time_left.js");
            const soon = { at_ms: fleetClock.value - 60_000, crossed: false };
            return [leftCell(soon), leftCell({ ...soon, crossed: true }), leftCell(null)];
        }"""
    )
    assert cells == [0.01, 0, None]
