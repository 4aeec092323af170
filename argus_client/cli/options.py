"""Options that several sub-commands share, checked before anything is done."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from argus_client import Scenario
from argus_client._config import ClientConfig

DEFAULT_TARGET: Final = "127.0.0.1:50051"


def _checked(target: str) -> str:
    """A target that a client takes; anything else is wrong usage."""
    try:
        return ClientConfig(target).target
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Target = Annotated[
    str, typer.Option(envvar="ARGUS_TARGET", callback=_checked, help="HOST:PORT of the Argus server.")
]
Simulator = Annotated[
    str,
    typer.Option(
        "--target", envvar="ARGUS_SCENARIO_TARGET", callback=_checked, help="HOST:PORT of the simulator."
    ),
]


def _known(name: str) -> str:
    known = [str(scenario) for scenario in Scenario if scenario is not Scenario.UNSPECIFIED]
    if name not in known:
        raise typer.BadParameter(f"{name!r} is no scenario; known are {', '.join(known)}.")
    return name


SCENARIO_HELP: Final = "healthy, degrading, critical or cascade."
ScenarioOption = Annotated[str, typer.Option("--scenario", callback=_known, help=SCENARIO_HELP)]
ScenarioArgument = Annotated[str, typer.Argument(callback=_known, help=SCENARIO_HELP)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the server.")]
