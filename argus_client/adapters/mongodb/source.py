"""`MongoSource`: documents of one collection in order of time, page by page.

Pages are cut by time alone, so that an index on the time field is all they need: no page ends inside a run of
documents of one moment. The last moment of a full page is left out and read again from its beginning, in order of
`_id`; that is the only place where `_id` matters, and the only sort that is not the index's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.mongodb.collection import CollectionCheck, opened, value_of
from argus_client.adapters.mongodb.failures import translated
from argus_client.adapters.mongodb.settings import MongoSettings
from argus_client.adapters.mongodb.times import TimeFormat
from argus_client.adapters.projected import Projected
from argus_client.adapters.pull import Cursor, Page
from argus_client.adapters.source import SourceError

_ASCENDING: Final = 1
_SELECTION_SECONDS: Final = 10.0
# Any `_id` and any time, exactly as they were.
_EXTENDED_JSON: Final = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A run of documents of one time, and how far it has been read.

    Attributes:
        time: The value of the time field.
        last_id: `_id` of the last document that was read, in a tuple; None before the first.
    """

    time: object
    last_id: tuple[object] | None = None


@dataclass(frozen=True, slots=True)
class _Position:
    """What a cursor says.

    Attributes:
        since_ms: Everything from here on, while `moment` is None.
        form: How time is written; None while no document has been seen.
        moment: The rest of these documents, and everything later.
    """

    since_ms: int
    form: TimeFormat | None = None
    moment: _Moment | None = None

    def to_cursor(self) -> Cursor:
        cursor: dict[str, object] = {"since_ms": self.since_ms}
        if self.form is not None:
            cursor["time"] = self.form.to_json()
        if self.moment is not None:
            values = {"time": self.moment.time}
            if self.moment.last_id is not None:
                values["_id"] = self.moment.last_id[0]
            cursor["after"] = json.loads(json_util.dumps(values, json_options=_EXTENDED_JSON))
        return cursor

    @staticmethod
    def of(cursor: Cursor) -> _Position:
        since, form, after = cursor.get("since_ms"), cursor.get("time"), cursor.get("after")
        if not isinstance(since, int):
            raise SourceError(f"The cursor is not one of a MongoDB adapter: {dict(cursor)!r}.")
        moment = None
        if isinstance(after, Mapping):
            values = json_util.loads(json.dumps(after), json_options=_EXTENDED_JSON)
            moment = _Moment(values["time"], (values["_id"],) if "_id" in values else None)
        return _Position(since, TimeFormat.from_json(form) if isinstance(form, Mapping) else None, moment)


class MongoSource:
    """Reads a collection; implements `PullSource`.

    Args:
        settings: Where the documents are.
        context: Which fields are wanted, and the clock.
    """

    def __init__(self, settings: MongoSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self._projection = _projection((*context.mapping.fields, settings.time_field))
        self._client: AsyncMongoClient[dict[str, Any]] | None = None
        self._collection: AsyncCollection[dict[str, Any]] | None = None
        self._looked_at: TimeFormat | None = None
        self._fields: Sequence[str] = ()

    def begin(self, since_ms: int) -> Cursor:
        """The first cursor: everything from `since_ms` on."""
        return _Position(since_ms).to_cursor()

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """The documents after `cursor`, at most `limit`.

        Raises:
            SourceUnavailable: the server cannot answer now.
            SourceError: it will not answer until somebody changes something.
        """
        position = _Position.of(cursor)
        try:
            collection, form = await self._ready(position.form)
            if form is None:
                return Page(self._records([]), position.to_cursor(), is_last=True)
            return await self._page(collection, form, replace(position, form=form), limit)
        except (PyMongoError, BSONError) as error:
            self._looked_at = None
            # The driver's own text may quote the connection string, and its chain of causes would be printed.
            raise translated(error, self._settings) from None

    async def close(self) -> None:
        """Closes the connections."""
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            await client.close()

    async def _ready(
        self, known: TimeFormat | None
    ) -> tuple[AsyncCollection[dict[str, Any]], TimeFormat | None]:
        """The collection and how it writes time; looked at again after every failure."""
        if self._collection is None:
            self._client = _client(self._settings)
            self._collection = opened(self._client[self._settings.database], self._settings.collection)
        if self._looked_at is None:
            check = CollectionCheck(self._collection, self._settings, self._context.warn)
            await check.exists()
            self._looked_at = known or await check.time_format()
            self._fields = await check.fields()
            if self._looked_at is not None:
                await check.others(self._looked_at)
        return self._collection, known or self._looked_at

    async def _page(
        self, collection: AsyncCollection[dict[str, Any]], form: TimeFormat, position: _Position, limit: int
    ) -> Page:
        field = self._settings.time_field
        documents: list[dict[str, Any]] = []
        moment = position.moment
        while True:
            if moment is not None:
                documents = await self._find(collection, _rest_of(field, moment), "_id", limit)
                if len(documents) == limit:
                    moment = replace(moment, last_id=(_id_of(documents[-1]),))
                    return Page(self._records(documents), replace(position, moment=moment).to_cursor(), False)
            later = {"$gte": form.bound(position.since_ms)} if moment is None else {"$gt": moment.time}
            room = limit - len(documents)
            more = await self._find(collection, {field: later}, field, room)
            if len(more) < room:
                return self._last_page(form, position, documents + more)
            last = value_of(more[-1], field)
            if last is None or (moment is not None and last == moment.time):
                raise SourceError(
                    f"The document with _id {more[-1]['_id']!r} of {self._settings.namespace} was found by its time in "
                    f"{field!r}, and has none that can be asked for: a list of times is not one. Remove or correct it."
                )
            documents += more[: _start_of_last(more, field, last)]
            moment = _Moment(last)
            if documents:
                return Page(self._records(documents), replace(position, moment=moment).to_cursor(), False)

    def _last_page(self, form: TimeFormat, position: _Position, documents: list[dict[str, Any]]) -> Page:
        """Nothing is later than these: the next page starts a little before them, for what comes late.

        A document from the future must not take the cursor there with it.
        """
        times = [value_of(document, self._settings.time_field) for document in reversed(documents)]
        if position.moment is not None:
            times.append(position.moment.time)
        newest = next((ms for time in times if (ms := form.to_ms(time)) is not None), None)
        since = position.since_ms
        if newest is not None:
            start = min(newest, self._context.now_ms()) - int(self._context.overlap_seconds * 1_000)
            since = max(since, start)
        return Page(self._records(documents), _Position(since, form).to_cursor(), is_last=True)

    def _records(self, documents: Sequence[Mapping[str, Any]]) -> Projected:
        mapped = "_id" in self._context.mapping.fields
        return Projected(documents, self._fields, hidden="" if mapped else "_id")

    async def _find(
        self, collection: AsyncCollection[dict[str, Any]], query: Mapping[str, Any], order: str, limit: int
    ) -> list[dict[str, Any]]:
        found = collection.find(
            query,
            projection=self._projection,
            sort=[(order, _ASCENDING)],
            limit=limit,
            batch_size=self._settings.batch_documents,
            max_time_ms=int(self._settings.timeout_seconds * 1_000),
        )
        async with found:
            return await found.to_list()


def _client(settings: MongoSettings) -> AsyncMongoClient[dict[str, Any]]:
    seconds = settings.timeout_seconds
    return AsyncMongoClient(
        settings.uri,
        appname="argus-adapter",
        serverSelectionTimeoutMS=int(min(seconds, _SELECTION_SECONDS) * 1_000),
        connectTimeoutMS=int(min(seconds, _SELECTION_SECONDS) * 1_000),
        # The server's own limit, maxTimeMS, is to answer first: it says why.
        socketTimeoutMS=int((1.2 * seconds + 0.5) * 1_000),
        **settings.options,
    )


def _rest_of(field: str, moment: _Moment) -> Mapping[str, Any]:
    if moment.last_id is None:
        return {field: moment.time}
    # $gt outside of $expr sees `_id`s of the same type only, and would leave out the others.
    return {field: moment.time, "$expr": {"$gt": ["$_id", {"$literal": moment.last_id[0]}]}}


def _id_of(document: Mapping[str, Any]) -> object:
    """An `_id` may be a document itself, which is no value of a field."""
    value = value_of(document, "_id")
    return document["_id"] if value is None else value


def _start_of_last(documents: Sequence[Mapping[str, Any]], field: str, last: object) -> int:
    """Index of the first of the documents at the end that have the time `last`."""
    index = len(documents) - 1
    while index > 0 and value_of(documents[index - 1], field) == last:
        index -= 1
    return index


def _projection(fields: Sequence[str]) -> Mapping[str, bool] | None:
    """Only these fields and `_id`; None, which is all, where a name cannot be asked for."""
    if any(not name or name.startswith("$") or "" in name.split(".") for name in fields):
        return None
    # MongoDB refuses a projection of both `cpu` and `cpu.user`: the outer one brings the inner.
    wanted = set(fields)
    return {
        name: True
        for name in fields
        if not any(name[:at] in wanted for at, letter in enumerate(name) if letter == ".")
    }
