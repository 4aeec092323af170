"""The place of an artifact: a directory that is replaced whole, so nothing but an artifact may be in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path


class OccupiedError(FileExistsError):
    """Something that is no artifact is where one should be written; it is left as it is."""


def check(path: Path, marker: str, names: Collection[str]) -> None:
    """See that nothing is lost if a directory is replaced: it is not there, empty, or an artifact and nothing else.

    Args:
        path: The directory.
        marker: File that every artifact has, and little else.
        names: All files that an artifact may have.

    Raises:
        OccupiedError: Something else is there.
    """
    if not path.exists():
        return
    if not path.is_dir():
        raise OccupiedError(f"{path} is a file, not an artifact's directory: choose another place")
    entries = sorted(path.iterdir())
    strange = [entry.name for entry in entries if entry.name not in names or not entry.is_file()]
    if not entries or ((path / marker).is_file() and not strange):
        return
    if not (path / marker).is_file():
        raise OccupiedError(
            f"{path} exists and is no artifact (it holds {(strange or [entries[0].name])[0]!r}, and no {marker}): "
            "choose a directory that is empty or not there yet"
        )
    raise OccupiedError(
        f"{path} is an artifact that also holds {strange[0]!r}, which would be lost with it: "
        "move that away, or choose another directory"
    )


def probe(path: Path) -> None:
    """See that a directory can be made beside others of its parent, which is made if it is not there.

    Raises:
        OSError: It cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent):
            pass
    except OSError as error:
        raise OSError(f"{path} cannot be written ({error}): choose another directory") from error


def replace(staging: Path, path: Path) -> None:
    """Move a directory to where another one may be, which is gone then; both are in the same parent.

    Raises:
        OSError: It cannot be moved; the other one is where it was.
    """
    if not path.exists():
        staging.rename(path)
        return
    retired = staging.with_name(f"{staging.name}-old")
    path.rename(retired)
    try:
        staging.rename(path)
    except OSError:
        retired.rename(path)
        raise
    shutil.rmtree(retired)
