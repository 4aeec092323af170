"""A segment that was cut or changed anywhere gives back every frame that is whole, and never one that is not."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.store.errors import DamagedFile
from argus_server.store.frames import Damage, Frame, encode_frame, encode_header, read_header, scan
from argus_server.store.samples import SampleRows, columns_of
from argus_server.store.segment import inspect, segment_path
from argus_server.store.tables import METRICS_SCHEMA, bounds_ms
from tests.server.store.rows import START_MS, samples


def segment(frames: int) -> tuple[bytes, list[int]]:
    """A segment of frames of growing size, and where each ends."""
    data = bytearray(encode_header(METRICS_SCHEMA))
    ends = []
    for number in range(frames):
        rows = number % 4
        batch = SampleRows.combined([samples(["a"] * rows, [START_MS + row for row in range(rows)], number)])
        for part in encode_frame(number, batch, bounds_ms(batch), {"s": number}):
            data += part
        ends.append(len(data))
    return bytes(data), ends


SEGMENT, ENDS = segment(6)
START = read_header(io.BytesIO(SEGMENT))[1]


def found(data: bytes) -> tuple[list[Frame], list[Damage]]:
    everything = list(scan(io.BytesIO(data), START))
    frames = [one for one in everything if isinstance(one, Frame)]
    return frames, [one for one in everything if isinstance(one, Damage)]


def test_frames_come_back_as_they_were_written() -> None:
    schema, start = read_header(io.BytesIO(SEGMENT))
    frames, damage = found(SEGMENT)
    assert (schema, start, damage) == (METRICS_SCHEMA, START, [])
    assert [(frame.sequence, frame.rows, frame.marks) for frame in frames] == [
        (number, number % 4, {"s": number}) for number in range(6)
    ]
    batch = frames[3].batch(schema)
    columns = columns_of(batch)
    assert (frames[3].min_ms, frames[3].max_ms) == (START_MS, START_MS + 2)
    assert columns.server_names == ["a"] * 3
    assert columns.timestamp_ms.tolist() == [START_MS, START_MS + 1, START_MS + 2]
    assert (columns.metrics == 3).all()
    assert (columns.states == 2).all()


@settings(deadline=None, max_examples=200)
@given(st.integers(START, len(SEGMENT)))
def test_a_cut_costs_the_frame_it_goes_through_and_no_other(cut: int) -> None:
    frames, damage = found(SEGMENT[:cut])
    whole = [end for end in ENDS if end <= cut]
    assert [frame.offset + frame.size for frame in frames] == whole
    torn = cut - (whole[-1] if whole else START)
    assert [(one.size, one.at_end) for one in damage] == ([(torn, True)] if torn else [])


@settings(deadline=None, max_examples=300)
@given(st.integers(START, len(SEGMENT) - 1), st.integers(1, 255))
def test_a_changed_byte_costs_its_frame_and_no_other(place: int, change: int) -> None:
    data = bytearray(SEGMENT)
    data[place] ^= change
    hit = next(number for number, end in enumerate(ENDS) if place < end)
    frames, damage = found(bytes(data))
    assert [frame.sequence for frame in frames] == [number for number in range(6) if number != hit]
    (lost,) = damage
    begin = ENDS[hit - 1] if hit else START
    assert (lost.offset, lost.offset + lost.size) == (begin, ENDS[hit])
    assert lost.at_end == (hit == 5)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, START - 1), st.integers(1, 255))
def test_a_damaged_header_is_noticed_and_costs_no_row(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int
) -> None:
    data = bytearray(SEGMENT)
    data[place] ^= change
    with pytest.raises(DamagedFile):
        read_header(io.BytesIO(bytes(data)))
    path = segment_path(tmp_path_factory.mktemp("log"), 0)
    path.write_bytes(data)
    seen = inspect(path, METRICS_SCHEMA)
    assert (seen.segment.next, seen.segment.rows, seen.torn_bytes) == (6, 0 + 1 + 2 + 3 + 0 + 1, 0)
    assert len(seen.damaged) == 1


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400))
def test_any_bytes_can_be_scanned(data: bytes) -> None:
    for one in scan(io.BytesIO(SEGMENT[:START] + data), START):
        assert isinstance(one, Damage)


def test_rows_of_an_older_version_get_the_columns_of_today(tmp_path: Path) -> None:
    from argus_server.store.tables import Table

    table = Table("t", pa.schema([METRICS_SCHEMA.field("timestamp"), pa.field("new", pa.float32())]))
    old = pa.record_batch(
        [pa.array([START_MS], table.schema.field(0).type), pa.array(["x"])], names=["timestamp", "gone"]
    )
    got = table.conform(old)
    assert got.schema.names == ["timestamp", "new"]
    assert got.column("new").to_pylist() == [None]
