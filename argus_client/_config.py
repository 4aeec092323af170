"""How a client behaves, as small frozen values."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from argus_client._api_key import ApiKey, Metadata

DEFAULT_TARGET: Final = "127.0.0.1:50051"
HEARTBEAT_SECONDS: Final = 15.0
"""The server sends something on a subscription at least this often."""
MINIMUM_PING_SECONDS: Final = 30.0
"""Servers may close connections that ping more often; the Argus server puts up with a ping every 10 s."""
MAX_MESSAGE_BYTES: Final = 64 << 20


class _Default(Enum):
    """Type of `DEFAULT`, so that None can mean "no deadline"."""

    DEFAULT = "default"

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT: Final = _Default.DEFAULT
"""As a timeout: the one in the client's `Timeouts`."""

Timeout = float | None | Literal[_Default.DEFAULT]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds. None waits for ever.

    Attributes:
        call_seconds: Deadline of a unary call, all its retries included.
        model_seconds: Deadline of a call that loads a model.
        history_seconds: Deadline of a question about history; an export has none.
        silence_seconds: A subscription that hears nothing for this long connects again.
        acknowledge_seconds: A publisher whose batches stay unanswered for this long connects again.
    """

    call_seconds: float | None = 10.0
    model_seconds: float | None = 120.0
    history_seconds: float | None = 120.0
    silence_seconds: float = 3 * HEARTBEAT_SECONDS
    acknowledge_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in (
            *("call_seconds", "model_seconds", "history_seconds"),
            *("silence_seconds", "acknowledge_seconds"),
        ):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"Timeouts.{name} is {value}; it must be above 0.")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts: full jitter below an exponential ceiling.

    Attributes:
        initial_seconds: Ceiling of the first wait.
        maximum_seconds: Highest ceiling.
        multiplier: Factor from one ceiling to the next.
        attempts: Attempts in a row before giving up; None never gives up.
    """

    initial_seconds: float = 0.2
    maximum_seconds: float = 10.0
    multiplier: float = 2.0
    attempts: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.initial_seconds <= self.maximum_seconds:
            raise ValueError(
                f"Backoff has initial_seconds {self.initial_seconds} and maximum_seconds "
                f"{self.maximum_seconds}; both must be above 0 and the first not above the second."
            )
        if self.multiplier < 1:
            raise ValueError(f"Backoff.multiplier is {self.multiplier}; it must be 1 or more.")
        if self.attempts is not None and self.attempts < 1:
            raise ValueError(
                f"Backoff.attempts is {self.attempts}; it must be 1 or more, or None for no end."
            )

    def delay(self, failures: int, uniform: Callable[[float, float], float]) -> float:
        """Seconds to wait after the given number of failures in a row, from 1."""
        # The exponent is bounded because a float to a power of thousands overflows.
        ceiling = min(self.maximum_seconds, self.initial_seconds * self.multiplier ** min(failures - 1, 64))
        return uniform(0.0, ceiling)

    def exhausted(self, failures: int) -> bool:
        """True when there is no further attempt after this many failures in a row."""
        return self.attempts is not None and failures >= self.attempts


TIMEOUTS: Final = Timeouts()
UNARY_BACKOFF: Final = Backoff(initial_seconds=0.1, maximum_seconds=2.0, attempts=5)
STREAM_BACKOFF: Final = Backoff()


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Pings that find dead connections while calls are open.

    Attributes:
        interval_seconds: Time between pings; at least 30, or servers close the connection.
        timeout_seconds: A ping unanswered for this long ends the connection.
    """

    interval_seconds: float = 30.0
    timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.interval_seconds < MINIMUM_PING_SECONDS:
            raise ValueError(
                f"KeepAlive.interval_seconds is {self.interval_seconds}; it must be "
                f"{MINIMUM_PING_SECONDS:g} or more, because servers close connections that ping more often."
            )
        if self.timeout_seconds <= 0:
            raise ValueError(f"KeepAlive.timeout_seconds is {self.timeout_seconds}; it must be above 0.")


KEEP_ALIVE: Final = KeepAlive()


@dataclass(frozen=True, slots=True)
class TLSConfig:
    """Encrypts the connection; with certificate and key it proves who the client is (mTLS). Values are PEM.

        TLSConfig()                                                 # the system's certificate authorities
        TLSConfig.from_files(authority="ca.pem")                    # a private one
        TLSConfig.from_files(authority="ca.pem", certificate="me.pem", private_key="me.key")

    Attributes:
        authority: Certificates of the authorities to trust; None trusts the system's.
        certificate: The client's certificate chain.
        private_key: The client's key.
        server_name: Name the server's certificate must have, when it is not the host in the target.
    """

    authority: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    private_key: bytes | None = field(default=None, repr=False)
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("TLSConfig has only one of certificate and private_key; mTLS needs both.")

    @staticmethod
    def from_files(
        *,
        authority: str | Path | None = None,
        certificate: str | Path | None = None,
        private_key: str | Path | None = None,
        server_name: str | None = None,
    ) -> TLSConfig:
        """Reads the PEM files named."""

        def read(path: str | Path | None) -> bytes | None:
            return None if path is None else Path(path).read_bytes()

        return TLSConfig(read(authority), read(certificate), read(private_key), server_name)


WhenFull = Literal["block", "drop_oldest", "raise"]


@dataclass(frozen=True, slots=True)
class PublisherConfig:
    """How a publisher buffers.

    Attributes:
        max_buffered_rows: Rows held, sent or not, until the server acknowledges them; some 80 bytes each.
        when_full: What `publish` does without room: wait (`block`), give up the unsent rows that have waited
            longest (`drop_oldest`), or raise `BufferFull` (`raise`).
        batch_rows: Rows of a batch: larger calls are split, and small ones that wait together are merged. The
            server's own limits are held to as well.
    """

    max_buffered_rows: int = 200_000
    when_full: WhenFull = "block"
    batch_rows: int = 1_000

    def __post_init__(self) -> None:
        if self.when_full not in ("block", "drop_oldest", "raise"):
            raise ValueError(
                f"PublisherConfig.when_full is {self.when_full!r}; it must be 'block', 'drop_oldest' "
                "or 'raise'."
            )
        if self.max_buffered_rows < 2 or not 1 <= self.batch_rows <= self.max_buffered_rows // 2:
            raise ValueError(
                f"PublisherConfig has max_buffered_rows {self.max_buffered_rows} and batch_rows "
                f"{self.batch_rows}; the buffer must hold at least two batches of at least one row."
            )


PUBLISHER_CONFIG: Final = PublisherConfig()


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Everything about the connection of a client.

    Attributes:
        target: HOST:PORT of the server.
        api_key: Sent as `authorization: Bearer KEY`; never shown. A path names a file with the key, which is read
            again for every call, so that a rotated key is taken over.
        tls: Encrypts the connection; None sends everything in the clear.
        timeouts: How long to wait.
        unary_backoff: Waits between attempts of a call that finds the server away, inside its deadline.
        stream_backoff: Waits before a stream is opened again.
        keep_alive: Pings.
        insecure: Allows to send the API key in the clear to another machine.
    """

    target: str = DEFAULT_TARGET
    api_key: str | Path | None = None
    tls: TLSConfig | None = None
    timeouts: Timeouts = TIMEOUTS
    unary_backoff: Backoff = UNARY_BACKOFF
    stream_backoff: Backoff = STREAM_BACKOFF
    keep_alive: KeepAlive = KEEP_ALIVE
    insecure: bool = False
    _key: ApiKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key", ApiKey(self.api_key))
        host, _, port = self.target.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(
                f"The target is {self.target!r}; it must be HOST:PORT, such as {DEFAULT_TARGET!r}."
            )
        if self.api_key and not self.tls and not self.insecure and not self.is_loopback:
            raise ValueError(
                f"The API key would be sent to {self.target} unencrypted. Give tls=TLSConfig(), or "
                "insecure=True if the network is trusted."
            )

    def __repr__(self) -> str:
        return f"ClientConfig(target={self.target!r}, api_key={self._key!r}, tls={self.tls!r})"

    @property
    def is_loopback(self) -> bool:
        """True when only this machine is involved."""
        host = self.target.rpartition(":")[0].strip("[]")
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def call_metadata(self) -> Metadata:
        """Metadata of the next call."""
        return self._key.metadata()

    def channel_options(self) -> list[tuple[str, int | str]]:
        """Options of a gRPC channel."""
        backoff_ms = int(self.stream_backoff.maximum_seconds * 1000)
        options: list[tuple[str, int | str]] = [
            ("grpc.primary_user_agent", f"argus-python/{client_version()}"),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.keepalive_time_ms", int(self.keep_alive.interval_seconds * 1000)),
            ("grpc.keepalive_timeout_ms", int(self.keep_alive.timeout_seconds * 1000)),
            ("grpc.http2.max_pings_without_data", 0),
            # Retrying is this package's own business: one policy inside one deadline.
            ("grpc.enable_retries", 0),
            # The channel must not sit out a longer wait of its own (2 minutes by default) than ours.
            ("grpc.initial_reconnect_backoff_ms", min(100, backoff_ms)),
            ("grpc.max_reconnect_backoff_ms", backoff_ms),
            # Clients of one process must not share the waits of each other's broken connections.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if self.is_loopback:
            options.append(("grpc.enable_http_proxy", 0))
        if self.tls is not None and self.tls.server_name:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return options


def client_version() -> str:
    """Version of this package; `unknown` when it runs from a bare checkout."""
    try:
        return metadata.version("argus-forecast")
    except metadata.PackageNotFoundError:
        return "unknown"
