"""The view of alerts, in a real browser, in front of a fake server."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from argus.v1 import alert_pb2, history_pb2, snapshot_pb2
from argus_client.testing import FakeServer, make_alert, make_snapshot
from tests.ui.conftest import PHONE, Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import HOSTILE, fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROW = "[data-test=alert]"
NOW_MS = 1_750_000_300_000


def some_alerts() -> list[alert_pb2.AlertRecord]:
    """One for each place in the life of an alert."""
    owned = make_alert("web-owned", level="critical")
    owned.acknowledged_by, owned.acknowledged_at_ms = "ada", NOW_MS
    muted = make_alert("web-muted")
    muted.silence_id = "quiet-1"
    again = make_alert("db-again", level="degrading")
    again.fired_count = 3
    return [
        again,
        make_alert("db-first", level="critical"),
        make_alert("web-soon", state="pending"),
        owned,
        muted,
        make_alert("web-over", state="resolved"),
    ]


Put = Callable[..., None]


@pytest.fixture(autouse=True)
def put(argus: FakeServer) -> Iterator[Put]:
    """Puts alerts that are over when the test is."""
    seen: dict[str, alert_pb2.AlertRecord] = {}

    def put_some(*alerts: alert_pb2.AlertRecord) -> None:
        seen.update((one.alert_id, one) for one in alerts)
        argus.put_alerts(*alerts)

    argus.publish(fleet())
    put_some(*some_alerts())
    yield put_some
    for one in seen.values():
        one.state = snapshot_pb2.ALERT_STATE_RESOLVED
    argus.put_alerts(*seen.values())


async def servers(page: Page) -> list[str]:
    return await page.locator(f"{ROW} .a-name").all_inner_texts()


async def saved_row(page: Page) -> list[str]:
    """What the only row of the file that a list is saved as is about."""
    async with page.expect_download() as download:
        await page.get_by_test_id("quiet-csv").click()
    names, only = csv.reader((await (await download.value).path()).read_text("utf-8").splitlines())
    assert len(names) == len(only)
    assert only[names.index("author")] == "ada"
    return only[names.index("servers") : names.index("servers") + 3]


def row(page: Page, server: str) -> Locator:
    return page.locator(ROW, has_text=server)


async def test_alerts_stand_where_they_are_in_their_life(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    assert await servers(page) == ["db-first", "db-again"]
    await expect(row(page, "db-first")).to_contain_text("Critical")
    await expect(row(page, "db-first")).to_contain_text("memory 90 % → 98 % in 42 min")
    await expect(row(page, "db-first")).to_contain_text("90 %")
    await expect(row(page, "db-again")).to_contain_text("fired 3")
    for show, held in (("pending", ["web-soon"]), ("acknowledged", ["web-owned"]), ("muted", ["web-muted"])):
        await page.get_by_test_id(f"show-{show}").click()
        await expect(page.get_by_test_id(f"show-{show}").locator("b")).to_have_text("1")
        assert await servers(page) == held
    await page.get_by_test_id("show-resolved").click()
    await expect(row(page, "web-over")).to_be_visible()
    await page.reload()
    await expect(row(page, "web-over")).to_be_visible()


async def test_what_is_left_counts_down_with_the_clock_of_the_fleet(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, put: Put
) -> None:
    silent = make_alert("dat-0011", alert_id="quiet", level="critical")
    silent.subject = snapshot_pb2.ALERT_SUBJECT_SILENCE
    silent.metric, silent.minutes_to_breach = 0, 0.0
    crossed = make_alert("db-over", level="critical")
    crossed.minutes_to_breach = 0.0
    put(silent, crossed)
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    left = page.get_by_test_id("alert-left")
    # Written when the fleet's clock stood where it stands now.
    await expect(row(page, "db-first").get_by_test_id("alert-left")).to_have_text("in 42 min")
    await expect(row(page, "db-first").get_by_test_id("alert-left")).to_have_attribute(
        "title", re.compile("2025-06-15 15:53:40 UTC")
    )
    later = fleet()
    for minutes, words in ((30, "in 12 min"), (41.9, "< 1 min"), (50, "< 1 min")):
        later.header.clock_ms = NOW_MS + round(60_000 * minutes)
        argus.publish(later)
        await expect(row(page, "db-first").get_by_test_id("alert-left")).to_have_text(words)
    await expect(row(page, "db-over").get_by_test_id("alert-left")).to_have_text("now")
    # A server that sends nothing has no time left to tell; for how long it has not is told instead.
    await expect(row(page, "dat-0011")).to_contain_text("Stopped sending")
    await expect(row(page, "dat-0011").locator(".a-alert-left")).to_have_text("no data for 30 min")
    await expect(left).to_have_count(3)
    await row(page, "db-first").click()
    await expect(page.get_by_test_id("drawer").locator(".a-alert-facts")).to_contain_text("< 1 min")


async def test_nothing_fires_is_no_good_news_while_something_is_pending(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, put: Put
) -> None:
    for gone in some_alerts():
        gone.state = snapshot_pb2.ALERT_STATE_RESOLVED
        put(gone)
    argus.publish(make_snapshot({"web-1": 5.0}))
    page = await open_page(f"{dashboard.url}alerts", ready="[data-test=no-alerts]")
    told = page.get_by_test_id("no-alerts")
    await expect(told).to_contain_text("No unacknowledged alerts.")
    await expect(told.locator(".a-level-healthy")).to_have_count(1)
    soon = [make_alert(f"soon-{i}", state="pending", level="critical" if i else "warning") for i in range(3)]
    put(*soon)
    await expect(told.locator("h2")).to_have_text("None fire yet: 3 pending, 2 critical.")
    await expect(told.locator(".a-level-healthy")).to_have_count(0)
    for one in soon:
        one.state = snapshot_pb2.ALERT_STATE_RESOLVED
    put(*soon)
    await expect(told.locator(".a-level-healthy")).to_have_count(1)
    # A server that is critical is none either, whether or not there is an alert about it yet.
    argus.publish(fleet())
    await expect(told).to_contain_text("1 server is critical now")
    await expect(told.locator(".a-level-healthy")).to_have_count(0)


async def test_heads_say_since_when_what(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    for show, head in (
        ("firing", "Firing since"),
        ("pending", "Since"),
        ("acknowledged", "Since"),
        ("muted", "Since"),
        ("resolved", "Resolved"),
    ):
        await page.get_by_test_id(f"show-{show}").click()
        await expect(page.get_by_test_id("since-head")).to_have_text(head)


async def test_asking_who_somebody_is_moves_nothing(
    open_page: Open, dashboard: DashboardProcess, put: Put
) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    places = "(row) => [...row.children].map((cell) => cell.getBoundingClientRect().left)"
    before = await row(page, "db-first").evaluate(places)
    assert await row(page, "db-again").evaluate(places) == before
    await row(page, "db-first").get_by_test_id("acknowledge").click()
    await expect(page.get_by_test_id("author")).to_be_visible()
    assert await row(page, "db-first").evaluate(places) == before
    # Columns are columns, whoever is on it.
    long = make_alert("web-long")
    long.acknowledged_by, long.silence_id = "Augusta Ada King, Countess of Lovelace", "quiet-2"
    put(long)
    await page.get_by_test_id("show-acknowledged").click()
    assert await row(page, "web-long").evaluate(places) == await row(page, "web-owned").evaluate(places)


async def test_back_undoes_what_was_opened(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    drawer = page.get_by_test_id("drawer")
    await page.get_by_test_id("search").fill("web")
    await page.get_by_test_id("search").fill("")
    await page.get_by_test_id("show-pending").click()
    await row(page, "web-soon").click()
    await expect(drawer).to_be_visible()
    await page.go_back()
    await expect(drawer).to_have_count(0)
    await expect(row(page, "web-soon")).to_be_visible()
    await page.go_back()
    await expect(row(page, "db-first")).to_be_visible()
    # What is closed is not opened again by going back.
    await row(page, "db-first").click()
    # However often it is asked for before it is done.
    await page.evaluate(
        """for (let i = 0; i < 2; i++) document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }))"""
    )
    await expect(drawer).to_have_count(0)
    await expect(row(page, "db-first")).to_be_visible()
    assert page.url.endswith("/alerts")
    await page.goto(f"{dashboard.url}alerts?alert=db-first-mem_used_pct")
    await page.get_by_test_id("close").click()
    await expect(drawer).to_have_count(0)
    assert page.url.endswith("/alerts")


async def test_an_alert_is_taken_in_two_taps_on_a_phone(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW, size=PHONE, has_touch=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await row(page, "db-first").get_by_test_id("acknowledge").tap()
    await page.get_by_test_id("author").fill("ada")
    await page.get_by_test_id("confirm").tap()
    await expect(row(page, "db-first")).to_have_count(0)
    await expect(page.get_by_text("You are on it: db-first, Memory")).to_be_visible()
    # From now on it is two taps, and nothing to type.
    await row(page, "db-again").get_by_test_id("acknowledge").tap()
    await expect(page.get_by_test_id("author")).to_have_count(0)
    box = await page.get_by_test_id("confirm").bounding_box()
    assert box is not None
    assert box["height"] >= 40
    await page.get_by_test_id("confirm").tap()
    await expect(page.get_by_test_id("no-alerts")).to_contain_text("None fire yet: 1 pending.")
    await page.get_by_test_id("show-acknowledged").tap()
    await expect(row(page, "db-again").get_by_test_id("owner")).to_have_text("ada")
    assert argus.calls.count("AcknowledgeAlert") == 2


async def test_changes_come_by_themselves_over_one_watch(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, put: Put
) -> None:
    before = argus.calls.count("WatchAlerts")
    pages = [await open_page(f"{dashboard.url}alerts", ready=ROW) for _ in range(2)]
    put(make_alert("late-1", level="critical"))
    for page in pages:
        await expect(row(page, "late-1")).to_be_visible()
    put(make_alert("late-1", state="resolved"))
    for page in pages:
        await expect(row(page, "late-1")).to_have_count(0)
    assert argus.calls.count("WatchAlerts") - before <= 1


async def test_one_alert_tells_what_happened_to_it(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer, put: Put
) -> None:
    argus.history.events = history_pb2.ListAlertEventsResponse(
        events=[
            history_pb2.AlertEvent(
                at_ms=NOW_MS + i * 60_000, event=event, alert_id=alert, server_name="db-first", author=author
            )
            for i, (event, alert, author) in enumerate(
                [
                    ("pending", "db-first-mem_used_pct", ""),
                    ("fired", "db-first-mem_used_pct", ""),
                    ("fired", "db-first-swap_used_pct", ""),
                    ("notified", "db-first-mem_used_pct", ""),
                    ("acknowledged", "db-first-mem_used_pct", "ada"),
                ]
            )
        ]
    )
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    await row(page, "db-first").click()
    assert "alert=db-first-mem_used_pct" in page.url
    told = page.get_by_test_id("timeline").locator("li b")
    await expect(told).to_have_text(["Acknowledged", "Notified", "Fired", "Pending"])
    await page.get_by_test_id("note").fill("<b>since</b> the deploy")
    await page.get_by_placeholder("Your name").fill("ada")
    await page.get_by_test_id("add-note").click()
    await expect(page.get_by_text("Note added")).to_be_visible()
    await expect(page.get_by_test_id("note")).to_have_value("")
    # Without events of a history the record itself tells.
    argus.history.events = history_pb2.ListAlertEventsResponse()
    await page.get_by_test_id("close").click()
    put(make_alert("web-soon", state="pending"), make_alert("web-other", state="pending"))
    await expect(page.get_by_test_id("show-pending")).to_contain_text("2")
    await row(page, "db-first").click()
    await expect(page.get_by_test_id("timeline").locator("p").first).to_have_text("<b>since</b> the deploy")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("drawer")).to_have_count(0)


async def test_a_silence_is_made_shown_and_ended(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    await row(page, "db-first").click()
    await page.get_by_test_id("silence").click()
    form = page.get_by_test_id("silence-form")
    await expect(form.get_by_test_id("servers")).to_have_value("db-first")
    await expect(form.get_by_role("button", name="Memory")).to_have_attribute("aria-pressed", "true")
    await form.get_by_test_id("servers").fill("db-*, web-1")
    await form.get_by_role("button", name="4 h").click()
    await form.get_by_test_id("comment").fill("migration")
    await form.get_by_test_id("author").fill("ada")
    await form.get_by_test_id("confirm-silence").click()
    await expect(form).to_have_count(0)
    await page.get_by_test_id("close").click()
    await page.get_by_test_id("show-silences").click()
    silence = page.get_by_test_id("silence-row")
    await expect(silence).to_contain_text("db-*, web-1")
    await expect(silence).to_contain_text("Memory")
    await expect(silence).to_contain_text("migration")
    await expect(silence).to_contain_text("4 h left")
    assert await saved_row(page) == ["db-*, web-1", "mem_used_pct", ""]
    await silence.get_by_test_id("expire").click()
    await expect(silence.get_by_test_id("expire")).to_have_text("Yes, end it now")
    await silence.get_by_test_id("expire").click()
    await expect(page.get_by_test_id("no-silences")).to_be_visible()


async def test_a_maintenance_window_is_set_changed_and_removed(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(f"{dashboard.url}alerts?show=windows", ready="[data-test=no-windows]")
    await page.get_by_test_id("new-window").click()
    form = page.get_by_test_id("window-form")
    await form.get_by_test_id("servers").fill("db-*")
    await form.get_by_test_id("start").fill("03:30")
    await form.get_by_test_id("hours").fill("1.5")
    await form.get_by_test_id("author").fill("ada")
    await form.get_by_test_id("put-window").click()
    window = page.get_by_test_id("window-row")
    await expect(window).to_contain_text("Mon, Tue, Wed, Thu, Fri 03:30, 1.5 h")
    await window.get_by_test_id("edit-window").click()
    await form.get_by_role("button", name="Fri").click()
    await form.get_by_test_id("put-window").click()
    await expect(window).to_contain_text("Mon, Tue, Wed, Thu 03:30")
    assert await saved_row(page) == ["db-*", "", ""]
    await window.get_by_test_id("delete-window").click()
    await window.get_by_test_id("delete-window").click()
    await expect(page.get_by_test_id("no-windows")).to_be_visible()


async def test_what_is_refused_is_said(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    page.complaints.expected += ["502", "404"]
    argus.fail_next("AcknowledgeAlert", "PERMISSION_DENIED", "the key may read, not act")
    await row(page, "db-first").get_by_test_id("acknowledge").click()
    await page.get_by_test_id("author").fill("ada")
    await page.get_by_test_id("confirm").click()
    await expect(page.locator(".a-toast-failed")).to_contain_text("the key may read, not act")
    await expect(page.locator(".a-toast-failed")).to_contain_text("Not done.")
    await expect(row(page, "db-first")).to_be_visible()
    argus.fail_next("AcknowledgeAlert", "NOT_FOUND", "there is no such alert")
    await page.get_by_test_id("confirm").click()
    await expect(page.locator(".a-toast-failed", has_text="there is no such alert")).to_be_visible()


async def test_what_is_not_answered_is_not_called_undone(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    page.complaints.expected.append("504")
    argus.fail_next("AcknowledgeAlert", "DEADLINE_EXCEEDED", "Stream removed (Deadline Exceeded)")
    await row(page, "db-first").get_by_test_id("acknowledge").click()
    await page.get_by_test_id("author").fill("ada")
    await page.get_by_test_id("confirm").click()
    failed = page.locator(".a-toast-failed .q-notification__message")
    await expect(failed).to_have_text("No answer from the Argus server; it may have been done: look.")
    await page.route("**/api/alerts/acknowledge", lambda route: route.abort(), times=1)
    await page.get_by_test_id("confirm").click()
    await expect(failed.last).to_have_text("The dashboard does not answer. It may have been done: look.")


async def test_keys_choose_and_take(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}alerts", ready=ROW)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(page.locator(f"{ROW}.chosen .a-name")).to_have_text("db-again")
    await page.reload()
    await expect(page.locator(f"{ROW}.chosen .a-name")).to_have_text("db-again")
    await page.keyboard.press("a")
    await page.keyboard.type("ada")
    await page.keyboard.press("Enter")
    await expect(row(page, "db-again")).to_have_count(0)
    await page.keyboard.press("/")
    await page.keyboard.type("nobody")
    await expect(page.get_by_test_id("no-alerts")).to_contain_text("No alert matches")


async def test_texts_from_outside_stay_texts(open_page: Open, dashboard: DashboardProcess, put: Put) -> None:
    hostile = [make_alert(name, alert_id=f"h{i}", level="critical") for i, name in enumerate(HOSTILE)]
    for one in hostile:
        one.cause = HOSTILE[0]
        one.notes.add(author=HOSTILE[3], text=HOSTILE[4], written_at_ms=NOW_MS)
    put(*hostile)
    page = await open_page(f"{dashboard.url}alerts?alert=h0", ready=ROW)
    await expect(page.get_by_test_id("drawer")).to_contain_text(HOSTILE[4])
    assert set(HOSTILE) <= set(await servers(page))
    assert await page.evaluate("window.pwned") is None
    for one in hostile:
        one.state = snapshot_pb2.ALERT_STATE_RESOLVED
    put(*hostile)
    await expect(page.locator(ROW)).to_have_count(2)
