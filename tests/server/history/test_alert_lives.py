"""Lives of alerts, put together from events in any order."""

from __future__ import annotations

import pyarrow as pa

from argus_server.history.alert_lives import alert_events, alert_lives
from argus_server.history.schemas import ALERT_EVENTS, SCHEMAS
from argus_server.history.span import DAY_MS, Span
from tests.server.history.memory_store import MemoryStore

START_MS = 1_700_000_000_000
SCHEMA = SCHEMAS[ALERT_EVENTS]
DEFAULTS = {field.name: "" if pa.types.is_string(field.type) else 0 for field in SCHEMA}


def store(*events: tuple[int, str, str, str]) -> MemoryStore:
    """Events as (seconds, alert, event, level)."""
    store = MemoryStore()
    for sequence, (second, alert_id, event, level) in enumerate(events, 1):
        row = {
            **DEFAULTS,
            "sequence": sequence,
            "timestamp": START_MS + 1000 * second,
            "server_name": f"of-{alert_id}",
            "alert_id": alert_id,
            "event": event,
            "level": level,
        }
        columns = [
            pa.array([row[f.name]], pa.int64() if f.name == "timestamp" else f.type).cast(f.type)
            for f in SCHEMA
        ]
        store.append(ALERT_EVENTS, pa.record_batch(columns, schema=SCHEMA))
    return store


def lives(store: MemoryStore, first: int = 0, end: int = 1000) -> dict[str, tuple[object, ...]]:
    span = Span(START_MS + 1000 * first, START_MS + 1000 * end)
    return {
        life.server_name: (life.firing, life.acknowledged_ms, life.critical_ms)
        for life in alert_lives(store, span, lambda: False)
    }


def at(second: int) -> int:
    return START_MS + 1000 * second


def test_an_alert_from_its_firing_to_its_end() -> None:
    found = lives(
        store(
            (0, "a", "pending", "warning"),
            (5, "a", "fired", "warning"),
            (9, "a", "acknowledged", "warning"),
            (12, "a", "acknowledged", "warning"),
            (20, "a", "level_changed", "critical"),
            (30, "a", "resolved", "critical"),
        )
    )
    assert found == {"of-a": ([(at(5), at(30))], at(9), at(20))}


def test_one_that_was_opened_again_resolves_for_good_at_its_last_end() -> None:
    events = store(
        *((5, "a", "fired", "warning"), (10, "a", "resolved", "warning")),
        *((20, "a", "reopened", "critical"), (40, "a", "resolved", "critical")),
    )
    assert lives(events) == {"of-a": ([(at(5), at(10)), (at(20), at(40))], None, at(20))}
    [life] = alert_lives(events, Span(START_MS, at(1000)), lambda: False)
    assert (life.fired_ms, life.resolved_ms) == (at(5), at(40))
    since = [life.firing_since(at(second)) for second in (5, 6, 10, 11, 20, 21, 40, 41)]
    assert since == [None, at(5), at(5), None, None, at(20), at(20), None]


def test_what_happens_in_one_moment_happens_in_the_order_of_its_sequence() -> None:
    events = store((5, "a", "fired", "critical"), (5, "a", "resolved", ""), (5, "a", "reopened", "warning"))
    assert lives(events) == {"of-a": ([(at(5), at(5)), (at(5), None)], None, at(5))}


def test_what_never_fired_has_no_life_and_what_still_fires_no_end() -> None:
    found = lives(
        store((1, "a", "pending", "warning"), (2, "a", "withdrawn", "warning"), (3, "b", "fired", ""))
    )
    assert found == {"of-b": ([(at(3), None)], None, None)}


def test_an_alert_of_before_the_span_is_known_and_one_of_after_it_is_not() -> None:
    events = store((0, "a", "fired", ""), (500, "b", "fired", ""), (600, "a", "resolved", ""))
    assert lives(events, first=100, end=500) == {"of-a": ([(at(0), None)], None, None)}


def test_events_are_listed_newest_kept_however_many_there_are() -> None:
    events = store(*((second, f"{second}", "fired", "warning") for second in range(50)))
    found = alert_events(events, Span(START_MS, START_MS + DAY_MS), None, 3, lambda: False)
    assert ([row["alert_id"] for row in found.rows], found.total) == (["47", "48", "49"], 50)
