"""Sources do not outlive the test that built them."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator

import pytest

from tests.client.adapters.pulling import close_built


@pytest.fixture(autouse=True)
async def _closed_sources() -> AsyncIterator[None]:
    yield
    await close_built()


@pytest.fixture
async def _forgotten_sockets() -> AsyncIterator[None]:
    """pymongo 4.20 leaves the socket of a connection attempt it cancels to the garbage collector, which warns."""
    yield
    await close_built()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
