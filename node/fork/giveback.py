"""What a parent gives back to a child that reseeds (node/fork/reseed.py), and how far that has come. Pure but for one reading function.

Called by node/engine/pipeline.py and the links.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sync.core.messages import Position
from sync.core.ready import PeerFacts
from sync.model import Direction, Lane, StoredBatch
from sync.ports import RESEED_PURPOSE, Flow


def ways_of(found: Sequence[StoredBatch], child: PeerFacts, standing: Flow) -> list[tuple[Flow, list[StoredBatch]]]:
    """The batches that go back to the child that brought them, and those that return to it anyway, each with their flow.

    A batch with records of the child's present life was sent by the journal that it has now: it lacks nothing of it.
    """
    back = replace(standing, subtree=frozenset(), purpose=RESEED_PURPOSE)
    brought = [stored for stored in found if stored.source == child.node]
    lost = [stored for stored in brought if not _is_of(stored, child)]
    return [(back, lost), (standing, [stored for stored in found if stored.source != child.node])]


def _is_of(stored: StoredBatch, child: PeerFacts) -> bool:
    return any((run.origin, run.incarnation) == (child.node, child.incarnation) for run in stored.batch.header.runs)


@dataclass(slots=True)
class ReseedProgress:
    """How far a child that reseeds has what this journal held when its link came up."""

    _missing: dict[Lane, int] = field(default_factory=dict)

    @classmethod
    def toward(cls, tops: dict[Lane, int], held: Sequence[Position]) -> ReseedProgress:
        """From the journal's end in each lane, and what the child holds of it."""
        reached = {position.lane: position.upto for position in held if position.direction is Direction.RETURN}
        return cls({lane: top for lane, top in tops.items() if reached.get(lane, 0) < top})

    def moved(self, lane: Lane, stored: int) -> None:
        """The child stored, or need not have, everything of the lane up to `stored`."""
        if lane in self._missing and stored >= self._missing[lane]:
            del self._missing[lane]

    @property
    def is_done(self) -> bool:
        """True when nothing is missing any more."""
        return not self._missing


def lane_tops(connection: sqlite3.Connection) -> dict[Lane, int]:
    """The end of the journal in each lane that has a batch."""
    tops = {lane: connection.execute("SELECT max(lsn) FROM batch WHERE lane = ?", (int(lane),)).fetchone()[0] for lane in Lane}
    return {lane: top for lane, top in tops.items() if top is not None}
