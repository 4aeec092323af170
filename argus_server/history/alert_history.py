"""Alert events as rows of their table: the sink that alerts tell everything to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from argus.v1 import snapshot_pb2
from argus_server.alerts.events import AlertEvent
from argus_server.history.counters import HistoryCounters
from argus_server.history.schemas import ALERT_EVENTS, SCHEMAS
from argus_server.history.store import HistoryStore
from argus_server.metrics import METRICS

# A tick's events wait no longer than this for the disk; they come again when they were not kept.
_WAIT_SECONDS: Final = 30.0

_END_MS: Final = 1 << 52


def _names(enum: Any, prefix: str) -> tuple[str, ...]:
    """Names of a contract enum by number, without prefix and in small letters; "" for 0."""
    named = {number: name.removeprefix(prefix).lower() for name, number in enum.items()}
    return ("", *(named[number] for number in sorted(named) if number))


SUBJECTS: Final = _names(snapshot_pb2.AlertSubject, "ALERT_SUBJECT_")
LEVELS: Final = _names(snapshot_pb2.AlertLevel, "ALERT_LEVEL_")
METRIC_NAMES: Final = ("", *METRICS)


class AlertHistory:
    """An `argus_server.alerts.events.EventSink` over the history store.

    Args:
        store: Where to.
        counters: Where to count.
    """

    def __init__(self, store: HistoryStore, counters: HistoryCounters) -> None:
        self._store = store
        self._written = counters.rows.labels(ALERT_EVENTS)
        self._dropped = counters.dropped_rows.labels(ALERT_EVENTS)
        self._last: int | None = None

    def append(self, events: Sequence[AlertEvent]) -> None:
        """Keeps events that are not kept yet; returns when they are durable.

        Raises:
            Exception: Whatever the store fails with; the events are to come again.
        """
        if self._last is None:
            self._last = self._newest()
        new = [event for event in events if event.sequence > self._last]
        if not new:
            return
        try:
            self._store.append(ALERT_EVENTS, event_rows(new)).result(_WAIT_SECONDS)
        except Exception:
            # They come again. When it was the wait that ended, they may have been written: look before writing more.
            self._last = None
            raise
        self._last = new[-1].sequence
        self._written.inc(len(new))

    def _newest(self) -> int:
        """The highest sequence that is kept."""
        newest = 0
        for batch in self._store.read(ALERT_EVENTS, 0, _END_MS, columns=("sequence",)):
            newest = max(newest, *batch.column("sequence").to_pylist(), newest)
        return newest


def event_rows(events: Sequence[AlertEvent]) -> pa.RecordBatch:
    """Events as rows of their table."""
    columns: dict[str, Sequence[Any]] = {
        "timestamp": [event.at_ms for event in events],
        "subject": [SUBJECTS[event.subject] for event in events],
        "metric": [METRIC_NAMES[event.metric] for event in events],
        "event": [str(event.kind) for event in events],
        "level": [LEVELS[event.level] for event in events],
    }
    schema = SCHEMAS[ALERT_EVENTS]
    return pa.record_batch(
        [
            pa.array(columns["timestamp"], pa.int64()).cast(field.type)
            if field.name == "timestamp"
            else pa.array(
                columns.get(field.name) or [getattr(event, field.name) for event in events], field.type
            )
            for field in schema
        ],
        schema=schema,
    )
