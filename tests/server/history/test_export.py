"""Files that are exported: read back whole, and harmless to spreadsheets."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_server.history.export import MAX_CHUNK_BYTES, arrow_chunks, csv_chunks, defused

SCHEMA = pa.schema([("server_name", pa.string()), ("value", pa.float32()), ("count", pa.int32())])

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
rows = st.lists(
    st.tuples(st.none() | texts | texts.map(lambda text: "=" + text), st.floats(width=32), st.integers(-9, 9))
)


def batch(listed: list[tuple[str | None, float, int]]) -> pa.RecordBatch:
    columns = zip(*listed, strict=True) if listed else ((), (), ())
    return pa.record_batch(
        [pa.array(list(c), f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


@given(rows, rows)
def test_arrow_is_read_back_as_it_was(
    first: list[tuple[str | None, float, int]], second: list[tuple[str | None, float, int]]
) -> None:
    data = b"".join(arrow_chunks(SCHEMA, [batch(first), batch(second)]))
    found = pa.ipc.open_stream(data).read_all()
    assert str(found.to_pylist()) == str([*batch(first).to_pylist(), *batch(second).to_pylist()])


@given(rows)
def test_no_text_in_csv_is_a_formula_and_none_is_lost(listed: list[tuple[str | None, float, int]]) -> None:
    data = b"".join(csv_chunks(SCHEMA, [batch(listed)])).decode()
    found = list(csv.reader(io.StringIO(data, newline="")))
    assert found[0] == SCHEMA.names
    assert len(found) == len(listed) + 1
    for (text, _, count), cells in zip(listed, found[1:], strict=True):
        assert not cells[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert cells[0].removeprefix("'") == (text or "").removeprefix("'" if cells[0] == text else "")
        assert cells[2] == str(count)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "'"])
def test_what_begins_like_a_formula_gets_an_apostrophe(start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    assert defused(batch([(text, 0.0, 0)]))["server_name"].to_pylist() == ["'" + text]


def test_what_does_not_stays_as_it_is() -> None:
    for text in ("web-1", "a=b", "x\n=y", "", " =1"):
        assert defused(batch([(text, -1.0, -1)])).to_pylist() == batch([(text, -1.0, -1)]).to_pylist()


def test_chunks_are_full_and_no_larger_than_they_may_be() -> None:
    large = batch([(f"web-{number:050}", float(number), number) for number in range(60_000)])
    for chunks in (list(arrow_chunks(SCHEMA, [large])), list(csv_chunks(SCHEMA, [large]))):
        assert len(chunks) > 3
        assert {len(chunk) for chunk in chunks[:-1]} == {MAX_CHUNK_BYTES}
        assert 0 < len(chunks[-1]) <= MAX_CHUNK_BYTES


def test_a_table_without_rows_is_still_a_file() -> None:
    assert pa.ipc.open_stream(b"".join(arrow_chunks(SCHEMA, []))).read_all().schema.equals(SCHEMA)
    assert b"".join(csv_chunks(SCHEMA, [])) == b'"server_name","value","count"\n'
