"""`MetricSets`: the documents of Metricbeat, one per host, metricset and moment, put together to rows.

A row holds what the documents of a host say within one stretch of time, its bucket: the mean of a number, the largest
of what is named in `LARGEST`, the last of anything else. Its time is the beginning of the bucket, so that the same
documents make the same row whenever they are read. What is held is sums, not documents: memory grows with hosts.

Two things are derived from a document as it comes:

* Metricbeat sums its CPU shares over the cores. Where the share of the whole machine (`.norm.pct`) is not collected
  it is the sum by the number of cores.
* What the network carried in the time between two documents becomes bytes a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

LARGEST: Final = frozenset(("system.filesystem.used.pct",))
"""Of several file systems the fullest one counts."""

_MODES: Final = ("user", "system", "iowait", "idle")
_DIRECTIONS: Final = ("ingress", "egress")
_CORES: Final = "system.cpu.cores"
_PERIOD: Final = "metricset.period"
# Metricbeat subtracts unsigned numbers: a counter that began anew gives almost 2^64.
_LARGEST_BYTES: Final = float(2**63)


class _Row:
    """What is known of one host in one bucket."""

    __slots__ = ("counts", "others", "sums")

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.others: dict[str, object] = {}

    def add(self, field: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.others[field] = value
        elif field in LARGEST:
            self.sums[field] = max(self.sums.get(field, -float("inf")), value)
            self.counts[field] = 1
        else:
            self.sums[field] = self.sums.get(field, 0.0) + value
            self.counts[field] = self.counts.get(field, 0) + 1

    def values(self) -> dict[str, object]:
        return {**self.others, **{field: total / self.counts[field] for field, total in self.sums.items()}}


class MetricSets:
    """Gathers documents in order of time and gives the rows of the buckets that are complete.

    Args:
        fields: The fields that are mapped.
        name_fields: Those of them that name the host, the first that has a value wins.
        time_field: The field a row's time is put into.
        bucket_ms: Length of a bucket.
    """

    def __init__(
        self, fields: Sequence[str], name_fields: Sequence[str], time_field: str, bucket_ms: int
    ) -> None:
        self._fields = frozenset(fields) - {*name_fields, time_field}
        self._names = tuple(name_fields)
        self._time_field = time_field
        self._bucket_ms = bucket_ms
        self._buckets: dict[int, dict[str, _Row]] = {}

    @staticmethod
    def wanted(fields: Sequence[str]) -> Sequence[str]:
        """The fields of a document that rows of these fields are made of."""
        wanted = set(fields) | {_PERIOD, _CORES}
        wanted |= {f"system.cpu.{mode}.pct" for mode in _MODES}
        wanted |= {f"host.network.{direction}.bytes" for direction in _DIRECTIONS}
        return sorted(wanted - {f"host.network.{direction}.bytes_per_second" for direction in _DIRECTIONS})

    def floor(self, moment_ms: int) -> int:
        """The beginning of the bucket a moment is in."""
        return moment_ms - moment_ms % self._bucket_ms

    def add(self, moment_ms: int, document: Mapping[str, Any]) -> bool:
        """Takes a document; False when it names no host."""
        values = flattened(document)
        host = next((values[field] for field in self._names if values.get(field)), None)
        if host is None:
            return False
        row = self._buckets.setdefault(self.floor(moment_ms), {}).setdefault(str(host), _Row())
        _derive(values)
        for field, value in values.items():
            if field in self._fields:
                row.add(field, value)
        return True

    def take(self, before_ms: int, *, or_from_ms: int | None = None) -> list[Mapping[str, object]]:
        """The rows of the buckets that end at `before_ms` or earlier, in order of time; they are let go.

        Args:
            before_ms: Unix milliseconds UTC.
            or_from_ms: Take buckets that begin here or later, too.
        """
        taken = [
            start
            for start in sorted(self._buckets)
            if start + self._bucket_ms <= before_ms or (or_from_ms is not None and start >= or_from_ms)
        ]
        return [
            {self._time_field: start, self._names[0]: host, **row.values()}
            for start in taken
            for host, row in self._buckets.pop(start).items()
        ]

    @property
    def first_ms(self) -> int | None:
        """Beginning of the earliest bucket that is not taken; None when there is none."""
        return min(self._buckets, default=None)


def flattened(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a document by dotted name, nested or not; without lists and nulls."""
    values: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            for name, inner in flattened(value, f"{prefix}{key}.").items():
                values.setdefault(name, inner)
        elif value is not None and not isinstance(value, list):
            values.setdefault(f"{prefix}{key}", value)
    return values


def _derive(values: dict[str, Any]) -> None:
    """Adds what follows from the values of a document."""
    cores = _number(values.get(_CORES))
    if cores:
        for mode in _MODES:
            share = _number(values.get(f"system.cpu.{mode}.pct"))
            if share is not None:
                values.setdefault(f"system.cpu.{mode}.norm.pct", share / cores)
    period_ms = _number(values.get(_PERIOD))
    if period_ms:
        for direction in _DIRECTIONS:
            carried = _number(values.get(f"host.network.{direction}.bytes"))
            if carried is not None and carried < _LARGEST_BYTES:
                values[f"host.network.{direction}.bytes_per_second"] = carried * 1_000 / period_ms


def _number(value: object) -> float | None:
    """A value that is a number of 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value >= 0 else None
