"""`SearchSource`: documents of an index in order of time, through a point in time and `search_after`.

A walk is one point in time read page by page. It lives in memory only: the cursor on disk says from which moment on
to read, and a walk begun anew from there brings that moment once more and loses nothing. So it makes no difference
whether a point in time expired, the server restarted, or this process did.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.elasticsearch.failures import PointInTimeExpired
from argus_client.adapters.elasticsearch.metricsets import MetricSets
from argus_client.adapters.elasticsearch.service import SearchService
from argus_client.adapters.elasticsearch.settings import SearchSettings
from argus_client.adapters.projected import Projected
from argus_client.adapters.pull import Cursor, Page, SourceUnavailable
from argus_client.adapters.source import SourceError

_DATE_TYPES: Final = ("date", "date_nanos")
_SAMPLE: Final = 20
_SHOWN_FIELDS: Final = 30
# Beyond this the server refuses rows as being from the future, and says so, which is what should happen to them.
_SKEW_MS: Final = 300_000
Hit = Mapping[str, Any]


@dataclass(slots=True)
class _Walk:
    """One point in time, and how far it has been read.

    Attributes:
        since_ms: Where it began.
        pit: Id of the point in time, which an answer may change.
        order: The sort.
        cursor: The one the next page is asked for with.
        after: Sort values of the last hit; None before the first.
        newest_ms: Time of the last hit.
        pages: Number of the last page.
        rows: The rows that are not complete yet, where they are put together.
        hits: Documents it has found.
        unnamed: Those of them that name no host, where rows are put together.
    """

    since_ms: int
    pit: str
    order: Sequence[Mapping[str, object]]
    cursor: Mapping[str, object]
    after: Sequence[Any] | None = None
    newest_ms: int | None = None
    rows: MetricSets | None = None
    pages: int = 0
    hits: int = 0
    unnamed: int = 0

    def next_cursor(self, since_ms: int) -> Cursor:
        """The cursor of the next page. Its number keeps cursors of one moment apart, also those of other walks."""
        self.pages += 1
        self.cursor = {"since_ms": since_ms, "page": self.pages}
        return self.cursor


class SearchSource:
    """Reads indices; implements `PullSource`.

    Args:
        settings: Where the documents are.
        context: Which fields are wanted, and the clock.
    """

    def __init__(self, settings: SearchSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self._service: SearchService | None = None
        self._walk: _Walk | None = None
        self._time_types: tuple[str, ...] = ()
        self._fields: Sequence[str] | None = None
        self._is_first_run = False
        self._warned: set[str] = set()
        mapped = [*context.mapping.fields, settings.time_field]
        wanted = MetricSets.wanted(mapped) if settings.by_metricset else mapped
        self._includes = list(dict.fromkeys(wanted))

    def begin(self, since_ms: int) -> Cursor:
        """The first cursor: everything from `since_ms` on, or from the beginning of its bucket."""
        self._is_first_run = True
        return {"since_ms": self._floor(since_ms)}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """The rows after `cursor`, about `limit` at most.

        Raises:
            SourceUnavailable: the server cannot answer now, or its answer is not complete.
            SourceError: it will not answer until somebody changes something.
        """
        since_ms = cursor.get("since_ms")
        if not isinstance(since_ms, int):
            raise SourceError(f"The cursor is not one of an Elasticsearch adapter: {dict(cursor)!r}.")
        for _ in range(2):
            walk = await self._walk_of(cursor, since_ms)
            try:
                page = await self._page(walk, limit)
            except PointInTimeExpired:
                self._walk = None  # begun anew from the cursor
                continue
            except BaseException:
                await self._end_walk()  # how much of the page it has read is not known
                raise
            if page.is_last:
                await self._end_walk()
            return page
        raise SourceUnavailable(
            f"{self._settings.where} forgets points in time at once: raise [source] keep_alive_seconds."
        )

    async def close(self) -> None:
        """Lets the server forget the point in time, and closes the connections."""
        await self._end_walk()
        service, self._service = self._service, None
        if service is not None:
            await service.close()

    async def _walk_of(self, cursor: Cursor, since_ms: int) -> _Walk:
        """The walk that goes on at a cursor: the one there is, or a new one."""
        if self._walk is not None and self._walk.cursor == dict(cursor):
            return self._walk
        await self._end_walk()
        if self._service is None:
            self._service = SearchService(self._settings)
        if not self._time_types:
            self._time_types = await self._checked_types(self._service)
        time_order: dict[str, object] = {"order": "asc", "unmapped_type": "date"}
        if "date_nanos" in self._time_types:
            time_order["numeric_type"] = "date"  # sort values in milliseconds whatever an index has
        order: list[Mapping[str, object]] = [
            {self._settings.time_field: time_order},
            {await self._service.tiebreaker(): {"order": "asc"}},
        ]
        pit = await self._service.open_point_in_time()
        page = cursor.get("page")
        number = page if isinstance(page, int) else 0
        self._walk = _Walk(since_ms, pit, order, dict(cursor), rows=self._metricsets(), pages=number)
        return self._walk

    async def _checked_types(self, service: SearchService) -> tuple[str, ...]:
        types = await service.time_types()
        if not types:
            raise ConfigError(
                f"No index of {self._settings.index!r} has a field {self._settings.time_field!r}: set [source] "
                "time_field."
            )
        if not set(types) <= set(_DATE_TYPES):
            raise ConfigError(
                f"The field {self._settings.time_field!r} of {self._settings.index!r} is of type "
                f"{', '.join(types)}; only date and date_nanos can be read in order. Set time_field, or narrow index."
            )
        return types

    async def _end_walk(self) -> None:
        walk, self._walk = self._walk, None
        if walk is not None and self._service is not None:
            # It expires by itself where this fails.
            with contextlib.suppress(SourceError):
                await self._service.close_point_in_time(walk.pit)

    async def _page(self, walk: _Walk, limit: int) -> Page:
        if walk.rows is None:
            if self._fields is None:
                # Of whole documents, once: to tell which fields nobody has mapped.
                whole = await self._asked(walk, {"size": _SAMPLE, "_source": True}, since_ms=walk.since_ms)
                self._fields = Documents([_source_of(hit) for hit in whole["hits"]["hits"]]).fields() or None
            size = min(limit, self._settings.batch_documents)
            hits = await self._search(walk, size)
            documents = Projected([_source_of(hit) for hit in hits], self._fields or ())
            if len(hits) < size:
                return await self._last_page(walk, documents)
            assert walk.newest_ms is not None
            return Page(documents, walk.next_cursor(walk.newest_ms), is_last=False)
        while True:
            hits = await self._search(walk, self._settings.batch_documents)
            walk.unnamed += self._gather(walk.rows, hits)
            if len(hits) < self._settings.batch_documents:
                now = self._context.now_ms()
                rows = walk.rows.take(now - self._settings.settle_ms, or_from_ms=now + _SKEW_MS)
                return await self._last_page(walk, Documents(rows))
            assert walk.newest_ms is not None
            # In order of time: nothing of an earlier bucket than that of the last hit comes any more.
            if rows := walk.rows.take(walk.newest_ms):
                return Page(Documents(rows), walk.next_cursor(self._floor(walk.newest_ms)), is_last=False)

    async def _last_page(self, walk: _Walk, records: Documents) -> Page:
        """Nothing is later than these: the next page starts a little before them, for what comes late.

        A document from the future must not take the cursor there with it, and no bucket is left in which
        documents were seen and no row was made.
        """
        since = walk.since_ms
        held = walk.rows.first_ms if walk.rows is not None else None
        if walk.newest_ms is not None:
            now = self._context.now_ms()
            start = min(walk.newest_ms, now) - int(self._context.overlap_seconds * 1_000)
            since = max(since, self._floor(start if held is None else min(start, held)))
        problem = ""
        if len(records) or held is not None:
            self._is_first_run = False
        elif self._is_first_run:
            problem = await self._why_nothing(walk)
        return Page(records, {"since_ms": since}, is_last=True, problem=problem)

    async def _why_nothing(self, walk: _Walk) -> str:
        """What is wrong where a walk gave no row; empty where none may have been written yet, which is said once.

        Raises:
            SourceError: as in a search.
        """
        settings = self._settings
        ((field, order),) = walk.order[0].items()
        assert isinstance(order, dict)
        one = {"size": 1, "_source": True, "sort": [{field: {**order, "order": "desc"}}]}
        there = (await self._asked(walk, one, since_ms=None, filtered=False))["hits"]["hits"]
        if not there:
            self._warn_once(
                f"{settings.index!r} has no document with a {settings.time_field} yet; waiting for one"
            )
            return ""
        newest_ms = int(there[0]["sort"][0])
        if newest_ms < walk.since_ms and not walk.hits:
            self._warn_once(
                f"{settings.index!r} has no document since {_utc(walk.since_ms)}; the newest is of {_utc(newest_ms)}. "
                "If older ones are wanted, begin further back: --since"
            )
            return ""
        fields = ", ".join(Documents([_source_of(there[0])]).fields()[:_SHOWN_FIELDS])
        found = f"The newest document of {settings.index!r} has the fields {fields}"
        if walk.unnamed:
            names = ", ".join(self._context.mapping.server_name)
            return f"None of {walk.unnamed} documents names a host in {names}. {found}. See [mapping] server_name"
        if settings.by_metricset:
            return (
                f"No document of {settings.index!r} is of the metricsets {', '.join(settings.metricsets)}"
                + (" and matches [source] filter" if settings.filter else "")
                + f". {found}. If Metricbeat or Elastic Agent did not write them, set another [mapping] preset "
                '("linborg", "contract") or layout = "rows"'
            )
        return (
            f"No document of {settings.index!r} since {_utc(walk.since_ms)} matches [source] filter. {found}"
        )

    def _warn_once(self, line: str) -> None:
        if line not in self._warned:
            self._warned.add(line)
            self._context.warn(line)

    async def _search(self, walk: _Walk, size: int) -> Sequence[Hit]:
        """The next hits of a walk."""
        what: dict[str, object] = {"size": size, "_source": {"includes": self._includes}}
        if walk.after is not None:
            what["search_after"] = walk.after
        hits: Sequence[Hit] = (await self._asked(walk, what, since_ms=walk.since_ms))["hits"]["hits"]
        walk.hits += len(hits)
        if hits:
            walk.after = hits[-1]["sort"]
            walk.newest_ms = int(hits[-1]["sort"][0])
        return hits

    async def _asked(
        self, walk: _Walk, what: Mapping[str, object], *, since_ms: int | None, filtered: bool = True
    ) -> Mapping[str, Any]:
        """The answer to a search within the point in time of a walk, of documents that have a time."""
        field_name = self._settings.time_field
        start: Mapping[str, object] = {"exists": {"field": field_name}}
        if since_ms is not None:
            start = {"range": {field_name: {"gte": since_ms, "format": "epoch_millis"}}}
        filters: list[Mapping[str, object]] = [start]
        if self._settings.by_metricset and filtered:
            filters.append({"terms": {"metricset.name": list(self._settings.metricsets)}})
        if self._settings.filter and filtered:
            filters.append(self._settings.filter)
        body = {"query": {"bool": {"filter": filters}}, "sort": walk.order, **what}
        assert self._service is not None
        answer = await self._service.search(walk.pit, body)
        walk.pit = str(answer.get("pit_id") or walk.pit)
        return answer

    def _gather(self, rows: MetricSets, hits: Sequence[Hit]) -> int:
        """Puts hits into rows; returns how many name no host."""
        unnamed = [hit for hit in hits if not rows.add(int(hit["sort"][0]), _source_of(hit))]
        if unnamed:
            self._context.refuse("no_server_name", len(unnamed), f"document {unnamed[0].get('_id')!r}")
        return len(unnamed)

    def _metricsets(self) -> MetricSets | None:
        if not self._settings.by_metricset:
            return None
        mapping = self._context.mapping
        return MetricSets(mapping.fields, mapping.server_name, mapping.timestamp[0], self._settings.bucket_ms)

    def _floor(self, moment_ms: int) -> int:
        return moment_ms - moment_ms % self._settings.bucket_ms if self._settings.by_metricset else moment_ms


def _utc(moment_ms: int) -> str:
    """A moment for people; any number, for one far off is what is to be shown."""
    try:
        return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{moment_ms} ms"


def _source_of(hit: Hit) -> Mapping[str, Any]:
    source = hit.get("_source")
    if not isinstance(source, Mapping):
        raise SourceError(
            f"Documents of the index {hit.get('_index')!r} come without _source: its mapping turns it off."
        )
    return source
