"""The life of alerts as arrays: one state machine per server and subject, all of them stepped at once.

    INACTIVE --condition met--> PENDING --met for the hold--> FIRING --over for the clear hold--> INACTIVE
                                   |                             ^
                                   +--over: withdrawn            +-- the condition back before that: it fires on

A condition is met from the fire value on and stays met until the value falls below the clear value, so that a
value which swings between the two changes nothing. Where nothing can be said (the server is silent), pending
alerts are withdrawn and firing ones stay as they are. In the quiet case a step is a dozen array operations; only
what changes is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.alerts.readings import Readings
from argus_server.risk.alert_rules import AlertRules

_MINUTE_MS: Final = 60_000
_GROWTH: Final = 2


class Phase(IntEnum):
    """Where a state machine is."""

    INACTIVE = 0
    PENDING = 1
    FIRING = 2


class Step(StrEnum):
    """What happened to an alert in one step; TIMED means that only a timer was set or cleared."""

    STARTED = "pending"
    WITHDRAWN = "withdrawn"
    FIRED = "fired"
    RESOLVED = "resolved"
    ABSENT = "absent"
    LEVEL = "level_changed"
    REFRESHED = "refreshed"
    TIMED = "timed"


@dataclass(frozen=True, slots=True)
class Cell:
    """One state machine at rest, as it is stored and restored; times are Unix milliseconds UTC, 0 for none.

    Attributes:
        phase: Where it is.
        level: `argus.v1.AlertLevel` number.
        since_ms: When the condition began.
        over_ms: When the condition of a firing alert was over.
        lower_ms: Since when its level has been lower.
        resolved_ms: When the last alert resolved.
        refreshed_ms: When its figures were written.
        absent_ms: Since when the fleet has lost the server.
    """

    phase: int
    level: int
    since_ms: int
    over_ms: int
    lower_ms: int
    resolved_ms: int
    refreshed_ms: int
    absent_ms: int


@dataclass(frozen=True, slots=True)
class Transition:
    """Something that happened.

    Attributes:
        step: What.
        server: To whose alert.
        row: The server's row in the readings; -1 when it is not among them.
        column: Of which subject.
        level: The alert's level after it.
        reopens: Whether an alert that starts is the one that resolved a short while ago.
    """

    step: Step
    server: str
    row: int
    column: int
    level: int
    reopens: bool = False


class Lifecycle:
    """State machines of a fleet.

    Args:
        rules: When alerts are raised and when they end.
    """

    def __init__(self, rules: AlertRules) -> None:
        by_subject = rules.by_subject
        self._fire = np.array([rule.fire for rule in by_subject], dtype=np.float32)
        self._clear = np.array([rule.clear for rule in by_subject], dtype=np.float32)
        self._hold = np.array([rule.hold_ms for rule in by_subject], dtype=np.int64)
        self._clear_hold = np.array([rule.clear_hold_ms for rule in by_subject], dtype=np.int64)
        self._reopen_ms, self._fall_ms, self._absent_hold_ms, self._refresh_ms = (
            round(minutes * _MINUTE_MS)
            for minutes in (
                rules.reopen_minutes,
                rules.level_fall_minutes,
                rules.absent_minutes,
                rules.refresh_minutes,
            )
        )
        self._columns = len(by_subject)
        self._rows: dict[str, int] = {}
        self._names: list[str] = []
        self._seen: tuple[str, ...] = ()
        self._index = np.empty(0, dtype=np.intp)
        self._now_ms = 0
        self._allocate(0)

    def __len__(self) -> int:
        """Servers with state."""
        return len(self._names)

    def cell(self, server: str, column: int) -> Cell:
        """One state machine.

        Raises:
            KeyError: The server has none.
        """
        row = self._rows[server]
        phase, level, *times = (int(array[row, column]) for array in self._arrays())
        since, over, lower, resolved, refreshed = times
        return Cell(phase, level, since, over, lower, resolved, refreshed, int(self._absent[row]))

    def restore(self, cells: Iterable[tuple[str, int, Cell]]) -> None:
        """Takes up state machines where they were left, of servers and columns."""
        for server, column, cell in cells:
            row = self._row(server)
            for array, value in zip(
                self._arrays(),
                (
                    cell.phase,
                    cell.level,
                    cell.since_ms,
                    cell.over_ms,
                    cell.lower_ms,
                    cell.resolved_ms,
                    cell.refreshed_ms,
                ),
                strict=True,
            ):
                array[row, column] = value
            if cell.phase != Phase.INACTIVE:  # that of the others is of long ago
                self._absent[row] = cell.absent_ms
        self._seen = ()

    def step(self, readings: Readings) -> list[Transition]:
        """Moves every state machine on, and says which of them changed, in order of servers and subjects.

        A clock that has gone back restarts the timers that were running: they hold a little longer, never shorter.
        """
        now = readings.now_ms
        if now <= 0:
            return []  # an event clock that has seen nothing: it is no time yet
        if now < self._now_ms or not self._now_ms:
            self._not_after(now)
        self._now_ms = now
        if readings.names != self._seen:
            self._take_in(readings.names)
        return [*self._step_present(readings), *self._step_absent(now)]

    def _step_present(self, readings: Readings) -> list[Transition]:
        now, rows = readings.now_ms, self._index
        phase, level = self._phase[rows], self._level[rows]  # [servers, subjects], as all that follows
        since, over, lower = self._since[rows], self._over[rows], self._lower[rows]
        values, known = readings.values, readings.known

        met = known & (values >= self._fire)
        below = values < self._clear
        pending = phase == Phase.PENDING
        started = (phase == Phase.INACTIVE) & met
        withdrawn = pending & (below | ~known)
        since = np.where(started, now, since)
        waiting = started | (pending & ~withdrawn)
        fired = waiting & (now - since >= self._hold)
        was_firing = phase == Phase.FIRING
        off = was_firing & known & below
        over = np.where(off, np.where(over == 0, now, over), 0)
        resolved = off & (now - over >= self._clear_hold)
        firing = fired | (was_firing & ~resolved)

        # While the condition is over the level stays: it would only fall on its way to resolved.
        judged = firing & known & ~off
        rising = judged & (readings.levels > level)
        falling = judged & ~fired & (readings.levels < level)
        lower = np.where(falling, np.where(lower == 0, now, lower), 0)
        fallen = falling & (now - lower >= self._fall_ms)
        raised = rising & ~fired
        # Nobody was told of a pending alert: its level is the present one.
        settled = waiting & ~started & ~fired & known & (readings.levels != level)
        level = np.where(rising | fallen | started | fired | settled, readings.levels, level)
        lower = np.where(fallen, 0, lower)

        refreshed = self._refreshed[rows]
        stale = settled | ((waiting | firing) & known & (now - refreshed >= self._refresh_ms))
        timed = (over != self._over[rows]) | (lower != self._lower[rows])
        changed = started | withdrawn | fired | resolved | raised | fallen | stale | timed

        self._phase[rows] = np.where(
            firing, Phase.FIRING, np.where(waiting & ~fired, Phase.PENDING, Phase.INACTIVE)
        )
        self._level[rows], self._since[rows], self._over[rows], self._lower[rows] = level, since, over, lower
        if not changed.any():
            return []
        self._refreshed[rows] = np.where(
            changed & (stale | started | fired | raised | fallen), now, refreshed
        )
        before = self._resolved[rows]
        reopens = started & (before > 0) & (now - before <= self._reopen_ms)
        self._resolved[rows] = np.where(resolved, now, before)

        found: list[Transition] = []
        for row, column in zip(*(index.tolist() for index in np.nonzero(changed)), strict=True):
            place = (row, column)
            steps = [
                step
                for step, mask in (
                    (Step.STARTED, started),
                    (Step.WITHDRAWN, withdrawn),
                    (Step.FIRED, fired),
                    (Step.RESOLVED, resolved),
                    (Step.LEVEL, raised | fallen),
                )
                if mask[place]
            ]
            found += (
                Transition(
                    step,
                    readings.names[row],
                    row,
                    column,
                    int(level[place]),
                    step is Step.STARTED and bool(reopens[place]),
                )
                for step in steps or (Step.REFRESHED if stale[place] else Step.TIMED,)
            )
        return found

    def _step_absent(self, now: int) -> list[Transition]:
        """Servers that the fleet has lost keep their alerts for a while, and then lose them."""
        lost = np.ones(len(self._names), dtype=np.bool_)
        lost[self._index] = False
        absent = self._absent[: len(self._names)]
        turned = lost != (absent > 0)
        if not (lost.any() or turned.any()):
            return []
        absent[turned & ~lost] = 0
        absent[turned & lost] = now
        active = (self._phase[: len(lost)] != Phase.INACTIVE).any(axis=1)
        found: list[Transition] = [
            Transition(Step.TIMED, self._names[row], -1, column, int(self._level[row, column]))
            for row in np.flatnonzero(turned & active).tolist()
            for column in np.flatnonzero(self._phase[row] != Phase.INACTIVE).tolist()
        ]
        gone = np.flatnonzero(lost & active & (now - absent >= self._absent_hold_ms))
        for row in gone.tolist():
            for column in np.flatnonzero(self._phase[row] != Phase.INACTIVE).tolist():
                step = Step.ABSENT if self._phase[row, column] == Phase.FIRING else Step.WITHDRAWN
                found.append(Transition(step, self._names[row], -1, column, int(self._level[row, column])))
                self._phase[row, column] = Phase.INACTIVE
                if step is Step.ABSENT:
                    self._resolved[row, column] = now
        found.sort(key=lambda one: (one.server, one.column))
        return found

    def _not_after(self, now: int) -> None:
        for times in (*self._arrays()[2:], self._absent):
            np.minimum(times, now, out=times)

    def _take_in(self, names: tuple[str, ...]) -> None:
        """Finds the rows of the servers of a frame; forgets servers that are lost and have nothing left to tell."""
        kept = [name for name, idle in zip(self._names, self._idle().tolist(), strict=True) if not idle]
        if len(kept) < len(self._names) - len(names):
            self._keep(kept)
        self._index = np.fromiter((self._row(name) for name in names), dtype=np.intp, count=len(names))
        self._seen = names

    def _idle(self) -> npt.NDArray[np.bool_]:
        rows = len(self._names)
        recent = self._now_ms - self._resolved[:rows] <= self._reopen_ms
        busy = (self._phase[:rows] != Phase.INACTIVE) | ((self._resolved[:rows] > 0) & recent)
        idle: npt.NDArray[np.bool_] = ~busy.any(axis=1)
        return idle

    def _keep(self, names: Sequence[str]) -> None:
        old = np.fromiter((self._rows[name] for name in names), dtype=np.intp, count=len(names))
        before, absent = self._arrays(), self._absent
        self._rows = {name: row for row, name in enumerate(names)}
        self._names = list(names)
        self._allocate(len(names))
        for array, source in zip(self._arrays(), before, strict=True):
            array[: len(names)] = source[old]
        self._absent[: len(names)] = absent[old]

    def _row(self, name: str) -> int:
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = len(self._names)
            self._names.append(name)
            if row == len(self._phase):
                self._grow()
        return row

    def _grow(self) -> None:
        before, absent, rows = self._arrays(), self._absent, len(self._phase)
        self._allocate(max(_GROWTH * rows, 64))
        for array, source in zip(self._arrays(), before, strict=True):
            array[:rows] = source
        self._absent[:rows] = absent

    def _allocate(self, rows: int) -> None:
        shape = (rows, self._columns)
        self._phase = np.zeros(shape, dtype=np.uint8)
        self._level = np.zeros(shape, dtype=np.uint8)
        self._since = np.zeros(shape, dtype=np.int64)
        self._over = np.zeros(shape, dtype=np.int64)
        self._lower = np.zeros(shape, dtype=np.int64)
        self._resolved = np.zeros(shape, dtype=np.int64)
        self._refreshed = np.zeros(shape, dtype=np.int64)
        self._absent = np.zeros(rows, dtype=np.int64)

    def _arrays(self) -> tuple[npt.NDArray[np.uint8] | npt.NDArray[np.int64], ...]:
        """In the order of the fields of `Cell`."""
        return (
            self._phase,
            self._level,
            self._since,
            self._over,
            self._lower,
            self._resolved,
            self._refreshed,
        )
