"""`argus keys`: makes, lists, revokes and rotates the API keys of a server, running or not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from argus_server.security.audit import AUDIT_FILE, append, entry, local_user
from argus_server.security.key_file import KEYS_FILE, ApiKey, KeyFile, KeyFileError, utc_now
from argus_server.security.keyring import USED_FILE, read_used
from argus_server.security.limits import KeyLimits
from argus_server.security.scopes import Scope
from argus_server.security.token import Token

app = typer.Typer(
    no_args_is_help=True,
    help="Make and revoke the API keys of a server. A running server follows within seconds.",
)

_PIPED_WIDTH: Final = 10_000
_WIDE: Final = 100
_ID_WIDTH: Final = 12
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

DataDir = Annotated[
    Path,
    typer.Option(envvar="ARGUS_DATA_DIR", help="Data directory of the server; keys are in DIR/keys.json."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it, such as the program that will hold it.")],
    data_dir: DataDir,
    scope: Annotated[list[Scope], typer.Option(help="What its holder may do; may be repeated.")],
    expires: Annotated[
        str | None, typer.Option(help="When it stops working: 90d, 12h, or a date such as 2030-01-31.")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER, such as rows_per_second=5000; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it. It is shown this once and stored nowhere."""
    now = utc_now()
    with _reporting():
        limits = KeyLimits.from_dict(dict(_split_limit(text) for text in limit or ()))
        end = _moment(expires, now) if expires else None
        if not data_dir.exists():
            data_dir.mkdir(parents=True, mode=0o700)
            typer.echo(f"{data_dir} was not there and has been made", err=True)
        file = KeyFile(data_dir / KEYS_FILE)
        is_first = not file.read()
        token = file.create(name, frozenset(scope), now, end, limits)
        _show(name, token, as_json)
        if is_first:
            typer.echo(
                "It is the first key: from now on a server on this data directory refuses callers without one, "
                "publishers included.",
                err=True,
            )
        _audit(data_dir, "key_created", name, token.key_id)


@app.command("list")
def list_keys(
    data_dir: DataDir,
    everything: Annotated[bool, typer.Option("--all", help="Those revoked and expired, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the keys, without their secrets."""
    with _reporting():
        keys = _file(data_dir).read()
    now, used = utc_now(), read_used(data_dir / USED_FILE)
    rows = [_row(key, now, used) for key in keys if everything or key.state(now) == "active"]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH)
    # What matters least is shown only where there is room; --json has everything.
    wide = console.width >= _WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("name", overflow="fold")
    table.add_column("id", no_wrap=True, min_width=_ID_WIDTH)
    for title in ("state", "scopes", "expires", "last used", *(("limits",) if wide else ())):
        table.add_column(title, no_wrap=title != "scopes")
    for row in rows:
        limits = ", ".join(f"{name} {value}" for name, value in row["limits"].items()) or "default"
        table.add_row(
            row["name"],
            row["id"],
            row["state"],
            ", ".join(row["scopes"]),
            _day(row["expires_at"]) or "never",
            _day(row["last_used_at"]) or "-",
            *((limits,) if wide else ()),
        )
    console.print(table)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Name, or the id of one key.")],
    data_dir: DataDir,
    as_json: AsJson = False,
) -> None:
    """Stop a key from working: new calls at once, open streams within seconds."""
    with _reporting():
        revoked = _file(data_dir).revoke(name, utc_now())
        for key in revoked:
            _audit(data_dir, "key_revoked", key.name, key.key_id)
    ids = [key.key_id for key in revoked]
    typer.echo(json.dumps({"revoked": ids}) if as_json else f"revoked: {', '.join(ids)}")


@app.command()
def rotate(
    name: Annotated[str, typer.Argument(help="Name of the key.")],
    data_dir: DataDir,
    grace: Annotated[
        str, typer.Option(help="How long the former key still works, such as 24h or 0s.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make a key in place of another, with its name, scopes and limits; both work for a while."""
    with _reporting():
        token = _file(data_dir).rotate(name, utc_now(), _duration(grace))
        _show(name, token, as_json)
        _audit(data_dir, "key_rotated", name, token.key_id)


def _file(data_dir: Path) -> KeyFile:
    """Keys of a directory that is there: one that is misspelt has none, and must not be made."""
    if not data_dir.is_dir():
        raise KeyFileError(f"there is no directory {data_dir}; name the data directory of the server")
    return KeyFile(data_dir / KEYS_FILE)


def _show(name: str, token: Token, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"name": name, "id": token.key_id, "key": token.reveal()}))
        return
    typer.echo(token.reveal())
    typer.echo("Keep it now: it is not stored and cannot be shown again.", err=True)


def _day(moment: str | None) -> str:
    """A time to the minute; the exact one is in the JSON."""
    return moment[:16].replace("T", " ") if moment else ""


def _row(key: ApiKey, now: datetime, used: dict[str, datetime]) -> dict[str, Any]:
    stored = key.to_dict()
    del stored["sha256"]
    last = used.get(key.key_id)
    return {**stored, "state": key.state(now), "last_used_at": last.isoformat() if last else None}


def _audit(data_dir: Path, event: str, name: str, key_id: str) -> None:
    append(data_dir / AUDIT_FILE, entry(event, key=name, key_id=key_id, caller=local_user(), outcome="OK"))


@contextmanager
def _reporting() -> Iterator[None]:
    """Says in one line why something cannot be done."""
    try:
        yield
    except OSError as error:
        what = error.filename or "the data directory"
        typer.echo(f"argus keys: cannot use {what}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None
    except ValueError as error:
        typer.echo(f"argus keys: {error}", err=True)
        raise typer.Exit(1) from None


def _split_limit(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is no limit; write NAME=NUMBER, such as rows_per_second=5000")
    return name, value


def _moment(text: str, now: datetime) -> datetime:
    """A time from now, or a date."""
    try:
        return now + _duration(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; write 90d, 12h, or a date such as 2030-01-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if found is None:
        raise ValueError(f"{text!r} is no duration; write a number and one of s, m, h, d, w, such as 24h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
