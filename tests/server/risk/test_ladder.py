"""The alert ladder at its boundaries."""

from __future__ import annotations

import numpy as np
import pytest

from argus.v1 import snapshot_pb2
from argus_server.risk.table_file import load_tables

HEALTHY, WATCH, DEGRADING, WARNING, DANGER, CRITICAL, IMMINENT = range(1, 8)


@pytest.mark.parametrize(
    ("score", "level", "priority"),
    [
        (0.0, "HEALTHY", HEALTHY),
        (29.99, "HEALTHY", HEALTHY),
        (30.0, "HEALTHY", WATCH),
        (49.99, "HEALTHY", WATCH),
        (50.0, "DEGRADING", DEGRADING),
        (59.99, "DEGRADING", DEGRADING),
        (60.0, "WARNING", WARNING),
        (69.99, "WARNING", WARNING),
        (70.0, "WARNING", DANGER),
        (79.99, "WARNING", DANGER),
        (80.0, "CRITICAL", CRITICAL),
        (89.99, "CRITICAL", CRITICAL),
        (90.0, "CRITICAL", IMMINENT),
        (100.0, "CRITICAL", IMMINENT),
    ],
)
def test_level_and_priority_turn_exactly_at_the_boundaries(score: float, level: str, priority: int) -> None:
    ladder = load_tables().ladder
    scores = np.array([score], dtype=np.float32)

    assert ladder.levels(scores).tolist() == [snapshot_pb2.AlertLevel.Value(f"ALERT_LEVEL_{level}")]
    assert ladder.priorities(scores).tolist() == [priority]


def test_every_priority_is_presented_as_published() -> None:
    ladder = load_tables().ladder
    slas = {
        snapshot_pb2.ALERT_PRIORITY_IMMINENT_FAILURE: 300,
        snapshot_pb2.ALERT_PRIORITY_CRITICAL: 900,
        snapshot_pb2.ALERT_PRIORITY_DANGER: 1800,
        snapshot_pb2.ALERT_PRIORITY_WARNING: 3600,
        snapshot_pb2.ALERT_PRIORITY_DEGRADING: 7200,
        snapshot_pb2.ALERT_PRIORITY_WATCH: 0,
        snapshot_pb2.ALERT_PRIORITY_HEALTHY: 0,
    }

    assert {priority: ladder.rung(priority).sla_seconds for priority in slas} == slas
    assert ladder.rung(CRITICAL).label == "Critical"
    for shown in ("label", "color", "emoji"):
        values = [getattr(ladder.rung(priority), shown) for priority in slas]
        assert len(set(values)) == len(values), f"two priorities share a {shown}"


def test_unknown_priority_has_no_rung() -> None:
    with pytest.raises(KeyError, match="priority 0"):
        load_tables().ladder.rung(snapshot_pb2.ALERT_PRIORITY_UNSPECIFIED)
