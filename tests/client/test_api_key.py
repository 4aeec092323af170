"""The key of a client: checked before it can reach a transport's message, followed in its file, never shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from argus_client import ArgusClient, ConnectionState, Unauthenticated
from argus_client._api_key import ApiKey
from argus_client._config import ClientConfig
from argus_client.testing import FakeServer, make_samples
from argus_server.security.scopes import Scope
from tests.client.conftest import Twin
from tests.server.running import running
from tests.server.security.guarded import Keys, now
from tests.waiting import eventually


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "caf\u00e9", "x" * 1025, "\x00"])
def test_what_could_not_be_sent_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        ArgusClient("127.0.0.1:1", api_key=key)
    assert not key or key not in str(refused.value)


def test_a_file_is_read_again_and_again(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    key = ApiKey(file)
    assert key.metadata() == (("authorization", "Bearer first"),)
    file.write_text("second")
    assert key.metadata() == (("authorization", "Bearer second"),)
    for unusable in ("", "two words"):
        file.write_text(unusable)
        assert key.metadata() == (("authorization", "Bearer second"),)
    file.unlink()
    assert key.metadata() == (("authorization", "Bearer second"),)
    assert "second" not in repr(key) + repr(ClientConfig(api_key="second"))


def test_a_file_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ArgusClient("127.0.0.1:1", api_key=tmp_path / "none")


def test_a_key_in_a_file_is_not_sent_in_the_clear_either(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    with pytest.raises(ValueError, match="unencrypted"):
        ClientConfig("argus.example:50051", api_key=tmp_path / "key")


async def test_a_publisher_with_a_wrong_key_says_so_once(twin: Twin, server: FakeServer) -> None:
    server.api_key = "right"
    states: list[tuple[ConnectionState, object]] = []
    publisher = twin.client(server.target, api_key="wrong").publisher(
        "source", on_state_change=lambda state, error: states.append((state, error))
    )

    async def ended() -> bool:
        return any(state is ConnectionState.CLOSED for state, _ in states)

    await eventually(ended)
    assert publisher.state is ConnectionState.CLOSED

    with pytest.raises(Unauthenticated, match="Give the client the API key") as refused:
        await twin.call(publisher.publish, make_samples(["web-1"]))
    assert "wrong" not in str(refused.value)
    # gRPC's asyncio client tells of a write that failed, and not why the call was refused, when it learns of both at
    # once: then the publisher takes the connection for lost and tries again.
    refusals = [state for state, error in states if isinstance(error, Unauthenticated)]
    assert refusals == [ConnectionState.CLOSED]
    assert states[-1][0] is ConnectionState.CLOSED


async def test_streams_take_over_a_key_that_was_replaced_in_its_file(twin: Twin, tmp_path: Path) -> None:
    """Rotation as an operator does it, against the real server: no program has to be started again."""
    keys = Keys(tmp_path)
    file = tmp_path / "key"
    file.write_text(keys.make("agent", Scope.INGEST, Scope.READ))
    async with running(data_dir=tmp_path) as argus:
        client = twin.client(argus.server.addresses.grpc, api_key=file)
        publisher, subscription = client.publisher("source"), client.subscribe()
        await twin.call(publisher.publish, make_samples(["web-1"]))
        await twin.call(publisher.flush, 10)
        assert await twin.call(subscription.next_snapshot, 10)

        file.write_text(keys.file.rotate("agent", now(), timedelta(0)).reveal())

        async def reconnected() -> bool:
            streams = publisher, subscription
            return all(s.reconnects > 0 and s.state is ConnectionState.LIVE for s in _counted(streams))

        await eventually(reconnected)
        await twin.call(publisher.publish, make_samples(["web-2"]))
        await twin.call(publisher.flush, 10)
        assert publisher.stats.rows_accepted == 2


@dataclass
class _Counted:
    state: ConnectionState
    reconnects: int


def _counted(streams: Iterable[Any]) -> Iterable[_Counted]:
    for stream in streams:
        reconnects = stream.stats.reconnects if hasattr(stream, "stats") else stream.reconnects
        yield _Counted(stream.state, reconnects)
