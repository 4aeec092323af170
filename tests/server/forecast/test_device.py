"""Device profiles are found by name first, by compute capability next."""

from __future__ import annotations

import pytest

from argus_server.forecast import device


@pytest.mark.parametrize(
    ("name", "capability", "expected"),
    [
        ("NVIDIA H200", (9, 0), device.H200),
        ("NVIDIA H100 80GB HBM3", (9, 0), device.H100),
        ("NVIDIA A100-SXM4-40GB", (8, 0), device.A100),
        ("Tesla V100-PCIE-16GB", (7, 0), device.V100),
        ("NVIDIA GeForce RTX 4090", (8, 9), device.RTX_4090),
        ("NVIDIA GeForce RTX 3090", (8, 6), device.RTX_3090),
        ("NVIDIA B200", (10, 0), device.H100),
        ("NVIDIA L40S", (8, 9), device.RTX_4090),
        ("NVIDIA A10", (8, 6), device.A100),
        ("Quadro RTX 6000", (7, 5), device.V100),
        ("Tesla P100", (6, 0), device.GENERIC),
    ],
)
def test_profile_of_a_card(name: str, capability: tuple[int, int], expected: device.DeviceProfile) -> None:
    assert device.profile_for(name, capability) is expected


def test_every_profile_is_usable() -> None:
    names = [profile.name for profile in device.PROFILES]
    assert len(set(names)) == len(names)
    for profile in device.PROFILES:
        assert profile.infer_servers >= 1
        assert 0.0 < profile.memory_fraction <= 1.0


def test_a_machine_without_cuda_is_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert device.detect() is device.CPU
