"""What an imported model is fed with: every variable in order, where it comes from and how it is scaled."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, NoReturn

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from argus_server.forecast.classic_scaling import STRICT, FixedScaler, Scaler
from argus_server.forecast.tft import TFTConfig
from argus_server.metrics import METRIC_INDEX, METRICS, QUANTILES
from argus_server.profiles import PROFILES

_DAY_SECONDS: Final = 86_400

# Key of the code that a server without a known profile gets.
UNKNOWN: Final = "unknown"

Source = Literal["metric", "hour", "hour_fraction", "weekday", "relative_time", "time_index"]
StaticSource = Literal["encoder_length", "target_center", "target_scale"]
Positive = Annotated[int, Field(ge=1)]


class UnsupportedModelError(ValueError):
    """A TFT that cannot be exported or imported: what was found, what can be served, what to do."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Target:
    """A contract metric that the model forecasts, and the scaler of its values and forecasts."""

    metric: str
    scaler: Scaler


@dataclass(frozen=True, slots=True, config=STRICT)
class Variable:
    """A real variable of the encoder or decoder.

    Attributes:
        name: Its name in the model; that of the metric if it is one.
        source: metric: the metric's observed values (encoder only); hour: whole hours 0 to 23 UTC;
            hour_fraction: hours and their fractions, 0 to below 24 UTC; weekday: Monday 0 to Sunday 6 UTC;
            relative_time: steps from the first forecast one, in encoder lengths; time_index: steps counted
            from the start of the encoder.
        scaler: Its scaling.
    """

    name: str
    source: Source
    scaler: Scaler


@dataclass(frozen=True, slots=True, config=STRICT)
class StaticReal:
    """A real variable without time.

    Attributes:
        name: Its name in the model.
        source: encoder_length: always 1, the code of a full encoder; target_center, target_scale: the centre or
            scale of a target.
        scaler: Its scaling.
        target: The target whose centre or scale it is; empty for encoder_length.
    """

    name: str
    source: StaticSource
    scaler: FixedScaler
    target: str = ""


@dataclass(frozen=True, slots=True, config=STRICT)
class StaticCategory:
    """A static categorical variable: the code of each profile, and of `unknown` for a server without one."""

    name: str
    codes: dict[str, Annotated[int, Field(ge=0)]]

    def __post_init__(self) -> None:
        wanted = [*PROFILES, UNKNOWN]
        if sorted(self.codes) != sorted(wanted):
            raise ValueError(f"{self.name} needs a code for each of {wanted}, got {sorted(self.codes)}")

    def of(self, profiles: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        """Codes of profile indices [servers]; one past the last profile is the unknown one."""
        table = np.array([self.codes[name] for name in (*PROFILES, UNKNOWN)], dtype=np.int64)
        return table[profiles]


@dataclass(frozen=True, slots=True, config=STRICT)
class ClassicSchema:
    """Inputs and outputs of a classic TFT: one sequence per server, one step per token.

    Attributes:
        step_seconds: Length of a step.
        encoder_steps: Steps of the past that it sees.
        horizon: Steps of the future.
        targets: What it forecasts, in output order.
        static_categoricals: In input order, as are the next three.
        static_reals: Real variables without time.
        encoder_reals: Variables of the past.
        decoder_reals: Variables of the future, known in advance.
    """

    step_seconds: Positive
    encoder_steps: Annotated[int, Field(ge=2)]
    horizon: Positive
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    static_categoricals: tuple[StaticCategory, ...]
    static_reals: tuple[StaticReal, ...]
    encoder_reals: tuple[Variable, ...]
    decoder_reals: tuple[Variable, ...]

    def __post_init__(self) -> None:
        names = self.target_metrics
        if len(set(names)) != len(names):
            raise ValueError(f"targets must differ, got {names}")
        metrics = {variable.name for variable in self.encoder_reals if variable.source == "metric"}
        if unknown := sorted({*names, *metrics} - METRIC_INDEX.keys()):
            raise ValueError(f"{unknown} are no metrics of the contract; those are {list(METRICS)}")
        if future := [variable.name for variable in self.decoder_reals if variable.source == "metric"]:
            raise ValueError(f"the future of {future} is not known in advance")
        for real in self.static_reals:
            if (real.source == "encoder_length") != (real.target == "") or real.target not in {"", *names}:
                raise ValueError(
                    f"{real.name} ({real.source}) belongs to {real.target!r}, targets are {names}"
                )

    @property
    def target_metrics(self) -> tuple[str, ...]:
        """Names of the targets, in output order."""
        return tuple(target.metric for target in self.targets)

    @property
    def context_steps(self) -> int:
        """Steps of the past that a forecast is given: at least a day, which the other metrics' fallback wants."""
        return max(self.encoder_steps, _DAY_SECONDS // self.step_seconds)

    @property
    def min_encoder_steps(self) -> int:
        """Observed steps from which gaps may be filled: three quarters of the encoder."""
        return -(-3 * self.encoder_steps // 4)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_json` reads back."""
        data: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return data

    @classmethod
    def from_json(cls, data: Any) -> ClassicSchema:
        """Read a dict made by `to_json`.

        Raises:
            ValueError: It is not one; the message names every odd place.
        """
        try:
            # Strict Python mode would refuse the lists that JSON has for tuples.
            return _ADAPTER.validate_json(json.dumps(data))
        except ValidationError as error:
            _raise_in_one_line(error)

    def check(self, config: TFTConfig) -> None:
        """Hold the variables against those of a network.

        Raises:
            ValueError: They are not the same, or the network does not forecast p10, p50 and p90.
        """
        for kind in ("static_categoricals", "static_reals", "encoder_reals", "decoder_reals"):
            described = [item.name for item in getattr(self, kind)]
            built = [item.name for item in getattr(config, kind)]
            if described != built:
                raise ValueError(f"{kind} are described as {described}, the network has {built}")
        if any(
            real.width != 1 for real in (*config.static_reals, *config.encoder_reals, *config.decoder_reals)
        ):
            raise ValueError("every real variable of a classic network is one number per step")
        for category, embedded in zip(self.static_categoricals, config.static_categoricals, strict=True):
            if max(category.codes.values()) >= embedded.cardinality:
                raise ValueError(f"{category.name} has codes beyond its {embedded.cardinality} embeddings")
        shape = (config.encoder_tokens, config.decoder_tokens, config.targets)
        wanted = (self.encoder_steps, self.horizon, len(self.targets))
        if shape != wanted or config.patch_length != 1 or config.baselines:
            raise ValueError(
                f"the network has {shape} encoder steps, decoder steps and targets in patches of "
                f"{config.patch_length} with {config.baselines} baselines, expected {wanted} in patches of 1 "
                "without baselines"
            )
        quantile_positions(config.quantiles)


def quantile_positions(levels: tuple[float, ...]) -> list[int]:
    """Where p10, p50 and p90 are among the levels of a network.

    Raises:
        ValueError: One of them is missing.
    """
    found = [next((at for at, level in enumerate(levels) if abs(level - q) < 1e-6), None) for q in QUANTILES]
    missing = [q for q, at in zip(QUANTILES, found, strict=True) if at is None]
    if missing:
        raise ValueError(
            f"the model forecasts the quantiles {list(levels)}; Argus needs {list(QUANTILES)} among them: "
            f"train with QuantileLoss({list(QUANTILES)})"
        )
    return [at for at in found if at is not None]


def _raise_in_one_line(error: ValidationError) -> NoReturn:
    odd = (
        f"{'.'.join(map(str, item['loc'])) or 'inputs'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False)
    )
    raise ValueError("; ".join(odd)) from error


_ADAPTER: Final = TypeAdapter(ClassicSchema)
