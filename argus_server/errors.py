"""What the server answers when a call cannot be done.

    ArgusServerError
    ├── InvalidArgument        the request breaks the contract; do not send it again unchanged
    ├── NotFound               the thing named does not exist
    ├── FailedPrecondition     the server is not in the state the call needs
    ├── Unavailable            try again later
    └── Superseded             a newer stream has taken this one's place

One class per reason; each knows its gRPC status code and whether the same call may succeed later. Servicers raise
them, `argus_server.services.status` turns them into a status, and anything else becomes INTERNAL without a word about
the inside of the server.
"""

from __future__ import annotations

from typing import ClassVar

import grpc


class ArgusServerError(Exception):
    """A call that cannot be done. The message says what was got, what is allowed and what to do.

    Args:
        message: For people.
        field: The field of the request that is to blame, if one is.
        retry_delay_seconds: When to try again, if that makes sense.
    """

    code: ClassVar[grpc.StatusCode]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, field: str = "", retry_delay_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_delay_seconds = retry_delay_seconds


class InvalidArgument(ArgusServerError):
    """The request breaks the contract."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(ArgusServerError):
    """The thing named does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class FailedPrecondition(ArgusServerError):
    """The server is not in the state the call needs."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Unavailable(ArgusServerError):
    """The server cannot do it now."""

    code = grpc.StatusCode.UNAVAILABLE
    retryable = True


class Superseded(ArgusServerError):
    """A newer stream has taken this one's place."""

    code = grpc.StatusCode.ABORTED
