from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_client._materialiser import Materialiser, OutOfStep


def part(
    revision: int,
    risks: dict[str, float],
    *,
    number: int = 0,
    last: bool = True,
    base: int = 0,
    removed: tuple[str, ...] = (),
    instance: str = "run-1",
    skipped: int = 0,
) -> prediction_pb2.SnapshotPart:
    return prediction_pb2.SnapshotPart(
        header=snapshot_pb2.SnapshotHeader(revision=revision, instance_id=instance),
        servers=[snapshot_pb2.ServerPrediction(server_name=n, risk_score=r) for n, r in risks.items()],
        removed_servers=removed,
        base_revision=base,
        part=number,
        last=last,
        skipped_revisions=skipped,
    )


def held(materialiser: Materialiser) -> Materialiser:
    assert materialiser.take(part(5, {"a": 1.0, "b": 2.0}), is_delta=False) is not None
    return materialiser


def test_nothing_is_shown_before_the_last_part() -> None:
    materialiser = held(Materialiser())

    assert materialiser.take(part(6, {"a": 9.0}, base=5, last=False), is_delta=True) is None
    assert materialiser.revision == 5
    update = materialiser.take(part(6, {"c": 3.0}, base=5, number=1), is_delta=True)

    assert update is not None
    assert materialiser.revision == 6
    assert {name: s.risk_score for name, s in update.servers.items()} == {"a": 9.0, "b": 2.0, "c": 3.0}


def test_an_update_leaves_the_one_before_as_it_was() -> None:
    materialiser = Materialiser()
    first = materialiser.take(part(5, {"a": 1.0, "b": 2.0}), is_delta=False)

    materialiser.take(part(6, {"a": 9.0}, base=5, removed=("b",)), is_delta=True)

    assert first is not None
    assert {name: s.risk_score for name, s in first.servers.items()} == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize(
    "stray",
    [
        part(7, {}, base=6),
        part(6, {}, base=5, instance="run-2"),
        part(6, {}, base=5, number=1),
    ],
    ids=["another base", "another run", "first part missing"],
)
def test_a_delta_that_does_not_fit_is_refused(stray: prediction_pb2.SnapshotPart) -> None:
    with pytest.raises(OutOfStep):
        held(Materialiser()).take(stray, is_delta=True)


def test_a_delta_without_a_snapshot_is_refused() -> None:
    with pytest.raises(OutOfStep):
        Materialiser().take(part(6, {}, base=5), is_delta=True)


def test_parts_of_two_revisions_are_refused() -> None:
    materialiser = Materialiser()
    materialiser.take(part(5, {}, last=False), is_delta=False)

    with pytest.raises(OutOfStep):
        materialiser.take(part(6, {}, number=1), is_delta=False)


def test_an_update_cut_off_is_replaced_by_the_next() -> None:
    materialiser = held(Materialiser())
    materialiser.take(part(6, {"x": 1.0}, base=5, last=False), is_delta=True)
    materialiser.drop_parts()

    update = materialiser.take(part(7, {"y": 1.0}, base=5), is_delta=True)

    assert update is not None
    assert set(update.servers) == {"a", "b", "y"}


def test_dropping_forgets_the_revision() -> None:
    materialiser = held(Materialiser())
    assert (materialiser.revision, materialiser.instance_id) == (5, "run-1")

    materialiser.drop()

    assert (materialiser.revision, materialiser.instance_id) == (0, "")


def test_skipped_revisions_add_up_when_an_update_is_never_read() -> None:
    materialiser = Materialiser()
    older = materialiser.take(part(5, {}, skipped=2), is_delta=False)
    newer = materialiser.take(part(9, {}, base=5, skipped=3), is_delta=True)

    assert older is not None
    assert newer is not None
    assert newer.instead_of(older).read().skipped_revisions == 6


FLEETS = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3).map(float), max_size=6),
    min_size=1,
    max_size=8,
)


@given(FLEETS, st.integers(1, 3))
def test_deltas_in_any_number_of_parts_lead_to_the_same_fleet(
    fleets: list[dict[str, float]], part_size: int
) -> None:
    materialiser = Materialiser()
    before: dict[str, float] = {}
    for revision, fleet in enumerate(fleets, 1):
        is_delta = revision > 1
        changed = [item for item in fleet.items() if not is_delta or before.get(item[0]) != item[1]]
        removed = tuple(sorted(before.keys() - fleet.keys())) if is_delta else ()
        groups = [changed[i : i + part_size] for i in range(0, len(changed), part_size)] or [[]]
        update = None
        for number, group in enumerate(groups):
            assert update is None
            update = materialiser.take(
                part(
                    revision,
                    dict(group),
                    number=number,
                    last=number == len(groups) - 1,
                    base=revision - 1 if is_delta else 0,
                    removed=removed if number == 0 else (),
                ),
                is_delta=is_delta,
            )
        assert update is not None
        snapshot = update.read()
        assert {name: s.risk_score for name, s in snapshot.servers.items()} == fleet
        scores = [server.risk_score for server in snapshot.servers.values()]
        assert scores == sorted(scores, reverse=True)
        before = fleet
