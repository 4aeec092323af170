"""What all browsers fetch: built once per snapshot, compressed once, the same bytes for everybody."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from argus_client import FleetSnapshot
from argus_ui.columns import fleet_document

# Servers that come with the page itself: what the first screen shows, and a bit.
EMBEDDED_SERVERS: Final = 60
_COMPRESSION: Final = 4
_SMALL_BYTES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Document:
    """Immutable JSON, ready to send.

    Attributes:
        tag: Names this very content; without quotes.
        plain: The JSON.
        packed: The same, gzip.
    """

    tag: str
    plain: bytes
    packed: bytes

    @staticmethod
    def of(value: Any, tag: str = "") -> Document:
        """A document of plain values; NaN becomes null.

        Args:
            value: What to send.
            tag: Its name; that of its content if not given.
        """
        plain = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
        return Document(
            tag or blake2b(plain, digest_size=9).hexdigest(),
            plain,
            gzip.compress(plain, _COMPRESSION, mtime=0),
        )

    def response(self, request: Request) -> Response:
        """The answer to a request: 304 when the browser has it already."""
        headers = {"ETag": f'"{self.tag}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        held = request.headers.get("if-none-match", "")
        # A proxy that compresses weakens the tag; it is the same content to us.
        if any(part.strip().removeprefix("W/") == headers["ETag"] for part in held.split(",")):
            return Response(status_code=304, headers=headers)
        if len(self.plain) > _SMALL_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(self.packed, headers=headers, media_type="application/json")
        return Response(self.plain, headers=headers, media_type="application/json")


@dataclass(frozen=True, slots=True)
class Fleet:
    """A snapshot and what browsers get of it.

    Attributes:
        snapshot: The snapshot; None before the first.
        received_at: When it came, seconds of the monotonic clock.
        document: For `/api/fleet`.
        embedded: The beginning of it for the page itself; JSON that is safe within HTML.
    """

    snapshot: FleetSnapshot | None
    received_at: float
    document: Document
    embedded: str

    @property
    def age_seconds(self) -> int:
        """Whole seconds since it came."""
        return int(time.monotonic() - self.received_at)

    @staticmethod
    def of(snapshot: FleetSnapshot) -> Fleet:
        """Builds what browsers get. Takes a while with thousands of servers: not for the event loop."""
        received_at = time.monotonic()
        tag = f"{snapshot.header.instance_id}-{snapshot.revision}"
        return Fleet(
            snapshot,
            received_at,
            Document.of(fleet_document(snapshot) | {"tag": tag}, tag),
            html_json(fleet_document(snapshot, EMBEDDED_SERVERS) | {"tag": tag}),
        )


def html_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode().replace("<", "\\u003c")


EMPTY: Final = Fleet(None, 0.0, Document.of({"tag": "", "servers": None}, "none"), html_json(None))
