"""The immutable snapshot of one tick, and its bytes for every reader that wants them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_server.metrics import METRICS
from argus_server.outlook import OutlookFrame
from argus_server.snapshot import encoding
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.outlook_encoding import outlook_entries

STANDARD_SECONDS: Final = 3600

# Readers can wish for anything; only so many different wishes are kept encoded, the newest ones.
_KEPT_ENTRIES: Final = 8
_KEPT_UPDATES: Final = 64

_DATA_AGE: Final = encoding.tag(
    snapshot_pb2.ServerPrediction.DESCRIPTOR.fields_by_name["data_age_seconds"].number, wire_type=5
)
_SERVERS_FIELD: Final = prediction_pb2.SnapshotPart.DESCRIPTOR.fields_by_name["servers"].number
# One entry serves both messages because the field has the same number in them; a test holds them together.
assert snapshot_pb2.Snapshot.DESCRIPTOR.fields_by_name["servers"].number == _SERVERS_FIELD


@dataclass(frozen=True, slots=True)
class SnapshotIndex:
    """Who was in a snapshot, and how each stood; kept for a while so that deltas against it can be made.

    Attributes:
        revision: Number of the snapshot.
        names: Servers, riskiest first.
        scores: Risk scores in that order, float32 [servers].
        profiles: Profiles in that order, int8 [servers].
        changed_at: Revision in which each server's row last changed, outlook aside, int64 [servers].
        outlook_changed_at: The same of its outlook, bands aside: they change with the row.
    """

    revision: int
    names: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    profiles: npt.NDArray[np.int8]
    changed_at: npt.NDArray[np.int64]
    outlook_changed_at: npt.NDArray[np.int64]

    def changed(self, places: npt.NDArray[np.int64], wanted: Filter, since: int) -> npt.NDArray[np.bool_]:
        """Whether what the filter lets through of each server has changed after a revision, bool [places]."""
        changed: npt.NDArray[np.bool_] = self.changed_at[places] > since
        if wanted.outlook:
            changed |= self.outlook_changed_at[places] > since
        return changed

    def members(self, wanted: Filter) -> npt.NDArray[np.int64]:
        """Places of the servers a filter lets through, riskiest first."""
        mask = self.scores >= wanted.min_risk
        if wanted.profiles:
            mask &= np.isin(self.profiles, wanted.profile_indices)
        if wanted.servers:
            mask &= np.fromiter(
                (name in wanted.servers for name in self.names), dtype=bool, count=len(self.names)
            )
        return np.flatnonzero(mask)


@dataclass(frozen=True, slots=True)
class SnapshotColumns:
    """What gauges are made of, in index order; see `RiskFrame` and `Forecast` for the numbers."""

    levels: npt.NDArray[np.uint8]
    sources: npt.NDArray[np.uint8]
    probability_30m: npt.NDArray[np.float32]
    probability_8h: npt.NDArray[np.float32]
    breach_metrics: npt.NDArray[np.uint8]
    breach_minutes: npt.NDArray[np.float32]


class Snapshot:
    """One published tick. Immutable to the outside; series bytes are made on first use and kept.

    Args:
        index: Who is in it.
        header: What made it.
        summary: The fleet in numbers.
        environment: The fleet in probabilities.
        bases: `ServerPrediction` of each server without age and series, serialised, in index order.
        data_age_seconds: float32 [servers], in index order.
        columns: What gauges are made of.
        quantiles: float32 [servers, metrics, horizon, 3], in index order.
        outlook: What outlooks are made of, in index order.
    """

    def __init__(
        self,
        *,
        index: SnapshotIndex,
        header: snapshot_pb2.SnapshotHeader,
        summary: snapshot_pb2.FleetSummary,
        environment: snapshot_pb2.Environment,
        bases: Sequence[bytes],
        data_age_seconds: npt.NDArray[np.float32],
        columns: SnapshotColumns,
        quantiles: npt.NDArray[np.float32],
        outlook: OutlookFrame,
    ) -> None:
        self.index = index
        self.header = header
        self.summary = summary
        self.environment = environment
        self.bases = bases
        self.data_age_seconds = data_age_seconds
        self.columns = columns
        self.quantiles = quantiles
        self.outlook = outlook
        self._place = {name: place for place, name in enumerate(index.names)}
        self._series: dict[int, list[list[bytes]]] = {}
        self._outlooks: list[bytes] | None = None
        self._entries: OrderedDict[tuple[int, frozenset[int], bool], list[bytes]] = OrderedDict()
        self._updates: OrderedDict[tuple[Filter, int], tuple[bytes, ...]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def revision(self) -> int:
        return self.index.revision

    def place(self, server_name: str) -> int | None:
        """Where a server stands in the order of risk; None when the fleet does not have it."""
        return self._place.get(server_name)

    def steps_in(self, view: int) -> int:
        """How many forecast steps a view carries."""
        if view == snapshot_pb2.SNAPSHOT_VIEW_FULL:
            return self.header.horizon_steps
        if view == snapshot_pb2.SNAPSHOT_VIEW_STANDARD:
            return min(self.header.horizon_steps, STANDARD_SECONDS // max(self.header.step_seconds, 1))
        return 0

    def series(self, steps: int) -> list[list[bytes]]:
        """Forecast entries per metric and server; see `encoding.forecast_series`."""
        with self._lock:
            if steps not in self._series:
                self._series[steps] = encoding.forecast_series(self.quantiles, steps)
            return self._series[steps]

    def outlooks(self) -> list[bytes]:
        """The `outlook` field per server, made once for all who want it."""
        with self._lock:
            if self._outlooks is None:
                self._outlooks = outlook_entries(self.outlook, self.quantiles, self.header.step_seconds)
            return self._outlooks

    def entries(self, wanted: Filter) -> list[bytes]:
        """Every server as an entry of the `servers` field, in index order, made once per view, set of metrics, and
        with and without outlooks."""
        steps = self.steps_in(wanted.view)
        key = (steps, wanted.metrics if steps else frozenset[int](), wanted.outlook)
        series = self.series(steps) if steps else []
        outlooks = [self.outlooks()] if wanted.outlook else []
        with self._lock:
            if key not in self._entries:
                self._entries[key] = self._encode(series, wanted.metrics, outlooks)
                if len(self._entries) > _KEPT_ENTRIES:
                    self._entries.popitem(last=False)
            return self._entries[key]

    def _encode(
        self, series: list[list[bytes]], metrics: frozenset[int], others: list[list[bytes]]
    ) -> list[bytes]:
        chosen = [
            column for number, column in zip(range(1, len(METRICS) + 1), series, strict=False)
            if not metrics or number in metrics
        ]  # fmt: skip
        chosen += others
        ages = self.data_age_seconds.astype("<f4").tobytes()
        opening = encoding.tag(_SERVERS_FIELD)
        out = []
        for place, base in enumerate(self.bases):
            body = b"".join(
                (base, _DATA_AGE, ages[4 * place : 4 * place + 4], *(column[place] for column in chosen))
            )
            out.append(b"".join((opening, encoding.varint(len(body)), body)))
        return out

    def sizes(self) -> dict[str, int]:
        """Bytes of all servers, by view, for the views that have been asked for with all metrics and no outlook."""
        names = {
            self.steps_in(view): snapshot_pb2.SnapshotView.Name(view).removeprefix("SNAPSHOT_VIEW_").lower()
            for view in snapshot_pb2.SnapshotView.values()
            if view != snapshot_pb2.SNAPSHOT_VIEW_UNSPECIFIED
        }
        with self._lock:
            return {
                names[steps]: sum(map(len, entries))
                for (steps, metrics, outlook), entries in self._entries.items()
                if not metrics and not outlook
            }

    def message(self, wanted: Filter) -> bytes:
        """A `GetSnapshotResponse` with what the filter leaves of this snapshot."""
        head = snapshot_pb2.Snapshot(
            header=self.header, summary=self.summary, environment=self.environment
        ).SerializeToString()
        entries = self.entries(wanted)
        body = b"".join((head, *(entries[place] for place in self.index.members(wanted).tolist())))
        return encoding.delimited(1, body)

    def cached_update(self, key: tuple[Filter, int]) -> tuple[bytes, ...] | None:
        """An update another reader has asked for already."""
        return self._updates.get(key)

    def keep_update(self, key: tuple[Filter, int], messages: tuple[bytes, ...]) -> None:
        """Keeps an update for the next reader with the same filter and base."""
        with self._lock:
            self._updates[key] = messages
            if len(self._updates) > _KEPT_UPDATES:
                self._updates.popitem(last=False)
