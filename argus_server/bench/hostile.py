"""Messages nobody should send, made from a seed: from noise to batches that are nearly right."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from argus.v1 import ingest_pb2, metrics_pb2
from argus_server.metrics import METRICS

_NUMBERS: Final = (
    *(float("nan"), float("inf"), float("-inf"), -0.0, -1.0, 100.0001, 1e-45, 3.4e38, 1e9),
    *(0.0, 1.0, 50.0, 99.9, 100.0),
)
_TIMES: Final = (0, 1, -1, 1 << 62, -(1 << 62), (1 << 63) - 1, -(1 << 63), 253_402_300_800_000)
_NAMES: Final = (
    "",
    " ",
    "\x00",
    "a\nb",
    "\u202egnp.exe",
    "=cmd()",
    "<script>alert(1)</script>",
    '"} 1\nup 0',
    "../../etc/passwd",
    "%s%n",
    "caf\u00e9",
    "\U0001f600",
    "x" * 254,
    "y" * 100_000,
)
_STATES: Final[list[Any]] = metrics_pb2.ServerState.values()
_LARGEST_VARINT: Final = b"\xff" * 9 + b"\x01"
_ENDLESS_VARINT: Final = b"\xff" * 64


class HostileMessages:
    """An endless supply, the same for the same seed.

    Args:
        seed: Makes the run repeatable.
        now_ms: The server's time, so that some rows are in it.
        prefix: Starts every valid server name, so that no row is of a server that must not change.

    Attributes:
        sequence: What most batches are numbered: set it to what the server waits for, or few get any further.
    """

    def __init__(self, seed: int, now_ms: int, prefix: str = "hostile") -> None:
        self.sequence = 1
        self._random = random.Random(seed)
        self._now_ms = now_ms
        self._prefix = prefix
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self._noise,
            self._varints,
            self._nested,
            self._hello,
            self._right_batch,
            self._strange_batch,
            self._strange_batch,
            self._strange_batch,
            self._strange_batch,
            self._mutated,
            self._mutated,
            self._mutated,
            self._spliced,
        )

    def next(self) -> bytes:
        """The next message."""
        # Now and then a large one; most are small, so that many kinds of wrong are tried.
        if self._random.random() < 0.0005:
            return self._large()
        return self._random.choice(self._kinds)()

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.choice((0, 1, 2, 7, 30, 200, 2000)))

    def _varints(self) -> bytes:
        """Tags, lengths and numbers at the ends of what can be written, and beyond."""
        draw = self._random
        parts = (_LARGEST_VARINT, _ENDLESS_VARINT, b"\x00", b"\x0a", b"\x12", b"\x08", b"\x80", b"\x7f")
        return b"".join(draw.choice(parts) for _ in range(draw.randint(1, 8))) + draw.randbytes(4)

    def _nested(self) -> bytes:
        """A message in a message in a message; or groups that are opened and never closed."""
        depth = self._random.choice((2, 50, 99, 101, 500))
        if self._random.random() < 0.5:
            return b"\x1b" * depth + b"\x1c" * self._random.choice((0, depth))
        data = b"\x08\x01"
        for _ in range(depth):
            data = b"\x12" + _varint(len(data)) + data
        return data

    def _hello(self) -> bytes:
        draw = self._random
        names = (f"source-{draw.randint(0, 200_000)}", "", "a b", "\x7f", "n" * 300, "\u202e", "z" * 10_000)
        message = ingest_pb2.StreamMetricsRequest(
            hello=ingest_pb2.Hello(
                source_id=draw.choice(names),
                client_name=draw.choice(_NAMES),
                client_version="v" * draw.randint(0, 100),
            )
        )
        return message.SerializeToString()

    def _batch(self) -> ingest_pb2.StreamMetricsRequest:
        """A batch that is right."""
        draw = self._random
        rows = draw.choice((1, 1, 2, 5))
        metrics = metrics_pb2.MetricBatch(
            timestamp=[self._now_ms - 1000 * draw.randint(0, 300_000) for _ in range(rows)],
            server_name=[f"{self._prefix}-{draw.randint(0, 5000)}" for _ in range(rows)],
            state=draw.choices(_STATES, k=rows),
        )
        for name in METRICS:
            getattr(metrics, name).extend(draw.random() * 100 for _ in range(rows))
        sequence = self.sequence
        if draw.random() < 0.1:
            sequence = draw.choice((draw.randint(1, 1000), 1, 0, (1 << 64) - 1))
        return ingest_pb2.StreamMetricsRequest(
            batch=ingest_pb2.SequencedBatch(sequence=sequence, metrics=metrics)
        )

    def _right_batch(self) -> bytes:
        return self._batch().SerializeToString()

    def _strange_batch(self) -> bytes:
        """A batch that can be read, with values and lengths that should not be."""
        draw = self._random
        message = self._batch()
        metrics = message.batch.metrics
        rows = len(metrics.timestamp)
        for _ in range(draw.randint(1, 4)):
            row = draw.randrange(rows)
            match draw.randrange(5):
                case 0:
                    getattr(metrics, draw.choice(METRICS))[:] = [draw.choice(_NUMBERS)] * rows
                case 1:
                    metrics.timestamp[row] = draw.choice(_TIMES)
                case 2:
                    metrics.server_name[row] = draw.choice(_NAMES)
                case 3:
                    states: Any = metrics.state  # the stubs know only numbers that have a name
                    states[row] = draw.choice((9, -1, (1 << 31) - 1, -(1 << 31)))
                case 4:
                    column = getattr(metrics, draw.choice(METRICS))
                    column[:] = [1.0] * draw.choice((0, rows - 1, rows + 1, 40))
        return message.SerializeToString()

    def _mutated(self) -> bytes:
        """A right batch with some bytes changed, lost or repeated."""
        draw = self._random
        data = bytearray(self._batch().SerializeToString())
        for _ in range(draw.choice((1, 1, 1, 2, 8))):
            at = draw.randrange(len(data))
            match draw.randrange(4):
                case 0:
                    data[at] ^= 1 << draw.randrange(8)
                case 1:
                    data[at] = draw.randrange(256)
                case 2:
                    del data[at : at + draw.randint(1, 9)]
                case 3:
                    data[at:at] = data[at : at + draw.randint(1, 9)]
            if not data:
                break
        return bytes(data)

    def _spliced(self) -> bytes:
        """The start of one batch and the end of another; protobuf merges what it can."""
        one, other = self._batch().SerializeToString(), self._batch().SerializeToString()
        return one[: self._random.randrange(len(one))] + other[self._random.randrange(len(other)) :]

    def _large(self) -> bytes:
        """Larger than allowed, or as many rows or names as fit."""
        draw = self._random
        match draw.randrange(3):
            case 0:
                return draw.randbytes(16) + bytes(draw.choice((4 << 20, 5 << 20)))
            case 1:
                rows = draw.choice((9_999, 10_001, 50_000))
                metrics = metrics_pb2.MetricBatch(
                    timestamp=[self._now_ms] * rows, server_name=[f"{self._prefix}-many"] * rows
                )
            case _:
                metrics = metrics_pb2.MetricBatch(
                    timestamp=[self._now_ms] * 30, server_name=[draw.choice(_NAMES) * 3 for _ in range(30)]
                )
        return ingest_pb2.StreamMetricsRequest(
            batch=ingest_pb2.SequencedBatch(sequence=draw.randint(1, 100), metrics=metrics)
        ).SerializeToString()


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
