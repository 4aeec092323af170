"""Frames: how rows lie in a segment.

    segment = header, frame, frame, ...          everything little-endian, every part padded to 8 bytes
    header  = magic, crc32, length of the schema; schema (Arrow IPC)
    frame   = magic, crc32, length of marks, rows, length of the batch, sequence, least and greatest timestamp;
              marks (JSON object of source to sequence); record batch (Arrow IPC message)

The checksum of a frame covers all of it but magic and checksum themselves. Because frames begin on multiples of 8 with
a magic of their own, reading can go on behind a damaged one: `scan` finds the next place where both are right.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

import pyarrow as pa

from argus_server.store.errors import DamagedFile

HEADER_MAGIC: Final = b"ARGUSSG1"
FRAME_MAGIC: Final = b"AGF1"

_HEADER: Final = struct.Struct("<8sII")
_FRAME: Final = struct.Struct("<4sIIIQQqq")
_ALIGNMENT: Final = 8

MAX_FRAME_BYTES: Final = 256 << 20
"""No frame is longer; a length beyond it is damage, and is not read into memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A sound frame of a segment.

    Attributes:
        offset: Where it begins in the file.
        size: Bytes it takes.
        sequence: Its number in the table, without gaps.
        rows: Rows of the batch.
        min_ms: Least timestamp, Unix milliseconds UTC.
        max_ms: Greatest.
        marks: Sequences of sources that are committed with it.
        body: The record batch, encoded.
    """

    offset: int
    size: int
    sequence: int
    rows: int
    min_ms: int
    max_ms: int
    marks: dict[str, int]
    body: bytes

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """Its rows, without a copy.

        Args:
            schema: That of its segment.
        """
        return pa.ipc.read_record_batch(pa.py_buffer(self.body), schema)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are no frame.

    Attributes:
        offset: Where they begin.
        size: How many.
        at_end: Whether no sound frame follows.
    """

    offset: int
    size: int
    at_end: bool


def encode_header(schema: pa.Schema) -> bytes:
    """The beginning of a segment."""
    body = _padded(schema.serialize().to_pybytes(), b"\0")
    return _HEADER.pack(HEADER_MAGIC, zlib.crc32(body), len(body)) + body


def encode_frame(
    sequence: int, batch: pa.RecordBatch, bounds_ms: tuple[int, int], marks: Mapping[str, int]
) -> list[bytes | memoryview]:
    """A frame in parts, to be written one after the other.

    Args:
        sequence: Its number.
        batch: Its rows; may have none, if there are marks.
        bounds_ms: Least and greatest timestamp of the rows.
        marks: Sequences that are committed with it.
    """
    body = memoryview(batch.serialize())
    padding = bytes(-len(body) % _ALIGNMENT)
    notes = _padded(json.dumps(dict(marks), separators=(",", ":")).encode(), b" ")
    fields = (len(notes), batch.num_rows, len(body) + len(padding), sequence, *bounds_ms)
    unsealed = _FRAME.pack(FRAME_MAGIC, 0, *fields)
    checksum = zlib.crc32(padding, zlib.crc32(body, zlib.crc32(notes, zlib.crc32(unsealed[8:]))))
    return [_FRAME.pack(FRAME_MAGIC, checksum, *fields), notes, body, padding]


def read_header(file: BinaryIO) -> tuple[pa.Schema, int]:
    """Schema of a segment, and where its frames begin.

    Raises:
        DamagedFile: It does not begin as a segment does.
    """
    file.seek(0)
    head = file.read(_HEADER.size)
    if len(head) == _HEADER.size:
        magic, checksum, length = _HEADER.unpack(head)
        if magic == HEADER_MAGIC and length <= MAX_FRAME_BYTES:
            body = file.read(length)
            if len(body) == length and zlib.crc32(body) == checksum:
                return pa.ipc.read_schema(pa.py_buffer(body)), _HEADER.size + length
    raise DamagedFile("it does not begin with a segment's header")


def scan(file: BinaryIO, start: int, end: int | None = None) -> Iterator[Frame | Damage]:
    """Frames between two places of a segment, and what lies between them that is none.

    Args:
        file: The segment.
        start: Where a frame begins; a multiple of 8, whether or not one does.
        end: Where to stop; the end of the file if not given.
    """
    if end is None:
        end = file.seek(0, os.SEEK_END)
    offset = start
    while offset < end:
        if (frame := _frame_at(file, offset, end)) is not None:
            yield frame
            offset += frame.size
            continue
        following = _resume(file, offset + _ALIGNMENT, end)
        yield Damage(offset, (following if following is not None else end) - offset, following is None)
        if following is None:
            return
        offset = following


def _frame_at(file: BinaryIO, offset: int, end: int) -> Frame | None:
    file.seek(offset)
    head = file.read(_FRAME.size)
    if len(head) < _FRAME.size or head[:4] != FRAME_MAGIC:
        return None
    _, checksum, noted, rows, length, sequence, min_ms, max_ms = _FRAME.unpack(head)
    size = _FRAME.size + noted + length
    if size > MAX_FRAME_BYTES or offset + size > end:
        return None
    rest = file.read(noted + length)
    if len(rest) < noted + length or zlib.crc32(rest, zlib.crc32(head[8:])) != checksum:
        return None
    marks = json.loads(rest[:noted])
    return Frame(offset, size, sequence, rows, min_ms, max_ms, marks, rest[noted:])


def _resume(file: BinaryIO, offset: int, end: int) -> int | None:
    """The next place where a sound frame begins."""
    file.seek(offset)
    data = file.read(end - offset)
    found = data.find(FRAME_MAGIC)
    while found >= 0:
        if found % _ALIGNMENT == 0 and _frame_at(file, offset + found, end) is not None:
            return offset + found
        found = data.find(FRAME_MAGIC, found + 1)
    return None


def _padded(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % _ALIGNMENT)
