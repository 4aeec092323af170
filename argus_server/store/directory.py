"""A data directory that its owner alone may look into: it holds what a fleet does, and who may ask."""

from __future__ import annotations

import contextlib
import logging
import stat
from pathlib import Path
from typing import Final

_LOG: Final = logging.getLogger(__name__)


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
