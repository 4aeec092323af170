"""What the server answers when a call cannot be done.

    reason                     gRPC code              try again   in argus_client
    ArgusServerError
    ├── InvalidArgument        INVALID_ARGUMENT       no          InvalidArgument
    ├── NotFound               NOT_FOUND              no          NotFound
    ├── FailedPrecondition     FAILED_PRECONDITION    no          FailedPrecondition
    ├── Unavailable            UNAVAILABLE            later       NotReady
    ├── Unauthenticated        UNAUTHENTICATED        no          Unauthenticated
    ├── PermissionDenied       PERMISSION_DENIED      no          PermissionDenied
    ├── Throttled              RESOURCE_EXHAUSTED     later       Throttled
    ├── Superseded             ABORTED                no          Superseded
    └── DataLoss               DATA_LOSS              no          ServerError
    anything else              INTERNAL               no          ServerError

One class per reason. Servicers raise them, `argus_server.services.registration` turns them into a status, and anything
else becomes INTERNAL without a word about the inside of the server.
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


class Unauthenticated(ArgusServerError):
    """Nobody knows who calls."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(ArgusServerError):
    """The caller may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED


class Throttled(ArgusServerError):
    """The caller wants more than it may have; `retry_delay_seconds` is always given."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, message: str, *, retry_delay_seconds: float) -> None:
        super().__init__(message, retry_delay_seconds=retry_delay_seconds)


class Superseded(ArgusServerError):
    """A newer stream has taken this one's place."""

    code = grpc.StatusCode.ABORTED


class DataLoss(ArgusServerError):
    """What was asked for is in a file that is damaged."""

    code = grpc.StatusCode.DATA_LOSS
