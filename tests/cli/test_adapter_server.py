"""Which server, key and encryption an adapter's commands use, by who names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from argus_client import TLSConfig
from argus_client.adapters.core.config import ServerConfig
from argus_client.adapters.core.errors import ConfigError
from argus_client.cli.adapter_server import described, server_in_force
from argus_client.cli.connecting import Connect

FILE = ServerConfig("127.0.0.1:50051", api_key="key-of-the-file", insecure=True)
OTHER = "127.0.0.1:50052"
NOTHING_SAID = Connect()


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGUS_API_KEY", raising=False)


def resolved(target: str | None = None, connect: Connect = NOTHING_SAID) -> tuple[ServerConfig, list[str]]:
    warned: list[str] = []
    return server_in_force(FILE, target, connect, warned.append), warned


@pytest.mark.parametrize("target", [None, FILE.target])
def test_the_file_holds_where_nothing_else_is_said(target: str | None) -> None:
    assert resolved(target) == (FILE, [])
    assert described(FILE, FILE) == FILE.target


def test_a_key_of_the_file_is_sent_to_no_other_server() -> None:
    server, (warning,) = resolved(OTHER)
    assert (server.target, server.api_key, server.insecure) == (OTHER, None, False)
    assert FILE.target in warning
    assert OTHER in warning
    assert "key-of-the-file" not in warning
    assert described(server, FILE) == f"{OTHER} (the configuration says {FILE.target})"


def test_the_environment_wins_over_the_file_and_an_option_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("key-of-the-option")
    monkeypatch.setenv("ARGUS_API_KEY", "key-of-the-environment")
    for target in (None, OTHER):
        assert resolved(target)[0].api_key == "key-of-the-environment"
        assert resolved(target, Connect(api_key_file=tmp_path / "key"))[0].api_key == tmp_path / "key"
        assert resolved(target)[1] == []


def test_tls_of_the_file_holds_for_any_server_until_an_option_says_otherwise() -> None:
    tls = TLSConfig(server_name="of the file")
    file = ServerConfig("one:1", tls=tls)
    assert server_in_force(file, "two:2", Connect(), lambda _: None).tls == tls
    named = server_in_force(file, None, Connect(server_name="of the option"), lambda _: None)
    assert named.tls == TLSConfig(server_name="of the option")


def test_what_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        resolved("nowhere")
    with pytest.raises(ConfigError, match="TLS cannot be set up"):
        resolved(None, Connect(cacert=tmp_path / "none.pem"))
    monkeypatch.setenv("ARGUS_API_KEY", "key")
    with pytest.raises(ConfigError, match="unencrypted"):
        resolved("argus.example.com:443")
