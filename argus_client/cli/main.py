"""The `argus` command: the client's own sub-commands, and those that other parts add as entry points."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated, Any, Final

import typer
import typer.core
import typer.main

from argus_client._errors import ArgusError
from argus_client.adapters import SourceError
from argus_client.cli import demo, models, reading, scenarios, sources
from argus_client.extras import MissingExtraError

COMMANDS: Final = "argus.commands"

# Which extra brings the packages a sub-command of another part needs.
_EXTRAS: Final = {"server": "server", "train": "train", "bench": "dev", "ui": "ui"}


class _Commands(typer.core.TyperGroup):
    """Finds sub-commands of other parts by entry point and loads one only when it is called or described."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *sorted(entry.name for entry in _entry_points())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for entry in _entry_points():
            if entry.name == cmd_name:
                return _as_command(entry.name, entry.load())
        return None


def _entry_points() -> metadata.EntryPoints:
    return metadata.entry_points(group=COMMANDS)


def _as_command(name: str, loaded: Any) -> Any:
    if isinstance(loaded, typer.Typer):
        command = typer.main.get_command(loaded)
    else:
        single = typer.Typer(add_completion=False)
        single.command(name)(loaded)
        command = typer.main.get_command(single)
    command.name = name
    return command


app = typer.Typer(
    cls=_Commands,
    name="argus",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which server will be in trouble in the next 8 hours, why, and how sure is it?",
)
app.command("demo")(demo.demo)
app.command("host")(sources.host)
app.command("replay")(sources.replay)
app.command("simulate")(sources.simulate)
app.command("snapshot")(reading.snapshot)
app.command("status")(reading.status)
app.command("watch")(reading.watch)
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


def main() -> None:
    """Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        app()
    except (ArgusError, MissingExtraError, SourceError, OSError) as error:
        sys.exit(f"argus: {' '.join(str(error).split())}")
    except ModuleNotFoundError as error:
        name = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
        if (extra := _EXTRAS.get(name)) is None or (error.name or "").startswith("argus"):
            raise
        sys.exit(
            f"argus: `argus {name}` needs {error.name}, which is not installed: pip install 'argus-forecast[{extra}]'"
        )
    except KeyboardInterrupt:
        sys.exit(130)
