"""How a store behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from argus_server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What a store can be told.

    Attributes:
        durability: When an append counts as durable: "os", once the kernel has it, which a killed process survives; or
            "fsync", once the disk has it, which a power cut survives too.
        segment_bytes: A segment is closed when it is this long,
        segment_seconds: or this old; then it becomes Parquet.
        queue_bytes: Rows that may wait to be written; beyond it no more are taken.
        frame_bytes: Rows written as one frame at most, about.
        linger_seconds: How long the first of a group of rows waits for others to be written with it.
        retry_seconds: How long to wait before a failed write is tried again.
        checkpoint_seconds: A checkpoint is written this often,
        checkpoint_log_bytes: or after this many bytes of log.
        keep_days: Days that rows are kept; None for ever.
        keep_bytes: Bytes of Parquet a table may take, the oldest day goes first; None for any number.
    """

    durability: Literal["os", "fsync"] = "os"
    segment_bytes: int = 64 << 20
    segment_seconds: float = 600.0
    queue_bytes: int = 256 << 20
    frame_bytes: int = 4 << 20
    linger_seconds: float = 0.005
    retry_seconds: float = 0.5
    checkpoint_seconds: float = 300.0
    checkpoint_log_bytes: int = 256 << 20
    keep_days: float | None = 35.0
    keep_bytes: int | None = None

    @classmethod
    def of(cls, settings: ServerSettings) -> Self:
        """What the settings of a server say."""
        return cls(
            durability=settings.durability,
            segment_bytes=settings.segment_bytes,
            segment_seconds=60 * settings.segment_minutes,
            checkpoint_seconds=60 * settings.checkpoint_minutes,
            keep_days=settings.history_days,
            keep_bytes=settings.history_max_bytes,
        )
