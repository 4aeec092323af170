"""The serving kernels compute what the plain layers compute."""

from __future__ import annotations

import sys

import pytest
import torch

from argus_server.forecast import allocator
from argus_server.forecast.kernels import LayerNorm, Linear

MANY, FEW = (64, 40, 32), (2, 3, 32)


@pytest.mark.parametrize("shape", [MANY, FEW])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    layer = Linear(32, 48, bias=bias)
    # A transposed input is not contiguous, as slices of a larger tensor are not.
    x = torch.randn(shape).transpose(0, 1)
    with torch.no_grad():
        plain = layer(x)
    with torch.inference_mode():
        fast = layer(x)
    torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [MANY, FEW])
def test_layer_norm(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = LayerNorm(32)
    with torch.no_grad():
        layer.weight.normal_()
        layer.bias.normal_()
    x = 50.0 + 3.0 * torch.randn(shape)
    x[0] = 7.0  # a row without any spread
    before = x.clone()
    with torch.no_grad():
        plain = layer(x)
    with torch.inference_mode():
        fast = layer(x)
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4)
    assert torch.equal(x, before)


def test_gradients_flow() -> None:
    layer = torch.nn.Sequential(Linear(32, 32), LayerNorm(32))
    layer(torch.randn(MANY)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is a Linux library")
def test_memory_is_kept_where_glibc_is() -> None:
    import platform

    assert allocator.keep_freed_memory() is (platform.libc_ver()[0] == "glibc")
