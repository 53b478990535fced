"""Looking again and again for as long as a node runs: at once when there is news, else after a while. Called by the desks of the kinds.

Refuses nothing, and swallows nothing: what a look raises ends the rounds, so a look says itself what it tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from node.cases.desk import CaseDesk


@dataclass(slots=True)
class Rounds:
    """The rounds of one desk."""

    every_s: float
    """How long without news until the next look."""
    rest_s: float = 0.0
    """How long after each look nothing is looked at, however much news there is."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, cases: CaseDesk, kind: str) -> None:
        """Take a case of this kind that changed as news."""
        cases.on_change(lambda changed, case_id: self.tell() if changed.name == kind else None)

    def tell(self) -> None:
        """There is news."""
        self._news.set()

    async def run(self, look: Callable[[], Awaitable[None]]) -> None:
        """Look now, and whenever there is news, for as long as the node runs."""
        while True:
            self._news.clear()
            await look()
            if self.rest_s:
                await asyncio.sleep(self.rest_s)
            try:
                async with asyncio.timeout(self.every_s):
                    await self._news.wait()
            except TimeoutError:
                continue
