"""The command against a server that asks who calls: keys made, used and revoked by commands alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from argus_client.cli import main
from argus_server.security import key_commands
from tests.certificates import Authority
from tests.cli.conftest import Command
from tests.cli.serving import serving
from tests.processes import until


@pytest.fixture(autouse=True)
def keys_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of this checkout, whatever is installed."""
    app = typer.Typer(add_completion=False)
    app.registered_commands = list(main.app.registered_commands)
    app.registered_groups = list(main.app.registered_groups)
    app.add_typer(key_commands.app, name="keys")
    monkeypatch.setattr(main, "app", app)


@dataclass
class Fortress:
    """A server with TLS, client certificates and keys."""

    target: str
    data_dir: Path
    cacert: Path
    cert: Path
    cert_key: Path

    @property
    def flags(self) -> tuple[object, ...]:
        return (
            *("--target", self.target, "--cacert", self.cacert),
            *("--cert", self.cert, "--cert-key", self.cert_key),
        )


@pytest.fixture
def fortress(tmp_path: Path) -> Iterator[Fortress]:
    authority = Authority()
    cacert = tmp_path / "ca.pem"
    cacert.write_bytes(authority.pem)
    certificate, key = authority.issue("argus").write(tmp_path, "server")
    own, own_key = authority.issue("laptop").write(tmp_path, "client")
    data_dir = tmp_path / "data"
    with serving(
        tls_cert=certificate, tls_key=key, tls_client_ca=cacert, data_dir=data_dir, require_keys=True
    ) as target:
        yield Fortress(target, data_dir, cacert, own, own_key)


def make(argus: Command, data_dir: Path, *flags: object) -> str:
    made = argus("keys", "create", *flags, "--data-dir", data_dir, "--json")
    return str(made.json()["key"])


def test_a_key_is_made_used_and_revoked(argus: Command, fortress: Fortress, tmp_path: Path) -> None:
    refused = argus("status", *fortress.flags).error()
    assert "this server asks for an API key" in refused
    key = make(argus, fortress.data_dir, "laptop", "--scope", "read", "--expires", "90d")
    file = tmp_path / "key"
    file.write_text(key)
    with_key = (*fortress.flags, "--api-key-file", file)
    until(lambda: argus("status", *with_key, "--json").code == 0)
    assert argus("status", *fortress.flags, "--json", ARGUS_API_KEY=key).json()["serving"]
    denied = argus("model", "roll-back", *with_key).error()
    assert "needs the scope admin; key 'laptop' has read" in denied

    (listed,) = argus("keys", "list", "--data-dir", fortress.data_dir, "--json").json()
    assert (listed["name"], listed["scopes"], listed["state"]) == ("laptop", ["read"], "active")
    argus("keys", "revoke", "laptop", "--data-dir", fortress.data_dir)
    until(lambda: argus("status", *with_key, "--json").code == 1)
    revoked = argus("status", *with_key).error()
    assert "the API key 'laptop' was revoked at" in revoked
    secret = key.rpartition("_")[2]
    assert secret not in refused + denied + revoked + json.dumps(listed)


def test_a_source_with_a_wrong_key_ends_with_one_line(
    argus: Command, fortress: Fortress, history_file: Path, tmp_path: Path
) -> None:
    key = make(argus, fortress.data_dir, "reader", "--scope", "read")
    file = tmp_path / "key"
    file.write_text(key)
    until(lambda: argus("status", *fortress.flags, "--api-key-file", file, "--json").code == 0)
    refused = argus("replay", history_file, *fortress.flags, "--api-key-file", file)
    assert refused.code == 1
    assert "/argus.v1.IngestService/StreamMetrics needs the scope ingest" in refused.err
    assert refused.err.count("needs the scope") == 1


def test_without_the_right_certificates_there_is_no_connection_and_it_is_said_why(
    argus: Command, fortress: Fortress, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority().pem)
    own = ("--cert", fortress.cert, "--cert-key", fortress.cert_key)
    for flags, said in (
        ((), "it may ask for TLS"),
        (("--cacert", fortress.cacert), "for a certificate of its authority (--cert, --cert-key)"),
        (("--tls",), "the server's certificate cannot be verified"),
        (("--cacert", other, *own), "the server's certificate cannot be verified"),
        (("--cacert", fortress.cacert, *own, "--server-name", "nobody"), "is for another name"),
    ):
        refused = argus("status", "--target", fortress.target, "--timeout", 2, *flags).error()
        assert said.lower() in refused.lower(), flags


def test_a_server_without_tls_is_told_from_one_that_is_away(
    argus: Command, fortress: Fortress, tmp_path: Path
) -> None:
    with serving() as plain:
        refused = argus("status", "--target", plain, "--timeout", 2, "--cacert", fortress.cacert).error()
    assert "The server does not speak TLS here" in refused
    away = argus("status", "--target", "127.0.0.1:1", "--timeout", 2).error()
    assert "Check the address and that the server runs" in away


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (("--cert", "a.pem"), "a.pem"),
        (("--api-key-file", "/no/such/file"), "/no/such/file"),
    ],
)
def test_a_file_that_is_missing_is_named(argus: Command, flags: tuple[str, str], fault: str) -> None:
    assert fault in argus("status", *flags).error()


def test_a_key_is_not_sent_in_the_clear_to_another_machine(argus: Command) -> None:
    refused = argus("status", "--target", "192.0.2.1:50051", ARGUS_API_KEY="s3cret")
    assert refused.code == 2
    assert "unencrypted" in refused.err
    assert "s3cret" not in refused.err


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("create", "../../x", "--scope", "read"), "is no name for a key"),
        (("create", "x", "--scope", "read", "--expires", "tomorrow"), "'tomorrow' is no time"),
        (("create", "x", "--scope", "read", "--expires", "2001-01-01"), "would have expired"),
        (("create", "x", "--scope", "read", "--limit", "rows"), "'rows' is no limit"),
        (("create", "x", "--scope", "read", "--limit", "rows=1"), "there is no limit 'rows'"),
        (("revoke", "nobody"), "no working key has the name or id 'nobody'"),
        (("rotate", "nobody"), "no working key has the name 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    argus: Command, arguments: tuple[str, ...], fault: str, tmp_path: Path
) -> None:
    assert fault in argus("keys", *arguments, "--data-dir", tmp_path).error()
    assert argus("keys", "list", "--data-dir", tmp_path, "--json").json() == []


def test_a_directory_that_is_not_there_is_named_and_made_for_a_first_key(
    argus: Command, tmp_path: Path
) -> None:
    missing = tmp_path / "mistyped"
    for words in (("list",), ("revoke", "x"), ("rotate", "x")):
        assert f"there is no directory {missing}" in argus("keys", *words, "--data-dir", missing).error()
    assert not missing.exists()
    made = argus("keys", "create", "x", "--scope", "read", "--data-dir", missing)
    assert f"{missing} was not there and has been made" in made.err
    assert "refuses callers without one" in made.err
    assert missing.stat().st_mode & 0o777 == 0o700
    second = argus("keys", "create", "y", "--scope", "read", "--data-dir", missing)
    assert "refuses callers" not in second.err
    file = tmp_path / "file"
    file.touch()
    assert (
        "Not a directory" in argus("keys", "create", "x", "--scope", "read", "--data-dir", file / "x").error()
    )
    assert "Errno" not in argus("keys", "create", "x", "--scope", "read", "--data-dir", file / "x").error()


def test_scopes_are_those_there_are(argus: Command, tmp_path: Path) -> None:
    assert argus("keys", "create", "x", "--scope", "everything", "--data-dir", tmp_path).code == 2
    assert argus("keys", "create", "x", "--data-dir", tmp_path).code == 2


def test_a_key_is_shown_once_alone_on_standard_output(argus: Command, tmp_path: Path) -> None:
    made = argus("keys", "create", "x", "--scope", "ingest", "--scope", "read", "--data-dir", tmp_path)
    assert made.out.strip().startswith("argus_")
    assert len(made.out.split()) == 1
    assert "cannot be shown again" in made.err
    again = argus("keys", "create", "x", "--scope", "read", "--data-dir", tmp_path).error()
    assert "there is a key 'x'; rotate it" in again
    rotated = argus("keys", "rotate", "x", "--grace", "1h", "--data-dir", tmp_path)
    assert rotated.out != made.out
    listed = argus("keys", "list", "--data-dir", tmp_path).out
    assert listed.count("active") == 2
    everything = "".join(path.read_text() for path in tmp_path.iterdir())
    assert made.out.strip().rpartition("_")[2] not in everything + listed
    events = [json.loads(line)["event"] for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert events == ["key_created", "key_rotated"]
