"""Options that several sub-commands share."""

from __future__ import annotations

from typing import Annotated, Final

import typer

DEFAULT_TARGET: Final = "127.0.0.1:50051"

Target = Annotated[str, typer.Option(envvar="ARGUS_TARGET", help="HOST:PORT of the Argus server.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the server.")]
