"""The same day twice, once without an interruption and once with a restart every half hour: what differs?"""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from argus_client import AsyncArgusClient, PublisherConfig, Samples
from argus_client.simulator import FleetSimulator
from argus_server.app import ArgusServer
from argus_server.bench import kept
from argus_server.bench.server import ServerProcess
from argus_server.settings import ServerSettings

START_MS: Final = 1_700_006_400_000
_HOUR_MS: Final = 3_600_000
_WARM_UP_HOURS: Final = 24.0
_PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Day:
    """What a fleet sends, and when the server looks at it.

    Attributes:
        servers: Servers of the fleet; each fails twice a day on average.
        hours: How long, after 24 hours to warm up.
        cadence_seconds: Time between two samples of a server.
        tick_seconds: Time between two forecasts, by the clock of the data.
        model: Artifact to run; the shipped one if not given.
        seed: Of the fleet.
    """

    servers: int
    hours: float
    cadence_seconds: int = 60
    tick_seconds: int = 300
    model: Path | None = None
    seed: int = 0

    def parts(self) -> Iterator[Samples]:
        """What comes before each tick; before the first one also what the fleet needs to be warm."""
        simulator = FleetSimulator(
            self.servers, self.seed, incidents_per_server_day=2.0, look_alike_share=0.1
        )
        past = [simulator.backfill(START_MS - 1, _WARM_UP_HOURS)]
        end_ms = START_MS + round(self.hours * _HOUR_MS)
        for tick_ms in range(START_MS, end_ms, 1000 * self.tick_seconds):
            times = range(tick_ms, tick_ms + 1000 * self.tick_seconds, 1000 * self.cadence_seconds)
            yield Samples.concat([*past, *(simulator.sample(now_ms) for now_ms in times)])
            past = []


class _Life(Protocol):
    """A server from its start to its end."""

    async def take(self, samples: Samples) -> None:
        """Sends it samples; returns when they are acknowledged."""
        ...

    async def tick(self) -> None:
        """Forecasts and judges what has come."""
        ...

    async def end(self) -> None:
        """Ends it."""
        ...


class _Source:
    """The one source of a server.

    Args:
        address: Where the server listens.
    """

    def __init__(self, address: str) -> None:
        self.client = AsyncArgusClient(address)
        self._publisher = self.client.publisher("bench", config=PublisherConfig(batch_rows=5_000))

    async def take(self, samples: Samples) -> None:
        await self._publisher.publish(samples, timeout=_PATIENCE_SECONDS)
        await self._publisher.flush(_PATIENCE_SECONDS, strict=True)


class _Stopped(_Source):
    """A server that is stopped as one should be."""

    def __init__(self, server: ArgusServer, address: str) -> None:
        super().__init__(address)
        self._server = server

    @classmethod
    async def begin(cls, day: Day, root: Path) -> _Stopped:
        server = ArgusServer(ServerSettings.load(_settings(day, root)))
        addresses = await server.start()
        return cls(server, addresses.grpc)

    async def tick(self) -> None:
        await self._server.engine.tick()

    async def end(self) -> None:
        await self.client.close()
        await self._server.drain()
        del self._server
        gc.collect()  # its windows: hundreds of megabytes that nothing else in this process would make room for


class _Killed(_Source):
    """A server that is killed, in a process of its own."""

    def __init__(self, day: Day, root: Path) -> None:
        flags = [
            part
            for name, value in _settings(day, root).items()
            if value is not None
            for part in (f"--{name.replace('_', '-')}", str(value))
        ]
        self._server = ServerProcess(*flags, "--log-level", "warning")
        super().__init__(self._server.listen)

    async def tick(self) -> None:
        # Ticks by themselves are an hour apart: this one is made because somebody asks.
        await self.client.get_snapshot(view="summary", timeout=_PATIENCE_SECONDS)

    async def end(self) -> None:
        self._server.end(signal.SIGKILL)
        await self.client.close()


async def run(
    day: Day,
    restart_minutes: float = 30.0,
    kill_every: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> dict[str, Any]:
    """Lives a day twice, and compares what is in the data directories afterwards.

    Args:
        day: What happens.
        restart_minutes: Time from one restart to the next, by the clock of the data. Every other one comes between the
            samples and the tick that would have looked at them.
        kill_every: Each life of this number ends with SIGKILL; 0 for none.
        on_progress: Told the share that is done.

    Returns:
        How much there was of everything, and how much of it differs; see `kept.compare`.
    """
    every = round(60 * restart_minutes / day.tick_seconds)
    with TemporaryDirectory() as name:
        whole, parted = Path(name) / "whole", Path(name) / "parted"
        began = time.monotonic()
        await live(day, whole, on_progress=lambda share: on_progress(share / 2))
        restarts, kills = await live(
            day, parted, every, kill_every, lambda share: on_progress(0.5 + share / 2)
        )
        verdict = kept.compare(whole, parted)
    return {
        "servers": day.servers,
        "hours": day.hours,
        "restarts": restarts,
        "kills": kills,
        "seconds": time.monotonic() - began,
        **verdict,
    }


async def live(
    day: Day,
    root: Path,
    every: int = 0,
    kill_every: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> tuple[int, int]:
    """Lives a day on a data directory.

    Args:
        day: What happens.
        root: The directory.
        every: Ticks from one restart to the next; 0 for none.
        kill_every: Each life of this number ends with SIGKILL; 0 for none.
        on_progress: Told the share that is done.

    Returns:
        How often the server was started again, and how often it had been killed.
    """
    ticks = round(day.hours * 3600 / day.tick_seconds)
    restarts = kills = 0
    life: _Life = await _Stopped.begin(day, root)
    for number, samples in enumerate(day.parts()):
        await life.take(samples)
        due = every and number and number % every == 0
        if not due or restarts % 2:
            await life.tick()
        if due:
            kills += isinstance(life, _Killed)
            await life.end()
            restarts += 1
            doomed = kill_every and restarts % kill_every == 0
            life = _Killed(day, root) if doomed else await _Stopped.begin(day, root)
        on_progress((number + 1) / ticks)
    await life.end()
    return restarts, kills


def _settings(day: Day, root: Path) -> dict[str, Any]:
    return {
        "listen": "127.0.0.1:0",
        "metrics_listen": "",
        "clock": "event",
        "tick_seconds": 3600.0,
        "data_dir": root,
        "model": day.model,
    }
