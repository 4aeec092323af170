"""From the predecessor's `elasticsearch_adapter_config.json` to the TOML of this adapter."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from argus_client.adapters.predecessor import OldConfig, quoted


def converted(values: Mapping[str, object]) -> str:
    """The TOML of a configuration with the tables `elasticsearch`, `field_mappings` and `tft_daemon`.

    Raises:
        ConfigError: it is no such configuration.
    """
    old = OldConfig(values)
    old.require("elasticsearch")
    scheme = "https" if old.value("elasticsearch.use_ssl") is True else "http"
    given = old.value("elasticsearch.hosts")
    hosts = [str(host) for host in given] if isinstance(given, list) and given else ["localhost:9200"]
    urls = [host if "://" in host else f"{scheme}://{host}" for host in hosts]
    user = old.text("elasticsearch.username")
    has_password = bool(old.text("elasticsearch.password"))
    bare = []
    for url in urls:
        parts = urlsplit(url)
        user, has_password = user or parts.username or "", has_password or parts.password is not None
        bare.append(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    lines = [
        "",
        "[source]",
        f"hosts = [{', '.join(map(quoted, bare))}]",
        f"index = {quoted(old.text('elasticsearch.index_pattern', default='linborg-metrics-*'))}",
        'layout = "rows"',
    ]
    if user:
        lines.append(f"username = {quoted(user)}")
    if has_password:
        lines.append('password_file = "elasticsearch.password"  # put the password there, and chmod 600 it')
    if ca_file := old.text("elasticsearch.ca_certs"):
        lines.append(f"ca_file = {quoted(ca_file)}")
    if old.value("elasticsearch.verify_certs") is False:
        lines.append("verify_certificates = false")
    lines += ["", "[mapping]", 'preset = "linborg"']
    # The predecessor never read these; what they meant holds now.
    if time_field := old.text("field_mappings.timestamp_field", "elasticsearch.time_field"):
        lines.append(f"timestamp = {quoted(time_field)}")
    names = old.value("field_mappings.server_name_fields")
    if isinstance(names, list) and names:
        lines.append(f"server_name = [{', '.join(quoted(str(name)) for name in names)}]")
    return old.head("elasticsearch") + "\n".join(lines) + "\n"
