"""One writer per data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from argus_server.store.errors import DirectoryLocked

LOCK_FILE: Final = "lock"


class DirectoryLock:
    """Holds a data directory for this process; the kernel lets go of it however the process ends.

    Args:
        directory: Exists and can be written to.

    Raises:
        DirectoryLocked: Another process holds it.
        OSError: The lock file cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self._file = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            if not isinstance(error, BlockingIOError):
                raise
            raise DirectoryLocked(
                f"{directory} is in use by another process (pid {holder}); stop that one, or give this one a data "
                "directory of its own"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Lets go. The file stays: removing it would let two processes lock two files of one name."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
