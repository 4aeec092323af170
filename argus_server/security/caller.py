"""Who makes a call, as far as the server knows."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal

from argus_server.errors import ArgusServerError
from argus_server.security.limits import KeyUsage
from argus_server.security.scopes import ALL_SCOPES, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls.

    Attributes:
        name: Name of the API key or of the certificate; `anonymous` where neither is asked for.
        kind: How the name is known.
        scopes: What the caller may do.
        key_id: Id of the API key; empty without one.
        usage: What the caller has used of what it may use; None without limits of its own.
    """

    name: str
    kind: Literal["key", "certificate", "anonymous"]
    scopes: frozenset[Scope]
    key_id: str = ""
    usage: KeyUsage | None = None


ANONYMOUS: Final = Caller("anonymous", "anonymous", ALL_SCOPES)

_CALLER: Final[ContextVar[Caller]] = ContextVar("argus_caller", default=ANONYMOUS)


def current_caller() -> Caller:
    """Who makes the call that is being served in this task."""
    return _CALLER.get()


def serve_for(caller: Caller) -> None:
    """Makes a caller the current one for the rest of this task."""
    _CALLER.set(caller)


class Refusal(Exception):
    """A call that is not served.

    Attributes:
        reason: For counting and the audit log: a fixed word, nothing of what was sent.
        error: What the caller is told.
        caller: Who it is, when that is known.
    """

    def __init__(self, reason: str, error: ArgusServerError, caller: Caller | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.caller = caller
