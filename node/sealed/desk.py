"""The sealed envelopes of a running node: looks for what to seal and what to open, for as long as the node runs, and says how it stands.

Refuses nothing. Called by the local API (`sealed`), by status and by the background of the appliance.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from node.ingest.handing_in import NoRoom
from node.sealed.book import SealedBook
from node.sealed.errors import SealedBookError
from node.sealed.opening import Opening
from node.sealed.sealing import Sealing

LOOK_EVERY_S = 1.0
"""How often it is looked for envelopes to make and to open: what goes past a foster parent takes so long at each end."""
NO_KEY, KEPT_BACK = "envelopes_unsealed", "envelopes_held"

log = logging.getLogger("yunnao.sealed")


@dataclass(slots=True)
class SealedDesk:
    """Both sides."""

    book: SealedBook
    sealing: Sealing
    opening: Opening
    fault: str = ""
    """Why envelopes are not looked after; empty when they are."""
    _is_held: bool = False

    def troubles(self) -> list[str]:
        """Words for the status."""
        return ([NO_KEY] if self.sealing.unknown else []) + ([KEPT_BACK] if self._is_held else [])

    def listed(self) -> dict[str, Any]:
        """What was sealed and opened here, and for whom no key is known. Blocking."""
        return {**self.book.listed(), "no_key": sorted(self.sealing.unknown), "fault": self.fault}

    async def run(self) -> None:
        """Look for as long as the node runs."""
        while True:
            try:
                await self.look()
                self.fault = ""
            except (SealedBookError, NoRoom) as error:
                # The book's own file failing must not stop a node that stores records: it is said, and tried again.
                self.fault = str(error)
                log.warning("sealed envelopes not looked after: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Do all there is to do now. Raises SealedBookError, NoRoom, JournalError."""
        while await self.opening.look():
            continue
        self._is_held = bool(await asyncio.to_thread(self.book.kept_back))
        while await self.sealing.look():
            continue

    async def stop(self) -> None:
        """Release the book."""
        await asyncio.to_thread(self.book.close)
