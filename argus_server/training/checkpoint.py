"""Checkpoints of a running training, from which it goes on exactly as if it had never stopped.

    DIR/round-000012/state.safetensors   weights, averaged weights, best weights, moments of the optimiser
    DIR/round-000012/state.json          counters, losses, early stopping, and what is being trained on what

A checkpoint is written to disk beside the last one and then moved into place, so that a kill or a power cut at any
moment leaves a whole one.
No random state is in it: every round starts from its own seed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor

_TENSORS: Final = "state.safetensors"
_FACTS: Final = "state.json"
_PREFIX: Final = "round-"
_STAGING: Final = ".staging-"
_NAME: Final = re.compile(rf"{_PREFIX}\d{{6,}}|{re.escape(_STAGING)}.+")
_FORMAT: Final = 2
# Differences between two trainings that are named, and characters of a value.
_MOST_NAMED: Final = 3
_LONGEST_SHOWN: Final = 60
_GROUPS: Final = ("model", "averaged", "best")
_MOMENTS: Final = ("step", "exp_avg", "exp_avg_sq")


class CheckpointError(ValueError):
    """A checkpoint that cannot be gone on from; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything that a training knows at the end of a round.

    Attributes:
        rounds_done: Rounds finished.
        steps_done: Optimiser steps done.
        seconds: Time they took.
        model: Weights.
        averaged: Averaged weights.
        best: Best averaged weights, empty before the first validation.
        best_loss: Their validation loss.
        best_round: Round they are from.
        moments: State of AdamW by parameter: step, first and second moment.
        history: Losses of each round.
        stopping: State of early stopping.
    """

    rounds_done: int
    steps_done: int
    seconds: float
    model: Mapping[str, Tensor]
    averaged: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    best_loss: float
    best_round: int
    moments: Mapping[int, Mapping[str, Tensor]]
    history: list[dict[str, float]]
    stopping: dict[str, Any]


def prepare(directory: Path) -> None:
    """See that checkpoints can be written to a directory, which is made if it is not there.

    Raises:
        CheckpointError: They cannot, or something in it bears the name of a checkpoint and is none.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=directory):
            pass
    except OSError as error:
        raise CheckpointError(f"{directory} cannot be written ({error}): choose another directory") from error
    ours = _found(directory)
    for path in sorted(directory.iterdir()):
        if _NAME.fullmatch(path.name) and path not in ours:
            raise CheckpointError(
                f"{path} is no checkpoint, and would be in the way of one: choose another directory"
            )
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=directory):
        pass


def save(directory: Path, state: TrainingState, fingerprint: Mapping[str, Any]) -> Path:
    """Write a checkpoint and remove older ones.

    Args:
        directory: Where checkpoints are; made if it is not there.
        state: The training.
        fingerprint: JSON-ready facts that must be the same when it is gone on with: settings, data, schema.
    """
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{group}.{name}": tensor.detach().cpu().contiguous()
        for group in _GROUPS
        for name, tensor in getattr(state, group).items()
    }
    for index, moments in state.moments.items():
        tensors.update({f"moments.{index}.{key}": moments[key].cpu().contiguous() for key in _MOMENTS})
    facts = {
        "format_version": _FORMAT,
        "rounds_done": state.rounds_done,
        "steps_done": state.steps_done,
        "seconds": state.seconds,
        "best_loss": state.best_loss,
        "best_round": state.best_round,
        "history": state.history,
        "stopping": state.stopping,
        "fingerprint": dict(fingerprint),
    }
    target = directory / f"{_PREFIX}{state.rounds_done:06d}"
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=directory))
    safetensors.torch.save_file(tensors, staging / _TENSORS)
    (staging / _FACTS).write_text(json.dumps(facts, indent=2), encoding="utf-8")
    for path in (staging / _TENSORS, staging / _FACTS, staging):
        _sync(path)
    if target.exists():
        shutil.rmtree(target)
    os.replace(staging, target)
    _sync(directory)
    for other in _found(directory):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    return target


def _found(directory: Path) -> list[Path]:
    """Checkpoints of a directory, whole or not, by age; what holds anything else is somebody's and left alone."""
    return sorted(
        path
        for path in directory.iterdir()
        if _NAME.fullmatch(path.name)
        and path.is_dir()
        and {file.name for file in path.iterdir()} <= {_TENSORS, _FACTS}
    )


def load(directory: Path, fingerprint: Mapping[str, Any]) -> TrainingState | None:
    """The newest checkpoint of a directory; None where there is none.

    Raises:
        CheckpointError: It is damaged, or was made with other settings or data.
    """
    found = _found(directory) if directory.is_dir() else []
    found = [path for path in found if path.name.startswith(_PREFIX)]
    if not found:
        return None
    path = found[-1]
    try:
        facts = json.loads((path / _FACTS).read_text(encoding="utf-8"))
        tensors = safetensors.torch.load_file(path / _TENSORS)
        if facts["format_version"] != _FORMAT:
            raise ValueError(f"format_version is {facts['format_version']!r}, expected {_FORMAT}")
        _check(path, facts["fingerprint"], fingerprint)
        groups: dict[str, dict[str, Tensor]] = {group: {} for group in _GROUPS}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            group, _, name = key.partition(".")
            if group == "moments":
                index, _, moment = name.partition(".")
                moments.setdefault(int(index), {})[moment] = tensor
            else:
                groups[group][name] = tensor
        return TrainingState(
            rounds_done=int(facts["rounds_done"]),
            steps_done=int(facts["steps_done"]),
            seconds=float(facts["seconds"]),
            best_loss=float(facts["best_loss"]),
            best_round=int(facts["best_round"]),
            moments=moments,
            history=list(facts["history"]),
            stopping=dict(facts["stopping"]),
            **groups,
        )
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({type(error).__name__}: {error}); remove it to start afresh"
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(path: Path, made_with: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Compare as JSON, so that tuples and lists are the same."""
    different = list(_differences(made_with, json.loads(json.dumps(wanted))))
    if different:
        more = f" and {len(different) - _MOST_NAMED} more" if len(different) > _MOST_NAMED else ""
        raise CheckpointError(
            f"{path} was made with another {', '.join(different[:_MOST_NAMED])}{more}; give what it was made with, "
            "or another --checkpoint directory to start afresh"
        )


def _differences(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """Names of what differs, a dot before each level down, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (was, is_) in enumerate(zip(before, now, strict=True), start=1):
            yield from _differences(was, is_, f"{name}[{number}]")
    elif before != now:
        yield f"{name} ({_short(before)}, now {_short(now)})"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def moments_of(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """State of an AdamW by number of the parameter."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return state
