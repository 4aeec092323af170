"""`TimeFormat`: how the documents of a collection write a moment, and how a moment is asked for in that writing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from argus_client.adapters.source import SourceError

_PER_SECOND: Final[Mapping[str, int]] = {
    "seconds": 1,
    "milliseconds": 1_000,
    "microseconds": 1_000_000,
    "nanoseconds": 1_000_000_000,
}
KINDS: Final = ("date", *_PER_SECOND, "text")
"""What `time_type` may say beside `auto`."""

BSON_TYPES: Final[Mapping[str, str]] = {"date": "date", "text": "string"} | dict.fromkeys(
    _PER_SECOND, "number"
)
"""By kind, the name MongoDB has for the type of its values."""

_TEXT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How a collection writes a moment.

    Attributes:
        kind: `date` (BSON), a count since 1970 (`seconds` to `nanoseconds`), or `text` (ISO 8601).
        separator: Of text, what stands between date and time.
        offset_minutes: Of text, the zone it is written in, east of UTC. Text is compared as text, so all documents
            have to be written in one zone.
    """

    kind: str
    separator: str = "T"
    offset_minutes: int = 0

    @staticmethod
    def of(value: object) -> TimeFormat | None:
        """The format a value is written in; None when it is no time."""
        if isinstance(value, datetime | DatetimeMS):
            return TimeFormat("date")
        value = _plain(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            size = abs(value)
            if size < 1e11:
                return TimeFormat("seconds")
            return TimeFormat(
                "milliseconds" if size < 1e14 else "microseconds" if size < 1e17 else "nanoseconds"
            )
        if isinstance(value, str) and (match := _TEXT.match(value)) and (moment := _parsed(value)):
            offset = moment.utcoffset() or timedelta()
            return TimeFormat("text", match[1], int(offset.total_seconds()) // 60)
        return None

    def bound(self, moment_ms: int) -> object:
        """A value no later than `moment_ms`, for `$gte`; of text the beginning of its minute."""
        if self.kind == "date":
            return DatetimeMS(moment_ms)
        if self.kind == "text":
            local = _EPOCH + timedelta(milliseconds=moment_ms, minutes=self.offset_minutes)
            return local.strftime(f"%Y-%m-%d{self.separator}%H:%M")
        return moment_ms * _PER_SECOND[self.kind] // 1_000

    def to_ms(self, value: object) -> int | None:
        """Unix milliseconds UTC; None when the value is not written in this format."""
        if self.kind == "date":
            if isinstance(value, datetime):
                return (value - _EPOCH) // timedelta(milliseconds=1)
            return int(value) if isinstance(value, DatetimeMS) else None
        if self.kind == "text":
            moment = _parsed(value) if isinstance(value, str) else None
            return None if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)
        value = _plain(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2.0**63:
            return int(value * 1_000 // _PER_SECOND[self.kind])
        return None

    def to_json(self) -> Mapping[str, object]:
        """What `from_json` reads."""
        if self.kind != "text":
            return {"kind": self.kind}
        return {"kind": self.kind, "separator": self.separator, "offset_minutes": self.offset_minutes}

    @staticmethod
    def from_json(values: Mapping[str, object]) -> TimeFormat:
        """The format in a cursor.

        Raises:
            SourceError: it is none that this version knows.
        """
        kind, separator, offset = (
            values.get("kind"),
            values.get("separator", "T"),
            values.get("offset_minutes", 0),
        )
        if kind not in KINDS or separator not in ("T", " ") or not isinstance(offset, int):
            raise SourceError(f"The cursor names a time format that is not known: {dict(values)!r}.")
        return TimeFormat(str(kind), str(separator), offset)


def _plain(value: object) -> object:
    return float(value.to_decimal()) if isinstance(value, Decimal128) else value


def _parsed(text: str) -> datetime | None:
    """ISO 8601 text; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
