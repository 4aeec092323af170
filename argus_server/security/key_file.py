"""`keys.json`: the API keys that were made, without their secrets.

Commands change it while a server runs: under a lock of its own, written beside it and moved into place, so that a
reader sees the old file or the new one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from argus_server.security.limits import KeyLimits
from argus_server.security.scopes import Scope
from argus_server.security.token import Token

KEYS_FILE: Final = "keys.json"
VERSION: Final = 1

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ID: Final = re.compile(r"[0-9a-f]{12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class KeyFileError(ValueError):
    """The file of keys cannot be used, or a change to it makes no sense. The message says what to do."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known about a key.

    Attributes:
        key_id: Part of the key itself; finds this record.
        name: What people call it. A rotated key has the name of the one it replaces.
        scopes: What its holder may do.
        digest: SHA-256 of the secret, hexadecimal.
        created_at: When it was made.
        expires_at: When it stops working; None never does.
        revoked_at: When it was revoked; None when it was not.
        limits: What its holder may use.
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]
    digest: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    limits: KeyLimits = field(default_factory=KeyLimits)

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "id": self.key_id,
            "name": self.name,
            "scopes": sorted(self.scopes),
            "sha256": self.digest,
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
            "limits": self.limits.to_dict(),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Reads what is stored.

        Raises:
            ValueError: It is no such record.
        """
        try:
            key = cls(
                key_id=stored["id"],
                name=stored["name"],
                scopes=frozenset(Scope(scope) for scope in stored["scopes"]),
                digest=stored["sha256"],
                created_at=_moment(stored["created_at"]),
                expires_at=_moment(stored["expires_at"]) if stored["expires_at"] else None,
                revoked_at=_moment(stored["revoked_at"]) if stored["revoked_at"] else None,
                limits=KeyLimits.from_dict(stored["limits"]),
            )
            well_formed = (
                _ID.fullmatch(key.key_id) and _DIGEST.fullmatch(key.digest) and _NAME.fullmatch(key.name)
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a key lacks {error}") from error
        if not well_formed:
            raise ValueError(f"the id, name or sha256 of key {key.name!r} is malformed")
        return key


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


class KeyFile:
    """The file, read and changed as a whole.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[ApiKey, ...]:
        """The keys, oldest first; none when there is no file.

        Raises:
            KeyFileError: It is damaged, or other users may change it.
            OSError: It cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read()
        except FileNotFoundError:
            return ()
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise KeyFileError(
                f"{self.path} can be changed by other users, who could give themselves keys; chmod 600 {self.path}"
            )
        try:
            stored = json.loads(data)
            if stored["version"] != VERSION:
                raise ValueError(f"version {stored['version']}; this Argus reads version {VERSION}")
            keys = tuple(ApiKey.from_dict(key) for key in stored["keys"])
            if len({key.key_id for key in keys}) < len(keys):
                raise ValueError("two keys have the same id")
        except (ValueError, KeyError, TypeError) as error:
            raise KeyFileError(f"{self.path} is damaged: {error}; restore it from a backup") from error
        return keys

    def create(
        self,
        name: str,
        scopes: frozenset[Scope],
        now: datetime,
        expires_at: datetime | None = None,
        limits: KeyLimits | None = None,
    ) -> Token:
        """Makes a key. What is returned exists nowhere else.

        Raises:
            KeyFileError: The name is taken or malformed, there is no scope, or the key would have expired already.
        """
        if not _NAME.fullmatch(name):
            raise KeyFileError(
                f"{name!r} is no name for a key; 1 to 63 letters, digits, '.', '_' and '-' are allowed, a letter or "
                "digit first"
            )
        if not scopes:
            raise KeyFileError(f"a key needs at least one scope of {', '.join(Scope)}")
        if expires_at is not None and expires_at <= now:
            raise KeyFileError(f"the key would have expired at {expires_at.isoformat()}, before it is made")
        with self._changing() as keys:
            if any(key.name == name and key.state(now) == "active" for key in keys):
                raise KeyFileError(f"there is a key {name!r}; rotate it, or revoke it first")
            token = Token.new()
            keys.append(
                ApiKey(
                    token.key_id,
                    name,
                    scopes,
                    token.digest(),
                    created_at=now,
                    expires_at=expires_at,
                    limits=limits or KeyLimits(),
                )
            )
        return token

    def revoke(self, name: str, now: datetime) -> tuple[ApiKey, ...]:
        """Revokes every working key of a name, or the one with an id; returns them.

        Raises:
            KeyFileError: There is none.
        """
        with self._changing() as keys:
            revoked = [key for key in keys if name in (key.name, key.key_id) and key.state(now) == "active"]
            if not revoked:
                raise KeyFileError(f"no working key has the name or id {name!r}; `argus keys list` shows all")
            for key in revoked:
                keys[keys.index(key)] = replace(key, revoked_at=now)
        return tuple(revoked)

    def rotate(self, name: str, now: datetime, grace: timedelta) -> Token:
        """Makes a key with the name, scopes and limits of another, which stops working after a while.

        A key that has an expiry gets as long a life as the former one was made with.

        Args:
            name: Name of a working key.
            now: The time.
            grace: How long the former key still works.

        Raises:
            KeyFileError: There is none.
        """
        with self._changing() as keys:
            former = [key for key in keys if key.name == name and key.state(now) == "active"]
            if not former:
                raise KeyFileError(f"no working key has the name {name!r}; `argus keys list` shows all")
            newest = former[-1]
            for key in former:
                end = now + grace if key.expires_at is None else min(key.expires_at, now + grace)
                keys[keys.index(key)] = replace(key, expires_at=end)
            token = Token.new()
            life = newest.expires_at - newest.created_at if newest.expires_at is not None else None
            keys.append(
                replace(
                    newest,
                    key_id=token.key_id,
                    digest=token.digest(),
                    created_at=now,
                    expires_at=now + life if life is not None else None,
                )
            )
        return token

    @contextmanager
    def _changing(self) -> Iterator[list[ApiKey]]:
        """The keys to change; they are written when the block ends well."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(f"{self.path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            give_to_owner(descriptor, self.path.parent)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            keys = list(self.read())
            yield keys
            document = {"version": VERSION, "keys": [key.to_dict() for key in keys]}
            write_private(self.path, json.dumps(document, indent=2).encode() + b"\n")
        finally:
            os.close(descriptor)


def write_private(path: Path, data: bytes) -> None:
    """Replaces a file by another that only its owner may read, at once and durably."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            give_to_owner(file.fileno(), path.parent)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def give_to_owner(descriptor: int, directory: Path) -> None:
    """Makes the owner of a directory the owner of what root writes there: the server need not be root."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def utc_now() -> datetime:
    """The time of day, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
