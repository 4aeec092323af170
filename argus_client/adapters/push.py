"""The seam between an adapter's runner and a source that is sent to, such as a receiver of OpenTelemetry metrics.

Such a source keeps no cursor: its senders do. It answers a sender only when `Sink.deliver` has returned, so that what
was not acknowledged by the Argus server is sent again by whoever measured it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from argus_client import Rejection
from argus_client.adapters.pull import Records


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of delivered records.

    Attributes:
        rows: Rows the server has answered for: accepted, duplicate or refused with a reason.
        unmapped_rows: Rows that were not sent, because they have no time or no server name.
        rejected_rows: Rows the server refused, as far as it named them: it names the first 100 of an answer. Rows
            of a batch that it refused as a whole count here if they may be among these.
        rejections: The first 10 of these, with column, reason and message.
        refused: Why the server refused a row, as far as it named it, by index of the record the row was made of; has
            every record if a batch was refused as a whole that may have held it.
        problem: Why rows were not sent or were refused, for people; empty when there are none.
    """

    rows: int
    unmapped_rows: int = 0
    rejected_rows: int = 0
    rejections: tuple[Rejection, ...] = ()
    refused: Mapping[int, str] = field(default_factory=dict)
    problem: str = ""


class Sink(Protocol):
    """Where a push source leaves what it was sent."""

    @property
    def retry_after_seconds(self) -> float:
        """0 while records can be delivered; else when to try again, because the server is away or is full."""
        ...

    async def deliver(self, records: Records, *, timeout_seconds: float) -> Delivered:
        """Maps and publishes records and waits until the server has answered for every row of them.

        Raises:
            SourceUnavailable: not in this time; its `retry_after_seconds` says when to send them again. Rows that
                arrive all the same count as duplicates then.
        """
        ...


class PushSource(Protocol):
    """Somewhere rows come from by themselves."""

    async def serve(self, sink: Sink) -> None:
        """Takes what is sent until the task is cancelled; then lets go of its sockets.

        Raises:
            SourceError: it cannot listen where it should.
        """
        ...
