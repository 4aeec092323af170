"""Settings of `argus server`, as `--print-config` shows them, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from argus_server.settings import ServerSettings
from tests.cli.conftest import Command
from tests.processes import run, strict_json


def config(argus: Command, *flags: object, **environment: str) -> dict[str, Any]:
    done = argus("server", "--print-config", *flags, **environment)
    assert (done.code, done.err) == (0, "")
    settings: dict[str, Any] = strict_json(done.out)
    return settings


def toml(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_defaults_are_all_shown(argus: Command) -> None:
    shown = config(argus)
    assert set(shown) == set(ServerSettings.model_fields)
    assert (shown["listen"], shown["metrics_listen"]) == ("127.0.0.1:50051", "127.0.0.1:9464")
    assert (shown["clock"], shown["model"], shown["tick_seconds"]) == ("wall", None, 5.0)


def test_flags_win_over_environment_over_file_over_defaults(argus: Command, tmp_path: Path) -> None:
    file = toml(
        tmp_path / "argus.toml",
        'tick_seconds = 1.5\nmax_servers = 11\nclock = "event"\n[cores]\n"web-1" = 8\n',
    )
    assert config(argus, "--config", file)["tick_seconds"] == 1.5
    shown = config(argus, "--config", file, "--max-servers", 33, ARGUS_MAX_SERVERS="22", ARGUS_CLOCK="wall")
    assert shown["max_servers"] == 33  # flag over environment and file
    assert shown["clock"] == "wall"  # environment over file
    assert shown["tick_seconds"] == 1.5  # file over default
    assert shown["max_subscribers"] == 2000  # default
    assert shown["cores"] == {"web-1": 8}


def test_the_file_may_be_named_by_the_environment(argus: Command, tmp_path: Path) -> None:
    file = toml(tmp_path / "argus.toml", "max_servers = 11\n")
    assert config(argus, ARGUS_CONFIG=str(file))["max_servers"] == 11


def test_every_setting_can_come_from_the_environment(argus: Command) -> None:
    shown = config(argus, ARGUS_CORES='{"web-1": 4}', ARGUS_DATA_DIR="state", ARGUS_INSECURE_LISTEN="true")
    assert (shown["cores"], shown["data_dir"], shown["insecure_listen"]) == ({"web-1": 4}, "state", True)


def test_variables_of_the_client_do_not_trouble_the_server(argus: Command) -> None:
    assert config(argus, ARGUS_TARGET="127.0.0.1:1")["listen"] == "127.0.0.1:50051"


def test_an_address_without_a_host_is_of_this_machine_only(argus: Command) -> None:
    assert config(argus, "--listen", ":7000", "--metrics-listen", "")["listen"] == "127.0.0.1:7000"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tick_second = 1\n", "tick_second: there is no such setting"),
        ("tick_seconds = -1\n", "tick_seconds: Input should be greater than 0 (got -1)"),
        ("retention_hours = inf\n", "retention_hours: Input should be a finite number"),
        ('clock = "lunar"\n', "clock: Input should be 'wall' or 'event' (got 'lunar')"),
        ('listen = "here"\n', "'here' is no HOST:PORT"),
        ("tick_seconds = \n", "cannot read"),
    ],
)
def test_a_wrong_file_is_one_line(argus: Command, tmp_path: Path, text: str, fault: str) -> None:
    file = toml(tmp_path / "argus.toml", text)
    assert fault in argus("server", "--config", file, "--print-config").error(code=2)


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (("--config", "/no/such/file.toml"), "cannot read /no/such/file.toml"),
        (("--clock", "lunar"), "clock: "),
        (("--tick-seconds", "0"), "tick_seconds: "),
        (("--listen", "127.0.0.1:70000"), "is no HOST:PORT"),
    ],
)
def test_a_wrong_flag_is_one_line(argus: Command, flags: tuple[str, str], fault: str) -> None:
    assert fault in argus("server", *flags, "--print-config").error(code=2)


@pytest.mark.parametrize(
    ("name", "value"), [("ARGUS_TICK_SECONDS", "soon"), ("ARGUS_CORES", "many"), ("ARGUS_CLOCK", "")]
)
def test_a_wrong_variable_is_one_line(argus: Command, name: str, value: str) -> None:
    error = argus("server", "--print-config", **{name: value}).error(code=2)
    assert name.removeprefix("ARGUS_").lower() in error


def test_a_flag_that_does_not_exist_is_wrong_usage(argus: Command) -> None:
    assert argus("server", "--no-such-flag").code == 2
    assert argus("server", "--tick-seconds", "soon").code == 2


@pytest.mark.parametrize("flag", ["--listen", "--metrics-listen"])
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.0.0.1", "example.org"])
def test_nothing_is_bound_beyond_this_machine_unless_told(argus: Command, flag: str, host: str) -> None:
    refused = argus("server", flag, f"{host}:7000", "--print-config").error(code=2)
    assert f"{host}:7000 can be reached from other machines" in refused
    assert "--insecure-listen" in refused
    name = flag.removeprefix("--").replace("-", "_")
    assert config(argus, flag, f"{host}:7000", "--insecure-listen")[name] == f"{host}:7000"


@pytest.mark.parametrize("flag", ["--listen", "--metrics-listen"])
def test_a_taken_port_is_one_line(silent: str, flag: str) -> None:
    others = {"--listen": "127.0.0.1:0", "--metrics-listen": "", flag: silent}
    error = run("server", *(word for pair in others.items() for word in pair)).error()
    assert error == f"argus server: cannot listen on {silent}: Address already in use"


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (("--risk-tables", "/no/such/tables.toml"), "/no/such/tables.toml"),
        (("--data-dir", "/dev/null"), "/dev/null"),
        (("--device", "abacus"), "abacus"),
    ],
)
def test_what_a_server_cannot_start_with_is_one_line(
    argus: Command, flags: tuple[str, str], fault: str
) -> None:
    anywhere = ("--listen", "127.0.0.1:0", "--metrics-listen", "")
    assert fault in argus("server", *anywhere, *flags).error()


TARGETS = """
dashboard_url = "https://argus.example"
[[alert_targets]]
kind = "alertmanager"
name = "am-1"
url = "http://user:hunter2@alertmanager:9093"
[[alert_targets]]
kind = "slack"
name = "ops"
url_env = "OPS_SLACK_URL"
"""


def test_alert_targets_come_from_the_file_or_the_environment_and_are_not_shown(
    argus: Command, tmp_path: Path
) -> None:
    shown = config(argus, "--config", toml(tmp_path / "argus.toml", TARGETS))
    assert [target["name"] for target in shown["alert_targets"]] == ["am-1", "ops"]
    assert shown["dashboard_url"] == "https://argus.example"
    assert "hunter2" not in str(shown)
    given = '[{"kind": "webhook", "name": "w", "url": "https://example.org/T0KEN", "secret_env": "KEY"}]'
    shown = config(argus, ARGUS_ALERT_TARGETS=given)
    assert [target["secret_env"] for target in shown["alert_targets"]] == ["KEY"]
    assert "T0KEN" not in str(shown)


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ('kind = "pigeon"\nname = "a"\nurl = "http://T0KEN"', "kind"),
        ('kind = "slack"\nname = "a"', "give one of url, url_file and url_env"),
        ('kind = "slack"\nname = "a b"\nurl = "http://T0KEN"', "name"),
        ('kind = "slack"\nname = "a"\nurl = "T0KEN"', "its address must be http"),
        ('kind = "slack"\nname = "a"\nurl = "http://T0KEN"\nsecret_env = "KEY"', "signs nothing"),
        ('kind = "webhook"\nname = "a"\nurl = "http://T0KEN"\ntimeout_seconds = 0', "timeout_seconds"),
        ('kind = "webhook"\nname = "a"\nurl = "http://T0KEN"\ncolour = 1', "colour"),
    ],
)
def test_a_wrong_alert_target_is_one_line_that_gives_nothing_away(
    argus: Command, tmp_path: Path, target: str, fault: str
) -> None:
    file = toml(tmp_path / "argus.toml", f"[[alert_targets]]\n{target}\n")
    error = argus("server", "--config", file, "--print-config").error(code=2)
    assert fault in error
    assert "T0KEN" not in error


def test_two_alert_targets_of_one_name_are_refused(argus: Command, tmp_path: Path) -> None:
    one = '[[alert_targets]]\nkind = "slack"\nname = "a"\nurl = "http://example.org"\n'
    error = argus("server", "--config", toml(tmp_path / "argus.toml", one * 2), "--print-config").error(
        code=2
    )
    assert "there are several a" in error


def test_a_server_without_the_secret_it_should_sign_with_does_not_start(argus: Command) -> None:
    given = '[{"kind": "webhook", "name": "w", "url": "https://example.org", "secret_env": "NOT_SET"}]'
    anywhere = ("--listen", "127.0.0.1:0", "--metrics-listen", "")
    error = argus("server", *anywhere, ARGUS_ALERT_TARGETS=given).error()
    assert "alert target w: its secret in NOT_SET is empty" in error
