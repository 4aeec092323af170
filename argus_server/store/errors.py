"""What can go wrong with a data directory.

StoreError
├── DirectoryLocked     another process writes to it
├── StoreUnavailable    it cannot take rows now, and will again by itself: disk full, read-only, failing, too slow
├── UnknownTable        no table of that name
└── DamagedFile         a file is not what it should be
"""

from __future__ import annotations


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
