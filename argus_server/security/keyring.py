"""The server's view of the API keys: follows the file and tells who holds what."""

from __future__ import annotations

import hmac
import json
import logging
import os
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from argus_server.errors import Unauthenticated
from argus_server.security.caller import Caller, Refusal
from argus_server.security.key_file import ApiKey, KeyFile, KeyFileError, utc_now, write_private
from argus_server.security.limits import KeyUsage
from argus_server.security.token import Token

_LOG: Final = logging.getLogger(__name__)

USED_FILE: Final = "keys-used.json"
_SAVE_INTERVAL: Final = timedelta(minutes=1)
# Stands in for keys that do not exist, so that looking for one takes the same path as finding one.
_NOBODY: Final = Token("0" * 12, "0" * 64)
_NO_DIGEST: Final = "f" * 64
_UNKNOWN: Final = "the server knows no such API key; ask its operator for one (argus keys create)"


class Keyring:
    """The keys in force. Lives on one event loop.

    Args:
        file: Where they are kept; None when there cannot be any.
        used_file: Where to note when each was last used; None does not.
        fleet: The names in the fleet now, for limits.
        now: The time of day.
        monotonic: Clock of the limits, seconds.

    Raises:
        KeyFileError: The file cannot be used, or has no keys although there were some.
        OSError: It cannot be read.

    Attributes:
        problem: Why the newest version of the file is not in force; empty when it is.
    """

    def __init__(
        self,
        file: KeyFile | None,
        used_file: Path | None = None,
        *,
        fleet: Callable[[], Collection[str]] = frozenset,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.problem = ""
        self._file = file
        self._used_file = used_file
        self._fleet = fleet
        self._now = now
        self._monotonic = monotonic
        self._keys: dict[str, ApiKey] = {}
        self._usage: dict[str, KeyUsage] = {}
        self._used = read_used(used_file)
        self._saved_at = now()
        self._dirty = False
        self._seen = self._signature()
        self._due_at_once = False
        self._is_save_failing = False
        keys = file.read() if file is not None else ()
        if file is not None and not keys and has_been_used(used_file):
            raise KeyFileError(
                f"{_missing(file)}, and this server has asked for API keys before: without them, it would let "
                "everybody in. Restore it from a backup or make a key with argus keys create; or, if nobody is to be "
                f"asked for a key any more, remove {used_file} as well"
            )
        self._replace(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def authenticate(self, text: str) -> Caller:
        """Who holds a key.

        Raises:
            Refusal: Nobody, or nobody any more.
        """
        token = Token.parse(text) or _NOBODY
        key = self._keys.get(token.key_id)
        matches = hmac.compare_digest(token.digest(), key.digest if key is not None else _NO_DIGEST)
        if key is None or not matches:
            raise Refusal("unknown_key", Unauthenticated(_UNKNOWN))
        now = self._now()
        self._check_state(key, now)
        self._note_use(key, now)
        return Caller(key.name, "key", key.scopes, key.key_id, self._usage[key.name])

    def valid(self, key_id: str) -> bool:
        """Whether a key still works."""
        key = self._keys.get(key_id)
        return key is not None and key.state(self._now()) == "active"

    def refresh(self) -> None:
        """Reads the file again if it has changed; one that cannot be used, or has no keys although there were some,
        leaves the former keys in force, and is read again each time."""
        if self._file is None:
            return
        if (signature := self._signature()) == self._seen and not self.problem:
            return
        try:
            keys = self._file.read()
            if self._keys and not keys:
                raise KeyFileError(_missing(self._file))
        except (KeyFileError, OSError) as error:
            problem = f"the former API keys stay in force: {error}"
            if problem != self.problem:
                _LOG.error("%s", problem)
            self.problem = problem
            return
        self._seen = signature
        self.problem = ""
        self._replace(keys)
        _LOG.info("API keys read: %d, of which %d work", len(keys), sum(self.valid(k.key_id) for k in keys))

    def due(self) -> bytes | None:
        """What `save` should be called with now, if anything."""
        if self._used_file is None or not (self._dirty or self._due_at_once):
            return None
        if not self._due_at_once and self._now() - self._saved_at < _SAVE_INTERVAL:
            return None
        return self.used()

    def used(self) -> bytes:
        """When each key was last used, null for never, as it is stored."""
        self._dirty, self._saved_at = False, self._now()
        used = {key_id: self._used.get(key_id) for key_id in self._keys}
        return json.dumps({key_id: at.isoformat() if at else None for key_id, at in used.items()}).encode()

    def save(self, used: bytes) -> None:
        """Writes what `used` or `due` gave; what a disk cannot take is due again. May run on any thread."""
        if self._used_file is None:
            return
        try:
            write_private(self._used_file, used)
        except OSError as error:
            self._dirty = True
            if not self._is_save_failing:
                _LOG.warning("cannot note when API keys were used, trying again: %s", error)
            self._is_save_failing = True
            return
        self._due_at_once = self._is_save_failing = False

    def _check_state(self, key: ApiKey, now: datetime) -> None:
        state = key.state(now)
        if state == "active":
            return
        since = key.revoked_at if state == "revoked" else key.expires_at
        raise Refusal(
            f"{state}_key",
            Unauthenticated(
                f"the API key {key.name!r} {'was revoked' if state == 'revoked' else 'expired'} at {since}; "
                "ask the server's operator for another (argus keys rotate or create)"
            ),
            Caller(key.name, "key", frozenset(), key.key_id),
        )

    def _note_use(self, key: ApiKey, now: datetime) -> None:
        self._used[key.key_id] = now
        self._dirty = True

    def _replace(self, keys: tuple[ApiKey, ...]) -> None:
        self._keys = {key.key_id: key for key in keys}
        # By name, so that a rotated key takes over what the former one has used; the newest one's limits hold.
        limits = {key.name: key.limits for key in keys}
        kept = self._usage
        self._usage = {
            name: kept[name]
            if name in kept and kept[name].limits == limit
            else KeyUsage(name, limit, self._fleet, self._monotonic)
            for name, limit in limits.items()
        }
        self._used = {key_id: at for key_id, at in self._used.items() if key_id in self._keys}
        # That there are keys is noted before anything else can happen to them.
        self._due_at_once = bool(self._keys)

    def _signature(self) -> tuple[int, ...] | None:
        """Changes whenever the file does; None when there is none."""
        if self._file is None:
            return None
        try:
            found = os.stat(self._file.path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def _missing(file: KeyFile) -> str:
    return f"{file.path} {'has no keys' if file.path.exists() else 'is gone'}"


def read_used(path: Path | None) -> dict[str, datetime]:
    """When each key was last used, by id; nothing when that cannot be read."""
    if path is None:
        return {}
    try:
        stored = json.loads(path.read_bytes())
        return {str(key_id): datetime.fromisoformat(at) for key_id, at in stored.items() if at is not None}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def has_been_used(path: Path | None) -> bool:
    """Whether a server has had keys: it notes each of them, used or not. One that cannot be read counts as well."""
    if path is None:
        return False
    try:
        return bool(json.loads(path.read_bytes()) != {})
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
