"""What a connection tells its user: states, refusals, counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from argus_client._errors import ArgusError


class ConnectionState(StrEnum):
    """Where a publisher or subscription is.

    CONNECTING until the server has answered for the first time, LIVE while it does, DRAINING after it said
    that it will stop, RECONNECTING while the stream is down, CLOSED for good.
    """

    CONNECTING = "connecting"
    LIVE = "live"
    DRAINING = "draining"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


StateCallback = Callable[[ConnectionState, ArgusError | None], None]
"""Called with the new state and, when an error led to it, that error."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rows the server refused. Do not send them again unchanged.

    Attributes:
        reason: Name of the rule, such as `"OUT_OF_RANGE"` for a row, `"BATCH_TOO_LARGE"` for a batch.
        message: What was got and what is allowed.
        rows: How many rows this is about; 1 for a single row.
        server_name: Server of a single row; empty for a batch, or when the batch is not held any more.
        timestamp_ms: Unix milliseconds UTC of a single row; 0 when `server_name` is empty.
        field: Column that broke the rule; empty for a batch.
        sequence: Number of the batch.
        row_index: Position of a single row in its batch; None for a batch.
    """

    reason: str
    message: str
    rows: int
    server_name: str
    timestamp_ms: int
    field: str
    sequence: int
    row_index: int | None


RejectionCallback = Callable[[Rejection], None]


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How far the servers last acknowledged are from a model forecast.

    Attributes:
        servers: Servers with rows in the batches last acknowledged.
        warm_servers: Of these, how many have enough history.
        required_steps: Steps a server needs.
        min_observed_steps: Steps the least observed of them has.
    """

    servers: int
    warm_servers: int
    required_steps: int
    min_observed_steps: int


@dataclass(frozen=True, slots=True)
class PublisherStats:
    """Counters of a publisher since it was made.

    `rows_published` is at any time the sum of `rows_accepted`, `rows_duplicate`, `rows_rejected`,
    `rows_unreported`, `rows_dropped` and `rows_buffered`.

    Attributes:
        state: Where the publisher is.
        rows_published: Rows `publish` has taken.
        rows_sent: Rows that have gone out; re-sent ones are counted once.
        rows_accepted: Rows the server has taken into its windows.
        rows_duplicate: Rows the server had seen before.
        rows_rejected: Rows the server refused.
        rows_unreported: Rows the server has committed, whose acknowledgement was lost with a connection.
        rows_dropped: Rows given up by `drop_oldest`, or left over at the end.
        rows_buffered: Rows waiting to be sent or acknowledged.
        rows_settled: How many of the first rows published need no more waiting for: a position in the order of
            `rows_published`, to tell how far what was published first is through.
        batches_sent: Batches that have gone out, re-sent ones included.
        reconnects: Streams opened after the first.
        throttles: Times the server asked to pause.
        warm_up: Progress the server last reported; None before that.
        last_error: The newest error of the connection, also when it has been overcome.
    """

    state: ConnectionState
    rows_published: int
    rows_sent: int
    rows_accepted: int
    rows_duplicate: int
    rows_rejected: int
    rows_unreported: int
    rows_dropped: int
    rows_buffered: int
    rows_settled: int
    batches_sent: int
    reconnects: int
    throttles: int
    warm_up: WarmUp | None
    last_error: ArgusError | None
