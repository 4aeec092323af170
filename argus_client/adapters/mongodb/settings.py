"""`MongoSettings`: the `[source]` table of a MongoDB adapter. Credentials leave the URI here and are shown nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

from pymongo.errors import ConfigurationError
from pymongo.uri_parser import parse_uri

from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.core.table import Table
from argus_client.adapters.mongodb.times import KINDS

_SCHEME: Final = re.compile(r"(mongodb(?:\+srv)?://)(.*)", re.DOTALL)
_USER_INFO: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)
_READ_PREFERENCES: Final = ("primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest")
_READ_CONCERNS: Final = ("local", "available", "majority", "linearizable", "")
_HIDDEN: Final = "***"


@dataclass(frozen=True, slots=True)
class MongoSettings:
    """Where documents are and how they are read.

    Attributes:
        uri: The connection string without credentials.
        database: Name of the database.
        collection: Name of the collection.
        time_field: Field that orders the documents, dotted where it is nested.
        time_type: One of `times.KINDS`, or `auto`: told from a document.
        timeout_seconds: The longest one query may take.
        batch_documents: Documents per answer of the server; 0 leaves it to the server.
        options: What the client is made with beside the URI: credentials, TLS, read concern and preference.
        secrets: What must never be shown.
    """

    uri: str
    database: str
    collection: str
    time_field: str
    time_type: str = "auto"
    timeout_seconds: float = 30.0
    batch_documents: int = 0
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def namespace(self) -> str:
        """`database.collection`, for messages."""
        return f"{self.database}.{self.collection}"

    @property
    def hosts(self) -> str:
        """The hosts of the connection string, for messages."""
        return self.uri.partition("://")[2].partition("/")[0].partition("?")[0]

    def redacted(self, text: str) -> str:
        """`text` without passwords, in whatever form they could be quoted in it."""
        for secret in self.secrets:
            for form in {secret, quote(secret, safe=""), quote_plus(secret)}:
                text = text.replace(form, _HIDDEN)
        return _USER_INFO.sub(rf"\1{_HIDDEN}@", text)

    @staticmethod
    def from_table(values: Mapping[str, object], context: SourceContext) -> MongoSettings:
        """Reads the table.

        Raises:
            ConfigError: a key is missing, unknown or wrong; the message never holds a password.
        """
        table = Table(values, "source")
        uri, user, password = _without_credentials(table)
        user = table.text("username", user)
        given = table.secret("password", context.base_dir, config_path=context.config_path, warn=context.warn)
        password = given if given is not None else password
        if password and not user:
            raise table.error("username", "is missing; there is a password without it")
        settings = MongoSettings(
            uri=uri,
            database=table.text("database"),
            collection=table.text("collection"),
            time_field=table.text("time_field", context.mapping.timestamp[0]),
            time_type=table.choice("time_type", ("auto", *KINDS), "auto"),
            timeout_seconds=table.seconds("timeout_seconds", 30.0, minimum=0.1),
            batch_documents=table.integer("batch_documents", 0, minimum=0, maximum=100_000),
            options=_options(table, context, user, password),
            secrets=(password,) if password else (),
        )
        table.finish()
        _check_uri(table, settings)
        return settings


def _without_credentials(table: Table) -> tuple[str, str, str]:
    """The URI, and the user and password that stood in it."""
    text = table.text("uri", "mongodb://localhost:27017")
    match = _SCHEME.fullmatch(text.strip())
    if match is None:
        raise table.error("uri", "does not begin with mongodb:// or mongodb+srv://")
    scheme, rest = match.groups()
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    if "@" in rest.partition("?")[0][len(authority) :]:
        raise table.error("uri", "holds a user or password with a character that must be percent-encoded")
    user_info, at, _ = authority.rpartition("@")
    if "@" in user_info:
        raise table.error("uri", "holds a user or password with a character that must be percent-encoded")
    user, _, password = user_info.partition(":")
    return scheme + rest[len(user_info) + len(at) :], unquote_plus(user), unquote_plus(password)


def _options(table: Table, context: SourceContext, user: str, password: str) -> Mapping[str, Any]:
    options: dict[str, Any] = {
        "readPreference": table.choice("read_preference", _READ_PREFERENCES, "secondaryPreferred"),
    }
    if read_concern := table.choice("read_concern", _READ_CONCERNS, "majority"):
        options["readConcernLevel"] = read_concern
    if user:
        options["username"] = user
    if password:
        options["password"] = password
    if source := table.text("auth_source", ""):
        options["authSource"] = source
    if mechanism := table.text("auth_mechanism", ""):
        options["authMechanism"] = mechanism
    tls = table.flag("tls", False)
    if "tls" in table:  # absent leaves it to the URI
        options["tls"] = tls
    for key, option in (
        ("tls_ca_file", "tlsCAFile"),
        ("tls_certificate_key_file", "tlsCertificateKeyFile"),
    ):
        if path := table.path(key, context.base_dir):
            if not path.is_file():
                raise table.error(key, f"names {path}, which is no file")
            options[option] = str(path)
    if table.flag("tls_allow_invalid_certificates", False):
        options["tlsAllowInvalidCertificates"] = True
    return options


def _check_uri(table: Table, settings: MongoSettings) -> None:
    if settings.uri.startswith("mongodb+srv:"):
        return  # reading it asks the DNS, which is the business of the first fetch
    try:
        parse_uri(settings.uri)
    except (ConfigurationError, ValueError) as error:
        raise table.error("uri", f"is wrong: {settings.redacted(str(error))}") from None
