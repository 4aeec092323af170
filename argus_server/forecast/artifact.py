"""Model artifacts: a directory of safetensors and JSON, checked before a single forecast comes from it.

    model.safetensors          float32 weights
    config.json                hyper-parameters, feature schema, scaling, versions, SHA-256 of the weights
    training_info.json         data hashes, settings, losses, time
    server_mapping.json        how server identity is encoded (not at all: any server can be forecast)
    data_contract_version.txt  version of the metrics contract
    metrics.json               its evaluation on servers it never saw
    calibration.json           how its crossing probabilities are corrected (may be missing)
    MODEL_CARD.md              what it is, in words

Nothing in it is executable: no pickle is read or written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors
import safetensors.torch
import torch

from argus_server.contract import CONTRACT_VERSION
from argus_server.forecast import artifact_directory, feature_config
from argus_server.forecast.feature_config import Schema
from argus_server.forecast.features import FeatureSchema
from argus_server.forecast.pipeline import PatchPipeline, Pipeline
from argus_server.forecast.tft import TemporalFusionTransformer, TFTConfig
from argus_server.metrics import METRICS
from argus_server.risk.calibration import CalibrationError, Calibrator

WEIGHTS_FILE: Final = "model.safetensors"
CONFIG_FILE: Final = "config.json"
TRAINING_FILE: Final = "training_info.json"
MAPPING_FILE: Final = "server_mapping.json"
CONTRACT_FILE: Final = "data_contract_version.txt"
METRICS_FILE: Final = "metrics.json"
CARD_FILE: Final = "MODEL_CARD.md"
# Not every artifact has one.
CALIBRATION_FILE: Final = "calibration.json"
FILES: Final = (
    WEIGHTS_FILE,
    CONFIG_FILE,
    TRAINING_FILE,
    MAPPING_FILE,
    CONTRACT_FILE,
    METRICS_FILE,
    CARD_FILE,
)
# Fewer observed steps than this (two hours) and a server gets the fallback forecast.
DEFAULT_MIN_ENCODER_STEPS: Final = 24


class ArtifactReason(StrEnum):
    """Why an artifact was refused."""

    MISSING_FILE = "missing_file"
    OUTSIDE_ROOTS = "outside_roots"
    BAD_CONFIG = "bad_config"
    CONTRACT_MISMATCH = "contract_mismatch"
    STEP_MISMATCH = "step_mismatch"
    WINDOW_TOO_SHORT = "window_too_short"
    WEIGHTS_MISMATCH = "weights_mismatch"
    CORRUPT_WEIGHTS = "corrupt_weights"
    SMOKE_TEST_FAILED = "smoke_test_failed"
    OTHER_FEATURES = "other_features"


class ArtifactError(Exception):
    """An artifact that must not be served.

    Attributes:
        reason: What kind of defect it is.
        message: What was found, what is expected, and where.
    """

    def __init__(self, reason: ArtifactReason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that passed every check.

    Attributes:
        pipeline: The network, in eval mode, on the CPU, with the way into it and out of it.
        name: Its name.
        revision: Name and the first 12 hex digits of the weights' SHA-256.
        min_encoder_steps: Observed steps a server needs for a model forecast.
        path: Where it was read from.
        config: The whole of config.json.
        metrics: The whole of metrics.json.
        training_info: The whole of training_info.json.
        calibrator: Corrects crossing probabilities; None when the artifact has no calibration.json.
    """

    pipeline: Pipeline
    name: str
    revision: str
    min_encoder_steps: int
    path: Path
    config: Mapping[str, Any] = field(repr=False)
    metrics: Mapping[str, Any] = field(repr=False)
    training_info: Mapping[str, Any] = field(repr=False)
    calibrator: Calibrator | None = None

    @property
    def module(self) -> TemporalFusionTransformer:
        """The network, in eval mode."""
        return self.pipeline.module

    @property
    def schema(self) -> FeatureSchema:
        """The feature schema of one of Argus' own models.

        Raises:
            ArtifactError: It is an imported model, which has other features.
        """
        if not isinstance(self.pipeline, PatchPipeline):
            raise ArtifactError(
                ArtifactReason.OTHER_FEATURES,
                f"{self.path} is an imported model with features of its own; "
                "here only a model of Argus' own can be used",
            )
        return self.pipeline.schema


@dataclass(frozen=True, slots=True)
class ArtifactContent:
    """What `save` writes besides the weights' own description."""

    module: TemporalFusionTransformer
    schema: Schema
    name: str
    training_info: Mapping[str, Any]
    metrics: Mapping[str, Any]
    card: str
    min_encoder_steps: int = DEFAULT_MIN_ENCODER_STEPS
    calibrator: Calibrator | None = None


def check_target(path: Path) -> None:
    """See that `save` can write to a path, before hours of work go into what it would write.

    Raises:
        OccupiedError: Something is there that is no artifact, or is in an artifact and not of it.
        OSError: The directory cannot be made; its parent is, if need be.
    """
    path = path.resolve()
    artifact_directory.check(path, CONTRACT_FILE, {*FILES, CALIBRATION_FILE})
    artifact_directory.probe(path)


def weights_of(module: TemporalFusionTransformer) -> tuple[bytes, str]:
    """The weights as they are written, and their SHA-256."""
    state = {name: tensor.detach().cpu().float().contiguous() for name, tensor in module.state_dict().items()}
    weights = safetensors.torch.save(state, metadata={"format": "pt"})
    return weights, hashlib.sha256(weights).hexdigest()


def save(path: Path, content: ArtifactContent) -> str:
    """Write an artifact directory and return its revision.

    An artifact that is there is replaced once the new one is complete; of a link, what it points at.

    Raises:
        OccupiedError: Something is there that is no artifact, or is in an artifact and not of it.
        OSError: It cannot be written.
    """
    path = path.resolve()
    check_target(path)
    weights, digest = weights_of(content.module)
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        _write(staging, content, weights, digest)
        staging.chmod(0o755)
        artifact_directory.replace(staging, path)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return revision_of(content.name, digest)


def _write(directory: Path, content: ArtifactContent, weights: bytes, digest: str) -> None:
    schema = content.schema
    config = {
        "format_version": 1,
        "name": content.name,
        "contract_version": CONTRACT_VERSION,
        "git_revision": git_revision(),
        "weights_sha256": digest,
        "step_seconds": schema.step_seconds,
        "min_encoder_steps": content.min_encoder_steps,
        **feature_config.describe(schema),
        "model": content.module.config.to_json(),
    }
    (directory / WEIGHTS_FILE).write_bytes(weights)
    _write_json(directory / CONFIG_FILE, config)
    _write_json(directory / TRAINING_FILE, content.training_info)
    _write_json(directory / MAPPING_FILE, {"identity": "none", "servers": {}})
    _write_json(directory / METRICS_FILE, content.metrics)
    if content.calibrator is not None:
        _write_json(directory / CALIBRATION_FILE, {"probabilities": content.calibrator.to_json()})
    (directory / CONTRACT_FILE).write_text(f"{CONTRACT_VERSION}\n", encoding="utf-8")
    (directory / CARD_FILE).write_text(content.card, encoding="utf-8")


def load(path: Path, *, step_seconds: int | None = None, max_context_steps: int | None = None) -> LoadedModel:
    """Read an artifact and check all of it.

    Args:
        path: The artifact directory.
        step_seconds: Step the windows have; None to accept the artifact's own.
        max_context_steps: Steps the windows keep; None to accept any.

    Raises:
        ArtifactError: Anything at all is missing, damaged or made for something else.
    """
    try:
        return _load(path, step_seconds, max_context_steps)
    except ArtifactError:
        raise
    except Exception as error:
        # Files from elsewhere can be odd in more ways than there are checks; none of them may stop a server.
        raise ArtifactError(
            ArtifactReason.BAD_CONFIG, f"{path} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _load(path: Path, step_seconds: int | None, max_context_steps: int | None) -> LoadedModel:
    for name in FILES:
        if not (path / name).is_file():
            raise ArtifactError(ArtifactReason.MISSING_FILE, f"{path} has no {name}")
    config = _read_json(path / CONFIG_FILE)
    metrics = _read_json(path / METRICS_FILE)
    training_info = _read_json(path / TRAINING_FILE)
    _read_json(path / MAPPING_FILE)
    _check_contract(path, config)
    schema, model_config, name, minimum = _parse_config(path, config)
    if step_seconds is not None and schema.step_seconds != step_seconds:
        raise ArtifactError(
            ArtifactReason.STEP_MISMATCH,
            f"{path} forecasts steps of {schema.step_seconds} s, the windows have steps of {step_seconds} s; "
            "use a model trained for them or set the server's step to the model's",
        )
    if max_context_steps is not None and schema.context_steps > max_context_steps:
        raise ArtifactError(
            ArtifactReason.WINDOW_TOO_SHORT,
            f"{path} looks {schema.context_steps} steps back, the windows keep {max_context_steps}",
        )
    module, digest = _load_weights(path, str(config["weights_sha256"]), model_config)
    model = LoadedModel(
        pipeline=feature_config.pipeline_of(module, schema),
        name=name,
        revision=revision_of(name, digest),
        min_encoder_steps=minimum,
        path=path,
        config=config,
        metrics=metrics,
        training_info=training_info,
        calibrator=_calibrator(path),
    )
    _smoke_test(model)
    return model


def _calibrator(path: Path) -> Calibrator | None:
    file = path / CALIBRATION_FILE
    if not file.is_file():
        return None
    try:
        return Calibrator.from_json(_read_json(file)["probabilities"])
    except (CalibrationError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(ArtifactReason.BAD_CONFIG, f"{file} is no calibration: {error}") from error


def revision_of(name: str, weights_sha256: str) -> str:
    """The revision of an artifact: its name and what its weights hash to."""
    return f"{name}-{weights_sha256[:12]}"


def git_revision() -> str:
    """Commit of this source tree, `unknown` outside a git checkout."""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return result.stdout.strip()


def _check_contract(path: Path, config: Mapping[str, Any]) -> None:
    written = (path / CONTRACT_FILE).read_text(encoding="utf-8").strip()
    for version in (written, config.get("contract_version")):
        if version != CONTRACT_VERSION:
            raise ArtifactError(
                ArtifactReason.CONTRACT_MISMATCH,
                f"{path} was made for contract version {version!r}, this server speaks {CONTRACT_VERSION!r}",
            )


def _parse_config(path: Path, config: Mapping[str, Any]) -> tuple[Schema, TFTConfig, str, int]:
    """Read the typed parts of config.json and hold them against this code's feature pipelines."""
    try:
        if config["format_version"] != 1:
            raise ValueError(f"format_version is {config['format_version']!r}, expected 1")
        schema, model = feature_config.parse(config)
        name, minimum = config["name"], int(config["min_encoder_steps"])
        if not isinstance(name, str) or not name:
            raise ValueError(f"name must be a non-empty string, got {name!r}")
        if not 1 <= minimum <= schema.context_steps:
            raise ValueError(f"min_encoder_steps must be 1 to {schema.context_steps}, got {minimum}")
        if not isinstance(config["weights_sha256"], str):
            raise TypeError("weights_sha256 must be a string")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ArtifactError(ArtifactReason.BAD_CONFIG, f"{path / CONFIG_FILE}: {detail}") from error
    return schema, model, name, minimum


def _load_weights(
    path: Path, expected_sha256: str, config: TFTConfig
) -> tuple[TemporalFusionTransformer, str]:
    """Read the file once, so that what was hashed is what is served."""
    file = path / WEIGHTS_FILE
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != expected_sha256:
        raise ArtifactError(
            ArtifactReason.CORRUPT_WEIGHTS,
            f"{file} has SHA-256 {digest}, {CONFIG_FILE} records {expected_sha256}",
        )
    try:
        state = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise ArtifactError(ArtifactReason.CORRUPT_WEIGHTS, f"{file} cannot be read: {error}") from error
    module = TemporalFusionTransformer(config)
    wanted = module.state_dict()
    if state.keys() != wanted.keys():
        difference = sorted(state.keys() ^ wanted.keys())
        raise ArtifactError(
            ArtifactReason.WEIGHTS_MISMATCH, f"{file}: tensors missing or unknown: {difference[:5]}"
        )
    for name, tensor in state.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            raise ArtifactError(
                ArtifactReason.WEIGHTS_MISMATCH,
                f"{file}: {name} is {tensor.dtype} {tuple(tensor.shape)}, "
                f"expected {wanted[name].dtype} {tuple(wanted[name].shape)}",
            )
        if not bool(torch.isfinite(tensor).all()):
            raise ArtifactError(ArtifactReason.CORRUPT_WEIGHTS, f"{file}: {name} holds NaN or infinity")
    module.load_state_dict(state)
    return module.eval(), digest


def _smoke_test(model: LoadedModel) -> None:
    """One forward pass over made-up days; the answer must be finite."""
    pipeline = model.pipeline
    day = 86_400 // pipeline.step_seconds
    wave = 40.0 + 20.0 * np.sin(2.0 * np.pi * np.arange(pipeline.context_steps, dtype=np.float32) / day)
    values = np.repeat(wave[None, :, None], len(METRICS), axis=2).astype(np.float32)
    window = values, np.array([0], dtype=np.int64), np.zeros(1, dtype=np.int8)
    try:
        # Forecasts are cut to what a metric can be, which would hide an infinite output.
        output = pipeline.explain(*window).quantiles
        real = pipeline.forecast(*window)
    except RuntimeError as error:
        raise ArtifactError(ArtifactReason.SMOKE_TEST_FAILED, f"{model.path}: {error}") from error
    if not (bool(torch.isfinite(output).all()) and np.isfinite(real).all()):
        raise ArtifactError(
            ArtifactReason.SMOKE_TEST_FAILED, f"{model.path}: the forecast of plain days is not finite"
        )


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArtifactError(ArtifactReason.BAD_CONFIG, f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ArtifactError(ArtifactReason.BAD_CONFIG, f"{path} must hold a JSON object")
    return data
