"""`evaluate`: models and baselines scored on the same steps of the same servers; forecasts of one server at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus_server.evaluation import baselines as simple
from argus_server.evaluation import rolling
from argus_server.evaluation.baselines import Baseline, Task
from argus_server.evaluation.clusters import clusters, halves
from argus_server.evaluation.events import EventBoard
from argus_server.evaluation.protocol import HEADLINE, SCORED, EvaluationError, Protocol, targets
from argus_server.evaluation.rolling import Candidate, ServerForecasts
from argus_server.evaluation.scores import Mask, Scoreboard, Series, Table, score
from argus_server.evaluation.statistical import STATISTICAL, Statistical
from argus_server.evaluation.summary import (
    GROUPS,
    HEADLINE_ONLY,
    accuracy,
    coverages,
    figure,
    summary,
    worse_servers,
)
from argus_server.metrics import METRICS
from argus_server.training.corpus import History

REFERENCE: Final = "seasonal_naive"
"""The baseline that ratios and shares refer to; it is always scored."""

# Time that a baseline takes, in forecasts of a model.
_FAST_WEIGHT: Final = 0.2
_SLOW_WEIGHT: Final = 40.0


@dataclass(frozen=True, slots=True)
class Scored:
    """A server that was scored.

    Attributes:
        history: Its history.
        candidate: The model it was scored with.
        seen: Whether that model's training saw the server.
        origins: How many forecasts were made.
    """

    history: History
    candidate: Candidate
    seen: bool
    origins: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured.

    Attributes:
        protocol: How forecasts were made.
        scored: The servers, in the order of the tables' rows.
        too_short: Servers whose test part has no origin.
        left_out: Servers that every model has seen and that were left out.
        model: Scores of the models, as they are served.
        uncalibrated: Scores of the models before their bands are calibrated.
        baselines: Scores of each baseline on the same steps.
        partial: Scores of the models on the steps of those baselines that did not forecast all of the headline
            metrics.
        events: Scores of threshold events.
        fits: How the fits of those baselines went that are fitted.
        seconds: How long it took.
    """

    protocol: Protocol
    scored: tuple[Scored, ...]
    too_short: tuple[str, ...]
    left_out: tuple[str, ...]
    model: Table
    uncalibrated: Table
    baselines: Mapping[str, Table]
    partial: Mapping[str, Table]
    events: Mapping[str, Any]
    fits: Mapping[str, Mapping[str, Any]]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """All figures, overall and, when there are several, by data file."""
        everything = np.ones(len(self.scored), dtype=bool)
        sources = np.array([one.history.source for one in self.scored])
        names = sorted(set(sources.tolist()))
        result = {
            "protocol": self.protocol.to_json(),
            "models": self._models(),
            "seconds": round(self.seconds, 1),
            "servers_too_short": list(self.too_short),
            "servers_left_out_as_seen": list(self.left_out),
            **self._figures(everything),
            "events": dict(self.events),
        }
        if len(names) > 1:
            result["datasets"] = {name: self._figures(sources == name) for name in names}
        return result

    def _models(self) -> list[dict[str, Any]]:
        counts: dict[str, int] = {}
        for one in self.scored:
            counts[one.candidate.revision] = counts.get(one.candidate.revision, 0) + 1
        return [{"revision": revision, "servers": count} for revision, count in counts.items()]

    def _figures(self, rows: Mask) -> dict[str, Any]:
        """Figures of the chosen servers, mask [servers]."""
        model, uncalibrated = self.model.of(rows), self.uncalibrated.of(rows)
        baselines = {name: table.of(rows) for name, table in self.baselines.items()}
        naive = baselines[REFERENCE]
        chosen = [one for one, wanted in zip(self.scored, rows.tolist(), strict=True) if wanted]
        result = {
            "servers": list(model.servers),
            "servers_seen_in_training": [one.history.name for one in chosen if one.seen],
            "series": int(model.present()[:, SCORED].sum()),
            "origins": sum(one.origins for one in chosen),
            "horizon_steps": self.protocol.horizon,
            **summary(model, self.protocol, naive),
            "without_band_calibration": {**accuracy(uncalibrated), **coverages(uncalibrated)},
            "worse_servers": [
                name
                for name, worse in zip(model.servers, worse_servers(model, naive).tolist(), strict=True)
                if worse
            ],
            "baselines": {name: self._baseline(name, table, rows) for name, table in baselines.items()},
        }
        for name, row in result["per_metric"].items():
            for baseline, table in baselines.items():
                row[f"{baseline}_wql"] = figure(float(table.wql()[METRICS.index(name)]))
        return result

    def _baseline(self, name: str, table: Table, rows: Mask) -> dict[str, Any]:
        groups = HEADLINE_ONLY if name in STATISTICAL else GROUPS
        figures: dict[str, Any] = {**accuracy(table, groups), **coverages(table, groups)}
        if name in self.partial:
            figures["model_on_the_same_steps"] = accuracy(self.partial[name].of(rows), groups)
        return {**figures, **self.fits.get(name, {})}


def evaluate(
    candidates: Sequence[Candidate],
    histories: Sequence[History],
    *,
    protocol: Protocol | None = None,
    baselines: Mapping[str, Baseline] | None = None,
    unseen_only: bool = False,
    event_stride: int = 1,
    on_progress: Callable[[float], None] | None = None,
) -> Report:
    """Score models against baselines.

    Each server is scored with the first model whose training did not see it; a server that all of them have
    seen with the first one. So the models of a leave-cluster-out can be given together.

    Args:
        candidates: The models.
        histories: The servers.
        protocol: Where to forecast; by default what the models were made for.
        baselines: More baselines by name; seasonal naive and last value are always there.
        unseen_only: Leave servers out that every model has seen.
        event_stride: Steps between the forecasts that probabilities and alarms are judged at. A server looks at
            every step; 1 does the same.
        on_progress: Told the share of the work that is done.

    Raises:
        EvaluationError: Nothing can be scored.
    """
    started = time.perf_counter()
    protocol = protocol if protocol is not None else rolling.protocol_of(candidates)
    chosen = {**simple.named(simple.ALWAYS), **(baselines or {})}
    scored, too_short, left_out = _plan(candidates, histories, protocol, unseen_only)
    if not scored:
        raise EvaluationError(_nothing(histories, protocol, too_short, left_out))
    event_origins = [protocol.event_origins(one.history, event_stride) for one in scored]
    work = _Work(on_progress)
    boards = _Boards(protocol, chosen, work)
    work.total = sum(one.origins for one in scored) * boards.weight + sum(map(len, event_origins))
    for one, closely in zip(scored, event_origins, strict=True):
        origins = protocol.origins(one.history)
        boards.add(rolling.forecasts(one.candidate, one.history, origins), protocol.boundary(one.history))
        boards.events.add(
            rolling.closely_spaced(one.candidate, one.history, closely),
            calibrator=one.candidate.calibrator,
            fleet=one.history.source,
        )
        work.advance(len(closely))
    model = boards.model.table()
    if not model.present()[:, SCORED].any():
        raise EvaluationError(
            "no forecast can be compared with anything: the test part shares no metric with the rows before it"
        )
    return Report(
        protocol=protocol,
        scored=tuple(scored),
        too_short=tuple(too_short),
        left_out=tuple(left_out),
        model=model,
        uncalibrated=boards.uncalibrated.table(),
        baselines={name: board.table() for name, board in boards.baselines.items()},
        partial={name: boards.partial[name].table() for name in sorted(boards.incomplete)},
        events=boards.events.to_json(halves(clusters([one.history for one in scored]))),
        fits={name: one.notes() for name, one in chosen.items() if isinstance(one, Statistical)},
        seconds=time.perf_counter() - started,
    )


def _plan(
    candidates: Sequence[Candidate], histories: Sequence[History], protocol: Protocol, unseen_only: bool
) -> tuple[list[Scored], list[str], list[str]]:
    """Servers to score, servers whose test part is too short, and servers left out as seen."""
    scored: list[Scored] = []
    too_short: list[str] = []
    left_out: list[str] = []
    for history in histories:
        candidate, seen = rolling.choose(candidates, history.name)
        origins = len(protocol.origins(history))
        if not origins:
            too_short.append(history.name)
        elif seen and unseen_only:
            left_out.append(history.name)
        else:
            scored.append(Scored(history, candidate, seen, origins))
    return scored, too_short, left_out


def _nothing(
    histories: Sequence[History], protocol: Protocol, too_short: Sequence[str], left_out: Sequence[str]
) -> str:
    if left_out:
        return (
            f"every model was trained with servers of the names of all {len(left_out)} servers with a test part; "
            "leave out --unseen-only if they are others, or give a model that was trained without them"
        )
    if not too_short:
        return "there is no server to score"
    longest = max(len(history.values) - protocol.boundary(history) for history in histories)
    return (
        f"the test part is too short on all {len(too_short)} servers: {protocol.season + protocol.horizon} "
        f"steps of {protocol.step_seconds} s are needed, the longest has {longest}"
    )


class _Work:
    """How much of all that has to be done is done; a forecast of a model is the unit."""

    def __init__(self, on_progress: Callable[[float], None] | None) -> None:
        self.total = 1.0
        self._on_progress = on_progress
        self._done = 0.0

    def advance(self, work: float) -> None:
        self._done += work
        if self._on_progress is not None:
            self._on_progress(self._done / self.total)


class _Boards:
    """Scoreboards of the models and of all baselines, filled server by server."""

    def __init__(self, protocol: Protocol, baselines: Mapping[str, Baseline], work: _Work) -> None:
        self.model = Scoreboard()
        self.uncalibrated = Scoreboard()
        self.baselines = {name: Scoreboard() for name in baselines}
        self.partial = {name: Scoreboard() for name in baselines}
        self.incomplete: set[str] = set()
        self.events = EventBoard()
        self._protocol = protocol
        self._forecasters = baselines
        self._weights = {name: _SLOW_WEIGHT if name in STATISTICAL else _FAST_WEIGHT for name in baselines}
        self._work = work

    @property
    def weight(self) -> float:
        """Work of one origin with all forecasters."""
        return 1.0 + sum(self._weights.values())

    def add(self, forecasts: ServerForecasts, boundary: int) -> None:
        """Score a server's forecasts, and make and score the baselines' on the same steps."""
        protocol, name = self._protocol, forecasts.name
        series = Series.of(forecasts.values, boundary, protocol.season)
        actual = np.full(forecasts.quantiles.shape[:3], np.nan, dtype=np.float32)
        found = targets(forecasts.values, forecasts.origins, protocol.horizon)
        actual[:, SCORED] = found[:, SCORED]
        actual[np.isnan(forecasts.quantiles).any(axis=-1)] = np.nan
        sums = score(actual, forecasts.quantiles)
        self.model.add(name, series, sums)
        self.uncalibrated.add(name, series, score(actual, forecasts.uncalibrated))
        self._work.advance(len(forecasts.origins))
        task = Task(
            forecasts.values, forecasts.origins, protocol.horizon, protocol.season, protocol.step_seconds
        )
        for baseline, forecaster in self._forecasters.items():
            quantiles = forecaster(task)
            theirs = score(actual, quantiles)
            self.baselines[baseline].add(name, series, theirs)
            ours = sums
            if not np.array_equal(theirs.count[HEADLINE], sums.count[HEADLINE]):
                self.incomplete.add(baseline)
                ours = score(np.where(np.isnan(quantiles).any(axis=-1), np.nan, actual), forecasts.quantiles)
            self.partial[baseline].add(name, series, ours)
            self._work.advance(len(forecasts.origins) * self._weights[baseline])
