"""A first look at a collection: is it there, can it be read in order of time, and how does it write time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bson.codec_options import DatetimeConversion, TypeDecoder, TypeRegistry
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from argus_client.adapters.core.documents import Documents
from argus_client.adapters.mongodb.failures import UNAUTHORIZED
from argus_client.adapters.mongodb.settings import MongoSettings
from argus_client.adapters.mongodb.times import BSON_TYPES, TimeFormat
from argus_client.adapters.source import SourceError

_NAMES_SHOWN: Final = 8
_SAMPLE: Final = 1_000
Document = Mapping[str, Any]


class _Decimal(float):
    """A Decimal128 as a number to calculate with, that can still be asked for as what it is."""

    decimal: Decimal128


class _DecimalAsFloat(TypeDecoder):
    """A Decimal128 is one more way to write a number."""

    @property
    def bson_type(self) -> type[Decimal128]:
        """What is transformed."""
        return Decimal128

    def transform_bson(self, value: Any) -> float:
        """A float of it."""
        number = _Decimal(value.to_decimal())
        number.decimal = value
        return number


def opened(database: AsyncDatabase[dict[str, Any]], name: str) -> AsyncCollection[dict[str, Any]]:
    """The collection, read so that no value of a document can fail the page it is on."""
    options = database.codec_options.with_options(
        tz_aware=True,
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
        unicode_decode_error_handler="replace",
        type_registry=TypeRegistry([_DecimalAsFloat()]),
    )
    return database.get_collection(name, codec_options=options)


class CollectionCheck:
    """What is looked at once a connection, before the first page.

    Args:
        collection: The collection.
        settings: Where it is.
        warn: Takes one line for whoever runs the adapter.
    """

    def __init__(
        self,
        collection: AsyncCollection[dict[str, Any]],
        settings: MongoSettings,
        warn: Callable[[str], None],
    ) -> None:
        self._collection = collection
        self._settings = settings
        self._warn = warn
        self._is_collection = False
        self._is_indexed = False

    async def exists(self) -> None:
        """MongoDB answers a query of what is not there with nothing, so that a misspelt name would wait for ever.

        Raises:
            SourceError: there is no such collection.
        """
        kind = await self._kind()
        if kind is None:
            names = sorted(await self._collection.database.list_collection_names())
            there = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
            raise SourceError(
                f"The database {self._settings.database!r} has no collection {self._settings.collection!r}; "
                + (f"it has {there}." if names else "it has none at all: check its name too.")
            )
        self._is_collection = kind == "collection"
        self._is_indexed = self._is_collection and await self._has_index()

    async def time_format(self) -> TimeFormat | None:
        """How time is written: as configured, or as in a document; None while there are no documents.

        Raises:
            SourceError: there are documents, and none has a time that can be read.
        """
        field, wanted = self._settings.time_field, self._settings.time_type
        if wanted not in ("auto", "text"):
            return TimeFormat(wanted)
        known = {"$type": "string"} if wanted == "text" else {"$type": ["date", "number", "string"]}
        sample = await self._first({field: known})
        if sample is None:
            anything = await self._first({})
            if anything is None:
                return None
            raise SourceError(
                f"No document of {self._settings.namespace} has a time in {field!r}; "
                f"the first has {', '.join(Documents([anything]).fields()[:20])}. Set time_field."
            )
        value = value_of(sample, field)
        form = TimeFormat.of(value)
        if form is None:
            raise SourceError(
                f"{field!r} of {self._settings.namespace} holds {value!r}, which is no time that can be ordered: "
                "a BSON date, a number since 1970 and ISO 8601 text are."
            )
        return form

    async def fields(self) -> Sequence[str]:
        """All fields of one document, by name."""
        document = await self._first({})
        return Documents([document] if document else []).fields()

    async def others(self, form: TimeFormat) -> None:
        """Warns of documents whose time is of another type, which a query by time does not see.

        With an index on the time all documents are looked at, without one only some: they would all be read.
        """
        types = sorted({*BSON_TYPES.values()} - {BSON_TYPES[form.kind]})
        if self._is_indexed:
            other = await self._first({self._settings.time_field: {"$type": types}})
        else:
            other = await self._other_of_some(form)
        if other is not None:
            self._warn(
                f"{self._settings.namespace} also holds documents whose {self._settings.time_field!r} is of type "
                f"{' or '.join(types)}, such as that with _id {other.get('_id')!r}: they are not read. "
                f"Time is read as {form.kind}."
            )

    async def _other_of_some(self, form: TimeFormat) -> Document | None:
        """Of the documents inserted last, or of any where there is no order, one with a time of another type."""
        field = self._settings.time_field
        found = self._collection.find(
            {},
            projection=[field],
            sort=[("_id", -1)] if self._is_collection else None,
            limit=_SAMPLE,
            max_time_ms=int(self._settings.timeout_seconds * 1_000),
        )
        async with found:
            documents = await found.to_list()
        ours = BSON_TYPES[form.kind]
        return next((one for one in documents if _bson_type(value_of(one, field)) not in ("", ours)), None)

    async def _kind(self) -> str | None:
        """`collection`, `view` or `timeseries`; None when there is none. `unknown` when it must not be asked."""
        try:
            found = await self._collection.database.list_collections(
                filter={"name": self._settings.collection}
            )
            entries = await found.to_list(1)
        except OperationFailure as error:
            if error.code == UNAUTHORIZED:
                return "unknown"
            raise
        return str(entries[0].get("type", "collection")) if entries else None

    async def _has_index(self) -> bool:
        field = self._settings.time_field
        try:
            indexes = await self._collection.index_information()
        except OperationFailure as error:
            if error.code == UNAUTHORIZED:
                return False
            raise
        has_index = any(index["key"][0][0] == field for index in indexes.values())
        if not has_index:
            self._warn(
                f"No index of {self._settings.namespace} starts with {field!r}: every query reads the whole "
                f'collection. Create one: db.{self._settings.collection}.createIndex({{"{field}": 1}})'
            )
        return has_index

    async def _first(self, query: Mapping[str, Any]) -> Document | None:
        return await self._collection.find_one(query, max_time_ms=int(self._settings.timeout_seconds * 1_000))


def _bson_type(value: object) -> str:
    """The name of `BSON_TYPES` for a value; empty for one that none of them is."""
    if isinstance(value, datetime | DatetimeMS):
        return "date"
    if isinstance(value, str):
        return "string"
    is_number = isinstance(value, int | float | Decimal128) and not isinstance(value, bool)
    return "number" if is_number else ""


def value_of(document: Document, field: str) -> Any:
    """The value of a field, exactly as MongoDB has it: no float equals the decimal 0.1. None without one."""
    column = Documents([document]).column(field)
    value = None if column is None else column[0]
    return value.decimal if isinstance(value, _Decimal) else value
