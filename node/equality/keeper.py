"""The regular proof: every hop once a day, at low priority, one after the other. Called by node/keeping/care.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from node.equality.audit import DIFFERENCE, Auditor, Hop
from sync.model import MICROSECONDS

log = logging.getLogger("yunnao.equality")

LOOK_S = 600.0
"""How often the age of the proofs is looked at; the first look comes after one such wait, when a start is over."""
REST_SHARE = 3.0
"""Rest after each step, as a multiple of the time it took: the regular proof takes a quarter of one core at most."""


async def rest(worked_s: float) -> None:
    """The rest after a step."""
    await asyncio.sleep(worked_s * REST_SHARE)


@dataclass(slots=True)
class ProofKeeper:
    """Keeps the newest proof of every linked hop younger than `every_s`."""

    auditor: Auditor
    every_s: float
    wall_us: Callable[[], int]
    is_linked: Callable[[str], bool]

    async def run(self) -> None:
        """Prove what is due for as long as the node runs."""
        while True:
            await asyncio.sleep(LOOK_S)
            for hop in self.due():
                self._report(await self.auditor.equal_hop(hop, pause=rest))

    def due(self) -> list[Hop]:
        """Linked hops whose newest proof is too old, or was made in a future that the clock has left."""
        return [hop for hop in self.auditor.hops() if self.is_linked(hop[0]) and self._is_due(hop)]

    def _is_due(self, hop: Hop) -> bool:
        last = self.auditor.memory.newest(hop[0], hop[1].word)
        return last is None or not 0 <= self.wall_us() - last.at_us < self.every_s * MICROSECONDS

    def _report(self, found: dict[str, object]) -> None:
        if found["proof"] == DIFFERENCE:
            log.error("%s does not have what it was sent: %s", found["peer"], found["difference"])
        else:
            log.info("proof of equality with %s: %s %s", found["peer"], found["proof"], found["why"])
