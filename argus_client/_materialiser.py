"""From the parts of snapshots and deltas to whole snapshots. A reader never sees half of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_client._snapshot import FleetSnapshot, build_snapshot


class OutOfStep(Exception):
    """An update does not fit what is held; only a new subscription helps."""


@dataclass(frozen=True, slots=True)
class Update:
    """A whole snapshot, not read yet. Its messages do not change any more."""

    header: snapshot_pb2.SnapshotHeader
    summary: snapshot_pb2.FleetSummary
    environment: snapshot_pb2.Environment
    servers: Mapping[str, snapshot_pb2.ServerPrediction]
    skipped_revisions: int

    def instead_of(self, older: Update) -> Update:
        """This update for a reader that will never see the older one."""
        return replace(self, skipped_revisions=self.skipped_revisions + older.skipped_revisions + 1)

    def read(self) -> FleetSnapshot:
        """The snapshot."""
        return build_snapshot(
            self.header, self.summary, self.environment, self.servers, self.skipped_revisions
        )


class Materialiser:
    """Holds the newest complete snapshot and collects the parts of the next one."""

    def __init__(self) -> None:
        self._held: Update | None = None
        self._parts: list[prediction_pb2.SnapshotPart] = []

    @property
    def revision(self) -> int:
        """Revision held; 0 when none is."""
        return 0 if self._held is None else self._held.header.revision

    @property
    def instance_id(self) -> str:
        """Run of the server whose revision is held; empty when none is."""
        return "" if self._held is None else self._held.header.instance_id

    def drop(self) -> None:
        """Forgets everything."""
        self._held = None
        self._parts.clear()

    def drop_parts(self) -> None:
        """Forgets an update that has not come to its end."""
        self._parts.clear()

    def take(self, part: prediction_pb2.SnapshotPart, *, is_delta: bool) -> Update | None:
        """Takes a part; returns the new snapshot with the last one.

        Raises:
            OutOfStep: a part is missing, or the delta is for another revision than the one held.
        """
        if part.part == 0:
            self._parts.clear()
        if part.part != len(self._parts) or (
            self._parts and part.header.revision != self._parts[0].header.revision
        ):
            raise OutOfStep(
                f"got part {part.part} of revision {part.header.revision} after {len(self._parts)} parts"
            )
        held = self._held
        if is_delta and (
            held is None
            or part.base_revision != held.header.revision
            or part.header.instance_id != held.header.instance_id
        ):
            raise OutOfStep(f"got a delta for revision {part.base_revision} while holding {self.revision}")
        self._parts.append(part)
        if not part.last:
            return None

        parts, self._parts = self._parts, []
        servers = dict(held.servers) if is_delta and held is not None else {}
        for piece in parts:
            for name in piece.removed_servers:
                servers.pop(name, None)
            servers.update((server.server_name, server) for server in piece.servers)
        first = parts[0]
        self._held = Update(first.header, first.summary, first.environment, servers, first.skipped_revisions)
        return self._held
