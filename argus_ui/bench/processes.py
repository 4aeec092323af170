"""The processes a benchmark needs: server, fleet and dashboard, as anybody starts them."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

_READY_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 15.0


class BenchError(Exception):
    """Something the benchmark needs is missing or did not start."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where things are.

    Attributes:
        target: HOST:PORT of the Argus server.
        url: Of the dashboard.
        dashboard_pid: Its process.
    """

    target: str
    url: str
    dashboard_pid: int


@asynccontextmanager
async def live_fleet(servers: int, tick_seconds: float) -> AsyncIterator[Running]:
    """An `argus server` with a simulated fleet that is sending, and a dashboard in front of it."""
    async with AsyncExitStack() as stack:
        # With a history, so that every view has something to show.
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="argus-bench-"))
        server, said = await stack.enter_async_context(
            _speaking(
                *("argus_client.cli", "server", "--json", "--stop-on-eof", "--log-level", "error"),
                *("--listen", "127.0.0.1:0", "--metrics-listen", "", "--tick-seconds", str(tick_seconds)),
                *("--data-dir", data),
            )
        )
        del server
        target = said["listen"]
        await stack.enter_async_context(
            _process(
                *("argus_client.cli", "simulate", "--target", target, "--servers", str(servers)),
                *("--scenario", "degrading", "--scenario-listen", ""),
            )
        )
        yield await stack.enter_async_context(dashboard_of(target))


@asynccontextmanager
async def dashboard_of(target: str) -> AsyncIterator[Running]:
    """A dashboard in front of a server."""
    async with _speaking(
        "argus_ui", "--json", "--stop-on-eof", "--listen", "127.0.0.1:0", "--target", target
    ) as (process, said):
        yield Running(target, said["url"], process.pid)


@asynccontextmanager
async def _speaking(*module_and_arguments: str) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    """A process and the JSON line it prints when it is ready."""
    async with _process(*module_and_arguments, stdout=PIPE) as process:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _READY_SECONDS)
        if not line:
            raise BenchError(f"{' '.join(module_and_arguments[:2])} did not start")
        yield process, json.loads(line)


@asynccontextmanager
async def _process(*module_and_arguments: str, stdout: int = DEVNULL) -> AsyncIterator[Process]:
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *module_and_arguments, stdin=PIPE, stdout=stdout, stderr=errors
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
