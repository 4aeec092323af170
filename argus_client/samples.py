"""`Samples`: contract rows as columns, the one value every source yields and every publisher takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

METRICS: Final[tuple[str, ...]] = (
    "cpu_user_pct",
    "cpu_sys_pct",
    "cpu_iowait_pct",
    "cpu_idle_pct",
    "java_cpu_pct",
    "mem_used_pct",
    "swap_used_pct",
    "disk_usage_pct",
    "net_in_mb_s",
    "net_out_mb_s",
    "back_close_wait",
    "front_close_wait",
    "load_average",
    "uptime_days",
)
"""The 14 metrics in contract order: the columns of `Samples.metrics`."""

STATES: Final[tuple[str, ...]] = (
    "unspecified",
    "critical_issue",
    "healthy",
    "heavy_load",
    "idle",
    "maintenance",
    "morning_spike",
    "offline",
    "recovery",
)
"""State names at their enum number: `STATES[samples.state[i]]`. Number 0 lets the server derive the state."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Metric rows in columns.

    Attributes:
        timestamp_ms: [rows] int64, Unix milliseconds UTC.
        server_name: [rows] object array of `str`.
        state: [rows] int8, index into `STATES`.
        metrics: [rows, 14] float32 in `METRICS` order; NaN = not measured.

    Raises:
        ValueError: the columns differ in length, or one has another dtype or shape than stated.
    """

    timestamp_ms: NDArray[np.int64]
    server_name: NDArray[np.object_]
    state: NDArray[np.int8]
    metrics: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, dtype in (
            ("timestamp_ms", np.int64),
            ("server_name", np.object_),
            ("state", np.int8),
            ("metrics", np.float32),
        ):
            column = getattr(self, name)
            if column.dtype != dtype:
                raise ValueError(f"Samples.{name} has dtype {column.dtype}; it must be {np.dtype(dtype)}.")
        rows = len(self.timestamp_ms)
        shapes = {
            "timestamp_ms": (rows,),
            "server_name": (rows,),
            "state": (rows,),
            "metrics": (rows, len(METRICS)),
        }
        for name, expected in shapes.items():
            shape = getattr(self, name).shape
            if shape != expected:
                raise ValueError(
                    f"Samples.{name} has shape {shape}; with {rows} timestamps it must be {expected}."
                )

    def __len__(self) -> int:
        return len(self.timestamp_ms)

    def rows(self, start: int, stop: int) -> Samples:
        """Rows start (inclusive) to stop (exclusive), as views."""
        return Samples(
            self.timestamp_ms[start:stop],
            self.server_name[start:stop],
            self.state[start:stop],
            self.metrics[start:stop],
        )

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Samples:
        """The rows to keep, [rows] bool, or those at some positions, in that order; all of them as they are."""
        if keep.dtype == np.bool_ and keep.all():
            return self
        return Samples(self.timestamp_ms[keep], self.server_name[keep], self.state[keep], self.metrics[keep])

    @staticmethod
    def concat(parts: Sequence[Samples]) -> Samples:
        """All rows of `parts`, one part after another; no part gives no rows."""
        if not parts:
            return Samples.empty()
        return Samples(
            np.concatenate([part.timestamp_ms for part in parts]),
            np.concatenate([part.server_name for part in parts]),
            np.concatenate([part.state for part in parts]),
            np.concatenate([part.metrics for part in parts]),
        )

    @staticmethod
    def empty() -> Samples:
        """No rows."""
        return Samples(
            np.empty(0, np.int64),
            np.empty(0, np.object_),
            np.empty(0, np.int8),
            np.empty((0, len(METRICS)), np.float32),
        )
