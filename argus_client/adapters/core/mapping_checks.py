"""What a doctor looks at in an adapter: what its mapping makes of a page, and what the server would say to that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from argus_client.adapters.core.bounds import bounds
from argus_client.adapters.core.finding import Finding, Level
from argus_client.adapters.core.mapping import LOSING
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.preview import NEWEST_SECONDS, Preview, coverage, merged
from argus_client.adapters.core.tally import SOURCE_FIELD
from argus_client.samples import METRICS, Samples

RECORDS: Final = "records"
MAPPING: Final = "mapping"
COVERAGE: Final = "coverage"
UNUSED: Final = "unused_fields"
CADENCE: Final = "cadence"
RANGE: Final = "range"
SCALE: Final = "scale"
NAMES: Final = "server_names"
LAG: Final = "lag"
FUTURE: Final = "future"

_STEP_SECONDS: Final = 300.0
_SKEW_MS: Final = 300_000
_ENOUGH: Final = 20
_SHOWN: Final = 40
# Without these there is little to forecast trouble from.
_WANTED: Final = ("cpu_idle_pct", "mem_used_pct", "disk_usage_pct", "load_average")


def check_mapping(
    first: Preview,
    mapping: MappingConfig,
    now_ms: int,
    *,
    newest: Preview | None = None,
    has_older: bool = False,
) -> list[Finding]:
    """Looks at rows as they would be sent.

    Args:
        first: The first page from the beginning on.
        mapping: What made it.
        now_ms: Now, Unix milliseconds UTC.
        newest: The rows of the last minutes, if the first page does not reach up to now and they could be had.
        has_older: Whether there are records before the beginning.
    """
    if first.problem:
        return [Finding(RECORDS, Level.FAILURE, first.problem)]
    found = merged(first, newest) if newest is not None else first
    findings = [*_problems(found)]
    samples = found.mapped.samples
    if not len(samples):
        return [*_nothing(first, has_older), *findings] if first.early or not findings else findings
    servers = len(set(samples.server_name.tolist()))
    findings.insert(0, Finding(RECORDS, Level.OK, f"{len(samples)} rows of {servers} servers"))
    findings += _coverage(samples)
    findings += _unused(found.fields)
    findings += _range(samples, mapping)
    findings += _scale(samples, mapping)
    findings += _names(samples)
    # The gap between the first and the newest rows is no gap of the source's.
    findings += _cadence(first.mapped.samples if len(first.mapped.samples) else samples)
    findings += _times(first, newest, samples, now_ms)
    return findings


def _nothing(found: Preview, has_older: bool) -> list[Finding]:
    """There is no row: is the beginning wrong, or what is asked for?"""
    if found.early or has_older:
        before = f"{found.early} rows" if found.early else "some records"
        message = f"the source has no records since the beginning that was asked for, and {before} before it"
        advice = 'Look further back: --since 7d, or --since "all".'
    else:
        message = "the source has no records, neither since the beginning that was asked for nor before it"
        advice = "Check [source]: its preset, match, index, collection or paths; and whether anything is written there."
    return [Finding(RECORDS, Level.WARNING, message, advice)]


def _problems(found: Preview) -> list[Finding]:
    total = found.mapped.records
    findings = []
    for problem in found.mapped.problems:
        whole = problem.kind in LOSING
        level = Level.FAILURE if whole and problem.rows == total else Level.WARNING
        what = f"{problem.rows} of {total} records: {problem.kind.replace('_', ' ')} in {problem.field}"
        advice = (
            f"Name the right field in [mapping] {problem.field}."
            if problem.field in ("timestamp", "server_name", "state")
            else "Mend the source, or map another field."
        )
        findings.append(Finding(MAPPING, level, f"{what}, such as {problem.example}", advice))
    for (kind, _), rows in found.tally.problems.items():
        example = found.tally.examples.get((kind, SOURCE_FIELD), "")
        what = f"the source could not read {rows} rows: {kind.replace('_', ' ')}, such as {example}"
        # A first run would end with this.
        level = Level.WARNING if total else Level.FAILURE
        findings.append(Finding(MAPPING, level, what, "Mend what writes them."))
    return findings


def _coverage(samples: Samples) -> list[Finding]:
    shares = coverage(samples)
    never = [metric for metric, share in shares.items() if share == 0]
    partly = [f"{metric} {share:.0%}" for metric, share in shares.items() if 0 < share < 0.99]
    findings = []
    if missed := [metric for metric in _WANTED if metric in never]:
        findings.append(
            Finding(
                COVERAGE,
                Level.WARNING,
                f"never measured, and much of a forecast goes by them: {', '.join(missed)}",
                "Map them in [mapping.columns], if the source has them under another name.",
            )
        )
    if others := [metric for metric in never if metric not in _WANTED]:
        findings.append(Finding(COVERAGE, Level.NOTE, f"never measured: {', '.join(others)}"))
    if partly:
        findings.append(Finding(COVERAGE, Level.NOTE, f"measured in a part of the rows: {', '.join(partly)}"))
    if not never and not partly:
        findings.append(Finding(COVERAGE, Level.OK, "all 14 metrics are measured in every row"))
    return findings


def _unused(fields: Sequence[str]) -> list[Finding]:
    if not fields:
        return []
    more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
    return [Finding(UNUSED, Level.NOTE, f"fields no column comes from: {', '.join(fields[:_SHOWN])}{more}")]


def _range(samples: Samples, mapping: MappingConfig) -> list[Finding]:
    outside = bounds().outside(samples.metrics)
    findings = []
    for index in np.flatnonzero(outside.any(axis=0)).tolist():
        row = int(np.flatnonzero(outside[:, index])[0])
        value, upper = float(samples.metrics[row, index]), float(bounds().upper[index])
        findings.append(
            Finding(
                RANGE,
                Level.FAILURE,
                f"the server would refuse {int(outside[:, index].sum())} of {len(samples)} rows: {METRICS[index]} is "
                f"{value:g} at {samples.server_name[row]}, allowed is {float(bounds().lower[index]):g} to {upper:g}",
                _range_advice(index, samples, mapping),
            )
        )
    return findings


def _range_advice(index: int, samples: Samples, mapping: MappingConfig) -> str:
    """What may have gone wrong, by how far the values are off."""
    name, column = METRICS[index], samples.metrics[:, index]
    typical = float(np.nanmedian(column))
    if not name.endswith("_pct"):
        return f"Set the scale of [mapping.columns] {name}."
    scale = _scale_of(mapping, name)
    if typical > 1000 or (typical > 150 and scale is not None and scale >= 100):
        return f"Values around {typical:g}: were they multiplied by 100 twice? Then {_rescaled(mapping, name, 0.01)}."
    if typical > 150:
        return (
            f"Values around {typical:g}: is {name} a sum over cores? Take the field that is per host, or divide by the "
            "number of cores."
        )
    return f"A percentage is 0 to 100 of all cores, or of all memory; see what {name} is mapped to."


def _scale(samples: Samples, mapping: MappingConfig) -> list[Finding]:
    findings = []
    for index, name in enumerate(METRICS):
        values = samples.metrics[:, index]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        low, high = float(values.min()), float(values.max())
        # A machine in some use has more than one percent of something now and then.
        if name.endswith("_pct") and len(values) >= _ENOUGH and 0.05 < high <= 1.0:
            findings.append(
                Finding(
                    SCALE,
                    Level.WARNING,
                    f"{name} lies between {low:g} and {high:g}: it looks like a ratio, 0 to 1",
                    f"Unless these servers really do next to nothing, {_rescaled(mapping, name, 100)}.",
                )
            )
    return findings


def _names(samples: Samples) -> list[Finding]:
    names = sorted(set(samples.server_name.tolist()))
    findings = []
    if refused := [name for name in names if not bounds().allows_name(name)]:
        findings.append(
            Finding(
                NAMES,
                Level.FAILURE,
                f"the server would refuse {len(refused)} names, such as {ascii(refused[0])[:80]}",
                "1 to 253 printable ASCII characters; rewrite them with [mapping] names.",
            )
        )
    ports = [name for name in names if name.rpartition(":")[2].isdigit() and ":" in name]
    if ports and len(ports) * 2 > len(names):
        findings.append(
            Finding(
                NAMES,
                Level.NOTE,
                f"names end in a port, such as {ports[0]}",
                'To strip it: [mapping] names = [{ match = ":\\\\d+$", replace = "" }]',
            )
        )
    return findings


def _cadence(samples: Samples) -> list[Finding]:
    """Median seconds between two samples of a server."""
    order = np.lexsort((samples.timestamp_ms, samples.server_name.astype(str)))
    same = samples.server_name[order][1:] == samples.server_name[order][:-1]
    gaps = np.diff(samples.timestamp_ms[order])[same.astype(np.bool_)] / 1000
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return [
            Finding(CADENCE, Level.NOTE, "each server has one sample in this page: no cadence can be told")
        ]
    median = float(np.median(gaps))
    if median > _STEP_SECONDS:
        return [
            Finding(
                CADENCE,
                Level.WARNING,
                f"a sample of a server comes every {median:g} s; the server forecasts in steps of {_STEP_SECONDS:g} s",
                "Measure at least once a step, or the model sees gaps.",
            )
        ]
    return [Finding(CADENCE, Level.OK, f"a sample of a server comes every {median:g} s")]


def _times(first: Preview, newest: Preview | None, samples: Samples, now_ms: int) -> list[Finding]:
    ahead = samples.timestamp_ms - now_ms
    if (future := int((ahead > _SKEW_MS).sum())) > 0:
        hours = float(ahead.max()) / 3_600_000
        zone = " It looks like local time without its zone." if abs(hours - round(hours)) < 0.05 else ""
        return [
            Finding(
                FUTURE,
                Level.FAILURE,
                f"{future} of {len(samples)} rows are up to {hours:.1f} h in the future, and refused.{zone}",
                "Store times in UTC or with their zone; check [mapping] timestamp_unit and the clock of the writer.",
            )
        ]
    late = -float(ahead.max()) / 1000
    reaches_now = first.is_last or (newest is not None and newest.is_last)
    if late <= NEWEST_SECONDS:
        return [Finding(LAG, Level.OK, f"the newest row is {late:.0f} s old")]
    if not reaches_now:
        note = f"the newest row that was looked at is {late / 60:.0f} minutes old, and there are later ones"
        return [Finding(LAG, Level.NOTE, note)]
    age = (
        f"the newest row is {late / 60:.0f} minutes old"
        if first.is_last
        else f"there is no row of the last {NEWEST_SECONDS // 60} minutes"
    )
    return [
        Finding(
            LAG,
            Level.WARNING,
            age,
            "Does the source still get rows? A time without its zone is taken for UTC.",
        )
    ]


def _scale_of(mapping: MappingConfig, metric: str) -> float | None:
    """What the values of a metric are multiplied by; None where its fields have several scales."""
    scales = (
        {choice.scale for choice in mapping.columns[metric].choices} if metric in mapping.columns else {1.0}
    )
    return scales.pop() if len(scales) == 1 else None


def _rescaled(mapping: MappingConfig, metric: str, factor: float) -> str:
    """How to multiply the values of a metric by a factor, with the scale there is now."""
    scale = _scale_of(mapping, metric)
    if scale is None:
        return f"multiply each scale of {metric} in [mapping.columns] by {factor:g}"
    wanted = scale * factor
    if math.isclose(wanted, 1.0):
        return f"the scale of {metric} in [mapping.columns] is {scale:g}; remove it"
    if scale == 1.0:
        return f"set scale = {wanted:g} for {metric} in [mapping.columns]"
    return f"the scale of {metric} in [mapping.columns] is {scale:g}; set {wanted:g}"
