"""One page of a source, mapped and looked at, with nothing sent and no cursor moved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from argus_client.adapters.core.config import since_ms
from argus_client.adapters.core.launch import Adapter
from argus_client.adapters.core.mapping import Mapped, Mapper, Problem
from argus_client.adapters.core.tally import Tally
from argus_client.adapters.source import SourceError
from argus_client.samples import METRICS, Samples

NEWEST_SECONDS: Final = 900
_NEWEST_TIMEOUT_SECONDS: Final = 30.0
_NEWEST_PAGES: Final = 100
_OLDER_MS: Final = 30 * 86_400_000
_OLDER_PAGES: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What an adapter would send first.

    Attributes:
        mapped: The rows, and what did not fit.
        fields: The fields there are that no column comes from.
        tally: What the source itself could not read.
        early: Rows that were left out because they lie before the beginning.
        is_last: Whether there was nothing more behind it.
        problem: Why nothing can be used of what there is; see `Page.problem`.
    """

    mapped: Mapped
    fields: tuple[str, ...]
    tally: Tally
    early: int
    is_last: bool
    problem: str = ""

    @property
    def coverage(self) -> Mapping[str, float]:
        """Share of the rows that have a value, by metric."""
        return coverage(self.mapped.samples)


def coverage(samples: Samples) -> Mapping[str, float]:
    """Share of the rows that have a value, by metric; 0 without rows."""
    if not len(samples):
        return dict.fromkeys(METRICS, 0.0)
    shares = 1.0 - np.isnan(samples.metrics).mean(axis=0)
    return dict(zip(METRICS, shares.tolist(), strict=True))


async def preview(adapter: Adapter, *, since: str | None = None, pages: int = 100) -> Preview:
    """Fetches the first page with rows behind the beginning; a cursor that is kept plays no part.

    Args:
        adapter: Whose.
        since: Where to begin, as in `[adapter] since`, which holds if this is None.
        pages: How many pages to look at, if none before has such rows.

    Raises:
        SourceError: the source cannot deliver, now or ever; a `ConfigError` if the configuration is wrong.
    """
    return await preview_from(adapter, since_ms(since or adapter.config.since, adapter.now_ms()), pages)


async def preview_from(adapter: Adapter, begin_ms: int, pages: int, *, past_losses: bool = False) -> Preview:
    """The same from a moment on.

    Args:
        adapter: Whose.
        begin_ms: Where to begin, Unix milliseconds UTC.
        pages: How many pages to look at.
        past_losses: Go on behind records that cannot be mapped.
    """
    tally = Tally(adapter.now_ms)
    source = adapter.source(tally)
    config = adapter.config
    mapper = Mapper(config.mapping)
    early = 0
    try:
        page = await source.fetch(source.begin(begin_ms), config.page_rows)
        while True:
            mapped = mapper.apply(page.records)
            late = mapped.samples.timestamp_ms >= begin_ms
            early += int((~late).sum())
            pages -= 1
            found = late.any() or (mapped.lost_rows and not past_losses)
            if found or page.is_last or not pages:
                break
            page = await source.fetch(page.cursor, config.page_rows)
    finally:
        await source.close()
    used = set(config.mapping.fields)
    unused = tuple(name for name in page.records.fields() if name not in used)
    samples = mapped.samples.where(late)
    return Preview(replace(mapped, samples=samples), unused, tally, early, page.is_last, page.problem)


async def newest(adapter: Adapter) -> Preview | None:
    """What there is of the last `NEWEST_SECONDS`; None if the source cannot be asked for it, or not soon enough.

    Raises:
        SourceError: the source cannot deliver.
    """
    source = adapter.source(Tally(adapter.now_ms))
    begin_ms = adapter.now_ms() - NEWEST_SECONDS * 1000
    try:
        if not source.begin(begin_ms):
            return None  # it has no places to begin at, as a pipe has none
    finally:
        await source.close()
    try:
        async with asyncio.timeout(_NEWEST_TIMEOUT_SECONDS):
            return await preview_from(adapter, begin_ms, _NEWEST_PAGES, past_losses=True)
    except TimeoutError:
        return None


async def has_older(adapter: Adapter) -> bool:
    """Whether the source has records from before the beginning: of the last 30 days, or its very first ones."""
    for begin_ms, pages in ((adapter.now_ms() - _OLDER_MS, _OLDER_PAGES), (0, 1)):
        try:
            found = await preview_from(adapter, begin_ms, pages)
        except SourceError:
            return False  # it has just answered to another question: this one is not worth an error
        if found.mapped.records or found.early:
            return True
    return False


def merged(one: Preview, other: Preview) -> Preview:
    """Both as one, `other` behind `one`."""
    tally = Tally(one.tally.now_ms)
    problems: dict[tuple[str, str], Problem] = {}
    for preview in (one, other):
        for problem in preview.mapped.problems:
            key = (problem.kind, problem.field)
            before = problems.get(key)
            problems[key] = replace(before, rows=before.rows + problem.rows) if before else problem
        tally.problems.update(preview.tally.problems)
        tally.examples = {**preview.tally.examples, **tally.examples}
    mapped = Mapped(
        Samples.concat([one.mapped.samples, other.mapped.samples]),
        one.mapped.records + other.mapped.records,
        tuple(problems.values()),
        np.concatenate([one.mapped.origins, one.mapped.records + other.mapped.origins]),
    )
    fields = tuple(sorted({*one.fields, *other.fields}))
    return Preview(mapped, fields, tally, one.early, other.is_last, one.problem or other.problem)
