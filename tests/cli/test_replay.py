from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.cli.conftest import SERVERS, STEPS, Command
from tests.cli.serving import table, write
from tests.processes import run

ROWS = len(SERVERS) * STEPS


def counts(sent: int, accepted: int = 0, rejected: int = 0, duplicate: int = 0) -> dict[str, int]:
    return {
        "rows_sent": sent,
        "rows_accepted": accepted,
        "rows_rejected": rejected,
        "rows_duplicate": duplicate,
    }


def test_the_last_line_says_what_became_of_the_rows(empty: str, history_file: Path) -> None:
    assert run("replay", history_file, "--target", empty, "--json").json() == counts(ROWS, accepted=ROWS)


def test_the_same_rows_again_are_duplicates(argus: Command, empty: str, history_file: Path) -> None:
    replay = ("replay", history_file, "--target", empty, "--json")
    assert argus(*replay).json() == counts(ROWS, accepted=ROWS)
    assert argus(*replay).json() == counts(ROWS, duplicate=ROWS)


def test_an_interrupted_replay_goes_on_where_it_was(argus: Command, empty: str, history_file: Path) -> None:
    argus("replay", history_file, "--target", empty, "--rows", 50)
    again = argus("replay", history_file, "--target", empty, "--json")
    assert again.json() == counts(ROWS, accepted=ROWS - 50, duplicate=50)


def test_only_the_first_servers_and_rows(argus: Command, empty: str, history_file: Path) -> None:
    two = argus("replay", history_file, "--target", empty, "--servers", 2, "--rows", 40, "--json")
    assert two.json() == counts(40, accepted=40)
    listed = argus("snapshot", "--target", empty, "--json").json()["servers"]
    assert {server["server_name"] for server in listed} == set(sorted(SERVERS)[:2])


def test_a_csv_file_with_more_and_fewer_columns(argus: Command, empty: str, tmp_path: Path) -> None:
    rows = table(["web-1"], 3).drop_columns(["load_average"])
    file = write(tmp_path / "rows.csv", rows.append_column("rack", pa.array(["a", "b", "c"])))
    done = argus("replay", file, "--target", empty, "--json", "--batch-rows", 2)
    assert done.json() == counts(3, accepted=3)
    assert "ignored, not of the contract: rack" in done.err
    assert "not in the file, sent as not measured: state, load_average" in done.err


def test_refused_rows_are_counted_and_told(argus: Command, empty: str, tmp_path: Path) -> None:
    file = write(tmp_path / "rows.parquet", table(["web-1", "web-2"], 15, cpu_user_pct=150.0))
    done = argus("replay", file, "--target", empty, "--json")
    assert done.json() == counts(30, accepted=15, rejected=15)
    assert done.err.count("refused: web-1 cpu_user_pct: OUT_OF_RANGE") == 10
    assert "further refusals are only counted" in done.err


def test_without_json_it_is_said_in_words(argus: Command, empty: str, history_file: Path) -> None:
    done = argus("replay", history_file, "--target", empty)
    assert done.out == f"{ROWS} rows sent, {ROWS} rows accepted, 0 rows rejected, 0 rows duplicate\n"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "No such file"),
        (b"", "is neither Parquet nor Arrow nor CSV"),
        (b"PAR1 is all it has of Parquet", "cannot be read as parquet"),
        (b"a,b\n1,2\n", "column 'timestamp': is missing"),
        (b"timestamp,server_name\n1700000000000,web-1\n", "has no metric column"),
        (b"timestamp,server_name,load_average\n1700000000000,web-1,much\n", "column 'load_average', row 0"),
        (b"timestamp,server_name,load_average\nyesterday,web-1,1\n", "column 'timestamp', row 0"),
    ],
)
def test_a_bad_file_is_one_line(
    argus: Command, fleet: str, tmp_path: Path, content: bytes | None, fault: str
) -> None:
    file = tmp_path / "rows"
    if content is not None:
        file.write_bytes(content)
    error = argus("replay", file, "--target", fleet, "--json").error()
    assert str(file) in error
    assert fault in error


def test_a_directory_is_no_file_of_rows(argus: Command, tmp_path: Path) -> None:
    assert "Is a directory" in argus("replay", tmp_path).error()
