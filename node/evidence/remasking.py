"""Pictures that left before a camera's wish became stricter: masked anew as a whole, and sent again as newer rows of their events.

Owns which pictures are meant: those whose original is still here and that travelled sharp in part, of cameras that want a mosaic by now. A
row that is sent again has the time of its making, so that an entry of the negative list that withholds older pictures (`event_time < ...`)
lets it pass at every relay. What left cannot be unmade here; that is for such an entry. Called by node/cameras/wiring.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_ai.wire.events import Remasked
from node.clock import Clock
from node.errors import NodeError
from node.evidence.book import Picture
from node.evidence.desk import EvidenceDesk
from node.evidence.errors import EvidenceFault
from node.evidence.stamping import MOSAIC, remasked

LOOK_EVERY_S = 60.0
ROUND_MAX = 50
"""Pictures of one look: each takes a process about half a second."""
BOXES = "boxes"

log = logging.getLogger("yunnao.evidence")

Resend = Callable[[Picture, Remasked, int, Callable[[], None]], None]
"""Makes a row of a picture with the time of its making, and says when it is durable; on the event loop."""


@dataclass(slots=True)
class Remasking:
    """What a stricter wish brings about."""

    desk: EvidenceDesk
    resend: Resend
    clock: Clock
    _failed: set[str] = field(default_factory=set)
    """Events whose picture could not be masked anew: they come after all others, so that one damaged file keeps none of them sharp."""

    async def run(self) -> None:
        """Look again and again, for as long as the node runs."""
        said = ""
        while True:
            try:
                await self.look()
                said = ""
            except (NodeError, OSError) as error:
                if said != str(error):
                    log.warning("pictures of a camera that wants a mosaic are not masked anew: %s; tried again", error)
                said = str(error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> int:
        """Mask and send at most ROUND_MAX pictures; how many. Raises EvidenceFault, OSError: of the first that could not be, at the end."""
        meant, faults = await asyncio.to_thread(self._meant), list[EvidenceFault | OSError]()
        for picture in meant:
            try:
                await self._again(picture)
                self._failed.discard(picture.event_id)
            except (EvidenceFault, OSError) as error:
                self._failed.add(picture.event_id)
                faults.append(error)
        if faults:
            raise faults[0]
        return len(meant)

    def _meant(self) -> list[Picture]:
        book, limit = self.desk.book, ROUND_MAX + len(self._failed)
        cameras = [camera for camera, _ in book.not_coarse() if self.desk.wants_mosaic(camera)]
        found = [picture for camera in cameras for picture in book.to_remask(camera, limit)]
        self._failed &= {picture.event_id for picture in found}
        return sorted(found, key=lambda picture: picture.event_id in self._failed)[:ROUND_MAX]

    async def _again(self, picture: Picture) -> None:
        went_through = picture.masking or await asyncio.to_thread(self._said_of, picture)
        if went_through == BOXES:
            _, original = await asyncio.to_thread(self.desk.original, picture.event_id)
            made, stored = await remasked(original), asyncio.Event()
            self.resend(picture, made, self.clock.wall_us(), stored.set)
            await stored.wait()
            went_through = MOSAIC
        await asyncio.to_thread(self.desk.book.masked_as, picture.event_id, went_through)

    def _said_of(self, picture: Picture) -> str:
        """Of a picture from before the book knew: what lies beside the original says it, and where nothing does it counts as sharp."""
        said = self.desk.boxes(picture).get("masking")
        return said if said in (MOSAIC, "none") else BOXES
