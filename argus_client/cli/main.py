"""The `argus` command: the client's own sub-commands, and those that other parts add as entry points."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated, Final

import typer

from argus_client._errors import ArgusError
from argus_client.adapters import SourceError
from argus_client.cli import adapter, alerts, demo, doctor, history, models, reading, scenarios, sources
from argus_client.cli.plugins import group_of
from argus_client.extras import MissingExtraError

COMMANDS: Final = "argus.commands"

# Which extra brings the packages a sub-command of another part needs.
_EXTRAS: Final = {
    "server": "server",
    "keys": "server",
    "store": "server",
    "train": "train",
    "bench": "dev",
    "ui": "ui",
    "model import": "server",
}


app = typer.Typer(
    cls=group_of(COMMANDS),
    name="argus",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which server will be in trouble in the next 8 hours, why, and how sure is it?",
)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("host")(sources.host)
app.command("replay")(sources.replay)
app.command("simulate")(sources.simulate)
app.command("snapshot")(reading.snapshot)
app.command("status")(reading.status)
app.command("watch")(reading.watch)
app.add_typer(adapter.app, name="adapter")
app.add_typer(alerts.app, name="alerts")
app.add_typer(history.app, name="history")
app.add_typer(models.app, name="model")
app.add_typer(scenarios.app, name="scenario")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("argus-forecast"))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        # Eager: it must be answered before the lack of a sub-command is complained about.
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


def _said(error: Exception) -> str:
    """An error in words: the system's own have a number and a name in brackets."""
    if isinstance(error, OSError) and error.strerror:
        return f"cannot use {error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def main(command: typer.Typer = app) -> None:
    """Runs the command line, or one command of it. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        command()
    except (ArgusError, MissingExtraError, SourceError, OSError) as error:
        sys.exit(f"argus: {' '.join(_said(error).split())}")
    except ModuleNotFoundError as error:
        words = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
        name = next((n for n in (" ".join(words[:2]), *words[:1]) if n in _EXTRAS), "")
        if (extra := _EXTRAS.get(name)) is None or (error.name or "").startswith("argus"):
            raise
        sys.exit(
            f"argus: `argus {name}` needs {error.name}, which is not installed: pip install 'argus-forecast[{extra}]'"
        )
    except KeyboardInterrupt:
        sys.exit(130)
