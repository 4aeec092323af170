"""Reading and checking risk tables from TOML."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

from argus.v1 import snapshot_pb2
from argus_server.metrics import METRIC_INDEX
from argus_server.profiles import PROFILE_INDEX
from argus_server.risk.alert_rules import AlertRule, AlertRules
from argus_server.risk.frame import DISPLAY_METRICS
from argus_server.risk.ladder import Ladder, Rung
from argus_server.risk.tables import (
    Display,
    EnvironmentLimits,
    Limits,
    PointPair,
    PointTable,
    RiskTables,
    Signal,
    StateLimits,
    Threshold,
    Urgency,
    Weights,
)

_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{6}")

_Numbers = TypeVar("_Numbers", Weights, EnvironmentLimits, StateLimits)


class TableError(ValueError):
    """Risk tables that cannot be used; the message names the place, what was found and what is allowed."""


def load_tables(path: Path | None = None) -> RiskTables:
    """The shipped risk tables, with those of a file laid over them.

    Args:
        path: TOML file that holds what differs from the shipped tables; None for those as they are.

    Raises:
        TableError: Not TOML, an unknown key, metric or profile, or values that make no sense.
        OSError: The file cannot be read.
    """
    shipped = tomllib.loads(resources.files("argus_server.risk").joinpath("tables.toml").read_text("utf-8"))
    if path is None:
        return parse_tables(shipped)
    try:
        own = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: not a TOML file: {error}") from error
    try:
        return parse_tables(_laid_over(shipped, own))
    except TableError as error:
        raise TableError(f"{path}: {error}") from error


def parse_tables(document: Mapping[str, Any]) -> RiskTables:
    """Risk tables from a parsed TOML document.

    Raises:
        TableError: An unknown or missing key, an unknown metric or profile, or values that make no sense.
    """
    top = _Section("", document)
    thresholds = {}
    for name, section in top.sections("thresholds"):
        threshold = _threshold(name, section)
        thresholds[threshold.metric] = threshold
    signals = tuple(_signal(name, section, thresholds) for name, section in top.sections("signals"))
    tables = RiskTables(
        weights=_numbers(Weights, top.section("score")),
        urgency=_urgency(top.section("urgency")),
        thresholds=thresholds,
        signals=signals,
        ladder=_ladder(top.rows("ladder")),
        displays=_displays(top.section("display"), signals),
        environment=_numbers(EnvironmentLimits, top.section("environment")),
        states=_numbers(StateLimits, top.section("states")),
        alerts=_alerts(top.section("alerts"), signals),
    )
    top.finish()
    _check_weights(tables)
    return tables


class _Section:
    """A TOML table being read: typed access by key, and a complaint about keys nobody asked for."""

    def __init__(self, place: str, values: object) -> None:
        if not isinstance(values, Mapping):
            raise TableError(f"[{place}] must be a table, got {values!r}")
        self.place = place
        self._left: dict[str, Any] = dict(values)

    def _path(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def take(self, key: str) -> Any:
        if key not in self._left:
            raise TableError(f"{self._path(key)} is missing")
        return self._left.pop(key)

    def has(self, key: str) -> bool:
        return key in self._left

    def number(self, key: str, default: float | None = None) -> float:
        if default is not None and key not in self._left:
            return default
        return _number(self._path(key), self.take(key))

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str):
            raise TableError(f"{self._path(key)} must be a string, got {value!r}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._left.pop(key, default)
        if not isinstance(value, bool):
            raise TableError(f"{self._path(key)} must be true or false, got {value!r}")
        return value

    def rows(self, key: str) -> list[Any]:
        value = self.take(key)
        if not isinstance(value, list):
            raise TableError(f"{self._path(key)} must be a list, got {value!r}")
        return value

    def section(self, key: str) -> _Section:
        return _Section(self._path(key), self.take(key))

    def sections(self, key: str) -> list[tuple[str, _Section]]:
        """The tables inside a table; none when the table is left out."""
        inner = _Section(self._path(key), self._left.pop(key, {}))
        return [(name, _Section(inner._path(name), values)) for name, values in inner._left.items()]

    def finish(self) -> None:
        if self._left:
            raise TableError(f"unknown key {self._path(next(iter(self._left)))}")


def _laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _laid_over(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _number(place: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TableError(f"{place} must be a finite number, got {value!r}")
    return float(value)


def _numbers(kind: type[_Numbers], section: _Section) -> _Numbers:
    """A dataclass of numbers whose fields are the keys of its table."""
    values = kind(**{field.name: section.number(field.name) for field in fields(kind)})
    section.finish()
    return values


def _index(place: str, name: str, known: Mapping[str, int], what: str) -> int:
    if name not in known:
        raise TableError(f"{place}: unknown {what} {name!r}; known are {', '.join(known)}")
    return known[name]


def _rows(place: str, rows: list[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    pairs = []
    for row in rows:
        if not isinstance(row, list) or len(row) != 2:
            raise TableError(f"{place} must hold pairs of numbers, got {row!r}")
        pairs.append((_number(place, row[0]), _number(place, row[1])))
    values = tuple(value for value, _ in pairs)
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise TableError(f"{place}: values must ascend, got {list(values)}")
    points = tuple(point for _, point in pairs)
    if any(not 0 <= point <= 100 for point in points):
        raise TableError(f"{place}: points must lie within 0 and 100, got {list(points)}")
    return values, points


def _point_table(place: str, rows: list[Any]) -> PointTable:
    values, points = _rows(place, rows)
    if list(points) != sorted(points):
        raise TableError(f"{place}: points must not fall as the value rises, got {list(points)}")
    return PointTable(values, points)


def _point_pair(section: _Section, suffix: str = "") -> PointPair:
    current, predicted = (f"{side}{suffix}" for side in ("current", "predicted"))
    return PointPair(
        _point_table(f"{section.place}.{current}", section.rows(current)),
        _point_table(f"{section.place}.{predicted}", section.rows(predicted)),
    )


def _limits(section: _Section, low_is_bad: bool) -> Limits:
    limits = Limits(section.number("warning"), section.number("critical"))
    section.finish()
    worse = limits.critical < limits.warning if low_is_bad else limits.critical > limits.warning
    if not worse or limits.critical <= 0:
        raise TableError(
            f"{section.place}: critical must be positive and {'below' if low_is_bad else 'above'} warning,"
            f" got warning {limits.warning} and critical {limits.critical}"
        )
    return limits


def _threshold(name: str, section: _Section) -> Threshold:
    metric = _index(section.place, name, METRIC_INDEX, "metric")
    bad = section.text("bad") if section.has("bad") else "high"
    if bad not in ("high", "low"):
        raise TableError(f'{section.place}.bad must be "high" or "low", got {bad!r}')
    low_is_bad = bad == "low"
    if low_is_bad and not name.endswith("_pct"):
        raise TableError(f"{section.place}: only a percentage may be bad when low")
    per_core = section.flag("per_core")
    profiles = {
        _index(inner.place, profile, PROFILE_INDEX, "profile"): _limits(inner, low_is_bad)
        for profile, inner in section.sections("profiles")
    }
    return Threshold(metric, low_is_bad, per_core, _limits(section, low_is_bad), profiles)


def _signal(name: str, section: _Section, thresholds: Mapping[int, Threshold]) -> Signal:
    metric_name = section.text("metric")
    metric = _index(section.place, metric_name, METRIC_INDEX, "metric")
    if metric not in thresholds:
        raise TableError(f"{section.place}: metric {metric_name} has no [thresholds.{metric_name}]")
    threshold = thresholds[metric]
    substitutes = section.rows("substitutes") if section.has("substitutes") else []
    if substitutes and not threshold.low_is_bad:
        raise TableError(f"{section.place}.substitutes needs a metric that is bad when low")
    profiles = {}
    for profile, inner in section.sections("profiles"):
        profiles[_index(inner.place, profile, PROFILE_INDEX, "profile")] = _point_pair(inner)
        inner.finish()
    signal = Signal(
        name=name,
        label=section.text("label"),
        unit=section.text("unit"),
        group=section.text("group"),
        metric=metric,
        substitutes=tuple(_index(section.place, part, METRIC_INDEX, "metric") for part in substitutes),
        threshold=threshold,
        points=_point_pair(section),
        profiles=profiles,
        per_core_points=_point_pair(section, "_per_core") if threshold.per_core else None,
    )
    section.finish()
    return signal


def _urgency(section: _Section) -> Urgency:
    minutes, points = _rows(f"{section.place}.points", section.rows("points"))
    if not points or list(points) != sorted(points, reverse=True):
        raise TableError(f"{section.place}.points must not rise with the minutes, got {list(points)}")
    urgency = Urgency(
        minutes, points, section.number("minimum_probability"), section.number("independence_exponent")
    )
    section.finish()
    if not 0 < urgency.minimum_probability <= 1 or urgency.independence_exponent < 0:
        raise TableError(
            f"{section.place}: minimum_probability must lie above 0 and up to 1,"
            " independence_exponent must not be negative"
        )
    return urgency


def _ladder(rungs: list[Any]) -> Ladder:
    """Rungs must cover every priority once, in rising order of score, level and priority."""
    read = [_rung(_Section(f"ladder[{index}]", rung)) for index, rung in enumerate(rungs)]
    floors = [rung.minimum_score for rung in read]
    priorities = [rung.priority for rung in read]
    levels = [rung.level for rung in read]
    if priorities != sorted(snapshot_pb2.AlertPriority.values())[1:]:
        raise TableError("ladder: every priority must have one rung, from healthy up to imminent_failure")
    if floors[0] != 0 or any(later <= earlier for earlier, later in pairwise(floors)):
        raise TableError(f"ladder: minimum_score must start at 0 and ascend, got {floors}")
    if floors[-1] > 100 or levels != sorted(levels):
        raise TableError("ladder: scores end at 100, and levels must not fall as the score rises")
    return Ladder(tuple(read))


def _rung(section: _Section) -> Rung:
    priorities = {
        name.removeprefix("ALERT_PRIORITY_").lower(): number
        for name, number in snapshot_pb2.AlertPriority.items()[1:]
    }
    levels = {
        name.removeprefix("ALERT_LEVEL_").lower(): number
        for name, number in snapshot_pb2.AlertLevel.items()[1:]
    }
    rung = Rung(
        minimum_score=section.number("minimum_score"),
        level=_index(section.place, section.text("level"), levels, "level"),
        priority=_index(section.place, section.text("priority"), priorities, "priority"),
        label=section.text("label"),
        color=section.text("color"),
        emoji=section.text("emoji"),
        sla_seconds=int(section.number("sla_seconds")),
    )
    section.finish()
    if not _COLOR.fullmatch(rung.color) or rung.sla_seconds < 0:
        raise TableError(f"{section.place}: color must be #RRGGBB and sla_seconds 0 or more")
    return rung


def _displays(section: _Section, signals: tuple[Signal, ...]) -> tuple[Display, ...]:
    turned = {signal.metric: signal for signal in signals if signal.threshold.low_is_bad}
    displays = []
    for name in DISPLAY_METRICS:
        inner = section.section(name)
        metric = _index(inner.place, inner.text("metric"), METRIC_INDEX, "metric")
        display = Display(
            name=name,
            metric=metric,
            signal=turned.get(metric),
            unit=inner.text("unit"),
            dead_band=inner.number("dead_band"),
            dead_band_ratio=inner.number("dead_band_ratio", 0.0),
        )
        inner.finish()
        if display.dead_band < 0 or display.dead_band_ratio < 0:
            raise TableError(f"{inner.place}: a dead-band must not be negative")
        displays.append(display)
    section.finish()
    return tuple(displays)


def _alerts(section: _Section, signals: tuple[Signal, ...]) -> AlertRules:
    metric = section.section("metric")
    own = dict(metric.sections("signals"))
    if unknown := set(own) - {signal.name for signal in signals}:
        raise TableError(f"{metric.place}.signals: there is no signal {min(unknown)!r}")
    common = _alert_rule(metric, "probability", AlertRule(0, 0), 1.0)
    rules = AlertRules(
        signals=tuple(
            _alert_rule(own[signal.name], "probability", common, 1.0, inherits=True)
            if signal.name in own
            else common
            for signal in signals
        ),
        risk=_alert_rule(section.section("risk"), "score", AlertRule(0, 0), 100.0),
        silence=_alert_rule(section.section("silence"), "", AlertRule(0.5, 0.5), 1.0),
        **{
            name: section.number(name)
            for name in ("reopen_minutes", "level_fall_minutes", "absent_minutes", "refresh_minutes")
        },
    )
    section.finish()
    if (
        min(
            rules.reopen_minutes, rules.level_fall_minutes, rules.absent_minutes, rules.refresh_minutes - 1e-9
        )
        < 0
    ):
        raise TableError(
            f"{section.place}: minutes must not be negative, and refresh_minutes must be above 0"
        )
    return rules


def _alert_rule(
    section: _Section, unit: str, default: AlertRule, top: float, *, inherits: bool = False
) -> AlertRule:
    def number(key: str, fallback: float) -> float:
        return section.number(key, fallback) if inherits else section.number(key)

    levels = {}
    if unit:
        levels = {name: number(f"{name}_{unit}", getattr(default, name)) for name in ("fire", "clear")}
    if unit == "probability":
        levels["horizon_minutes"] = number("horizon_minutes", default.horizon_minutes)
    rule = replace(
        default,
        **levels,
        only_unprecedented=section.flag("only_unprecedented", default.only_unprecedented),
        hold_minutes=number("hold_minutes", default.hold_minutes),
        clear_hold_minutes=number("clear_hold_minutes", default.clear_hold_minutes),
    )
    section.finish()
    if not 0 < rule.clear <= rule.fire <= top or rule.horizon_minutes <= 0:
        raise TableError(
            f"{section.place}: clear must lie above 0 and not above fire, fire not above {top:g}, a horizon above 0;"
            f" got {', '.join(f'{name} {value:g}' for name, value in levels.items())}"
        )
    if rule.hold_minutes < 0 or rule.clear_hold_minutes < 0:
        raise TableError(f"{section.place}: minutes must not be negative")
    return rule


def _check_weights(tables: RiskTables) -> None:
    weights, environment = tables.weights, tables.environment
    if not tables.signals:
        raise TableError("signals: at least one is needed")
    if (
        min(weights.current_weight, weights.predicted_weight) < 0
        or weights.current_weight + weights.predicted_weight > 1 + 1e-9
    ):
        raise TableError("score: the weights must not be negative, nor sum to more than 1")
    if not 0 <= weights.silent_score <= 100 or weights.near_minutes <= 0 or weights.minimum_cause_points < 0:
        raise TableError(
            "score: silent_score must lie within 0 and 100, near_minutes must be positive,"
            " minimum_cause_points must not be negative"
        )
    probabilities = (environment.warning_probability, environment.critical_probability)
    if not 0 <= probabilities[0] < probabilities[1] <= 1 or not 0 <= environment.high_risk_probability <= 1:
        raise TableError("environment: probabilities must lie within 0 and 1, warning below critical")
