"""`argus evaluate`: its one JSON object, its report, and one line per error."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from argus_server.evaluation import command
from argus_server.evaluation.data import load, select
from argus_server.evaluation.protocol import EvaluationError
from tests.server.evaluation.conftest import history, save_model, table_of

A, B = history("ppweb001", seed=1), history("ppweb002", seed=2)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.parquet"
    pq.write_table(table_of([A, B]), path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    save_model(path, training=["ppweb001"])
    return path


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(command.app, [str(argument) for argument in arguments])


def test_it_prints_one_json_object(data: Path, model: Path) -> None:
    done = evaluate("--data", data, "--model", model, "--json")
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["servers"] == ["ppweb001", "ppweb002"]
    assert figures["data"][0]["name"] == "fleet.parquet"
    assert len(figures["data"][0]["sha256"]) == 64
    assert figures["servers_seen_in_training"] == ["ppweb001"]
    assert "1 of 2 servers have the name of one that every model has seen in training" in done.stderr
    assert set(figures["baselines"]) == {"seasonal_naive", "last_value"}


def test_two_models_leave_no_server_seen(data: Path, model: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "other", validation=["ppweb002"])
    done = evaluate("--data", data, "--model", model, "--model", tmp_path / "other", "--json")
    assert json.loads(done.stdout)["servers_seen_in_training"] == []
    assert done.stderr == ""


def test_servers_can_be_chosen(data: Path, model: Path) -> None:
    base = ("--data", data, "--model", model, "--json")
    assert json.loads(evaluate(*base, "--servers", "ppweb002").stdout)["servers"] == ["ppweb002"]
    assert json.loads(evaluate(*base, "--limit-servers", 1).stdout)["servers"] == ["ppweb001"]
    assert json.loads(evaluate(*base, "--unseen-only").stdout)["servers"] == ["ppweb002"]


def test_a_report_is_written(data: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    done = evaluate("--data", data, "--model", model, "--baselines", "fast", "--report", out)
    assert done.exit_code == 0, done.output
    text = (out / "report.md").read_text()
    assert "| climatology_7d |" in text
    assert (
        "**Named as servers in the training of every model; the same servers are no test of new ones:** ppweb001."
        in text
    )
    pictures = sorted(path.name for path in out.glob("*.png"))
    assert pictures == ["calibration.png", "horizon.png", "series.png"]
    assert all(f"]({name})" in text for name in pictures)
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    assert "Forecasts every 5 minutes." in text
    assert "| alarms_as_served |" in text
    assert "| 30min | any of up to 10 servers |" in text
    assert "| 8h | cpu |" in text
    # Every table has rows as wide as its head.
    for block in text.split("\n\n"):
        widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) <= 1, block
    assert "climatology_7d" in done.stdout


def test_where_a_report_cannot_be_written_is_found_out_before_the_work(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argus_server.evaluation.data.load", lambda *_, **__: pytest.fail("work was begun"))
    taken = tmp_path / "taken"
    taken.write_text("a file")
    done = evaluate("--data", data, "--model", model, "--report", taken / "below")
    assert done.exit_code == 1
    assert done.stderr.startswith("argus evaluate: no report can be written to")


def test_figures_are_not_lost_to_a_disk_that_is_full_by_now(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("argus_server.evaluation.report.write", full)
    done = evaluate(
        "--data", data, "--model", model, "--servers", "ppweb002", "--json", "--report", tmp_path / "report"
    )
    assert done.exit_code == 1
    assert json.loads(done.stdout)["servers"] == ["ppweb002"]
    assert "argus evaluate: [Errno 28] No space left on device" in done.stderr


def test_alarms_are_looked_at_every_step_or_as_often_as_asked(data: Path, model: Path) -> None:
    base = ("--data", data, "--model", model, "--json")
    found = {}
    for more in ((), ("--event-stride-minutes", 60)):
        events = json.loads(evaluate(*base, *more).stdout)["events"]
        found[events["definition"]["looked_at_every_minutes"]] = events["probabilities"]["origins"]
    assert found[5.0] == 2 * (1400 - 96 - (800 + 288) + 1)
    assert found[60.0] == 2 * -(-(1400 - 96 - (800 + 288) + 1) // 12)


def test_baselines_may_stand_alone() -> None:
    """It then means all of them; what follows is not taken for their names."""
    given = typer.main.get_command(command.app).make_context(
        "evaluate", ["--baselines", "--json", "--data", str(Path(__file__)), "--model", "m"]
    )
    assert given.params["baselines"] == "all"
    assert given.params["json_output"] is True
    last = ["--data", str(Path(__file__)), "--model", "m", "--baselines"]
    assert typer.main.get_command(command.app).make_context("evaluate", last).params["baselines"] == "all"
    named = [*last, "theta,climatology_7d"]
    found = typer.main.get_command(command.app).make_context("evaluate", named).params["baselines"]
    assert found == "theta,climatology_7d"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--baselines", "prophet"), "unknown baseline 'prophet'; allowed: fast, all, last_value"),
        (("--servers", "nobody"), "no data has the servers nobody"),
        (("--split-column", "half"), "fleet.parquet has no column 'half' to split by"),
        (
            ("--split-column", "server_name"),
            "column 'server_name' says 'train' on no row, so it is not about a split; got 'ppweb001', 'ppweb002'",
        ),
        (("--report", "/proc/none"), "no report can be written to /proc/none"),
        (("--test-share", "1.5"), "the test share must lie between 0 and 1, got 1.5"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    data: Path, model: Path, more: tuple[str, ...], message: str
) -> None:
    done = evaluate("--data", data, "--model", model, *more, "--json")
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_model_that_cannot_be_loaded(data: Path, model: Path) -> None:
    (model / "config.json").write_text("{")
    done = evaluate("--data", data, "--model", model, "--json")
    assert done.exit_code == 1
    assert "config.json" in done.stderr
    assert done.stderr.count("\n") == 1


def test_too_short_a_test_part(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    pyarrow.csv.write_csv(table_of([history("x", steps=900, boundary=800)]), path)
    done = evaluate("--data", path, "--model", model, "--json")
    assert done.exit_code == 1
    assert "the test part is too short on all 1 servers" in done.stderr


def test_a_column_of_another_name_splits_as_well(tmp_path: Path) -> None:
    for name in ("fleet.parquet", "fleet.csv"):
        path = tmp_path / name
        table = table_of([A, B], split_column="half")
        pq.write_table(table, path) if name.endswith("parquet") else pyarrow.csv.write_csv(table, path)
        plain, _ = load([path], 300)
        assert [one.boundary for one in plain] == [len(one.values) for one in plain]
        split, _ = load([path], 300, split_column="half")
        assert [one.boundary for one in split] == [A.boundary, B.boundary]


def test_a_server_in_two_files_is_refused(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(data.read_bytes())
    with pytest.raises(EvaluationError, match=r"is in both fleet\.parquet and copy\.parquet"):
        load([data, copy], 300)


def test_the_first_of_the_chosen_servers() -> None:
    assert [one.name for one in select([A, B], [], 1)] == ["ppweb001"]
    assert [one.name for one in select([A, B], ["ppweb002"], 1)] == ["ppweb002"]
    assert [one.name for one in select([A, B], [], None)] == ["ppweb001", "ppweb002"]
