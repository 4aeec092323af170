from __future__ import annotations

import pytest

from argus_client import (
    ArgusClient,
    AsyncArgusClient,
    Backoff,
    KeepAlive,
    PublisherConfig,
    Timeouts,
    TLSConfig,
)
from argus_client._config import ClientConfig


@pytest.mark.parametrize("target", ["", "host", "host:", ":50051", "host:port"])
def test_a_target_without_host_or_port_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        ClientConfig(target)


def test_an_api_key_is_not_sent_in_the_clear_to_another_machine() -> None:
    with pytest.raises(ValueError, match="unencrypted"):
        ClientConfig("argus.example:50051", api_key="secret")

    for safe in (
        ClientConfig("argus.example:50051", api_key="secret", tls=TLSConfig()),
        ClientConfig("argus.example:50051", api_key="secret", insecure=True),
        ClientConfig("localhost:50051", api_key="secret"),
        ClientConfig("[::1]:50051", api_key="secret"),
        ClientConfig("127.0.0.1:50051", api_key="secret"),
    ):
        assert safe.call_metadata() == (("authorization", "Bearer secret"),)


@pytest.mark.parametrize("kind", [ArgusClient, AsyncArgusClient])
def test_secrets_are_not_shown(kind: type[ArgusClient] | type[AsyncArgusClient]) -> None:
    tls = TLSConfig(authority=b"public", certificate=b"mine", private_key=b"hidden")
    client = kind("127.0.0.1:1", api_key="secret", tls=tls)

    assert "secret" not in repr(client)
    assert "hidden" not in repr(client)
    assert "****" in repr(client)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ValueError, match="needs both"):
        TLSConfig(certificate=b"mine")


def test_pings_keep_to_what_servers_allow() -> None:
    with pytest.raises(ValueError, match="30 or more"):
        KeepAlive(interval_seconds=20)

    options = dict(ClientConfig().channel_options())
    assert options["grpc.keepalive_time_ms"] == 30_000
    assert options["grpc.max_receive_message_length"] == options["grpc.max_send_message_length"] == 64 << 20


def test_backoff_has_full_jitter_below_a_rising_ceiling() -> None:
    backoff = Backoff(initial_seconds=0.5, maximum_seconds=3.0, multiplier=2.0)

    ceilings = [backoff.delay(failures, lambda low, high: high) for failures in (1, 2, 3, 4, 5000)]
    floors = [backoff.delay(failures, lambda low, high: low) for failures in (1, 5000)]

    assert ceilings == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert floors == [0.0, 0.0]


def test_backoff_ends_when_told_to() -> None:
    assert not Backoff(attempts=3).exhausted(2)
    assert Backoff(attempts=3).exhausted(3)
    assert not Backoff(attempts=None).exhausted(10**6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Backoff(initial_seconds=0),
        lambda: Backoff(initial_seconds=2, maximum_seconds=1),
        lambda: Backoff(multiplier=0.5),
        lambda: Backoff(attempts=0),
        lambda: Timeouts(call_seconds=0),
        lambda: Timeouts(silence_seconds=-1),
        lambda: KeepAlive(timeout_seconds=0),
        lambda: PublisherConfig(when_full="explode"),  # type: ignore[arg-type]
        lambda: PublisherConfig(batch_rows=0),
        lambda: PublisherConfig(max_buffered_rows=100, batch_rows=51),
    ],
)
def test_impossible_settings_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="must"):
        wrong()  # type: ignore[operator]
