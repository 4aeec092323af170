"""How an adapter's log looks: lines for people, or JSON objects for whoever collects them."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

_EXTRAS: Final = ("trouble", "tally", "rows_per_second")


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """The object: time, level, message, and what else a record carries."""
        line: dict[str, object] = {
            "time": _utc(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        line |= {name: getattr(record, name) for name in _EXTRAS if hasattr(record, name)}
        return json.dumps(line, allow_nan=False, default=str)


class TextFormatter(logging.Formatter):
    """One line per record, and the traceback of one that has it."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level and message, without what could pass for another line."""
        message = "".join(c if c.isprintable() else " " for c in record.getMessage())
        traceback = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{_utc(record)} {record.levelname.lower():<7} {message}{traceback}"


def configure(*, as_json: bool, verbose: bool = False) -> None:
    """Sends what adapters and the client say to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("argus").setLevel(logging.DEBUG if verbose else logging.INFO)


def _utc(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
