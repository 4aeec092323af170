"""What a search server says when something is wrong, as the errors of an adapter, without a secret."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
from elastic_transport import ConnectionTimeout, SerializationError, TlsError, TransportError

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.elasticsearch.settings import SearchSettings
from argus_client.adapters.encryption import asks_for_tls, broke_off, speaks_no_tls
from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError

_EXPIRED: Final = "search_context_missing_exception"
_LONGEST: Final = 300
_CONNECTING: Final = re.compile(r"Cannot connect to host \S+ ssl:\S+ \[(.*)\]")


class PointInTimeExpired(SourceError):
    """The server no longer knows the point in time: it was not used for too long, or a node went away."""


def refused(status: int, headers: Mapping[str, str], body: object, settings: SearchSettings) -> SourceError:
    """The adapter's error for an answer that is none of success.

    Args:
        status: HTTP status.
        headers: HTTP headers.
        body: The parsed answer, or its text.
        settings: Which server it is, and what must not be shown.
    """
    kinds, reason = _reasons(body)
    said = settings.redacted(reason)[:_LONGEST].rstrip(".")
    if _EXPIRED in kinds:
        return PointInTimeExpired(f"{settings.where} forgot the point in time of this search.")
    if status == 401:
        return SourceError(f"{settings.where} refused the credentials: check the API key, token or password.")
    if status == 403:
        return SourceError(
            f"{settings.where} does not let this user read {settings.index!r}: grant the privileges read and "
            f"view_index_metadata on it. It says: {said}."
        )
    if "index_not_found_exception" in kinds:
        return SourceError(
            f"{settings.where} has no index {settings.index!r}: check the name in [source] index."
        )
    if status == 406 or "media_type_header_exception" in kinds:
        return ConfigError(
            f"{settings.where} does not know the media type of the installed client. If it is OpenSearch, set [source] "
            'flavour = "opensearch". If it is Elasticsearch, it is older than the client: run '
            "pip install 'elasticsearch[async]>=8,<9'"
        )
    if status == 400 and isinstance(body, str) and asks_for_tls(body):
        return SourceError(f"{settings.where} speaks TLS: begin [source] hosts with https://.")
    if status == 429:
        return SourceUnavailable(
            f"{settings.where} is too busy (429): {said}.", retry_after_seconds=retry_after(headers)
        )
    if status in (408, 500, 502, 503, 504):
        return SourceUnavailable(
            f"{settings.where} cannot answer now ({status}): {said}.",
            retry_after_seconds=retry_after(headers),
        )
    if "Fielddata access on the _id field is disallowed" in reason:
        return ConfigError(
            f"{settings.where} does not sort by _id: name a unique keyword or number in [source] tiebreaker."
        )
    return SourceError(f"{settings.where} refused the request ({status}): {said}.")


def incomplete(answer: Mapping[str, Any], settings: SearchSettings) -> SourceError | None:
    """Why an answer of success must not be taken for all there is; None when it is complete."""
    if answer.get("timed_out"):
        return SourceUnavailable(
            f"A search of {settings.index!r} ran into the server's own time-out: what it found by then is not all."
        )
    shards = answer.get("_shards")
    shards = shards if isinstance(shards, Mapping) else {}
    if shards.get("failed"):
        failures = shards.get("failures") or [{}]
        kinds, reason = _reasons({"error": {"root_cause": [f.get("reason") or {} for f in failures]}})
        if _EXPIRED in kinds:
            return PointInTimeExpired(f"{settings.where} forgot the point in time of this search.")
        return SourceUnavailable(
            f"{shards['failed']} of {shards.get('total', '?')} shards of {settings.index!r} failed: "
            f"{settings.redacted(reason)[:_LONGEST].rstrip('.')}. What the others found is not all."
        )
    if shards.get("total") == 0:
        return SourceError(f"No index of {settings.where} matches {settings.index!r}: check [source] index.")
    return None


def unreachable(error: TransportError, settings: SearchSettings) -> SourceError:
    """The adapter's error for an answer that did not come, or is not one of a search server."""
    said = settings.redacted(str(error.message)).partition("\n")[0][:_LONGEST].rstrip(".")
    if (described := _CONNECTING.fullmatch(said)) is not None:
        said = described[1]
    if isinstance(error, TlsError) and broke_off(said):
        return SourceUnavailable(f"{settings.where} cannot be reached: {said}.")
    if speaks_no_tls(said):
        return SourceError(
            f"{settings.where} does not speak TLS: begin [source] hosts with http://, or give the TLS port."
        )
    if isinstance(error, TlsError) or "CERTIFICATE_VERIFY_FAILED" in said:
        return SourceError(
            f"{settings.where}: TLS failed: {said}. Set ca_file to the authority that signed the certificate."
        )
    if isinstance(error, ConnectionTimeout):
        return SourceUnavailable(f"{settings.where} did not answer within {settings.timeout_seconds:g} s.")
    if isinstance(error, SerializationError):
        return SourceUnavailable(f"{settings.where} answered what is no JSON: is there a proxy before it?")
    causes = list(_causes(error))
    if any(isinstance(cause, aiohttp.ClientResponseError) for cause in causes):
        return SourceError(
            f"{settings.where} does not speak HTTP/1.1: it may be the transport port (9300), a gRPC or a TLS port. "
            "Set [source] hosts to the port of the HTTP API."
        )
    if any(isinstance(cause, aiohttp.ServerDisconnectedError) for cause in causes):
        in_the_clear = any(host.startswith("http:") for host in settings.hosts)
        hint = "; if it speaks TLS, begin [source] hosts with https://" if in_the_clear else ""
        return SourceUnavailable(f"{settings.where} closed the connection without an answer{hint}.")
    # The client names TLS also where there is none; the operating system says what happened.
    numbers = (cause.errno or 0 for cause in causes if isinstance(cause, OSError))
    number = next((number for number in numbers if number > 0), 0)
    return SourceUnavailable(
        f"{settings.where} cannot be reached: {os.strerror(number) if number else said}."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or error.__context__
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of the header Retry-After, a number or a date; None without one."""
    text = headers.get("retry-after") or ""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _reasons(body: object) -> tuple[set[str], str]:
    """All types of an error, and its most telling reason."""
    if not isinstance(body, Mapping):
        return set(), str(body).strip().partition("\n")[0]
    error = body.get("error")
    if not isinstance(error, Mapping):
        return set(), str(error if error is not None else dict(body))
    causes = [cause for cause in error.get("root_cause") or [] if isinstance(cause, Mapping)]
    failed = [
        shard["reason"]
        for shard in error.get("failed_shards") or []
        if isinstance(shard, Mapping) and isinstance(shard.get("reason"), Mapping)
    ]
    everything = [*causes, *failed, error]
    kinds = {str(item["type"]) for item in everything if "type" in item}
    reason = next(
        (str(item["reason"]) for item in everything if item.get("reason")), ", ".join(sorted(kinds))
    )
    return kinds, reason or "no reason given"
