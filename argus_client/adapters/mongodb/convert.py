"""From the predecessor's `mongodb_adapter_config.json` to the TOML of this adapter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_plus

from argus_client.adapters.predecessor import OldConfig, quoted

_USER_INFO = re.compile(r"^([a-z0-9+]+://)([^/?]*)@", re.IGNORECASE)


def converted(values: Mapping[str, object]) -> str:
    """The TOML of a configuration with the tables `mongodb` (or `database`), `tft_daemon` and `adapter`.

    Raises:
        ConfigError: it is no such configuration.
    """
    old = OldConfig(values)
    old.require("mongodb", "database")
    uri = old.text("mongodb.uri")
    if not uri:
        host = old.text("mongodb.host", "database.host", default="localhost")
        uri = f"mongodb://{host}:{old.text('mongodb.port', 'database.port', default='27017')}"
    user = old.text("mongodb.username", "database.auth.username", "database.username")
    has_password = bool(old.text("mongodb.password", "database.auth.password", "database.password"))
    if match := _USER_INFO.match(uri):
        in_uri, colon, _ = match[2].partition(":")
        user, has_password = user or unquote_plus(in_uri), has_password or bool(colon)
        uri = match[1] + uri[match.end() :]
    lines = [
        "",
        "[source]",
        f"uri = {quoted(uri)}",
        f"database = {quoted(old.text('mongodb.database', 'database.database', default='linborg'))}",
        f"collection = {quoted(old.text('mongodb.collection', 'database.collection', default='server_metrics'))}",
    ]
    if user:
        lines.append(f"username = {quoted(user)}")
    if has_password:
        lines.append('password_file = "mongodb.password"  # put the password there, and chmod 600 it')
    lines += ["", "[mapping]", 'preset = "linborg"']
    return old.head("mongodb") + "\n".join(lines) + "\n"
