"""`python -m argus_ui` is `argus ui`."""

from __future__ import annotations

import typer

from argus_client.cli.main import main
from argus_ui.command import ui

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command("ui")(ui)

if __name__ == "__main__":
    main(app)
