"""The model card: what a model is, what it was made from, what it scores, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MOST_NAMES: Final = 20


def model_card(name: str, training_info: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Markdown card from the contents of training_info.json and metrics.json."""
    settings, data = training_info["settings"], training_info["data"]
    lines = [
        f"# {name}",
        "",
        "A Temporal Fusion Transformer that forecasts server metrics 8 hours ahead (96 steps of 5 minutes)",
        "as p10, p50 and p90. Every metric of every server is its own sequence through one shared network; a",
        "server never seen before needs nothing.",
        "",
        "## Size",
        "",
        f"{training_info['parameters']:,} parameters, float32; hidden size {settings['hidden_size']}, "
        f"{settings['attention_heads']} attention heads, {settings['lstm_layers']} LSTM layer(s), tokens of "
        f"{training_info['patch_length']} steps.",
        "",
        "## Training",
        "",
        "```",
        training_info["command"],
        "```",
        "",
        *([training_info["note"], ""] if training_info["note"] else []),
        f"{training_info['seconds'] / 60:.0f} minutes on {training_info['device']} "
        f"({training_info['threads']} thread(s)), {training_info['steps']:,} steps of "
        f"{settings['sampling']['series']} series, seed {settings['seed']}; best validation loss "
        f"{training_info['best_validation_loss']:.4f} "
        + (
            f"in round {training_info['best_round']}."
            if training_info["best_round"] >= 0
            else "before the first step: the weights are the parent's."
        ),
        "",
        "| file | rows | servers | SHA-256 |",
        "| --- | --- | --- | --- |",
        *(
            f"| {file['name']} | {file['rows']:,} | {file['servers']} | `{file['sha256'][:16]}` |"
            for file in data
        ),
        "",
        _servers(training_info)
        + (
            " All rows of the training servers were used."
            if training_info["rows"] == "all"
            else " Where a file has a `split` column, only its `train` rows were used."
        ),
        "",
        *_origin(training_info),
        *_accuracy(training_info, metrics["datasets"]),
        "## Bands and probabilities",
        "",
        "Bands are widened or narrowed while serving, by how often each server's values lay beyond them; figures",
        f"are with bands as served. {_PROBABILITIES[training_info['calibration']]}",
        "",
        "## Limits",
        "",
        f"- It knows {training_info['context_days']} days of the past, no more; of all but the last one only what the "
        "same time of day was.",
        "- Metrics that the training files lack or hold constant were hardly trained; the tables above show",
        "  which were measured.",
        "- Percentages are forecast one by one and need not add up.",
        "",
    ]
    return "\n".join(lines)


_PROBABILITIES: Final = {
    "fitted": "Probabilities of\ncrossing a threshold are corrected by calibration.json, fitted to what happened to "
    "the servers validated on.",
    "parent": "Probabilities of\ncrossing a threshold are corrected by calibration.json, which is the parent's: the "
    "servers validated on\ncrossed too few to fit another.",
    "none": "Probabilities of\ncrossing a threshold are the forecast's own: the servers validated on crossed too few "
    "to fit a correction.",
}
"""By where the calibration is from."""


def _servers(training_info: Mapping[str, Any]) -> str:
    training, validation = training_info["training_servers"], training_info["validation_servers"]
    held_out = f"{len(training_info['held_out_servers'])} held out."
    if training_info["validated_on"] == "servers":
        return f"Servers: {len(training)} for training, {len(validation)} for validation (early stopping), {held_out}"
    return (
        f"Servers: {len(training)} for training, of {len(validation)} the last tenth for validation (early stopping), "
        f"{held_out}"
    )


def _origin(training_info: Mapping[str, Any]) -> list[str]:
    parent = training_info["parent"]
    if parent is None:
        return []
    return [
        f"It goes on from {parent['revision']}, which had seen {len(parent['training_servers'])} servers.",
        "",
    ]


def _accuracy(training_info: Mapping[str, Any], datasets: Mapping[str, Any]) -> list[str]:
    lines = ["## Accuracy on held-out servers", ""]
    if not datasets:
        return [*lines, "Not evaluated: no server was held out.", ""]
    lines += [
        *_novelty(training_info),
        "Rolling origins a horizon apart over the test part (the file's own split, or the last 30 %); a forecast",
        "sees rows before its origin only. wQL is the mean over p10, p50, p90 of 2 x pinball / |y|, pooled per",
        "metric, averaged over cpu_user_pct, mem_used_pct, load_average, net_in_mb_s and disk_usage_pct where",
        "present. MASE is scaled by the in-sample seasonal-naive error. Baselines: last value (a point), and",
        "yesterday with bands from its own past errors.",
        "",
    ]
    for source, figures in datasets.items():
        lines += _dataset(source, figures)
    return lines


def _novelty(training_info: Mapping[str, Any]) -> list[str]:
    """Whether the model is new to the servers that were held out; a server is known by its name."""
    parent, held_out = training_info["parent"], training_info["held_out_servers"]
    seen = sorted(set(held_out) & set(parent["training_servers"])) if parent is not None else []
    if not seen:
        return ["Servers the model never saw.", ""]
    named = ", ".join(seen[:_MOST_NAMES]) + (", ..." if len(seen) > _MOST_NAMES else "")
    rows = (
        "and all their rows were learned from, those scored here as well"
        if parent["rows"] == "all"
        else "though not the rows scored here, where a file has a `split` column"
    )
    return [
        f"**Not a test of new servers:** {len(seen)} of {len(held_out)} have the names of servers that the model it",
        f"goes on from had seen ({named}), {rows}.",
        "",
    ]


def _dataset(source: str, figures: Mapping[str, Any]) -> list[str]:
    if (reason := figures.get("not_scored_because")) is not None:
        return [f"### {source}", "", f"Not scored: {reason}.", ""]
    naive, last = figures["baselines"]["seasonal_naive"], figures["baselines"]["last_value"]
    return [
        f"### {source}",
        "",
        f"{len(figures['servers'])} servers, {figures['series']} series, {figures['origins']} origins.",
        "",
        "| | model | seasonal naive | last value |",
        "| --- | --- | --- | --- |",
        f"| wQL | {_show(figures['wql'])} | {_show(naive['wql'])} | {_show(last['wql'])} |",
        f"| wQL, all metrics | {_show(figures['wql_all_metrics'])} | {_show(naive['wql_all_metrics'])} "
        f"| {_show(last['wql_all_metrics'])} |",
        f"| MASE mean | {_show(figures['mase_mean'])} | {_show(naive['mase_mean'])} "
        f"| {_show(last['mase_mean'])} |",
        f"| MASE median | {_show(figures['mase_median'])} | {_show(naive['mase_median'])} "
        f"| {_show(last['mase_median'])} |",
        f"| 80 % band coverage | {_show(figures['coverage'])} | | |",
        f"| series better than seasonal naive | {_show(figures['series_beating_seasonal_naive'])} | | |",
        "",
        "| metric | wQL | seasonal naive wQL | last value wQL | MASE mean | coverage |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {_show(row['wql'])} | {_show(row['seasonal_naive_wql'])} "
            f"| {_show(row['last_value_wql'])} | {_show(row['mase_mean'])} | {_show(row['coverage'])} |"
            for name, row in figures["per_metric"].items()
        ),
        "",
    ]


def _show(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
