"""What can go wrong with a data directory.

StoreError
├── DirectoryLocked     another process writes to it
├── StoreUnavailable    it cannot take rows now, and will again by itself: disk full, read-only, failing, too slow
├── UnknownTable        no table of that name
└── DamagedFile         a file is not what it should be
    └── DamagedPart     a Parquet file; its rows are in no other
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class StoreError(Exception):
    """A data directory that cannot do what was asked. The message says what to do."""


class DirectoryLocked(StoreError, OSError):
    """Another process writes to the data directory."""


class StoreUnavailable(StoreError):
    """Rows cannot be kept now. They may be offered again later."""


class UnknownTable(StoreError, LookupError):
    """No table of that name is registered."""


class DamagedFile(StoreError):
    """A file of the data directory fails its checks."""


class DamagedPart(DamagedFile):
    """A Parquet file cannot be read. The message says what to do.

    Args:
        path: The file.
        reason: What reading it said.

    Attributes:
        path: The file.
        is_gone: Whether there is no such file: a server that merges removes those that it has merged.
        said: What reading it said, in a line.
    """

    def __init__(self, path: Path, reason: Exception) -> None:
        self.path = path
        self.is_gone = isinstance(reason, FileNotFoundError)
        self.said = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
        if self.is_gone:
            self.said = "it is gone"
        super().__init__(
            f"{path} is damaged or cannot be read ({self.said}); argus store verify finds all such files. "
            "Restore it from a backup, or move it away and start the server again to go on without its rows"
        )


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that the process has no file descriptor or no memory left: nothing about a file."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SHORTAGES)
