"""What a builder says has changed from one tick to the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.frame import FleetFrame
from argus_server.outlook import OutlookFrame
from argus_server.snapshot import updates
from argus_server.snapshot.builder import SnapshotBuilder
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.snapshot import Snapshot
from tests.server.history.frames import PROVENANCE, STEP_MS, TABLES, frame
from tests.server.snapshot.test_outlook_encoding import outlooks
from tests.server.snapshot.test_updates import Reader

NAMES = ("a", "b", "c", "d")
CLOCK_MS = 1_700_000_100_000 // STEP_MS * STEP_MS


def build(builder: SnapshotBuilder, tick: FleetFrame) -> Snapshot:
    return builder.build(tick, PROVENANCE, lambda: (tick.clock_ms, 0.0))


def changed(tick: OutlookFrame, row: int) -> OutlookFrame:
    history = tick.history.copy()
    history[row, -1] = np.where(np.isnan(history[row, -1]), 1.0, np.nan)
    return replace(tick, history=history)


def test_a_changed_outlook_does_not_change_the_row() -> None:
    builder = SnapshotBuilder(TABLES)
    tick = replace(frame(NAMES, CLOCK_MS, scores=[40, 30, 20, 10]), outlook=outlooks(4))
    build(builder, tick)

    second = build(builder, replace(tick, outlook=changed(tick.outlook, 2)))
    third = build(builder, replace(tick, outlook=changed(tick.outlook, 2)))

    assert second.index.changed_at.tolist() == [1, 1, 1, 1]
    assert second.index.outlook_changed_at.tolist() == [1, 1, 2, 1]
    assert third.index.outlook_changed_at.tolist() == [1, 1, 2, 1]


def test_outlooks_follow_their_servers_when_the_order_changes() -> None:
    builder = SnapshotBuilder(TABLES)
    own = outlooks(4)
    build(builder, replace(frame(NAMES, CLOCK_MS, scores=[40, 30, 20, 10]), outlook=own))

    turned = replace(frame(NAMES, CLOCK_MS, scores=[10, 20, 30, 40]), outlook=changed(own, 0))
    made = build(builder, turned)

    assert made.index.names == ("d", "c", "b", "a")
    assert made.index.outlook_changed_at.tolist() == [1, 1, 1, 2]
    assert made.outlook.metrics.tolist() == own.metrics[::-1].tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans()), min_size=1, max_size=6))
def test_deltas_with_outlooks_lead_to_the_whole(ticks: list[tuple[int, int, bool]]) -> None:
    builder, wanted = SnapshotBuilder(TABLES), Filter(outlook=True)
    made = build(builder, replace(frame(NAMES, CLOCK_MS), outlook=outlooks(4)))
    reader = Reader()
    reader.apply(updates.whole(made, wanted))
    held = made

    for seed, outlook_seed, read in ticks:
        made = build(builder, replace(frame(NAMES, CLOCK_MS, seed), outlook=outlooks(4, outlook_seed)))
        if read:
            reader.apply(updates.delta(made, wanted, held.index))
            held = made

    if held is not made:
        reader.apply(updates.delta(made, wanted, held.index))
    fresh = Reader()
    fresh.apply(updates.whole(made, wanted))
    for name, server in fresh.servers.items():
        assert reader.servers[name].outlook.SerializeToString() == server.outlook.SerializeToString()
