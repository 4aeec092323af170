"""Hands events to the user's callbacks, whose failures must not stop the stream."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from argus_client._stream_machine import Event, StateChange
from argus_client._values import RejectionCallback, StateCallback

_log = logging.getLogger("argus_client")


def dispatch(
    events: Iterable[Event],
    on_state_change: StateCallback | None,
    on_rejection: RejectionCallback | None = None,
) -> None:
    """Calls the callbacks, one event after another; what they raise is logged."""
    for event in events:
        try:
            if isinstance(event, StateChange):
                if on_state_change is not None:
                    on_state_change(event.state, event.error)
            elif on_rejection is not None:
                on_rejection(event)
        except Exception:
            _log.exception("a callback failed on %s", event)
