"""What browsers are told of errors."""

from __future__ import annotations

import pytest

from argus_client import ArgusError, ConnectionLost, NotFound
from argus_ui.refusals import told_of

UNREACHABLE = ConnectionLost(
    "AcknowledgeAlert at 127.0.0.1:44211: failed to connect to all addresses; last error: UNKNOWN: "
    "ipv4:127.0.0.1:44211: Failed to connect to remote host"
)


@pytest.mark.parametrize(
    ("error", "acted", "told"),
    [
        (UNREACHABLE, True, "The Argus server cannot be reached; nothing was changed."),
        (UNREACHABLE, False, "The Argus server cannot be reached."),
        # What was on its way when the connection broke may have been done.
        (
            ConnectionLost("AcknowledgeAlert at 127.0.0.1:44211: Socket closed"),
            True,
            "look whether it was done",
        ),
        (NotFound("there is no such alert"), True, "there is no such alert"),
    ],
)
def test_sockets_are_told_in_words(error: ArgusError, acted: bool, told: str) -> None:
    found = told_of(error, acted)
    assert told in found
    assert "127.0.0.1" not in found
