"""Which server an adapter's commands use: the command line before the environment, and that before the file.

A key in the file is for the server in the file. Whoever names another one, with `--target` or `ARGUS_TARGET`, names its
key too, with `--api-key-file`, `ARGUS_API_KEY_FILE` or `ARGUS_API_KEY`; else none is sent.
"""

from __future__ import annotations

from collections.abc import Callable

from argus_client.adapters.core.config import ServerConfig, check
from argus_client.adapters.core.errors import ConfigError
from argus_client.cli.connecting import Connect


def server_in_force(
    file: ServerConfig, target: str | None, connect: Connect, warn: Callable[[str], None]
) -> ServerConfig:
    """The server to use.

    Args:
        file: What the configuration file says.
        target: HOST:PORT of the command line or the environment; None for that of the file.
        connect: TLS and key of the command line or the environment. If any of the options of TLS is given, they hold in
            place of all of the file's.
        warn: Takes one line about a key that is not sent.

    Raises:
        ConfigError: no client can be made of it, or a key would be sent in the clear.
    """
    try:
        tls = connect.tls_config() or file.tls
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"TLS cannot be set up as the command line or the environment says: {error}."
        ) from None
    is_files = target is None or target == file.target
    key = connect.api_key
    if key is None and file.api_key is not None:
        if is_files:
            key = file.api_key
        else:
            warn(
                f"the API key of the configuration is for {file.target} and is not sent to {target}: name the key of "
                "that server with --api-key-file or ARGUS_API_KEY"
            )
    server = ServerConfig(
        target=target or file.target,
        api_key=key,
        tls=tls,
        insecure=connect.insecure or (is_files and file.insecure),
    )
    check(server, "[argus], with what the command line and the environment say:")
    return server


def described(server: ServerConfig, file: ServerConfig) -> str:
    """The server in force, and the configuration's if that is another one."""
    other = "" if server.target == file.target else f" (the configuration says {file.target})"
    return f"{server.target}{other}"
