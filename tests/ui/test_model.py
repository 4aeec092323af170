"""The view of the model: what runs, what else could, and swapping one for the other."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from argus_client import ArgusClient
from argus_client.testing import FakeServer
from tests.processes import ServerProcess
from tests.server.models import damage, untrained
from tests.system.feeding import feed, history
from tests.ui.conftest import Open
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import fleet

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUNNING = "[data-test=model-name]"
SECONDS_MS = 20_000


@pytest.fixture(autouse=True)
def twelve(argus: FakeServer) -> None:
    argus.publish(fleet())


async def test_it_shows_model_and_server(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}model", ready=RUNNING)
    running = page.get_by_test_id("running")
    await expect(running).to_contain_text("96 steps of 5 min: 8 h ahead")
    await expect(running).to_contain_text("a server needs 24 steps (2 h) of history")
    await expect(page.get_by_test_id("sources")).to_contain_text("TFT 11")
    await expect(page.get_by_test_id("sources")).to_contain_text("STALE 1")
    await expect(page.get_by_test_id("rows")).to_contain_text("0 accepted, 0 rejected, 0 duplicate")
    await expect(page.get_by_test_id("server")).to_contain_text(argus.target)
    await expect(page.get_by_test_id("degraded")).to_have_count(0)
    argus.publish(fleet(degraded="the disk is full"))
    await expect(page.get_by_test_id("degraded")).to_contain_text("the disk is full")
    await expect(page.get_by_test_id("degraded")).to_contain_text("The model runs")


async def test_nothing_is_swapped_without_a_yes(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}model", ready=RUNNING)
    await page.get_by_test_id("reload").click()
    await page.get_by_test_id("cancel").click()
    await page.get_by_test_id("roll-back").click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("confirm-dialog")).to_have_count(0)
    assert not {"ReloadModel", "RollBackModel"} & set(argus.calls)


async def test_what_the_server_refuses_is_said_in_its_words(
    open_page: Open, dashboard: DashboardProcess, argus: FakeServer
) -> None:
    page = await open_page(f"{dashboard.url}model", ready=RUNNING)
    page.complaints.expected += ["409", "502"]
    result = page.get_by_test_id("result")
    await page.get_by_test_id("roll-back").click()
    await page.get_by_test_id("confirm").click()
    await expect(result).to_contain_text("The server refused")
    await expect(result).to_contain_text("no model ran before this one")
    argus.fail_next("ReloadModel", "PERMISSION_DENIED", "ReloadModel needs the scope admin")
    await page.get_by_test_id("reload").click()
    await page.get_by_test_id("confirm").click()
    await expect(result).to_contain_text("The dashboard may not do this")
    await expect(result).to_contain_text("needs the scope admin")
    await result.get_by_label("Close").click()
    await expect(result).to_have_count(0)


@pytest.mark.slow
async def test_a_degraded_server_gets_a_model_from_the_page(open_page: Open, tmp_path: Path) -> None:
    untrained(tmp_path / "broken", seed=1)
    damage(tmp_path / "broken")
    sound = untrained(tmp_path / "sound", seed=2)
    with (
        ServerProcess("--model", tmp_path / "broken") as server,
        DashboardProcess(server.target) as dashboard,
    ):
        with ArgusClient(server.target) as client:
            feed(client, history(["web-1", "web-2"]))
        page = await open_page(f"{dashboard.url}model", ready="[data-test=degraded]")
        await expect(page.get_by_test_id("degraded")).to_contain_text("corrupt_weights")
        await expect(page.get_by_test_id("degraded")).to_contain_text("statistical fallback")
        await expect(page.locator(RUNNING)).to_have_text("none")
        await expect(page.get_by_test_id("sources")).to_contain_text("FALLBACK 2")
        broken = page.get_by_test_id("artifact-broken")
        await expect(broken).to_contain_text("Cannot be loaded")
        await expect(broken.get_by_role("button")).to_have_count(0)
        await page.get_by_test_id("load-sound").click()
        await page.get_by_test_id("confirm").click()
        await expect(page.get_by_test_id("result")).to_contain_text(sound, timeout=SECONDS_MS)
        await expect(page.get_by_test_id("artifact-sound")).to_contain_text("Running")
        await expect(page.get_by_test_id("degraded")).to_have_count(0)
        await expect(page.get_by_test_id("sources")).to_contain_text("TFT 2")


async def test_forms_of_other_sites_change_nothing(dashboard: DashboardProcess, argus: FakeServer) -> None:
    async with httpx.AsyncClient(base_url=dashboard.url) as http:
        before = argus.calls.count("LoadModel")
        plain = await http.post(
            "/api/model/load", content=b'{"name": "x"}', headers={"Content-Type": "text/plain"}
        )
        nameless = await http.post("/api/model/load", json={"name": 7})
        assert (plain.status_code, nameless.status_code) == (400, 400)
        assert (await http.get("/api/model/load")).status_code in (404, 405)
        assert argus.calls.count("LoadModel") == before


async def test_many_browsers_are_one_question(dashboard: DashboardProcess, argus: FakeServer) -> None:
    async with httpx.AsyncClient(base_url=dashboard.url) as http:
        await http.post("/api/model/reload", json={})  # whatever was known is forgotten
        before = argus.calls.count("ListModels")
        for _ in range(5):
            assert (await http.get("/api/model/artifacts")).status_code == 200
        assert argus.calls.count("ListModels") == before + 1


async def test_without_a_server_it_says_how_to_start_one(open_page: Open) -> None:
    with DashboardProcess("127.0.0.1:1") as dashboard:
        for view in ("model", "accuracy"):
            page = await open_page(f"{dashboard.url}{view}", ready="[data-test=waiting]")
            page.complaints.expected.append("503")
            await expect(page.get_by_test_id("waiting")).to_contain_text("argus server")
            await expect(page.get_by_test_id(f"nav-{view}")).to_have_count(0)
            await page.close()  # while there is a dashboard to ask
