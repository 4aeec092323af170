"""What a simulated fleet goes through, and what comes of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from argus_client import AsyncArgusClient, InvalidArgument, Scenario
from argus_ui.answers import Answers
from argus_ui.bodies import read_json
from argus_ui.components.counters import Counters
from argus_ui.components.scenario_control import ScenarioControl
from argus_ui.view import View, ViewContext

_KEEP_SECONDS: Final = 2.0


def build(context: ViewContext) -> None:
    """The simulator's switch stands between what it does to the fleet and whom."""
    Counters()
    ScenarioControl(context.settings.simulator)


def routes(context: ViewContext) -> list[Route]:
    """The running scenario, and another one."""
    if context.simulator is None:
        return []
    return _routes(context.simulator)


def _routes(simulator: AsyncArgusClient) -> list[Route]:
    answers = Answers()

    async def ask() -> dict[str, Any]:
        return asdict(await simulator.get_scenario())

    async def scenario(request: Request) -> Response:
        if request.method != "POST":
            return (await answers.get("scenario", _KEEP_SECONDS, ask)).response(request)
        wanted = (await read_json(request)).get("scenario")
        if wanted not in list(Scenario):
            raise InvalidArgument(f"scenario is {wanted!r}; it must be one of {', '.join(Scenario)}.")
        try:
            return JSONResponse(asdict(await simulator.set_scenario(wanted)))
        finally:
            answers.forget()

    return [Route("/api/scenario", scenario, methods=["GET", "POST"])]


VIEW = View(
    "scenario",
    "Scenario",
    "scenario",
    "/scenario",
    80,
    build,
    routes,
    is_available=lambda settings: bool(settings.simulator),
)
