"""Answers made once per snapshot."""

from __future__ import annotations

import asyncio

import pytest

from argus_ui.shared import PerSnapshot


async def test_those_who_ask_at_once_wait_for_one_answer() -> None:
    tag = "1"
    made: list[str] = []
    held: PerSnapshot[int] = PerSnapshot(lambda: tag)

    async def make() -> int:
        made.append(tag)
        number = len(made)
        await asyncio.sleep(0)
        return number

    found = await asyncio.gather(held.get("a", make), held.get("a", make), held.get("b", make))
    assert list(found) == [1, 1, 2]
    assert await held.get("a", make) == 1
    tag = "2"
    assert await held.get("a", make) == 3


async def test_one_who_goes_away_does_not_take_it_along() -> None:
    held: PerSnapshot[str] = PerSnapshot(lambda: "1")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def make() -> str:
        begun.set()
        await go_on.wait()
        return "made"

    first = asyncio.create_task(held.get("a", make))
    await begun.wait()
    second = asyncio.create_task(held.get("a", make))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go_on.set()
    assert await second == "made"


async def test_an_error_is_not_held() -> None:
    held: PerSnapshot[str] = PerSnapshot(lambda: "1")

    async def fail() -> str:
        raise ValueError("no")

    async def make() -> str:
        return "made"

    with pytest.raises(ValueError, match="no"):
        await held.get("a", fail)
    assert await held.get("a", make) == "made"
