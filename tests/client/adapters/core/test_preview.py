"""What is looked at without a run: the first rows, the newest, and whether there are older ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from argus_client.adapters.core import preview as previews
from argus_client.adapters.core.config import AdapterConfig
from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.launch import Adapter
from argus_client.adapters.core.preview import has_older, merged, newest, preview
from argus_client.adapters.core.spec import AdapterSpec
from argus_client.adapters.pull import Cursor, Page
from argus_client.adapters.source import SourceError

NOW_MS = 1_750_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class TimedSource:
    """Documents in order of time, from a time on."""

    def __init__(self, times: Sequence[int], broken_before_ms: int = 0, **fields: Any) -> None:
        self.times = sorted(times)
        self.broken_before_ms = broken_before_ms
        self.fields = fields
        self.closed = False

    def begin(self, since_ms: int) -> Cursor:
        return {"from": since_ms}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        start = int(str(cursor["from"]))
        if start < self.broken_before_ms:
            raise SourceError("not so far back")
        page = [time for time in self.times if time >= start][:limit]
        rest = [time for time in self.times if time > (page[-1] if page else start)]
        documents = [{"timestamp": t, "server_name": "a", "load_average": 1, **self.fields} for t in page]
        after = page[-1] + 1 if page else start
        return Page(Documents(documents), {"from": after}, is_last=not rest)

    async def close(self) -> None:
        self.closed = True


class Pipe(TimedSource):
    """Has no places to begin at, and nothing more to give."""

    def begin(self, since_ms: int) -> Cursor:
        return {}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        raise AssertionError("nobody is to read a pipe twice")


class Silent(TimedSource):
    """Answers never."""

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        await asyncio.Event().wait()
        raise AssertionError


def adapter(source: TimedSource, since: str = "24h") -> Adapter:
    spec = AdapterSpec("timed", "", "", build=lambda values, context: source)
    return Adapter(spec, AdapterConfig("mine", page_rows=3, since=since, state_dir=Path()), lambda: NOW_MS)


HOURLY = [NOW_MS - hours * HOUR_MS for hours in range(1, 40)]


async def test_the_first_page_and_the_newest_rows_make_one() -> None:
    source = TimedSource([*HOURLY, NOW_MS - MINUTE_MS])
    first, last = await preview(adapter(source)), await newest(adapter(source))
    assert last is not None
    assert (first.mapped.samples.timestamp_ms.min(), first.is_last) == (NOW_MS - 24 * HOUR_MS, False)
    assert last.mapped.samples.timestamp_ms.tolist() == [NOW_MS - MINUTE_MS]
    both = merged(first, last)
    assert (len(both.mapped.samples), both.mapped.records, both.is_last) == (4, 4, True)
    assert source.closed


async def test_problems_of_both_are_added() -> None:
    source = TimedSource([*HOURLY, NOW_MS - MINUTE_MS], mem_used_pct="x")
    first, last = await preview(adapter(source)), await newest(adapter(source))
    assert last is not None
    (problem,) = merged(first, last).mapped.problems
    assert (problem.kind, problem.rows) == ("not_a_number", 4)


async def test_newest_rows_that_cannot_be_had_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "_NEWEST_TIMEOUT_SECONDS", 0.01)
    assert await newest(adapter(Pipe([]))) is None
    assert await newest(adapter(Silent([]))) is None


@pytest.mark.parametrize(
    ("times", "broken_before_ms", "expected"),
    [
        ([], 0, False),
        ([NOW_MS - 3 * DAY_MS], 0, True),
        ([NOW_MS - 300 * DAY_MS], 0, True),
        ([NOW_MS - 300 * DAY_MS], NOW_MS - 40 * DAY_MS, False),
    ],
)
async def test_older_rows_are_looked_for(times: list[int], broken_before_ms: int, expected: bool) -> None:
    assert await has_older(adapter(TimedSource(times, broken_before_ms))) is expected
