"""The `[source]` table of an OTLP adapter."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.core.table import Table
from argus_client.adapters.otlp.access import Certificate, Endpoint
from argus_client.adapters.otlp.intake import Limits
from argus_client.adapters.otlp.points import Selection
from argus_client.adapters.otlp.source import OtlpSource

_EXCLUDED_DEVICES: Final = (
    "lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|bond.*|tun.*|tap.*|ifb.*|.*[.].*|Loopback.*"
)

TEMPLATE: Final = f"""\
# Server metrics sent by OpenTelemetry SDKs and collectors, and by agents that speak OTLP.

[adapter]
name = "otlp"                # names the source at the Argus server; keep it

[argus]
target = "127.0.0.1:50051"
# api_key_file = "argus.key"

[source]
grpc_listen = "127.0.0.1:4317"   # "" for none
http_listen = "127.0.0.1:4318"   # "" for none; POST /v1/metrics, protobuf or JSON
server_name = ["host.name", "k8s.node.name", "host", "service.instance.id"]   # the first attribute that is there
mountpoints = ["/", "C:"]        # file systems to look at; the fullest of them is the server's
excluded_devices = "{_EXCLUDED_DEVICES}"
resolution_seconds = 10          # points of a server in such a stretch of time make one row
grace_seconds = 1                # how long the rest of a row is waited for
answer_seconds = 3               # how long the Argus server has, before a sender is told to try again
max_requests = 256               # that may wait for their answer at a time
max_request_mb = 4               # unpacked
# token_file = "token"           # what "Authorization: Bearer" must hold; or token_env = "VARIABLE"
# insecure = true                # listen beyond this machine without token or TLS

# [source.tls]
# cert_file = "server.pem"
# key_file = "server.key"
# client_ca_file = "clients.pem" # senders must have a certificate of this authority

# Host metrics hold no java_cpu_pct and no front_close_wait: these are not measured.

# Server names are rewritten like this: without their domain.
# [[mapping.names]]
# match = '\\.example\\.com$'
# replace = ""
"""


def serve(values: Mapping[str, object], context: SourceContext) -> OtlpSource:
    """The receiver of a `[source]` table.

    Raises:
        ConfigError: the table is wrong.
    """
    table = Table(values, "source")
    certificate = _certificate(table.table("tls"), context.base_dir)
    token = table.secret("token", context.base_dir, config_path=context.config_path, warn=context.warn) or ""
    guarded = bool(token) or (certificate is not None and certificate.client_authority is not None)
    open_to_all = table.flag("insecure", False)
    endpoints = {
        key: _endpoint(table, key, default, token, certificate, guarded or open_to_all)
        for key, default in (("grpc_listen", "127.0.0.1:4317"), ("http_listen", "127.0.0.1:4318"))
    }
    if not any(endpoints.values()):
        raise table.error("grpc_listen", "is empty, and so is http_listen; listen on one of them")
    selection = _selection(table)
    limits = Limits(
        resolution_seconds=table.integer("resolution_seconds", 10, minimum=1, maximum=300),
        grace_seconds=table.seconds("grace_seconds", 1.0),
        answer_seconds=table.seconds("answer_seconds", 3.0, minimum=0.1),
        max_requests=table.integer("max_requests", 256, minimum=1),
        max_request_bytes=table.integer("max_request_mb", 4, minimum=1, maximum=1024) << 20,
    )
    table.finish()
    return OtlpSource(endpoints["grpc_listen"], endpoints["http_listen"], selection, limits, context)


def _selection(table: Table) -> Selection:
    names = table.texts("server_name", ("host.name", "k8s.node.name", "host", "service.instance.id"))
    if not names or not all(names):
        raise table.error("server_name", "names no attribute; every server needs a name")
    pattern = table.text("excluded_devices", _EXCLUDED_DEVICES)
    try:
        excluded = re.compile(pattern)
    except re.error as error:
        raise table.error("excluded_devices", f"is no regular expression: {error}") from None
    return Selection(names, frozenset(table.texts("mountpoints", ("/", "C:"))), excluded)


def _endpoint(
    table: Table, key: str, default: str, token: str, certificate: Certificate | None, may_be_reached: bool
) -> Endpoint | None:
    if not (text := table.text(key, default)):
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise table.error(key, f"is {text!r}; it must be HOST:PORT, as {default!r}")
    if not _is_loopback(host) and not may_be_reached:
        raise table.error(
            key,
            f"is {text!r}: everybody who reaches this machine could send. Set token_file, or [source.tls] with "
            "client_ca_file; or insecure = true if the network is trusted",
        )
    return Endpoint(host, int(port), token, certificate)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _certificate(table: Table, base_dir: Path) -> Certificate | None:
    paths = {key: table.path(key, base_dir) for key in ("cert_file", "key_file", "client_ca_file")}
    table.finish()
    if not any(paths.values()):
        return None
    read: dict[str, bytes | None] = {}
    for key, path in paths.items():
        try:
            read[key] = None if path is None else path.read_bytes()
        except OSError as error:
            raise table.error(key, f"names {path}, which cannot be read: {error.strerror}") from None
    chain, key_pem = read["cert_file"], read["key_file"]
    if chain is None or key_pem is None:
        raise ConfigError(f"[{table.name}] needs both cert_file and key_file.")
    return Certificate(chain, key_pem, read["client_ca_file"])
