"""Cells of any kind into numbers and times: whole columns at once where they are of one kind, else cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NO_TIME: Final = np.iinfo(np.int64).min
"""What `times_ms` gives where there is no time."""

# The contract's range of times: after 1970, before the year 10000.
_LATEST_MS: Final = 253_402_300_800_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS_PER: Final[Mapping[str, float]] = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
# From where a number must count a smaller unit: as seconds it would lie beyond the year 5138, and so on.
_FIRST_MS, _FIRST_US, _FIRST_NS = 1e11, 1e14, 1e17
_NUMBERS: Final = frozenset((int, float, type(None)))
_BLANK: Final = frozenset(("", "-", "nan", "null", "none", "n/a"))

Bools = NDArray[np.bool_]


def numbers(column: NDArray[Any]) -> tuple[NDArray[np.float64], Bools | None]:
    """Finite numbers of a column.

    Args:
        column: [rows] of anything. Text may hold a number; blank text and None are no value.

    Returns:
        [rows] float64, NaN where there is no number; and which cells hold something that is none, None if no cell does.
    """
    if column.dtype == np.object_:
        cells = column.tolist()
        if _NUMBERS.issuperset(set(map(type, cells))):
            try:
                values = column.astype(np.float64)
            except OverflowError:
                return _by_cell(cells)
        else:
            return _by_cell(cells)
    elif column.dtype.kind in "iuf":
        values = column.astype(np.float64)
    else:
        return _by_cell(column.tolist())
    infinite = np.isinf(values)
    if not infinite.any():
        return values, None
    values[infinite] = np.nan
    return values, infinite


def _by_cell(cells: Iterable[object]) -> tuple[NDArray[np.float64], Bools | None]:
    found = [_number(cell) for cell in cells]
    values = np.array([np.nan if value is None else value for value in found], np.float64)
    bad = np.array([value is None for value in found], np.bool_)
    return values, bad if bad.any() else None


def _number(cell: object) -> float | None:
    """The number in a cell, NaN for no value, None for something that is no finite number."""
    if cell is None:
        return float("nan")
    if isinstance(cell, bool | np.bool_):
        return None
    if isinstance(cell, str) and cell.strip().lower() in _BLANK:
        return float("nan")
    try:
        value = float(cell)  # type: ignore[arg-type]  # decimals and NumPy scalars are welcome
    except (TypeError, ValueError, OverflowError):
        return None
    return None if np.isinf(value) else value


def times_ms(column: NDArray[Any], unit: str) -> tuple[NDArray[np.int64], Bools | None]:
    """Unix milliseconds UTC of a column.

    Args:
        column: [rows] of numbers, `datetime64`, `datetime` (without a zone: UTC) or ISO 8601 text.
        unit: What numbers count: s, ms, us or ns; `auto` tells it for each by its size.

    Returns:
        [rows] int64, `NO_TIME` where there is none; and which cells hold something that is none, None if no cell does.
    """
    kind = column.dtype.kind
    if kind == "M":
        times = column.astype("datetime64[ms]").astype(np.int64)  # NaT is NO_TIME by itself
        return _within(times, times == NO_TIME)
    if kind == "i":
        return _within(_whole_ms(column.astype(np.int64), unit), np.zeros(len(column), np.bool_))
    if kind in "uf":
        return _numeric_ms(column.astype(np.float64), unit)
    cells = column.tolist()
    kinds = set(map(type, cells))
    if kinds == {int} and max(map(abs, cells)) < 1 << 63:
        return _within(_whole_ms(column.astype(np.int64), unit), np.zeros(len(column), np.bool_))
    if kinds <= {float, type(None)}:
        return _numeric_ms(column.astype(np.float64), unit)
    if kinds <= {str, type(None)}:  # the servers of a fleet share many times
        known = {text: _time_ms(text, unit) for text in set(cells)}
        found = [known[cell] for cell in cells]
    else:
        found = [_time_ms(cell, unit) for cell in cells]
    times = np.array([NO_TIME if value is None else value for value in found], np.int64)
    return _within(times, np.array([cell is None or cell == "" for cell in cells], np.bool_))


def _whole_ms(values: NDArray[np.int64], unit: str) -> NDArray[np.int64]:
    """Milliseconds of whole numbers, exactly: nanoseconds of today are more than a float64 can tell apart."""
    seconds, micros, nanos = (
        np.clip(values, -1, _LATEST_MS // 1000 + 1) * 1000,
        values // 1000,
        values // 1_000_000,
    )
    if unit != "auto":
        return {"s": seconds, "ms": values.copy(), "us": micros, "ns": nanos}[unit]
    size = np.abs(values)
    bounds = [size < _FIRST_MS, size < _FIRST_US, size < _FIRST_NS]
    return np.select(bounds, [seconds, values, micros], nanos)


def _numeric_ms(values: NDArray[np.float64], unit: str) -> tuple[NDArray[np.int64], Bools | None]:
    if unit == "auto":
        size = np.abs(values)
        bounds = [size < _FIRST_MS, size < _FIRST_US, size < _FIRST_NS]
        factor = np.select(bounds, [_MS_PER["s"], _MS_PER["ms"], _MS_PER["us"]], _MS_PER["ns"])
    else:
        factor = np.asarray(_MS_PER[unit])
    absent = np.isnan(values)
    exact = np.where(np.isfinite(values), values, 0.0) * factor
    inside = np.isfinite(values) & (exact > 0) & (exact < _LATEST_MS)
    # A millisecond that float64 holds as 0.9999999 of itself is that millisecond, anything less is cut off.
    times = np.where(inside, np.floor(np.where(inside, exact, 0.0) + 1e-3), 0).astype(np.int64)
    times[~inside] = NO_TIME
    return _within(times, absent)


def _within(times: NDArray[np.int64], absent: Bools) -> tuple[NDArray[np.int64], Bools | None]:
    """Times outside the contract's range are none."""
    outside = (times <= 0) | (times >= _LATEST_MS)
    times[outside] = NO_TIME
    bad = outside & ~absent
    return times, bad if bad.any() else None


def _time_ms(cell: object, unit: str) -> int | None:
    """Milliseconds of one cell; None when it holds no time."""
    if isinstance(cell, datetime):
        zoned = cell if cell.tzinfo is not None else cell.replace(tzinfo=UTC)
        since = zoned - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if isinstance(cell, np.datetime64):
        return None if np.isnat(cell) else int(cell.astype("datetime64[ms]").astype(np.int64))
    if isinstance(cell, str):
        text = cell.strip()
        if len(text) < 14 or text[4:5] != "-":  # no ISO time: a number, if anything
            try:
                return _one_numeric(float(text), unit)
            except ValueError:
                pass
        try:
            return _time_ms(datetime.fromisoformat(_iso(text)), unit)
        except ValueError:
            return None
    if isinstance(cell, bool | np.bool_ | date) or cell is None:
        return None
    if isinstance(cell, int) and abs(cell) < 1 << 63:
        times, _ = _within(_whole_ms(np.array([cell], np.int64), unit), np.zeros(1, np.bool_))
        return None if times[0] == NO_TIME else int(times[0])
    try:
        return _one_numeric(float(cell), unit)  # type: ignore[arg-type]  # whatever else has a number in it
    except (TypeError, ValueError, OverflowError):
        return None


def _iso(text: str) -> str:
    return f"{text[:-4]}+00:00" if text.endswith(" UTC") else text


def _one_numeric(value: float, unit: str) -> int | None:
    times, _ = _numeric_ms(np.array([value]), unit)
    return None if times[0] == NO_TIME else int(times[0])
