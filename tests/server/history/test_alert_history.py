"""Alert events are kept once, however often they come."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from argus.v1 import snapshot_pb2
from argus_server.alerts.events import AlertEvent, EventKind
from argus_server.history.alert_history import AlertHistory
from argus_server.history.counters import HistoryCounters
from argus_server.history.schemas import ALERT_EVENTS
from tests.server.history.memory_store import MemoryStore


def events(first: int, last: int) -> list[AlertEvent]:
    return [
        AlertEvent(
            kind=EventKind.FIRED,
            at_ms=1_700_000_000_000 + number,
            alert_id=f"alert-{number}",
            server_name="db-1",
            subject=snapshot_pb2.ALERT_SUBJECT_METRIC,
            metric=8,
            level=snapshot_pb2.ALERT_LEVEL_CRITICAL,
            probability=0.5,
            author="ann",
            detail="disk fills up",
            sequence=number,
        )
        for number in range(first, last + 1)
    ]


def sink(store: MemoryStore) -> AlertHistory:
    return AlertHistory(store, HistoryCounters(CollectorRegistry()))


def kept(store: MemoryStore) -> list[int]:
    return store.rows(ALERT_EVENTS)["sequence"].to_pylist()


def test_an_event_is_kept_as_it_came() -> None:
    store = MemoryStore()
    sink(store).append([*events(1, 1), AlertEvent(EventKind.SILENCED, 1_700_000_000_009, sequence=2)])
    fired, silenced = store.rows(ALERT_EVENTS).drop_columns(["timestamp"]).to_pylist()
    assert fired == {
        "server_name": "db-1",
        "sequence": 1,
        "alert_id": "alert-1",
        "subject": "metric",
        "metric": "disk_usage_pct",
        "event": "fired",
        "level": "critical",
        "probability": 0.5,
        "author": "ann",
        "detail": "disk fills up",
    }
    assert (silenced["event"], silenced["subject"], silenced["metric"], silenced["level"]) == (
        *("silenced", "", ""),
        "",
    )


def test_events_that_come_again_are_kept_once_also_after_a_restart() -> None:
    store = MemoryStore()
    first = sink(store)
    first.append(events(1, 3))
    first.append(events(2, 4))
    sink(store).append(events(1, 6))
    assert kept(store) == [1, 2, 3, 4, 5, 6]


def test_events_that_could_not_be_kept_come_again() -> None:
    store = MemoryStore()
    history = sink(store)
    history.append(events(1, 2))
    store.failure = OSError("no space left on device")
    with pytest.raises(OSError, match="no space"):
        history.append(events(3, 4))
    store.failure = None
    history.append(events(3, 5))
    assert kept(store) == [1, 2, 3, 4, 5]
