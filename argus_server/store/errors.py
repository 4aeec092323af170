"""What can go wrong with a data directory.

StoreError
├── DirectoryLocked     another process writes to it
├── StoreUnavailable    it cannot take rows now, and will again by itself: disk full, read-only, failing, too slow
├── UnknownTable        no table of that name
└── DamagedFile         a file is not what it should be
    └── DamagedPart     a Parquet file; its rows are in no other
"""

from __future__ import annotations

from pathlib import Path


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
    """

    def __init__(self, path: Path, reason: Exception) -> None:
        said = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
        if isinstance(reason, FileNotFoundError):
            said = "it is gone"
        super().__init__(
            f"{path} is damaged or cannot be read ({said}); argus store verify finds all such files. Restore it from "
            "a backup, or move it away and start the server again to go on without its rows"
        )
        self.path = path
