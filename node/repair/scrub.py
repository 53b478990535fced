"""A slow walk over every stored payload, so that damage is found while a neighbour still has the bytes.

Reads a little, then rests; what it meets is told by the read itself to node/repair/desk.py. Called by node/keeping/care.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from node.store.aside import next_lsns
from node.store.journal import SqliteJournal
from sync.model import JournalCorrupt

STEP_BATCHES = 16
PAUSE_S = 0.2
"""Rest between two batches: a payload of a megabyte takes a few milliseconds to read and hash."""


@dataclass(slots=True)
class Scrub:
    """The walk; `every_s` is the time from the beginning of one to the next at most."""

    journal: SqliteJournal
    every_s: float
    checked: int = 0
    """Payloads looked at since the node started."""

    async def run(self) -> None:
        """Walk for as long as the node runs."""
        while True:
            await self.walk(PAUSE_S)
            await asyncio.sleep(self.every_s)

    async def walk(self, pause_s: float) -> int:
        """Look at every payload once; how many did not match their hash."""
        after, damaged = 0, 0
        while lsns := await asyncio.to_thread(self._next, after):
            for lsn in lsns:
                damaged += not await asyncio.to_thread(self._is_whole, lsn)
                await asyncio.sleep(pause_s)
            after = lsns[-1]
        return damaged

    def _next(self, after: int) -> list[int]:
        return self.journal.look("walk over the payloads", lambda db: next_lsns(db, after, STEP_BATCHES))

    def _is_whole(self, lsn: int) -> bool:
        self.checked += 1
        try:
            self.journal.batch(lsn)
        except JournalCorrupt as error:
            if error.lsn is None:
                raise
            return False
        return True
