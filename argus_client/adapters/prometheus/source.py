"""Contract rows from range queries, page by page of time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus_client.adapters.core.columnar import Columns
from argus_client.adapters.prometheus.api import (
    Answer,
    PrometheusApi,
    QueryError,
    QueryTimeout,
    QueryTooLarge,
)
from argus_client.adapters.prometheus.series import Grid, joined
from argus_client.adapters.pull import Cursor, Page
from argus_client.adapters.source import SourceError

_MOST_POINTS: Final = 11_000
"""Points of a series a Prometheus gives at once."""
_SERVERS_AT_FIRST: Final = 400
"""Servers that are assumed until the first page shows how many there are."""
_GROWTH: Final = 4
_EMPTY_STRETCHES: Final = 64
"""Stretches without a series that are passed in one page. They grow, so that this is more than half a year."""
_PORT: Final = re.compile(r":\d+$")


@dataclass(frozen=True, slots=True)
class Reading:
    """What to ask and how often.

    Attributes:
        queries: PromQL by contract column; each gives one series per server.
        origin: Where they come from, for messages: the preset and its matchers.
        label: The label that names the server.
        strips_port: Whether `host:9100` is the server `host`.
        step_seconds: From one row of a server to the next. Rows lie on multiples of it.
        settle_seconds: How old a row must be: until then scrapes may still arrive.
        overlap_seconds: How far the last times are asked again, for servers whose scrapes arrived late.
    """

    queries: Mapping[str, str]
    origin: str = ""
    label: str = "instance"
    strips_port: bool = True
    step_seconds: int = 30
    settle_seconds: float = 30.0
    overlap_seconds: float = 120.0


class PrometheusSource:
    """Rows of every server a Prometheus knows.

    The cursor is the next time to ask for. Once it has caught up it starts `overlap_seconds` before the newest time
    asked for, and remembers that time, so that nothing is asked twice before there is something new.

    Args:
        api: Where to ask.
        reading: What to ask.
        now_ms: Clock, Unix milliseconds UTC.
        warn: Takes one line about what is odd and does not stop anything; each is said once.
        count: Counts queries and partial answers; see `SourceContext.count`.
    """

    def __init__(
        self,
        api: PrometheusApi,
        reading: Reading,
        *,
        now_ms: Callable[[], int],
        warn: Callable[[str], None],
        count: Callable[[str, int], None],
    ) -> None:
        self._api = api
        self._reading = reading
        self._step_ms = reading.step_seconds * 1000
        self._now_ms = now_ms
        self._warn = warn
        self._count = count
        self._warned: set[str] = set()
        self._servers = _SERVERS_AT_FIRST
        self._points_before: int | None = None
        self._ceiling = _MOST_POINTS

    def begin(self, since_ms: int) -> Cursor:
        """The first time on the grid from `since_ms` on."""
        return {"next_ms": self._on_grid(since_ms)}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """The rows of the next stretch of time, about `limit` at most. See `PullSource.fetch`."""
        next_ms, seen_ms = _times(cursor)
        next_ms = self._on_grid(next_ms)  # whoever left the cursor may have gone by another step
        newest_ms = self._newest_ms()
        if newest_ms < next_ms or newest_ms <= seen_ms:
            return Page(Columns({}), cursor, is_last=True)
        # Not one page each: a page without rows would move the cursor on over what wrong queries do not see.
        stretches = 0
        while True:
            newest_ms = self._newest_ms()
            due = (newest_ms - next_ms) // self._step_ms + 1
            grid, columns = await self._ask(Grid(next_ms, self._step_ms, min(due, self._points(limit))))
            records = joined(grid, columns)
            self._servers = max(len({name for servers in columns.values() for name in servers}), 1)
            self._points_before = grid.points
            self._ceiling = min(self._ceiling * 5 // 4 + 1, _MOST_POINTS)
            next_ms = grid.end_ms + self._step_ms
            stretches += 1
            if len(records) or grid.end_ms >= newest_ms or stretches == _EMPTY_STRETCHES:
                break
        if grid.end_ms < newest_ms:
            return Page(records, {"next_ms": next_ms}, is_last=False)
        overlap_ms = round(self._reading.overlap_seconds * 1000)
        return Page(
            records,
            {"next_ms": self._on_grid(grid.end_ms - overlap_ms), "seen_ms": grid.end_ms},
            is_last=True,
            problem=await self._what_is_missing(columns, grid.end_ms),
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._api.close()

    def _newest_ms(self) -> int:
        """The last time of the grid that scrapes have settled for."""
        newest_ms = self._now_ms() - round(self._reading.settle_seconds * 1000)
        return newest_ms - newest_ms % self._step_ms

    def _on_grid(self, at_ms: int) -> int:
        """The first time of the grid that is not before `at_ms`."""
        return -(-at_ms // self._step_ms) * self._step_ms

    def _points(self, limit: int) -> int:
        """How many times to ask for at once. A stretch without rows says little of the next: growth is bounded."""
        wanted = max(limit // self._servers, 1)
        if self._points_before is not None:
            wanted = min(wanted, self._points_before * _GROWTH)
        return min(wanted, self._ceiling)

    async def _ask(self, grid: Grid) -> tuple[Grid, dict[str, dict[str, NDArray[np.float64]]]]:
        """The answers to all queries, over a shorter grid if that is what it takes."""
        while True:
            try:
                return grid, await self._columns(grid)
            except QueryTooLarge:
                if grid.points == 1:
                    raise
                self._ceiling = grid.points // 2
                grid = Grid(grid.start_ms, grid.step_ms, self._ceiling)
            except QueryTimeout:
                self._ceiling = max(grid.points // 2, 1)
                raise

    async def _columns(self, grid: Grid) -> dict[str, dict[str, NDArray[np.float64]]]:
        """[points] values by column and server."""
        tasks = [
            asyncio.create_task(self._column(column, query, grid))
            for column, query in self._reading.queries.items()
        ]
        try:
            return dict(zip(self._reading.queries, await asyncio.gather(*tasks), strict=True))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _column(self, column: str, query: str, grid: Grid) -> dict[str, NDArray[np.float64]]:
        """[points] values by server."""
        try:
            answer = await self._api.query_range(query, grid)
        except QueryError as error:
            raise type(error)(f"The query of {column} is refused: {error}. The query is: {query}") from None
        self._count("queries", 1)
        for warning in answer.warnings:
            self._count("partial_answers", 1)
            self._warn_once(
                f"{column}: {warning}. Servers that are missing because of it are not asked for again."
            )
        return self._by_server(column, query, answer, grid)

    def _by_server(
        self, column: str, query: str, answer: Answer, grid: Grid
    ) -> dict[str, NDArray[np.float64]]:
        label = self._reading.label
        found: dict[str, tuple[str, NDArray[np.float64]]] = {}
        for labels, points in sorted(answer.series, key=lambda series: sorted(series[0].items())):
            if not (instance := labels.get(label)):
                raise SourceError(
                    f"The query of {column} gives a series without the label {label!r}: {_shown(labels)}. "
                    f"Aggregate by ({label}), or set [source] label. The query is: {query}"
                )
            name = _PORT.sub("", instance) if self._reading.strips_port else instance
            values = grid.values(points)
            if name not in found:
                found[name] = (instance, values)
                continue
            other, known = found[name]
            if other == instance:
                raise SourceError(
                    f"The query of {column} gives several series with {label}={instance!r}, one of them "
                    f"{_shown(labels)}. Aggregate them: max by ({label}) (...). The query is: {query}"
                )
            self._warn_once(
                f"{column}: {other!r} and {instance!r} are both the server {name!r}; the first is taken. Narrow "
                "[source] match to one job, or set strip_port = false."
            )
            found[name] = (other, np.where(np.isnan(known), values, known))
        return {name: values for name, (_, values) in found.items()}

    async def _what_is_missing(self, columns: Mapping[str, Mapping[str, Any]], at_ms: int) -> str:
        """Says which columns have no series; returns what is wrong if none has any where something is scraped."""
        missing = [column for column, servers in columns.items() if not servers]
        if len(missing) == len(columns):
            scraped = await self._api.query_range("count(up)", Grid(at_ms, self._step_ms, 1))
            if not scraped.series:
                self._warn_once(f"Nothing was scraped yet at {self._api.url}; waiting for series")
                return ""
            column, query = next(iter(self._reading.queries.items()))
            return (
                f"No series for any column: {self._reading.origin} on {self._api.url}. Check that its exporter is "
                "scraped, and [source] preset, match and queries; ask there, for instance, what "
                f"{column} is made of: {query}"
            )
        if missing:
            self._warn_once(f"No series for {', '.join(missing)}: not measured by what is scraped.")
        return ""

    def _warn_once(self, line: str) -> None:
        if line not in self._warned:
            self._warned.add(line)
            self._warn(line)


def _times(cursor: Cursor) -> tuple[int, int]:
    """The next time to ask for, and the newest one asked for when all was read; -1 while it was not."""
    next_ms, seen_ms = cursor.get("next_ms"), cursor.get("seen_ms", -1)
    if not isinstance(next_ms, int) or not isinstance(seen_ms, int):
        raise SourceError(
            f"This cursor is none of a Prometheus source: {dict(cursor)!r}. Start with --since."
        )
    return next_ms, seen_ms


def _shown(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"
