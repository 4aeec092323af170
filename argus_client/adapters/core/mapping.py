"""`Mapper`: records of a source into rows of the contract, with an account of everything that did not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus_client.adapters.core.cells import NO_TIME, Bools, numbers, times_ms
from argus_client.adapters.core.mapping_config import ColumnMapping, MappingConfig
from argus_client.adapters.core.table import shown
from argus_client.adapters.pull import Records
from argus_client.samples import METRICS, STATES, Samples

NO_TIMESTAMP: Final = "no_timestamp"
INVALID_TIMESTAMP: Final = "invalid_timestamp"
NO_SERVER_NAME: Final = "no_server_name"
NO_METRIC: Final = "no_metric"
NOT_A_NUMBER: Final = "not_a_number"
UNKNOWN_STATE: Final = "unknown_state"

LOSING: Final = frozenset((NO_TIMESTAMP, INVALID_TIMESTAMP, NO_SERVER_NAME, NO_METRIC))
"""Problems for which a whole row is left out; with the others only one cell of it is."""

_USER, _SYS, _IOWAIT, _IDLE = (
    METRICS.index(name) for name in ("cpu_user_pct", "cpu_sys_pct", "cpu_iowait_pct", "cpu_idle_pct")
)
_REMEMBERED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that did not fit.

    Attributes:
        kind: What, one of the words above.
        field: Where: a column of the contract.
        rows: How often.
        example: One case for people: the server, if it is known, and the value, shortened.
    """

    kind: str
    field: str
    rows: int
    example: str


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """Rows of the contract, and what was lost on the way to them.

    Attributes:
        samples: The rows.
        records: How many records they were made of.
        problems: What did not fit.
        origins: [rows] which record each row was made of.
    """

    samples: Samples
    records: int
    problems: tuple[Problem, ...]
    origins: NDArray[np.intp]

    @property
    def lost_rows(self) -> int:
        """Records that became no row."""
        return self.records - len(self.samples)

    @property
    def worst_loss(self) -> Problem | None:
        """What most of these were left out for; None if none was."""
        losses = [problem for problem in self.problems if problem.kind in LOSING]
        return max(losses, key=lambda problem: problem.rows, default=None)


class Mapper:
    """Maps records as a configuration says.

    Args:
        config: Which field becomes which column.
    """

    def __init__(self, config: MappingConfig) -> None:
        self._config = config
        self._names: dict[object, str] = {}
        self._states: dict[object, int] = {None: 0}
        self._exact = {key: STATES.index(to) for key, to in config.states.items() if not key.endswith("*")}
        self._begins = {key[:-1]: STATES.index(to) for key, to in config.states.items() if key.endswith("*")}

    @property
    def config(self) -> MappingConfig:
        """What it goes by."""
        return self._config

    def apply(self, records: Records) -> Mapped:
        """Maps one page.

        A row without a time, without a server's name, or without any metric and state is left out; a cell that is no
        number is left out of its row. Each is counted among the problems.
        """
        rows = len(records)
        if not rows:
            return Mapped(Samples.empty(), 0, (), np.empty(0, np.intp))
        problems: list[Problem] = []
        names, unnamed = self._server_names(records, rows)
        times = self._times(records, rows, names, problems)
        if unnamed.any():
            example = f"fields looked at: {', '.join(self._config.server_name)}"
            problems.append(Problem(NO_SERVER_NAME, "server_name", int(unnamed.sum()), example))
        state = self._state(records, rows, names, problems)
        metrics, measured = self._metrics(records, rows, names, problems)
        kept = (times != NO_TIME) & ~unnamed
        empty = kept & ~measured & (state == 0)
        if empty.any():
            row = int(np.flatnonzero(empty)[0])
            problems.append(
                Problem(NO_METRIC, "*", int(empty.sum()), f"{names[row]}: no mapped field has a value")
            )
            kept &= ~empty
        samples = Samples(times, names, state, metrics).where(kept)
        return Mapped(samples, rows, tuple(problems), np.flatnonzero(kept))

    def _times(
        self, records: Records, rows: int, names: NDArray[np.object_], problems: list[Problem]
    ) -> NDArray[np.int64]:
        times = np.full(rows, NO_TIME, np.int64)
        bad = np.zeros(rows, np.bool_)
        example = ""
        for field in self._config.timestamp:
            if (column := records.column(field)) is None:
                continue
            found, wrong = times_ms(column, self._config.timestamp_unit)
            times = np.where(times == NO_TIME, found, times)
            if wrong is not None:
                bad |= wrong
                example = example or _example(names, column, wrong)
            if not (times == NO_TIME).any():
                return times
        missing = times == NO_TIME
        if (invalid := missing & bad).any():
            problems.append(Problem(INVALID_TIMESTAMP, "timestamp", int(invalid.sum()), example))
        if (absent := missing & ~bad).any():
            looked = f"fields looked at: {', '.join(self._config.timestamp)}"
            problems.append(Problem(NO_TIMESTAMP, "timestamp", int(absent.sum()), looked))
        return times

    def _server_names(self, records: Records, rows: int) -> tuple[NDArray[np.object_], Bools]:
        """[rows] names, "" where there is none; and where that is."""
        cells = _first_of(records, self._config.server_name, rows)
        known = self._names
        if len(known) > _REMEMBERED:
            known.clear()
        try:
            found = [known[cell] for cell in cells]
        except (KeyError, TypeError):
            found = [self._name(cell) for cell in cells]
        names = np.empty(rows, np.object_)
        names[:] = found
        return names, np.asarray(names == "", np.bool_)

    def _name(self, cell: object) -> str:
        """The name a cell stands for; empty when it is none."""
        if cell is None or cell != cell:
            return ""
        try:
            if (name := self._names.get(cell)) is not None:
                return name
        except TypeError:
            return ""
        name = (cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)).strip()
        for rule in self._config.names:
            name = rule.pattern.sub(rule.replacement, name)
        # What has no UTF-8 form cannot be sent; the server then refuses the marks that stand for it, by name.
        name = name.strip().encode(errors="replace").decode()
        self._names[cell] = name
        return name

    def _state(
        self, records: Records, rows: int, names: NDArray[np.object_], problems: list[Problem]
    ) -> NDArray[np.int8]:
        cells = _first_of(records, self._config.state, rows)
        known = self._states
        if len(known) > _REMEMBERED:
            known.clear()
        try:
            found = [known[cell] for cell in cells]
        except (KeyError, TypeError):
            found = [self._state_number(cell) for cell in cells]
        numbers_found = np.array(found, np.int8)
        for field in self._config.state:
            if (held := records.containers(field)) is not None:
                hollow = (numbers_found == 0) & np.array([cell is not None for cell in held], np.bool_)
                if hollow.any():
                    problems.append(
                        Problem(UNKNOWN_STATE, "state", int(hollow.sum()), _example(names, held, hollow))
                    )
        if (unknown := numbers_found < 0).any():
            column = np.empty(rows, np.object_)
            column[:] = cells
            problems.append(
                Problem(UNKNOWN_STATE, "state", int(unknown.sum()), _example(names, column, unknown))
            )
            numbers_found[unknown] = 0
        return numbers_found

    def _state_number(self, cell: object) -> int:
        """Number of a state; -1 when it is unknown."""
        text = str(cell).strip().lower() if cell is not None else ""
        if not text:
            return 0
        if (number := self._exact.get(text)) is None:
            starts = (to for start, to in self._begins.items() if text.startswith(start))
            number = next(starts, -1)
        if isinstance(cell, str):
            self._states[cell] = number
        return number

    def _metrics(
        self, records: Records, rows: int, names: NDArray[np.object_], problems: list[Problem]
    ) -> tuple[NDArray[np.float32], Bools]:
        """[rows, 14] in contract order, and which rows have a metric that is no default."""
        columns = np.full((len(METRICS), rows), np.nan)
        mappings = self._config.columns
        for index, metric in enumerate(METRICS):
            if metric in mappings:
                columns[index] = _metric(records, mappings[metric], rows, metric, names, problems)
        measured = np.asarray(~np.isnan(columns).all(axis=0), np.bool_)
        if self._config.derive_idle:
            _derive_idle(columns)
        for index, metric in enumerate(METRICS):
            if metric in mappings and not np.isnan(default := mappings[metric].default):
                columns[index][np.isnan(columns[index])] = default
        return np.ascontiguousarray(columns.T, np.float32), measured


def _metric(
    records: Records,
    mapping: ColumnMapping,
    rows: int,
    metric: str,
    names: NDArray[np.object_],
    problems: list[Problem],
) -> NDArray[np.float64]:
    """[rows] of one metric, from the first of its fields that has a number."""
    values = np.full(rows, np.nan)
    bad_rows, example = 0, ""
    for choice in mapping.choices:
        if (column := records.column(choice.name)) is None:
            continue
        found, bad = numbers(column)
        if choice.scale != 1.0:
            found = found * choice.scale
        # What float32 cannot hold is as infinite as infinity: the server would refuse the whole row for it.
        huge = np.abs(found) > np.finfo(np.float32).max
        if huge.any():
            found[huge] = np.nan
            bad = huge if bad is None else bad | huge
        if bad is not None:
            bad_rows += int(bad.sum())
            example = example or _example(names, column, bad)
        values = np.where(np.isnan(values), found, values)
        if not np.isnan(values).any():
            break
    missing = np.isnan(values)
    for choice in mapping.choices if missing.any() else ():
        if (held := records.containers(choice.name)) is not None:
            hollow = missing & np.array([cell is not None for cell in held], np.bool_)
            if hollow.any():
                bad_rows += int(hollow.sum())
                example = example or f"{_example(names, held, hollow)}; name the field inside it"
                missing &= ~hollow
    if bad_rows:
        problems.append(Problem(NOT_A_NUMBER, metric, bad_rows, example))
    return values


def _derive_idle(columns: NDArray[np.float64]) -> None:
    """Fills idle CPU where user and system are measured; what a source knows of no I/O wait counts as none."""
    user, system, iowait, idle = (columns[index] for index in (_USER, _SYS, _IOWAIT, _IDLE))
    fill = np.isnan(idle) & ~np.isnan(user) & ~np.isnan(system)
    if fill.any():
        rest = 100.0 - user - system - np.nan_to_num(iowait)
        columns[_IDLE] = np.where(fill, np.clip(rest, 0.0, 100.0), idle)


def _first_of(records: Records, fields: Sequence[str], rows: int) -> list[Any]:
    """[rows] cells, each from the first of the fields that has one there."""
    cells: list[Any] = [None] * rows
    for field in fields:
        if (column := records.column(field)) is None:
            continue
        cells = [b if a is None else a for a, b in zip(cells, column.tolist(), strict=True)]
        if None not in cells:
            break
    return cells


def _example(names: NDArray[np.object_], column: NDArray[Any], where: Bools) -> str:
    row = int(np.flatnonzero(where)[0])
    return f"{names[row] or 'no name'}: {shown(column[row])}"
