"""One page of a source, mapped and looked at, with nothing sent and no cursor moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from argus_client.adapters.core.config import since_ms
from argus_client.adapters.core.launch import Adapter
from argus_client.adapters.core.mapping import Mapped, Mapper
from argus_client.adapters.core.tally import Tally
from argus_client.adapters.pull import Cursor
from argus_client.samples import METRICS, Samples


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What an adapter would send first.

    Attributes:
        mapped: The rows, and what did not fit.
        fields: The fields there are that no column comes from.
        tally: What the source itself could not read.
        cursor: Where the page began.
    """

    mapped: Mapped
    fields: tuple[str, ...]
    tally: Tally
    cursor: Cursor

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


async def preview(adapter: Adapter, *, since: str | None = None, pages: int = 20) -> Preview:
    """Fetches the first page that is not empty, from the cursor that is kept if there is one.

    Args:
        adapter: Whose.
        since: Look from here in any case, as in `[adapter] since`.
        pages: How many empty pages to look behind.

    Raises:
        SourceError: the source cannot deliver, now or ever; a `ConfigError` if the configuration is wrong.
    """
    tally = Tally(adapter.now_ms)
    source = adapter.source(tally)
    config = adapter.config
    try:
        begin = cursor = _kept(adapter, since) or source.begin(
            since_ms(since or config.since, adapter.now_ms())
        )
        for _ in range(pages):
            page = await source.fetch(cursor, config.page_rows)
            if len(page.records) or page.is_last:
                break
            cursor = page.cursor
    finally:
        await source.close()
    mapped = Mapper(config.mapping).apply(page.records)
    used = set(config.mapping.fields)
    unused = tuple(name for name in page.records.fields() if name not in used)
    return Preview(mapped, unused, tally, begin)


def _kept(adapter: Adapter, since: str | None) -> Cursor | None:
    """The cursor that is kept; none if there is none, or somebody wants to look elsewhere."""
    if since is not None:
        return None
    with adapter.state() as file:
        state = file.load()
    return None if state is None else state.cursor
