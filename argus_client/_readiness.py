"""What `wait_ready` makes of the answers it gets."""

from __future__ import annotations

import time
from typing import Final

from argus_client._enums import ServingStatus
from argus_client._errors import ArgusError, DeadlineExceeded, NotFound, NotReady

POLL_SECONDS: Final = 0.2
"""Between two health checks."""


def retry_health(error: ArgusError) -> bool:
    """Whether a health check that failed like this may succeed later.

    A service not found is one that is not registered yet: health answers before all services are up.
    """
    return error.retryable or isinstance(error, DeadlineExceeded | NotFound)


def not_ready(
    target: str, service: str, timeout: float | None, last: ServingStatus | ArgusError | None
) -> NotReady:
    """The error of a wait that has been in vain."""
    what = service or "the server"
    waited = "" if timeout is None else f" within {timeout:g} s"
    said = "it was not asked in that time" if last is None else f"last answer: {last}"
    error = NotReady(f"{what} at {target} did not become ready{waited}; {said}. Wait longer, or see its log.")
    if isinstance(last, ArgusError):
        error.__cause__ = last
    return error


def seconds_left(deadline: float | None) -> float | None:
    """Seconds until a deadline on the monotonic clock; None has no end."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())
