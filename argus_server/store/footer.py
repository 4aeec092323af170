"""The checksum of a Parquet file's footer, which is part of the file's name.

Pages have checksums of their own, and the footer, which says what and where the pages are, has none: one of its bits
the other way round makes other rows, or ends the process that reads it. So it is compared before Arrow sees the file.
The name is the place that no change inside the file reaches and no copy leaves behind.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Final

_MAGIC: Final = b"PAR1"
_END_BYTES: Final = 8  # the footer's length, and the magic


def checksum(path: Path) -> str:
    """CRC-32 of a Parquet file's footer and of all that follows it, as eight hexadecimal digits.

    Raises:
        ValueError: It does not end as a Parquet file does.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(size - _END_BYTES, 0))
        end = file.read()
        length = int.from_bytes(end[:4], "little")
        if end[4:] != _MAGIC or length > size - _END_BYTES - len(_MAGIC):
            raise ValueError("it does not end as a Parquet file does")
        file.seek(size - _END_BYTES - length)
        return f"{zlib.crc32(file.read()):08x}"


def check(path: Path, expected: str) -> None:
    """Compares the checksum of a Parquet file's footer.

    Args:
        path: The file.
        expected: Eight hexadecimal digits; empty for one that was written without, which is not checked.

    Raises:
        ValueError: It is another one.
        OSError: The file cannot be read.
    """
    if expected and checksum(path) != expected:
        raise ValueError("the checksum of its footer is wrong")
