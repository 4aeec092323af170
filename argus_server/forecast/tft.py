"""A Temporal Fusion Transformer with fixed shapes: the module that is trained is the module that is served.

A token is `patch_length` steps; with 1 this is the classic TFT, weight-compatible with pytorch-forecasting's.
No sequence is packed, no shape and no branch depends on a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Self

import torch
from torch import Tensor, nn

from argus_server.forecast.kernels import Linear
from argus_server.forecast.layers import (
    GateAddNorm,
    GatedResidualNetwork,
    InterpretableAttention,
    VariableSelection,
)

_POSITIVE: Final = (
    "encoder_tokens",
    "decoder_tokens",
    "patch_length",
    "hidden_size",
    "real_size",
    "attention_heads",
    "lstm_layers",
    "targets",
)


@dataclass(frozen=True, slots=True)
class Real:
    """A real-valued variable: `width` numbers per token (1 in the classic form)."""

    name: str
    width: int = 1


@dataclass(frozen=True, slots=True)
class Categorical:
    """A static categorical variable: `cardinality` codes, each an embedding of `size` numbers."""

    name: str
    cardinality: int
    size: int


@dataclass(frozen=True, slots=True)
class TFTConfig:
    """Every hyper-parameter of the module.

    Attributes:
        static_categoricals: Static categoricals, in input order.
        static_reals: Static reals, in input order.
        encoder_reals: Variables of the past tokens.
        decoder_reals: Variables of the future tokens, known in advance.
        encoder_tokens: Past tokens.
        decoder_tokens: Future tokens.
        patch_length: Steps per token.
        hidden_size: Width of the network; a multiple of `attention_heads`.
        real_size: Size each real variable is scaled up to (pytorch-forecasting: hidden_continuous_size).
        attention_heads: Heads of the attention.
        lstm_layers: Layers of the encoder and of the decoder LSTM.
        dropout: Dropout while training.
        targets: Forecast series per sequence.
        quantiles: Forecast quantile levels, ascending.
        baselines: Given baselines; each quantile is a residual to its own learned convex mix of them and of
            zero, one mix per token.
    """

    static_categoricals: tuple[Categorical, ...]
    static_reals: tuple[Real, ...]
    encoder_reals: tuple[Real, ...]
    decoder_reals: tuple[Real, ...]
    encoder_tokens: int
    decoder_tokens: int
    patch_length: int
    hidden_size: int
    real_size: int
    attention_heads: int
    lstm_layers: int
    dropout: float
    targets: int
    quantiles: tuple[float, ...]
    baselines: int = 0

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        if self.hidden_size % self.attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of attention_heads {self.attention_heads}"
            )
        if not self.encoder_reals or not self.decoder_reals:
            raise ValueError("a TFT needs at least one encoder and one decoder variable")
        if self.baselines and self.targets != 1:
            raise ValueError(f"baselines need exactly one target per sequence, got {self.targets}")

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read a dict made by `to_json`; an unknown or missing key raises TypeError."""
        fields = dict(data)
        fields["static_categoricals"] = tuple(Categorical(**item) for item in fields["static_categoricals"])
        for key in ("static_reals", "encoder_reals", "decoder_reals"):
            fields[key] = tuple(Real(**item) for item in fields[key])
        fields["quantiles"] = tuple(float(level) for level in fields["quantiles"])
        return cls(**fields)


class TFTInputs(NamedTuple):
    """Inputs of the module; the leading dimensions of all tensors broadcast to those of the series.

    Attributes:
        static_categoricals: int64 [..., static categoricals].
        static_reals: One [..., width] per static real.
        encoder: One [..., encoder_tokens, width] per encoder variable.
        decoder: One [..., decoder_tokens, width] per decoder variable.
        baselines: [..., decoder_tokens, baselines, patch_length], or None when the config has none.
    """

    static_categoricals: Tensor
    static_reals: tuple[Tensor, ...]
    encoder: tuple[Tensor, ...]
    decoder: tuple[Tensor, ...]
    baselines: Tensor | None = None


class Explanation(NamedTuple):
    """What the module looked at.

    Attributes:
        quantiles: As `TemporalFusionTransformer.forward` returns them.
        attention: [series, heads, decoder_tokens, encoder_tokens + decoder_tokens].
        static_weights: [..., static variables], categoricals first.
        encoder_weights: [..., encoder_tokens, encoder variables].
        decoder_weights: [..., decoder_tokens, decoder variables].
    """

    quantiles: Tensor
    attention: Tensor
    static_weights: Tensor
    encoder_weights: Tensor
    decoder_weights: Tensor


class TemporalFusionTransformer(nn.Module):
    """Quantile forecasts of all future steps in one pass."""

    def __init__(self, config: TFTConfig) -> None:
        super().__init__()
        self.config = config
        hidden, dropout = config.hidden_size, config.dropout

        def grn(context_size: int | None = None) -> GatedResidualNetwork:
            return GatedResidualNetwork(hidden, hidden, hidden, dropout, context_size=context_size)

        def selection(
            categoricals: Sequence[Categorical], reals: Sequence[Real], context_size: int | None
        ) -> VariableSelection:
            return VariableSelection(
                [categorical.size for categorical in categoricals],
                [real.width for real in reals],
                config.real_size,
                hidden,
                dropout,
                context_size=context_size,
            )

        self.embeddings = nn.ModuleList(
            nn.Embedding(item.cardinality, item.size) for item in config.static_categoricals
        )
        has_static = bool(config.static_categoricals or config.static_reals)
        self.static_selection = (
            selection(config.static_categoricals, config.static_reals, None) if has_static else None
        )
        self.encoder_selection = selection((), config.encoder_reals, hidden)
        self.decoder_selection = selection((), config.decoder_reals, hidden)
        self.selection_context = grn()
        self.initial_hidden = grn()
        self.initial_cell = grn()
        self.enrichment_context = grn()

        lstm_dropout = dropout if config.lstm_layers > 1 else 0.0
        self.encoder_lstm = nn.LSTM(
            hidden, hidden, config.lstm_layers, dropout=lstm_dropout, batch_first=True
        )
        self.decoder_lstm = nn.LSTM(
            hidden, hidden, config.lstm_layers, dropout=lstm_dropout, batch_first=True
        )
        self.lstm_gate = GateAddNorm(hidden, hidden, dropout)
        self.enrichment = grn(context_size=hidden)
        self.attention = InterpretableAttention(
            hidden,
            config.attention_heads,
            queries=config.decoder_tokens,
            keys=config.encoder_tokens + config.decoder_tokens,
            dropout=dropout,
        )
        self.attention_gate = GateAddNorm(hidden, hidden, dropout)
        self.feed_forward = grn()
        self.output_gate = GateAddNorm(hidden, hidden, 0.0)
        outputs = config.patch_length * config.targets * len(config.quantiles)
        mixing = len(config.quantiles) * (config.baselines + 1) if config.baselines else 0
        self.output = Linear(hidden, outputs + mixing)

    def forward(self, inputs: TFTInputs) -> Tensor:
        """Quantiles [series, horizon, targets, quantiles]; series are the flattened leading dimensions."""
        return self._run(inputs).quantiles

    def explain(self, inputs: TFTInputs) -> Explanation:
        """The forecast together with attention and variable weights."""
        return self._run(inputs)

    def _run(self, inputs: TFTInputs) -> Explanation:
        config = self.config
        static, static_weights = self._static(inputs)
        context = self.selection_context(static).unsqueeze(-2)
        past, encoder_weights = self.encoder_selection(inputs.encoder, context)
        future, decoder_weights = self.decoder_selection(inputs.decoder, context)

        # [..., tokens, hidden] -> [series, tokens, hidden]
        past = past.reshape(-1, config.encoder_tokens, config.hidden_size)
        future = future.reshape(-1, config.decoder_tokens, config.hidden_size)
        series = past.shape[0]
        layers = (config.lstm_layers, series, config.hidden_size)
        state = (
            self.initial_hidden(static).reshape(1, series, -1).expand(layers).contiguous(),
            self.initial_cell(static).reshape(1, series, -1).expand(layers).contiguous(),
        )
        past_states, state = self.encoder_lstm(past, state)
        future_states, _ = self.decoder_lstm(future, state)
        local = self.lstm_gate(
            torch.cat((past_states, future_states), dim=1), torch.cat((past, future), dim=1)
        )
        enrichment = self.enrichment_context(static).reshape(series, 1, -1)
        enriched = self.enrichment(local, enrichment)
        attended, attention = self.attention(enriched)
        decoded = self.feed_forward(self.attention_gate(attended, enriched[:, config.encoder_tokens :]))
        decoded = self.output_gate(decoded, local[:, config.encoder_tokens :])
        return Explanation(
            self._head(decoded, inputs.baselines), attention, static_weights, encoder_weights, decoder_weights
        )

    def _static(self, inputs: TFTInputs) -> tuple[Tensor, Tensor]:
        """Static context [..., hidden] with the leading dimensions of the series, and its weights."""
        leading = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
            inputs.static_categoricals.shape[:-1],
            *(x.shape[:-1] for x in inputs.static_reals),
            *(x.shape[:-2] for x in (*inputs.encoder, *inputs.decoder)),
        )
        if self.static_selection is None:
            reference = inputs.encoder[0]
            return (
                reference.new_zeros((*leading, self.config.hidden_size)),
                reference.new_zeros((*leading, 0)),
            )
        embedded = [
            embedding(inputs.static_categoricals[..., index])
            for index, embedding in enumerate(self.embeddings)
        ]
        static, weights = self.static_selection((*embedded, *inputs.static_reals))
        return static.expand(*leading, -1), weights

    def _head(self, decoded: Tensor, baselines: Tensor | None) -> Tensor:
        """[series, decoder_tokens, hidden] -> [series, horizon, targets, quantiles]."""
        config = self.config
        series, levels = decoded.shape[0], len(config.quantiles)
        horizon = config.decoder_tokens * config.patch_length
        raw = self.output(decoded)
        outputs = config.patch_length * config.targets * levels
        quantiles: Tensor = raw[..., :outputs].reshape(series, horizon, config.targets, levels)
        if not config.baselines or baselines is None:
            return quantiles
        # Zero, the last one, takes the rest of the shares. A softmax over so few elements is quicker by hand, and
        # so is their sum as a product; the clamp keeps exp finite.
        shares = torch.exp(raw[..., outputs:].clamp(-20.0, 20.0)).view(-1, levels, config.baselines + 1)
        total = shares @ shares.new_ones(config.baselines + 1, 1)
        given = baselines.reshape(-1, config.baselines, config.patch_length)
        mixed = (shares[..., :-1] @ given) / total  # [series x decoder tokens, quantiles, patch_length]
        forecast: Tensor = quantiles + mixed.transpose(1, 2).reshape(quantiles.shape)
        return forecast


def parameter_count(module: nn.Module) -> int:
    """Trainable numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
