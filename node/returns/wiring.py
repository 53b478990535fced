"""The returns' desk put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

from node.assembly import Parts
from node.returns.desk import Place, ReturnsDesk
from node.returns.errors import BookDamaged
from node.returns.store import FILE_NAME, ReturnsBook
from node.store.side_file import open_or_begin_anew

LOSS = "it is read again from the journal, as far back as that goes"


def returns_of(parts: Parts) -> ReturnsDesk:
    """The desk; raises ReturnsError when its file cannot be opened now."""
    book = open_or_begin_anew(parts.config.data_dir / FILE_NAME, ReturnsBook, damaged=BookDamaged, loss=LOSS)

    def territory_of(child: str) -> str:
        return next((entry.territory.code for entry in parts.admissions.all() if entry.node == child), "")

    place = Place(parts.me.node, parts.me.level, parts.me.territory, parts.parent is not None, territory_of)
    return ReturnsDesk(book, place=place, journal=parts.journal, policy=parts.policy, clock=parts.clock)
