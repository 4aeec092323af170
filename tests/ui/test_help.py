"""The page of explanations."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from argus_server.risk.table_file import load_tables
from argus_ui.browser import COMPONENTS
from tests.ui.conftest import PHONE, Open
from tests.ui.dashboards import DashboardProcess

in_browser = pytest.mark.asyncio(loop_scope="session")

READY = "[data-test=thresholds] table"


@in_browser
async def test_it_shows_the_thresholds_and_versions_of_this_server(
    open_page: Open, dashboard: DashboardProcess
) -> None:
    page = await open_page(f"{dashboard.url}help", ready=READY)
    await expect(page.get_by_test_id("versions")).to_contain_text("fake")
    await expect(page.get_by_test_id("thresholds")).to_contain_text("CPU idle")
    await expect(page.get_by_test_id("thresholds")).to_contain_text("≤ 5 %")


@in_browser
async def test_it_fits_a_phone(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(f"{dashboard.url}help", size=PHONE, ready=READY)
    assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_its_numbers_are_those_of_the_risk_tables() -> None:
    tables = load_tables()
    weights, alerts = tables.weights, tables.alerts
    memory = alerts.signals[next(i for i, one in enumerate(tables.signals) if one.name == "memory")]
    lowest = {rung.label: f"{rung.minimum_score:.0f}" for rung in tables.ladder.rungs}
    page = (COMPONENTS / "help.js").read_text()
    for sentence in (
        f"{weights.current_weight * 100:.0f} % for how its metrics stand now",
        f"{weights.predicted_weight * 100:.0f} % for what is forecast for the next {weights.near_minutes:.0f} minutes",
        f"has at least {weights.silent_score:.0f}",
        f"(memory: {memory.fire * 100:.0f} % within {memory.horizon_minutes / 60:.0f} hour, "
        f"for {memory.hold_minutes:.0f} minutes;",
        f"risk stays at {alerts.risk.fire:.0f} or more",
        f'"{lowest["Critical"]} to 100"',
        f'"{lowest["Warning"]} to {lowest["Critical"]}"',
        f'"{lowest["Degrading"]} to {lowest["Warning"]}"',
        f'"below {lowest["Degrading"]}"',
        *(f"{label} from {lowest[label]} on" for label in ("Imminent failure", "Danger", "Watch")),
    ):
        assert sentence in page
