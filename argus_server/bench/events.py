"""Alarms on simulated failures: fleets that no model was trained on, forecast as the server would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from argus_client.simulator import FleetSimulator, Label
from argus_server.evaluation.events import RULES, Failure
from argus_server.evaluation.rolling import Candidate
from argus_server.evaluation.simulation import LabelledFleet, Spacing, simulator_benchmark
from argus_server.forecast import artifact
from argus_server.model_control import shipped_model
from argus_server.profiles import profile_of
from argus_server.training.corpus import History

TUNING_SEEDS: Final = (9001, 9002)
TEST_SEEDS: Final = (9101, 9102)
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
    stride_minutes: float = 30.0,
    tuning_seeds: Sequence[int] = TUNING_SEEDS,
    test_seeds: Sequence[int] = TEST_SEEDS,
    on_progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Recall, lead and false alarms of a model against the linear rule.

    Args:
        model: Artifact directory; the shipped one by default.
        servers: Servers of each fleet.
        days: Days of each fleet that are forecast, after the days that the model looks back.
        stride_minutes: Time between forecasts.
        tuning_seeds: Fleets that the alarm policy is chosen on.
        test_seeds: Fleets that it is scored on.
        on_progress: Told the share of the forecasts that are made.

    Raises:
        ArtifactError: The model cannot be loaded.
        SeedError: A seed that models may have been trained on, or one used for both.
    """
    low = [seed for seed in (*tuning_seeds, *test_seeds) if seed < FIRST_SEED]
    if low:
        raise SeedError(f"seeds must be at least {FIRST_SEED}, got {low}: models are trained on lower ones")
    both = sorted(set(tuning_seeds) & set(test_seeds))
    if both:
        raise SeedError(f"seeds {both} are given for tuning and for the test; use different ones")
    candidate = Candidate.of(artifact.load(model if model is not None else shipped_model()))
    torch.set_num_threads(1)  # barriers between cores cost more than they gain on products this small
    schema = candidate.pipeline
    rows_per_hour = 3600 / schema.step_seconds
    spacing = Spacing(
        warm_up=schema.context_steps,
        stride=max(1, round(stride_minutes * 60 / schema.step_seconds)),
        margin=round(_REACH_HOURS * rows_per_hour),
    )
    rows = spacing.warm_up + round(days * 24 * rows_per_hour) + spacing.margin
    tuning, test = (
        [fleet(servers, seed, rows, schema.step_seconds) for seed in seeds]
        for seeds in (tuning_seeds, test_seeds)
    )
    total = sum(len(spacing.origins(one)) for group in (*tuning, *test) for one in group.histories)
    done = 0

    def advance(windows: int) -> None:
        nonlocal done
        done += windows
        if on_progress is not None:
            on_progress(done / total)

    result = simulator_benchmark(candidate, tuning, test, spacing, on_windows=advance)
    return {
        "servers_per_fleet": servers,
        "days": days,
        "incidents_per_server_day": _INCIDENTS_PER_SERVER_DAY,
        "look_alike_share": _LOOK_ALIKE_SHARE,
        "tuning_seeds": list(tuning_seeds),
        "test_seeds": list(test_seeds),
        **result,
    }


def lines(result: dict[str, Any]) -> list[str]:
    """What people read: the model's alarms and the rules', overall and by kind."""
    rows = [("model", result["alarms"])]
    rows += [(name, result[name]) for name in (*RULES, "node_mixin_tuned")]
    told = [
        f"{result['alarms']['events']} threshold crossings of known failures on seeds {result['test_seeds']}, "
        f"{result['alarms']['server_weeks']:.1f} server-weeks, a forecast every {result['stride_minutes']:g} min"
    ]
    for name, row in rows:
        told.append(
            f"{name:16} recall {_number(row['recall'], 2)}  "
            f"median lead {_number(row['median_lead_minutes'], 0)} min  "
            f"false alarms {_number(row['false_alarms_per_server_month'], 2)} per server-month"
        )
        kinds = (f"{kind} {one['announced']}/{one['events']}" for kind, one in row["by_kind"].items())
        told.append(f"{'':16} {', '.join(kinds)}")
    return told


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
