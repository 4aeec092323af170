"""What browsers are told of errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from argus_client import ArgusError, AsyncArgusClient, Backoff, ConnectionLost, DeadlineExceeded, NotFound
from argus_client.testing import FakeServer
from argus_ui.actions import alert_routes
from argus_ui.refusals import reason_of, refuse, told_of
from argus_ui.subscription import FleetSubscription
from tests.ui.conftest import free_port
from tests.waiting import eventually

QUICK = Backoff(initial_seconds=0.01, maximum_seconds=0.02, attempts=2)
LOOK = "No answer from the Argus server; it may have been done: look."


def lost(details: str, *, maybe_done: bool = True) -> ConnectionLost:
    """As the client makes it of what gRPC says."""
    error = ConnectionLost(f"AcknowledgeAlert at 127.0.0.1:44211: {details}", code="UNAVAILABLE")
    error.maybe_done = maybe_done
    return error


UNREACHABLE = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:44211: Failed to connect"
)
LATE = DeadlineExceeded(
    "AcknowledgeAlert at 127.0.0.1:44211: Stream removed (Deadline Exceeded). Allow more time, or ask for less.",
    code="DEADLINE_EXCEEDED",
)


@pytest.mark.parametrize(
    ("error", "acted", "told"),
    [
        (
            lost(UNREACHABLE, maybe_done=False),
            True,
            "The Argus server cannot be reached; nothing was changed.",
        ),
        (lost(UNREACHABLE, maybe_done=False), False, "The Argus server cannot be reached."),
        # What was on its way when the connection broke may have been done, whatever came of trying again.
        (lost(UNREACHABLE), True, LOOK),
        (lost("Socket closed"), True, LOOK),
        (LATE, True, LOOK),
        (LATE, False, "The Argus server did not answer in time."),
        (NotFound("there is no such alert"), True, "there is no such alert"),
    ],
)
def test_sockets_are_told_in_words(error: ArgusError, acted: bool, told: str) -> None:
    assert told_of(error, acted) == told


def test_what_the_client_says_in_its_own_words_is_kept() -> None:
    assert told_of(DeadlineExceeded("no alerts yet; wait"), acted=False) == "no alerts yet; wait"


@pytest.mark.parametrize(("error", "known"), [(NotFound("none"), True), (LATE, False), (lost("gone"), False)])
async def test_a_browser_hears_whether_it_is_known_that_nothing_is_done(
    error: ArgusError, known: bool
) -> None:
    request = Request({"type": "http", "method": "POST", "headers": [], "path": "/", "query_string": b""})
    answer = await refuse(request, error)
    assert json.loads(bytes(answer.body))["not_done"] is known


async def test_an_attempt_that_arrived_is_not_forgotten_by_the_next(server: FakeServer) -> None:
    """The first attempt breaks under way; the second finds nobody. Only both together tell what may be done."""
    first = lost("Socket closed")
    async with AsyncArgusClient(server.target, backoff=QUICK) as client:
        server.fail_next("ExpireSilence", "UNAVAILABLE", "Socket closed")
        server.fail_next("ExpireSilence", "UNAVAILABLE", UNREACHABLE)
        with pytest.raises(ConnectionLost) as raised:
            await client.expire_silence("quiet", author="ada")
    assert told_of(raised.value, acted=True) == told_of(first, acted=True)


async def test_nothing_was_changed_by_a_server_that_is_not_there() -> None:
    async with AsyncArgusClient(f"127.0.0.1:{free_port()}", backoff=QUICK) as client:
        with pytest.raises(ConnectionLost) as raised:
            await client.expire_silence("quiet", author="ada")
    assert "nothing was changed" in told_of(raised.value, acted=True)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


Acknowledge = Callable[[str, str], Coroutine[Any, Any, None]]


async def acknowledge(act: Acknowledge, *ids: str) -> Any:
    """What a browser gets that acknowledges several alerts."""
    context: Any = SimpleNamespace(client=SimpleNamespace(acknowledge_alert=act), user=lambda request: "ada")
    body = json.dumps({"alert_ids": ids}).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "headers": headers, "path": "/", "query_string": b""}
    return json.loads((await alert_routes(context)[0].endpoint(Request(scope, receive))).body)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (LATE, LOOK),
        # Something was changed: the first.
        (lost(UNREACHABLE, maybe_done=False), "The Argus server cannot be reached."),
    ],
)
async def test_what_is_half_done_is_counted(error: ArgusError, why: str) -> None:
    asked = []

    async def act(alert_id: str, author: str) -> None:
        asked.append(alert_id)
        if alert_id == "b":
            raise error

    assert await acknowledge(act, "a", "b", "c") == {
        "acknowledged": 1,
        "problem": f"1 of 3 acknowledged: {why}",
    }
    assert asked == ["a", "b"]
    with pytest.raises(type(error)):
        await acknowledge(act, "b", "c")


async def test_an_outage_is_told_without_sockets() -> None:
    target = f"127.0.0.1:{free_port()}"
    async with AsyncArgusClient(target) as client:
        subscription = FleetSubscription(client, target, lambda: None)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(subscription.run())

            async def is_told() -> str:
                return subscription.link.error

            await eventually(is_told)
            following.cancel()
    assert subscription.link.error == "Check the address and that the server runs."


def test_a_key_that_is_refused_keeps_its_words() -> None:
    assert reason_of(NotFound("what it is")) == "what it is"
