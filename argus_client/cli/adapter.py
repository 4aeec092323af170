"""`argus adapter`: bring metrics from where they are already to an Argus server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from argus_client import ArgusError, Superseded
from argus_client.adapters.core import config as configuration
from argus_client.adapters.core import registry
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.launch import Adapter
from argus_client.adapters.core.notices import log
from argus_client.adapters.core.preview import preview
from argus_client.adapters.core.runner import RunOptions
from argus_client.adapters.core.spec import AdapterSpec
from argus_client.adapters.core.tally import Tally
from argus_client.adapters.source import SourceError
from argus_client.cli.adapter_log import configure
from argus_client.cli.adapter_preview import show
from argus_client.cli.adapter_server import described, server_in_force
from argus_client.cli.connecting import Connect, connecting
from argus_client.cli.options import AsJson
from argus_client.extras import MissingExtraError

SERVER_UNUSABLE: Final = 1
WRONG_CONFIG: Final = 2
SOURCE_UNUSABLE: Final = 3
# 4 is that of `argus doctor`. A supervisor must be able to tell this one: to start again would end the other adapter.
SUPERSEDED: Final = 5

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    help="Bring metrics from where they are already to an Argus server.",
)

Name = Annotated[str, typer.Argument(help="Kind of the adapter, as `argus adapter list` names it.")]
ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", help="Its TOML file; `argus adapter init` makes one.")
]
Since = Annotated[
    str | None,
    typer.Option(help='Where to begin the first time: a duration such as "24h", an ISO time, or "all".'),
]

AdapterTarget = Annotated[
    str | None,
    typer.Option(
        "--target",
        envvar="ARGUS_TARGET",
        help="HOST:PORT of the Argus server; the configuration's if not given. A key in the configuration is for its "
        "own server and is sent to no other.",
    ),
]


@app.command("list")
def list_adapters(as_json: AsJson = False) -> None:
    """Print the adapters there are."""
    specs = [registry.find(name) for name in registry.names()]
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "name": s.name,
                        "summary": s.summary,
                        "presets": sorted(s.presets),
                        "push": s.serve is not None,
                    }
                    for s in specs
                ]
            )
        )
        return
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        presets = f" [presets: {', '.join(sorted(spec.presets))}]" if spec.presets else ""
        typer.echo(f"{spec.name:<{width}}  {spec.summary}{presets}")


@app.command("init")
def init(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write here, not to standard output.")
    ] = None,
    old: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Convert this JSON configuration of another program, where that is known."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented configuration to start from."""
    with exit_codes():
        spec = registry.find(name)
        text = spec.template if old is None else _converted(spec, old)
        if out is None:
            typer.echo(text, nl=False)
            return
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        try:
            # It may come to hold a password.
            with os.fdopen(os.open(out, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise ConfigError(f"{out} is there already; --force overwrites it.") from None
        except OSError as error:
            raise ConfigError(f"{out} cannot be written: {error.strerror}.") from None
    # What is sent to has nothing to show before it runs.
    trial = " --dry-run" if spec.build is not None else ""
    typer.echo(f"wrote {out}; edit it, then: argus adapter run {name} --config {out}{trial}", err=True)


def _converted(spec: AdapterSpec, old: Path) -> str:
    if spec.convert is None:
        raise ConfigError(
            f"The adapter {spec.name} knows no other program's configuration; leave out --from."
        )
    try:
        values = json.loads(old.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no JSON object")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{old} cannot be converted: {error}.") from None
    return spec.convert(values)


@app.command("run")
@connecting
def run(
    *,
    connect: Connect,
    name: Name,
    config: ConfigFile,
    once: Annotated[bool, typer.Option("--once", help="End when there is nothing more for now.")] = False,
    interval: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds between two looks; the file's if not given.")
    ] = None,
    since: Since = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget how far it has come and begin anew.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the first rows as they would be sent; send nothing.")
    ] = False,
    target: AdapterTarget = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON objects.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more, and where errors come from.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run an adapter until Ctrl-C or SIGTERM; it goes on where it ended, whatever ended it.

    Exit codes: 0 done or stopped, 1 the server cannot be used, 2 wrong configuration, 3 the source cannot deliver,
    5 another adapter has taken over its name. While it runs it waits for a source or a server that is away, for as
    long as that takes.
    """
    configure(as_json=log_json, verbose=verbose)
    with exit_codes():
        adapter = loaded(name, config, connect, target=target, since=since, interval=interval)
        if dry_run:
            show(asyncio.run(preview(adapter, since=since)), as_json=as_json)
            return
        _refuse_where_sent_to(
            adapter.spec, {"--once": once, "--since": since, "--restart": restart, "--interval": interval}
        )
        options = RunOptions(once=once, since=since, restart=restart)
        tally = Tally()
        asyncio.run(_until_signalled(lambda stop: adapter.run(stop, options, tally)))
        if as_json:
            typer.echo(json.dumps(tally.to_json_dict()))


def _refuse_where_sent_to(spec: AdapterSpec, options: Mapping[str, object]) -> None:
    """Refuses options that only mean something where a source is asked."""
    given = [option for option, value in options.items() if value]
    if given and spec.serve is not None:
        raise ConfigError(
            f"The adapter {spec.name} is sent to, and has no use for {', '.join(given)}: it runs until it is stopped, "
            "and takes what its senders bring."
        )


def loaded(
    name: str,
    path: Path,
    connect: Connect,
    *,
    target: str | None = None,
    since: str | None = None,
    interval: float | None = None,
    say: Callable[[str], None] = lambda line: log.info("%s", line),
    warn: Callable[[str], None] = lambda line: log.warning("%s", line),
) -> Adapter:
    """An adapter with its configuration, and what the command line and the environment say in place of it.

    Args:
        name: Its kind.
        path: Its configuration file.
        connect: TLS and key of the command line or the environment.
        target: The server of these, if they name one.
        since: Where to begin.
        interval: Seconds between two looks.
        say: Takes one line: which server it is.
        warn: Takes one line about what is odd.

    Raises:
        ConfigError: something in it is wrong.
    """
    spec = registry.find(name)
    config = configuration.load(path, spec, warn=warn)
    server = server_in_force(config.server, target, connect, warn)
    say(f"the Argus server is {described(server, config.server)}")
    config = replace(config, server=server)
    if interval is not None:
        config = replace(config, interval_seconds=interval)
    if since is not None:
        try:
            configuration.since_ms(since, 0)
        except ValueError as error:
            raise ConfigError(f"--since: {error}.") from None
    return Adapter(spec, config)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Ends the command with one line and an exit code that says whose trouble it is."""
    try:
        yield
    except ConfigError as error:
        _end(error, WRONG_CONFIG)
    except (SourceError, MissingExtraError) as error:
        _end(error, SOURCE_UNUSABLE)
    except Superseded as error:
        _end(error, SUPERSEDED)
    except ArgusError as error:
        _end(error, SERVER_UNUSABLE)


def _end(error: Exception, code: int) -> None:
    typer.echo(f"argus adapter: {' '.join(str(error).split())}", err=True)
    raise typer.Exit(code) from error


async def _until_signalled(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Runs `work` with an event that Ctrl-C and SIGTERM set; a second Ctrl-C ends the program at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask_to_stop() -> None:
        log.info("stopping: waiting for the answers to what was sent; Ctrl-C again ends at once")
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask_to_stop)
    try:
        return await work(stop)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
