"""What MongoDB and its driver say when something is wrong, as the errors of an adapter, without a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bson.errors import BSONError
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    CursorNotFound,
    ExecutionTimeout,
    InvalidName,
    InvalidURI,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.mongodb.settings import MongoSettings
from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError

UNAUTHORIZED: Final = 13
_AUTHENTICATION: Final = frozenset((18, 8000))
_MEMORY: Final = frozenset((96, 292))
# Election, shutdown, network, stale routing and throttling (16500, of Cosmos DB): another try may well succeed.
_PASSING: Final = frozenset(
    (6, 7, 63, 89, 91, 134, 150, 175, 189, 237, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 16500)
)
_CAUSES: Final[Mapping[str, str]] = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted: set tls_ca_file to the authority that signed it",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: set tls = false",
    "Name or service not known": "the name does not resolve",
    "Temporary failure in name resolution": "the name does not resolve",
    "nodename nor servname": "the name does not resolve",
    **dict.fromkeys(
        ("Connection refused", "Errno 111", "Errno 61", "WinError 10061"),
        "the connection is refused: no server listens there, or a firewall says no",
    ),
    "timed out": "the connection timed out",
    "connection closed": "it closed the connection: it may ask for TLS (tls = true)",
}
_LASTING: Final = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")


def translated(error: PyMongoError | BSONError, settings: MongoSettings) -> SourceError:
    """The adapter's error for one of the driver's: what is wrong, and what to do about it."""
    said = settings.redacted(str(error).partition(", full error")[0].partition("\n")[0]).rstrip(".")
    where = f"MongoDB at {settings.hosts}"
    if isinstance(error, ServerSelectionTimeoutError):
        return _unreachable(settings.redacted(str(error)), where)
    if isinstance(error, NetworkTimeout):
        return SourceUnavailable(f"{where} did not answer within {settings.timeout_seconds:g} s.")
    if isinstance(error, NotPrimaryError):
        return SourceUnavailable(f"{where} is electing a primary, or changing one: {said}.")
    if isinstance(error, ConnectionFailure):
        return SourceUnavailable(f"{where} lost the connection: {said}.")
    if isinstance(error, OperationFailure):
        return _refused(error, settings, where, said)
    if isinstance(error, ConfigurationError | InvalidURI | InvalidName):
        return ConfigError(f"[source] of the MongoDB adapter is wrong: {said}.")
    if isinstance(error, BSONError):
        return SourceError(f"A document of {settings.namespace} cannot be read: {said}.")
    return SourceError(f"{where}: {said}.")


def _refused(error: OperationFailure, settings: MongoSettings, where: str, said: str) -> SourceError:
    if error.code in _AUTHENTICATION:
        return SourceError(
            f"{where} refused the credentials: check username, password and auth_source (code {error.code})."
        )
    if error.code == UNAUTHORIZED:
        return SourceError(
            f"{where} does not let this user read {settings.namespace}: grant the role read on "
            f"{settings.database!r}."
        )
    if isinstance(error, ExecutionTimeout) or error.code == 50:
        return SourceUnavailable(
            f"A query of {settings.namespace} took longer than {settings.timeout_seconds:g} s: create an index on "
            f"{settings.time_field!r}, or raise timeout_seconds."
        )
    if isinstance(error, CursorNotFound):
        return SourceUnavailable(
            f"{where} forgot a cursor (a restart, or a failover): the page is read again."
        )
    if error.code in _MEMORY:
        return SourceError(
            f"{where} cannot sort {settings.namespace} in memory: create an index on {settings.time_field!r}."
        )
    if error.code in _PASSING or error.has_error_label("RetryableError"):
        return SourceUnavailable(f"{where} cannot answer now (code {error.code}): {said}.")
    return SourceError(f"{where} refused the query (code {error.code}): {said}.")


def _unreachable(said: str, where: str) -> SourceError:
    for sign, cause in _CAUSES.items():
        if sign in said:
            line = f"No server of {where} can be reached; {cause}."
            return SourceError(line) if sign in _LASTING else SourceUnavailable(line)
    if "No primary available" in said or "No replica set members" in said:
        return SourceUnavailable(f"{where} has no member that may be read now: see read_preference.")
    return SourceUnavailable(f"No server of {where} can be reached: {said.partition(',')[0]}.")
