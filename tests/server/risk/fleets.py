"""Building risk inputs: one server from named values, or a random fleet from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
import numpy.typing as npt

from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.profiles import PROFILE_INDEX, PROFILES
from argus_server.risk.scoring import RiskInputs

HORIZON = 96
STEP_SECONDS = 300


def server(
    current: Mapping[str, float] | None = None,
    quantiles: Mapping[str, npt.ArrayLike] | None = None,
    *,
    profile: str = "generic",
    silent_minutes: float | None = None,
    cores: float = np.nan,
    horizon: int = HORIZON,
) -> RiskInputs:
    """One server.

    Args:
        current: Present value by metric; the rest is not measured.
        quantiles: p10, p50, p90 by metric, [3] or [horizon, 3]; the rest is not forecast.
        profile: Name of its profile.
        silent_minutes: Minutes it has been silent; None when it is not.
        cores: Number of cores.
        horizon: Steps ahead.
    """
    now = np.full((1, len(METRICS)), np.nan, dtype=np.float32)
    for name, value in (current or {}).items():
        now[0, METRIC_INDEX[name]] = value
    bands = np.full((1, len(METRICS), horizon, 3), np.nan, dtype=np.float32)
    for name, band in (quantiles or {}).items():
        bands[0, METRIC_INDEX[name]] = band
    return RiskInputs(
        current=now,
        quantiles=bands,
        profiles=np.array([PROFILE_INDEX[profile]], dtype=np.int8),
        silent=np.array([silent_minutes is not None]),
        silent_minutes=np.array([silent_minutes or 0.0], dtype=np.float32),
        cores=np.array([cores], dtype=np.float32),
        step_seconds=STEP_SECONDS,
    )


def steady(current: Mapping[str, float], **options: object) -> RiskInputs:
    """One server whose forecast is certain to stay at the present values."""
    return server(current, {name: [value] * 3 for name, value in current.items()}, **options)  # type: ignore[arg-type]


def ramp(start: float, end: float, spread: float = 0.0, horizon: int = HORIZON) -> npt.NDArray[np.float32]:
    """Quantiles [horizon, 3] of a straight way from `start` at the origin to `end` at the horizon."""
    median = start + (end - start) * np.arange(1, horizon + 1) / horizon
    return np.stack([median - spread, median, median + spread], axis=1).astype(np.float32)


def random_fleet(seed: int, servers: int, horizon: int = HORIZON) -> RiskInputs:
    """Servers of every kind: calm and breaking, silent, with unmeasured metrics, without any."""
    rng = np.random.default_rng(seed)
    width = len(METRICS)
    current = rng.uniform(0, 100, (servers, width))
    heat = rng.choice([0.3, 0.8, 1.0], (servers, width))
    current *= heat
    for name, scale in (
        ("back_close_wait", 4.0),
        ("front_close_wait", 4.0),
        ("load_average", 0.4),
        ("uptime_days", 1.0),
    ):
        current[:, METRIC_INDEX[name]] *= scale
    steps = np.arange(1, horizon + 1)
    drift = rng.normal(0, 0.15, (servers, width, 1)) * steps
    spread = rng.choice([0.0, 0.5, 4.0], (servers, width, 1)) * steps ** rng.choice(
        [0.0, 0.5], (servers, width, 1)
    )
    median = current[:, :, None] + drift
    quantiles = np.stack([median - spread, median, median + 1.5 * spread], axis=-1).clip(0, None)
    quantiles[:, :8] = quantiles[:, :8].clip(0, 100)
    missing = rng.random((servers, width)) < 0.15
    missing[rng.random(servers) < 0.05] = True
    current[missing] = np.nan
    quantiles[missing] = np.nan
    current[rng.random((servers, width)) < 0.05] = np.nan
    past = current[:, None, :] * np.random.default_rng(seed).uniform(0.3, 1.02, (servers, 100, width))
    return RiskInputs(
        current=current.astype(np.float32),
        quantiles=quantiles.astype(np.float32),
        profiles=rng.integers(0, len(PROFILES), servers).astype(np.int8),
        silent=rng.random(servers) < 0.1,
        silent_minutes=rng.uniform(15, 3000, servers).astype(np.float32),
        cores=np.where(rng.random(servers) < 0.5, rng.integers(1, 17, servers), np.nan).astype(np.float32),
        step_seconds=STEP_SECONDS,
        past=past.astype(np.float32),
    )


def rows(inputs: RiskInputs, chosen: Sequence[int] | npt.NDArray[np.intp]) -> RiskInputs:
    """Some servers of a fleet, in the order asked for."""
    picked = {
        field.name: getattr(inputs, field.name)[chosen]
        for field in fields(inputs)
        if isinstance(getattr(inputs, field.name), np.ndarray)
    }
    return replace(inputs, **picked)
