"""What the words and numbers of the dashboard mean."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from argus_ui.components.help import Help
from argus_ui.feed import Document
from argus_ui.view import View, ViewContext

_DISTRIBUTION: Final = "argus-forecast"


def build(context: ViewContext) -> None:
    """One page of text."""
    Help()


def routes(context: ViewContext) -> list[Route]:
    """Versions, and the thresholds that the server goes by."""
    dashboard = _version()

    async def described(request: Request) -> Response:
        info = context.subscription.info
        return Document.of(
            {
                "dashboard": dashboard,
                "server": "" if info is None else info.version,
                "contract": "" if info is None else info.contract_version,
                "thresholds": [] if info is None else [asdict(threshold) for threshold in info.thresholds],
            }
        ).response(request)

    return [Route("/api/help", described)]


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return ""


VIEW = View("help", "Help", "help", "/help", 100, build, routes)
