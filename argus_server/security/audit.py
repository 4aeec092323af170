"""The audit log: one line of JSON for every admin call, key change and refused call."""

from __future__ import annotations

import getpass
import json
import logging
import logging.handlers
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from argus_server.security.key_file import give_to_owner
from argus_server.security.limits import Meter

AUDIT_FILE: Final = "audit.log"
_MAX_BYTES: Final = 10 << 20
_BACKUPS: Final = 5
_LONGEST: Final = 256

_LOG: Final = logging.getLogger(__name__)

# Refusals cost an attacker nothing, so what they may write is bounded: per peer, for so many peers.
_REFUSALS_AT_ONCE: Final = 20
_REFUSALS_PER_SECOND: Final = 0.5
_PEERS: Final = 1_000
_MOST_WAITING: Final = 10_000
"""Lines that may wait for the disk."""


class _File(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner may read; a disk that cannot take a line is reported, not raised."""

    def _open(self) -> Any:
        return open(
            self.baseFilename,
            self.mode,
            encoding="ascii",
            opener=lambda path, flags: os.open(path, flags | os.O_CLOEXEC, 0o600),
        )

    def handleError(self, record: logging.LogRecord) -> None:
        _LOG.exception("a line of the audit log is lost")


class AuditLog:
    """Where the lines go: a file that is rotated, or without one the server's own log. Thread-safe.

    Lines of a file are written by a thread of their own: a disk that does not answer holds up nobody who calls.

    Args:
        path: The file; None writes to the log of the server.
        monotonic: Clock of the limit on refusals, seconds.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file: _File | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _File(path, maxBytes=_MAX_BYTES, backupCount=_BACKUPS)
            self._thread = ThreadPoolExecutor(1, "argus-audit")
            self._room = threading.BoundedSemaphore(_MOST_WAITING)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._peers: OrderedDict[str, tuple[Meter, int]] = OrderedDict()

    def call(self, *, method: str, caller: str, key_id: str, peer: str, outcome: str) -> None:
        """An admin call that was served, and how it ended."""
        self._write(entry("call", method=method, caller=caller, key_id=key_id, peer=peer, outcome=outcome))

    def refused(self, *, method: str, caller: str, key_id: str, peer: str, outcome: str, reason: str) -> None:
        """A call that was refused. Beyond 20 at once and one in 2 s, those of a peer are only counted."""
        suppressed = self._suppressed(_host(peer))
        if suppressed is None:
            return
        line = entry(
            "refused",
            method=method,
            caller=caller,
            key_id=key_id,
            peer=peer,
            outcome=outcome,
            reason=reason,
            **({"suppressed": suppressed} if suppressed else {}),
        )
        self._write(line)

    def close(self) -> None:
        """Writes what waits, and closes the file."""
        if self._file is not None:
            self._thread.shutdown()
            try:
                self._file.close()
            except (OSError, ValueError) as error:  # what the disk has not taken before it does not take now
                _LOG.error("the end of the audit log is lost: %s", error)

    def _suppressed(self, host: str) -> int | None:
        """How many refusals of a peer were not written before this one; None when this one is not either."""
        with self._lock:
            fresh = Meter(_REFUSALS_PER_SECOND, _REFUSALS_AT_ONCE, self._monotonic), 0
            meter, count = self._peers.pop(host, fresh)
            write = not meter.take()
            self._peers[host] = (meter, 0 if write else count + 1)
            if len(self._peers) > _PEERS:
                self._peers.popitem(last=False)
        return count if write else None

    def _write(self, line: str) -> None:
        if self._file is None:
            _LOG.info("%s", line)
            return
        if not self._room.acquire(blocking=False):
            _LOG.error(
                "the disk does not take the audit log, and %d lines wait; lost: %s", _MOST_WAITING, line
            )
            return
        self._thread.submit(self._append, self._file, line)

    def _append(self, file: _File, line: str) -> None:
        try:
            file.handle(logging.LogRecord("audit", logging.INFO, "", 0, line, (), None))
        finally:
            self._room.release()


def entry(event: str, **fields: str | int) -> str:
    """A line. What comes from outside is cut to 256 characters, and everything but printable ASCII is escaped."""
    cut = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in fields.items()}
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": moment, "event": event, **cut}, ensure_ascii=True).replace("\x7f", "\\u007f")


def append(path: Path, line: str) -> None:
    """Adds a line from a command, beside a server that may be writing to the same file.

    Raises:
        OSError: It cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_to_owner(descriptor, path.parent)
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def local_user() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _host(peer: str) -> str:
    """A peer without its port: `ipv4:127.0.0.1` of `ipv4:127.0.0.1:50212`."""
    return peer.rpartition(":")[0] or peer
