"""Weights of pytorch-forecasting's TemporalFusionTransformer (its v1 class), mapped onto the classic form.

Classic means one step per token (`patch_length` 1). pytorch-forecasting scales a real variable with one layer
wherever it occurs; here every use has its own, so the layer is copied to each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from argus_server.forecast.tft import Categorical, Real, TemporalFusionTransformer, TFTConfig

# What `import_config` reads of a model's `hparams`.
HPARAMS: Final = (
    "attention_head_size",
    "categorical_groups",
    "causal_attention",
    "dropout",
    "embedding_sizes",
    "hidden_continuous_size",
    "hidden_continuous_sizes",
    "hidden_size",
    "lstm_layers",
    "output_size",
    "share_single_variable_networks",
    "static_categoricals",
    "static_reals",
    "time_varying_categoricals_decoder",
    "time_varying_categoricals_encoder",
    "time_varying_reals_decoder",
    "time_varying_reals_encoder",
)


def import_config(
    hparams: Mapping[str, Any], encoder_tokens: int, decoder_tokens: int, quantiles: Sequence[float]
) -> TFTConfig:
    """The config of the same network here.

    Args:
        hparams: `model.hparams` of the pytorch-forecasting model.
        encoder_tokens: Length of the past it is used with.
        decoder_tokens: Length of the future.
        quantiles: Levels of its quantile loss.

    Raises:
        ValueError: It uses a feature that has no counterpart here.
    """
    unsupported = {
        "time_varying_categoricals_encoder": bool(hparams["time_varying_categoricals_encoder"]),
        "time_varying_categoricals_decoder": bool(hparams["time_varying_categoricals_decoder"]),
        "categorical_groups": bool(hparams["categorical_groups"]),
        "hidden_continuous_sizes": bool(hparams["hidden_continuous_sizes"]),
        "share_single_variable_networks": bool(hparams["share_single_variable_networks"]),
        "causal_attention=False": not hparams["causal_attention"],
    }
    found = [name for name, used in unsupported.items() if used]
    if found:
        raise ValueError(f"cannot import a model that uses {', '.join(found)}")
    output_size = hparams["output_size"]
    sizes = list(output_size) if isinstance(output_size, (list, tuple)) else [output_size]
    if set(sizes) != {len(quantiles)}:
        raise ValueError(f"every target needs {len(quantiles)} outputs, the model has {sizes}")
    embeddings = hparams["embedding_sizes"]
    return TFTConfig(
        static_categoricals=tuple(
            Categorical(name, int(embeddings[name][0]), min(int(embeddings[name][1]), hparams["hidden_size"]))
            for name in hparams["static_categoricals"]
        ),
        static_reals=tuple(Real(name) for name in hparams["static_reals"]),
        encoder_reals=tuple(Real(name) for name in hparams["time_varying_reals_encoder"]),
        decoder_reals=tuple(Real(name) for name in hparams["time_varying_reals_decoder"]),
        encoder_tokens=encoder_tokens,
        decoder_tokens=decoder_tokens,
        patch_length=1,
        hidden_size=hparams["hidden_size"],
        real_size=hparams["hidden_continuous_size"],
        attention_heads=hparams["attention_head_size"],
        lstm_layers=hparams["lstm_layers"],
        dropout=hparams["dropout"],
        targets=len(sizes),
        quantiles=tuple(quantiles),
    )


def import_weights(state: Mapping[str, Tensor], config: TFTConfig) -> TemporalFusionTransformer:
    """Build the module and fill it from a pytorch-forecasting state dict.

    Args:
        state: `model.state_dict()`.
        config: What `import_config` returned.

    Raises:
        KeyError, RuntimeError: The state dict does not fit the config.
    """
    module = TemporalFusionTransformer(config)
    mapped: dict[str, Tensor] = {}
    for index, item in enumerate(config.static_categoricals):
        mapped[f"embeddings.{index}.weight"] = state[f"input_embeddings.embeddings.{item.name}.weight"]
    static_names = [item.name for item in config.static_categoricals]
    static_names += [real.name for real in config.static_reals]
    if static_names:
        _selection(
            mapped,
            state,
            "static",
            "static",
            static_names,
            len(config.static_categoricals),
            config.hidden_size,
        )
    for part, reals in (("encoder", config.encoder_reals), ("decoder", config.decoder_reals)):
        _selection(mapped, state, part, part, [real.name for real in reals], 0, config.hidden_size)
    for here, there in (
        ("selection_context", "static_context_variable_selection"),
        ("initial_hidden", "static_context_initial_hidden_lstm"),
        ("initial_cell", "static_context_initial_cell_lstm"),
        ("enrichment_context", "static_context_enrichment"),
        ("enrichment", "static_enrichment"),
        ("feed_forward", "pos_wise_ff"),
    ):
        _grn(mapped, state, here, there)
    for side in ("encoder", "decoder"):
        _copy(mapped, state, f"{side}_lstm", f"lstm_{side}")
    _copy(mapped, state, "lstm_gate.glu.fc", "post_lstm_gate_encoder.fc")
    _copy(mapped, state, "lstm_gate.norm", "post_lstm_add_norm_encoder.norm")
    for here, there in (("attention_gate", "post_attn_gate_norm"), ("output_gate", "pre_output_gate_norm")):
        _gate(mapped, state, here, there)
    _attention(mapped, state, config.attention_heads)
    _output(mapped, state, config.targets)
    module.load_state_dict(mapped)
    return module.eval()


def _copy(mapped: dict[str, Tensor], state: Mapping[str, Tensor], here: str, there: str) -> None:
    """Copy every tensor under a prefix."""
    found = {key: value for key, value in state.items() if key.startswith(f"{there}.")}
    if not found:
        raise KeyError(f"{there} is not in the state dict")
    for key, value in found.items():
        mapped[f"{here}.{key.removeprefix(f'{there}.')}"] = value


def _gate(mapped: dict[str, Tensor], state: Mapping[str, Tensor], here: str, there: str) -> None:
    _copy(mapped, state, f"{here}.glu.fc", f"{there}.glu.fc")
    _copy(mapped, state, f"{here}.norm", f"{there}.add_norm.norm")


def _resample(mapped: dict[str, Tensor], state: Mapping[str, Tensor], here: str, there: str) -> None:
    mapped[f"{here}.gain"] = state[f"{there}.mask"]
    _copy(mapped, state, f"{here}.norm", f"{there}.norm")


def _grn(mapped: dict[str, Tensor], state: Mapping[str, Tensor], here: str, there: str) -> None:
    for layer in ("fc1", "fc2"):
        _copy(mapped, state, f"{here}.{layer}", f"{there}.{layer}")
    _gate(mapped, state, f"{here}.gate", f"{there}.gate_norm")
    if f"{there}.context.weight" in state:
        mapped[f"{here}.context.weight"] = state[f"{there}.context.weight"]
    if f"{there}.resample_norm.mask" in state:
        _resample(mapped, state, f"{here}.resample", f"{there}.resample_norm")


def _selection(
    mapped: dict[str, Tensor],
    state: Mapping[str, Tensor],
    here: str,
    there: str,
    names: Sequence[str],
    categoricals: int,
    hidden_size: int,
) -> None:
    here, there = f"{here}_selection", f"{there}_variable_selection"
    for index, name in enumerate(names):
        source = f"{there}.single_variable_grns.{name}"
        if index < categoricals:
            _resample(mapped, state, f"{here}.embedders.{index}", source)
        else:
            _grn(mapped, state, f"{here}.embedders.{index}", source)
            _copy(mapped, state, f"{here}.prescalers.{index - categoricals}", f"prescalers.{name}")
    if len(names) > 1:
        _grn(mapped, state, f"{here}.selector", f"{there}.flattened_grn")


def _attention(mapped: dict[str, Tensor], state: Mapping[str, Tensor], heads: int) -> None:
    """Separate heads become rows of one layer."""
    for here, there in (("query", "q_layers"), ("key", "k_layers")):
        for kind in ("weight", "bias"):
            mapped[f"attention.{here}.{kind}"] = torch.cat(
                [state[f"multihead_attn.{there}.{head}.{kind}"] for head in range(heads)]
            )
    _copy(mapped, state, "attention.value", "multihead_attn.v_layer")
    mapped["attention.output.weight"] = state["multihead_attn.w_h.weight"]


def _output(mapped: dict[str, Tensor], state: Mapping[str, Tensor], targets: int) -> None:
    """Separate targets become rows of one layer."""
    for kind in ("weight", "bias"):
        if targets == 1:
            mapped[f"output.{kind}"] = state[f"output_layer.{kind}"]
        else:
            mapped[f"output.{kind}"] = torch.cat(
                [state[f"output_layer.{target}.{kind}"] for target in range(targets)]
            )
