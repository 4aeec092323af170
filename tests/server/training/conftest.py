"""A small fleet on disk, in contract columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from argus_server.metrics import METRICS
from argus_server.risk.calibration import Calibrator, HorizonMap
from argus_server.training import fit

START_MS = 1_767_225_600_000
STEP_MS = 300_000
MILD = Calibrator((HorizonMap(30.0, -1.0, 0.5), HorizonMap(480.0, -0.5, 0.8)))


@pytest.fixture(autouse=True)
def single_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process ahead either: most fits here are over before one has started."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(fit, "_spare_cores", lambda profile: 0)
    yield
    torch.set_num_threads(threads)


def fleet_table(servers: int = 3, steps: int = 1200, *, split_at: int | None = None) -> pa.Table:
    """Servers with a daily cycle of CPU and its idle mirror; network is measured, the rest is null."""
    rng = np.random.default_rng(11)
    step = np.tile(np.arange(steps), servers)
    cpu = 40.0 + 25.0 * np.sin(2.0 * np.pi * step / 288) + rng.normal(0.0, 3.0, len(step))
    columns: dict[str, object] = {
        "timestamp": pa.array(START_MS + step * STEP_MS, pa.timestamp("ms", tz="UTC")),
        "server_name": np.repeat([f"ppweb{index:03d}" for index in range(servers)], steps),
        "state": np.repeat("healthy", len(step)),
    }
    for name in METRICS:
        columns[name] = pa.nulls(len(step), pa.float32())
    columns["cpu_user_pct"] = cpu.astype(np.float32)
    columns["cpu_idle_pct"] = (100.0 - cpu).astype(np.float32)
    columns["net_in_mb_s"] = rng.gamma(2.0, 3.0, len(step)).astype(np.float32)
    if split_at is not None:
        columns["split"] = np.where(step < split_at, "train", "test")
    return pa.table(columns)


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.parquet"
    pq.write_table(fleet_table(split_at=700), path)
    return path
