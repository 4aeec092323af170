"""How many rows per second the adapter core brings from documents into a server, and whether kills cost it any."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa

from argus_client.adapters.core.config import AdapterConfig, ServerConfig
from argus_client.adapters.core.cursor import StateFile
from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.runner import Runner, RunOptions
from argus_client.adapters.pull import Cursor, Page
from argus_client.samples import METRICS
from argus_server.bench import fleet
from argus_server.bench.durability import killed_server
from argus_server.bench.process import resident_mb
from argus_server.bench.server import ServerProcess
from argus_server.store.store import Store

_CADENCE_MS: Final = 5_000
_DEADLINE_SECONDS: Final = 600.0
_FILES: Final = 4
_PAGE_ROWS: Final = 250
_MAPPING: Final = {"timestamp": "@timestamp", "server_name": ["server_name", "host.name"], "state": "status"}


class DocumentSource:
    """Documents that are in memory already: what an adapter costs without the system it reads.

    The documents of a page are those of the one before, with other times: nothing else of a page is new to whoever
    maps it, and nothing grows.

    Args:
        rows: Documents in all.
        servers: Servers they are about.

    Attributes:
        seconds: Time spent in making pages.
        resident: Memory of this process at every page, MB.
    """

    def __init__(self, rows: int, servers: int) -> None:
        self.seconds = 0.0
        self.resident: list[float] = []
        self._rows = rows
        self._servers = servers
        self._documents: list[dict[str, Any]] = []

    def begin(self, since_ms: int) -> Cursor:
        """The first document."""
        return {"at": 0}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """The next documents."""
        began = time.perf_counter()
        at = int(str(cursor["at"]))
        rows = min(limit, self._rows - at)
        while len(self._documents) < rows:
            self._documents.append(_document(len(self._documents), self._servers))
        for row, document in enumerate(self._documents[:rows], at):
            document["@timestamp"] = fleet.START_MS + row // self._servers * _CADENCE_MS
        self.resident.append(resident_mb())
        self.seconds += time.perf_counter() - began
        return Page(Documents(self._documents[:rows]), {"at": at + rows}, is_last=at + rows >= self._rows)

    async def close(self) -> None:
        """There is nothing to let go of."""


def _document(row: int, servers: int) -> dict[str, Any]:
    values = np.random.default_rng(row).uniform(0, 90, len(METRICS)).round(2).tolist()
    return {
        "@timestamp": 0,
        "host": {"name": f"host-{row % servers:05d}"},
        "status": "OK",
        "message": "not mapped",
        **dict(zip(METRICS, values, strict=True)),
    }


def throughput(rows: int = 1_000_000, servers: int = 1_000, page_rows: int = 10_000) -> dict[str, Any]:
    """Documents in memory through mapping, overlap, publisher and a server with a data directory.

    Returns:
        `rows_per_second`: with the time to make the documents taken off; `rows_per_second_in_all`: with it.
        `resident_mb_early`, `resident_mb_late`: memory of the adapter after a fifth of the pages, and at the end.
    """
    with TemporaryDirectory() as name:
        directory = Path(name)
        server = ServerProcess(
            *("--listen", "127.0.0.1:0", "--metrics-listen", "", "--clock", "event", "--model", "none"),
            *("--data-dir", str(directory / "data"), "--log-level", "warning", "--tick-seconds", "60"),
        )
        try:
            source = DocumentSource(rows, servers)
            config = AdapterConfig(
                "bench",
                page_rows=page_rows,
                server=ServerConfig(server.listen),
                mapping=MappingConfig.from_table(_MAPPING),
            )
            with StateFile(directory / "state", "bench", "bench") as state:
                runner = Runner(config, source, state, asyncio.Event(), RunOptions(once=True, since="all"))
                began = time.perf_counter()
                asyncio.run(runner.run())
                seconds = time.perf_counter() - began
        finally:
            server.end(signal.SIGTERM)
    tally = runner.tally
    pages = len(source.resident)
    return {
        "rows": rows,
        "servers": servers,
        "page_rows": page_rows,
        "rows_accepted": tally.accepted,
        "rows_per_second": rows / (seconds - source.seconds),
        "rows_per_second_in_all": rows / seconds,
        "resident_mb_early": source.resident[min(pages - 1, pages // 5)],
        "resident_mb_late": source.resident[-1],
    }


@dataclass(frozen=True, slots=True)
class KillPlan:
    """What is done to an adapter and its server during a back-fill.

    Attributes:
        rows: Rows of the source.
        servers: Servers they are of.
        adapter_kills: How often the adapter is killed, and started again.
        server_kills: How often the server is.
        seed: Of the rows, and of the moments.
    """

    rows: int = 100_000
    servers: int = 50
    adapter_kills: int = 20
    server_kills: int = 5
    seed: int = 0


def kills(plan: KillPlan, on_progress: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
    """Back-fills files through an adapter and a server that are killed with SIGKILL, spread over the back-fill.

    Returns:
        `lost`, `doubled`, `changed`: rows of the source that the server's store lacks, has more than once, or has with
        other values; `foreign`: rows it has and the source has not. `equal`: none of them.

    Raises:
        RuntimeError: the back-fill has not ended in time; the message has what the adapter said.
    """
    with TemporaryDirectory() as name:
        directory = Path(name)
        expected = _write_source(directory, plan)
        killer = _Killer(directory, plan)
        try:
            killer.run(on_progress)
        finally:
            killer.end()
        verdict = _compare(directory / "data", expected)
    return {
        "rows": plan.rows,
        "adapter_kills": killer.adapter_kills,
        "server_kills": killer.server_kills,
        **verdict,
        "equal": not any(verdict.values()),
    }


class _Killer:
    """An adapter and a server, and what is done to them."""

    def __init__(self, directory: Path, plan: KillPlan) -> None:
        self.adapter_kills = self.server_kills = 0
        self._directory = directory
        self._plan = plan
        self._rng = np.random.default_rng(plan.seed)
        self._total = sum(path.stat().st_size for path in directory.glob("*.jsonl"))
        self._server = killed_server(directory / "data", "127.0.0.1:0", "os")
        self._config = directory / "adapter.toml"
        self._config.write_text(
            f'[adapter]\nname = "kills"\nsince = "all"\ninterval_seconds = 0.1\npage_rows = {_PAGE_ROWS}\n'
            f'state_dir = "state"\n[argus]\ntarget = "{self._server.listen}"\n[source]\npaths = ["*.jsonl"]\n'
        )
        self._log = (directory / "adapter.log").open("ab")
        self._adapter = self._start()

    def run(self, on_progress: Callable[[float], None]) -> None:
        """Kills each as often as planned, evenly over the back-fill, then waits for its end."""
        plan = self._plan
        moments = [(k + 1) / (plan.adapter_kills + 1) for k in range(plan.adapter_kills)]
        server_moments = [(k + 0.5) / (plan.server_kills + 1) for k in range(plan.server_kills)]
        for moment, kill in sorted(
            [(at, self._kill_adapter) for at in moments] + [(at, self._kill_server) for at in server_moments],
            key=lambda planned: planned[0],
        ):
            self._wait_for(moment)
            # Not only just after a cursor was kept.
            time.sleep(self._rng.uniform(0.0, 0.02))
            if self._share() < 1.0:
                kill()
            on_progress(moment)
        self._wait_for(1.0)

    def end(self) -> None:
        """Ends both, as roughly."""
        self._adapter.kill()
        self._adapter.wait()
        self._log.close()
        if self._server.process.poll() is None:
            self._server.end(signal.SIGKILL)

    def _kill_adapter(self) -> None:
        self._adapter.kill()
        self._adapter.wait()
        self.adapter_kills += 1
        self._adapter = self._start()

    def _kill_server(self) -> None:
        self._server.end(signal.SIGKILL)
        self.server_kills += 1
        self._server = killed_server(self._directory / "data", self._server.listen, "os")

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "argus_client.cli", "adapter", "run", "files", "--config"]
        return subprocess.Popen([*command, str(self._config)], stderr=self._log, stdin=subprocess.DEVNULL)

    def _share(self) -> float:
        """Share of the source that the kept cursor lies behind."""
        try:
            state = json.loads((self._directory / "state" / "kills.json").read_text())
        except FileNotFoundError:
            return 0.0
        return float(sum(file["offset"] for file in state["cursor"]["files"]) / self._total)

    def _wait_for(self, share: float) -> None:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while self._share() < share:
            if self._adapter.poll() is not None or time.monotonic() > deadline:
                said = (self._directory / "adapter.log").read_text()[-2000:]
                raise RuntimeError(f"the back-fill stands at {self._share():.0%}; the adapter said: {said}")
            time.sleep(0.002)


def _write_source(directory: Path, plan: KillPlan) -> pa.Table:
    """JSON lines in a few files, one time span each; returns what they hold."""
    rng = np.random.default_rng(plan.seed)
    values = rng.uniform(0, 100, (plan.rows, len(METRICS))).astype(np.float32)
    names = [f"host-{row % plan.servers:04d}" for row in range(plan.rows)]
    times = fleet.START_MS + np.arange(plan.rows) // plan.servers * _CADENCE_MS
    per_file = -(-plan.rows // _FILES)
    for number in range(_FILES):
        with (directory / f"{number}.jsonl").open("w") as file:
            for row in range(number * per_file, min((number + 1) * per_file, plan.rows)):
                metrics = dict(zip(METRICS, values[row].tolist(), strict=True))
                document = {"timestamp": int(times[row]), "server_name": names[row], **metrics}
                file.write(json.dumps(document) + "\n")
    columns = {metric: values[:, index] for index, metric in enumerate(METRICS)}
    return pa.table({"server_name": names, "timestamp": times, **columns})


def _compare(data: Path, expected: pa.Table) -> dict[str, int]:
    """What the store holds against what the source held."""
    keys = ["server_name", "timestamp"]
    store = Store(data)
    try:
        batches = list(store.read("metrics", 0, 1 << 45, columns=[*keys, *METRICS]))
    finally:
        store.close()
    if not batches:
        return {"lost": len(expected), "doubled": 0, "changed": 0, "foreign": 0}
    stored = pa.Table.from_batches(batches)
    stored = stored.set_column(
        stored.schema.get_field_index("timestamp"), "timestamp", stored["timestamp"].cast(pa.int64())
    )
    wanted = dict(zip(_keys(expected), _rows(expected), strict=True))
    lost, doubled, changed, foreign = set(wanted), 0, 0, 0
    for key, row in zip(_keys(stored), _rows(stored), strict=True):
        if key not in wanted:
            foreign += 1
            continue
        doubled += key not in lost
        changed += wanted[key] != row
        lost.discard(key)
    return {"lost": len(lost), "doubled": doubled, "changed": changed, "foreign": foreign}


def _keys(table: pa.Table) -> list[tuple[str, int]]:
    return list(zip(table["server_name"].to_pylist(), table["timestamp"].to_pylist(), strict=True))


def _rows(table: pa.Table) -> list[bytes]:
    matrix = np.stack([table[metric].to_numpy() for metric in METRICS], axis=1).astype(np.float32)
    return [row.tobytes() for row in matrix]
