"""Device profiles: how much work to hand to which processor at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import torch

from argus_server.forecast.allocator import keep_freed_memory


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """Batch sizes and switches of a processor.

    Attributes:
        name: Name of the profile.
        device: torch device string.
        train_servers: Servers per training batch; a batch holds `SERIES_PER_SERVER` series of each.
        infer_servers: Servers per forward pass; on a CPU small enough for its caches and to let other
            threads run between passes.
        workers: Data loading workers that pay off while training.
        matmul_precision: Argument of `torch.set_float32_matmul_precision`.
        memory_fraction: Share of the device's memory to use; 1 on a CPU.
        training_precision: Lightning's name of the precision to train in. bfloat16 has the range of float32 and
            needs no loss scaling; cards without it, and CPUs, train in float32.
    """

    name: str
    device: str
    train_servers: int
    infer_servers: int
    workers: int
    matmul_precision: Literal["highest", "high", "medium"]
    memory_fraction: float
    training_precision: Literal["32-true", "bf16-mixed"] = "32-true"


CPU: Final = DeviceProfile("CPU", "cpu", 64, 45, 1, "highest", 1.0)
GENERIC: Final = DeviceProfile("generic", "cuda", 16, 64, 4, "highest", 0.75)
V100: Final = DeviceProfile("V100", "cuda", 64, 256, 16, "high", 0.90)
RTX_3090: Final = DeviceProfile("RTX 3090", "cuda", 32, 128, 8, "medium", 0.85, "bf16-mixed")
RTX_4090: Final = DeviceProfile("RTX 4090", "cuda", 32, 128, 8, "medium", 0.85, "bf16-mixed")
A100: Final = DeviceProfile("A100", "cuda", 128, 512, 32, "high", 0.90, "bf16-mixed")
H100: Final = DeviceProfile("H100", "cuda", 256, 1024, 32, "high", 0.90, "bf16-mixed")
H200: Final = DeviceProfile("H200", "cuda", 512, 2048, 32, "high", 0.90, "bf16-mixed")

# Metrics that a real server in the training files has live, on average and rounded.
SERIES_PER_SERVER: Final = 8

PROFILES: Final[tuple[DeviceProfile, ...]] = (CPU, GENERIC, V100, RTX_3090, RTX_4090, A100, H100, H200)

# An unknown card gets the profile of the best known card with no more compute capability.
_BY_CAPABILITY: Final[tuple[tuple[tuple[int, int], DeviceProfile], ...]] = (
    ((9, 0), H100),
    ((8, 9), RTX_4090),
    ((8, 0), A100),
    ((7, 0), V100),
)


def profile_for(device_name: str, capability: tuple[int, int]) -> DeviceProfile:
    """The profile of a CUDA device, by its name, else by its compute capability, else `GENERIC`."""
    plain = device_name.upper().replace(" ", "")
    for profile in (H200, H100, A100, V100, RTX_4090, RTX_3090):
        if profile.name.upper().replace(" ", "") in plain:
            return profile
    for least, profile in _BY_CAPABILITY:
        if capability >= least:
            return profile
    return GENERIC


def prepare(profile: DeviceProfile) -> None:
    """Set the process up for a profile: product precision and memory share on CUDA, kept buffers on a CPU."""
    if profile.device == "cpu":
        keep_freed_memory()
        return
    torch.set_float32_matmul_precision(profile.matmul_precision)
    torch.cuda.set_per_process_memory_fraction(profile.memory_fraction)


def detect() -> DeviceProfile:
    """The profile of the first CUDA device, or `CPU` where there is none."""
    if not torch.cuda.is_available():
        return CPU
    return profile_for(torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0))
