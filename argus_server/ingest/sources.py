"""Who sends metrics: the last committed sequence of every source, and which stream may speak for it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

MAX_SOURCES: Final = 100_000


@dataclass(slots=True)
class Source:
    """One source of batches.

    Attributes:
        source_id: Its name.
        last_sequence: Last sequence committed; 0 before the first.
        owner: The stream that speaks for the source now.
    """

    source_id: str
    last_sequence: int = 0
    owner: object | None = field(default=None, repr=False)


class SourceRegistry:
    """Remembers sources across their streams, the most recently seen ones up to a limit.

    Args:
        max_sources: How many to remember; beyond it the one not seen for longest, with no stream open, is forgotten.
    """

    def __init__(self, max_sources: int = MAX_SOURCES) -> None:
        self._sources: OrderedDict[str, Source] = OrderedDict()
        self._max_sources = max_sources

    def claim(self, source_id: str, owner: object) -> Source:
        """Makes `owner` the one stream that speaks for a source, and returns how far the source has come."""
        source = self._sources.setdefault(source_id, Source(source_id))
        self._sources.move_to_end(source_id)
        source.owner = owner
        self._forget_oldest()
        return source

    def release(self, source: Source, owner: object) -> None:
        """Ends a stream's claim, if it still holds it."""
        if source.owner is owner:
            source.owner = None

    def _forget_oldest(self) -> None:
        excess = len(self._sources) - self._max_sources
        if excess > 0:
            idle = [name for name, source in self._sources.items() if source.owner is None]
            for name in idle[:excess]:
                del self._sources[name]
