"""Incidents: critical thresholds that were really crossed, as the samples show it.

The definition is that of the evaluation (`argus_server.evaluation.truth`): a signal, as a mean per step, is at or
beyond its critical threshold for 10 minutes or more; signals of one group of the risk tables count together; incidents
of a group less than 30 minutes apart are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.truth import EVENT_MINUTES, MERGE_MINUTES, members_of_groups
from argus_server.history.steps import StepMeans
from argus_server.metrics import METRICS, QUANTILES
from argus_server.profiles import profile_of
from argus_server.risk.signals import signal_values
from argus_server.risk.tables import RiskTables

# Rows of servers and steps that are turned into signals at once: a few tens of megabytes.
_ROWS: Final = 100_000

LOOK_BACK_MS: Final = int(60_000 * (EVENT_MINUTES + MERGE_MINUTES))
"""How long before a span to look, to know what had begun before it."""
LOOK_AHEAD_MS: Final = int(60_000 * EVENT_MINUTES)
"""How long after a span to look, to know whether what began at its end lasted."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A server in trouble.

    Attributes:
        server_name: Which server.
        group: Group of signals of the risk tables.
        start_ms: Start of the first step in trouble, Unix milliseconds UTC.
        end_ms: End of the last one.
    """

    server_name: str
    group: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Troubles:
    """What incidents are made of: the steps of a chunk at which something was beyond its threshold, which are few.

    Attributes:
        over: Server and index of a signal to numbers of steps since 1970, ascending.
        measured: Servers that measured anything at all.
    """

    over: Mapping[tuple[str, int], npt.NDArray[np.int64]]
    measured: frozenset[str]


class IncidentFinder:
    """Finds incidents in chunks that come in order of time.

    Args:
        tables: Signals and thresholds.
        step_ms: Length of a step, milliseconds.
    """

    def __init__(self, tables: RiskTables, step_ms: int) -> None:
        self._tables = tables
        self._step_ms = step_ms
        self._over: dict[tuple[str, int], list[npt.NDArray[np.int64]]] = defaultdict(list)

    def add(self, troubles: Troubles) -> None:
        """Takes the next chunk."""
        for key, steps in troubles.over.items():
            self._over[key].append(steps)

    def incidents(self) -> list[Incident]:
        """All incidents so far, by time."""
        groups = members_of_groups(self._tables)
        found = [
            Incident(server, group, self._step_ms * first, self._step_ms * end)
            for server in {server for server, _ in self._over}
            for group, members in groups.items()
            for first, end in self._of_group(server, members)
        ]
        return sorted(found, key=lambda one: (one.start_ms, one.server_name, one.group))

    def _of_group(self, server: str, signals: Iterable[int]) -> list[tuple[int, int]]:
        """First step and end of each incident of a group."""
        least = max(1, round(60_000 * EVENT_MINUTES / self._step_ms))
        apart = 60_000 * MERGE_MINUTES / self._step_ms
        lasting = sorted(
            (first, end)
            for signal in signals
            for first, end in _runs(self._over.get((server, signal), []))
            if end - first >= least
        )
        merged: list[tuple[int, int]] = []
        for first, end in lasting:
            if merged and first - merged[-1][1] < apart:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((first, end))
        return merged


def troubles_of(means: StepMeans, tables: RiskTables, cores: Mapping[str, int]) -> Troubles:
    """Looks for trouble in a chunk.

    Args:
        means: Of all metrics, in contract order.
        tables: Signals and thresholds.
        cores: CPU cores by server name, where known.
    """
    servers, steps, _ = means.values.shape
    at_once = max(1, _ROWS // max(steps, 1))
    found: dict[tuple[str, int], npt.NDArray[np.int64]] = {}
    for first in range(0, servers, at_once):
        names = means.server_names[first : first + at_once]
        over = _signals_over(names, means.values[first : first + at_once], tables, cores)
        for server, signal in zip(*np.nonzero(over.any(axis=1)), strict=True):
            when = np.flatnonzero(over[server, :, signal]) + means.first_step
            found[names[server], int(signal)] = when
    measured = np.flatnonzero(~np.isnan(means.values).all(axis=(1, 2)))
    return Troubles(found, frozenset(means.server_names[place] for place in measured.tolist()))


def _signals_over(
    names: tuple[str, ...], values: npt.NDArray[np.float32], tables: RiskTables, cores: Mapping[str, int]
) -> npt.NDArray[np.bool_]:
    """Whether each signal is at or beyond its critical threshold, [servers, steps, signals]."""
    servers, steps, metrics = values.shape
    flat = values.reshape(-1, metrics)
    profiles = np.repeat(np.array([profile_of(name) for name in names], dtype=np.int8), steps)
    known = np.repeat(np.array([cores.get(name, np.nan) for name in names], dtype=np.float32), steps)
    nothing = np.full((len(flat), len(METRICS), 1, len(QUANTILES)), np.nan, dtype=np.float32)
    over = np.empty((len(flat), len(tables.signals)), dtype=np.bool_)
    for place, signal in enumerate(tables.signals):
        own = signal_values(signal, flat, nothing, profiles, known, 1)
        with np.errstate(invalid="ignore"):
            over[:, place] = own.current >= own.critical
    return over.reshape(servers, steps, -1)


def _runs(parts: list[npt.NDArray[np.int64]]) -> Iterable[tuple[int, int]]:
    """First and end of each stretch of consecutive numbers."""
    if not parts:
        return ()
    numbers = np.concatenate(parts)
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    firsts = numbers[np.concatenate(([0], breaks + 1))]
    lasts = numbers[np.concatenate((breaks, [len(numbers) - 1]))]
    return zip(firsts.tolist(), (lasts + 1).tolist(), strict=True)
