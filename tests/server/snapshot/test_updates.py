from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_server.errors import InvalidArgument
from argus_server.metrics import METRICS
from argus_server.snapshot import snapshot as snapshot_module
from argus_server.snapshot import updates
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.snapshot import Snapshot
from tests.server.snapshot.snapshots import HORIZON, quantiles, snapshot


def part_of(message: bytes) -> prediction_pb2.SnapshotPart:
    """The part that a response carries."""
    response = prediction_pb2.SubscribeResponse.FromString(message)
    kind = response.WhichOneof("event")
    part: prediction_pb2.SnapshotPart = getattr(response, str(kind))
    assert (kind == "delta") == bool(part.base_revision)
    return part


@dataclass
class Reader:
    """Holds what the contract tells a reader to hold."""

    servers: dict[str, snapshot_pb2.ServerPrediction] = field(default_factory=dict)
    revision: int = 0

    def apply(self, messages: tuple[bytes, ...]) -> None:
        parts = [part_of(message) for message in messages]
        assert [part.part for part in parts] == list(range(len(parts)))
        assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
        if parts[0].base_revision:
            assert parts[0].base_revision == self.revision
        else:
            self.servers = {}
        for part in parts:
            for name in part.removed_servers:
                del self.servers[name]
            self.servers |= {server.server_name: server for server in part.servers}
        self.revision = parts[0].header.revision


def test_a_whole_snapshot_is_riskiest_first_and_has_the_fleet_in_its_first_part() -> None:
    parts = updates.whole(snapshot({"a": 10, "b": 90, "c": 50}), Filter())

    part = part_of(parts[0])
    assert [server.server_name for server in part.servers] == ["b", "c", "a"]
    assert part.summary.total_servers == 3
    assert part.environment.incident_probability_8h == 0.5
    assert [server.data_age_seconds for server in part.servers] == [0, 1, 2]


@pytest.mark.parametrize(
    ("view", "steps"),
    [
        (snapshot_pb2.SNAPSHOT_VIEW_SUMMARY, 0),
        (snapshot_pb2.SNAPSHOT_VIEW_STANDARD, 12),
        (snapshot_pb2.SNAPSHOT_VIEW_FULL, HORIZON),
    ],
)
def test_views_carry_their_share_of_the_forecast(view: int, steps: int) -> None:
    series = quantiles(1)
    part = part_of(updates.whole(snapshot({"a": 1}, series=series), Filter(view=view))[0])

    forecasts = part.servers[0].forecasts
    assert len(forecasts) == (len(METRICS) if steps else 0)
    for forecast in forecasts:
        np.testing.assert_array_equal(forecast.p90, series[0, forecast.metric - 1, :steps, 2])


def test_a_large_snapshot_comes_in_parts_of_at_most_a_mebibyte() -> None:
    scores = {f"server-{number:04}": float(number % 100) for number in range(200)}
    made = snapshot(scores)

    parts = updates.whole(made, Filter(view=snapshot_pb2.SNAPSHOT_VIEW_FULL))

    assert len(parts) > 2
    for message in parts:
        assert len(updates.with_skipped(message, 2**60)) <= updates.MAX_PART_BYTES
    reader = Reader()
    reader.apply(parts)
    assert set(reader.servers) == set(scores)


def test_a_delta_carries_only_what_has_changed() -> None:
    first = snapshot({"a": 10, "b": 90, "c": 50}, 1)
    second = snapshot({"a": 10, "b": 90, "c": 55}, 2, changed=["c"], changed_at={"a": 1, "b": 1})

    parts = updates.delta(second, Filter(), first.index)

    part = part_of(parts[0])
    assert [server.server_name for server in part.servers] == ["c"]
    assert part.base_revision == 1
    assert not part.removed_servers


def test_a_delta_names_servers_that_left_the_fleet_or_fell_below_the_filter() -> None:
    first = snapshot({"gone": 95, "calm": 80, "still": 70, "rising": 10}, 1)
    second = snapshot({"calm": 20, "still": 70, "rising": 75}, 2, changed=["calm"], changed_at={"still": 1})

    part = part_of(updates.delta(second, Filter(min_risk=60), first.index)[0])

    assert list(part.removed_servers) == ["calm", "gone"]
    # rising has not changed in revision 2 as far as the rows know, yet it is new to this reader
    assert [server.server_name for server in part.servers] == ["rising"]


def test_a_changed_outlook_is_sent_to_those_who_asked_for_it_and_to_nobody_else() -> None:
    scores = {"a": 10.0, "b": 90.0}
    first = snapshot(scores, 1)
    second = snapshot(scores, 2, changed=[], changed_at={"a": 1, "b": 1}, outlook_changed_at={"a": 2, "b": 1})

    asked = part_of(updates.delta(second, Filter(outlook=True), first.index)[0])
    others = part_of(updates.delta(second, Filter(), first.index)[0])

    assert [server.server_name for server in asked.servers] == ["a"]
    assert asked.servers[0].HasField("outlook")
    assert not others.servers


def test_outlooks_come_in_every_view_and_to_nobody_who_did_not_ask() -> None:
    made = snapshot({"a": 10, "b": 90})
    for view in (snapshot_pb2.SNAPSHOT_VIEW_SUMMARY, snapshot_pb2.SNAPSHOT_VIEW_STANDARD):
        with_it = part_of(updates.whole(made, Filter(view=view, outlook=True))[0])
        without = part_of(updates.whole(made, Filter(view=view))[0])

        assert [server.HasField("outlook") for server in with_it.servers] == [True, True]
        for server in with_it.servers:
            assert len(server.outlook.p50) == 32
            server.ClearField("outlook")
        assert with_it == without


def test_the_bytes_of_outlooks_are_made_when_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    made = snapshot({"a": 10, "b": 90})
    calls = []
    encode = snapshot_module.outlook_entries
    monkeypatch.setattr(snapshot_module, "outlook_entries", lambda *args: calls.append(1) or encode(*args))

    made.entries(Filter())
    assert not calls
    made.entries(Filter(outlook=True))
    made.entries(Filter(outlook=True, view=snapshot_pb2.SNAPSHOT_VIEW_FULL))
    assert len(calls) == 1
    assert set(made.sizes()) == {"summary"}


def test_readers_with_the_same_wish_share_the_same_bytes() -> None:
    made = snapshot({"a": 1})
    assert updates.whole(made, Filter()) is updates.whole(made, Filter())


def test_the_skip_count_is_the_readers_own() -> None:
    shared = updates.whole(snapshot({"a": 1}), Filter())[0]

    part = part_of(updates.with_skipped(shared, 7))

    assert (part.skipped_revisions, part.servers[0].server_name) == (7, "a")
    assert part_of(shared).skipped_revisions == 0


fleets = st.dictionaries(
    st.sampled_from([*(f"ppdb{n:03}" for n in range(6)), *(f"ppweb{n:03}" for n in range(6))]),
    st.floats(0, 100, width=32),
    max_size=12,
)
filters = st.builds(
    Filter,
    servers=st.sampled_from([frozenset[str](), frozenset({"ppdb001", "ppweb002", "ghost"})]),
    profiles=st.sampled_from([frozenset[str](), frozenset({"database"})]),
    min_risk=st.sampled_from([0.0, 50.0]),
)


@settings(max_examples=200)
@given(st.lists(fleets, min_size=2, max_size=6), filters, st.data())
def test_deltas_from_any_revision_lead_to_the_same_state_as_the_whole(
    history: list[dict[str, float]], wanted: Filter, data: st.DataObject
) -> None:
    snapshots: list[Snapshot] = []
    changed_at: dict[str, int] = {}
    for revision, scores in enumerate(history, start=1):
        previous = history[revision - 2] if revision > 1 else {}
        changed = [name for name, score in scores.items() if previous.get(name) != score]
        changed_at = {name: revision if name in changed else changed_at[name] for name in scores}
        snapshots.append(snapshot(scores, revision, changed, changed_at))
    start = data.draw(st.integers(0, len(snapshots) - 2))
    reader, fresh = Reader(), Reader()
    reader.apply(updates.whole(snapshots[start], wanted))

    for following in snapshots[start + 1 :]:
        if data.draw(st.booleans()) or following is snapshots[-1]:
            base = snapshots[reader.revision - 1].index
            reader.apply(updates.delta(following, wanted, base))
    fresh.apply(updates.whole(snapshots[-1], wanted))

    assert {name: server.risk_score for name, server in reader.servers.items()} == {
        name: server.risk_score for name, server in fresh.servers.items()
    }


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match=r"'mainframe'.*database"):
        Filter.from_proto(snapshot_pb2.SnapshotFilter(profiles=["mainframe"]))


def test_the_unset_metric_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="leave the list empty"):
        Filter.from_proto(snapshot_pb2.SnapshotFilter(metrics=[0]))


def test_get_snapshot_returns_what_the_filter_leaves() -> None:
    made = snapshot({"ppdb001": 90, "ppweb001": 50})
    wanted = Filter(
        profiles=frozenset({"web_api"}), metrics=frozenset({6}), view=snapshot_pb2.SNAPSHOT_VIEW_FULL
    )

    reply = prediction_pb2.GetSnapshotResponse.FromString(made.message(wanted))

    assert [server.server_name for server in reply.snapshot.servers] == ["ppweb001"]
    assert [forecast.metric for forecast in reply.snapshot.servers[0].forecasts] == [6]
    assert reply.snapshot.summary.total_servers == 2
