"""The sealed envelopes of a node put together from its parts. Called by node/wiring.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from node.assembly import Parts
from node.attachment.handover import Handover
from node.identity.chance import new_nonce
from node.ingest.handing_in import HandingIn
from node.requests.wiring import Requests
from node.sealed.book import FILE_NAME, SealedBook
from node.sealed.desk import SealedDesk
from node.sealed.errors import SealedBookDamaged
from node.sealed.keys import RoutedKeys
from node.sealed.opening import Opening
from node.sealed.places import Place, PlacesBelow, is_foster_parent, place_above
from node.sealed.sealing import Sealing
from node.store.side_file import open_or_begin_anew
from sync.model import Direction, StoredBatch

LOSS = "envelopes are sealed and opened once more, each record counts once"


def sealed_of(parts: Parts, requests: Requests, handing_in: HandingIn) -> SealedDesk:
    """The desk; raises SealedBookError when its file cannot be opened now."""
    book = open_or_begin_anew(parts.config.data_dir / FILE_NAME, SealedBook, damaged=SealedBookDamaged, loss=LOSS)
    routes, seal = requests.taking.routes, requests.taking.seal
    keys = RoutedKeys(parts.me.node, lambda: parts.attachments.own.path, routes, seal, book)
    keys.start()
    sealing = Sealing(
        me=parts.me.node,
        journal=parts.journal,
        gate=lambda: parts.policy.gate,
        places=_places(parts),
        book=book,
        keys=keys,
        seal=seal,
        storing=handing_in,
        nonce=new_nonce,
    )
    opening = Opening(parts.me, parts.journal, parts.runtime.pipeline, parts.runtime, parts.directory, book, seal, parts.clock)
    return SealedDesk(book, sealing, opening)



def _places(parts: Parts) -> Callable[[], Sequence[Place]]:
    """For whom this node may have to seal, whenever it is asked."""
    below, handover = PlacesBelow(parts.directory), Handover(parts.journal, parts.me.node)

    def has_already(stored: StoredBatch) -> bool:
        former = parts.attachments.former
        mark = parts.runtime.engine.out_mark(former, Direction.UP, stored.batch.header.lane)
        return bool(former) and stored.lsn <= mark.secured and handover.had_whole(former, stored)

    def places() -> Sequence[Place]:
        if parts.parent is None or not is_foster_parent(parts.parent.territory.code, parts.me.territory):
            return below()
        above = place_above(parts.directory, parent=parts.parent.node, path=parts.attachments.own.path)
        return below() if above is None else [replace(above, has_already=has_already), *below()]

    return places
