"""`argus doctor`: what is wrong between a source and a server, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.finding import Finding, Level, worst
from argus_client.adapters.core.launch import Adapter
from argus_client.adapters.core.mapping_checks import check_mapping
from argus_client.adapters.core.preview import has_older, newest, preview
from argus_client.adapters.core.server_checks import check_server
from argus_client.adapters.source import SourceError, wall_ms
from argus_client.cli.adapter import (
    SERVER_UNUSABLE,
    SOURCE_UNUSABLE,
    WRONG_CONFIG,
    AdapterTarget,
    Since,
    loaded,
)
from argus_client.cli.connecting import Connect, connecting
from argus_client.cli.options import DEFAULT_TARGET, AsJson
from argus_client.extras import MissingExtraError

MAPPING_UNUSABLE: Final = 4

_CONFIG: Final = "config"
_SOURCE: Final = "source"
_STYLES: Final = {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.FAILURE: "bold red"}


@connecting
def doctor(
    *,
    connect: Connect,
    target: AdapterTarget = None,
    adapter: Annotated[str | None, typer.Option(help="Kind of an adapter to look at too.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Its configuration.")] = None,
    since: Since = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the server.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Check a server, and what an adapter would send it: clocks, mapping, ranges, cadence. Nothing is sent.

    Exit codes: 0 nothing fails, 1 the server cannot be used, 2 wrong configuration, 3 the source cannot deliver,
    4 the mapping makes rows that the server would refuse.
    """
    if (adapter is None) != (config is None):
        raise typer.BadParameter("--adapter and --config go together")
    findings: list[Finding] = []
    whole: Adapter | None = None
    code = 0
    if adapter is not None and config is not None:
        notes: list[str] = []
        try:
            whole = loaded(
                adapter, config, connect, target=target, since=since, say=lambda _: None, warn=notes.append
            )
            findings.append(Finding(_CONFIG, Level.OK, f"{config} is a configuration of {adapter}"))
        except ConfigError as error:
            findings.append(Finding(_CONFIG, Level.FAILURE, str(error)))
            code = WRONG_CONFIG
        findings += [Finding(_CONFIG, Level.NOTE, note) for note in notes]
    if whole is not None or target is not None or adapter is None:
        server = asyncio.run(_server(whole, target, connect, timeout))
        findings += server
        if not code and worst(server) is Level.FAILURE:
            code = SERVER_UNUSABLE
    if whole is not None:
        source, source_code = asyncio.run(_adapter(whole, since))
        findings += source
        code = code or source_code
    _print(findings, as_json)
    if code:
        raise typer.Exit(code)


async def _server(
    whole: Adapter | None, target: str | None, connect: Connect, timeout_seconds: float
) -> list[Finding]:
    source_id = f"argus-doctor@{socket.gethostname()}:{os.getpid()}"
    if whole is not None:
        client, target = whole.config.server.client(), whole.config.server.target
    else:
        target = target or DEFAULT_TARGET
        client = connect.async_client(target)
    async with client:
        return await check_server(client, target, source_id, timeout_seconds)


async def _adapter(whole: Adapter, since: str | None) -> tuple[list[Finding], int]:
    """Looks at rows of the source; also the exit code that goes with what was found."""
    if whole.spec.serve is not None:
        note = f"{whole.spec.name} is sent to: its metrics and log say what it gets while it runs"
        return [Finding(_SOURCE, Level.NOTE, note)], 0
    try:
        first = await preview(whole, since=since)
        last = None if first.is_last else await newest(whole)
        is_empty = not first.mapped.records and not first.early and not first.problem
        older = is_empty and first.is_last and await has_older(whole)
    except ConfigError as error:
        return [Finding(_CONFIG, Level.FAILURE, str(error))], WRONG_CONFIG
    except (SourceError, MissingExtraError) as error:
        return [Finding(_SOURCE, Level.FAILURE, str(error))], SOURCE_UNUSABLE
    findings = check_mapping(first, whole.config.mapping, wall_ms(), newest=last, has_older=older)
    if first.problem:
        return findings, WRONG_CONFIG
    return findings, MAPPING_UNUSABLE if worst(findings) is Level.FAILURE else 0


def _print(findings: list[Finding], as_json: bool) -> None:
    if as_json:
        level = worst(findings)
        ok = level is not Level.FAILURE
        typer.echo(json.dumps({"ok": ok, "worst": level, "findings": [asdict(f) for f in findings]}))
        return
    console = Console()
    for finding in findings:
        console.print(f"{finding.level:<8}", style=_STYLES[finding.level], end="")
        console.print(f"{finding.check}: {finding.message}", markup=False, highlight=False, soft_wrap=True)
        if finding.advice:
            console.print(
                f"        {finding.advice}", markup=False, highlight=False, soft_wrap=True, style="dim"
            )
