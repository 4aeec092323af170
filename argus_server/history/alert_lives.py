"""The lives of alerts, put together from the events that were recorded of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from argus_server.alerts.events import EventKind
from argus_server.history import batches
from argus_server.history.batches import Cancelled, guarded
from argus_server.history.schemas import ALERT_EVENTS, SCHEMAS
from argus_server.history.span import DAY_MS, Span
from argus_server.history.store import RowSource

_FIRED: Final = (EventKind.FIRED, EventKind.REOPENED)
_WANTED: Final = frozenset((*_FIRED, EventKind.RESOLVED, EventKind.ACKNOWLEDGED, EventKind.LEVEL_CHANGED))

# An alert that fired longer ago than this before a span is not known to fire in it.
_LOOK_BACK_MS: Final = 31 * DAY_MS

_COLUMNS: Final = ("timestamp", "sequence", "alert_id", "server_name", "subject", "metric", "event", "level")


@dataclass(slots=True)
class AlertLife:
    """What became of one alert. Times are Unix milliseconds UTC.

    Attributes:
        server_name: Its server.
        subject: What it is about: "metric", "risk" or "silence".
        metric: Name of the metric; empty for an alert on another subject.
        firing: When it began to fire and, if it did, resolved: more than once if it was opened again.
        acknowledged_ms: When it was first acknowledged.
        critical_ms: When it first was at level critical while firing.
    """

    server_name: str
    subject: str
    metric: str
    firing: list[tuple[int, int | None]] = field(default_factory=list)
    acknowledged_ms: int | None = None
    critical_ms: int | None = None

    @property
    def fired_ms(self) -> int | None:
        """When it first fired."""
        return self.firing[0][0] if self.firing else None

    @property
    def resolved_ms(self) -> int | None:
        """When it resolved for good; None while it fires."""
        return self.firing[-1][1] if self.firing else None

    @property
    def taken_ms(self) -> int | None:
        """When it fired and somebody was on it: one acknowledged while it was pending was so at once."""
        if self.fired_ms is None or self.acknowledged_ms is None:
            return None
        return max(self.fired_ms, self.acknowledged_ms)

    def firing_since(self, at_ms: int) -> int | None:
        """When it had begun to fire, if it had before a time and was firing still at it."""
        for fired, resolved in self.firing:
            if fired < at_ms and (resolved is None or resolved >= at_ms):
                return fired
        return None

    def note(self, event: str, at_ms: int, level: str) -> None:
        """Takes the next event of its life."""
        is_firing = bool(self.firing) and self.firing[-1][1] is None
        if event in _FIRED and not is_firing:
            self.firing.append((at_ms, None))
            is_firing = True
        elif event == EventKind.RESOLVED and is_firing:
            self.firing[-1] = (self.firing[-1][0], at_ms)
        elif event == EventKind.ACKNOWLEDGED and self.acknowledged_ms is None:
            self.acknowledged_ms = at_ms
        if is_firing and level == "critical" and self.critical_ms is None:
            self.critical_ms = at_ms


def alert_lives(store: RowSource, span: Span, cancelled: Cancelled) -> list[AlertLife]:
    """Lives of all alerts that fired within a span, or not long before it, as they were at its end.

    Raises:
        QueryCancelled: It was called off.
    """
    rows: list[tuple[Any, ...]] = []
    found = store.read(
        ALERT_EVENTS, max(span.start_ms - _LOOK_BACK_MS, 0), span.end_ms, columns=list(_COLUMNS)
    )
    for batch in guarded(found, cancelled):
        columns = [batch.column(name).to_pylist() for name in _COLUMNS[1:]]
        rows += [
            row for row in zip(batches.times_ms(batch).tolist(), *columns, strict=True) if row[6] in _WANTED
        ]
    lives: dict[str, AlertLife] = {}
    for at_ms, _, alert_id, server, subject, metric, event, level in sorted(rows, key=lambda row: row[:2]):
        lives.setdefault(alert_id, AlertLife(server, subject, metric)).note(event, at_ms, level)
    return [life for life in lives.values() if life.firing]


@dataclass(frozen=True, slots=True)
class AlertEvents:
    """Events within a span.

    Attributes:
        rows: Oldest first, by the columns of the table; `timestamp` in Unix milliseconds UTC.
        total: How many there are, listed or not.
    """

    rows: tuple[dict[str, Any], ...]
    total: int


def alert_events(
    store: RowSource, span: Span, servers: list[str] | None, limit: int, cancelled: Cancelled
) -> AlertEvents:
    """The newest events of a span.

    Args:
        store: Where from.
        span: When.
        servers: Names; None means all.
        limit: How many at most.
        cancelled: Says when to give up.

    Raises:
        QueryCancelled: It was called off.
    """
    newest: deque[dict[str, Any]] = deque()
    total = 0
    names = SCHEMAS[ALERT_EVENTS].names
    for batch in guarded(store.read(ALERT_EVENTS, span.start_ms, span.end_ms, servers, names), cancelled):
        total += batch.num_rows
        times = batches.times_ms(batch).tolist()
        for row, at_ms in zip(batch.drop_columns(["timestamp"]).to_pylist(), times, strict=True):
            newest.append({"timestamp": at_ms, **row})
        if len(newest) > 4 * limit:
            newest = _newest(newest, limit)
    return AlertEvents(tuple(_newest(newest, limit)), total)


def _newest(rows: deque[dict[str, Any]], limit: int) -> deque[dict[str, Any]]:
    return deque(sorted(rows, key=lambda row: (int(row["timestamp"]), int(row["sequence"]))), maxlen=limit)
