"""What can go wrong, as one tree.

    ArgusError
    ├── ConnectionLost          the server cannot be reached, or went away                retryable
    ├── NotReady                the server answers, but cannot do this yet                retryable
    ├── DeadlineExceeded        the time the caller allowed is over
    ├── Throttled               the server wants less from this caller; see retry_delay   retryable
    ├── MessageTooLarge         a message exceeds the limit of client or server
    ├── InvalidArgument         the request breaks the contract; see violations
    ├── NotFound                what was named does not exist
    ├── AlreadyExists           what was to be made exists
    ├── FailedPrecondition      the server is not in the state the call needs
    ├── Unauthenticated         no API key, or one the server does not know
    ├── PermissionDenied        the API key lacks the scope the call needs
    ├── Unimplemented           this server does not have that service or method
    ├── Superseded              another stream speaks for the same source_id
    ├── Cancelled               the call was cancelled
    ├── ServerError             the server failed                                         streams retry
    ├── Incompatible            client and server do not speak the same contract
    ├── Rejected                rows were refused; see rejections
    ├── BufferFull              the publisher's buffer has no room; see rows_taken
    └── Closed                  the client, publisher or subscription was closed

Every error says what was got, what is allowed and what to do next. `code` is the gRPC status name the server
answered with, if it was the server that answered; the transport's own exception is only ever the `__cause__`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argus_client._values import Rejection


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One rule of the contract that a request breaks.

    Attributes:
        field: Path of the field, such as `filter.min_risk`.
        description: What was got and what is allowed.
    """

    field: str
    description: str


class ArgusError(Exception):
    """Base of everything this package raises on purpose.

    Args:
        message: What was got, what is allowed, what to do next.
        code: Name of the gRPC status, such as `"UNAVAILABLE"`; empty when no server answered.
        retry_delay: Seconds after which the server wants to be asked again; None when it did not say.

    Attributes:
        retryable: True when the same call may succeed later, unchanged.
        stream_retryable: True when a stream that ended with this is worth opening again.
        maybe_done: True when the server may have done what it was asked for, although this came instead of its answer:
            an attempt at the call, not only the last one, may have reached it.
        advice: What to do next, the end of `message`; empty when the client has none of its own.
    """

    retryable = False
    stream_retryable = False
    maybe_done = False
    advice = ""

    def __init__(self, message: str, *, code: str = "", retry_delay: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.retry_delay = retry_delay


class ConnectionLost(ArgusError):
    """The server cannot be reached, or went away."""

    retryable = True
    stream_retryable = True
    maybe_done = True


class NotReady(ArgusError):
    """The server answers, but cannot do this yet."""

    retryable = True
    stream_retryable = True


class DeadlineExceeded(ArgusError):
    """The time the caller allowed is over."""

    stream_retryable = True
    maybe_done = True


class Throttled(ArgusError):
    """The server wants less from this caller; `retry_delay` says for how long, if the server did."""

    retryable = True
    stream_retryable = True


class MessageTooLarge(ArgusError):
    """A message exceeds the limit of client or server."""

    maybe_done = True  # it may have been the answer


class InvalidArgument(ArgusError):
    """The request breaks the contract.

    Attributes:
        violations: The rules it breaks, as far as the server named them.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        retry_delay: float | None = None,
        violations: Sequence[FieldViolation] = (),
    ) -> None:
        super().__init__(message, code=code, retry_delay=retry_delay)
        self.violations = tuple(violations)


class NotFound(ArgusError):
    """What was named does not exist."""


class AlreadyExists(ArgusError):
    """What was to be made exists."""


class FailedPrecondition(ArgusError):
    """The server is not in the state the call needs."""


class Unauthenticated(ArgusError):
    """No API key, or one the server does not know."""


class PermissionDenied(ArgusError):
    """The API key lacks the scope the call needs."""


class Unimplemented(ArgusError):
    """This server does not have that service or method."""


class Superseded(ArgusError):
    """Another stream speaks for the same source_id."""


class Cancelled(ArgusError):
    """The call was cancelled."""

    stream_retryable = True
    maybe_done = True


class ServerError(ArgusError):
    """The server failed. It logs why; the client is not told."""

    stream_retryable = True
    maybe_done = True


class Incompatible(ArgusError):
    """Client and server do not speak the same contract."""

    maybe_done = True  # the answer could not be read


class Rejected(ArgusError):
    """Rows were refused.

    Attributes:
        rows: How many.
        rejections: Why, for the first of them.
    """

    def __init__(self, message: str, *, rows: int, rejections: Sequence[Rejection] = ()) -> None:
        super().__init__(message)
        self.rows = rows
        self.rejections = tuple(rejections)


class BufferFull(ArgusError):
    """The publisher's buffer has no room.

    Attributes:
        rows_taken: Rows of the refused call that were taken nevertheless, from its start.
    """

    def __init__(self, message: str, *, rows_taken: int = 0) -> None:
        super().__init__(message)
        self.rows_taken = rows_taken


class Closed(ArgusError):
    """The client, publisher or subscription was closed."""

    maybe_done = True  # a call may have been under way
