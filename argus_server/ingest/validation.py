"""Checks every row of a batch against the contract, all rows at once.

The bounds are those of `argus_server.contract`, which reads them from the .proto files. NaN in a metric is
the one exemption: it says "not measured" and is valid although it lies in no range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import filterfalse
from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import ingest_pb2
from argus_server.contract import batch_constraints
from argus_server.ingest.columns import Columns
from argus_server.ingest.rejections import NO_REJECTIONS, REPORTED_ROWS, RejectedRow, Rejections
from argus_server.metrics import METRICS

MAX_SKEW_MS: Final = 300_000
"""How far a sample may be ahead of a wall clock."""

MAX_EVENT_LEAD_MS: Final = 31 * 86_400_000
"""How far a sample may be ahead of the time of day where an event clock goes by the samples."""

FIELDS: Final = ("timestamp", "server_name", "state", *METRICS)
"""The columns of a batch in contract order: the first axis of `Validation.broken`."""

_LAST_MS: Final = 253_402_300_799_999

_TIMESTAMP: Final = FIELDS.index("timestamp")
_SERVER_NAME: Final = FIELDS.index("server_name")
_STATE: Final = FIELDS.index("state")
_FIRST_METRIC: Final = FIELDS.index(METRICS[0])


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """What came of checking a batch.

    Attributes:
        valid: Which rows keep all rules, bool [rows].
        rejections: The other rows.
        broken: Which cells break a rule, bool [fields, rows] in the order of `FIELDS`; None when none does.
    """

    valid: npt.NDArray[np.bool_]
    rejections: Rejections
    broken: npt.NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Limits:
    """The constraints as arrays: lower and upper are float32 [metrics, 1], known_states is bool [numbers]."""

    lower: npt.NDArray[np.float32]
    upper: npt.NDArray[np.float32]
    known_states: npt.NDArray[np.bool_]


@cache
def _limits() -> _Limits:
    constraints = batch_constraints()
    # An open end becomes the largest finite number: one comparison then refuses infinities too.
    largest = np.finfo(np.float32).max
    lower = [max(bounds.lower, -largest) for bounds in constraints.metric_bounds]
    upper = [min(bounds.upper, largest) for bounds in constraints.metric_bounds]
    known_states = np.zeros(max(constraints.state_numbers) + 1, np.bool_)
    known_states[sorted(constraints.state_numbers)] = True
    return _Limits(np.array(lower, np.float32)[:, None], np.array(upper, np.float32)[:, None], known_states)


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How far ahead of the time of day a sample may be.

    Attributes:
        now_ms: The time of day, Unix milliseconds UTC.
        max_lead_ms: How far ahead of it is still accepted.
    """

    now_ms: int
    max_lead_ms: int = MAX_SKEW_MS


def validate(
    columns: Columns, *, known_names: Collection[str] = (), limit: TimeLimit | None = None
) -> Validation:
    """Finds the rows that break a rule of the contract.

    Args:
        columns: The batch.
        known_names: Names that are known to be valid and need no check: best a set or a dict.
        limit: Where the future begins; None when it never does.
    """
    rows = len(columns)
    if rows == 0:
        return Validation(np.ones(0, np.bool_), NO_REJECTIONS, None)
    limits = _limits()
    earliest, latest = batch_constraints().timestamp_bounds
    if limit is not None:
        latest = min(latest, limit.now_ms + limit.max_lead_ms)

    new_names = set(filterfalse(known_names.__contains__, columns.server_names))
    bad_names = {name: reason for name in new_names if (reason := _name_fault(name))}
    bad_times = columns.timestamp_ms.min() < earliest or columns.timestamp_ms.max() > latest
    # NaN compares false with everything, which is what exempts it.
    outside = (columns.metrics < limits.lower) | (columns.metrics > limits.upper)  # [metrics, rows]
    unknown_states = _unknown_states(columns.states, limits.known_states)
    if not (bad_names or bad_times or unknown_states.any() or outside.any()):
        return Validation(np.ones(rows, np.bool_), NO_REJECTIONS, None)

    broken = np.empty((len(FIELDS), rows), np.bool_)
    broken[_TIMESTAMP] = (columns.timestamp_ms < earliest) | (columns.timestamp_ms > latest)
    broken[_SERVER_NAME] = [name in bad_names for name in columns.server_names]
    broken[_STATE] = unknown_states
    broken[_FIRST_METRIC:] = outside
    valid = np.logical_not(broken.any(axis=0))
    return Validation(valid, _rejections(columns, broken, bad_names, limit), broken)


def _unknown_states(
    states: npt.NDArray[np.int32], known_states: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    # Seen as unsigned, a negative number is a very large one, and clips to the last place of the table.
    numbers = states.view(np.uint32)
    unknown: npt.NDArray[np.bool_] = ~known_states.take(numbers, mode="clip")
    return unknown | (numbers >= len(known_states))


def _name_fault(name: str) -> int:
    """The reason to refuse a name, 0 when there is none."""
    constraints = batch_constraints()
    if not name:
        return ingest_pb2.ROW_REJECTION_REASON_EMPTY_NAME
    if len(name) > constraints.name_max_length:
        return ingest_pb2.ROW_REJECTION_REASON_NAME_TOO_LONG
    if not constraints.name_pattern.fullmatch(name):
        return ingest_pb2.ROW_REJECTION_REASON_INVALID_NAME
    return 0


def _rejections(
    columns: Columns, broken: npt.NDArray[np.bool_], bad_names: dict[str, int], limit: TimeLimit | None
) -> Rejections:
    """One rejection per bad row, for its first broken column."""
    bad_rows = np.flatnonzero(broken.any(axis=0))
    first = broken[:, bad_rows].argmax(axis=0)
    reasons = _reasons(columns, bad_rows, first, bad_names)
    reported = [
        RejectedRow(
            row_index=row,
            field=FIELDS[field],
            reason=reason,
            message=_message(columns, row, field, reason, limit) + _others(broken[:, row], field),
        )
        for row, field, reason in zip(
            bad_rows[:REPORTED_ROWS].tolist(), first.tolist(), reasons.tolist(), strict=False
        )
    ]
    return Rejections(tuple(reported), Counter(reasons.tolist()))


def _reasons(
    columns: Columns, rows: npt.NDArray[np.int64], fields: npt.NDArray[np.int64], bad_names: dict[str, int]
) -> npt.NDArray[np.int64]:
    """Why each row is refused, given its first broken field; int64 [rows]."""
    # Where the field is no metric this looks at another cell, and what it finds is replaced below.
    infinite = np.isinf(columns.metrics[fields - _FIRST_METRIC, rows])
    reasons = np.where(
        infinite,
        ingest_pb2.ROW_REJECTION_REASON_NOT_FINITE,
        ingest_pb2.ROW_REJECTION_REASON_OUT_OF_RANGE,
    )
    reasons[fields == _STATE] = ingest_pb2.ROW_REJECTION_REASON_UNKNOWN_STATE
    named = fields == _SERVER_NAME
    reasons[named] = [bad_names[columns.server_names[row]] for row in rows[named]]
    timed = fields == _TIMESTAMP
    earliest, latest = batch_constraints().timestamp_bounds
    times = columns.timestamp_ms[rows[timed]]
    reasons[timed] = np.where(
        (times >= earliest) & (times <= latest),
        ingest_pb2.ROW_REJECTION_REASON_IN_FUTURE,
        ingest_pb2.ROW_REJECTION_REASON_INVALID_TIMESTAMP,
    )
    return reasons


def _message(columns: Columns, row: int, field: int, reason: int, limit: TimeLimit | None) -> str:
    constraints = batch_constraints()
    timestamp, name = int(columns.timestamp_ms[row]), columns.server_names[row]
    match reason:
        case ingest_pb2.ROW_REJECTION_REASON_INVALID_TIMESTAMP:
            earliest, latest = constraints.timestamp_bounds
            return f"got {timestamp}; a timestamp is Unix milliseconds from {earliest} to {latest}"
        case ingest_pb2.ROW_REJECTION_REASON_IN_FUTURE:
            limit = limit or TimeLimit(0)
            ahead = (timestamp - limit.now_ms) / 1000
            return (
                f"{utc(timestamp)} is {ahead:.0f} s ahead of the server's clock; at most "
                f"{limit.max_lead_ms // 1000} s are allowed. Check the clock of the sender"
            )
        case ingest_pb2.ROW_REJECTION_REASON_EMPTY_NAME:
            return f"the name is empty; 1 to {constraints.name_max_length} characters are allowed"
        case ingest_pb2.ROW_REJECTION_REASON_NAME_TOO_LONG:
            return f"the name has {len(name)} characters; at most {constraints.name_max_length} are allowed"
        case ingest_pb2.ROW_REJECTION_REASON_INVALID_NAME:
            return f"got {name[:64]!a}; printable ASCII without a space at either end is allowed"
        case ingest_pb2.ROW_REJECTION_REASON_UNKNOWN_STATE:
            return f"got {columns.states[row]}; known states are {sorted(constraints.state_numbers)}"
        case ingest_pb2.ROW_REJECTION_REASON_NOT_FINITE:
            return f"got {columns.metrics[field - _FIRST_METRIC, row]}; send NaN for what was not measured"
    bounds = constraints.metric_bounds[field - _FIRST_METRIC]
    allowed = (
        f"at least {bounds.lower:g}"
        if np.isinf(bounds.upper)
        else f"{bounds.lower:.9g} to {bounds.upper:.9g}"
    )
    return f"got {columns.metrics[field - _FIRST_METRIC, row]:g}; allowed is {allowed}"


def _others(broken: npt.NDArray[np.bool_], field: int) -> str:
    """Names the further broken columns of a row, so that a sender can mend all of them at once."""
    names = [FIELDS[other] for other in np.flatnonzero(broken) if other != field]
    return f" (invalid too: {', '.join(names)})" if names else ""


def utc(timestamp_ms: int) -> str:
    """A timestamp for people: `2024-01-31T23:55:00Z`, with milliseconds if it has any; from the year 10,000 on the
    number it is."""
    if timestamp_ms > _LAST_MS:
        return f"{timestamp_ms} ms"
    exactness = "milliseconds" if timestamp_ms % 1000 else "seconds"
    moment = datetime.fromtimestamp(timestamp_ms // 1000, UTC) + timedelta(milliseconds=timestamp_ms % 1000)
    return moment.replace(tzinfo=None).isoformat(timespec=exactness) + "Z"
