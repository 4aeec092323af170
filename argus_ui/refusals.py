"""Errors of the Argus server as answers to a browser."""

from __future__ import annotations

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from argus_client import (
    ArgusError,
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unimplemented,
)

_LOG: Final = logging.getLogger("argus_ui")

# The server's 401 is about the dashboard's key, not about the user.
_STATUS: Final[dict[type[ArgusError], int]] = {
    InvalidArgument: 400,
    NotFound: 404,
    FailedPrecondition: 409,
    Unimplemented: 501,
    PermissionDenied: 502,
    Unauthenticated: 502,
    DeadlineExceeded: 504,
}

_UNANSWERED: Final = (ConnectionLost, DeadlineExceeded, Cancelled)


async def refuse(request: Request, error: Exception) -> Response:
    """Answers with an error; a handler of exceptions. `not_done` says whether it is known that nothing was changed."""
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 503)
    acted = request.method != "GET"
    not_done = isinstance(error, ArgusError) and not error.maybe_done
    return JSONResponse({"detail": told_of(error, acted), "not_done": not_done}, status)


def told_of(error: Exception, acted: bool) -> str:
    """What a browser is told of an error. What gRPC says of sockets helps nobody there; the log has it.

    Args:
        error: What came instead of an answer.
        acted: Whether something was to be changed.
    """
    if acted and isinstance(error, ArgusError) and error.maybe_done:
        if not isinstance(error, _UNANSWERED):
            return f"{str(error).rstrip('.')}. It may have been done: look."
        _LOG.info("%s", error)
        return "No answer from the Argus server; it may have been done: look."
    if not _is_of_transport(error):
        return str(error)
    _LOG.info("%s", error)
    if acted:
        return "The Argus server cannot be reached; nothing was changed."
    if isinstance(error, ConnectionLost):
        return "The Argus server cannot be reached."
    return "The Argus server did not answer in time."


def reason_of(error: ArgusError) -> str:
    """Why the server does not answer, to be read after its address: what to do about it, without sockets."""
    if not _is_of_transport(error):
        return str(error)
    _LOG.info("%s", error)
    return (error.advice or str(error)) if isinstance(error, ConnectionLost) else ""


def _is_of_transport(error: Exception) -> bool:
    """Whether its words are gRPC's own. What the client notices by itself has no code, and says it in its own."""
    return isinstance(error, _UNANSWERED) and bool(error.code)
