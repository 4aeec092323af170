"""How every sub-command that talks to a server reaches it: the options of TLS and of the API key."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from argus_client import ArgusClient, AsyncArgusClient, TLSConfig

API_KEY_VARIABLE: Final = "ARGUS_API_KEY"

_PANEL: Final = "Connection"
_CONNECT: Final = "connect"

R = TypeVar("R")
C = TypeVar("C", ArgusClient, AsyncArgusClient)

Tls = Annotated[
    bool,
    typer.Option(
        "--tls", envvar="ARGUS_TLS", rich_help_panel=_PANEL, help="Encrypt; trust the system's authorities."
    ),
]
Cacert = Annotated[
    Path | None,
    typer.Option(
        envvar="ARGUS_CACERT", rich_help_panel=_PANEL, help="Encrypt; trust the authorities in this PEM file."
    ),
]
Cert = Annotated[
    Path | None,
    typer.Option(envvar="ARGUS_CERT", rich_help_panel=_PANEL, help="Own PEM certificate, for mutual TLS."),
]
CertKey = Annotated[
    Path | None, typer.Option(envvar="ARGUS_CERT_KEY", rich_help_panel=_PANEL, help="Its PEM key.")
]
ServerName = Annotated[
    str | None,
    typer.Option(
        envvar="ARGUS_SERVER_NAME",
        rich_help_panel=_PANEL,
        help="Name in the server's certificate, if it is not the host of --target.",
    ),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(
        envvar="ARGUS_API_KEY_FILE",
        rich_help_panel=_PANEL,
        help=f"File with the API key. Or set {API_KEY_VARIABLE}: a key on the command line can be seen by others.",
    ),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure", rich_help_panel=_PANEL, help="Send the API key unencrypted to another machine."
    ),
]


@dataclass(frozen=True, slots=True)
class Connect:
    """What was said about how to connect."""

    tls: Tls = False
    cacert: Cacert = None
    cert: Cert = None
    cert_key: CertKey = None
    server_name: ServerName = None
    api_key_file: ApiKeyFile = None
    insecure: Insecure = False

    @property
    def api_key(self) -> str | Path | None:
        """The API key, or the file with it; None when neither option nor environment has one."""
        return self.api_key_file or os.environ.get(API_KEY_VARIABLE) or None

    def client(self, target: str) -> ArgusClient:
        """A client of a server; its API key is that of the file, or of the environment.

        Raises:
            typer.BadParameter: what was said does not fit together.
            OSError: a file cannot be read.
        """
        return self._make(ArgusClient, target)

    def async_client(self, target: str, **others: Any) -> AsyncArgusClient:
        """The same for an event loop; `others` are further arguments of the client."""
        return self._make(AsyncArgusClient, target, **others)

    def _make(self, kind: type[C], target: str, **others: Any) -> C:
        try:
            return kind(
                target,
                api_key=self.api_key,
                tls=self.tls_config(),
                insecure=self.insecure,
                **others,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    def tls_config(self) -> TLSConfig | None:
        """What was said about TLS; None when nothing was.

        Raises:
            ValueError: it does not fit together.
            OSError: a file cannot be read.
        """
        if not (self.tls or self.cacert or self.cert or self.cert_key or self.server_name):
            return None
        return TLSConfig.from_files(
            authority=self.cacert,
            certificate=self.cert,
            private_key=self.cert_key,
            server_name=self.server_name,
        )


def connecting(command: Callable[..., R]) -> Callable[..., R]:
    """Gives a command the options of a connection; it gets them as the argument `connect`, a `Connect`."""
    signature = inspect.signature(command, eval_str=True)
    hints = inspect.get_annotations(Connect, eval_str=True)
    options = [
        inspect.Parameter(
            option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=hints[option.name]
        )
        for option in fields(Connect)
    ]

    @wraps(command)
    def with_options(**given: Any) -> R:
        connect = Connect(**{option.name: given.pop(option.name) for option in options})
        return command(**given, **{_CONNECT: connect})

    kept = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name != _CONNECT
    ]
    whole = signature.replace(parameters=[*kept, *options])
    setattr(with_options, "__signature__", whole)  # noqa: B010  mypy knows no such attribute of a function
    with_options.__annotations__ = {p.name: p.annotation for p in whole.parameters.values()}
    return with_options
