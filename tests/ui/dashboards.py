"""A dashboard as a process of its own, and what its pages did wrong."""

from __future__ import annotations

import sys
from typing import Any

from tests.processes import Process, strict_json


class DashboardProcess(Process):
    """A dashboard that is ready.

    Args:
        target: HOST:PORT of the Argus server.
        arguments: Further flags.
        listen: HOST:PORT for browsers.
        added: Environment variables.

    Attributes:
        url: Where it is.
    """

    def __init__(self, target: str, *arguments: object, listen: str = "127.0.0.1:0", **added: str) -> None:
        super().__init__(
            "--json", "--stop-on-eof", "--listen", listen, "--target", target, *arguments, **added
        )
        try:
            self.url: str = strict_json(self.out.next())["url"]
        except AssertionError:
            self.__exit__()
            raise

    def command(self, *arguments: object) -> list[str]:
        """By its module, so that no installed entry point decides which dashboard is tested."""
        return [sys.executable, "-m", "argus_ui", *map(str, arguments)]


class Complaints:
    """Errors of a page: exceptions, console errors, failed requests. A test ends with none.

    Attributes:
        found: The errors.
        expected: Parts of errors that the test brings about.
    """

    def __init__(self, page: Any) -> None:
        self.found: list[str] = []
        # A page fetches what it may need next, whether or not the test has ended its dashboard by then.
        self.expected = ["net::ERR_"]
        page.on("pageerror", lambda error: self.found.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.found.append(message.text))

    def check(self) -> None:
        """Fails when there was one that was not expected."""
        found = [text for text in self.found if not any(part in text for part in self.expected)]
        assert not found, found
