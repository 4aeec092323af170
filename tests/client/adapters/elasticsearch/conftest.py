"""Sources do not outlive the test that built them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.client.adapters.pulling import close_built


@pytest.fixture(autouse=True)
async def _closed_sources() -> AsyncIterator[None]:
    yield
    await close_built()
