"""`SearchServer`: the endpoints of Elasticsearch and OpenSearch that the adapter uses, over plain lists.

Queries are evaluated as they were sent: range, term and terms in a bool filter, a sort by a date and a tiebreaker,
`search_after`, `size` and `_source`. A point in time is a copy of the documents as they were. What is not known here
is refused, so that no test passes by accident. Beside these, an index can be made, filled and deleted.
"""

from __future__ import annotations

import base64
import datetime as dt
import fnmatch
import itertools
import json
import ssl
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

_MAX_WINDOW = 10_000
_SHARDS = 3
EXPIRED = "search_context_missing_exception"


@dataclass
class Failure:
    """What a request is answered with instead of its result."""

    status: int
    error: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None


@dataclass
class _Index:
    time_types: dict[str, str]
    documents: list[dict[str, Any]] = field(default_factory=list)


class Refused(Exception):
    """A request the server does not understand or does not like."""

    def __init__(self, status: int, kind: str, reason: str, *, cause: str = "") -> None:
        super().__init__(reason)
        self.failure = Failure(status, error_of(kind, reason, cause=cause))


def error_of(kind: str, reason: str, *, cause: str = "") -> Mapping[str, Any]:
    """An error as the server words it; with a cause, one that happened on the shards."""
    root = {"type": cause or kind, "reason": reason}
    return {"error": {"root_cause": [root], "type": kind, "reason": reason}}


class SearchServer:
    """A server on a port of its own.

    Args:
        flavour: `elasticsearch` or `opensearch`.
        version: What it says it is.
        authorization: The header it wants; None lets everybody in.
        tls: Certificate to speak TLS with.

    Attributes:
        requests: Method, path and body of every request, in order.
        partial: Shards that fail in the next searches, one number per search.
        timed_out: The next searches that run into the server's own time-out.
    """

    def __init__(
        self,
        flavour: str = "elasticsearch",
        version: str = "8.19.3",
        *,
        authorization: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.flavour = flavour
        self.version = version
        self.requests: list[tuple[str, str, Any]] = []
        self.partial: list[int] = []
        self.timed_out = 0
        self.id_sortable = True
        self._authorization = authorization
        self._indices: dict[str, _Index] = {}
        self._points: dict[str, list[tuple[str, int, dict[str, Any]]]] = {}
        self._failures: dict[str, list[Failure]] = {}
        self._numbers = itertools.count(1)
        self._server: TestServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def open_points(self) -> int:
        """Points in time nobody has closed."""
        return len(self._points)

    def bodies(self, path: str) -> list[Any]:
        """Bodies of the requests of a path."""
        return [body for _, at, body in self.requests if at == path]

    def create(self, index: str, time_field: str = "@timestamp", kind: str = "date") -> None:
        """An index whose mapping has one field; an empty name for none."""
        self._indices[index] = _Index({time_field: kind} if time_field else {})

    def add(self, index: str, documents: Iterable[Mapping[str, Any]]) -> None:
        """Indexes documents; an `_id` among their fields becomes theirs."""
        if index not in self._indices:
            self.create(index)
        stored = self._indices[index].documents
        for document in documents:
            source = {key: value for key, value in document.items() if key != "_id"}
            key = document.get("_id", f"{next(self._numbers):09}")
            stored.append({"_index": index, "_id": key, "_source": source})

    def expire(self) -> None:
        """Forgets every point in time, as after `keep_alive` or a restart."""
        self._points.clear()

    def fail(self, path: str, *failures: Failure) -> None:
        """Answers the next requests whose path ends so."""
        self._failures.setdefault(path, []).extend(failures)

    async def __aenter__(self) -> Self:
        application = web.Application(middlewares=[self._around], client_max_size=2**26)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._server = TestServer(
            application, host="127.0.0.1", port=self._port or None, scheme=self.url[: self.url.index(":")]
        )
        await self._server.start_server(ssl=self._tls)
        assert self._server.port is not None
        self._port = self._server.port
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        await self._server.close()

    @web.middleware
    async def _around(self, request: web.Request, handler: Any) -> web.StreamResponse:
        text = await request.text() if request.can_read_body else ""
        lines = [json.loads(line) for line in text.splitlines()] if request.path == "/_bulk" else []
        body = lines or (json.loads(text) if text else None)
        self.requests.append((request.method, request.path, body))
        headers = {"X-elastic-product": "Elasticsearch"} if self.flavour == "elasticsearch" else {}
        for path, failures in self._failures.items():
            if failures and request.path.endswith(path):
                failure = failures.pop(0)
                return _answered(failure, headers)
        try:
            self._check_media_type(request)
            if self._authorization and request.headers.get("authorization") != self._authorization:
                raise Refused(401, "security_exception", "missing or wrong credentials")
            return web.json_response(self._result(request, body), headers=headers)
        except Refused as refused:
            return _answered(refused.failure, headers)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raise AssertionError("every request is answered by the middleware")

    def _check_media_type(self, request: web.Request) -> None:
        for header in ("accept", "content-type"):
            value = request.headers.get(header, "")
            if "vnd.elasticsearch" not in value:
                continue
            if self.flavour != "elasticsearch":
                raise Refused(406, "media_type_header_exception", f"Invalid media-type value {value}")
            if int(value.rpartition("compatible-with=")[2]) > int(self.version.partition(".")[0]):
                raise Refused(400, "media_type_header_exception", f"Invalid media-type value {value}")

    def _result(self, request: web.Request, body: Any) -> Mapping[str, Any]:
        parts = request.path.strip("/").split("/")
        point = "_search/point_in_time" if self.flavour == "opensearch" else "_pit"
        if request.path == "/":
            return {"version": {"number": self.version}, "tagline": "for tests"}
        if request.path == "/_search":
            assert request.query["allow_partial_search_results"] == "false"
            return self._search(body)
        if request.path == f"/{point}" and request.method == "DELETE":
            ids = body["pit_id"] if self.flavour == "opensearch" else [body["id"]]
            for key in ids:
                self._points.pop(key.split("#")[0], None)
            return {"succeeded": True, "num_freed": len(ids)}
        if "/".join(parts[1:]) == point and request.method == "POST":
            assert request.query["keep_alive"]
            return self._open(self._matching(parts[0]))
        if request.path == "/_bulk":
            for action, source in zip(body[::2], body[1::2], strict=True):
                self.add(action["index"]["_index"], [{"_id": action["index"]["_id"], **source}])
            return {"errors": False}
        if request.method == "PUT" and len(parts) == 1:
            ((name, how),) = body["mappings"]["properties"].items()
            self.create(parts[0], name, how["type"])
            return {"acknowledged": True}
        if request.method == "DELETE" and len(parts) == 1:
            return {"acknowledged": self._indices.pop(parts[0], None) is not None}
        if parts[1:] == ["_field_caps"]:
            return self._field_caps(self._matching(parts[0]), request.query["fields"])
        raise Refused(400, "illegal_argument_exception", f"no handler for {request.method} {request.path}")

    def _matching(self, names: str) -> list[str]:
        found: list[str] = []
        for name in names.split(","):
            if "*" not in name and name not in self._indices:
                raise Refused(404, "index_not_found_exception", f"no such index [{name}]")
            found += fnmatch.filter(self._indices, name)
        return found

    def _field_caps(self, names: list[str], wanted: str) -> Mapping[str, Any]:
        kinds = {kind for name in names if (kind := self._indices[name].time_types.get(wanted))}
        caps = {kind: {"type": kind, "searchable": True} for kind in kinds}
        return {"indices": names, "fields": {wanted: caps} if caps else {}}

    def _open(self, names: list[str]) -> Mapping[str, Any]:
        rows = []
        for name in names:
            for number, hit in enumerate(self._indices[name].documents):
                shard = zlib.crc32(f"{name}{hit['_id']}".encode()) % _SHARDS
                rows.append((name, (shard << 32) + number, hit))
        key = f"point{next(self._numbers)}"
        self._points[key] = rows
        return {"pit_id" if self.flavour == "opensearch" else "id": f"{key}#0"}

    def _search(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        assert body["track_total_hits"] is False
        key, _, use = body["pit"]["id"].partition("#")
        if key not in self._points:
            raise Refused(404, "search_phase_execution_exception", EXPIRED, cause=EXPIRED)
        if body["size"] > _MAX_WINDOW:
            raise Refused(400, "illegal_argument_exception", "Result window is too large")
        rows = self._points[key]
        matched = [row for row in rows if _matches(row[2]["_source"], body["query"])]
        ((_, how),) = body["sort"][0].items()
        keyed = sorted(
            ((self._sort_values(row, body["sort"]), row) for row in matched),
            key=lambda pair: pair[0],
            reverse=how["order"] == "desc",
        )
        if (after := body.get("search_after")) is not None:
            keyed = [pair for pair in keyed if pair[0] > after]
        wanted = body["_source"]
        hits = [
            {
                **row[2],
                "sort": values,
                "_source": source if wanted is True else _included(source, wanted["includes"]),
            }
            for values, row in keyed[: body["size"]]
            for source in [row[2]["_source"]]
        ]
        failed = self.partial.pop(0) if self.partial else 0
        shards: dict[str, Any] = {"total": _SHARDS if self._names(rows) else 0, "failed": failed}
        if failed:
            reason = {"type": "circuit_breaking_exception", "reason": "Data too large"}
            shards["failures"] = [{"shard": 0, "reason": reason}]
        timed_out = self.timed_out > 0
        self.timed_out -= timed_out
        return {
            "pit_id": f"{key}#{int(use) + 1}",  # the id may change with every answer
            "timed_out": timed_out,
            "_shards": shards,
            "hits": {"hits": hits},
        }

    def _names(self, rows: list[tuple[str, int, dict[str, Any]]]) -> bool:
        return bool(rows) or bool(self._indices)

    def _sort_values(self, row: tuple[str, int, dict[str, Any]], sort: list[Mapping[str, Any]]) -> list[Any]:
        values: list[Any] = []
        for clause in sort:
            ((name, how),) = clause.items()
            assert how["order"] == "asc" or len(sort) == 1
            if name == "_shard_doc":
                if self.flavour == "opensearch" and tuple(map(int, self.version.split(".")[:2])) < (3, 3):
                    raise Refused(400, "query_shard_exception", "No mapping found for [_shard_doc]")
                values.append(row[1])
            elif name == "_id":
                if not self.id_sortable:
                    reason = "Fielddata access on the _id field is disallowed"
                    raise Refused(400, "illegal_argument_exception", reason)
                values.append(row[2]["_id"])
            else:
                moment = milliseconds(_at(row[2]["_source"], name))
                nanos = self._indices[row[0]].time_types.get(name) == "date_nanos"
                values.append(moment * 1_000_000 if nanos and how.get("numeric_type") != "date" else moment)
        return values


def milliseconds(value: Any) -> int:
    """A date field's value as it is sorted by."""
    if isinstance(value, int):
        return value
    return round(dt.datetime.fromisoformat(value).timestamp() * 1_000)


def basic(user: str, password: str) -> str:
    """The header of a user."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _answered(failure: Failure, headers: Mapping[str, str]) -> web.Response:
    both = {**headers, **failure.headers}
    if failure.text is not None:
        return web.Response(status=failure.status, text=failure.text, content_type="text/html", headers=both)
    return web.json_response({**failure.error, "status": failure.status}, status=failure.status, headers=both)


def _matches(source: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    ((name, what),) = query.items()
    if name == "bool":
        assert list(what) == ["filter"], what
        return all(_matches(source, clause) for clause in what["filter"])
    ((path, condition),) = what.items()
    if name == "exists":
        return _at(source, condition) is not None
    value = _at(source, path)
    if name == "range":
        assert set(condition) == {"gte", "format"}
        assert condition["format"] == "epoch_millis"
        return value is not None and milliseconds(value) >= condition["gte"]
    if name == "terms":
        return value in condition
    if name == "term":
        return bool(value == condition)
    raise Refused(400, "parsing_exception", f"unknown query [{name}]")


def _at(source: Mapping[str, Any], path: str) -> Any:
    """A value at a path whose dots are levels, or parts of a name."""
    if path in source:
        return source[path]
    for at in range(len(path)):
        if path[at] == "." and isinstance(inner := source.get(path[:at]), Mapping):
            found = _at(inner, path[at + 1 :])
            if found is not None:
                return found
    return None


def _included(source: Mapping[str, Any], paths: Iterable[str], prefix: str = "") -> Mapping[str, Any]:
    kept = {}
    for key, value in source.items():
        whole = f"{prefix}{key}"
        if any(whole == path or whole.startswith(f"{path}.") for path in paths):
            kept[key] = value
        elif isinstance(value, Mapping) and (inner := _included(value, paths, f"{whole}.")):
            kept[key] = inner
    return kept
