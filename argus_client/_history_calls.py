"""Every question about history: request in, result out. The clients only send them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from argus.v1 import history_pb2
from argus_client._calls import UnaryCall, method_path, parse
from argus_client._enums import ExportFormat, HistoryTable, metric_number, to_number
from argus_client._errors import InvalidArgument
from argus_client._history_values import AlertEvents, FleetHistory, HistorySummary, ServerHistory

Instant = datetime | int
"""A time zone aware `datetime`, or Unix milliseconds UTC."""
Length = timedelta | str
"""A `timedelta`, or a text such as `"30m"`, `"8h"`, `"1d"`, `"1w"` or `"1M"` (30 days)."""

DEFAULT_LENGTH: Final = "1d"
EXPORT_HISTORY: Final = method_path(history_pb2, "HistoryService", "ExportHistory")

_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "M": timedelta(days=30),
}
_LENGTH: Final = re.compile(r"\s*([0-9]{1,6})\s*([smhdwM])\s*")
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_MOST: Final = 2**31 - 1


def length_of(text: Length) -> timedelta:
    """The length that a text means.

    Raises:
        InvalidArgument: it means none, or none above 0.
    """
    if isinstance(text, timedelta):
        length = text
    elif (match := _LENGTH.fullmatch(text)) is None:
        raise InvalidArgument(
            f"{text!r} is no length of time; give a number and one of s, m, h, d, w or M (30 days), such as 8h."
        )
    else:
        length = int(match[1]) * _UNITS[match[2]]
    if length < _MILLISECOND:
        raise InvalidArgument(f"The length {text!r} is not above 0.")
    return length


def time_range(
    last: Length | None, since: Instant | None, until: Instant | None, default: Length | None = DEFAULT_LENGTH
) -> history_pb2.TimeRange:
    """A span from `since`, or of a length, to `until`, or now.

    Raises:
        InvalidArgument: it has both a start and a length, ends before it starts, or a time has no time zone.
    """
    if last is not None and since is not None:
        raise InvalidArgument(f"Both last={last!r} and since={since!r} are given; give one.")
    message = history_pb2.TimeRange(end_ms=0 if until is None else _milliseconds("until", until))
    if since is not None:
        message.start_ms = _milliseconds("since", since)
        if message.end_ms and message.start_ms >= message.end_ms:
            raise InvalidArgument(f"The range starts at {since} and ends at {until}; swap them.")
    elif (length := last if last is not None else default) is not None:
        message.length_ms = length_of(length) // _MILLISECOND
    return message


def _milliseconds(name: str, instant: Instant) -> int:
    if isinstance(instant, datetime):
        if instant.tzinfo is None:
            raise InvalidArgument(
                f"{name}={instant!r} has no time zone; give one, such as datetime(..., tzinfo=UTC)."
            )
        milliseconds = (instant - _EPOCH) // _MILLISECOND
    else:
        milliseconds = instant
    if milliseconds <= 0:
        raise InvalidArgument(f"{name}={instant!r} is before 1970 or 0; give a later time.")
    if milliseconds > _LATEST_MS:
        raise InvalidArgument(
            f"{name}={instant!r} is after the year 9999; give Unix milliseconds of at most {_LATEST_MS}."
        )
    return milliseconds


def _names(servers: Sequence[str]) -> Sequence[str]:
    if isinstance(servers, str):
        raise InvalidArgument(f"servers is the text {servers!r}; it must be a list, such as [{servers!r}].")
    return servers


def get_summary(span: history_pb2.TimeRange) -> UnaryCall[HistorySummary]:
    """Asks for a summary."""
    return UnaryCall(
        _path("GetHistorySummary"),
        history_pb2.GetHistorySummaryRequest(range=span).SerializeToString(),
        lambda data: HistorySummary.from_proto(parse(history_pb2.GetHistorySummaryResponse, data)),
        deadline="history",
    )


def list_events(span: history_pb2.TimeRange, servers: Sequence[str], limit: int) -> UnaryCall[AlertEvents]:
    """Asks for alert events."""
    request = history_pb2.ListAlertEventsRequest(
        range=span, servers=_names(servers), limit=_count("limit", limit)
    )
    return UnaryCall(
        _path("ListAlertEvents"),
        request.SerializeToString(),
        lambda data: AlertEvents.from_proto(parse(history_pb2.ListAlertEventsResponse, data)),
        deadline="history",
    )


def get_server(
    name: str, span: history_pb2.TimeRange, metrics: Sequence[str], horizon_minutes: int, max_points: int
) -> UnaryCall[ServerHistory]:
    """Asks for the past of a server."""
    if isinstance(metrics, str):
        raise InvalidArgument(f"metrics is the text {metrics!r}; it must be a list, such as [{metrics!r}].")
    try:
        numbers = [metric_number(metric) for metric in metrics]
    except ValueError as error:
        raise InvalidArgument(str(error)) from error
    request = history_pb2.GetServerHistoryRequest(
        server_name=name,
        range=span,
        metrics=numbers,
        horizon_minutes=_count("horizon_minutes", horizon_minutes),
        max_points=_count("max_points", max_points),
    )
    return UnaryCall(
        _path("GetServerHistory"),
        request.SerializeToString(),
        lambda data: ServerHistory.from_proto(parse(history_pb2.GetServerHistoryResponse, data)),
        deadline="history",
    )


def get_fleet(span: history_pb2.TimeRange, max_points: int) -> UnaryCall[FleetHistory]:
    """Asks for the past of the fleet."""
    request = history_pb2.GetFleetHistoryRequest(range=span, max_points=_count("max_points", max_points))
    return UnaryCall(
        _path("GetFleetHistory"),
        request.SerializeToString(),
        lambda data: FleetHistory.from_proto(parse(history_pb2.GetFleetHistoryResponse, data)),
        deadline="history",
    )


def export_request(
    table: HistoryTable | str, form: ExportFormat | str, span: history_pb2.TimeRange, servers: Sequence[str]
) -> bytes:
    """The request of an export.

    Raises:
        InvalidArgument: there is no such table or format.
    """
    tables, forms = list(HistoryTable)[1:], list(ExportFormat)[1:]
    if table not in tables:
        raise InvalidArgument(f"There is no table {table!r}; there are {', '.join(tables)}.")
    if form not in forms:
        raise InvalidArgument(f"There is no format {form!r}; there are {', '.join(forms)}.")
    return history_pb2.ExportHistoryRequest(
        table=to_number(HistoryTable(table)),
        format=to_number(ExportFormat(form)),
        range=span,
        servers=_names(servers),
    ).SerializeToString()


def chunk_of(data: bytes) -> bytes:
    """The bytes of the file in a message of an export."""
    return parse(history_pb2.ExportHistoryResponse, data).chunk


class PartialFile:
    """A file that appears under its name once it is whole.

    Args:
        path: Its name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.part")
        try:
            self._file = self._partial.open("wb")
        except OSError as error:
            # Nobody knows of the other name.
            raise OSError(error.errno, error.strerror, str(path)) from error
        self.bytes_written = 0

    def write(self, chunk: bytes) -> None:
        """Appends bytes."""
        self.bytes_written += self._file.write(chunk)

    def keep(self) -> None:
        """Gives the file its name."""
        self._file.close()
        self._partial.replace(self._path)

    def discard(self) -> None:
        """Removes what there is, unless it was kept."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


def _count(name: str, value: int) -> int:
    if not 0 <= value <= _MOST:
        raise InvalidArgument(
            f"{name} is {value}; it must be 0, for what the server takes, or a number up to {_MOST}."
        )
    return value


def _path(method: str) -> str:
    return method_path(history_pb2, "HistoryService", method)
