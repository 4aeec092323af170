"""What a doctor looks at in a server: whether it answers, what it can, and what its clock says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from argus_client import ArgusError, AsyncArgusClient, ConnectionState, PermissionDenied, ServerStatus
from argus_client.adapters.core.finding import Finding, Level
from argus_client.adapters.source import wall_ms

SERVER: Final = "server"
INGEST: Final = "ingest"
CLOCK: Final = "clock"
MODEL: Final = "model"
REJECTED: Final = "rejected_rows"

_SKEW_WARNING_SECONDS: Final = 5.0
_SKEW_FAILURE_SECONDS: Final = 300.0
_STREAM_SECONDS: Final = 10.0


async def check_server(
    client: AsyncArgusClient,
    target: str,
    source_id: str,
    timeout_seconds: float,
    now_ms: Callable[[], int] = wall_ms,
) -> list[Finding]:
    """Looks at a server.

    Args:
        client: Reaches it.
        target: Which one it is, for people.
        source_id: A source to open a stream for; no running one, or it would be cut off.
        timeout_seconds: For each question.
        now_ms: Clock, Unix milliseconds UTC.
    """
    try:
        info = await client.get_server_info(timeout=timeout_seconds)
        asked_ms, asked = now_ms(), time.monotonic()
        status = await client.get_status(timeout=timeout_seconds)
        took_ms = (time.monotonic() - asked) * 1000
    except PermissionDenied as error:
        note = Finding(
            SERVER,
            Level.NOTE,
            f"the API key may not ask about the server at {target}: {error}",
            "This is fine for an adapter, which needs the scope ingest only; a key with the scope read tells more.",
        )
        return [note, await _stream(client, source_id)]
    except ArgusError as error:
        return [
            Finding(
                SERVER,
                Level.FAILURE,
                f"the server at {target} cannot be used: {error}",
                "Check [argus] target, TLS and API key, and its log.",
            )
        ]
    found = [_serving(status, info.version, target), *_model(status), await _stream(client, source_id)]
    if info.clock == "wall":
        found.append(_skew((status.clock_ms - asked_ms - took_ms / 2) / 1000, took_ms / 1000))
    else:
        found.append(
            Finding(
                CLOCK, Level.NOTE, "the server goes by the time of the samples (--clock event), for replays"
            )
        )
    if status.rejected_rows:
        found.append(
            Finding(
                REJECTED,
                Level.WARNING,
                f"the server has refused {status.rejected_rows} rows since it started, of all sources",
                "argus_ingest_rejections_total of its Prometheus port has the reasons.",
            )
        )
    return found


def _serving(status: ServerStatus, version: str, target: str) -> Finding:
    if not status.serving:
        return Finding(
            SERVER,
            Level.FAILURE,
            f"Argus {version} at {target} does not serve: {status.degraded_reason or 'no reason is given'}",
            "See its log.",
        )
    return Finding(SERVER, Level.OK, f"Argus {version} at {target} serves {status.servers} servers")


def _model(status: ServerStatus) -> list[Finding]:
    if status.degraded:
        return [
            Finding(
                MODEL,
                Level.WARNING,
                f"the server is degraded: {status.degraded_reason}",
                "Rows are taken all the same; mend that for forecasts by the model.",
            )
        ]
    model = status.model.name if status.model is not None else "no model"
    warm = f"{status.warm_servers} of {status.servers} servers have enough history for it"
    return [Finding(MODEL, Level.OK, f"{model}; {warm}")]


async def _stream(client: AsyncArgusClient, source_id: str) -> Finding:
    """Opens a stream as an adapter would, and sends nothing."""
    live = asyncio.Event()
    ended = asyncio.Event()

    def changed(state: ConnectionState, _: ArgusError | None) -> None:
        if state is ConnectionState.LIVE:
            live.set()
        if state is ConnectionState.CLOSED:
            ended.set()

    publisher = client.publisher(source_id, on_state_change=changed)
    waits = [asyncio.create_task(live.wait()), asyncio.create_task(ended.wait())]
    try:
        await asyncio.wait(waits, timeout=_STREAM_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        error = publisher.stats.last_error
    finally:
        for task in waits:
            task.cancel()
        await publisher.close(timeout=0.0)
    if live.is_set():
        return Finding(INGEST, Level.OK, "the server opens a stream for rows")
    why = str(error) if error is not None else f"no answer within {_STREAM_SECONDS:g} s"
    return Finding(
        INGEST, Level.FAILURE, f"no stream for rows: {why}", "Use an API key with the scope ingest."
    )


def _skew(seconds: float, took_seconds: float) -> Finding:
    size, way = abs(seconds), "ahead of" if seconds > 0 else "behind"
    if size <= max(_SKEW_WARNING_SECONDS, took_seconds):
        return Finding(CLOCK, Level.OK, f"the server's clock is {size:.1f} s {way} this machine's")
    level = Level.FAILURE if size >= _SKEW_FAILURE_SECONDS else Level.WARNING
    return Finding(
        CLOCK,
        level,
        f"the server's clock is {size:.0f} s {way} this machine's; rows more than 300 s in its future are refused",
        "Synchronise both clocks (chrony, systemd-timesyncd).",
    )
