"""Sub-commands that other parts add as entry points, found by name and loaded only when called or described."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import Any

import typer
import typer.core
import typer.main


def group_of(entry_points: str) -> type[typer.core.TyperGroup]:
    """A command group that has, besides its own sub-commands, those of an entry point group.

    Args:
        entry_points: Name of the entry point group; each entry is a function or a `typer.Typer`.
    """

    class Group(typer.core.TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return [*super().list_commands(ctx), *sorted(found().names)]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            own = super().get_command(ctx, cmd_name)
            if own is not None or cmd_name not in found().names:
                return own
            return _as_command(cmd_name, found()[cmd_name].load())

    # Looking through all that is installed takes a while; most commands never need it.
    @cache
    def found() -> metadata.EntryPoints:
        return metadata.entry_points(group=entry_points)

    return Group


def _as_command(name: str, loaded: Any) -> Any:
    if isinstance(loaded, typer.Typer):
        command = typer.main.get_command(loaded)
    else:
        single = typer.Typer(add_completion=False)
        single.command(name)(loaded)
        command = typer.main.get_command(single)
    command.name = name
    return command
