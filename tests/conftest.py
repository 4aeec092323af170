"""What holds for all tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    # A run in the background of a script inherits that Ctrl-C is ignored, and would hand it on to what tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
