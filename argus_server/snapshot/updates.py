"""Snapshots and deltas as the messages of a subscription, cut into parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import prediction_pb2
from argus_server.snapshot import encoding
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.snapshot import Snapshot, SnapshotIndex

MAX_PART_BYTES: Final = 1 << 20
# Room in a part for the header, the summary and the lengths around it.
_PART_OVERHEAD: Final = 16 << 10

_EVENTS: Final = prediction_pb2.SubscribeResponse.DESCRIPTOR.fields_by_name
_SNAPSHOT: Final = _EVENTS["snapshot"].number
_DELTA: Final = _EVENTS["delta"].number
_REMOVED_SERVERS: Final = prediction_pb2.SnapshotPart.DESCRIPTOR.fields_by_name["removed_servers"].number


def whole(snapshot: Snapshot, wanted: Filter) -> tuple[bytes, ...]:
    """The `SubscribeResponse`s that hand over everything the filter leaves; readers with the same wish share them."""
    if (messages := snapshot.cached_update((wanted, 0))) is None:
        parts = _parts(snapshot, wanted, snapshot.index.members(wanted), [], base_revision=0)
        messages = tuple(encoding.delimited(_SNAPSHOT, part) for part in parts)
        snapshot.keep_update((wanted, 0), messages)
    return messages


def delta(snapshot: Snapshot, wanted: Filter, base: SnapshotIndex) -> tuple[bytes, ...]:
    """The `SubscribeResponse`s that bring a reader from `base` to `snapshot`; shared likewise."""
    key = (wanted, base.revision)
    if (messages := snapshot.cached_update(key)) is None:
        messages = tuple(encoding.delimited(_DELTA, part) for part in _delta_parts(snapshot, wanted, base))
        snapshot.keep_update(key, messages)
    return messages


def with_skipped(message: bytes, skipped_revisions: int) -> bytes:
    """The same response for a reader that has missed revisions: the count is its own, the rest is copied."""
    response = prediction_pb2.SubscribeResponse.FromString(message)
    getattr(response, response.WhichOneof("event") or "delta").skipped_revisions = skipped_revisions
    return response.SerializeToString()


def _delta_parts(snapshot: Snapshot, wanted: Filter, base: SnapshotIndex) -> Iterator[bytes]:
    index = snapshot.index
    members = index.members(wanted)
    changed = index.changed(members, wanted, base.revision)
    removed: list[str] = []
    if wanted.min_risk or index.names is not base.names:
        held = {base.names[place] for place in base.members(wanted).tolist()}
        names = [index.names[place] for place in members.tolist()]
        changed |= np.fromiter((name not in held for name in names), dtype=bool, count=len(names))
        removed = sorted(held.difference(names))
    return _parts(snapshot, wanted, members[changed], removed, base_revision=base.revision)


def _parts(
    snapshot: Snapshot,
    wanted: Filter,
    places: npt.NDArray[np.int64],
    removed: list[str],
    *,
    base_revision: int,
) -> Iterator[bytes]:
    entries = snapshot.entries(wanted)
    gone = [encoding.delimited(_REMOVED_SERVERS, name.encode()) for name in removed]
    groups = list(_groups([*gone, *(entries[place] for place in places.tolist())]))
    for number, group in enumerate(groups):
        head = prediction_pb2.SnapshotPart(
            header=snapshot.header, base_revision=base_revision, part=number, last=number == len(groups) - 1
        )
        if number == 0:
            head.summary.CopyFrom(snapshot.summary)
            head.environment.CopyFrom(snapshot.environment)
        yield b"".join((head.SerializeToString(), *group))


def _groups(entries: list[bytes]) -> Iterator[list[bytes]]:
    """Cuts entries into runs that fit a part; at least one run, which may be empty."""
    group: list[bytes] = []
    size = _PART_OVERHEAD
    for entry in entries:
        if group and size + len(entry) > MAX_PART_BYTES:
            yield group
            group, size = [], _PART_OVERHEAD
        group.append(entry)
        size += len(entry)
    yield group
