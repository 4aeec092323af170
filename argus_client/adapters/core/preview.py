"""One page of a source, mapped and looked at, with nothing sent and no cursor moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from argus_client.adapters.core.config import since_ms
from argus_client.adapters.core.launch import Adapter
from argus_client.adapters.core.mapping import Mapped, Mapper
from argus_client.adapters.core.tally import Tally
from argus_client.samples import METRICS, Samples


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What an adapter would send first.

    Attributes:
        mapped: The rows, and what did not fit.
        fields: The fields there are that no column comes from.
        tally: What the source itself could not read.
        early: Rows that were left out because they lie before the beginning.
        is_last: Whether there was nothing more behind it.
    """

    mapped: Mapped
    fields: tuple[str, ...]
    tally: Tally
    early: int
    is_last: bool

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
    tally = Tally(adapter.now_ms)
    source = adapter.source(tally)
    config = adapter.config
    begin_ms = since_ms(since or config.since, adapter.now_ms())
    mapper = Mapper(config.mapping)
    early = 0
    try:
        page = await source.fetch(source.begin(begin_ms), config.page_rows)
        while True:
            mapped = mapper.apply(page.records)
            late = mapped.samples.timestamp_ms >= begin_ms
            early += int((~late).sum())
            pages -= 1
            if late.any() or mapped.lost_rows or page.is_last or not pages:
                break
            page = await source.fetch(page.cursor, config.page_rows)
    finally:
        await source.close()
    used = set(config.mapping.fields)
    unused = tuple(name for name in page.records.fields() if name not in used)
    return Preview(replace(mapped, samples=mapped.samples.where(late)), unused, tally, early, page.is_last)
