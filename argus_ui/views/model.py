"""Which model runs and how the server does; other models to load."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from argus_client import InvalidArgument, ModelInfo
from argus_ui.answers import Answers
from argus_ui.bodies import read_json
from argus_ui.components.model import Model
from argus_ui.view import View, ViewContext

_LOG: Final = logging.getLogger("argus_ui")

# Reading and checking a large artifact from a slow disk takes a while.
_LIST_SECONDS: Final = 60.0
_LOAD_SECONDS: Final = 300.0
_KEEP_SECONDS: Final = 2.0
_NAME_LENGTH: Final = 128


def build(context: ViewContext) -> None:
    """All of it is one component."""
    Model()


def routes(context: ViewContext) -> list[Route]:
    """What the server says of itself, its artifacts, and three ways to change the model."""
    client = context.client

    async def ask_status() -> dict[str, Any]:
        status = asdict(await client.get_status())
        info = asdict(await client.get_server_info())
        del info["thresholds"]
        return {"status": status, "info": info}

    async def ask_artifacts() -> list[dict[str, Any]]:
        return [asdict(model) for model in await client.list_models(timeout=_LIST_SECONDS)]

    answers = Answers()

    async def status(request: Request) -> Response:
        return (await answers.get("status", _KEEP_SECONDS, ask_status)).response(request)

    async def artifacts(request: Request) -> Response:
        return (await answers.get("artifacts", _KEEP_SECONDS, ask_artifacts)).response(request)

    def changing(what: str, change: Callable[[dict[str, Any]], Awaitable[ModelInfo]]) -> Route:
        async def endpoint(request: Request) -> Response:
            asked = await read_json(request)
            _LOG.info(
                "%r asks to %s %r", context.user(request), what, str(asked.get("name", ""))[:_NAME_LENGTH]
            )
            try:
                return JSONResponse(asdict(await change(asked)))
            finally:
                # Even a time-out may have changed it.
                answers.forget()

        return Route(f"/api/model/{what}", endpoint, methods=["POST"])

    return [
        Route("/api/model/status", status),
        Route("/api/model/artifacts", artifacts),
        changing("load", lambda asked: client.load_model(_name(asked), timeout=_LOAD_SECONDS)),
        changing("reload", lambda _: client.reload_model(timeout=_LOAD_SECONDS)),
        changing("roll-back", lambda _: client.roll_back_model(timeout=_LOAD_SECONDS)),
    ]


def _name(asked: dict[str, Any]) -> str:
    name = asked.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidArgument(f"name is {name!r}; it must be the name of an artifact, as listed.")
    return name


VIEW = View("model", "Model", "model", "/model", 70, build, routes, needs=("Admin",))
