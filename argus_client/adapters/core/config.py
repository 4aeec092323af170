"""The configuration file of an adapter: read, checked as a whole, and frozen."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from argus_client import AsyncArgusClient, Backoff, TLSConfig
from argus_client._config import ClientConfig
from argus_client.adapters.core.cursor import default_directory
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.spec import AdapterSpec
from argus_client.adapters.core.table import Table, parse_duration

DEFAULT_TARGET: Final = "127.0.0.1:50051"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
EVERYTHING: Final = "all"
RECONNECT_BACKOFF: Final = Backoff(initial_seconds=0.2, maximum_seconds=2.0)
"""Until the server is tried again. A site has few adapters, and their senders may give up after 10 s."""

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The `[argus]` table: the server, and how to reach it.

    Attributes:
        target: HOST:PORT.
        api_key: The key, or the path of a file with it, which is read again when it changes.
        tls: Encrypts; None does not.
        insecure: Sends the key unencrypted to another machine all the same.
    """

    target: str = DEFAULT_TARGET
    api_key: str | Path | None = field(default=None, repr=False)
    tls: TLSConfig | None = None
    insecure: bool = False

    def client(self) -> AsyncArgusClient:
        """A client of the server, for the running event loop."""
        return AsyncArgusClient(
            self.target,
            api_key=self.api_key,
            tls=self.tls,
            insecure=self.insecure,
            stream_backoff=RECONNECT_BACKOFF,
        )


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """A whole configuration file.

    Attributes:
        name: Names the adapter: its source id at the server, and its state file.
        interval_seconds: Between two looks for new rows, once there are none left.
        overlap_seconds: How far behind the newest time late rows are looked for.
        since: Where to begin the first time: a duration before now, an ISO time, or `all`.
        page_rows: Rows to ask a source for at once.
        state_dir: Where the cursor is kept.
        metrics_listen: HOST:PORT of the adapter's own Prometheus metrics; empty for none.
        server: The Argus server.
        source: The `[source]` table, for the adapter's own `build`.
        mapping: The `[mapping]` table on top of its preset.
        path: The file.
    """

    name: str
    interval_seconds: float = 30.0
    overlap_seconds: float = 120.0
    since: str = "24h"
    page_rows: int = 10_000
    state_dir: Path = field(default_factory=default_directory)
    metrics_listen: str = ""
    server: ServerConfig = field(default_factory=ServerConfig)
    source: Mapping[str, object] = field(default_factory=dict, repr=False)
    mapping: MappingConfig = field(default_factory=MappingConfig)
    path: Path | None = None

    @property
    def base_dir(self) -> Path:
        """Where relative paths in the file start."""
        return self.path.parent if self.path is not None else Path()


def load(path: Path, spec: AdapterSpec, warn: Warn = lambda _: None) -> AdapterConfig:
    """Reads the configuration file of an adapter of one kind.

    Raises:
        ConfigError: it cannot be read, is no TOML, or says something that cannot be; which key, and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The configuration {path} cannot be read: {error}. Make one: argus adapter init {spec.name}"
        ) from None
    return parse(text, spec, path=path.absolute(), warn=warn)


def parse(
    text: str, spec: AdapterSpec, *, path: Path | None = None, warn: Warn = lambda _: None
) -> AdapterConfig:
    """Reads the text of a configuration file; see `load`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path or 'The configuration'} is no TOML: {error}.") from None
    root = Table(values, "")
    base_dir = path.parent if path is not None else Path()
    own, argus, source = root.table("adapter"), root.table("argus"), root.table("source")
    mapping = root.table("mapping")
    root.finish()
    config = AdapterConfig(
        name=_name(own, spec.name),
        interval_seconds=own.seconds("interval_seconds", 30.0, minimum=0.1),
        overlap_seconds=own.seconds("overlap_seconds", 120.0),
        since=_since(own),
        page_rows=own.integer("page_rows", 10_000, minimum=1, maximum=1_000_000),
        state_dir=own.path("state_dir", base_dir) or default_directory(),
        metrics_listen=_address(own, "metrics_listen"),
        server=_server(argus, base_dir, path, warn),
        source=source.values,
        mapping=MappingConfig.from_table(mapping.values, spec.presets, spec.preset),
        path=path,
    )
    own.finish()
    return config


def since_ms(since: str, now_ms: int) -> int:
    """Unix milliseconds of a `since`: a duration before now, an ISO time (without a zone: UTC), or `all`.

    Raises:
        ValueError: it is none of them.
    """
    if since == EVERYTHING:
        return 0
    try:
        return now_ms - int(parse_duration(since) * 1000)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(since)
    except ValueError:
        raise ValueError(
            f'{since!r} is no beginning; write a duration before now such as "24h", a time such as '
            f'"2025-01-31T12:00:00Z", or "{EVERYTHING}"'
        ) from None
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def _name(table: Table, default: str) -> str:
    name = table.text("name", default)
    if not _NAME.fullmatch(name):
        raise table.error(
            "name", f"is {name!r}; 1 to 100 letters, digits, dots, dashes and underscores are allowed"
        )
    return name


def _since(table: Table) -> str:
    since = table.text("since", "24h")
    try:
        since_ms(since, 0)
    except ValueError as error:
        raise table.error("since", f"is wrong: {error}") from None
    return since


def _address(table: Table, key: str) -> str:
    address = table.text(key, "")
    host, _, port = address.rpartition(":")
    if address and not (host and port.isdigit()):
        raise table.error(key, f"is {address!r}; it must be HOST:PORT, such as 127.0.0.1:9105")
    return address


def _server(table: Table, base_dir: Path, path: Path | None, warn: Warn) -> ServerConfig:
    target = table.text("target", DEFAULT_TARGET)
    key: str | Path | None = table.path("api_key_file", base_dir)
    if key is None:
        key = table.secret("api_key", base_dir, config_path=path, warn=warn)
    config = ServerConfig(target, key, _tls(table, base_dir), table.flag("insecure", False))
    table.finish()
    check(config, "[argus]")
    return config


def check(config: ServerConfig, where: str) -> None:
    """Refuses what no client can be made of; `where` says who said it.

    Raises:
        ConfigError: the target is none, or a key would be sent in the clear.
    """
    try:
        ClientConfig(config.target, config.api_key, config.tls, insecure=config.insecure)
    except OSError as error:
        raise ConfigError(f"{where} api_key_file cannot be read: {error}.") from None
    except ValueError as error:
        raise ConfigError(f"{where} {error}") from None


def _tls(table: Table, base_dir: Path) -> TLSConfig | None:
    wanted = table.flag("tls", False)
    cacert, cert = table.path("cacert", base_dir), table.path("cert", base_dir)
    key, server_name = table.path("cert_key", base_dir), table.text("server_name", "") or None
    if not (wanted or cacert or cert or key or server_name):
        return None
    try:
        return TLSConfig.from_files(
            authority=cacert, certificate=cert, private_key=key, server_name=server_name
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"[argus] TLS cannot be set up: {error}.") from None
