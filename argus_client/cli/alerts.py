"""`argus alerts`: see what fires, say who is on it, keep it quiet."""

from __future__ import annotations

import getpass
import json
import math
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from argus_client import (
    AlertLevel,
    AlertMatcher,
    AlertRecord,
    AlertState,
    AlertSubject,
    DayOfWeek,
    DeadlineExceeded,
    MaintenanceWindow,
    Silence,
)
from argus_client._json import plain
from argus_client.cli.connecting import Connect, connecting
from argus_client.cli.feeding import interruptible
from argus_client.cli.grid import Column, print_grid
from argus_client.cli.options import DEFAULT_TARGET, AsJson, Target, Timeout

app = typer.Typer(no_args_is_help=True, help="See alerts, say who is on them, keep them quiet.")
maintenance = typer.Typer(no_args_is_help=True, help="Recurring maintenance windows.")
app.add_typer(maintenance, name="maintenance")

_STYLES: Final = {"critical": "red", "warning": "dark_orange", "degrading": "yellow"}
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"(?:\d+[smhdw])+")
_LOOK_SECONDS: Final = 0.5


def _seconds(text: str) -> float:
    """Seconds of a duration such as 90m or 1h30m."""
    if not _DURATION.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no duration; such as 30m, 2h, 1h30m, 7d.")
    return float(sum(int(part[:-1]) * _UNITS[part[-1]] for part in re.findall(r"\d+[smhdw]", text)))


def _metrics_and_subjects(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[AlertSubject, ...]]:
    """What a person means by --about: metrics by name, or risk or silence."""
    subjects = {str(subject) for subject in AlertSubject if subject is not AlertSubject.UNSPECIFIED}
    return (
        tuple(name for name in names if name not in subjects),
        tuple(AlertSubject(name) for name in names if name in subjects),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "unknown"


Author = Annotated[
    str, typer.Option("--author", envvar="ARGUS_AUTHOR", default_factory=_user, help="Who you are.")
]
Servers = Annotated[list[str] | None, typer.Option("--server", help="Only this server; may be repeated.")]
Globs = Annotated[
    list[str] | None,
    typer.Option("--server", help="Servers, * and ? allowed; may be repeated; all servers if not given."),
]
About = Annotated[
    list[str] | None,
    typer.Option("--about", help="A metric, or metric, risk or silence; may be repeated; all if not given."),
]
Comment = Annotated[str, typer.Option(help="Why.")]


@app.command("list")
@connecting
def list_alerts(
    *,
    connect: Connect,
    target: Target = DEFAULT_TARGET,
    state: Annotated[
        list[AlertState] | None, typer.Option(help="Only this state; may be repeated; pending and firing.")
    ] = None,
    server: Servers = None,
    min_level: Annotated[AlertLevel | None, typer.Option(help="Least level.")] = None,
    unacknowledged: Annotated[
        bool, typer.Option("--unacknowledged", help="Only if nobody is on it.")
    ] = False,
    unmuted: Annotated[bool, typer.Option("--unmuted", help="Only if it is not kept quiet.")] = False,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """List alerts, most urgent first."""
    with connect.client(target) as client:
        found = client.list_alerts(
            states=state or (),
            servers=server or (),
            min_level=min_level,
            unacknowledged_only=unacknowledged,
            unmuted_only=unmuted,
            timeout=timeout,
        )
    if as_json:
        _print_json([asdict(alert) for alert in found])
    elif not found:
        typer.echo("No alerts.")
    else:
        _print_alerts(found)


@app.command()
@connecting
def watch(
    *, connect: Connect, target: Target = DEFAULT_TARGET, server: Servers = None, as_json: AsJson = False
) -> None:
    """Print every change of alerts, those that are active first, until Ctrl-C; it reconnects by itself.

    With --json one line per alert.
    """
    console = Console()
    with (
        interruptible() as stop,
        connect.client(target) as client,
        client.watch_alerts(servers=server or ()) as changes,
    ):
        while not stop.is_set():
            with suppress(DeadlineExceeded):
                for alert in changes.next_update(timeout=_LOOK_SECONDS).changed:
                    if as_json:
                        typer.echo(json.dumps(plain(asdict(alert)), allow_nan=False))
                    else:
                        console.print(_line(alert), soft_wrap=True)


@app.command()
@connecting
def ack(
    *,
    connect: Connect,
    alert_id: Annotated[str, typer.Argument(help="Id of the alert, as listed, or its beginning.")],
    author: Author,
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """Say that you are on an alert, until it resolves."""
    with connect.client(target) as client:
        found = client.list_alerts()
        whole = _whole("alerts", alert_id, (one.alert_id for one in found))
        _show(client.acknowledge_alert(whole, author), as_json)


@app.command()
@connecting
def note(
    *,
    connect: Connect,
    alert_id: Annotated[str, typer.Argument(help="Id of the alert, as listed, or its beginning.")],
    text: Annotated[str, typer.Argument(help="What to note.")],
    author: Author,
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """Add a note to an alert, resolved or not."""
    with connect.client(target) as client:
        found = client.list_alerts(states=(AlertState.PENDING, AlertState.FIRING, AlertState.RESOLVED))
        whole = _whole("alerts", alert_id, (one.alert_id for one in found))
        _show(client.add_alert_note(whole, author, text), as_json)


@app.command()
@connecting
def silence(
    *,
    connect: Connect,
    duration: Annotated[str, typer.Argument(help="How long, such as 30m, 2h or 7d.")],
    author: Author,
    target: Target = DEFAULT_TARGET,
    server: Globs = None,
    about: About = None,
    everything: Annotated[bool, typer.Option("--all", help="All alerts of all servers.")] = False,
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Keep alerts quiet for a while: they live on and are shown, but nobody is notified."""
    if bool(server or about) == everything:
        raise typer.BadParameter(
            "--all and --server or --about exclude each other; give one."
            if everything
            else "Without --server or --about all alerts would be kept quiet; give one of them, or --all."
        )
    metrics, subjects = _metrics_and_subjects(about or ())
    with connect.client(target) as client:
        made = client.create_silence(
            AlertMatcher(tuple(server or ()), metrics, subjects), _seconds(duration), author, comment=comment
        )
    _print_silences([made], as_json)


@app.command()
@connecting
def silences(
    *,
    connect: Connect,
    target: Target = DEFAULT_TARGET,
    expired: Annotated[bool, typer.Option("--expired", help="Those that are over, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List silences."""
    with connect.client(target) as client:
        _print_silences(client.list_silences(include_expired=expired), as_json)


@app.command()
@connecting
def expire(
    *,
    connect: Connect,
    silence_id: Annotated[str, typer.Argument(help="Id of the silence, as listed, or its beginning.")],
    author: Author,
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """End a silence early."""
    with connect.client(target) as client:
        whole = _whole("silences", silence_id, (one.silence_id for one in client.list_silences()))
        _print_silences([client.expire_silence(whole, author=author)], as_json)


@maintenance.command("list")
@connecting
def list_windows(*, connect: Connect, target: Target = DEFAULT_TARGET, as_json: AsJson = False) -> None:
    """List maintenance windows, the one that begins next first."""
    with connect.client(target) as client:
        _print_windows(client.list_maintenance_windows(), as_json)


@maintenance.command("put")
@connecting
def put_window(
    *,
    connect: Connect,
    days: Annotated[
        str, typer.Option(help="Days it begins on, such as mon,thu; daily, weekdays or weekends.")
    ],
    start: Annotated[str, typer.Option(help="Time of day it begins at, HH:MM.")],
    duration: Annotated[str, typer.Option(help="How long it lasts, such as 2h.")],
    author: Author,
    window_id: Annotated[
        str, typer.Option("--id", help="Name of your choice; an existing window of that name is replaced.")
    ] = "",
    time_zone: Annotated[str, typer.Option(help="IANA name, such as Europe/Berlin.")] = "UTC",
    expires_in: Annotated[str, typer.Option(help="When it ends for good, such as 26w; never.")] = "",
    target: Target = DEFAULT_TARGET,
    server: Globs = None,
    about: About = None,
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Make or replace a maintenance window: alerts are kept quiet on those days at that time, week after week."""
    metrics, subjects = _metrics_and_subjects(about or ())
    now_ms = time.time_ns() // 1_000_000
    window = MaintenanceWindow(
        days=_days(days),
        start_time=start,
        duration_seconds=_seconds(duration),
        author=author,
        matcher=AlertMatcher(tuple(server or ()), metrics, subjects),
        time_zone=time_zone,
        comment=comment,
        expires_at_ms=now_ms + round(1000 * _seconds(expires_in)) if expires_in else 0,
        window_id=window_id,
    )
    with connect.client(target) as client:
        _print_windows([client.put_maintenance_window(window)], as_json)


@maintenance.command("delete")
@connecting
def delete_window(
    *,
    connect: Connect,
    window_id: Annotated[str, typer.Argument(help="Id of the window, as listed.")],
    author: Author,
    target: Target = DEFAULT_TARGET,
) -> None:
    """Remove a maintenance window."""
    with connect.client(target) as client:
        client.delete_maintenance_window(window_id, author=author)


def _days(text: str) -> tuple[DayOfWeek, ...]:
    every = [day for day in DayOfWeek if day is not DayOfWeek.UNSPECIFIED]
    named = {"daily": every, "weekdays": every[:5], "weekends": every[5:]}
    found: list[DayOfWeek] = []
    for word in filter(None, (part.strip().lower() for part in text.split(","))):
        matching = named.get(word) or [day for day in every if len(word) >= 2 and day.startswith(word)]
        if len(matching) != 1 and word not in named:
            raise typer.BadParameter(
                f"{word!r} is no day; give mon, tue, ..., daily, weekdays or weekends, with commas between."
            )
        found += matching
    return tuple(dict.fromkeys(found))


def _show(alert: AlertRecord, as_json: bool) -> None:
    if as_json:
        _print_json(asdict(alert))
    else:
        _print_alerts([alert])


def _print_alerts(alerts: Sequence[AlertRecord]) -> None:
    columns = (
        Column("id"),
        Column("state", goes=2),
        Column("level", goes=1),
        Column("server", folds_at=40),
        Column("about", goes=5),
        Column("cause", goes=1, folds_at=24),
        Column("since", goes=3),
        Column("who", goes=4),
    )
    rows = [
        (
            alert.alert_id,
            str(alert.state) + (" (muted)" if alert.muted else ""),
            Text(str(alert.level), style=_STYLES.get(str(alert.level), "")),
            alert.server_name,
            alert.metric or str(alert.subject),
            alert.cause,
            _time(alert.fired_at_ms or alert.started_at_ms),
            alert.acknowledged_by or "-",
        )
        for alert in alerts
    ]
    print_grid(columns, rows)


def _line(alert: AlertRecord) -> Text:
    minutes = alert.minutes_to_breach
    left = f" ({max(minutes, 1):.0f} min left)" if minutes > 0 and math.isfinite(minutes) else ""
    who = f" [{alert.acknowledged_by}]" if alert.acknowledged_by else ""
    muted = " (muted)" if alert.muted else ""
    text = Text(f"{_time(alert.updated_at_ms)}  {alert.alert_id}  ")
    text.append(f"{alert.state:<8} {alert.level:<9}", style=_STYLES.get(str(alert.level), ""))
    text.append(f" {alert.server_name}: {alert.cause}{left}{who}{muted}")
    return text


def _time(milliseconds: int) -> str:
    if not milliseconds:
        return "-"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _matcher(matcher: AlertMatcher) -> str:
    about = [*matcher.metrics, *map(str, matcher.subjects)]
    return f"{', '.join(matcher.servers) or 'all servers'}: {', '.join(about) or 'everything'}"


def _whole(kind: str, given: str, known: Iterable[str]) -> str:
    """The id that somebody means who gives all of it, or so much of its beginning that no other begins so."""
    ids = sorted(known)
    found = [given] if given in ids else [one for one in ids if given and one.startswith(given)]
    if len(found) > 1:
        raise typer.BadParameter(
            f"{given!r} is the beginning of {len(found)} ids of {kind}: {', '.join(found[:5])}; give more of it."
        )
    return found[0] if found else given


def _print_silences(found: Sequence[Silence], as_json: bool) -> None:
    if as_json:
        _print_json([asdict(one) for one in found])
        return
    columns = (
        Column("id"),
        Column("which", folds_at=30),
        Column("from", goes=4),
        Column("until"),
        Column("active", goes=1),
        Column("who", goes=2),
        Column("why", goes=3, folds_at=20),
    )
    rows = [
        (
            one.silence_id,
            _matcher(one.matcher),
            _time(one.starts_at_ms),
            _time(one.ends_at_ms),
            "yes" if one.active else "",
            one.author,
            one.comment,
        )
        for one in found
    ]
    print_grid(columns, rows)


def _print_windows(found: Sequence[MaintenanceWindow], as_json: bool) -> None:
    if as_json:
        _print_json([asdict(one) for one in found])
        return
    columns = (
        Column("id"),
        Column("which", folds_at=30),
        Column("days", goes=1, folds_at=13),
        Column("at", goes=1),
        Column("for", goes=4),
        Column("next", goes=3),
        Column("expires", goes=5),
        Column("active", goes=2),
        Column("who", goes=6),
        Column("why", goes=7, folds_at=20),
    )
    rows = [
        (
            one.window_id,
            _matcher(one.matcher),
            ", ".join(day[:3] for day in one.days),
            f"{one.start_time} {one.time_zone}",
            str(timedelta(seconds=one.duration_seconds)),
            _time(one.next_start_ms),
            _time(one.expires_at_ms) if one.expires_at_ms else "never",
            "yes" if one.active else "",
            one.author,
            one.comment,
        )
        for one in found
    ]
    print_grid(columns, rows)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(plain(value), allow_nan=False))
