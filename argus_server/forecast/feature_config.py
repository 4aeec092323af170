"""The part of an artifact's config.json that says how a window becomes inputs, for both kinds of pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from argus_server.forecast import features
from argus_server.forecast.classic import ClassicPipeline
from argus_server.forecast.classic_schema import ClassicSchema
from argus_server.forecast.features import MODELLED, SCHEMA_VERSION, FeatureSchema
from argus_server.forecast.pipeline import PatchPipeline, Pipeline
from argus_server.forecast.scaling import LIMIT, SCALE_FLOORS, WEEK_SHARE
from argus_server.forecast.tft import TemporalFusionTransformer, TFTConfig
from argus_server.metrics import METRICS
from argus_server.profiles import PROFILES

# How config.json names the kinds; artifacts from before there were two name none.
PATCHES: Final = "patches"
CLASSIC: Final = "classic"

Schema: TypeAlias = FeatureSchema | ClassicSchema


def describe(schema: Schema) -> dict[str, Any]:
    """The part of config.json that says how a window becomes inputs."""
    if isinstance(schema, ClassicSchema):
        return {"pipeline": CLASSIC, "features": schema.to_json()}
    return {
        "pipeline": PATCHES,
        "features": {
            "schema_version": SCHEMA_VERSION,
            "encoder_steps": schema.encoder_steps,
            "context_days": schema.context_days,
            "horizon": schema.horizon,
            "patch_length": schema.patch_length,
            "metrics": list(METRICS),
            "modelled_metrics": list(MODELLED),
            "profiles": list(PROFILES),
        },
        "scaling": {"method": "asinh((x - median) / mean absolute deviation)", **_scaling_constants()},
    }


def parse(config: Mapping[str, Any]) -> tuple[Schema, TFTConfig]:
    """Read what `describe` wrote, and the network's config, and hold them against each other and this code.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: They are not what this code serves.
    """
    kind = config.get("pipeline", PATCHES)
    if kind not in (PATCHES, CLASSIC):
        raise ValueError(f"pipeline is {kind!r}, this code has {PATCHES!r} and {CLASSIC!r}")
    schema: Schema = _parse_classic(config) if kind == CLASSIC else _parse_patches(config)
    model = TFTConfig.from_json(config["model"])
    if isinstance(schema, ClassicSchema):
        schema.check(model)
    elif model != features.model_config(
        schema,
        hidden_size=model.hidden_size,
        attention_heads=model.attention_heads,
        lstm_layers=model.lstm_layers,
        dropout=model.dropout,
    ):
        raise ValueError("the model's variables are not those the feature pipeline builds")
    return schema, model


def pipeline_of(module: TemporalFusionTransformer, schema: Schema) -> Pipeline:
    """The pipeline of a network with these features."""
    if isinstance(schema, ClassicSchema):
        return ClassicPipeline(module, schema)
    return PatchPipeline(module, schema)


def _parse_classic(config: Mapping[str, Any]) -> ClassicSchema:
    schema = ClassicSchema.from_json(config["features"])
    if config["step_seconds"] != schema.step_seconds:
        raise ValueError(
            f"step_seconds is {config['step_seconds']!r}, features.step_seconds {schema.step_seconds}"
        )
    return schema


def _parse_patches(config: Mapping[str, Any]) -> FeatureSchema:
    described = config["features"]
    schema = FeatureSchema(
        step_seconds=int(config["step_seconds"]),
        encoder_steps=int(described["encoder_steps"]),
        context_days=int(described["context_days"]),
        horizon=int(described["horizon"]),
        patch_length=int(described["patch_length"]),
    )
    expected = {
        "schema_version": SCHEMA_VERSION,
        "metrics": list(METRICS),
        "modelled_metrics": list(MODELLED),
        "profiles": list(PROFILES),
    }
    for key, value in expected.items():
        if described[key] != value:
            raise ValueError(f"features.{key} is {described[key]!r}, this code builds {value!r}")
    for key, value in _scaling_constants().items():
        if config["scaling"][key] != value:
            raise ValueError(f"scaling.{key} is {config['scaling'][key]!r}, this code uses {value!r}")
    return schema


def _scaling_constants() -> dict[str, Any]:
    return {"floors": SCALE_FLOORS, "limit": LIMIT, "week_share": WEEK_SHARE}
