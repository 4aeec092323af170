"""Opens the door through which `argus scenario` steers a simulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from argus_client import ArgusError

if TYPE_CHECKING:
    from argus_client.simulator.fleet import FleetSimulator


@contextmanager
def steering(fleet: FleetSimulator, listen: str) -> Iterator[str]:
    """Serves the scenario service of a fleet and yields its address; yields nothing to reach without `listen`.

    Raises:
        typer.BadParameter: `listen` is no HOST:PORT of the loopback interface.
        ArgusError: The port is taken.
    """
    from argus_client.simulator.service import ScenarioServer

    if not listen:
        yield ""
        return
    try:
        server = ScenarioServer(fleet, listen)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--scenario-listen") from None
    except RuntimeError as error:
        raise ArgusError(
            f"cannot listen on {listen}: the address is taken or not this machine's; give --scenario-listen another"
        ) from error
    with server:
        yield server.address
