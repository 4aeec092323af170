"""What it looks like when one side of a connection speaks TLS and the other does not, whichever client says it."""

from __future__ import annotations

import re
from typing import Final

# OpenSSL, of an answer in the clear.
_IN_THE_CLEAR: Final = re.compile(
    r"WRONG_VERSION_NUMBER|HTTP_REQUEST|RECORD_LAYER_FAILURE|PACKET_LENGTH_TOO_LONG"
)
# Go's HTTP server and nginx, of a request in the clear.
_ASKS: Final = re.compile(r"HTTP request (to an|was sent to) HTTPS", re.IGNORECASE)
# A server that ends, or a network that fails, in the middle of a handshake.
_BROKEN_OFF: Final = re.compile(r"UNEXPECTED_EOF|EOF occurred|ZERO_RETURN")


def speaks_no_tls(said: str) -> bool:
    """Whether a TLS error says that the server answers in the clear."""
    return _IN_THE_CLEAR.search(said) is not None


def asks_for_tls(said: str) -> bool:
    """Whether the text of a server's answer says that it was asked in the clear, and wants TLS."""
    return _ASKS.search(said) is not None


def broke_off(said: str) -> bool:
    """Whether a TLS error says no more than that the connection ended: that may pass."""
    return _BROKEN_OFF.search(said) is not None
