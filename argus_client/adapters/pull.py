"""The seam between an adapter's runner and where its rows are: a source that is asked, page by page.

A source fetches; it never converts, never sends and never remembers. The runner maps what it got into contract rows,
publishes them, and keeps the cursor of a page on disk only once every row of it is acknowledged. So a source that is
asked twice with one cursor, because a process died between, must give what it gave before, and may give more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from argus_client.adapters.source import SourceError

Cursor = Mapping[str, object]
"""Where a source goes on: any JSON object. Only the source that made it reads it."""


class SourceUnavailable(SourceError):
    """A source cannot deliver now, and may later: the same call is worth repeating.

    Attributes:
        retry_after_seconds: the least wait the source itself asks for; None when it says nothing.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Records(Protocol):
    """What was fetched, by field. A field is named as in the source: `cpu.user.pct`, `host`."""

    def __len__(self) -> int:
        """Rows."""
        ...

    def column(self, field: str) -> NDArray[np.generic] | None:
        """[rows] values of a field: numbers, or objects with None where a row lacks it. None if no row has it."""
        ...

    def containers(self, field: str) -> NDArray[np.generic] | None:
        """[rows] what a field holds where that is a list or an object, which is no value; None elsewhere.

        None if no row has one. It tells a mapping that stops short, at `cpu` in place of `cpu.pct`, from a field that
        is not there.
        """
        ...

    def fields(self) -> Sequence[str]:
        """The fields at least one row has, to tell which are not mapped."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """What one fetch brought.

    Attributes:
        records: the rows, in order of time as far as the source has an order.
        cursor: where to go on after them.
        is_last: there is nothing more for now; the runner waits for its interval before it asks again.
        is_end: there will never be more, as after a pipe has been closed; the runner ends.
        problem: why there was something to read, or should have been, and none of it is in `records`; one line that
            says what to check, empty if all is well. As long as no record has ever been mapped and no cursor is kept,
            the run ends with it as with a wrong configuration, and nothing is skipped; later it is a warning. Leave it
            empty where rows may still come by themselves, as in a directory that has no file yet.
    """

    records: Records
    cursor: Cursor
    is_last: bool
    is_end: bool = False
    problem: str = ""


class PullSource(Protocol):
    """Somewhere rows are asked for. Errors say what to do, and never hold a password or a key."""

    def begin(self, since_ms: int) -> Cursor:
        """The first cursor: everything from `since_ms`, Unix milliseconds UTC, on."""
        ...

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """The rows after `cursor`, about `limit` at most.

        Raises:
            SourceUnavailable: not now; the runner waits and asks again with the same cursor.
            SourceError: not ever, until somebody changes the configuration.
        """
        ...

    async def close(self) -> None:
        """Lets go of connections and of what the source holds open for this reader."""
        ...
