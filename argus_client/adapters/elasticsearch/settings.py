"""`SearchSettings`: the `[source]` table of an Elasticsearch or OpenSearch adapter. Credentials are shown nowhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.core.table import Table

FLAVOURS: Final = ("elasticsearch", "opensearch")
LAYOUTS: Final = ("auto", "rows", "metricsets")
METRICSETS: Final = ("cpu", "memory", "load", "filesystem", "network", "uptime")
_USER_INFO: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)
_HIDDEN: Final = "***"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How a server's certificate is checked, and which one is shown to it."""

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Where documents are and how they are read.

    Attributes:
        hosts: URLs of the servers, without credentials.
        index: Indices, data streams, aliases or patterns, with commas between them.
        time_field: Field that orders the documents; of type date or date_nanos.
        flavour: One of `FLAVOURS`.
        by_metricset: A row is put together from the documents of a host and a stretch of time.
        metricsets: Which metricsets are asked for then.
        bucket_ms: That stretch.
        settle_ms: How long after its end documents of a stretch may still come in.
        filter: A query all documents must match; empty for none.
        tiebreaker: Field that orders documents of one moment; empty leaves it to the flavour.
        batch_documents: Documents of one search.
        timeout_seconds: The longest one request may take.
        keep_alive_seconds: How long the server keeps a point in time between two requests.
        authorization: Value of the HTTP header; None without credentials.
        secrets: What must never be shown.
    """

    hosts: tuple[str, ...]
    index: str
    time_field: str
    flavour: str = "elasticsearch"
    by_metricset: bool = False
    metricsets: tuple[str, ...] = METRICSETS
    bucket_ms: int = 60_000
    settle_ms: int = 15_000
    filter: Mapping[str, object] = field(default_factory=dict)
    tiebreaker: str = ""
    batch_documents: int = 5_000
    timeout_seconds: float = 30.0
    keep_alive_seconds: int = 120
    tls: TlsSettings = TlsSettings()
    authorization: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def where(self) -> str:
        """The server, for messages."""
        name = "OpenSearch" if self.flavour == "opensearch" else "Elasticsearch"
        return f"{name} at {', '.join(self.hosts)}"

    def redacted(self, text: str) -> str:
        """`text` without credentials."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return _USER_INFO.sub(rf"\1{_HIDDEN}@", text)

    @staticmethod
    def from_table(values: Mapping[str, object], context: SourceContext) -> SearchSettings:
        """Reads the table.

        Raises:
            ConfigError: a key is missing, unknown or wrong; the message never holds a secret.
        """
        table = Table(values, "source")
        hosts, user, password = _hosts(table)
        authorization, secrets = _authorization(table, context, user, password)
        by_metricset = _by_metricset(table, context)
        index = table.texts("index")
        if not index or not all(index):
            raise table.error("index", "names no index; an index, data stream, alias or pattern is needed")
        settings = SearchSettings(
            hosts=hosts,
            index=",".join(index),
            time_field=table.text("time_field", context.mapping.timestamp[0]),
            flavour=table.choice("flavour", FLAVOURS, FLAVOURS[0]),
            by_metricset=by_metricset,
            metricsets=table.texts("metricsets", METRICSETS),
            bucket_ms=1_000 * table.integer("bucket_seconds", 60, minimum=1, maximum=3_600),
            settle_ms=int(1_000 * table.seconds("settle_seconds", 15.0)),
            filter=_filter(table),
            tiebreaker=table.text("tiebreaker", ""),
            # index.max_result_window of a server, unless somebody changed it, is the largest a search may be.
            batch_documents=table.integer("batch_documents", 5_000, minimum=1, maximum=10_000),
            timeout_seconds=table.seconds("timeout_seconds", 30.0, minimum=0.1),
            keep_alive_seconds=table.integer("keep_alive_seconds", 120, minimum=1, maximum=3_600),
            tls=_tls(table, context),
            authorization=authorization,
            secrets=secrets,
        )
        table.finish()
        return settings


def _hosts(table: Table) -> tuple[tuple[str, ...], str, str]:
    """The URLs without credentials, and the user and password that stood in the first that had any."""
    hosts: list[str] = []
    user = password = ""
    for text in table.texts("hosts", ("http://localhost:9200",)):
        try:
            url = urlsplit(text.strip())
            port = url.port
        except ValueError:  # never quoted: there may be a password in it
            raise table.error("hosts", "holds what is no URL; write https://localhost:9200") from None
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
            raise table.error(
                "hosts", "must hold URLs such as https://localhost:9200, with http:// or https://"
            )
        if not user and url.username:
            user, password = unquote(url.username), unquote(url.password or "")
        port = port or (443 if url.scheme == "https" else 9200)
        name = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        hosts.append(f"{url.scheme}://{name}:{port}{url.path.rstrip('/')}")
    if not hosts:
        raise table.error("hosts", "is empty; at least one URL is needed")
    return tuple(hosts), user, password


def _authorization(
    table: Table, context: SourceContext, user: str, password: str
) -> tuple[str | None, tuple[str, ...]]:
    """The header, and what of it is secret. One of API key, token, and user with password."""

    def secret(key: str) -> str | None:
        return table.secret(key, context.base_dir, config_path=context.config_path, warn=context.warn)

    key, token, given = secret("api_key"), secret("bearer_token"), secret("password")
    user = table.text("username", user)
    password = given if given is not None else password
    ways = [
        name
        for name, value in (("api_key", key), ("bearer_token", token), ("username", user or password))
        if value
    ]
    if len(ways) > 1:
        raise table.error(ways[0], f"stands beside {ways[1]}; keep one way to authenticate")
    if key is not None:
        # Both forms that servers hand out: `id:key`, and that already encoded.
        encoded = _encoded(key) if ":" in key else key
        return f"ApiKey {encoded}", (key, encoded)
    if token is not None:
        return f"Bearer {token}", (token,)
    if not user and not password:
        return None, ()
    if not user:
        raise table.error("username", "is missing; there is a password without it")
    encoded = _encoded(f"{user}:{password}")
    return f"Basic {encoded}", tuple(filter(None, (password, encoded)))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _by_metricset(table: Table, context: SourceContext) -> bool:
    layout = table.choice("layout", LAYOUTS, "auto")
    if layout == "auto":
        return any(name.startswith("system.") for name in context.mapping.fields)
    return layout == "metricsets"


def _filter(table: Table) -> Mapping[str, object]:
    value = table.raw("filter")
    if value is None:
        return {}
    if not isinstance(value, dict) or not value:
        raise table.error("filter", 'must be a query, such as { term = { "host.os.type" = "linux" } }')
    return value


def _tls(table: Table, context: SourceContext) -> TlsSettings:
    files: dict[str, str | None] = {}
    for key in ("ca_file", "client_certificate_file", "client_key_file"):
        path = table.path(key, context.base_dir)
        if path is not None and not path.is_file():
            raise table.error(key, f"names {path}, which is no file")
        files[key] = str(path) if path else None
    return TlsSettings(
        files["ca_file"],
        files["client_certificate_file"],
        files["client_key_file"],
        table.flag("verify_certificates", True),
    )
