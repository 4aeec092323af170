"""A data directory as a whole: its owner alone may look into it, as it holds what a fleet does, and who may ask; and
a server may move its files at any moment."""

from __future__ import annotations

import contextlib
import logging
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from argus_server.store.errors import StoreError

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)

_ATTEMPTS: Final = 20


def make_private(root: Path) -> None:
    """Makes a data directory; one that is there stays as it is.

    Raises:
        OSError: It cannot be made, or is no directory.
    """
    with contextlib.suppress(FileExistsError):
        root.mkdir(parents=True, mode=0o700)


def warn_if_open(root: Path) -> None:
    """Says so in the log if every user of the machine may look into a data directory."""
    if root.stat().st_mode & (stat.S_IROTH | stat.S_IXOTH):
        _LOG.warning("%s can be read by every user of this machine; chmod o-rwx %s", root, root)


def settle(source: Path, attempt: Callable[[], T]) -> T:
    """Tries again while files vanish in front of an attempt to read them, because a server moves them.

    Args:
        source: Their directory.
        attempt: Begins with listing them; raises FileNotFoundError when one of them vanishes.

    Raises:
        StoreError: It goes on and on.
    """
    for _ in range(_ATTEMPTS):
        try:
            return attempt()
        except FileNotFoundError:
            continue
    raise StoreError(f"files of {source} changed in {_ATTEMPTS} attempts to read them; try again later")
