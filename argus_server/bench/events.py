"""Alarms on simulated failures: fleets that no model was trained on, forecast as the server would."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from argus_client.simulator import FleetSimulator, Label
from argus_server.evaluation.rolling import Candidate
from argus_server.evaluation.rules import NODE_MIXIN
from argus_server.evaluation.simulation import Fleets, LabelledFleet, Spacing, simulator_benchmark
from argus_server.evaluation.timelines import Failure
from argus_server.forecast import artifact
from argus_server.model_control import shipped_model
from argus_server.profiles import profile_of
from argus_server.training.corpus import History

TUNING_SEEDS: Final = (9001, 9002, 9003, 9004)
CHOOSING_SEEDS: Final = (9051, 9052)
TEST_SEEDS: Final = (9201, 9202, 9203, 9204)
"""Seeds from 9000 on are kept for this: nothing is trained on them."""

FIRST_SEED: Final = 9000

_START_MS: Final = 1_735_689_600_000  # 2025-01-01T00:00:00Z
# Several times what fleets live with, so that a short simulation has enough of every kind.
_INCIDENTS_PER_SERVER_DAY: Final = 0.15
# Servers with clean-ups, recycled memory, dropped connections and restarts: of each as many.
_LOOK_ALIKE_SHARE: Final = 0.3
_REACH_HOURS: Final = 9.0
# Signals whose thresholds a failure of each mode drives at; what crosses another one meanwhile is chance.
_SIGNALS: Final = {
    "memory_leak": ("memory", "swap"),
    "disk_fill": ("disk",),
    "cpu_runaway": ("cpu",),
    "connection_leak": ("back_close_wait", "front_close_wait"),
    "io_saturation": ("iowait",),
    "cascade": ("iowait", "back_close_wait", "front_close_wait"),
    "dead_server": ("iowait",),
}
# Silent deaths are not about thresholds: a server that stops sending raises its own alert.
_UNCOUNTED: Final = frozenset({"dead_server"})
# A failure's effects fade with a time constant of four minutes after its end.
_FADE_ROWS: Final = 4


class SeedError(ValueError):
    """Seeds that cannot be used; the message says which and why."""


def run(
    model: Path | None = None,
    *,
    servers: int = 40,
    days: float = 7.0,
    stride_minutes: float = 5.0,
    tuning_seeds: Sequence[int] = TUNING_SEEDS,
    choosing_seeds: Sequence[int] = CHOOSING_SEEDS,
    test_seeds: Sequence[int] = TEST_SEEDS,
    on_progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Recall, lead and false alarms of a model against the linear rule.

    Args:
        model: Artifact directory; the shipped one by default.
        servers: Servers of each fleet.
        days: Days of each fleet that are forecast, after the days that the model looks back.
        stride_minutes: Time between forecasts; a server makes one every 5 minutes.
        tuning_seeds: Fleets that alarms are tuned on.
        choosing_seeds: Fleets that show how many false alarms to tune them to.
        test_seeds: Fleets that they are scored on.
        on_progress: Told the share of the forecasts that are made.

    Raises:
        ArtifactError: The model cannot be loaded.
        SeedError: A seed that models may have been trained on, or one used for both.
    """
    seeds = {"tuning": tuning_seeds, "choosing": choosing_seeds, "test": test_seeds}
    _check(seeds)
    candidate = Candidate.of(artifact.load(model if model is not None else shipped_model()))
    torch.set_num_threads(1)  # barriers between cores cost more than they gain on products this small
    pipeline = candidate.pipeline
    rows_per_hour = 3600 / pipeline.step_seconds
    spacing = Spacing(
        warm_up=pipeline.context_steps,
        stride=max(1, round(stride_minutes * 60 / pipeline.step_seconds)),
        margin=round(_REACH_HOURS * rows_per_hour),
    )
    rows = spacing.warm_up + round(days * 24 * rows_per_hour) + spacing.margin
    made = {
        name: [fleet(servers, seed, rows, pipeline.step_seconds) for seed in chosen]
        for name, chosen in seeds.items()
    }
    histories = (one for group in made.values() for each in group for one in each.histories)
    total = sum(len(spacing.origins(one)) for one in histories)
    done = 0

    def advance(windows: int) -> None:
        nonlocal done
        done += windows
        if on_progress is not None:
            on_progress(done / total)

    result = simulator_benchmark(candidate, Fleets(**made), spacing, on_windows=advance)
    return {
        "servers_per_fleet": servers,
        "days": days,
        "incidents_per_server_day": _INCIDENTS_PER_SERVER_DAY,
        "look_alike_share": _LOOK_ALIKE_SHARE,
        "stride_minutes": spacing.stride * pipeline.step_seconds / 60.0,
        "seeds": {name: list(chosen) for name, chosen in seeds.items()},
        **result,
    }


def lines(result: dict[str, Any]) -> list[str]:
    """What people read: the model's alarms and the rules', overall and by kind, and by fleet."""
    told = [
        f"{result['alarms']['events']} threshold crossings of known failures on seeds {result['seeds']['test']}, "
        f"{result['alarms']['server_weeks']:.1f} server-weeks, a forecast every {result['stride_minutes']:g} min"
    ]
    for name in ("alarms", "alarms_as_served", "linear_rule_tuned", *NODE_MIXIN):
        row = result[name]
        told.append(f"{name:17} {_told(row)}")
        kinds = (f"{kind} {one['announced']}/{one['events']}" for kind, one in row["by_kind"].items())
        told.append(f"{'':17} {', '.join(kinds)}")
    for fleet_name, of_fleet in result["by_fleet"].items():
        told += [f"{fleet_name} {name:17} {_told(row)}" for name, row in of_fleet.items()]
    for name in ("30min", "8h"):
        row = result["probabilities"].get(name, {}).get("environment")
        if row is not None and row["samples"]:
            told.append(
                f"any of {row['fleet_servers']} servers within {name}: Brier {_number(row['brier'], 3)}, "
                f"skill {_number(row['skill'], 2)}, calibration error {_number(row['ece'], 3)}"
            )
    return told


def _told(row: Mapping[str, Any]) -> str:
    return (
        f"recall {_number(row['recall'], 2)}  "
        f"median lead {_number(row['median_lead_minutes'], 0)} min  "
        f"false alarms {_number(row['false_alarms_per_server_month'], 2)} per server-month"
    )


def _check(seeds: Mapping[str, Sequence[int]]) -> None:
    low = [seed for chosen in seeds.values() for seed in chosen if seed < FIRST_SEED]
    if low:
        raise SeedError(f"seeds must be at least {FIRST_SEED}, got {low}: models are trained on lower ones")
    for (one, first), (other, second) in itertools.combinations(seeds.items(), 2):
        both = sorted(set(first) & set(second))
        if both:
            raise SeedError(f"seeds {both} are given for {one} and for {other}; use different ones")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def fleet(servers: int, seed: int, rows: int, step_seconds: int) -> LabelledFleet:
    """A simulated fleet of so many rows, and what fails in it."""
    simulator = FleetSimulator(
        servers,
        seed,
        step_seconds=step_seconds,
        start_ms=_START_MS,
        incidents_per_server_day=_INCIDENTS_PER_SERVER_DAY,
        look_alike_share=_LOOK_ALIKE_SHARE,
    )
    chunk = simulator.generate(rows)
    names = [str(name) for name in chunk.server_name]
    histories = [
        History(name, f"seed{seed}", profile_of(name), int(chunk.timestamp_ms[0]), step_seconds, values, rows)
        for name, values in zip(names, chunk.metrics, strict=True)
    ]
    failures: dict[str, list[Failure]] = {}
    for label in sorted(simulator.labels, key=lambda one: one.onset_ms):
        failures.setdefault(label.server_name, []).append(_failure(label, chunk.timestamp_ms))
    return LabelledFleet(histories, failures)


def _failure(label: Label, stamps: np.ndarray[Any, np.dtype[np.int64]]) -> Failure:
    """A label in rows; a row is stamped with the end of the time it was measured over."""
    end_ms = np.inf if label.end_ms is None else label.end_ms
    return Failure(
        first=int(np.searchsorted(stamps, label.onset_ms)),
        fails=None if label.failure_ms is None else int(np.searchsorted(stamps, label.failure_ms)),
        end=int(np.searchsorted(stamps, end_ms)) + _FADE_ROWS,
        kind=label.mode,
        signals=_SIGNALS[label.mode],
        counts=label.mode not in _UNCOUNTED,
    )
