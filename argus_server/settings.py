"""Settings of the server: flags over `ARGUS_*` environment over a TOML file over defaults."""

from __future__ import annotations

import ipaddress
import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableSetting

from argus_server.alerts.notify.target import AlertTarget
from argus_server.security.key_file import KEYS_FILE
from argus_server.security.scopes import Scope


class SettingsError(ValueError):
    """Settings that cannot be used. The message names each setting, what was got and what is allowed."""


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[IPv6]:PORT` or `:PORT`.

    Raises:
        ValueError: It is none of these.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(
            f"{address!r} is no HOST:PORT; for example 127.0.0.1:50051, or port 0 for any free one"
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def join_address(host: str, port: int) -> str:
    """The other way round: `HOST:PORT`, with brackets around an IPv6 host."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach an address."""
    if host in ("localhost", "localhost.localdomain"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServerSettings(BaseSettings):
    """Everything the server can be told."""

    model_config = SettingsConfigDict(
        env_prefix="ARGUS_", frozen=True, extra="forbid", toml_file=None, allow_inf_nan=False
    )

    listen: str = Field("127.0.0.1:50051", description="HOST:PORT for gRPC; port 0 picks a free one")
    metrics_listen: str = Field(
        "127.0.0.1:9464", description="HOST:PORT for Prometheus; port 0 picks a free one, empty turns it off"
    )
    insecure_listen: bool = Field(
        False, description="allow binding beyond loopback without TLS and API keys: the network is trusted"
    )
    tls_cert: Path | None = Field(
        None,
        description="PEM certificate of the server, intermediates after it; followed as the file changes",
    )
    tls_key: Path | None = Field(None, description="its PEM key, unencrypted")
    tls_client_ca: Path | None = Field(
        None,
        description="PEM certificates of authorities; clients must then have a certificate of one (mTLS)",
    )
    tls_identities: dict[str, frozenset[Scope]] = Field(
        default_factory=dict,
        description="scopes by a name in the client's certificate, instead of an API key",
    )
    require_keys: bool = Field(
        False,
        description="refuse callers without an API key, even while there is none; else from the first key on",
    )
    metrics_require_key: bool = Field(
        False, description="ask for a key with scope read on the Prometheus port, too; always beyond loopback"
    )
    data_dir: Path | None = Field(
        None,
        description="directory for rows and state, which then survive a restart; models in DIR/models can be loaded",
    )
    durability: Literal["os", "fsync"] = Field(
        "os",
        description="acknowledge rows when a killed server cannot lose them (os), or when a power cut cannot (fsync)",
    )
    segment_bytes: int = Field(
        64 << 20, ge=1 << 16, le=1 << 30, description="bytes of log that are turned into Parquet at once"
    )
    segment_minutes: float = Field(10.0, gt=0, description="or minutes of log, if they come first")
    checkpoint_minutes: float = Field(5.0, gt=0, description="how often the state for a restart is written")
    history_days: float = Field(
        35.0, gt=0, description="days that stored rows are kept, of those that have rows"
    )
    history_max_bytes: int | None = Field(
        None,
        gt=0,
        description="bytes of Parquet a table may take, the oldest day goes first; no limit if not given",
    )
    model: Path | None = Field(None, description="model artifact to run; the shipped one if not given")
    clock: Literal["wall", "event"] = Field(
        "wall", description="wall: the time of day; event: the time of the newest sample, to replay history"
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N")
    tick_seconds: float = Field(5.0, gt=0, le=3600, description="how often to forecast")
    retention_hours: float = Field(
        24.0,
        gt=0,
        description="forget a server that has been silent for this long; it counts as offline until then",
    )
    silent_steps: int | None = Field(
        None,
        gt=0,
        description="a server that has sent nothing for more steps than this is offline; 3, or 12 with an event clock",
    )
    max_servers: int = Field(10_000, gt=0, le=1_000_000, description="servers the fleet may have")
    max_batch_rows: int = Field(10_000, gt=0, le=10_000, description="rows a batch may have")
    max_batch_bytes: int = Field(4 << 20, gt=1024, le=64 << 20, description="bytes a batch may have")
    max_in_flight_batches: int = Field(64, gt=0, description="unacknowledged batches a source may have")
    max_rows_per_second: int = Field(
        2_000_000, gt=0, description="rows per second a stream may send unthrottled"
    )
    max_subscribers: int = Field(2_000, gt=0, description="subscriptions that may be open at once")
    max_exported_servers: int = Field(500, ge=0, description="servers with gauges of their own in Prometheus")
    heartbeat_seconds: float = Field(10.0, gt=0, le=15, description="longest silence on a subscription")
    drain_seconds: float = Field(5.0, ge=0, description="time clients have to leave when the server stops")
    risk_tables: Path | None = Field(
        None, description="TOML file of risk tables; the built-in ones if not given"
    )
    alert_retention_days: float = Field(
        90.0, gt=0, description="how long resolved alerts, silences that are over and events are kept"
    )
    alert_targets: tuple[AlertTarget, ...] = Field(
        (), description="who is told of alerts: Alertmanagers, webhooks, Slack"
    )
    dashboard_url: str = Field("", description="address of the dashboard, for links in notifications")
    cores: dict[str, int] = Field(
        default_factory=dict, description="CPU cores by server name, to judge load per core"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severity to log"
    )

    @field_validator("listen")
    @classmethod
    def _listen_is_address(cls, value: str) -> str:
        return join_address(*split_address(value))

    @field_validator("metrics_listen")
    @classmethod
    def _metrics_listen_is_address(cls, value: str) -> str:
        return join_address(*split_address(value)) if value else value

    @field_validator("dashboard_url")
    @classmethod
    def _dashboard_url_is_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://, or be empty")
        return value

    @field_validator("alert_targets")
    @classmethod
    def _alert_targets_have_their_own_names(cls, value: tuple[AlertTarget, ...]) -> tuple[AlertTarget, ...]:
        names = [target.name for target in value]
        if doubles := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"every target needs a name of its own, and there are several {doubles[0]}")
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("only one of tls_cert and tls_key is given; TLS needs both")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError(
                "tls_client_ca needs tls_cert and tls_key: clients prove who they are inside TLS"
            )
        if self.tls_identities and self.tls_client_ca is None:
            raise ValueError("tls_identities needs tls_client_ca: without it no client shows a certificate")
        if self.require_keys and self.keys_file is None and not self.tls_identities:
            raise ValueError("require_keys needs data_dir: there is nowhere to look for API keys")
        if self.metrics_require_key and self.keys_file is None and not self.tls_identities:
            raise ValueError("metrics_require_key needs data_dir: there is nowhere to look for API keys")
        return self

    @model_validator(mode="after")
    def _beyond_loopback_only_if_safe(self) -> Self:
        if not self.is_exposed:
            return self
        missing = []
        if self.tls_cert is None:
            missing.append("nothing is encrypted: give --tls-cert and --tls-key")
        if self.keys_file is None and not self.tls_identities:
            missing.append("nobody is authenticated: give --data-dir, and make keys with argus keys create")
        if missing:
            raise ValueError(
                f"{self._reachable[0]} can be reached from other machines, and {'; '.join(missing)}. Or bind to "
                "127.0.0.1, or give --insecure-listen if the network is trusted"
            )
        return self

    @property
    def keys_file(self) -> Path | None:
        """Where API keys are; None when there can be none."""
        return self.data_dir / KEYS_FILE if self.data_dir else None

    @property
    def is_reachable(self) -> bool:
        """Whether other machines can reach a port."""
        return bool(self._reachable)

    @property
    def is_exposed(self) -> bool:
        """Whether other machines can reach a port and the network is not declared to be trusted."""
        return self.is_reachable and not self.insecure_listen

    @property
    def metrics_need_key(self) -> bool:
        """Whether a scrape of the metrics needs a key."""
        return self.metrics_require_key or (
            self.metrics_listen in self._reachable and not self.insecure_listen
        )

    @property
    def _reachable(self) -> list[str]:
        addresses = filter(None, (self.listen, self.metrics_listen))
        return [address for address in addresses if not is_loopback(split_address(address)[0])]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The file's place comes in with the flags, since only they know it.
        given = dict(init_settings.init_kwargs) if isinstance(init_settings, InitSettingsSource) else {}
        file = given.pop("config_file", None)
        return (
            InitSettingsSource(settings_cls, given),
            env_settings,
            TomlConfigSettingsSource(settings_cls, file),
        )

    @classmethod
    def load(cls, flags: dict[str, Any], config_file: Path | None = None) -> Self:
        """Reads settings from all places.

        Args:
            flags: Flags that were given; None means not given.
            config_file: TOML file with the names of the settings as keys.

        Raises:
            SettingsError: A setting has a wrong value or name, or the file cannot be read.
        """
        if config_file is not None:
            try:
                tomllib.loads(config_file.read_text())
            except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise SettingsError(f"cannot read {config_file}: {error}") from error
        given = {name: value for name, value in flags.items() if value is not None}
        if config_file is not None:
            given["config_file"] = config_file
        try:
            return cls(**given)
        except UnreadableSetting as error:
            raise SettingsError(f"{error}: {error.__cause__}") from error
        except ValidationError as error:
            raise SettingsError("; ".join(_spell_out(problem) for problem in error.errors())) from error

    def to_json(self) -> str:
        """The settings in force."""
        return json.dumps(self.model_dump(mode="json"), indent=2)


def _spell_out(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{name}: there is no such setting"
    if problem["loc"][:1] == ("alert_targets",):
        return f"{name}: {message}"  # what was got may be a secret
    return f"{name}: {message} (got {problem['input']!r})" if name else message
