"""`FilesSource`: text files that grow, rotate, are cut or replaced, read once each and line by line."""

from __future__ import annotations

import asyncio
import glob
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.files.detection import SAMPLE_LINES, Form, delimiter_of, told
from argus_client.adapters.files.lines import CsvLines, JsonLines, LineFormat, header
from argus_client.adapters.files.options import AUTO, CSV, FileOptions, check_parents
from argus_client.adapters.files.tail import Place, TailedFile
from argus_client.adapters.pull import Cursor, Page, SourceUnavailable
from argus_client.adapters.source import SourceError

TOO_LONG: Final = "line_too_long"
# A file that was renamed may still be written to by whoever had it open.
_FORGET_SECONDS: Final = 60.0
_FILES: Final = "files"

_Identity = tuple[int, int]


class FilesSource:
    """Follows the files of its patterns, as `tail -F` does; implements `PullSource`.

    A file is told by device and inode, not by name: one that was renamed is read to its end before the new one of its
    name, and is never read twice. A cursor holds the place in every file.

    Args:
        options: What to read.
        context: The adapter.

    Raises:
        ConfigError: a directory is not there.
    """

    def __init__(self, options: FileOptions, context: SourceContext) -> None:
        check_parents(options)
        self._options = options
        self._context = context
        self._open: dict[_Identity, TailedFile] = {}
        self._formats: dict[_Identity, LineFormat] = {}
        self._warned_of_nothing = False

    def begin(self, since_ms: int) -> Cursor:
        """Every file from its first line on: rows before `since_ms` are left out once their time is known."""
        return {_FILES: []}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """See `PullSource.fetch`."""
        return await asyncio.to_thread(self._fetch, cursor, limit)

    async def close(self) -> None:
        """Lets go of all files."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _fetch(self, cursor: Cursor, limit: int) -> Page:
        try:
            renamed, files = self._files(_places(cursor))
            documents: list[Mapping[str, Any]] = []
            lines = 0
            for file in renamed + files:
                if lines >= limit:
                    break
                if (form := self._format(file)) is None:
                    continue
                found = self._lines(file, limit - lines)
                lines += len(found)
                documents += form.documents(found)
        except PermissionError as error:
            raise SourceError(
                f"{error.filename} cannot be read: {error.strerror}. Let this user read it."
            ) from None
        except OSError as error:
            raise SourceUnavailable(
                f"{error.filename or 'A file'} cannot be read: {error.strerror}"
            ) from None
        kept = [file for file in renamed if not self._is_over(file)] + files
        places = [dict(file.place.to_json()) for file in kept]
        return Page(Documents(documents), {_FILES: places}, is_last=lines < limit)

    def _files(self, places: Iterable[Place]) -> tuple[list[TailedFile], list[TailedFile]]:
        """The files to read, in their order: those that were renamed, then those that match."""
        present = self._present()
        renamed = [file for place in places if (file := self._at(place, present)) is not None]
        for identity in present.keys() - self._open.keys():
            self._open[identity] = TailedFile(present[identity])
        for identity, path in present.items():
            self._open[identity].path = path
        if not present and not renamed and not self._warned_of_nothing:
            self._warned_of_nothing = True
            self._context.warn(f"no file matches {', '.join(self._options.patterns)} yet; waiting for one")
        kept = {file.identity for file in renamed} | present.keys()
        for identity in self._open.keys() - kept:
            self._open.pop(identity).close()
            self._formats.pop(identity, None)
        return renamed, [self._open[identity] for identity in present]

    def _present(self) -> dict[_Identity, Path]:
        """The files that match, by the time of their last change, then by name."""
        found: dict[_Identity, tuple[float, Path]] = {}
        for pattern in self._options.patterns:
            for name in glob.glob(pattern, recursive=True):
                try:
                    status = os.stat(name)
                except FileNotFoundError:
                    continue
                if os.path.isfile(name):
                    found.setdefault((status.st_dev, status.st_ino), (status.st_mtime, Path(name)))
        return {identity: path for identity, (_, path) in sorted(found.items(), key=lambda item: item[1])}

    def _at(self, place: Place, present: Mapping[_Identity, Path]) -> TailedFile | None:
        """Puts a file where the cursor says; returns it if it is not among those that match any more."""
        identity = (place.device, place.inode)
        file = self._open.get(identity)
        if file is None:
            path = present.get(identity) or _renamed(place)
            if path is None:
                self._context.warn(
                    f"{place.name}, read up to byte {place.offset}, is gone; lines behind that cannot be had"
                )
                return None
            file = self._open[identity] = TailedFile(path)
        if not file.go_to(place):
            self._formats.pop(identity, None)
            self._context.warn(f"{file.path} was cut or written anew; it is read from its beginning")
        return None if identity in present else file

    def _format(self, file: TailedFile) -> LineFormat | None:
        """How to read a file; None while its header, or enough to tell its format, is not there yet."""
        form = self._formats.get(file.identity)
        if form is None:
            if (kind := self._form(file)) is None:
                return None
            if kind.format == CSV:
                if not (first := file.first_line()):
                    return None
                delimiter = kind.delimiter or delimiter_of(first.decode("utf-8", errors="replace"))
                form = CsvLines(header(first, delimiter), delimiter, self._context.refuse)
            else:
                form = JsonLines(self._context.refuse)
            self._formats[file.identity] = form
        if file.offset == 0 and isinstance(form, CsvLines):
            file.lines(1, unfinished=False, too_long=self._too_long)  # the header itself
        return form

    def _form(self, file: TailedFile) -> Form | None:
        options = self._options
        if options.format != AUTO:
            return Form(options.format, options.delimiter)
        head = [line for line in file.head(SAMPLE_LINES) if line.strip()]
        if (found := told(head, options.delimiter)) is not None:
            if found.format != options.likely:
                self._context.warn(f"{file.path} is read as {found.format}, as its first lines are")
            return found
        # A header by itself, or a first line that was cut: the next line tells, if there will be one.
        is_enough = len(head) > 1 or options.likely == CSV or self._is_quiet(file)
        return Form(options.likely, options.delimiter) if is_enough else None

    def _is_quiet(self, file: TailedFile) -> bool:
        return file.quiet_seconds(self._context.now_ms()) >= self._options.settle_seconds

    def _lines(self, file: TailedFile, limit: int) -> list[bytes]:
        return file.lines(limit, unfinished=self._is_quiet(file), too_long=self._too_long)

    def _too_long(self, start: bytes) -> None:
        self._context.refuse(TOO_LONG, 1, start[:60].decode("utf-8", errors="replace"))

    def _is_over(self, file: TailedFile) -> bool:
        """Whether a file that was renamed has been read and will not grow."""
        whole = file.offset >= file.size
        return whole and file.quiet_seconds(self._context.now_ms()) >= _FORGET_SECONDS


def _places(cursor: Cursor) -> list[Place]:
    places: Any = cursor.get(_FILES)
    try:
        return [Place.from_json(place) for place in places]
    except (KeyError, TypeError, ValueError):
        raise SourceError(f"The cursor is of another source: {cursor!r}. Run with --restart.") from None


def _renamed(place: Place) -> Path | None:
    """Where in its directory a file is under another name."""
    try:
        entries = list(os.scandir(Path(place.name).parent))
    except OSError:
        return None
    for entry in entries:
        if entry.inode() == place.inode and entry.is_file() and entry.stat().st_dev == place.device:
            return Path(entry.path)
    return None
