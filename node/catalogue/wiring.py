"""The catalogue's desk put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

from pathlib import Path

from node.assembly import Parts
from node.catalogue.desk import CatalogueDesk
from node.catalogue.errors import StoreDamaged
from node.catalogue.store import FILE_NAME, CatalogueStore
from node.policy.issuing import Issuer
from node.store.side_file import open_or_begin_anew

LOSS = "the draft, the history and the queue begin anew"


def open_store(path: Path) -> CatalogueStore:
    """The store; a damaged one is put aside and begun anew."""
    return open_or_begin_anew(path, CatalogueStore, damaged=StoreDamaged, loss=LOSS)


def catalogue_of(parts: Parts, issuer: Issuer) -> CatalogueDesk:
    """The desk, which hears of every policy that comes into force; raises CatalogueError when its file cannot be opened now."""
    desk = CatalogueDesk(open_store(parts.config.data_dir / FILE_NAME), issuer=issuer, journal=parts.journal)
    parts.on_policy(lambda _: desk.policy_is_new())
    return desk
