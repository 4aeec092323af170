"""`StateFile`: how far an adapter has come, on disk, with one writer and nothing half written."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from argus_client.adapters.core.errors import StateError
from argus_client.adapters.pull import Cursor

_VERSION: Final = 1
_SECRET_WORDS: Final = ("password", "secret", "token", "key", "bearer", "credential")


@dataclass(frozen=True, slots=True)
class State:
    """What is kept.

    Attributes:
        cursor: Where the source goes on; every row before it has been answered for by the server.
        since_ms: Where the adapter once began; older rows are none of its business.
        saved_at_ms: When this was written.
    """

    cursor: Cursor
    since_ms: int
    saved_at_ms: int


def default_directory() -> Path:
    """Where state is kept when nobody says otherwise: below `$XDG_STATE_HOME`, which is `~/.local/state`."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "argus" / "adapters"


def fingerprint(adapter: str, identity: object) -> str:
    """Tells sources apart: a digest of the kind of adapter and of what says where its rows come from."""
    text = json.dumps([adapter, identity], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def without_secrets(table: Mapping[str, object]) -> dict[str, object]:
    """A `[source]` table without what looks like a secret, by the names of its keys, at any depth."""
    return {
        key: without_secrets(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if not any(word in key.lower() for word in _SECRET_WORDS)
    }


class StateFile:
    """The state of one adapter. Holds a lock from its making until `close`.

    Args:
        directory: Made if it is not there.
        name: Name of the adapter; the file's too.
        source: `fingerprint` of the source: a state of another one is refused.

    Raises:
        StateError: another process holds it, or it cannot be made.
    """

    def __init__(self, directory: Path, name: str, source: str) -> None:
        self._path = directory / f"{name}.json"
        self._source = source
        self._lock = -1
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(directory / f"{name}.lock", self._path)
        except OSError as error:
            raise StateError(
                f"The state of adapter {name!r} cannot be kept in {directory}: {error.strerror}. "
                "Set [adapter] state_dir to a directory this user may write to."
            ) from None

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def load(self) -> State | None:
        """What was saved last; None before the first time.

        Raises:
            StateError: the file is damaged, of a newer Argus, or of another source.
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(f"cannot be read: {error}") from None
        try:
            values: Any = json.loads(text)
            version, source = values["version"], values["source"]
            state = State(dict(values["cursor"]), int(values["since_ms"]), int(values["saved_at_ms"]))
        except (ValueError, KeyError, TypeError) as error:
            raise self._unusable(f"is damaged ({type(error).__name__}: {error})") from None
        if version != _VERSION:
            raise self._unusable(
                f"has version {version}; this Argus knows {_VERSION}: run the one that wrote it"
            )
        if source != self._source:
            raise self._unusable(
                "belongs to another source: the [source] table has changed since it was written"
            )
        return state

    def save(self, state: State) -> None:
        """Writes a state so that after a crash at any moment the file is the old or the new one, whole.

        Raises:
            OSError: it could not be written; the old one is still there.
        """
        content = {
            "version": _VERSION,
            "source": self._source,
            "cursor": dict(state.cursor),
            "since_ms": state.since_ms,
            "saved_at_ms": state.saved_at_ms,
        }
        beside = self._path.with_suffix(".json.new")
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                json.dump(content, stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(beside, self._path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_directory(self._path.parent)

    def forget(self) -> None:
        """Begins anew: there is no state any more."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets go of the lock. Its file stays: removing it would let two processes lock two files of one name."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _unusable(self, why: str) -> StateError:
        return StateError(
            f"The state file {self._path} {why}. Run with --restart to begin anew, or set another [adapter] name."
        )


def _locked(path: Path, state: Path) -> int:
    """A descriptor that holds the lock; the kernel lets go of it however the process ends."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(file)
    except OSError as error:
        holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(file)
        if not isinstance(error, BlockingIOError):
            raise
        raise StateError(
            f"{state} is in use by another adapter (pid {holder}). Stop that one, or give this one another "
            "[adapter] name."
        ) from None
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return file


def _lock(file: int) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_directory(directory: Path) -> None:
    """Makes a rename survive a loss of power; not every file system can."""
    if sys.platform != "win32":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
