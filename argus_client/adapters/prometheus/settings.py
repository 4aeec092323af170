"""The `[source]` table of a Prometheus adapter."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.core.table import Table
from argus_client.adapters.prometheus.api import Access, PrometheusApi
from argus_client.adapters.prometheus.presets import PRESETS, preset_queries
from argus_client.adapters.prometheus.source import PrometheusSource, Reading
from argus_client.samples import METRICS

TEMPLATE: Final = """\
# Server metrics from a Prometheus, or from what speaks its API: Thanos, Mimir, VictoriaMetrics.

[adapter]
name = "prometheus"          # names the cursor's file and the source at the Argus server; keep it
interval_seconds = 30
since = "24h"                # where the first run begins: a day of history warms the forecast at once

[argus]
target = "127.0.0.1:50051"
# api_key_file = "argus.key"

[source]
url = "http://127.0.0.1:9090"    # what comes before /api/v1
preset = "node_exporter"         # node_exporter, windows_exporter, or none: then queries says it all
# match = 'job="node"'           # matchers every selector of the preset gets
label = "instance"               # the label that names the server
strip_port = true                # "web-1:9100" is the server "web-1"
step_seconds = 30                # one row of a server each; the scrape interval is a good choice
rate_window_seconds = 240        # how far rates look back: four scrape intervals at least
settle_seconds = 30              # how old a time must be before it is asked for
timeout_seconds = 60             # of one query
# username = "argus"
# password_file = "password"     # or password_env = "VARIABLE"
# bearer_token_file = "token"    # or bearer_token_env = "VARIABLE"; read again for every query

# [source.headers]
# X-Scope-OrgID = "tenant"

# [source.tls]
# ca_file = "ca.pem"
# cert_file = "me.pem"
# key_file = "me.key"

# PromQL of single columns, over the preset: one series per server; "" leaves a column out. No preset measures
# front_close_wait; node_exporter not java_cpu_pct either; windows_exporter not cpu_iowait_pct and load_average.
# [source.queries]
# load_average = 'max by (instance) (node_load5)'
# back_close_wait = ""

# Server names are rewritten like this: without their domain.
# [[mapping.names]]
# match = '\\.example\\.com$'
# replace = ""
"""


def build(values: Mapping[str, object], context: SourceContext) -> PrometheusSource:
    """The source of a `[source]` table.

    Raises:
        ConfigError: the table is wrong.
        MissingExtraError: httpx is not installed.
    """
    table = Table(values, "source")
    access = _access(table, context)
    reading = _reading(table, context.overlap_seconds)
    table.finish()
    return PrometheusSource(
        PrometheusApi(access), reading, now_ms=context.now_ms, warn=context.warn, count=context.count
    )


def identity(values: Mapping[str, object]) -> object:
    """Where rows come from. Other queries go on where the former ones were: a cursor is a time and no more."""
    return values.get("url")


def _reading(table: Table, overlap_seconds: float) -> Reading:
    preset = table.choice("preset", PRESETS, "node_exporter")
    label = table.text("label", "instance")
    if not label:
        raise table.error("label", 'is empty; it must be the label that names the server, as "instance"')
    match = table.text("match", "").strip().rstrip(",")
    queries = preset_queries(
        preset,
        label=label,
        match=match,
        window_seconds=table.integer("rate_window_seconds", 240, minimum=1),
    )
    queries |= _own_queries(table.table("queries"))
    queries = {column: queries[column] for column in METRICS if queries.get(column)}
    if not queries:
        raise table.error(
            "queries", f"is empty, and so is the preset {preset!r}; give PromQL for one column at least"
        )
    return Reading(
        queries=queries,
        origin=_origin(preset, match),
        label=label,
        strips_port=table.flag("strip_port", True),
        step_seconds=table.integer("step_seconds", 30, minimum=1, maximum=3600),
        settle_seconds=table.seconds("settle_seconds", 30),
        overlap_seconds=overlap_seconds,
    )


def _origin(preset: str, match: str) -> str:
    if preset == "none":
        return "the queries of [source.queries]"
    return f"preset {preset!r}" + (f" with match {match!r}" if match else "")


def _own_queries(table: Table) -> dict[str, str]:
    queries = {column: table.text(column, "") for column in METRICS}
    table.finish()
    return {column: query for column, query in queries.items() if column in table}


def _access(table: Table, context: SourceContext) -> Access:
    url = table.text("url").rstrip("/").removesuffix("/api/v1")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(parts):
        raise table.error("url", 'is no address; it must be as "http://127.0.0.1:9090"')
    if parts.username is not None or parts.password is not None:
        raise table.error("url", "holds a user or password; use username and password_file")
    if parts.query or parts.fragment:
        raise table.error("url", "has a query; it must be what comes before /api/v1")
    username = table.text("username", "")
    password = _secret(table, "password", context)
    token = _secret(table, "bearer_token", context)
    if password is not None and not username:
        raise table.error("username", "is missing beside the password")
    if token is not None and username:
        raise table.error("username", "stands beside bearer_token; keep one of them")
    headers = table.table("headers")
    return Access(
        url=url,
        timeout_seconds=table.seconds("timeout_seconds", 60, minimum=0.1),
        headers={name: headers.text(name) for name in headers.names()},
        username=username,
        password=password,
        bearer_token=token,
        tls=_tls(table.table("tls"), context),
    )


def _has_port(parts: SplitResult) -> bool:
    """Whether its port, if it names one, is one."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def _secret(table: Table, key: str, context: SourceContext) -> Callable[[], str] | None:
    """Reads a secret: anew each time when it lies in a file, which may be rotated."""
    secret = table.secret(key, context.base_dir, config_path=context.config_path, warn=context.warn)
    if secret is None:
        return None
    if (file := table.raw(f"{key}_file")) is None:
        return lambda: secret
    again = Table({f"{key}_file": file}, table.name)
    return lambda: again.secret(key, context.base_dir) or ""


def _tls(table: Table, context: SourceContext) -> ssl.SSLContext | None:
    authority, certificate, key = (
        table.path(name, context.base_dir) for name in ("ca_file", "cert_file", "key_file")
    )
    table.finish()
    if (certificate is None) != (key is None):
        raise ConfigError(
            f"[{table.name}] has only one of cert_file and key_file; a client proves itself by both."
        )
    if authority is None and certificate is None:
        return None
    try:
        tls = ssl.create_default_context(cafile=authority)
        if certificate is not None:
            tls.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"[{table.name}] names files that cannot be used: {error}.") from None
    return tls
