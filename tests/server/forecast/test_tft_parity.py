"""The classic form of the module computes what pytorch-forecasting's TemporalFusionTransformer computes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pytorch_forecasting import TemporalFusionTransformer as ReferenceTFT
    from pytorch_forecasting.data.encoders import MultiNormalizer, TorchNormalizer
    from pytorch_forecasting.metrics import MultiLoss, QuantileLoss

from argus_server.forecast.pytorch_forecasting_import import import_config, import_weights
from argus_server.forecast.tft import TFTInputs

QUANTILES = [0.1, 0.5, 0.9]
EMBEDDINGS = {"server": (7, 5), "profile": (3, 16)}
# Enough rows for the serving kernels to take their fast routes.
ENCODER, DECODER, BATCH = 24, 8, 128


@dataclass(frozen=True)
class Case:
    targets: int
    hidden_size: int
    real_size: int
    lstm_layers: int
    heads: int
    static_categoricals: tuple[str, ...] = ("server", "profile")
    static_reals: tuple[str, ...] = ("scale",)
    unknown_reals: tuple[str, ...] = ("load", "memory", "disk")
    known_reals: tuple[str, ...] = ("hour", "weekday")


CASES = {
    "one target": Case(targets=1, hidden_size=16, real_size=16, lstm_layers=1, heads=4),
    "all metrics, two layers": Case(targets=14, hidden_size=32, real_size=8, lstm_layers=2, heads=4),
    "wide reals": Case(targets=3, hidden_size=12, real_size=24, lstm_layers=1, heads=2),
    "no static variables": Case(
        targets=2,
        hidden_size=16,
        real_size=8,
        lstm_layers=1,
        heads=1,
        static_categoricals=(),
        static_reals=(),
    ),
    "one variable each": Case(
        targets=1,
        hidden_size=16,
        real_size=8,
        lstm_layers=1,
        heads=2,
        static_categoricals=("server",),
        static_reals=(),
        unknown_reals=(),
        known_reals=("hour",),
    ),
}


def reference_model(case: Case) -> Any:
    torch.manual_seed(20)
    transformers = [TorchNormalizer(method="identity", center=False) for _ in range(case.targets)]
    losses = [QuantileLoss(QUANTILES) for _ in range(case.targets)]
    reals = [*case.static_reals, *case.known_reals, *case.unknown_reals]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ReferenceTFT(
            hidden_size=case.hidden_size,
            lstm_layers=case.lstm_layers,
            dropout=0.1,
            output_size=[3] * case.targets if case.targets > 1 else 3,
            loss=MultiLoss(losses) if case.targets > 1 else losses[0],
            output_transformer=MultiNormalizer(transformers) if case.targets > 1 else transformers[0],
            attention_head_size=case.heads,
            max_encoder_length=ENCODER,
            static_categoricals=list(case.static_categoricals),
            static_reals=list(case.static_reals),
            time_varying_categoricals_encoder=[],
            time_varying_categoricals_decoder=[],
            time_varying_reals_encoder=[*case.known_reals, *case.unknown_reals],
            time_varying_reals_decoder=list(case.known_reals),
            x_reals=reals,
            x_categoricals=list(case.static_categoricals),
            hidden_continuous_size=case.real_size,
            embedding_sizes={name: EMBEDDINGS[name] for name in case.static_categoricals},
        )
    # Fresh gains, norms and biases are zeros and ones; a mix-up between them must not hide behind that.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_outputs_equal_the_reference(case: Case) -> None:
    reference = reference_model(case)
    generator = torch.Generator().manual_seed(3)
    reals = [*case.static_reals, *case.known_reals, *case.unknown_reals]
    values = torch.randn(BATCH, ENCODER + DECODER, len(reals), generator=generator)
    values[:, :, : len(case.static_reals)] = values[:, :1, : len(case.static_reals)]
    codes = torch.randint(0, 3, (BATCH, 1, len(case.static_categoricals)), generator=generator)
    categories = codes.expand(-1, ENCODER + DECODER, -1)
    with torch.inference_mode():
        expected = reference(
            {
                "encoder_cat": categories[:, :ENCODER],
                "decoder_cat": categories[:, ENCODER:],
                "encoder_cont": values[:, :ENCODER],
                "decoder_cont": values[:, ENCODER:],
                "encoder_lengths": torch.full((BATCH,), ENCODER),
                "decoder_lengths": torch.full((BATCH,), DECODER),
                "target_scale": [torch.tensor([[0.0, 1.0]]).expand(BATCH, 2)] * case.targets
                if case.targets > 1
                else torch.tensor([[0.0, 1.0]]).expand(BATCH, 2),
            }
        )
    predictions = expected["prediction"] if case.targets > 1 else [expected["prediction"]]

    config = import_config(reference.hparams, ENCODER, DECODER, QUANTILES)
    module = import_weights(reference.state_dict(), config)
    column = {name: values[:, :, index : index + 1] for index, name in enumerate(reals)}
    inputs = TFTInputs(
        static_categoricals=codes[:, 0],
        static_reals=tuple(column[name][:, 0] for name in case.static_reals),
        encoder=tuple(column[name][:, :ENCODER] for name in (*case.known_reals, *case.unknown_reals)),
        decoder=tuple(column[name][:, ENCODER:] for name in case.known_reals),
    )
    with torch.inference_mode():
        explanation = module.explain(inputs)

    torch.testing.assert_close(explanation.quantiles, torch.stack(predictions, dim=2), rtol=0, atol=1e-5)
    attention = torch.cat((expected["encoder_attention"], expected["decoder_attention"]), dim=-1)
    torch.testing.assert_close(explanation.attention, attention.transpose(1, 2), rtol=0, atol=1e-5)
    weights = expected["encoder_variables"].reshape(explanation.encoder_weights.shape)
    torch.testing.assert_close(explanation.encoder_weights, weights, rtol=0, atol=1e-5)


def test_a_feature_without_counterpart_is_refused() -> None:
    reference = reference_model(CASES["one target"])
    hparams = {**reference.hparams, "causal_attention": False}
    with pytest.raises(ValueError, match="causal_attention"):
        import_config(hparams, ENCODER, DECODER, QUANTILES)


def test_quantiles_must_fit_the_outputs() -> None:
    reference = reference_model(CASES["one target"])
    with pytest.raises(ValueError, match="every target needs 2 outputs"):
        import_config(reference.hparams, ENCODER, DECODER, [0.1, 0.9])
