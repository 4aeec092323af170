"""Who gets in: passwords, proxies, other sites."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import expect
from starlette.requests import Request
from starlette.types import Message

from argus_client.testing import FakeServer
from argus_ui.access.attempts import PER_ADDRESS, Attempts
from argus_ui.access.login import Login
from argus_ui.access.sessions import Sessions
from tests.processes import ROOT, SECONDS, until
from tests.ui.conftest import Open, free_port
from tests.ui.dashboards import DashboardProcess
from tests.ui.fleets import fleet

in_browser = pytest.mark.asyncio(loop_scope="session")
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def locked(argus: FakeServer) -> Iterator[DashboardProcess]:
    with DashboardProcess(argus.target, ARGUS_UI_PASSWORD=PASSWORD) as process:
        yield process


@in_browser
async def test_nothing_is_seen_without_the_password(open_page: Open, locked: DashboardProcess) -> None:
    page = await open_page(f"{locked.url}?profile=web_api", ready="input[type=password]")
    page.complaints.expected.append("403")
    await page.fill("input[type=password]", "guess")
    await page.click("button")
    await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    await page.fill("input[type=password]", PASSWORD)
    await page.click("button")
    await page.wait_for_url("**/?profile=web_api")
    await expect(page.get_by_test_id("count")).to_have_text("3 of 12")
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await page.get_by_title("Log out").click()
    await page.wait_for_selector("input[type=password]")


@in_browser
async def test_a_phone_logs_in_and_out(open_page: Open, locked: DashboardProcess) -> None:
    small = {"width": 320, "height": 640}
    page = await open_page(locked.url, ready="input[type=password]", size=small)
    assert await page.evaluate("document.documentElement.scrollWidth") == small["width"]
    await page.fill("input[type=password]", PASSWORD)
    await page.click("button")
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("dialog", name="More views").get_by_title("Log out").click()
    await page.wait_for_selector("input[type=password]")


def test_everything_but_files_of_libraries_asks_for_it(locked: DashboardProcess) -> None:
    with httpx.Client(base_url=locked.url) as http:
        assert http.get("/").headers["location"] == "/login"
        assert http.get("/server?name=a%26b").headers["location"] == "/login?next=%2Fserver%3Fname%3Da%2526b"
        assert http.get("/api/fleet").status_code == 401
        assert http.post("/api/alerts/acknowledge", json={}).status_code == 401
        assert http.get("/_nicegui_ws/socket.io/?EIO=4&transport=polling").status_code in (303, 401)
        assert upgrade(locked.url).startswith(b"HTTP/1.1 403")
        forged = {"Cookie": "argus_session=IjEi.aaaa.bbbb"}
        assert http.get("/api/fleet", headers=forged).status_code == 401


def test_the_way_back_leads_nowhere_else(locked: DashboardProcess) -> None:
    for target in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        with httpx.Client(base_url=locked.url) as http:
            answer = http.post("/login", data={"password": PASSWORD, "next": target})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie


def test_guessing_is_slow(argus: FakeServer) -> None:
    with DashboardProcess(argus.target, ARGUS_UI_PASSWORD=PASSWORD) as dashboard, httpx.Client() as http:
        answers = [http.post(f"{dashboard.url}login", data={"password": str(i)}) for i in range(6)]
        assert [answer.status_code for answer in answers] == [*5 * [403], 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert http.post(f"{dashboard.url}login", data={"password": PASSWORD}).status_code == 429


async def test_guesses_sent_at_the_same_time_count_one_by_one() -> None:
    login = Login(Sessions(PASSWORD), Attempts())
    everybody_asks = asyncio.Event()
    asking = 0

    async def guess(i: int) -> int:
        async def body() -> Message:
            nonlocal asking
            asking += 1
            if asking == 2 * PER_ADDRESS:
                everybody_asks.set()
            await everybody_asks.wait()
            return {"type": "http.request", "body": f"password={i}".encode(), "more_body": False}

        scope = {
            "type": "http", "method": "POST", "path": "/login", "root_path": "", "query_string": b"",
            "scheme": "http", "headers": [], "client": ("192.0.2.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        return (await login.answer(Request(scope, body))).status_code

    codes = await asyncio.gather(*(guess(i) for i in range(2 * PER_ADDRESS)))
    assert sorted(codes) == [*PER_ADDRESS * [403], *PER_ADDRESS * [429]]


def test_other_sites_are_refused(dashboard: DashboardProcess) -> None:
    with httpx.Client(base_url=dashboard.url) as http:
        evil = {"Origin": "http://evil.example"}
        asked = {"alert_id": "x", "author": "y"}
        assert http.post("/api/alerts/acknowledge", json=asked, headers=evil).status_code == 403
        assert http.get("/_nicegui_ws/socket.io/?EIO=4&transport=polling", headers=evil).status_code == 403
        assert upgrade(dashboard.url, Origin="http://evil.example").startswith(b"HTTP/1.1 403")
        assert http.post("/api/alerts/acknowledge", content=b"{}").status_code == 400
        # A name of somebody else's that resolves to this machine.
        assert http.get("/", headers={"Host": "evil.example"}).status_code == 403
        assert http.get("/", headers={"Host": "localhost:1234"}).status_code == 200


def test_browsers_are_told_to_be_careful(dashboard: DashboardProcess) -> None:
    headers = httpx.get(dashboard.url).headers
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_proxy_names_the_user_and_nobody_else_does(argus: FakeServer) -> None:
    arguments = ("--user-header", "X-Forwarded-User", "--trusted-proxy")
    user = {"X-Forwarded-User": "Ada", "Content-Type": "application/json"}
    with DashboardProcess(argus.target, *arguments, "127.0.0.1") as dashboard:
        assert httpx.get(dashboard.url).status_code == 401
        assert '"user":"Ada"' in httpx.get(dashboard.url, headers=user).text
        argus.calls.clear()
        asked = {"server": "web-1", "seconds": 60, "author": "somebody else"}
        assert httpx.post(f"{dashboard.url}api/alerts/silence", headers=user, json=asked).status_code == 200
        assert [made.author for made in argus._alerts.silences.values()] == ["Ada"]
    with DashboardProcess(argus.target, *arguments, "192.0.2.1") as dashboard:
        assert httpx.get(dashboard.url, headers=user).status_code == 401


@in_browser
async def test_it_lives_below_a_path(open_page: Open, argus: FakeServer) -> None:
    with DashboardProcess(argus.target, "--root-path", "/ops/argus") as dashboard:
        assert urlsplit(dashboard.url).path == "/ops/argus/"
        page = await open_page(dashboard.url)
        await expect(page.get_by_test_id("connection")).to_have_text("Live")
        argus.publish(fleet(14))
        await expect(page.get_by_test_id("count")).to_have_text("14 of 14")
        await page.get_by_test_id("search").fill("web")
        await page.locator("[data-test=row] .a-name").first.click()
        await page.wait_for_url("**/ops/argus/server?name=web-0001&q=web")
        await expect(page.get_by_test_id("server-name")).to_have_text("web-0001")
        await page.go_back()
        await expect(page.get_by_test_id("search")).to_have_value("web")
    argus.publish(fleet())


@in_browser
async def test_it_lives_behind_nginx_as_the_example_has_it(
    open_page: Open, argus: FakeServer, tmp_path: Path
) -> None:
    if shutil.which("nginx") is None:
        pytest.skip("there is no nginx: apt-get install nginx-light")
    port = free_port()
    allowed = ("--allowed-origin", f"http://127.0.0.1:{port}")
    with ExitStack() as stack:
        dashboard = stack.enter_context(DashboardProcess(argus.target, *allowed, ARGUS_UI_PASSWORD=PASSWORD))
        with nginx(tmp_path, port, urlsplit(dashboard.url).netloc):
            page = await open_page(
                f"http://127.0.0.1:{port}/argus/?profile=web_api", ready="input[type=password]"
            )
            await page.fill("input[type=password]", PASSWORD)
            await page.click("button")
            await page.wait_for_url("**/argus/?profile=web_api")
            await expect(page.get_by_test_id("connection")).to_have_text("Live")
            await expect(page.get_by_test_id("count")).to_have_text("3 of 12")
            argus.publish(fleet(16))
            await expect(page.get_by_test_id("count")).to_have_text("4 of 16")
            page.complaints.expected.append("Failed to load resource")  # nginx goes first
    argus.publish(fleet())


@contextmanager
def nginx(directory: Path, port: int, dashboard: str) -> Iterator[None]:
    """An nginx with the example in it."""
    example = (ROOT / "deploy/nginx/argus.conf").read_text()
    assert "127.0.0.1:8080" in example
    paths = "".join(
        f"{kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; pid {directory}/pid; error_log {directory}/error.log;\nevents {{}}\n"
        f"http {{ access_log off;\n{paths}"
        f"server {{ listen 127.0.0.1:{port};\n{example.replace('127.0.0.1:8080', dashboard)}}} }}\n"
    )
    process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(directory)], env={**os.environ})
    try:
        until(lambda: answers(port))
        yield
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def upgrade(url: str, **headers: str) -> bytes:
    """The first line of the answer to a WebSocket handshake."""
    parts = urlsplit(url)
    lines = [
        "GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1",
        f"Host: {parts.netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return connection.recv(200)
