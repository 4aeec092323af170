"""Exports of the history through the dashboard: streamed, never held, and watched by the page that asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from argus_client import ArgusError, AsyncArgusClient, ExportFormat, HistoryTable, InvalidArgument, NotFound

_MEDIA: Final = {
    ExportFormat.CSV: ("csv", "text/csv; charset=utf-8"),
    ExportFormat.ARROW: ("arrow", "application/vnd.apache.arrow.stream"),
}
_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_KEPT: Final = 100


@dataclass(slots=True)
class _Progress:
    """How far an export is: its bytes so far, whether it is over, and what broke it off."""

    bytes: int = 0
    done: bool = False
    error: str = ""


class Exports:
    """Streams tables to browsers and says how far each has come.

    Args:
        client: Of the server.
        spans: Lengths that may be asked for.
    """

    def __init__(self, client: AsyncArgusClient, spans: tuple[str, ...]) -> None:
        self._client = client
        self._spans = spans
        self._progress: dict[str, _Progress] = {}

    async def download(self, request: Request) -> Response:
        """`GET /api/history/export?table=&format=&range=&id=`: the file, as it comes. `id` names it for `progress`."""
        query = request.query_params
        table = _one_of("table", query.get("table", ""), list(HistoryTable)[1:])
        kind = _one_of("format", query.get("format", ""), list(_MEDIA))
        span = _one_of("range", query.get("range", ""), self._spans)
        progress = self._begin(query.get("id", ""))
        chunks = self._client.history.export(HistoryTable(table), format=ExportFormat(kind), last=span)
        try:
            # A refusal has to come before the headers of a file do.
            first = await anext(chunks, b"")
        except ArgusError as error:
            progress.error = str(error)
            raise
        suffix, media_type = _MEDIA[ExportFormat(kind)]
        headers = {
            "Content-Disposition": f'attachment; filename="argus-{table}-{span}.{suffix}"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
        return StreamingResponse(_counted(first, chunks, progress), media_type=media_type, headers=headers)

    async def progress(self, request: Request) -> Response:
        """`GET /api/history/export/progress?id=`: bytes so far, whether it is done, and what broke it off."""
        progress = self._progress.get(request.query_params.get("id", ""))
        if progress is None:
            raise NotFound("There is no such export, or it was long ago.")
        return JSONResponse({"bytes": progress.bytes, "done": progress.done, "error": progress.error})

    def _begin(self, name: str) -> _Progress:
        progress = _Progress()
        if name:
            if _ID.fullmatch(name) is None:
                raise InvalidArgument(f"id is {name!r}; it must be 8 to 64 letters, digits and hyphens")
            while len(self._progress) >= _KEPT:
                del self._progress[next(iter(self._progress))]
            self._progress[name] = progress
        return progress


async def _counted(first: bytes, rest: AsyncIterator[bytes], progress: _Progress) -> AsyncIterator[bytes]:
    progress.error = "It was broken off."
    try:
        progress.bytes = len(first)
        yield first
        async for chunk in rest:
            progress.bytes += len(chunk)
            yield chunk
        progress.done, progress.error = True, ""
    except ArgusError as error:
        # The response ends without its last chunk: the browser, too, knows that the file is not whole.
        progress.error = str(error)
        raise


def _one_of(name: str, value: Any, allowed: Any) -> str:
    if value not in allowed:
        raise InvalidArgument(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
    return str(value)
