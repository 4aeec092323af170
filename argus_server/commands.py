"""The server's own sub-commands of `argus`."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import typer

_LOG: Final = logging.getLogger("argus_server")


def server(
    listen: Annotated[str | None, typer.Option(help="HOST:PORT for gRPC; port 0 picks a free one.")] = None,
    metrics_listen: Annotated[
        str | None, typer.Option(help="HOST:PORT for Prometheus; empty turns it off.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Directory for rows, state and further models.")
    ] = None,
    durability: Annotated[
        str | None, typer.Option(help="os: acknowledged rows survive a kill; fsync: and a power cut.")
    ] = None,
    segment_bytes: Annotated[
        int | None, typer.Option(help="Bytes of log that are turned into Parquet at once.")
    ] = None,
    checkpoint_minutes: Annotated[
        float | None, typer.Option(help="How often the state for a restart is written.")
    ] = None,
    history_days: Annotated[float | None, typer.Option(help="Days that stored rows are kept.")] = None,
    history_max_bytes: Annotated[
        int | None, typer.Option(help="Bytes of Parquet a table may take; the oldest day goes first.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Model artifact to run; the shipped one if not given.")
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="wall, or event to replay history: time is the newest sample's.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")] = None,
    tick_seconds: Annotated[float | None, typer.Option(help="How often to forecast.")] = None,
    retention_hours: Annotated[
        float | None, typer.Option(help="Forget servers silent for this long.")
    ] = None,
    silent_steps: Annotated[
        int | None,
        typer.Option(help="Offline after this many steps of silence; 3, or 12 with an event clock."),
    ] = None,
    max_servers: Annotated[int | None, typer.Option(help="Servers the fleet may have.")] = None,
    max_subscribers: Annotated[
        int | None, typer.Option(help="Subscriptions that may be open at once.")
    ] = None,
    max_rows_per_second: Annotated[
        int | None, typer.Option(help="Rows per second a stream may send unthrottled.")
    ] = None,
    dashboard_url: Annotated[
        str | None, typer.Option(help="Address of the dashboard, for links in notifications.")
    ] = None,
    risk_tables: Annotated[Path | None, typer.Option(help="TOML file of risk tables.")] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM certificate of the server; followed as the file changes.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its PEM key, unencrypted.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="PEM authorities; clients must then have a certificate of one (mTLS).")
    ] = None,
    require_keys: Annotated[
        bool | None,
        typer.Option("--require-keys", help="Refuse callers without an API key even while there is none."),
    ] = None,
    metrics_require_key: Annotated[
        bool | None, typer.Option("--metrics-require-key", help="Ask for a key on the Prometheus port, too.")
    ] = None,
    insecure_listen: Annotated[
        bool | None,
        typer.Option("--insecure-listen", help="Allow binding beyond loopback without TLS and API keys."),
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    config: Annotated[
        Path | None, typer.Option(envvar="ARGUS_CONFIG", help="TOML file with settings.")
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the settings in force and exit.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the addresses as one JSON line when ready.")
    ] = False,
    stop_on_eof: Annotated[
        bool,
        typer.Option(
            "--stop-on-eof", help="Drain when standard input ends: a server that dies with its parent."
        ),
    ] = False,
) -> None:
    """Run the Argus server.

    Every setting can be a flag, an ARGUS_* environment variable (ARGUS_LISTEN, ...) or a key of the TOML file; flags
    win over the environment, the environment over the file, the file over the defaults. --print-config shows what is
    in force, including the settings that have no flag.
    """
    from argus_server.settings import ServerSettings, SettingsError

    flags: dict[str, Any] = {
        "listen": listen,
        "metrics_listen": metrics_listen,
        "data_dir": data_dir,
        "durability": durability,
        "segment_bytes": segment_bytes,
        "checkpoint_minutes": checkpoint_minutes,
        "history_days": history_days,
        "history_max_bytes": history_max_bytes,
        "model": model,
        "clock": clock,
        "device": device,
        "tick_seconds": tick_seconds,
        "retention_hours": retention_hours,
        "silent_steps": silent_steps,
        "max_servers": max_servers,
        "max_subscribers": max_subscribers,
        "max_rows_per_second": max_rows_per_second,
        "dashboard_url": dashboard_url,
        "risk_tables": risk_tables,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "tls_client_ca": tls_client_ca,
        "require_keys": require_keys,
        "metrics_require_key": metrics_require_key,
        "insecure_listen": insecure_listen,
        "log_level": log_level,
    }
    try:
        settings = ServerSettings.load(flags, config)
    except SettingsError as error:
        typer.echo(f"argus server: {error}", err=True)
        raise typer.Exit(2) from None
    if print_config:
        typer.echo(settings.to_json())
        return
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    from argus_server.store.errors import StoreError

    try:
        asyncio.run(_serve(settings, as_json, stop_on_eof))
    except (OSError, ValueError, StoreError) as error:
        typer.echo(f"argus server: {error}", err=True)
        raise typer.Exit(1) from None


async def _serve(settings: Any, as_json: bool, stop_on_eof: bool) -> None:
    for address in filter(None, (settings.listen, settings.metrics_listen)):
        _check_free(address)
    from argus_server.app import ArgusServer, settle_heap

    # Before anybody can know that the server runs: a stop from the first moment on must drain it.
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = ArgusServer(settings)
    addresses = await server.start()
    settle_heap()
    status = server.status()
    if as_json:
        typer.echo(json.dumps({"listen": addresses.grpc, "metrics_listen": addresses.metrics}))
    _LOG.info("gRPC on %s", addresses.grpc)
    if addresses.metrics:
        _LOG.info("Prometheus metrics on %s", addresses.metrics_url)
    if status.degraded:
        _LOG.error("DEGRADED: %s", status.degraded_reason)
    else:
        _LOG.info("model %s on %s", status.model.revision, status.model.device)
    if stop_on_eof:
        threading.Thread(target=_await_eof, args=(loop, stop), daemon=True).start()
    await stop.wait()
    _LOG.info("draining: telling clients, at most %g s", settings.drain_seconds)
    await server.drain()
    _LOG.info("stopped")


def _await_eof(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    sys.stdin.read()
    with suppress(RuntimeError):  # the loop is closed: something else has stopped the server
        loop.call_soon_threadsafe(stop.set)


def _check_free(address: str) -> None:
    """Finds out at once, and says in one line, what binding would find out after all else has been loaded.

    Raises:
        OSError: The address is taken, or is not this machine's.
    """
    from argus_server.settings import split_address

    host, port = split_address(address)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    refusals: list[OSError] = []
    for family, kind, number, _, place in found:
        with socket.socket(family, kind, number) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)
            except OSError as error:
                refusals.append(error)
    # One of a name's addresses may be missing here, such as ::1 of localhost; none may be somebody else's.
    taken = [error for error in refusals if error.errno == errno.EADDRINUSE]
    if taken or len(refusals) == len(found):
        reason = os.strerror((taken or refusals)[0].errno or 0)
        raise OSError(f"cannot listen on {address}: {reason}")
