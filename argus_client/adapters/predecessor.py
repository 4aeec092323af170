"""`OldConfig`: the JSON configuration of the predecessor's adapters, read to write the TOML of an adapter of Argus.

Secrets are not copied: the TOML names a file to put them into.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from argus_client.adapters.core.errors import ConfigError

_PORT: Final = 50051
"""Where Argus listens; the predecessor's daemon spoke HTTP on another port."""


class OldConfig:
    """Reads nested keys of an old configuration.

    Args:
        values: The parsed JSON.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def value(self, *paths: str) -> object:
        """The first value found at one of the dotted paths; None without one."""
        for path in paths:
            found: object = self._values
            for key in path.split("."):
                found = found.get(key) if isinstance(found, Mapping) else None
            if found is not None:
                return found
        return None

    def text(self, *paths: str, default: str = "") -> str:
        """The same as text; `default` when there is none, or it is no text or number."""
        found = self.value(*paths)
        return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else default

    def head(self, name: str) -> str:
        """The tables `[adapter]` and `[argus]`."""
        interval = self.value("adapter.fetch_interval", "fetch_interval")
        seconds = interval if isinstance(interval, int | float) and not isinstance(interval, bool) else 5
        host = urlsplit(self.text("tft_daemon.url")).hostname or "localhost"
        lines = [
            "[adapter]",
            f"name = {quoted(name)}",
            f"interval_seconds = {seconds}",
            'since = "24h"',
            "",
            "[argus]",
            f"target = {quoted(f'[{host}]:{_PORT}' if ':' in host else f'{host}:{_PORT}')}",
        ]
        if self.text("tft_daemon.api_key"):
            lines.append(
                'api_key_file = "argus.key"  # a key with the scope ingest; the old one is not valid here'
            )
        return "\n".join(lines) + "\n"

    def require(self, table: str, *alternatives: str) -> None:
        """Refuses what is no configuration of this kind.

        Raises:
            ConfigError: none of the tables is there.
        """
        if not any(isinstance(self.value(name), Mapping) for name in (table, *alternatives)):
            raise ConfigError(
                f"This is no old configuration of this adapter: it has no table {table!r}, only "
                f"{', '.join(sorted(self._values)) or 'nothing'}."
            )


def quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text).replace("\x7f", "\\u007f")
