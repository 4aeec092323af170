"""The HTTP API of a Prometheus, and of what speaks like one: range queries, and what goes wrong with them."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from argus_client.adapters.encryption import asks_for_tls, broke_off, speaks_no_tls
from argus_client.adapters.prometheus.series import Grid
from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError
from argus_client.extras import require

if TYPE_CHECKING:
    import httpx

_CONNECTIONS: Final = 4
# What Prometheus, Thanos, Mimir and VictoriaMetrics say when one query asks for too much at once.
_TOO_MUCH: Final = re.compile(
    r"too many samples|maximum resolution|exceeded the (maximum|limit)|err-mimir-max|-search\.max"
    r"|query time range exceeds|exceeds the limit",
    re.IGNORECASE,
)


class QueryError(SourceError):
    """A query cannot be answered; the same query never will be."""


class QueryTooLarge(QueryError):
    """A query asks for more at once than the server allows; a shorter range may do."""


class QueryTimeout(SourceUnavailable):
    """A query took longer than is allowed; a shorter range may do."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API is and how to be let in.

    Attributes:
        url: What comes before `/api/v1`, without a slash at its end, a user or a password.
        timeout_seconds: How long one query may take.
        headers: Sent with every request, such as a tenant's `X-Scope-OrgID`.
        username: For basic authentication; empty for none.
        password: Reads the password.
        bearer_token: Reads the token for `Authorization: Bearer`; None for none. Asked for every request, because
            tokens in files are rotated.
        tls: How to trust and who to be; None trusts the system's authorities.
    """

    url: str
    timeout_seconds: float = 60.0
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    username: str = ""
    password: Callable[[], str] | None = field(default=None, repr=False)
    bearer_token: Callable[[], str] | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a range query gave.

    Attributes:
        series: Labels of each series and its `[Unix seconds, text]` pairs.
        warnings: What the server has to say about it, such as a store that did not answer.
    """

    series: list[tuple[dict[str, str], list[list[Any]]]]
    warnings: tuple[str, ...]


class PrometheusApi:
    """Asks range queries.

    Raises:
        MissingExtraError: httpx is not installed.
    """

    def __init__(self, access: Access, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._httpx = require("httpx", "adapters")
        self._access = access
        self._client: httpx.AsyncClient = self._httpx.AsyncClient(
            # The server is told to give up by itself; its answer that it did must still be awaited.
            timeout=self._httpx.Timeout(
                access.timeout_seconds + 5.0, connect=min(10.0, access.timeout_seconds)
            ),
            limits=self._httpx.Limits(max_connections=_CONNECTIONS),
            headers=access.headers,
            verify=access.tls or True,
            transport=transport,
        )

    @property
    def url(self) -> str:
        """Where it asks."""
        return self._access.url

    async def query_range(self, query: str, grid: Grid) -> Answer:
        """The series of a query at the times of a grid.

        Raises:
            SourceUnavailable: not now.
            QueryError: this query cannot be answered.
            SourceError: this server cannot be asked like this.
        """
        form = {
            "query": query,
            "start": f"{grid.start_ms / 1000:.3f}",
            "end": f"{grid.end_ms / 1000:.3f}",
            "step": f"{grid.step_ms / 1000:g}",
            "timeout": f"{self._access.timeout_seconds:g}s",
        }
        async with self._reaching():
            response = await self._client.post(
                f"{self._access.url}/api/v1/query_range", data=form, auth=self._auth()
            )
        body = self._body(response)
        data = body.get("data")
        if not isinstance(data, dict) or data.get("resultType") != "matrix":
            raise SourceError(f"{self._access.url} answered a range query without a matrix of series.")
        found = data.get("result") or ()
        if any("histograms" in series for series in found):
            raise QueryError(
                "it gives native histograms, and a column is a number: ask for histogram_quantile(...) or "
                "histogram_avg(...)"
            )
        return Answer(
            [(series.get("metric", {}), series.get("values", [])) for series in found],
            tuple(body.get("warnings") or ()),
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def _auth(self) -> Any:
        if self._access.bearer_token is not None:
            return self._bearer(self._access.bearer_token())
        if self._access.username:
            password = self._access.password() if self._access.password is not None else ""
            return self._httpx.BasicAuth(self._access.username, password)
        return None

    def _bearer(self, token: str) -> Callable[[httpx.Request], httpx.Request]:
        def authorize(request: httpx.Request) -> httpx.Request:
            request.headers["Authorization"] = f"Bearer {token}"
            return request

        return authorize

    @asynccontextmanager
    async def _reaching(self) -> AsyncIterator[None]:
        """Turns what httpx says about a server that gives no answer into errors of a source."""
        url = self._access.url
        try:
            yield
        except self._httpx.ConnectTimeout:
            raise SourceUnavailable(f"{url} does not answer: no connection in time.") from None
        except self._httpx.TimeoutException:
            raise QueryTimeout(
                f"{url} gave no answer within {self._access.timeout_seconds:g} s (timeout_seconds)."
            ) from None
        except (self._httpx.LocalProtocolError, self._httpx.InvalidURL) as error:
            # Its text may quote a header, and so a token.
            kind = type(error).__name__
            raise SourceError(
                f"{url} cannot be asked ({kind}): a header of [source.headers], the token, or the url holds what HTTP "
                "does not allow."
            ) from None
        except self._httpx.DecodingError as error:
            raise SourceError(f"{url} answered what cannot be unpacked: {error}.") from None
        except self._httpx.RemoteProtocolError as error:
            raise _not_http(url, str(error)) from None
        except self._httpx.TransportError as error:
            raise _unreachable(url, error) from None

    def _body(self, response: httpx.Response) -> dict[str, Any]:
        """The JSON of an answer that is one.

        Raises:
            SourceError: it is none; see `query_range`.
        """
        url, status = self._access.url, response.status_code
        try:
            parsed = response.json()
        except ValueError:
            parsed = None
        body: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
        if status == 200 and body.get("status") == "success":
            return body
        said = str(body.get("error") or response.reason_phrase)
        if status in (401, 403):
            raise SourceError(
                f"{url} refuses the credentials ({status}). Check username and password_file, or bearer_token_file."
            )
        if status == 503 and body.get("errorType") == "timeout":
            raise QueryTimeout(f"{url} gave up a query: {said}.")
        if status == 429 or status >= 500:
            # Some servers say with a 500 that a query is too large: asking again would not help.
            if _TOO_MUCH.search(said):
                raise QueryTooLarge(said)
            raise SourceUnavailable(
                f"{url} is unavailable ({status}): {said}.", retry_after_seconds=_retry_after(response)
            )
        if status in (400, 413, 422) and body:
            raise QueryTooLarge(said) if _TOO_MUCH.search(said) else QueryError(said)
        if status == 400 and asks_for_tls(response.text):
            raise SourceError(f"{url} speaks TLS: begin [source] url with https://.")
        kind = response.headers.get("content-type", "nothing").partition(";")[0]
        raise SourceError(
            f"{url}/api/v1/query_range answered {status} with {kind}: this is no Prometheus API. Set [source] url to "
            "what comes before /api/v1."
        )


def _not_http(url: str, said: str) -> SourceError:
    """The error of an answer that is no HTTP/1.1, or of none: whoever listens there may be restarting."""
    if "disconnected" in said or "closed" in said:
        hint = "" if url.startswith("https:") else "; if it speaks TLS, begin [source] url with https://"
        return SourceUnavailable(f"{url} closed the connection without an answer{hint}.")
    return SourceError(
        f"{url} does not speak HTTP/1.1: it may be a gRPC or a TLS port. Set [source] url to the port of the HTTP API."
    )


def _unreachable(url: str, error: Exception) -> SourceError:
    """The error of a connection that could not be made, or broke."""
    tls = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
    if tls is None or broke_off(str(tls)):
        return SourceUnavailable(f"{url} cannot be reached: {error or type(error).__name__}.")
    if isinstance(tls, ssl.SSLCertVerificationError):
        return SourceError(
            f"The certificate of {url} is not trusted: {error}. Set [source.tls] ca_file to its authority."
        )
    if speaks_no_tls(str(tls)):
        return SourceError(
            f"{url} does not speak TLS: begin [source] url with http://, or give its TLS port."
        )
    return SourceError(
        f"TLS with {url} failed: {error}. See [source.tls]: ca_file is whom to trust, cert_file and key_file are who "
        "the adapter is."
    )


def _causes(error: BaseException) -> Generator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of a Retry-After header, which may also be a date."""
    text = response.headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((at - datetime.now(UTC)).total_seconds(), 0.0) if at.tzinfo else None
