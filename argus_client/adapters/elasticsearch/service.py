"""`SearchService`: the five requests the adapter makes, to Elasticsearch through its client or to OpenSearch.

Elasticsearch's client refuses any other product by a header of the answer and asks for a media type that only
Elasticsearch knows. So OpenSearch is spoken to through the transport below that client, which does connections, TLS
and JSON and knows of no product; what differs beside that is the path of a point in time, and the tiebreaker.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from elastic_transport import AsyncTransport, NodeConfig, TransportError
from elastic_transport.client_utils import url_to_node_config
from elasticsearch import ApiError, AsyncElasticsearch, UnsupportedProductError

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.elasticsearch.failures import incomplete, refused, unreachable
from argus_client.adapters.elasticsearch.settings import SearchSettings
from argus_client.adapters.source import SourceError

_JSON: Final = {"accept": "application/json", "content-type": "application/json"}
# Before this version OpenSearch knows no `_shard_doc`.
_SHARD_DOC_SINCE: Final = (3, 3)
Answer = Mapping[str, Any]


class _Connection(Protocol):
    """One HTTP exchange of JSON."""

    async def call(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object
    ) -> Answer: ...

    async def close(self) -> None: ...


class SearchService:
    """Makes requests; every answer that is not complete success is an error of the adapter.

    Args:
        settings: Which server it is.
    """

    def __init__(self, settings: SearchSettings) -> None:
        # What fails is said by the adapter, and once; the transport would say it with every try.
        logging.getLogger("elastic_transport").setLevel(logging.ERROR)
        self._settings = settings
        self._open = settings.flavour == "opensearch"
        self._connection: _Connection = (_OpenSearch if self._open else _Elasticsearch)(settings)
        self._tiebreaker = settings.tiebreaker

    async def time_types(self) -> tuple[str, ...]:
        """Types of the time field in the indices, by name.

        Raises:
            SourceError: there are no such indices.
        """
        answer = await self._call(
            "GET", f"/{self._index()}/_field_caps", {"fields": self._settings.time_field}
        )
        if not answer.get("indices"):
            raise SourceError(
                f"No index of {self._settings.where} matches {self._settings.index!r}: check [source] index."
            )
        return tuple(sorted(answer.get("fields", {}).get(self._settings.time_field, {})))

    async def tiebreaker(self) -> str:
        """The field that orders documents of one moment within a point in time."""
        if not self._tiebreaker:
            self._tiebreaker = "_shard_doc"
            if self._open:
                version = (await self._call("GET", "/")).get("version", {}).get("number", "")
                numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
                if numbers < _SHARD_DOC_SINCE:
                    self._tiebreaker = "_id"
        return self._tiebreaker

    async def open_point_in_time(self) -> str:
        """Id of a point in time of the indices as they are now."""
        params = {"keep_alive": self._keep_alive()}
        if self._open:
            params["allow_partial_pit_creation"] = "false"
        path = "_search/point_in_time" if self._open else "_pit"
        answer = await self._call("POST", f"/{self._index()}/{path}", params)
        return str(answer["pit_id" if self._open else "id"])

    async def close_point_in_time(self, pit: str) -> None:
        """Lets the server forget a point in time."""
        if self._open:
            await self._call("DELETE", "/_search/point_in_time", body={"pit_id": [pit]})
        else:
            await self._call("DELETE", "/_pit", body={"id": pit})

    async def search(self, pit: str, body: Mapping[str, object]) -> Answer:
        """The answer to a search within a point in time.

        Raises:
            PointInTimeExpired: there is no such point in time any more.
            SourceUnavailable: the answer is late, or not of all shards.
        """
        whole = {
            **body,
            "pit": {"id": pit, "keep_alive": self._keep_alive()},
            "track_total_hits": False,
        }
        answer = await self._call("POST", "/_search", {"allow_partial_search_results": "false"}, whole)
        if (error := incomplete(answer, self._settings)) is not None:
            raise error
        return answer

    async def close(self) -> None:
        """Closes the connections."""
        await self._connection.close()

    async def _call(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: object = None
    ) -> Answer:
        try:
            return await self._connection.call(method, path, params, body)
        except UnsupportedProductError:
            raise ConfigError(
                f"{self._settings.where} is no Elasticsearch of version 8 or later; of OpenSearch, set "
                '[source] flavour = "opensearch".'
            ) from None
        except ApiError as error:
            raise refused(error.meta.status, error.meta.headers, error.body, self._settings) from None
        except TransportError as error:
            # Its chain of causes may hold the request, and so the header with the credentials.
            raise unreachable(error, self._settings) from None

    def _index(self) -> str:
        return quote(self._settings.index, safe=",*")

    def _keep_alive(self) -> str:
        return f"{self._settings.keep_alive_seconds}s"


class _Elasticsearch:
    """Through the client of Elasticsearch."""

    def __init__(self, settings: SearchSettings) -> None:
        self._client = AsyncElasticsearch(
            list(_nodes(settings)),
            headers=_headers(settings),
            request_timeout=settings.timeout_seconds,
            retry_on_status=(),
            retry_on_timeout=False,
            # Another host may answer where one does not; waiting is the runner's business.
            max_retries=len(settings.hosts) - 1,
        )

    async def call(self, method: str, path: str, params: Mapping[str, str] | None, body: object) -> Answer:
        headers = _JSON if body is not None else {"accept": _JSON["accept"]}
        answer = await self._client.perform_request(method, path, params=params, headers=headers, body=body)
        return _document(answer.body)

    async def close(self) -> None:
        await self._client.close()


class _OpenSearch:
    """Through the transport alone."""

    def __init__(self, settings: SearchSettings) -> None:
        self._settings = settings
        self._transport = AsyncTransport(
            list(_nodes(settings)),
            retry_on_status=(),
            retry_on_timeout=False,
            max_retries=len(settings.hosts) - 1,
            meta_header=False,
        )

    async def call(self, method: str, path: str, params: Mapping[str, str] | None, body: object) -> Answer:
        headers = _JSON if body is not None else {"accept": _JSON["accept"]}
        meta, answer = await self._transport.perform_request(
            method,
            f"{path}?{urlencode(params)}" if params else path,
            headers={**headers, **_headers(self._settings)},
            body=body,
            request_timeout=self._settings.timeout_seconds,
        )
        if not 200 <= meta.status < 300:
            raise refused(meta.status, meta.headers, answer, self._settings)
        return _document(answer)

    async def close(self) -> None:
        await self._transport.close()


def _headers(settings: SearchSettings) -> dict[str, str]:
    return {"authorization": settings.authorization} if settings.authorization else {}


def _nodes(settings: SearchSettings) -> list[NodeConfig]:
    tls = settings.tls
    options: dict[str, Any] = {}
    for url in settings.hosts:
        if url.startswith("https:"):
            options = {
                "verify_certs": tls.verify,
                "ca_certs": tls.ca_file,
                "client_cert": tls.certificate_file,
                "client_key": tls.key_file,
                "ssl_show_warn": False,
            }
    nodes = [url_to_node_config(url, use_default_ports_for_scheme=True) for url in settings.hosts]
    return [node.replace(**options) if node.scheme == "https" else node for node in nodes]


def _document(body: object) -> Answer:
    if not isinstance(body, Mapping):
        raise SourceError(f"The server answered with a {type(body).__name__} where a document was due.")
    return body
