"""Who sends metrics: how far every source has come, and which stream may speak for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_SOURCES: Final = 100_000


@dataclass(slots=True)
class Source:
    """One source of batches.

    Attributes:
        source_id: Its name.
        last_sequence: Last sequence taken in; 0 before the first. It falls back when taking in was in vain.
        committed_sequence: Last sequence that is durable and may be acknowledged.
        owner: The stream that speaks for the source now.
    """

    source_id: str
    last_sequence: int = 0
    committed_sequence: int = 0
    owner: object | None = field(default=None, repr=False)
    _first: int = 0
    _pending: int = 0
    _waiting: list[Callable[[], None]] = field(default_factory=list, repr=False)

    def claim(self, owner: object) -> None:
        """Lets a stream speak for the source; it numbers its batches anew, behind the last one."""
        self.owner = owner
        self._first = 0

    @property
    def expected_sequence(self) -> int:
        """The one sequence that may come next; 0 while any may."""
        return self.last_sequence + 1 if self.last_sequence else self._first

    def refuse(self, sequence: int) -> None:
        """A batch was refused for now: of a source without a record, the next one must be this one again."""
        self._first = min(self._first or sequence, sequence)

    def begin(self, sequence: int) -> None:
        """Takes in a batch; `settle` follows."""
        self.last_sequence = sequence
        self._pending += 1

    def settle(self, sequence: int, durable: bool) -> None:
        """A batch that was taken in is durable, or will not be."""
        self._pending -= 1
        if durable:
            self.committed_sequence = max(self.committed_sequence, sequence)
            self.last_sequence = max(self.last_sequence, sequence)
        else:
            self.last_sequence = self.committed_sequence
            self.refuse(sequence)
        if not self._pending:
            waiting, self._waiting = self._waiting, []
            for call in waiting:
                call()

    def consume(self, sequence: int) -> None:
        """Counts the sequence of a batch of which nothing can be used."""
        self.last_sequence = sequence
        if not self._pending:
            self.committed_sequence = sequence

    def when_settled(self, call: Callable[[], None]) -> None:
        """Calls when nothing of the source is pending, at once if nothing is."""
        if self._pending:
            self._waiting.append(call)
        else:
            call()


class SourceRegistry:
    """Remembers sources across their streams, the most recently seen ones up to a limit.

    Args:
        committed: Last committed sequences of an earlier run.
        max_sources: How many to remember; beyond it the one not seen for longest, with no stream open, is forgotten.
    """

    def __init__(self, committed: Mapping[str, int] | None = None, max_sources: int = MAX_SOURCES) -> None:
        self._sources: OrderedDict[str, Source] = OrderedDict(
            (name, Source(name, sequence, sequence)) for name, sequence in (committed or {}).items()
        )
        self._max_sources = max_sources

    def claim(self, source_id: str, owner: object) -> Source:
        """Makes `owner` the one stream that speaks for a source, and returns how far the source has come."""
        source = self._sources.setdefault(source_id, Source(source_id))
        self._sources.move_to_end(source_id)
        source.claim(owner)
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
