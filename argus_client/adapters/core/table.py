"""`Table`: one table of a TOML configuration, read key by key, with errors that say where and what is allowed."""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from argus_client.adapters.core.errors import ConfigError

_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}

T = TypeVar("T")


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `90s`, `24h` or `7d`.

    Raises:
        ValueError: it is none.
    """
    if (match := _DURATION.fullmatch(text)) is None:
        raise ValueError(f"{text!r} is no duration; write a number and one of ms, s, m, h, d, w: 24h")
    return float(match[1]) * _UNIT_SECONDS[match[2]]


class Table:
    """Reads typed values; every key that is asked for is known, and `finish` refuses all others.

        table = Table(values, "source")
        uri = table.text("uri")
        page = table.integer("page_rows", 1000, minimum=1)
        table.finish()

    Args:
        values: What TOML gave.
        name: Name of the table, for errors: `source`, `source.tls`.
    """

    def __init__(self, values: Mapping[str, object], name: str) -> None:
        self._values = values
        self._name = name
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    @property
    def name(self) -> str:
        """Name of the table."""
        return self._name

    @property
    def values(self) -> Mapping[str, object]:
        """Everything in it, as TOML gave it."""
        return self._values

    def names(self) -> Sequence[str]:
        """The keys there are."""
        return list(self._values)

    def raw(self, key: str) -> object:
        """A value as TOML gave it; None when it is absent."""
        self._known.append(key)
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """Text; without a default the key is required, and empty is as good as absent."""
        value = self._read(key, default, lambda v: v if isinstance(v, str) else None, "text")
        if not value and default is None:
            raise self.error(key, "is empty; it is required")
        return value

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """One text or a list of texts."""

        def read(value: object) -> Sequence[str] | None:
            if isinstance(value, str):
                return (value,)
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return tuple(value)
            return None

        return tuple(self._read(key, default, read, "text, or a list of texts"))

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self.text(key, default)
        if value not in allowed:
            raise self.error(key, f"is {value!r}; allowed are {', '.join(map(repr, allowed))}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        return self._read(key, default, lambda v: v if isinstance(v, bool) else None, "true or false")

    def integer(
        self, key: str, default: int | None = None, *, minimum: int | None = None, maximum: int | None = None
    ) -> int:
        """A whole number within bounds, both included."""

        def read(value: object) -> int | None:
            return value if isinstance(value, int) and not isinstance(value, bool) else None

        return int(self._bounded(key, self._read(key, default, read, "a whole number"), minimum, maximum))

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
    ) -> float:
        """A number within bounds, both included."""

        def read(value: object) -> float | None:
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

        return self._bounded(key, self._read(key, default, read, "a number"), minimum, maximum)

    def seconds(self, key: str, default: float | str | None = None, *, minimum: float = 0.0) -> float:
        """A duration: a number of seconds, or text such as `24h`."""

        def read(value: object) -> float | None:
            if isinstance(value, str):
                try:
                    return parse_duration(value)
                except ValueError:
                    return None
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

        start = parse_duration(default) if isinstance(default, str) else default
        value = self._read(key, start, read, 'a number of seconds, or a duration such as "24h"')
        return self._bounded(key, value, minimum, None)

    def path(self, key: str, base_dir: Path) -> Path | None:
        """A path, relative to `base_dir`; None when it is absent or empty."""
        text = self.text(key, "")
        return base_dir / Path(text).expanduser() if text else None

    def table(self, key: str) -> Table:
        """A table inside this one; an empty one when it is absent."""
        empty: dict[str, object] = {}
        values = self._read(key, empty, lambda v: v if isinstance(v, dict) else None, "a table")
        return Table(values, f"{self._name}.{key}" if self._name else key)

    def secret(
        self,
        key: str,
        base_dir: Path,
        *,
        config_path: Path | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> str | None:
        """A password or key: from the file of `KEY_file`, the environment variable `KEY_env`, or `KEY` itself.

        Args:
            key: Name of the key.
            base_dir: Where the path of the file starts.
            config_path: The configuration file; a warning is given if others may read it and the secret is in it.
            warn: Takes the warning.

        Returns:
            The secret, None when none of the three is there.
        """
        given = [name for name in (key, f"{key}_file", f"{key}_env") if name in self]
        self._known += (key, f"{key}_file", f"{key}_env")
        if not given:
            return None
        if len(given) > 1:
            raise self.error(given[0], f"stands beside {given[1]}; keep one of them")
        name = given[0]
        value = self._values[name]
        if not isinstance(value, str) or not value:
            raise self.error(name, "must be text that is not empty")  # never shown: it may be the secret
        if name.endswith("_file"):
            path = base_dir / Path(value).expanduser()
            try:
                secret = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise self.error(name, f"names {path}, which cannot be read: {error}") from None
            if not secret:
                raise self.error(name, f"names {path}, which is empty")
            return secret
        if name.endswith("_env"):
            if not (secret := os.environ.get(value, "")):
                raise self.error(name, f"names the environment variable {value}, which is not set")
            return secret
        if config_path is not None and config_path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            warn(
                f"{config_path} holds [{self._name}] {key} and can be read by others: chmod 600 it, or use {key}_file"
            )
        return value

    def finish(self) -> None:
        """Refuses the first key that nobody has asked for.

        Raises:
            ConfigError: there is one.
        """
        for key in self._values:
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, n=1)
                hint = (
                    f"did you mean {near[0]!r}?" if near else f"allowed are {', '.join(sorted(self._known))}."
                )
                where = f"[{self._name}] has no key" if self._name else "The configuration has no table"
                raise ConfigError(f"{where} {key!r}; {hint}")

    def error(self, key: str, problem: str) -> ConfigError:
        """An error about one key."""
        return ConfigError(f"[{self._name}] {key} {problem}.")

    def _read(self, key: str, default: T | None, read: Callable[[object], T | None], kind: str) -> T:
        self._known.append(key)
        if key not in self._values:
            if default is None:
                raise ConfigError(f"[{self._name}] {key} is missing; it must be {kind}.")
            return default
        value = read(self._values[key])
        if value is None:
            raise self.error(key, f"is {shown(self._values[key])}; it must be {kind}")
        return value

    def _bounded(self, key: str, value: float, minimum: float | None, maximum: float | None) -> float:
        # Not the other way round: NaN lies within no bounds.
        inside = (minimum is None or value >= minimum) and (maximum is None or value <= maximum)
        if not inside:
            allowed = f"{minimum:g} or more" if maximum is None else f"{minimum or 0:g} to {maximum:g}"
            raise self.error(key, f"is {value:g}; allowed is {allowed}")
        return value


def shown(value: object, length: int = 60) -> str:
    """A value for an error, shortened."""
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."
