"""A fleet as a table in the terminal."""

from __future__ import annotations

import math
import time
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from argus_client import DisplayMetric, FleetSnapshot, ServerPrediction

_ARROWS: Final = {"increasing": "\u2191", "decreasing": "\u2193", "stable": "\u2192"}
# In the order in which they go when the terminal is narrow: the last ones first.
_METRICS: Final = (
    ("cpu", "CPU %"),
    ("memory", "mem %"),
    ("disk", "disk %"),
    ("iowait", "I/O wait"),
    ("load", "load"),
    ("swap", "swap %"),
    ("net_in", "in MB/s"),
    ("net_out", "out MB/s"),
)
_METRIC_WIDTH: Final = 12
_FIXED_WIDTH: Final = 112


def fleet_table(
    snapshot: FleetSnapshot,
    *,
    width: int,
    rows: int | None = None,
    connection: str = "",
    now_ms: int | None = None,
) -> RenderableType:
    """The fleet riskiest first: now, in 30 minutes, what is expected to break, and where the forecast is from.

    Args:
        snapshot: What to show.
        width: Characters per line; a narrow terminal gets fewer columns.
        rows: At most that many servers; all if not given.
        connection: State of the connection, if it is a live one.
        now_ms: Unix milliseconds, to tell the age of the forecast; now if not given.
    """
    parts: list[RenderableType] = [_headline(snapshot, connection, now_ms)]
    if snapshot.header.degraded:
        parts.append(Text(f"DEGRADED: {snapshot.header.degraded_reason}", style="bold white on red"))
    if not snapshot.servers:
        parts.append(Text("No servers yet. Send metrics: argus host, argus replay FILE or argus simulate."))
        return Group(*parts)
    parts.append(_servers(snapshot, rows, width))
    return Group(*parts)


def _headline(snapshot: FleetSnapshot, connection: str, now_ms: int | None) -> Text:
    summary, environment, header = snapshot.summary, snapshot.environment, snapshot.header
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    line = Text()
    line.append(f"{summary.total_servers} servers  ", style="bold")
    for count, name, style in (
        (summary.critical_count, "critical", "red"),
        (summary.warning_count, "warning", "dark_orange"),
        (summary.degrading_count, "degrading", "yellow"),
        (summary.healthy_count, "healthy", "green"),
        (summary.silent_count, "silent", "magenta"),
    ):
        line.append(f"{count} {name}  ", style=style if count else "dim")
    line.append(
        f"| incident within 30 min {environment.incident_probability_30m:.0%}, "
        f"within 8 h {environment.incident_probability_8h:.0%} "
    )
    age = max(now - header.published_at_ms, 0) / 1000
    seen = f"{age:.0f} s ago" if age < 86_400 else "replayed"
    line.append(f"| {header.model.revision or 'no model'} | revision {header.revision}, {seen}", style="dim")
    if connection:
        line.append(f" | {connection}", style="dim" if connection == "live" else "bold yellow")
    return line


def _servers(snapshot: FleetSnapshot, rows: int | None, width: int) -> Table:
    shown_metrics = _METRICS[: max((width - _FIXED_WIDTH) // _METRIC_WIDTH, 0)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), width=width)
    table.add_column("risk", justify="right", no_wrap=True, width=4)
    table.add_column("level", no_wrap=True, width=19)
    table.add_column("server", no_wrap=True, min_width=10, max_width=24)
    for _, title in shown_metrics:
        table.add_column(title, justify="right", no_wrap=True, width=_METRIC_WIDTH - 1)
    table.add_column("cause", no_wrap=True, min_width=16, ratio=1)
    table.add_column("next breach", no_wrap=True, width=17)
    table.add_column("source", no_wrap=True, width=8)
    listed = list(snapshot.servers.values())[:rows]
    for server in listed:
        table.add_row(
            f"{math.floor(server.risk_score)}",
            Text(f"{server.alert.emoji} {server.alert.label}", style=server.alert.color),
            Text(server.server_name),
            *(_metric(server.display_metrics.get(name)) for name, _ in shown_metrics),
            Text("; ".join(cause.text for cause in server.causes) or "-", overflow="ellipsis"),
            _breach(server),
            Text(str(server.source), style="" if server.source == "TFT" else "yellow"),
        )
    if left := len(snapshot.servers) - len(listed):
        table.caption = f"and {left} less risky"
    return table


def _metric(metric: DisplayMetric | None) -> Text:
    if metric is None:
        return Text("-", style="dim")
    arrow = _ARROWS.get(str(metric.trend), "")
    return Text(f"{metric.current:.1f}{arrow}{metric.predicted:.1f}")


def _breach(server: ServerPrediction) -> Text:
    breach = server.first_breach
    if breach is None:
        return Text("-", style="dim")
    return Text(f"{_when(breach.minutes)} ({breach.probability:.0%})")


def _when(minutes: float) -> str:
    if minutes <= 0:
        return "now"
    hours, rest = divmod(round(minutes), 60)
    if hours:
        return f"in {hours} h {rest:02d}"
    return f"in {rest} min" if rest else "in < 1 min"
