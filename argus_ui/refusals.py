"""Errors of the Argus server as answers to a browser."""

from __future__ import annotations

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from argus_client import (
    ArgusError,
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

# What gRPC says of a call that has not left this process.
_NEVER_SENT: Final = ("failed to connect", "DNS resolution failed")


async def refuse(request: Request, error: Exception) -> Response:
    """Answers with an error; a handler of exceptions."""
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 503)
    return JSONResponse({"detail": told_of(error, acted=request.method != "GET")}, status)


def told_of(error: Exception, acted: bool) -> str:
    """What a browser is told of an error. What gRPC says of sockets helps nobody there; the log has it.

    Args:
        error: What came instead of an answer.
        acted: Whether something was to be changed.
    """
    if not isinstance(error, ConnectionLost):
        return str(error)
    _LOG.info("%s", error)
    if not acted:
        return "The Argus server cannot be reached."
    if any(phrase in str(error) for phrase in _NEVER_SENT):
        return "The Argus server cannot be reached; nothing was changed."
    return "The connection to the Argus server broke before it answered; look whether it was done."
