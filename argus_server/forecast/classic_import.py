"""Turns what `export_tft` wrote into an artifact that a server loads like any other."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from argus_server.contract import CONTRACT_VERSION
from argus_server.forecast import artifact
from argus_server.forecast.artifact import ArtifactContent, ArtifactError
from argus_server.forecast.classic_export import DESCRIPTION_FILE, FORMAT, FORMAT_VERSION, WEIGHTS_FILE
from argus_server.forecast.classic_schema import ClassicSchema, UnsupportedModelError
from argus_server.forecast.pytorch_forecasting_import import import_config, import_weights
from argus_server.forecast.tft import TemporalFusionTransformer, parameter_count
from argus_server.metrics import METRICS


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """What became of an export.

    Attributes:
        path: The artifact's directory.
        name: Its name.
        revision: Its revision.
        schema: Its variables.
        parameters: Trainable numbers of the network.
    """

    path: Path
    name: str
    revision: str
    schema: ClassicSchema
    parameters: int

    @property
    def fallback_metrics(self) -> tuple[str, ...]:
        """Metrics that the model does not forecast; they get the fallback's forecast."""
        return tuple(name for name in METRICS if name not in self.schema.target_metrics)


def import_tft(directory: Path, out: Path, name: str = "") -> ImportedModel:
    """Check an export and write it as an artifact; an artifact at `out` is replaced once all checks have passed.

    Args:
        directory: What `export_tft` wrote.
        out: Directory of the artifact.
        name: Name of the model; the directory's if empty.

    Raises:
        UnsupportedModelError: The export is incomplete, damaged or nothing that can be served.
        OccupiedError: Something other than an artifact is at `out`.
        OSError: A file cannot be read or written.
    """
    artifact.check_target(out)
    weights = _read(directory / WEIGHTS_FILE)
    text = _read(directory / DESCRIPTION_FILE)
    try:
        description = _described(text, weights)
        schema = ClassicSchema.from_json(description["inputs"])
        module = _module(description, schema, weights)
        pytorch_forecasting = str(description["pytorch_forecasting"])
        servers = [str(server) for server in description["training_servers"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise UnsupportedModelError(f"{directory} cannot be imported: {detail}") from error
    name = name or out.resolve().name
    info = {
        "imported_at_ms": time.time_ns() // 1_000_000,
        "evaluated": False,
        "source": {
            "library": "pytorch-forecasting",
            "version": pytorch_forecasting,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
            "description_sha256": hashlib.sha256(text).hexdigest(),
        },
        "training_servers": servers,
    }
    content = ArtifactContent(
        module=module,
        schema=schema,
        name=name,
        training_info=info,
        metrics={"datasets": {}},
        card=_card(name, schema, module, info),
        min_encoder_steps=schema.min_encoder_steps,
    )
    with tempfile.TemporaryDirectory(prefix="argus-import-") as staging:
        trial = Path(staging) / "model"
        artifact.save(trial, content)
        try:
            artifact.load(trial)
        except ArtifactError as error:
            raise UnsupportedModelError(
                f"{directory} makes a model that cannot be served: {error.message.replace(str(trial), name)}"
            ) from error
    revision = artifact.save(out, content)
    return ImportedModel(out, name, revision, schema, parameter_count(module))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UnsupportedModelError(
            f"{path} is missing: {path.parent} must hold what export_tft wrote, "
            f"{DESCRIPTION_FILE} and {WEIGHTS_FILE}"
        ) from error


def _described(text: bytes, weights: bytes) -> Mapping[str, Any]:
    """The description, if it is one of these weights.

    Raises:
        KeyError, TypeError, ValueError: It is not.
    """
    try:
        description = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{DESCRIPTION_FILE} is not JSON: {error}") from error
    if not isinstance(description, dict):
        raise TypeError(f"{DESCRIPTION_FILE} must hold a JSON object")
    expected = {"format": FORMAT, "format_version": FORMAT_VERSION, "contract_version": CONTRACT_VERSION}
    for key, value in expected.items():
        if description[key] != value:
            raise ValueError(f"{key} is {description[key]!r}, expected {value!r}")
    digest = hashlib.sha256(weights).hexdigest()
    if description["weights_sha256"] != digest:
        raise ValueError(
            f"{WEIGHTS_FILE} has SHA-256 {digest}, {DESCRIPTION_FILE} records {description['weights_sha256']}"
        )
    return description


def _module(
    description: Mapping[str, Any], schema: ClassicSchema, weights: bytes
) -> TemporalFusionTransformer:
    config = import_config(
        description["hparams"], schema.encoder_steps, schema.horizon, description["quantiles"]
    )
    schema.check(config)
    try:
        return import_weights(safetensors.torch.load(weights), config)
    except (safetensors.SafetensorError, KeyError, RuntimeError) as error:
        raise ValueError(f"{WEIGHTS_FILE} does not fit {DESCRIPTION_FILE}: {error}") from error


def _card(
    name: str, schema: ClassicSchema, module: TemporalFusionTransformer, info: Mapping[str, Any]
) -> str:
    """The model card: where it comes from, what it forecasts, and that nobody has measured it."""
    source = info["source"]
    others = [metric for metric in METRICS if metric not in schema.target_metrics]
    hours = schema.horizon * schema.step_seconds / 3600.0
    return "\n".join(
        (
            f"# {name}",
            "",
            f"A Temporal Fusion Transformer trained elsewhere with pytorch-forecasting {source['version']} and",
            "imported with `argus model import`.",
            "",
            f"- {parameter_count(module):,} parameters, float32; hidden size {module.config.hidden_size}, "
            f"{module.config.attention_heads} attention head(s), {module.config.lstm_layers} LSTM layer(s).",
            f"- Sees {schema.encoder_steps} steps of {schema.step_seconds} s, forecasts {schema.horizon} "
            f"({hours:g} h).",
            f"- SHA-256 of its exported weights: `{source['weights_sha256']}`.",
            f"- Forecasts {', '.join(schema.target_metrics)}.",
            f"- Does not forecast {', '.join(others) or 'nothing'}"
            + ("; a server's fallback forecast stands in for these." if others else "."),
            "",
            "## Accuracy",
            "",
            "Not evaluated: nobody has measured its forecasts in Argus. `argus evaluate` does.",
            "",
            "## Limits",
            "",
            "- A server's name is never known to it: where it learned names, all servers have the unknown one.",
            f"- A server gets its forecasts from {schema.min_encoder_steps} observed steps on; gaps are filled with "
            "the last value before them.",
            "",
        )
    )
