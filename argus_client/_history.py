"""History for programs with threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from argus_client import _history_calls as calls
from argus_client._config import DEFAULT, Timeout
from argus_client._connection import Connection
from argus_client._enums import ExportFormat, HistoryTable
from argus_client._history_calls import Instant, Length
from argus_client._history_values import AlertEvents, FleetHistory, HistorySummary, ServerHistory


class History:
    """What has been. Reached as `client.history`; only servers with a data directory have it.

        print(client.history.summary(last="1w").incidents)
        client.history.server("web-1", last="1d").to_pandas()
        client.history.save("risk.csv", "server_risk", format="csv", last="1M")

    A span is the `last` so much time (a `timedelta`, or a text such as `"30m"`, `"8h"`, `"1d"`, `"1w"`, `"1M"`), or
    begins at `since`; it ends at `until`, or now by the server's clock. Left out, it is the last day. Times are
    `datetime` with a time zone, or Unix milliseconds UTC.

    Every method raises `InvalidArgument` for a span that is none or too long, and `Unimplemented` when the server
    records nothing. Where nothing was recorded answers are empty, or NaN.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def summary(
        self,
        *,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        timeout: Timeout = DEFAULT,
    ) -> HistorySummary:
        """Alerts, incidents and how well the ones foretold the others, over at most 31 days."""
        return self._connection.unary(calls.get_summary(calls.time_range(last, since, until)), timeout)

    def alert_events(
        self,
        *,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        servers: Sequence[str] = (),
        limit: int = 1000,
        timeout: Timeout = DEFAULT,
    ) -> AlertEvents:
        """What happened to alerts.

        Args:
            last: Length of the span.
            since: Its start.
            until: Its end.
            servers: Names; empty means all.
            limit: Events to return at most, up to 10,000; of more, the newest.
            timeout: Seconds.
        """
        span = calls.time_range(last, since, until)
        return self._connection.unary(calls.list_events(span, servers, limit), timeout)

    def server(
        self,
        server_name: str,
        *,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        metrics: Sequence[str] = (),
        horizon_minutes: int = 60,
        max_points: int = 500,
        timeout: Timeout = DEFAULT,
    ) -> ServerHistory:
        """The past of a server, what was measured beside what had been forecast.

        Args:
            server_name: Its name.
            last: Length of the span.
            since: Its start.
            until: Its end.
            metrics: Empty means all that were measured.
            horizon_minutes: How long before each time the forecast for it was made: 30, 60, 120, 240 or 480.
            max_points: Points in time to return at most, up to 5,000.
            timeout: Seconds.

        Raises:
            NotFound: the fleet does not have the server, and nothing is recorded of it in the span.
        """
        span = calls.time_range(last, since, until)
        call = calls.get_server(server_name, span, metrics, horizon_minutes, max_points)
        return self._connection.unary(call, timeout)

    def fleet(
        self,
        *,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        max_points: int = 500,
        timeout: Timeout = DEFAULT,
    ) -> FleetHistory:
        """The past of the fleet, in at most `max_points` points in time, up to 5,000."""
        span = calls.time_range(last, since, until)
        return self._connection.unary(calls.get_fleet(span, max_points), timeout)

    def export(
        self,
        table: HistoryTable | str,
        *,
        format: ExportFormat | str = ExportFormat.ARROW,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        servers: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Iterator[bytes]:
        """Rows of a table as one file, chunk by chunk; everything when no span is given.

        Args:
            table: Such as `"metrics"`.
            format: `"arrow"`, an IPC stream, or `"csv"`.
            last: Length of the span.
            since: Its start.
            until: Its end.
            servers: Names; empty means all.
            timeout: Seconds for the whole file; None has no end.

        Raises:
            ArgusError: the stream broke: what came is not the whole file.
        """
        span = calls.time_range(last, since, until, default=None)
        return self._chunks(calls.export_request(table, format, span, servers), timeout)

    def save(
        self,
        path: Path | str,
        table: HistoryTable | str,
        *,
        format: ExportFormat | str = ExportFormat.ARROW,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        servers: Sequence[str] = (),
        timeout: float | None = None,
    ) -> int:
        """Exports to a file, which appears once it is whole; see `export`. Returns its bytes."""
        chunks = self.export(
            table, format=format, last=last, since=since, until=until, servers=servers, timeout=timeout
        )
        file = calls.PartialFile(Path(path))
        try:
            for chunk in chunks:
                file.write(chunk)
            file.keep()
        finally:
            file.discard()
        return file.bytes_written

    def _chunks(self, request: bytes, timeout: float | None) -> Iterator[bytes]:
        connection = self._connection
        invoke = connection.server_stream(calls.EXPORT_HISTORY)
        call: Any = invoke(request, timeout=timeout, metadata=connection.config.call_metadata())
        try:
            for message in call:
                yield calls.chunk_of(message)
        except grpc.RpcError as cause:
            raise connection.error(cause, calls.EXPORT_HISTORY) from cause
        finally:
            call.cancel()
