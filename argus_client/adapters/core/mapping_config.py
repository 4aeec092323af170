"""`MappingConfig`: which field of a source becomes which column of the contract, as the configuration says it."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.table import Table, shown
from argus_client.samples import METRICS, STATES

UNITS: Final = ("auto", "s", "ms", "us", "ns")

DEFAULT_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {state: state for state in STATES}
    | dict.fromkeys(("ok", "good", "up", "normal"), "healthy")
    | dict.fromkeys(("warning", "warn", "high_load"), "heavy_load")
    | dict.fromkeys(("critical", "error", "alert"), "critical_issue")
    | dict.fromkeys(("down", "unreachable"), "offline")
    | {"maint*": "maintenance", "low": "idle", "peak": "morning_spike"}
    | dict.fromkeys(("recovering", "starting"), "recovery")
)
"""What other systems call the states; `*` at the end stands for anything."""


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """One field a column may come from.

    Attributes:
        name: The field, dotted where it is nested.
        scale: What its values are multiplied by: 100 makes a percentage of a ratio.
    """

    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Where a metric comes from.

    Attributes:
        choices: The fields to look at, in this order; the first that has a value wins, row by row.
        default: The value where none has one, unscaled; NaN says "not measured".
    """

    choices: tuple[FieldChoice, ...]
    default: float = math.nan


@dataclass(frozen=True, slots=True)
class NameRule:
    """Rewrites server names: every match of `pattern` becomes `replacement`."""

    pattern: re.Pattern[str]
    replacement: str


def _identity() -> Mapping[str, ColumnMapping]:
    return {metric: ColumnMapping((FieldChoice(metric),)) for metric in METRICS}


@dataclass(frozen=True, slots=True)
class MappingConfig:
    """The `[mapping]` table. As it stands it maps the contract's own names onto themselves.

    Attributes:
        timestamp: Fields of the time, the first that has a value wins.
        timestamp_unit: What a number counts: s, ms, us or ns since 1970; `auto` tells it by its size.
        server_name: Fields of the server's name.
        state: Fields of its state.
        columns: By contract metric; a metric that is absent is never measured.
        states: Lower-case name of a state in the source, with `*` at its end for any rest, to a contract state.
        names: Rules that rewrite server names, one after the other.
        derive_idle: cpu_idle_pct is 100 - user - sys - iowait where it is not measured and these are.
    """

    timestamp: tuple[str, ...] = ("timestamp",)
    timestamp_unit: str = "auto"
    server_name: tuple[str, ...] = ("server_name",)
    state: tuple[str, ...] = ("state",)
    columns: Mapping[str, ColumnMapping] = field(default_factory=_identity)
    states: Mapping[str, str] = field(default_factory=lambda: DEFAULT_STATES)
    names: tuple[NameRule, ...] = ()
    derive_idle: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is looked at, each once."""
        metrics = (choice.name for column in self.columns.values() for choice in column.choices)
        return tuple(dict.fromkeys((*self.timestamp, *self.server_name, *self.state, *metrics)))

    @staticmethod
    def from_table(
        values: Mapping[str, object], presets: Mapping[str, str] | None = None, preset: str = ""
    ) -> MappingConfig:
        """Reads the `[mapping]` table on top of its preset.

        Args:
            values: The table.
            presets: TOML text of the presets there are, by name.
            preset: The one that holds when the table names none; empty is that of the contract's own names.

        Raises:
            ConfigError: a key, column, state or rule is wrong.
        """
        known = {"contract": "", **(presets or {})}
        table = Table(values, "mapping")
        name = table.choice("preset", sorted(known), preset or "contract")
        base = _read(Table(_parsed(name, known[name]), f"preset {name}"), MappingConfig())
        return _read(table, base)


def _parsed(name: str, text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The preset {name!r} is no TOML: {error}.") from None


def _read(table: Table, base: MappingConfig) -> MappingConfig:
    """What the table says, and of `base` what it does not say."""
    config = MappingConfig(
        timestamp=_fields(table, "timestamp", base.timestamp),
        timestamp_unit=table.choice("timestamp_unit", UNITS, base.timestamp_unit),
        server_name=_fields(table, "server_name", base.server_name),
        state=table.texts("state", base.state),
        columns={**base.columns, **_columns(table.table("columns"))},
        states={**base.states, **_states(table.table("states"))},
        names=_names(table, base.names),
        derive_idle=table.flag("derive_idle", base.derive_idle),
    )
    table.finish()
    return config


def _fields(table: Table, key: str, default: Sequence[str]) -> tuple[str, ...]:
    names = table.texts(key, default)
    if not names or not all(names):
        raise table.error(key, "names no field; every row needs one")
    return names


def _columns(table: Table) -> Mapping[str, ColumnMapping]:
    for key in table.names():
        if key not in METRICS:
            near = difflib.get_close_matches(key, METRICS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"they are {', '.join(METRICS)}."
            raise ConfigError(f"[{table.name}] {key} is no metric of the contract; {hint}")
    return {key: _column(table, key, table.raw(key)) for key in table.names()}


def _column(table: Table, key: str, value: object) -> ColumnMapping:
    """A field, a list of fields, or `{ field = ..., scale = ..., default = ... }`, also inside a list."""
    if isinstance(value, dict) and "default" in value:
        inner = Table(value, f"{table.name}.{key}")
        default = inner.number("default")
        return ColumnMapping(
            _choices(table, key, {k: v for k, v in value.items() if k != "default"}), default
        )
    return ColumnMapping(_choices(table, key, value))


def _choices(table: Table, key: str, value: object) -> tuple[FieldChoice, ...]:
    if isinstance(value, str) and value:
        return (FieldChoice(value),)
    if isinstance(value, list):
        return tuple(choice for item in value for choice in _choices(table, key, item))
    if isinstance(value, dict):
        inner = Table(value, f"{table.name}.{key}")
        scale = inner.number("scale", 1.0)
        fields = inner.texts("field", ())
        inner.finish()
        if not math.isfinite(scale):
            raise inner.error("scale", f"is {scale}; it must be finite")
        return tuple(FieldChoice(name, scale) for name in fields)
    raise table.error(key, f'is {shown(value)}; it must be a field, a list of fields or {{ field = "..." }}')


def _states(table: Table) -> Mapping[str, str]:
    states: dict[str, str] = {}
    for key in table.names():
        state = table.text(key, "")
        if state not in STATES:
            raise table.error(key, f"is {state!r}; the states are {', '.join(STATES)}")
        states[key.lower()] = state
    return states


def _names(table: Table, base: tuple[NameRule, ...]) -> tuple[NameRule, ...]:
    value: Any = table.raw("names")
    if value is None:
        return base
    if not isinstance(value, list):
        raise table.error(
            "names", f"is {shown(value)}; it must be a list of {{ match = ..., replace = ... }}"
        )
    rules = []
    for item in value:
        if not isinstance(item, dict):
            raise table.error("names", f"holds {shown(item)}; a rule is {{ match = ..., replace = ... }}")
        rule = Table(item, "mapping.names")
        pattern, replacement = rule.text("match"), rule.text("replace", "")
        rule.finish()
        try:
            compiled = re.compile(pattern)
            compiled.sub(replacement, "")
        except re.error as error:
            raise rule.error("match", f"is {pattern!r} with replace {replacement!r}: {error}") from None
        rules.append(NameRule(compiled, replacement))
    return tuple(rules)
