"""`StdinSource`: lines of standard input, for pipes. What was read from a pipe cannot be read again."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.files.detection import SAMPLE_LINES, Form, delimiter_of, told
from argus_client.adapters.files.lines import CsvLines, JsonLines, LineFormat, header
from argus_client.adapters.files.options import AUTO, CSV, FileOptions
from argus_client.adapters.pull import Cursor, Page

_READ_BYTES: Final = 1 << 16
_HELD_LINES: Final = 20_000


class StdinSource:
    """Reads a descriptor in a thread of its own; implements `PullSource`.

    Its cursors are empty: an adapter that ends takes with it what it had read and not yet delivered.

    Args:
        options: What to read.
        context: The adapter.
        descriptor: Standard input, if not said otherwise.
    """

    def __init__(self, options: FileOptions, context: SourceContext, descriptor: int | None = None) -> None:
        self._options = options
        self._context = context
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._format: LineFormat | None = None
        self._head: list[bytes] = []
        self._lines: deque[bytes] = deque()
        self._room = threading.Condition()
        self._ended = False
        self._news = asyncio.Event()
        self._thread: threading.Thread | None = None

    def begin(self, since_ms: int) -> Cursor:
        """What comes from now on."""
        return {}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """What has come; waits until something has."""
        if self._thread is None:
            self._context.warn(
                "standard input cannot be read twice: rows on their way when this ends are lost"
            )
            loop = asyncio.get_running_loop()
            # Not one of the loop's own threads: those are waited for at the end, and this one may wait for ever.
            self._thread = threading.Thread(target=self._read, args=(loop,), name="argus-stdin", daemon=True)
            self._thread.start()
        await self._news.wait()
        with self._room:
            lines = [self._lines.popleft() for _ in range(min(limit, len(self._lines)))]
            over = self._ended and not self._lines
            if not self._lines and not over:
                self._news.clear()
            self._room.notify_all()
        return Page(Documents(self._documents(lines, over)), {}, is_last=over, is_end=over)

    async def close(self) -> None:
        """Reads no further."""
        with self._room:
            self._ended = True
            self._room.notify_all()

    def _documents(self, lines: list[bytes], over: bool) -> list[Mapping[str, Any]]:
        if self._format is None:
            self._head += [line for line in lines if line.strip()]
            if not self._head or (form := self._form(over)) is None:
                return []
            lines, self._head = self._head, []
            self._format = self._opened(form, lines)
        return self._format.documents(lines)

    def _form(self, over: bool) -> Form | None:
        """How to read what has come; None while it does not tell, and is held back for more."""
        options = self._options
        if options.format != AUTO:
            return Form(options.format, options.delimiter)
        enough = over or len(self._head) >= SAMPLE_LINES
        return told(self._head[:SAMPLE_LINES], options.delimiter) or (
            Form(options.likely) if enough else None
        )

    def _opened(self, form: Form, lines: list[bytes]) -> LineFormat:
        if form.format != CSV:
            return JsonLines(self._context.refuse)
        first = lines.pop(0)
        delimiter = form.delimiter or delimiter_of(first.decode("utf-8", errors="replace"))
        return CsvLines(header(first, delimiter), delimiter, self._context.refuse)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        rest = b""
        # Not through sys.stdin: a thread that waits inside its buffer would hold up the end of the interpreter.
        while piece := os.read(self._descriptor, _READ_BYTES):
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            if not self._put(lines, loop):
                return
        self._put([rest] if rest else [], loop, ended=True)

    def _put(self, lines: list[bytes], loop: asyncio.AbstractEventLoop, *, ended: bool = False) -> bool:
        with self._room:
            self._room.wait_for(lambda: self._ended or len(self._lines) < _HELD_LINES)
            if self._ended:
                return False
            self._lines += lines
            self._ended = ended
        if lines or ended:
            loop.call_soon_threadsafe(self._news.set)
        return True
