"""The model in use: opened at start, swapped while running, and honest about what went wrong."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from argus.v1 import admin_pb2, snapshot_pb2
from argus_server.errors import FailedPrecondition, NotFound
from argus_server.forecast import artifact
from argus_server.forecast.artifact import DEFAULT_MIN_ENCODER_STEPS, ArtifactError
from argus_server.forecast.device import CPU, DeviceProfile, detect
from argus_server.forecast.forecaster import Forecaster
from argus_server.forecast.frame import Forecast
from argus_server.forecast.models import ModelRegistry
from argus_server.risk.calibration import Calibrator
from argus_server.settings import ServerSettings
from argus_server.store.directory import make_private
from argus_server.telemetry.metrics import ServerMetrics
from argus_server.window.frame import WindowFrame

_LOG: Final = logging.getLogger(__name__)

STEP_SECONDS: Final = 300
CONTEXT_STEPS: Final = 7 * 288

_PACKAGE: Final = Path(__file__).parent


def shipped_model() -> Path:
    """The artifact that comes with Argus: in the package when installed, in models/ of a checkout."""
    packaged = _PACKAGE / "default_model"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "models" / "default"


class ModelControl:
    """Forecasts with the model in use, or with the declared fallback when there is none.

    A model that cannot be loaded or that fails never stops the server: forecasts then come from the fallback, and
    `degraded_reason` says why until a model runs again.

    Args:
        registry: Holds the models.
        configured: The artifact to run.
        roots: Where artifacts may be loaded from by name.
        profile: The processor.
        metrics: Where to count loads.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        configured: Path,
        roots: tuple[Path, ...],
        profile: DeviceProfile,
        metrics: ServerMetrics,
    ) -> None:
        self._registry = registry
        self._configured = configured
        self._roots = roots
        self._profile = profile
        self._metrics = metrics
        self._fallback = Forecaster(None, profile)
        self._loaded_at_ms = 0
        self._swapping = threading.Lock()
        self.degraded_reason = "no model has been loaded yet"

    @classmethod
    def open(cls, settings: ServerSettings, metrics: ServerMetrics) -> Self:
        """Loads the configured model; when that fails the server runs degraded."""
        configured = (settings.model or shipped_model()).resolve()
        roots = [configured.parent]
        if settings.data_dir is not None:
            models = settings.data_dir.resolve() / "models"
            make_private(models.parent)
            models.mkdir(exist_ok=True)
            roots.append(models)
        profile = _profile(settings.device)
        registry = ModelRegistry(roots, profile, step_seconds=STEP_SECONDS, max_context_steps=CONTEXT_STEPS)
        control = cls(registry, configured, tuple(roots), profile, metrics)
        try:
            control._swap(lambda: registry.reload(configured))
        except ArtifactError as error:
            control.degraded_reason = f"the model cannot be used: {error}"
            _LOG.error("%s; forecasts come from the fallback", control.degraded_reason)
        return control

    @property
    def step_seconds(self) -> int:
        """Step of the windows; a model with another one is refused."""
        return STEP_SECONDS

    @property
    def context_steps(self) -> int:
        """Steps a window keeps: a week. A model that looks further back is refused."""
        return CONTEXT_STEPS

    @property
    def required_steps(self) -> int:
        """Observed steps a server needs for a model forecast."""
        model = self._registry.current.model
        return model.min_encoder_steps if model else DEFAULT_MIN_ENCODER_STEPS

    @property
    def calibrator(self) -> Calibrator | None:
        """Corrects crossing probabilities; None when no model is in use or it has none."""
        model = self._registry.current.model
        return model.calibrator if model else None

    def forecast(self, frame: WindowFrame) -> Forecast:
        """Forecasts a fleet. Runs on the inference thread."""
        forecaster = self._registry.current
        try:
            forecast = forecaster.forecast(frame)
        except Exception as error:
            _LOG.exception("the model failed; forecasts come from the fallback")
            self.degraded_reason = f"the model fails to forecast: {type(error).__name__}"
            return self._fallback.forecast(frame)
        if forecaster.model is not None:
            self.degraded_reason = ""
        return forecast

    def info(self) -> snapshot_pb2.ModelInfo:
        """The model in use."""
        model = self._registry.current.model
        if model is None:
            return snapshot_pb2.ModelInfo(kind="FALLBACK", device=self._profile.device)
        return snapshot_pb2.ModelInfo(
            name=model.name,
            revision=model.revision,
            kind="FALLBACK" if self.degraded_reason else "TFT",
            device=self._profile.device,
            loaded_at_ms=self._loaded_at_ms,
        )

    async def artifacts(self) -> list[admin_pb2.ModelArtifact]:
        """The artifacts on disk, newest first, each read and checked."""
        return await asyncio.to_thread(self._artifacts)

    async def load(self, name: str) -> None:
        """Swaps to an artifact by name.

        Raises:
            NotFound: There is none of that name.
            FailedPrecondition: It cannot be used; the running model stays.
        """
        path = next((entry.path for entry in self._registry.artifacts() if entry.path.name == name), None)
        if path is None:
            known = ", ".join(sorted(entry.path.name for entry in self._registry.artifacts())) or "none"
            raise NotFound(f"no model {name!r}; known are: {known}", field="name")
        await self._load(path)

    async def reload(self) -> None:
        """Loads the running artifact afresh, or the configured one when none runs.

        Raises:
            FailedPrecondition: It cannot be used; the running model stays.
        """
        model = self._registry.current.model
        await self._load(model.path if model else self._configured)

    async def roll_back(self) -> None:
        """Swaps back to the former model.

        Raises:
            FailedPrecondition: There is none.
        """
        try:
            await asyncio.to_thread(self._swap, self._registry.roll_back)
        except LookupError as error:
            raise FailedPrecondition(str(error)) from error

    async def _load(self, path: Path) -> None:
        try:
            await asyncio.to_thread(self._swap, lambda: self._registry.reload(path))
        except ArtifactError as error:
            stays = (
                "the running model stays" if self._registry.current.model else "forecasts stay the fallback's"
            )
            raise FailedPrecondition(f"{error}; {stays}") from error

    def _swap(self, change: Callable[[], Forecaster]) -> None:
        started = time.perf_counter()
        with self._swapping:
            try:
                change()
            except ArtifactError:
                self._metrics.model_reload_failures.inc()
                raise
            self._loaded_at_ms = time.time_ns() // 1_000_000
            self.degraded_reason = ""
        self._metrics.model_reloads.inc()
        self._metrics.model_load_duration.observe(time.perf_counter() - started)

    def _artifacts(self) -> list[admin_pb2.ModelArtifact]:
        found = [self._describe(entry.path, entry.in_use) for entry in self._registry.artifacts()]
        return sorted(found, key=lambda model: (-model.trained_at_ms, model.name))

    def _describe(self, path: Path, running: bool) -> admin_pb2.ModelArtifact:
        described = admin_pb2.ModelArtifact(name=path.name, running=running)
        try:
            model = artifact.load(path, step_seconds=STEP_SECONDS)
        except ArtifactError as error:
            described.defect = str(error)
            return described
        described.revision = model.revision
        described.parameters = sum(parameter.numel() for parameter in model.module.parameters())
        # What follows is the trainer's word on the model; an odd word does not make the model unusable.
        with suppress(ArithmeticError, AttributeError, TypeError, ValueError):
            described.trained_at_ms = int(model.training_info.get("trained_at_ms", 0))
        with suppress(ArithmeticError, AttributeError, TypeError, ValueError):
            described.wql = _headline_wql(model.metrics)
        return described


def _headline_wql(metrics: Mapping[str, Any]) -> float:
    """The mean loss over the data sets a model was evaluated on; 0 when it was on none."""
    losses = [float(dataset.get("wql", 0.0)) for dataset in (metrics.get("datasets") or {}).values()]
    return sum(losses) / len(losses) if losses else 0.0


def _profile(device: str) -> DeviceProfile:
    if device == "auto":
        return detect()
    if device == "cpu":
        return CPU
    found = detect()
    if found is CPU:
        raise ValueError(f"--device {device}: torch finds no CUDA device here; use cpu or auto")
    return replace(found, device=device)
