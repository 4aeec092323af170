"""Answers that many browsers share."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from argus_client import NotFound
from argus_ui.answers import Answers, PerSnapshot


class Asked:
    """A question that is counted, and answered when the test says so."""

    def __init__(self) -> None:
        self.times = 0
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> dict[str, Any]:
        self.times += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return {"n": self.times, "gap": float("nan")}


async def test_who_asks_at_once_shares_one_question() -> None:
    answers, asked = Answers(), Asked()
    waiting = [asyncio.create_task(answers.get("a", 10.0, asked)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # goes away; the others get their answer
    asked.may_answer.set()
    documents = [await task for task in waiting[1:]]
    assert [orjson.loads(one.plain) for one in documents] == [{"n": 1, "gap": None}] * 2


async def test_an_answer_is_kept_for_its_time() -> None:
    now = 0.0
    answers, asked = Answers(lambda: now), Asked()
    asked.may_answer.set()
    await answers.get("a", 10.0, asked)
    now = 9.9
    await answers.get("a", 10.0, asked)
    assert asked.times == 1
    now = 10.0
    await answers.get("a", 10.0, asked)
    assert asked.times == 2
    answers.forget()
    await answers.get("a", 10.0, asked)
    await answers.get("b", 10.0, asked)
    assert asked.times == 4


async def test_an_error_is_told_and_not_kept() -> None:
    answers, asked = Answers(), Asked()
    asked.may_answer.set()
    asked.error = NotFound("no such server")
    with pytest.raises(NotFound):
        await answers.get("a", 10.0, asked)
    asked.error = None
    assert orjson.loads((await answers.get("a", 10.0, asked)).plain)["n"] == 2


async def test_what_is_kept_is_bounded() -> None:
    answers, asked = Answers(), Asked()
    asked.may_answer.set()
    for i in range(101):
        await answers.get(str(i), 10.0, asked)
    await answers.get("0", 10.0, asked)
    assert asked.times == 102


async def test_it_is_made_once_per_snapshot() -> None:
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


async def test_an_error_is_not_held_for_the_snapshot() -> None:
    held: PerSnapshot[str] = PerSnapshot(lambda: "1")

    async def fail() -> str:
        raise ValueError("no")

    async def make() -> str:
        return "made"

    with pytest.raises(ValueError, match="no"):
        await held.get("a", fail)
    assert await held.get("a", make) == "made"
