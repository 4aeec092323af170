"""`TailedFile`: the whole lines of a file that grows, from an offset on, as long as it is the same file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

_HEAD_BYTES: Final = 256
_READ_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file has been read; part of a cursor.

    Attributes:
        device: With `inode`, which file it is, under whatever name.
        inode: See `device`.
        offset: Bytes read: always the end of a line.
        head: Digest of the first bytes read, to tell a file that was cut and written anew.
        name: Where it was last seen.
    """

    device: int
    inode: int
    offset: int
    head: str
    name: str

    @staticmethod
    def from_json(values: Any) -> Place:
        """What `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        return Place(
            int(values["device"]),
            int(values["inode"]),
            int(values["offset"]),
            str(values["head"]),
            str(values["name"]),
        )

    def to_json(self) -> Mapping[str, object]:
        """For a cursor."""
        return {
            "device": self.device,
            "inode": self.inode,
            "offset": self.offset,
            "head": self.head,
            "name": self.name,
        }


class TailedFile:
    """An open file. It stays the same file when it is renamed, and can be read to its end after that.

    Args:
        path: Where it is now.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("rb")
        status = os.fstat(self._file.fileno())
        self.device, self.inode = status.st_dev, status.st_ino
        self.offset = 0
        self._head = b""

    @property
    def identity(self) -> tuple[int, int]:
        """Which file it is."""
        return self.device, self.inode

    @property
    def place(self) -> Place:
        """How far it has been read."""
        return Place(self.device, self.inode, self.offset, _digest(self._head), str(self.path))

    def go_to(self, place: Place) -> bool:
        """Goes on at a place; False, at the beginning, if what was read there is not in the file any more."""
        head = self._read(0, min(place.offset, _HEAD_BYTES))
        if self.size < place.offset or _digest(head) != place.head:
            self.offset, self._head = 0, b""
            return False
        self.offset, self._head = place.offset, head
        return True

    def check_cut(self) -> bool:
        """Whether the file was cut, or written anew in place, since it was read; then it begins anew."""
        return not self.go_to(self.place)

    @property
    def size(self) -> int:
        """Bytes it has now."""
        return os.fstat(self._file.fileno()).st_size

    def quiet_seconds(self, now_ms: int) -> float:
        """Seconds since it was last written to."""
        return now_ms / 1000 - os.fstat(self._file.fileno()).st_mtime

    def head(self, limit: int) -> list[bytes]:
        """Its first lines, whole, at most `limit` and no more than a megabyte of them."""
        return self._read(0, _READ_BYTES).split(b"\n")[:-1][:limit]

    def first_line(self) -> bytes:
        """Its first line, whole; empty while there is none."""
        text = b""
        while (piece := self._read(len(text), _READ_BYTES)) and len(text) < MAX_LINE_BYTES:
            text += piece
            if (end := text.find(b"\n")) >= 0:
                return text[: end + 1]
        return b""

    def lines(self, limit: int, *, unfinished: bool, too_long: Callable[[bytes], None]) -> list[bytes]:
        """The next whole lines; moves on behind them.

        Args:
            limit: How many at most.
            unfinished: Whether a last line without an end counts as whole.
            too_long: Called with the start of a line of more than `MAX_LINE_BYTES`, which is skipped.
        """
        found: list[bytes] = []
        rest = b""
        at = self.offset
        while len(found) < limit:
            piece = self._read(at + len(rest), _READ_BYTES)
            block = rest + piece
            lines = block.split(b"\n", limit - len(found))
            rest_of_block = lines.pop()
            found += lines
            at += sum(map(len, lines)) + len(lines)
            rest = rest_of_block if len(found) < limit else b""
            if not piece:
                break
            if len(rest) > MAX_LINE_BYTES:
                end = self._next_line(at + len(rest))
                start, rest = rest, b""
                if not end:
                    break
                too_long(start)
                at = end
        if rest and unfinished and len(found) < limit:
            found.append(rest)
            at += len(rest)
        self._move_to(at)
        return found

    def close(self) -> None:
        """Lets go of it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _move_to(self, offset: int) -> None:
        if len(self._head) < _HEAD_BYTES:
            self._head = self._read(0, min(offset, _HEAD_BYTES))
        self.offset = offset

    def _next_line(self, at: int) -> int:
        """Where the next line begins; 0 when this one has no end yet."""
        while piece := self._read(at, _READ_BYTES):
            if (end := piece.find(b"\n")) >= 0:
                return at + end + 1
            at += len(piece)
        return 0

    def _read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:16]
