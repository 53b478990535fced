"""Rounds: a look at once when there is news, however often it is told, and another after a while without any."""

from __future__ import annotations

import asyncio

from node.cases.rounds import Rounds

LONG_S = 3_600.0


async def test_news_that_comes_while_it_is_looked_at_is_looked_at_again_and_once() -> None:
    rounds, looks = Rounds(LONG_S), 0
    enough = asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            rounds.tell()
            rounds.tell()
        if looks == 2:
            enough.set()

    going = asyncio.create_task(rounds.run(look))
    await enough.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    going.cancel()
    assert looks == 2


async def test_without_news_it_is_looked_at_again_after_a_while() -> None:
    looked = asyncio.Semaphore(0)

    async def look() -> None:
        looked.release()

    going = asyncio.create_task(Rounds(0.0).run(look))
    for _ in range(3):
        await looked.acquire()
    going.cancel()
