"""The view of a simulator's scenario."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from argus_client.simulator.fleet import FleetSimulator
from argus_client.simulator.service import ScenarioServer
from argus_client.testing import FakeServer
from tests.ui.conftest import Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

READY = "[data-test=scenario]"


@pytest.fixture(scope="module")
def simulated() -> FleetSimulator:
    fleet = FleetSimulator(12, 3)
    fleet.set_scenario("cascade")
    fleet.sample(1_800_000_000_000)
    return fleet


@pytest.fixture(scope="module")
def simulator(simulated: FleetSimulator) -> Iterator[ScenarioServer]:
    with ScenarioServer(simulated) as server:
        yield server


@pytest.fixture(scope="module")
def steering(argus: FakeServer, simulator: ScenarioServer) -> Iterator[DashboardProcess]:
    with DashboardProcess(argus.target, "--simulator", simulator.address) as process:
        yield process


async def test_it_is_there_only_with_a_simulator(open_page: Open, dashboard: DashboardProcess) -> None:
    page = await open_page(dashboard.url)
    await expect(page.get_by_test_id("nav-help")).to_be_visible()
    await expect(page.get_by_test_id("nav-scenario")).to_have_count(0)


async def test_it_sets_a_scenario_and_shows_whom_it_affects(
    open_page: Open, steering: DashboardProcess, simulated: FleetSimulator, argus: FakeServer, tmp_path: Path
) -> None:
    argus.publish(fleet(simulated.server_names))
    page = await open_page(f"{steering.url}scenario", ready=READY)
    await expect(page.get_by_test_id("set-cascade")).to_have_attribute("aria-pressed", "true")
    affected = simulated.scenario_status().affected
    rows = page.get_by_test_id("affected-server")
    await expect(rows).to_have_count(len(affected))
    assert set(await rows.locator("a").all_inner_texts()) == set(affected) != set()
    async with page.expect_download() as download:
        await page.get_by_test_id("csv").click()
    saved = tmp_path / "affected.csv"
    await (await download.value).save_as(saved)
    assert len(list(csv.reader(saved.read_text().splitlines()))) == len(affected) + 1
    await page.get_by_test_id("set-healthy").click()
    await expect(page.get_by_test_id("set-healthy")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_test_id("affected")).to_have_count(0)
    assert simulated.scenario_status().name == "healthy"


async def test_a_simulator_that_is_gone_is_told_of(open_page: Open, argus: FakeServer) -> None:
    argus.publish(fleet())
    with DashboardProcess(argus.target, "--simulator", "127.0.0.1:1") as dashboard:
        page = await open_page(f"{dashboard.url}scenario", ready="[data-test=no-simulator]")
        page.complaints.expected.append("503")
        await expect(page.get_by_test_id("no-simulator")).to_contain_text("argus simulate")
        await expect(page.get_by_test_id("set-critical")).to_be_disabled()
