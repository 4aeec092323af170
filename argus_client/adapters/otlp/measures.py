"""Contract columns from the host metrics of one server in one bucket of time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from argus_client.adapters.otlp.conventions import COUNTERS, CPU_COLUMNS, Quantity
from argus_client.adapters.otlp.points import Key, Kind, Point

_MEGABYTE: Final = 1e6
_DAY_SECONDS: Final = 86_400
_LONGEST_GAP_NS: Final = 900 * 10**9
"""A rate over a longer time says nothing about the moment it ends at."""
_CPU_STEP_BACK_SECONDS: Final = 1.0
"""Kernels let some counters of processor time fall a little."""
_ROUNDING: Final = 0.01
_KEPT: Final = 32


class _Sample(NamedTuple):
    start_ns: int
    value: float
    kind: Kind


class _Total(NamedTuple):
    """Where a counter stood."""

    at_ns: int
    start_ns: int
    value: float
    parts: int


class _Seen(NamedTuple):
    """What a bucket had of a quantity: which keys, and where its counters stood."""

    keys: frozenset[Key]
    totals: Mapping[Key, _Total]


class Past:
    """What other buckets of a server held, by quantity: to tell rates, and what is still missing.

    Of each quantity the buckets noted last are kept, whatever their time: a sender that was away may bring old ones.
    """

    def __init__(self) -> None:
        self._seen: dict[Quantity, dict[int, _Seen]] = {}

    def before(self, quantity: Quantity, bucket_ms: int) -> _Seen | None:
        """What the newest bucket before one had of a quantity."""
        seen = self._seen.get(quantity, {})
        earlier = [at_ms for at_ms in seen if at_ms < bucket_ms]
        return seen[max(earlier)] if earlier else None

    def note(self, quantity: Quantity, bucket_ms: int, entry: _Seen) -> None:
        """Remembers what a bucket had; what was known of it before and is more still holds."""
        seen = self._seen.setdefault(quantity, {})
        if (known := seen.pop(bucket_ms, None)) is not None and known != entry:
            totals = {
                key: max(total, known.totals.get(key, total), key=lambda total: total.parts)
                for key, total in {**known.totals, **entry.totals}.items()
            }
            entry = _Seen(known.keys | entry.keys, totals)
        seen[bucket_ms] = entry
        if len(seen) > _KEPT:
            del seen[next(iter(seen))]


class Values:
    """The values of one bucket; a value that is sent again changes nothing."""

    def __init__(self) -> None:
        self._values: dict[Quantity, dict[Key, dict[int, _Sample]]] = {}

    def add(self, point: Point) -> bool:
        """Takes a data point; returns whether there was one of the same key and another time."""
        by_time = self._values.setdefault(point.quantity, {}).setdefault(point.key, {})
        is_second = bool(by_time) and point.at_ns not in by_time
        by_time[point.at_ns] = _Sample(point.start_ns, point.value, point.kind)
        return is_second

    def clear(self) -> None:
        """Forgets all values."""
        self._values.clear()

    def columns(self, bucket_ms: int, past: Past) -> dict[str, float]:
        """What can be said by now, by contract column.

        A quantity that has fewer keys than in the bucket before may be on its way in a second request. It is left out:
        a share of an incomplete whole is wrong. The next bucket shows whether the keys are gone for good.
        """
        measured = _Measured()
        for quantity, by_key in self._values.items():
            before = past.before(quantity, bucket_ms)
            keys = frozenset(by_key)
            if before is not None and before.keys == keys:
                keys = before.keys  # one object for all buckets
            totals = _totals(quantity, by_key) if quantity in COUNTERS else {}
            past.note(quantity, bucket_ms, _Seen(keys, totals))
            if before is not None and not before.keys <= keys:
                continue
            if quantity in COUNTERS:
                measured.increases[quantity] = _increases(
                    quantity, by_key, totals, before.totals if before else {}
                )
            else:
                measured.levels[quantity] = {
                    key: sum(sample.value for sample in by_time.values()) / len(by_time)
                    for key, by_time in by_key.items()
                }
        return measured.columns(bucket_ms)


class _Measured:
    """Levels, and increases with the seconds they took, of complete quantities."""

    def __init__(self) -> None:
        self.levels: dict[Quantity, dict[Key, float]] = {}
        self.increases: dict[Quantity, dict[Key, tuple[float, float]]] = {}

    def columns(self, bucket_ms: int) -> dict[str, float]:
        columns = self._cpu()
        for column, measure in (
            ("mem_used_pct", self._memory),
            ("swap_used_pct", self._swap),
            ("disk_usage_pct", self._disk),
            ("net_in_mb_s", lambda: self._network("receive")),
            ("net_out_mb_s", lambda: self._network("transmit")),
            ("back_close_wait", lambda: _total(self._of(Quantity.CONNECTIONS).values())),
            ("load_average", lambda: _total(self._of(Quantity.LOAD).values())),
            ("uptime_days", lambda: self._uptime(bucket_ms)),
        ):
            value = measure()
            if value is not None and math.isfinite(value):
                columns[column] = value
        return columns

    def _of(self, quantity: Quantity) -> dict[Key, float]:
        return self.levels.get(quantity, {})

    def _cpu(self) -> dict[str, float]:
        shares = self._of(Quantity.CPU_SHARE)
        if any(shares.values()):  # all zero is what some senders say before they have measured
            cores = {state: _count(shares, state) for state in _states(shares)}
            return _by_column({state: _sum(shares, state) / cores[state] for state in cores})
        increases = self.increases.get(Quantity.CPU_SECONDS, {})
        spent = {key[-1]: seconds for key, (seconds, _) in increases.items()}
        whole = sum(spent.values())
        return _by_column({state: seconds / whole for state, seconds in spent.items()}) if whole > 0 else {}

    def _memory(self) -> float | None:
        shares, held = self._of(Quantity.MEMORY_SHARE), self._of(Quantity.MEMORY_BYTES)
        if (share := _one(shares, "used")) is not None:
            return _percent(share)
        total = _one(held, "total")
        available, used = _one(held, "available"), _one(held, "used")
        if total is None and used is not None and available is not None:
            total = used + available
        if total is None and used is not None and (free := _one(held, "free")) is not None:
            caches = ("buffered", "buffers", "cached")
            total = used + free + sum(_one(held, state) or 0.0 for state in caches)
        if not total:
            return None
        if available is not None:
            return _percent(1 - available / total)
        return None if used is None else _percent(used / total)

    def _swap(self) -> float | None:
        held, shares = self._of(Quantity.SWAP_BYTES), self._of(Quantity.SWAP_SHARE)
        states = _states(held)
        if "free" in states and ("used" in states or "total" in states):
            free = _sum(held, "free")
            total = _sum(held, "total") if "total" in states else _sum(held, "used") + free
            return _percent(1 - free / total) if total > 0 else 0.0
        if "used" in _states(shares):
            return _percent(_sum(shares, "used") / _count(shares, "used"))
        return None

    def _disk(self) -> float | None:
        """Fill of the fullest file system, of what an unprivileged user can have."""
        fills = list(self._of(Quantity.DISK_SHARE).values())
        held = self._of(Quantity.DISK_BYTES)
        for part in {key[:-1] for key in held}:
            free = held.get((*part, "free"))
            used = held.get((*part, "used"))
            if used is None and (*part, "size") in held and (*part, "unused") in held:
                used = held[(*part, "size")] - held[(*part, "unused")]
            if free is not None and used is not None and used + free > 0:
                fills.append(used / (used + free))
        return _percent(max(fills)) if fills else None

    def _network(self, direction: str) -> float | None:
        increases = self.increases.get(Quantity.NET_BYTES, {})
        rates = [
            amount / seconds
            for key, (amount, seconds) in increases.items()
            if key[-1] == direction and seconds > 0
        ]
        return sum(rates) / _MEGABYTE if rates else None

    def _uptime(self, bucket_ms: int) -> float | None:
        """Whole days since boot."""
        if (seconds := _total(self._of(Quantity.UPTIME_SECONDS).values())) is None:
            if (boot := _total(self._of(Quantity.BOOT_TIME).values())) is None:
                return None
            seconds = max(bucket_ms / 1000 - boot, 0.0)
        return float(seconds // _DAY_SECONDS)


def _totals(quantity: Quantity, by_key: Mapping[Key, Mapping[int, _Sample]]) -> dict[Key, _Total]:
    """Where the counters stood at the end of a bucket; those of processor time are added up over the cores."""
    totals: dict[Key, _Total] = {}
    for key, by_time in by_key.items():
        cumulative = [at for at, sample in by_time.items() if sample.kind is Kind.CUMULATIVE]
        if not cumulative:
            continue
        at = max(cumulative)
        total = _Total(at, by_time[at].start_ns, by_time[at].value, 1)
        summed = key[-1:] if quantity is Quantity.CPU_SECONDS else key
        if (other := totals.get(summed)) is not None:
            total = _Total(
                max(at, other.at_ns),
                min(total.start_ns, other.start_ns),
                total.value + other.value,
                other.parts + 1,
            )
        totals[summed] = total
    return totals


def _increases(
    quantity: Quantity,
    by_key: Mapping[Key, Mapping[int, _Sample]],
    totals: Mapping[Key, _Total],
    before: Mapping[Key, _Total],
) -> dict[Key, tuple[float, float]]:
    """Increase of each counter and the seconds it took.

    Processor time is told of all states or none. A network interface that is new is left out; one that cannot be told
    leaves out its direction, which would be too little without it.
    """
    is_cpu = quantity is Quantity.CPU_SECONDS
    step_back = _CPU_STEP_BACK_SECONDS if is_cpu else 0.0
    found: dict[Key, tuple[float, float]] = {}
    untold: set[str] = set()
    for key, total in totals.items():
        if (increase := _increase(total, before.get(key), step_back * total.parts)) is not None:
            found[key] = increase
        elif is_cpu:
            return {}
        elif key in before:
            untold.add(key[-1])
    found = {key: increase for key, increase in found.items() if key[-1] not in untold}
    for key, by_time in by_key.items():
        summed = key[-1:] if is_cpu else key
        for at, sample in by_time.items():
            if sample.kind is Kind.DELTA and 0 < sample.start_ns < at:
                amount, seconds = found.get(summed, (0.0, 0.0))
                found[summed] = amount + sample.value, seconds + (at - sample.start_ns) / 1e9
    return found


def _increase(now: _Total, before: _Total | None, step_back: float) -> tuple[float, float] | None:
    """Increase of a cumulative counter and the seconds it took; None if it cannot be told."""
    if before is None or now.parts != before.parts or not 0 < now.at_ns - before.at_ns <= _LONGEST_GAP_NS:
        return None
    if now.value >= before.value - step_back:
        return max(now.value - before.value, 0.0), (now.at_ns - before.at_ns) / 1e9
    # It began anew, and counts from its start on. A later start alone proves nothing: senders that restart and read
    # the counters of a system give a new start to a value that went on.
    if before.at_ns < now.start_ns < now.at_ns:
        return now.value, (now.at_ns - now.start_ns) / 1e9
    return None


def _by_column(shares: Mapping[str, float]) -> dict[str, float]:
    columns: dict[str, float] = {}
    for state, share in shares.items():
        if (column := CPU_COLUMNS.get(state)) is not None:
            columns[column] = columns.get(column, 0.0) + share
    return {column: _percent(share) for column, share in columns.items()}


def _percent(share: float) -> float:
    """A share in percent; what exceeds its bounds by rounding alone is put right, and more is left to be refused."""
    if -_ROUNDING <= share <= 1 + _ROUNDING:
        share = min(max(share, 0.0), 1.0)
    return 100 * share


def _states(values: Mapping[Key, float]) -> set[str]:
    return {key[-1] for key in values}


def _sum(values: Mapping[Key, float], state: str) -> float:
    return sum(value for key, value in values.items() if key[-1] == state)


def _count(values: Mapping[Key, float], state: str) -> int:
    return sum(key[-1] == state for key in values)


def _one(values: Mapping[Key, float], state: str) -> float | None:
    return next((value for key, value in values.items() if key[-1] == state), None)


def _total(values: Iterable[float]) -> float | None:
    held = list(values)
    return sum(held) if held else None
