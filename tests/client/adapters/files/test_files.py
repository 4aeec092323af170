"""Files as they are written, renamed, cut and replaced: every line once, and none lost."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.files import SPEC, tail
from argus_client.adapters.pull import Cursor, PullSource
from argus_client.adapters.source import SourceError


class Reader:
    """Reads with one source after another, and keeps what came, what was refused and what was said."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now_ms = 4_000_000_000_000
        self.refused: list[tuple[str, int, str]] = []
        self.warned: list[str] = []
        self.cursor: Cursor | None = None
        self.source: PullSource | None = None

    def make(self, **table: Any) -> PullSource:
        """A source, as a process that has just started would have it."""
        context = SourceContext(
            base_dir=self.directory,
            now_ms=lambda: self.now_ms,
            warn=self.warned.append,
            refuse=lambda *refused: self.refused.append(refused),
        )
        assert SPEC.build is not None
        self.source = SPEC.build(table, context)
        self.cursor = self.cursor or self.source.begin(0)
        return self.source

    async def read(self, field: str = "n", limit: int = 1000) -> list[Any]:
        """Everything there is now."""
        found: list[Any] = []
        assert self.source is not None
        while True:
            page = await self.source.fetch(self.cursor or {}, limit)
            self.cursor = json.loads(json.dumps(page.cursor))
            column = page.records.column(field)
            found += [] if column is None else column.tolist()
            if page.is_last:
                return found

    async def restart(self, **table: Any) -> None:
        if self.source is not None:
            await self.source.close()
        self.make(**table)


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    if reader.source is not None:
        await reader.source.close()


def write(path: Path, *numbers: int, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(json.dumps({"n": number}) for number in numbers) + end)


Restart = Callable[[Reader], Any]


@pytest.mark.parametrize("restarts", [False, True])
class TestLines:
    """The same whether one process sees it all, or a new one begins after each step."""

    @pytest.fixture
    def step(self, reader: Reader, restarts: bool) -> Callable[[], Any]:
        async def read() -> list[Any]:
            if restarts or reader.source is None:
                await reader.restart(paths="m.jsonl")
            return await reader.read(limit=3)

        return read

    async def test_a_file_that_grows(self, tmp_path: Path, step: Callable[[], Any]) -> None:
        path = tmp_path / "m.jsonl"
        assert await step() == []
        write(path, *range(10))
        assert await step() == list(range(10))
        write(path, 10, 11)
        assert await step() == [10, 11]
        assert await step() == []

    async def test_a_line_without_its_end_waits(self, tmp_path: Path, reader: Reader, step: Any) -> None:
        path = tmp_path / "m.jsonl"
        write(path, 1)
        with path.open("a") as file:
            file.write('{"n": 2')
        reader.now_ms = int(path.stat().st_mtime * 1000)
        assert await step() == [1]
        with path.open("a") as file:
            file.write("2}\n")
        assert await step() == [22]

    async def test_a_last_line_without_its_end_is_taken_once_the_file_is_quiet(
        self, tmp_path: Path, reader: Reader, step: Any
    ) -> None:
        path = tmp_path / "m.jsonl"
        write(path, 1, 2, end="")
        reader.now_ms = int(path.stat().st_mtime * 1000)
        assert await step() == [1]
        reader.now_ms += 6000
        assert await step() == [2]
        with path.open("a") as file:
            file.write("\n")
        write(path, 3)
        assert await step() == [3]

    async def test_a_renamed_file_is_read_to_its_end_before_the_new_one(
        self, tmp_path: Path, reader: Reader, step: Any
    ) -> None:
        path, old = tmp_path / "m.jsonl", tmp_path / "m.jsonl.1"
        write(path, 1, 2)
        reader.now_ms = int(path.stat().st_mtime * 1000)
        assert await step() == [1, 2]
        write(path, 3)
        path.rename(old)
        write(old, 4)
        write(path, 5)
        assert await step() == [3, 4, 5]
        write(old, 6)  # whoever wrote it had it open still
        write(path, 7)
        assert await step() == [6, 7]
        reader.now_ms += 120_000
        assert await step() == []
        assert len((reader.cursor or {})["files"]) == 1  # type: ignore[arg-type]

    async def test_a_file_that_was_cut_is_read_anew(self, tmp_path: Path, reader: Reader, step: Any) -> None:
        path = tmp_path / "m.jsonl"
        write(path, 1, 2, 3)
        assert await step() == [1, 2, 3]
        os.truncate(path, 0)
        write(path, 4)
        assert await step() == [4]
        assert "was cut or written anew" in reader.warned[-1]

    async def test_a_file_that_was_cut_and_has_grown_beyond_is_read_anew(
        self, tmp_path: Path, reader: Reader, step: Any
    ) -> None:
        path = tmp_path / "m.jsonl"
        write(path, 1, 2)
        assert await step() == [1, 2]
        os.truncate(path, 0)
        write(path, 5, 6, 7, 8)
        assert await step() == [5, 6, 7, 8]

    async def test_a_file_that_was_replaced_is_read_anew(self, tmp_path: Path, step: Any) -> None:
        path = tmp_path / "m.jsonl"
        write(path, 1)
        assert await step() == [1]
        write(tmp_path / "other", 2)
        (tmp_path / "other").replace(path)
        assert await step() == [2]

    async def test_bad_lines_are_counted_and_passed(self, tmp_path: Path, reader: Reader, step: Any) -> None:
        path = tmp_path / "m.jsonl"
        path.write_bytes(
            b'{"n": 1}\nnot json\n[1]\n\n{"n": 2}\n\xff\xfe\n' + b"[" * 100_000 + b"\n" + b'{"n": 3}\n'
        )
        assert await step() == [1, 2, 3]
        assert [kind for kind, _, _ in reader.refused] == ["not_json"] * 4
        assert reader.refused[0][2] == "not json"

    async def test_a_line_beyond_all_measure_is_passed(
        self, tmp_path: Path, reader: Reader, step: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tail, "MAX_LINE_BYTES", 1 << 20)
        path = tmp_path / "m.jsonl"
        write(path, 1)
        with path.open("a") as file:
            file.write("x" * (3 << 20) + "\n")
        write(path, 2)
        assert await step() == [1, 2]
        assert [kind for kind, _, _ in reader.refused] == ["line_too_long"]

    async def test_a_file_that_is_gone_is_told(
        self, tmp_path: Path, reader: Reader, step: Any, restarts: bool
    ) -> None:
        path = tmp_path / "m.jsonl"
        write(path, 1)
        assert await step() == [1]
        write(path, 2)
        path.unlink()
        assert await step() == ([] if restarts else [2]), "a process that has it open can read on"
        if restarts:
            assert "is gone" in "".join(reader.warned)


async def test_a_cursor_of_before_gives_the_same_again(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "m.jsonl", *range(9))
    source = reader.make(paths="m.jsonl")
    first = await source.fetch(source.begin(0), 5)
    rest = await source.fetch(first.cursor, 5)
    again = await source.fetch(first.cursor, 5)
    columns = [page.records.column("n") for page in (first, rest, again)]
    assert [column.tolist() for column in columns if column is not None] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8],
        [5, 6, 7, 8],
    ]


async def test_csv_is_read_under_the_header_of_each_file(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('n,name\r\n1,"a, b"\r\n2,\r\n')
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbfname,n\nx,3\nx,4,5\n")
    reader.make(paths="*.csv")
    assert sorted(await reader.read()) == ["1", "2", "3"]
    assert reader.refused == [("not_csv", 1, "3 cells under 2 columns: x,4,5")]
    with (tmp_path / "a.csv").open("a") as file:
        file.write("6,y\n")
    await reader.restart(paths="*.csv")
    assert await reader.read() == ["6"], "under the header that was read by another process"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.jsonl", "n,name\n1,a\n2,b\n", "m.jsonl is read as csv, as its first lines are"),
        ("m.log", "n;name\n1;a,b\n2;b,c\n", "m.log is read as csv, as its first lines are"),
        ("m.txt", "n\tname\n1\ta\n2\tb\n", "m.txt is read as csv, as its first lines are"),
        ("m.csv", '{"n": "1", "name": "a"}\n{"n": "2"}\n', "m.csv is read as jsonl, as its first lines are"),
        ("m.csv", "n|name\n1|a,b\n2|b,c\n", ""),
        ("m.txt", '{"n": "1"}\n{"n": "2"}\n', ""),
    ],
)
async def test_the_first_lines_tell_the_format_and_not_the_name(
    reader: Reader, tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    reader.make(paths=name)
    assert await reader.read() == ["1", "2"]
    assert reader.refused == []
    assert [line.rpartition("/")[2] for line in reader.warned] == ([said] if said else [])
    with (tmp_path / name).open("a") as file:
        file.write(text.splitlines(keepends=True)[-1])
    await reader.restart(paths=name)
    assert await reader.read() == ["2"], "as the process before read it"


async def test_a_cut_first_line_does_not_tell_the_format(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('4, "host": "web-1"}\n{"n": 5}\n')
    reader.make(paths="m.jsonl")
    assert await reader.read() == [5]
    assert [kind for kind, _, _ in reader.refused] == ["not_json"]


async def test_one_line_that_does_not_tell_waits_for_the_next(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text("n,name\n")
    reader.now_ms = int(path.stat().st_mtime * 1000)
    reader.make(paths="m.jsonl")
    assert await reader.read() == []
    assert reader.refused == []
    with path.open("a") as file:
        file.write("1,a\n")
    assert await reader.read() == ["1"]


async def test_lines_that_tell_nothing_are_not_waited_for(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text("<xml>\n<row/>\n")
    reader.now_ms = int(path.stat().st_mtime * 1000)
    reader.make(paths="m.jsonl")
    assert await reader.read() == []
    assert [kind for kind, _, _ in reader.refused] == ["not_json", "not_json"]


async def test_what_is_said_to_be_json_lines_is_read_as_such(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("n,name\n1,a\n")
    reader.make(paths="m.csv", format="jsonl")
    assert await reader.read() == []
    assert [kind for kind, _, _ in reader.refused] == ["not_json", "not_json"]


async def test_a_header_that_is_not_whole_waits(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("n,na")
    reader.make(paths="a.csv")
    assert await reader.read() == []
    path.write_text("n,name\n1,x\n")
    assert await reader.read() == ["1"]


async def test_tabs_go_with_their_suffix(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("n\tb\n1,5\t2\n")
    reader.make(paths="a.tsv")
    assert await reader.read() == ["1,5"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_named(reader: Reader, tmp_path: Path) -> None:
    write(tmp_path / "m.jsonl", 1)
    (tmp_path / "m.jsonl").chmod(0)
    reader.make(paths="m.jsonl")
    with pytest.raises(SourceError, match="Let this user read it"):
        await reader.read()


async def test_standard_input_ends_with_its_pipe(reader: Reader) -> None:
    from argus_client.adapters.files.options import read_options
    from argus_client.adapters.files.stdin import StdinSource

    out, into = os.pipe()
    context = SourceContext(warn=reader.warned.append, refuse=lambda *refused: reader.refused.append(refused))
    source = StdinSource(read_options({"paths": "-"}, context), context, out)
    os.write(into, b'{"n": 1}\n{"n"')
    page = await source.fetch(source.begin(0), 10)
    assert (len(page.records), page.is_last, page.is_end) == (1, False, False)
    os.write(into, b': 2}\n{"n": 3}')
    os.close(into)
    found: list[Any] = []
    while not page.is_end:
        page = await source.fetch({}, 1)
        column = page.records.column("n")
        found += [] if column is None else column.tolist()
    assert found == [2, 3]
    assert "cannot be read twice" in reader.warned[0]
    os.close(out)


@pytest.mark.parametrize(
    ("pieces", "found", "refused"),
    [
        ([b"n,na", b"me\n", b"1,a\n2,b\n3"], ["1", "2"], ["not_csv"]),
        ([b"starting, please wait\n", b'{"n": 1}\n{"n": 2}\n'], [1, 2], ["not_json"]),
        ([b"no rows today\n"], [], ["not_json"]),
        ([b"n;name\n", b"1;a\n"], ["1"], []),
    ],
)
async def test_standard_input_tells_its_format(
    reader: Reader, pieces: list[bytes], found: list[Any], refused: list[str]
) -> None:
    from argus_client.adapters.files.options import read_options
    from argus_client.adapters.files.stdin import StdinSource

    out, into = os.pipe()
    context = SourceContext(refuse=lambda *refused: reader.refused.append(refused))
    source = StdinSource(read_options({"paths": "-"}, context), context, out)
    for piece in pieces:
        os.write(into, piece)
    os.close(into)
    values: list[Any] = []
    while True:
        page = await source.fetch({}, 1)  # line by line, as if they came one after the other
        column = page.records.column("n")
        values += [] if column is None else column.tolist()
        if page.is_end:
            break
    os.close(out)
    assert values == found
    assert [kind for kind, _, _ in reader.refused] == refused


def parquet(path: Path, numbers: range, **options: Any) -> None:
    table = pa.table(
        {
            "n": pa.array(numbers, pa.int64()),
            "when": pa.array([1_750_000_000_000 + number for number in numbers], pa.timestamp("ms", "UTC")),
            "host": pa.array([{"name": f"web-{number}"} for number in numbers]),
            "state": pa.array(["OK"] * len(numbers)).dictionary_encode(),
        }
    )
    pq.write_table(table, path, **options)


async def test_parquet_files_are_read_once_by_name_and_size(reader: Reader, tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", range(10), row_group_size=4)
    parquet(tmp_path / "b.parquet", range(10, 12))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 half of a file")
    reader.now_ms = int((tmp_path / "c.parquet").stat().st_mtime * 1000)
    source = reader.make(paths=".", format="parquet")
    page = await source.fetch(reader.cursor or {}, 3)
    assert page.records.fields() == ["host.name", "n", "state", "when"]
    name = page.records.column("host.name")
    assert name is not None
    assert name.tolist() == ["web-0", "web-1", "web-2"]

    reader.cursor = json.loads(json.dumps(page.cursor))
    await reader.restart(paths=".", format="parquet")
    assert await reader.read(limit=3) == list(range(3, 12))
    parquet(tmp_path / "c.parquet", range(12, 13))
    assert await reader.read() == [12]
    parquet(tmp_path / "b.parquet", range(20, 25))
    assert await reader.read() == list(range(20, 25)), "another size: another file"
    assert await reader.read() == []


async def test_a_parquet_file_that_is_being_written_is_said_once(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    path.write_bytes(b"PAR1 half of a file")
    reader.now_ms = int(path.stat().st_mtime * 1000)
    reader.make(paths=".", format="parquet")
    assert await reader.read() == await reader.read() == []
    assert reader.refused == []
    assert len(reader.warned) == 1
    assert "c.parquet is no whole Parquet file yet" in reader.warned[0]


async def test_what_never_was_parquet_is_counted_at_once(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    path.write_text("n,name\n1,a\n")
    reader.now_ms = int(path.stat().st_mtime * 1000)
    reader.make(paths=".", format="parquet")
    assert await reader.read() == []
    assert [kind for kind, _, _ in reader.refused] == ["not_parquet"]


async def test_a_parquet_directory_that_is_not_there_is_said(reader: Reader) -> None:
    reader.make(paths="days", format="parquet")
    assert await reader.read() == await reader.read() == []
    assert len(reader.warned) == 1
    assert "no file matches" in reader.warned[0]


async def test_a_damaged_parquet_file_is_counted_once(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "c.parquet").write_bytes(b"PAR1 half of a file")
    reader.make(paths=".", format="parquet")
    assert await reader.read() == []
    assert await reader.read() == []
    assert [kind for kind, _, _ in reader.refused] == ["not_parquet"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "paths is missing"),
        ({"paths": []}, "names nothing"),
        ({"paths": ["-", "a.jsonl"]}, "beside files"),
        ({"paths": "."}, "say jsonl, csv or parquet"),
        ({"paths": ["a.csv", "b.parquet"]}, "say jsonl, csv or parquet"),
        ({"paths": "-", "format": "parquet"}, "cannot be read from standard input"),
        ({"paths": "a.csv", "delimiter": ";;"}, "must be one character"),
        ({"paths": "nowhere/a.csv"}, "there is no directory"),
        ({"path": "a.csv", "paths": "b.csv"}, "did you mean 'paths'"),
    ],
)
def test_a_wrong_table_is_refused(reader: Reader, table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        reader.make(**table)


async def test_nothing_matches_yet_is_said_once(reader: Reader) -> None:
    reader.make(paths="*.jsonl")
    assert await reader.read() == await reader.read() == []
    assert len(reader.warned) == 1
    assert "no file matches" in reader.warned[0]
