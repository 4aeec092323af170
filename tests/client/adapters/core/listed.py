"""A source that gives what a test has listed, and a place for what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from argus_client.adapters.core.config import AdapterConfig, ServerConfig
from argus_client.adapters.core.cursor import StateFile
from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.runner import Runner, RunOptions
from argus_client.adapters.pull import Cursor, Page
from argus_client.testing import FakeServer

START_MS = 1_750_000_000_000


def document(number: int, **fields: Any) -> dict[str, Any]:
    """One of many: no two are of one server and second."""
    return {
        "timestamp": START_MS + number // 3 * 1000,
        "server_name": f"web-{number % 3}",
        "load_average": float(number),
        **fields,
    }


class ListedSource:
    """Gives documents by number, and raises what it is told to.

    Args:
        documents: All there are; a test may add to them.
        errors: Raised by the next fetches, one by one; None lets one through.

    Attributes:
        asked: The cursors it was asked with.
        before: Called before every fetch.
        problem: What the next pages say is wrong.
    """

    def __init__(self, documents: Sequence[dict[str, Any]], errors: Sequence[Exception | None] = ()) -> None:
        self.documents = list(documents)
        self.errors = list(errors)
        self.asked: list[int] = []
        self.closed = 0
        self.began_ms: int | None = None
        self.before: Callable[[], None] = lambda: None
        self.overlap = 0
        self.ends = False
        self.problem = ""

    def begin(self, since_ms: int) -> Cursor:
        self.began_ms = since_ms
        return {"at": 0}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        self.before()
        at = int(str(cursor["at"]))
        self.asked.append(at)
        await asyncio.sleep(0)
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        found = self.documents[at : at + limit]
        is_last = at + limit >= len(self.documents)
        behind = max(0, at + len(found) - self.overlap) if is_last else at + len(found)
        return Page(Documents(found), {"at": behind}, is_last, is_last and self.ends, self.problem)

    async def close(self) -> None:
        self.closed += 1


class Bench:
    """What a runner needs, in a directory of its own.

    Args:
        directory: Where state is kept.
        server: Where rows go.
        settings: Of the adapter's configuration.
    """

    def __init__(self, directory: Path, server: FakeServer, **settings: Any) -> None:
        self.config = AdapterConfig(
            "mine",
            **{
                "page_rows": 10,
                "interval_seconds": 0.01,
                "since": "all",
                "state_dir": directory,
                "server": ServerConfig(server.target),
                **settings,
            },
        )
        self.stop = asyncio.Event()

    def state(self) -> StateFile:
        return StateFile(self.config.state_dir, "mine", "source")

    def kept(self) -> int | None:
        """Where the kept cursor points."""
        with self.state() as file:
            state = file.load()
        return None if state is None else int(str(state.cursor["at"]))

    async def run(self, source: ListedSource, **options: Any) -> Runner:
        """Runs once, if not said otherwise."""
        with self.state() as state:
            runner = Runner(
                self.config,
                source,
                state,
                self.stop,
                RunOptions(**{"once": True, "grace_seconds": 0.5, **options}),
            )
            async with asyncio.timeout(30):
                await runner.run()
            return runner


def loads(server: FakeServer, source_id: str = "mine") -> list[float]:
    """What the server has got, in its order."""
    if source_id not in server.sources:
        return []
    return [float(value) for value in server.sources[source_id].samples.metrics[:, 12].tolist()]
