"""`argus adapter` and `argus doctor` as a person or a script uses them, with a real server."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.serving import serving
from tests.processes import SECONDS, Process, environment, run

pytestmark = pytest.mark.slow

MAPPING = """
[mapping]
timestamp = "ts"
server_name = "host"
[mapping.columns]
mem_used_pct = { field = "mem.used", scale = SCALE }
"""


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with serving(clock="wall") as listen:
        yield listen


class Desk:
    """A directory with rows in a file and a configuration that reads them."""

    def __init__(self, directory: Path, target: str) -> None:
        self.rows = directory / "m.jsonl"
        self.config = directory / "files.toml"
        self._target = target
        self.configure()

    def configure(
        self, *, scale: int = 100, source: str = 'paths = ["m.jsonl"]', target: str = "", more: str = ""
    ) -> None:
        self.config.write_text(
            f'[adapter]\nname = "desk"\nstate_dir = "state"\ninterval_seconds = 0.1\n{more}\n'
            f'[argus]\ntarget = "{target or self._target}"\n[source]\n{source}\n'
            + MAPPING.replace("SCALE", str(scale))
        )

    def write(self, count: int = 60, **fields: Any) -> None:
        """An hour of two servers, up to now."""
        now = time.time()
        with self.rows.open("a") as file:
            for number in range(count):
                row = {
                    "ts": now - (count - number) // 2 * 60,
                    "host": f"{self.config.parent.name}-{number % 2}",
                    "mem": {"used": 0.5},
                    "cpu_user_pct": 30,
                    "cpu_sys_pct": 10,
                    "unused": "x",
                    **fields,
                }
                file.write(json.dumps(row) + "\n")


@pytest.fixture
def desk(tmp_path: Path, target: str) -> Desk:
    return Desk(tmp_path, target)


def test_adapters_are_listed() -> None:
    listed = run("adapter", "list", "--json").json()
    assert "files" in [spec["name"] for spec in listed]
    assert "files" in run("adapter", "list").out


def test_a_configuration_is_written_once_and_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    assert run("adapter", "init", "files", "--out", path).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "[source]" in path.read_text()
    assert "--force" in run("adapter", "init", "files", "--out", path).error(2)
    assert run("adapter", "init", "files", "--out", path, "--force").code == 0
    assert run("adapter", "init", "files").out == path.read_text()
    assert "known are" in run("adapter", "init", "fils").error(2)
    assert "no other program's" in run("adapter", "init", "files", "--from", path).error(2)


def test_a_run_delivers_and_the_next_goes_on(desk: Desk) -> None:
    desk.write()
    first = run("adapter", "run", "files", "--config", desk.config, "--once", "--json").json()
    assert (first["records"], first["rows_accepted"], first["rejections"]) == (60, 60, [])
    desk.write(2, ts=time.time() - 30)  # no second of the rows before
    second = run("adapter", "run", "files", "--config", desk.config, "--once", "--json").json()
    assert (second["records"], second["rows_accepted"]) == (2, 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_cleanly(desk: Desk, number: signal.Signals) -> None:
    desk.write()
    state = desk.config.parent / "state" / "desk.json"
    with Process("adapter", "run", "files", "--config", desk.config, "--log-json") as process:
        deadline = time.monotonic() + SECONDS
        while not state.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        ended = process.end(number)
    assert ended.code == 0, ended
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert lines[-1]["tally"]["rows_accepted"] == 60
    assert any(line["message"].startswith("stopping") for line in lines)


def test_a_receiver_is_not_told_to_do_what_it_cannot(tmp_path: Path) -> None:
    path = tmp_path / "otlp.toml"
    wrote = run("adapter", "init", "otlp", "--out", path)
    assert wrote.code == 0
    assert wrote.err.strip().endswith(f"argus adapter run otlp --config {path}")
    line = run("adapter", "run", "otlp", "--config", path, "--once", "--since", "24h").error(2)
    assert "otlp is sent to, and has no use for --once, --since" in line
    assert "only while it runs" in run("adapter", "run", "otlp", "--config", path, "--dry-run").error(2)


def test_a_dry_run_shows_rows_and_what_does_not_fit_and_sends_nothing(desk: Desk) -> None:
    desk.write()
    with desk.rows.open("a") as file:
        file.write('nothing\n{"ts": 1, "load_average": 1}\n')
    found = run("adapter", "run", "files", "--config", desk.config, "--dry-run", "--json").json()
    assert (len(found["rows"]), found["rows"][0]["mem_used_pct"], found["rows"][0]["cpu_idle_pct"]) == (
        60,
        50,
        60,
    )
    assert found["rows"][0]["java_cpu_pct"] is None
    assert found["coverage"]["mem_used_pct"] == 1
    assert found["unused_fields"] == ["unused"]
    assert {problem["kind"] for problem in found["problems"]} == {"no_server_name", "not_json"}
    assert not (desk.config.parent / "state").exists()
    shown = run("adapter", "run", "files", "--config", desk.config, "--dry-run")
    assert shown.code == 0
    assert "60 rows of 61 records; nothing was sent" in shown.out
    assert "never measured: cpu_iowait_pct" in shown.out


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"more": "intervall = 3"}, 2, "no key 'intervall'"),
        ({"source": 'paths = "nowhere/m.jsonl"'}, 2, "there is no directory"),
        ({"source": 'paths = "."'}, 2, "say jsonl, csv or parquet"),
        ({"more": 'since = "soon"'}, 2, "'soon' is no beginning"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_exit_code_two(
    desk: Desk, change: dict[str, Any], code: int, message: str
) -> None:
    desk.write(2)
    desk.configure(**change)
    assert message in run("adapter", "run", "files", "--config", desk.config, "--once").error(code)


def test_a_mapping_that_fits_nothing_is_told_before_anything_is_skipped(desk: Desk) -> None:
    desk.rows.write_text('{"time": 1, "host": "a"}\n')
    ended = run("adapter", "run", "files", "--config", desk.config, "--once")
    assert ended.code == 2
    assert "fields host, time; name the right ones in [mapping]" in ended.err.splitlines()[-1]


def test_a_wrong_scale_ends_a_first_run_and_skips_nothing(desk: Desk) -> None:
    desk.write()
    desk.configure(scale=10_000)
    line = run("adapter", "run", "files", "--config", desk.config, "--once").error(2)
    assert "refused all 60 rows that it was sent: out of range in mem_used_pct" in line
    assert "Is the scale of this column right?" in line
    desk.configure()
    mended = run("adapter", "run", "files", "--config", desk.config, "--once", "--json").json()
    assert mended["rows_accepted"] == 60


def test_lines_that_are_no_json_end_a_first_run_and_skip_nothing(desk: Desk) -> None:
    desk.rows.write_text("<xml>\n" * 3)
    line = run("adapter", "run", "files", "--config", desk.config, "--once").error(2)
    assert "3 rows: not json, such as <xml>" in line
    assert not (desk.config.parent / "state" / "desk.json").exists()


def test_an_adapter_whose_name_is_taken_over_has_an_exit_code_of_its_own(desk: Desk) -> None:
    desk.write()
    state = desk.config.parent / "state" / "desk.json"
    with Process("adapter", "run", "files", "--config", desk.config) as first:
        deadline = time.monotonic() + SECONDS
        while not state.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        other = desk.config.with_name("other.toml")
        other.write_text(desk.config.read_text().replace('"state"', '"elsewhere"'))
        assert run("adapter", "run", "files", "--config", other, "--once").code == 0
        desk.write(2, ts=time.time() - 30)  # it hears of it with the next rows that it sends
        ended = first.end()
    assert ended.code == 5, ended
    assert "Another process feeds this server as 'desk'" in ended.err.splitlines()[-1]


def test_a_source_with_a_defect_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "broken.py").write_text(
        "from argus_client.adapters.core.spec import AdapterSpec\n"
        "class Broken:\n"
        "    def begin(self, since_ms): return {'at': 0}\n"
        "    async def fetch(self, cursor, limit): raise KeyError('host')\n"
        "    async def close(self): pass\n"
        "SPEC = AdapterSpec('broken', '', '', build=lambda values, context: Broken())\n"
    )
    config = tmp_path / "broken.toml"
    config.write_text('[adapter]\nstate_dir = "state"\n[argus]\ntarget = "127.0.0.1:1"\n')
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])}
    arguments = ("adapter", "run", "my_package.broken", "--config", config, "--once")
    ended = run(*arguments, **path)
    assert "KeyError: 'host'" in ended.error(3)
    assert "Traceback" not in ended.err
    assert "in fetch" in run(*arguments, "--verbose", **path).err


def test_a_key_of_the_file_goes_to_the_server_of_the_file_only(desk: Desk, target: str) -> None:
    desk.write()
    (desk.config.parent / "key").write_text("secret-of-the-file")
    desk.configure(target='127.0.0.1:1"\napi_key_file = "key')
    for named in ({"ARGUS_TARGET": target}, {}):
        option = () if named else ("--target", target)
        ended = run(
            "adapter", "run", "files", "--config", desk.config, "--once", "--restart", *option, **named
        )
        assert ended.code == 0, ended
        assert f"the Argus server is {target} (the configuration says 127.0.0.1:1)" in ended.err
        assert f"is for 127.0.0.1:1 and is not sent to {target}" in ended.err
        found = findings(doctor(desk, *option, **named))
        assert f"at {target} serves" in found["server"][0]["message"]
        assert [finding["level"] for finding in found["config"]] == ["ok", "note"]


def findings(ended: Any) -> dict[str, list[dict[str, str]]]:
    by_check: dict[str, list[dict[str, str]]] = {}
    for finding in json.loads(ended.out)["findings"]:
        by_check.setdefault(finding["check"], []).append(finding)
    return by_check


def doctor(desk: Desk, *more: object, **added: str) -> Any:
    return run("doctor", "--adapter", "files", "--config", desk.config, "--json", *more, **added)


def test_a_doctor_finds_nothing_wrong_where_nothing_is(desk: Desk) -> None:
    desk.write(disk_usage_pct=20, load_average=1)
    ended = doctor(desk)
    assert ended.code == 0, ended
    found = findings(ended)
    assert {check: [f["level"] for f in each] for check, each in found.items()} == {
        "config": ["ok"],
        "server": ["ok"],
        "model": found["model"] and [found["model"][0]["level"]],
        "ingest": ["ok"],
        "clock": ["ok"],
        "records": ["ok"],
        "coverage": ["note"],
        "unused_fields": ["note"],
        "cadence": ["ok"],
        "lag": ["ok"],
    } | ({"rejected_rows": ["warning"]} if "rejected_rows" in found else {})
    assert "every 60 s" in found["cadence"][0]["message"]
    assert not (desk.config.parent / "state").exists()
    assert "clock: the server's clock" in run("doctor", "--adapter", "files", "--config", desk.config).out


def test_a_doctor_says_which_scale_is_wrong(desk: Desk) -> None:
    desk.write()
    desk.configure(scale=10_000)
    ended = doctor(desk)
    assert ended.code == 4
    (found,) = findings(ended)["range"]
    assert "refuse 60 of 60 rows: mem_used_pct is 5000" in found["message"]
    assert "the scale of mem_used_pct in [mapping.columns] is 10000; set 100" in found["advice"]
    desk.configure(scale=1)
    (found,) = findings(doctor(desk))["scale"]
    assert "set scale = 100 for mem_used_pct" in found["advice"]


def test_a_doctor_finds_local_time_rare_samples_and_bad_names(desk: Desk) -> None:
    desk.write()
    rows = [json.loads(line) for line in desk.rows.read_text().splitlines()]
    with desk.rows.open("w") as file:
        for row in rows:
            name = f" {row['host']}\u00e9"
            file.write(
                json.dumps({**row, "ts": row["ts"] * 10 - time.time() * 9 + 7200, "host": name}) + "\n"
            )
    ended = doctor(desk)
    assert ended.code == 4
    found = findings(ended)
    assert "local time without its zone" in found["future"][0]["message"]
    assert "every 600 s" in found["cadence"][0]["message"]
    assert "would refuse 2 names" in found["server_names"][0]["message"]


def test_a_doctor_has_an_exit_code_for_each_side(desk: Desk) -> None:
    desk.write()
    desk.configure(target="127.0.0.1:1")
    ended = doctor(desk, "--timeout", 0.5)
    assert (ended.code, findings(ended)["server"][0]["level"]) == (1, "failure")
    assert "ok" in [f["level"] for f in findings(ended)["records"]], (
        "the other side is looked at all the same"
    )
    desk.configure(more="x = 1")
    assert doctor(desk, "--timeout", 0.5).code == 2
    desk.configure()
    desk.rows.write_text("")
    assert findings(doctor(desk))["records"][0]["level"] == "warning"
    assert run("doctor", "--adapter", "files").code == 2
