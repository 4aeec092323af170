"""How variables of an imported model are scaled: with stated constants, or anew for each encoder sequence.

A variable is transformed, centred and divided by its scale. The arithmetic, the small constants that keep a
scale from being zero included, is that of the normalizers of pytorch-forecasting 1.x and of scikit-learn's
scalers: weights are only worth what they were trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

STRICT: Final = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Transformation = Literal["none", "relu", "log", "log1p", "sqrt", "softplus", "count", "logit"]
Level = Annotated[float, Field(ge=0.0, le=1.0)]


def _clipped_log(x: Tensor) -> Tensor:
    return x.log().clamp(min=-1.0 / torch.finfo(x.dtype).eps)


def _inverse_softplus(x: Tensor) -> Tensor:
    # log(exp(x) - 1), written so that neither end overflows; the identity where it rounds to one.
    eps = torch.finfo(x.dtype).eps
    return torch.where(x > 20.0, x, x + torch.log(-torch.expm1(-(x + eps))))


def _logit(x: Tensor) -> Tensor:
    eps = torch.finfo(x.dtype).eps
    return torch.logit(x, eps=eps)


def _sigmoid(x: Tensor) -> Tensor:
    limits = torch.finfo(x.dtype)
    return torch.sigmoid(x).clamp(min=limits.tiny, max=1.0 - limits.eps)


def _same(x: Tensor) -> Tensor:
    return x


# What is applied before scaling, and to a forecast after un-scaling: for log1p and count not quite the inverse.
_TRANSFORMATIONS: Final[Mapping[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]]] = (
    MappingProxyType(
        {
            "none": (_same, _same),
            "relu": (_same, F.relu),
            "log": (_clipped_log, torch.exp),
            "log1p": (torch.log1p, torch.exp),
            "sqrt": (torch.sqrt, torch.square),
            "softplus": (_inverse_softplus, F.softplus),
            "count": (lambda x: x + 1.0, F.softplus),
            "logit": (_logit, _sigmoid),
        }
    )
)


class Norm(NamedTuple):
    """Centre and scale of one variable, each [servers]."""

    center: Tensor
    scale: Tensor


@dataclass(frozen=True, slots=True, config=STRICT)
class FixedScaler:
    """Constants found in the training data.

    Attributes:
        kind: Tells the scalers apart.
        center: Subtracted, in transformed units.
        scale: Divided by.
        transformation: Applied before.
    """

    kind: Literal["fixed"] = "fixed"
    center: float = 0.0
    scale: Annotated[float, Field(gt=0.0)] = 1.0
    transformation: Transformation = "none"

    def fit(self, encoder: Tensor) -> Norm:
        """Centre and scale of encoder sequences [servers, steps]: the same for all."""
        return Norm(
            encoder.new_full(encoder.shape[:1], self.center, dtype=torch.float64),
            encoder.new_full(encoder.shape[:1], self.scale, dtype=torch.float64),
        )

    def apply(self, values: Tensor, norm: Norm) -> Tensor:
        """Real units [servers, steps] to model units, float32."""
        # Constants are large against what is left after them; float64 as where they come from.
        transformed = _TRANSFORMATIONS[self.transformation][0](values.double())
        return ((transformed - norm.center[:, None]) / norm.scale[:, None]).float()


@dataclass(frozen=True, slots=True, config=STRICT)
class WindowScaler:
    """Centre and scale of each encoder sequence itself.

    Attributes:
        kind: Tells the scalers apart.
        method: standard: mean and standard deviation; robust: quantiles; identity: 0 and 1.
        centered: Whether the centre is subtracted; else it is 0.
        lower: Quantile level whose distance to `upper` is twice the robust scale.
        middle: Quantile level that is the robust centre.
        upper: See `lower`.
        center_steps: Newest steps of the encoder that the centre is taken from; 0 for all.
        scale_steps: Newest steps that the scale is taken from; 0 for all.
        transformation: Applied before.
    """

    kind: Literal["window"] = "window"
    method: Literal["standard", "robust", "identity"] = "standard"
    centered: bool = True
    lower: Level = 0.25
    middle: Level = 0.5
    upper: Level = 0.75
    center_steps: Annotated[int, Field(ge=0)] = 0
    scale_steps: Annotated[int, Field(ge=0)] = 0
    transformation: Transformation = "none"

    def fit(self, encoder: Tensor) -> Norm:
        """Centre and scale of encoder sequences [servers, steps]."""
        values = _TRANSFORMATIONS[self.transformation][0](encoder.float())
        zeros = values.new_zeros(values.shape[:1])
        if self.method == "identity":
            return Norm(zeros, zeros + 1.0)
        # A slice from -0 is all of it.
        for_center, for_scale = values[:, -self.center_steps :], values[:, -self.scale_steps :]
        eps = torch.finfo(values.dtype).eps
        if self.method == "standard":
            center, scale = for_center.mean(dim=-1), for_scale.std(dim=-1) + eps
        else:
            center = for_center.quantile(self.middle, dim=-1)
            spread = for_scale.quantile(self.upper, dim=-1) - for_scale.quantile(self.lower, dim=-1)
            scale = spread / 2.0 + eps
        return Norm(center if self.centered else zeros, scale)

    def apply(self, values: Tensor, norm: Norm) -> Tensor:
        """Real units [servers, steps] to model units, float32."""
        transformed = _TRANSFORMATIONS[self.transformation][0](values.float())
        return (transformed - norm.center[:, None]) / norm.scale[:, None]


Scaler = Annotated[FixedScaler | WindowScaler, Field(discriminator="kind")]


def to_real_units(output: Tensor, scaler: FixedScaler | WindowScaler, norm: Norm) -> Tensor:
    """Undo the scaling of a forecast [servers, horizon, quantiles]."""
    center, scale = norm.center.float()[:, None, None], norm.scale.float()[:, None, None]
    return _TRANSFORMATIONS[scaler.transformation][1](output * scale + center)
