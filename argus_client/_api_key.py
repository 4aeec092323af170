"""The API key of a client: given as text, or followed in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

Metadata = tuple[tuple[str, str], ...]

_LONGEST: Final = 1024


class ApiKey:
    """Knows the key to send now. Never shows it: not in a repr, not in an error.

    Args:
        given: The key; or the file it stands in, which is read again for every call, so that a key that is
            rotated there is used from then on; or None.

    Raises:
        ValueError: it is no key, or the file has none.
        OSError: the file cannot be read.
    """

    def __init__(self, given: str | Path | None) -> None:
        self._path = given if isinstance(given, Path) else None
        self._key = _read(given) if isinstance(given, Path) else given
        if self._key is not None:
            _check(self._key)

    def __repr__(self) -> str:
        return "None" if self._key is None else "****"

    def metadata(self) -> Metadata:
        """What to send with a call."""
        if self._path is not None:
            self._follow(self._path)
        return (("authorization", f"Bearer {self._key}"),) if self._key else ()

    def _follow(self, path: Path) -> None:
        """Takes the key that is in the file now; while it cannot be read or has none, the former one stays."""
        try:
            key = _read(path)
            _check(key)
        except (OSError, ValueError):
            return
        self._key = key


def _read(path: Path) -> str:
    return path.read_bytes()[: _LONGEST + 2].decode("utf-8", "replace").strip()


def _check(key: str) -> None:
    """Refuses what cannot be sent: the transport would, with the key in its message."""
    if not 0 < len(key) <= _LONGEST or not all("!" <= character <= "~" for character in key):
        raise ValueError(
            f"The API key must be 1 to {_LONGEST} printable ASCII characters without spaces; what was given "
            f"has {len(key)} characters and is not shown here."
        )
