"""What the dashboard can be told, checked once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

DEFAULT_LISTEN: Final = "127.0.0.1:8080"


class SettingsError(ValueError):
    """A setting is wrong; the message says which, and what is allowed."""


@dataclass(frozen=True, slots=True)
class UiSettings:
    """Settings of the dashboard.

    Attributes:
        listen: HOST:PORT for browsers; port 0 picks a free one.
        target: HOST:PORT of the Argus server, as shown to people.
        simulator: HOST:PORT of the simulator whose scenario can be steered; empty for none.
        dark: Dark or light to begin with; None goes by the browser. A person's own choice wins.
        root_path: Path below which a reverse proxy shows the dashboard, such as `/argus`; empty for none.
        password: Asked for before anything is shown; empty for no log-in.
        storage_secret: Signs the sessions of logged-in browsers; empty for one that ends with the process.
        user_header: Header in which a reverse proxy names the user it has logged in; empty for none.
        trusted_proxies: Addresses of the proxies that are believed.
        allowed_origins: Origins, beside its own, whose pages may connect, such as `https://status.example.com`.
        insecure_listen: Allow listening beyond loopback without a log-in.

    Raises:
        SettingsError: Something does not fit.
    """

    listen: str = DEFAULT_LISTEN
    target: str = "127.0.0.1:50051"
    simulator: str = ""
    dark: bool | None = None
    root_path: str = ""
    password: str = field(default="", repr=False)
    storage_secret: str = field(default="", repr=False)
    user_header: str = ""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    allowed_origins: tuple[str, ...] = ()
    insecure_listen: bool = False

    def __post_init__(self) -> None:
        host, _ = split_address(self.listen)
        if self.root_path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", self.root_path):
            raise SettingsError(
                f"root path is {self.root_path!r}; it must begin with / and not end with one, and have letters, digits "
                "and -._~ between, such as /argus"
            )
        for origin in self.allowed_origins:
            scheme, separator, rest = origin.partition("://")
            if not (separator and scheme in ("http", "https") and rest and "/" not in rest):
                raise SettingsError(
                    f"origin is {origin!r}; it must be a scheme and a host, such as https://status.example.com"
                )
        for address in self.trusted_proxies:
            try:
                ip_address(address)
            except ValueError:
                raise SettingsError(f"trusted proxy is {address!r}; it must be an IP address") from None
        if not (is_loopback(host) or self.has_login or self.insecure_listen):
            raise SettingsError(
                f"listening on {self.listen} would show the fleet to everybody who can reach it; set "
                "ARGUS_UI_PASSWORD, or --user-header behind a proxy that logs people in, or --insecure-listen "
                "if that is meant"
            )

    @property
    def has_login(self) -> bool:
        """Whether somebody has to say who they are."""
        return bool(self.password or self.user_header)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        SettingsError: It is no such address.
    """
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"address is {address!r}; it must be HOST:PORT, such as {DEFAULT_LISTEN}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
