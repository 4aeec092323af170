"""A report that can be read: Markdown with pictures beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argus_server.evaluation.alarms import by_group
from argus_server.evaluation.harness import REFERENCE, Report
from argus_server.evaluation.protocol import HEADLINE_METRICS, EvaluationError

FILE: Final = "report.md"

_MOST_NAMES: Final = 20


def claim(directory: Path) -> None:
    """Make the directory and see that it can be written, before there is anything to lose.

    Raises:
        EvaluationError: It cannot.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise EvaluationError(
            f"no report can be written to {directory} ({error.strerror}); give --report a directory of yours"
        ) from error


def write(directory: Path, report: Report, figures: Mapping[str, Any]) -> Path:
    """Write the report and its pictures; files of an earlier one are replaced.

    Args:
        directory: Where to; made if need be.
        report: What was measured.
        figures: `report.to_json()` and the description of the data files under `data`.

    Returns:
        The Markdown file.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: The directory cannot be written.
    """
    from argus_server.evaluation import plots

    directory.mkdir(parents=True, exist_ok=True)
    plots.calibration(report, directory / plots.CALIBRATION)
    plots.horizon(report, directory / plots.HORIZON)
    pictures = [("Calibration", plots.CALIBRATION), ("Error along the horizon", plots.HORIZON)]
    shown = plots.examples(report)
    if shown:
        plots.series(report, shown, directory / plots.SERIES)
        pictures.append(("Worst, median and best series", plots.SERIES))
    path = directory / FILE
    path.write_text(markdown(figures, pictures), encoding="utf-8")
    return path


def markdown(figures: Mapping[str, Any], pictures: Sequence[tuple[str, str]] = ()) -> str:
    """The report's text.

    Args:
        figures: What `argus evaluate --json` prints.
        pictures: Title and file name of each picture.
    """
    lines = [
        "# Forecast accuracy",
        "",
        *_method(figures),
        *_forecasters(figures),
        *_against_reference(figures),
        *_metrics(figures),
        *_coverage(figures),
        *_events(figures["events"]),
        *_datasets(figures),
        *(line for title, file in pictures for line in (f"## {title}", "", f"![{title}]({file})", "")),
    ]
    return "\n".join(lines)


def _method(figures: Mapping[str, Any]) -> list[str]:
    protocol = figures["protocol"]
    hours = protocol["horizon_steps"] * protocol["step_seconds"] / 3600
    seen = figures["servers_seen_in_training"]
    lines = [
        f"{len(figures['servers'])} servers, {figures['series']} series, {figures['origins']} origins, "
        f"{protocol['horizon_steps']} steps of {protocol['step_seconds']} s ({hours:g} hours) each.",
        "",
        f"Test part: {protocol['test_part']}. First origin: {protocol['first_origin']}; the next ones every "
        f"{protocol['origin_every_steps']} steps. A forecast sees rows before its origin only. wQL is the mean",
        "over p10, p50 and p90 of 2 x pinball / |y|, pooled over servers, origins and steps, then the mean of",
        f"{', '.join(HEADLINE_METRICS)} where present. MASE is scaled by the in-sample seasonal-naive error.",
        "",
        *_table(
            ("data", "rows", "servers", "SHA-256"),
            ((f["name"], f"{f['rows']:,}", f["servers"], f"`{f['sha256'][:16]}`") for f in figures["data"]),
        ),
        *_table(
            ("model", "servers scored with it"), ((m["revision"], m["servers"]) for m in figures["models"])
        ),
    ]
    if seen:
        text = "Named as servers in the training of every model; the same servers are no test of new ones"
        lines += [f"**{text}:** {_listed(seen)}.", ""]
    return lines


def _forecasters(figures: Mapping[str, Any]) -> list[str]:
    keys = ("wql", "mase_mean", "mase_median", "coverage", "interval_width", "interval_score")
    rows = {"**model**": figures, **figures["baselines"]}
    lines = [
        "## Against simple forecasts",
        "",
        *_table(
            (
                "",
                "wQL",
                "MASE mean",
                "MASE median",
                "80 % coverage",
                "relative width",
                "relative interval score",
            ),
            ((name, *(_show(row[key]) for key in keys)) for name, row in rows.items()),
        ),
    ]
    raw = figures["without_band_calibration"]
    lines += [
        "Width and interval score of the 80 % band are relative to the mean absolute value. Before the online",
        f"calibration of its bands the model has wQL {_show(raw['wql'])} and coverage {_show(raw['coverage'])}.",
        "",
    ]
    for name, row in figures["baselines"].items():
        if "model_on_the_same_steps" in row:
            same = row["model_on_the_same_steps"]
            lines += [
                f"{name} ran out of time on {row['series_out_of_time']} series; on the steps that it did forecast "
                f"the model has wQL {_show(same['wql'])} and MASE mean {_show(same['mase_mean'])}.",
                "",
            ]
    return lines


def _against_reference(figures: Mapping[str, Any]) -> list[str]:
    rows = (
        (title, *(_show(figures[f"{key}{suffix}"]) for suffix in ("", "_all_metrics")))
        for title, key in (
            ("wQL ratio, geometric mean over series", "wql_ratio_to_seasonal_naive"),
            ("MASE ratio, geometric mean over series", "mase_ratio_to_seasonal_naive"),
            ("share of series with a lower wQL", "series_beating_seasonal_naive"),
        )
    )
    worse = figures["worse_servers"]
    share = _show(figures["servers_worse_than_seasonal_naive_by_5pct"])
    return [
        f"## Against {REFERENCE}",
        "",
        *_table(("", "headline metrics", "all metrics"), rows),
        f"Share of servers with a wQL above 1.05 times {REFERENCE}'s: {share}"
        + (f" ({_listed(worse)})." if worse else "."),
        "",
    ]


def _metrics(figures: Mapping[str, Any]) -> list[str]:
    names = list(figures["baselines"])
    rows = (
        (
            metric,
            row["series"],
            _show(row["wql"]),
            *(_show(row[f"{name}_wql"]) for name in names),
            _show(row["mase_mean"]),
            _show(row["coverage"]),
        )
        for metric, row in figures["per_metric"].items()
    )
    titles = ("metric", "series", "wQL", *(f"{name} wQL" for name in names), "MASE mean", "coverage")
    return ["## By metric", "", *_table(titles, rows)]


def _coverage(figures: Mapping[str, Any]) -> list[str]:
    names = list(figures["coverage_by_horizon"])
    rows = [("headline metrics", *(_show(figures["coverage_by_horizon"][name]) for name in names))]
    rows += [
        (metric, *(_show(row["coverage_by_horizon"][name]) for name in names))
        for metric, row in figures["per_metric"].items()
    ]
    worst = figures["coverage_worst_bucket"]
    lines = [
        "## Coverage of the 80 % band",
        "",
        f"Headline metrics: {_show(figures['coverage'])}; without series that are constant in the whole test "
        f"part, which any closed band covers: {_show(figures['coverage_moving'])}. All metrics: "
        f"{_show(figures['coverage_all_metrics'])} and {_show(figures['coverage_all_metrics_moving'])}.",
        "",
        *_table(("metric", *names), rows),
    ]
    if worst is not None:
        lines += [
            f"Furthest from 0.8: {worst['metric']}, {worst['horizon']} ahead, {_show(worst['coverage'])}.",
            "",
        ]
    return lines


def _events(events: Mapping[str, Any]) -> list[str]:
    """Threshold events: probabilities, and alarms made of them."""
    keys = ("base_rate", "mean_probability", "brier", "skill", "ece")
    probabilities = [
        (name, scope, row["samples"], *(_show(row.get(key)) for key in keys))
        for name, part in events["probabilities"].items()
        if isinstance(part, Mapping)
        for scope, row in _scopes(part)
    ]
    figures = ("recall", "median_lead_minutes", "false_alarms_per_server_month")
    alarms = [
        (name, row["events"], *(_show(row[key]) for key in figures), by_group(row))
        for name, row in events.items()
        if isinstance(row, Mapping) and "recall" in row
    ]
    definition = events["definition"]
    most = definition["most_false_alarms_per_server_month"]
    lines = [
        "## Threshold events",
        "",
        f"Forecasts every {definition['looked_at_every_minutes']:g} minutes. Probabilities are those of servers that "
        "are over no threshold yet.",
        "",
        *_table(
            (
                "within",
                "P(cross) of",
                "samples",
                "base rate",
                "mean P",
                "Brier",
                "skill",
                "calibration error",
            ),
            probabilities,
        ),
        "`alarms_as_served` are the alerts that a server raises with the rules it comes with. `alarms` and "
        f"`linear_rule_tuned` are tuned to at most {most:g} false alarm per server and 30 days on one half of the "
        "servers and scored on the other, both ways; servers that move together are in one half.",
        "",
        *_table(
            (
                "",
                "events",
                "recall",
                "median lead, minutes",
                "false alarms per server-month",
                "false by group",
            ),
            alarms,
        ),
    ]
    if "alarms" in events:
        for one in events["alarms"]["chosen_by_each_half"]:
            chosen = "; ".join(f"{group} {_policy(alarm)}" for group, alarm in one["chosen"].items())
            tuned, other = (
                f"{_show(row['recall'])} at {_show(row['false_alarms_per_server_month'])}"
                for row in (one["on_the_half_that_chose"], one["on_the_other_half"])
            )
            lines.append(
                f"- One half chose {chosen or 'no alarm'}: recall {tuned} there, {other} on the other."
            )
        lines.append("")
    else:
        lines += ["All servers move together, so nothing could be tuned on some and scored on others.", ""]
    return lines


def _scopes(part: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What probabilities are of, and their scores, where there are any."""
    environment = part["environment"]
    rows = [
        ("a server", part["server"]),
        *part["groups"].items(),
        (f"any of up to {environment['fleet_servers']} servers", environment),
    ]
    return [(name, row) for name, row in rows if row["samples"]]


def _policy(alarm: Mapping[str, Any]) -> str:
    past = ", beyond all of the last days" if alarm["only_unprecedented"] else ""
    return f"P >= {alarm['tau']:g} within {alarm['horizon_minutes']:g} min, {alarm['hold']} on end{past}"


def _datasets(figures: Mapping[str, Any]) -> list[str]:
    if "datasets" not in figures:
        return []
    rows = (
        (
            name,
            len(row["servers"]),
            _show(row["wql"]),
            _show(row["baselines"][REFERENCE]["wql"]),
            _show(row["mase_mean"]),
            _show(row["coverage"]),
        )
        for name, row in figures["datasets"].items()
    )
    titles = ("file", "servers", "wQL", f"{REFERENCE} wQL", "MASE mean", "coverage")
    return ["## By data file", "", *_table(titles, rows)]


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [titles, ["---"] * len(titles), *rows]
    return [*(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines), ""]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _show(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
