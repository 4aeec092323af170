"""Who may send: where a receiver listens, its certificate and its token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from argus_client.adapters.source import SourceError


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a receiver proves itself by. Values are PEM.

    Attributes:
        chain: Its certificate chain.
        private_key: Its key.
        client_authority: Authorities whose certificates senders must have; None lets in senders without one.
    """

    chain: bytes = field(repr=False)
    private_key: bytes = field(repr=False)
    client_authority: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen and whom to let in.

    Attributes:
        host: Name or address to listen at.
        port: 0 takes a free one.
        token: What `Authorization: Bearer` must hold; empty lets in everybody.
        certificate: Encrypts connections; None leaves them in the clear.
    """

    host: str
    port: int
    token: str = field(default="", repr=False)
    certificate: Certificate | None = None

    def admits(self, authorization: str) -> bool:
        """Whether a sender with this Authorization header is let in. Takes as long for a wrong token as for another."""
        if not self.token:
            return True
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self.token.encode())

    def taken(self, protocol: str, error: object) -> SourceError:
        """The error of a port that cannot be had."""
        return SourceError(
            f"OTLP/{protocol} cannot listen on {self.host}:{self.port}: {error}. Another receiver may be running "
            f"there; set [source] {protocol.lower()}_listen."
        )


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a receiver listens; empty for what it does not.

    Attributes:
        grpc: HOST:PORT of OTLP/gRPC.
        http: HOST:PORT of OTLP/HTTP.
    """

    grpc: str = ""
    http: str = ""
