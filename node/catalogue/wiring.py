"""The catalogue's desk put together from the parts of a node. Called by node/appliance.py."""

from __future__ import annotations

import logging
from pathlib import Path

from node.assembly import Parts
from node.catalogue.desk import CatalogueDesk, Issuer
from node.catalogue.errors import StoreDamaged
from node.catalogue.store import FILE_NAME, CatalogueStore
from node.identity.bundle_seal import BundleSeal

log = logging.getLogger("yunnao.catalogue")


DAMAGED_SUFFIX = ".damaged"


def open_store(path: Path) -> CatalogueStore:
    """The store; a damaged one is put aside and begun anew, because a draft must not keep a node from storing records."""
    try:
        return CatalogueStore(path)
    except StoreDamaged as error:
        aside = path.with_name(path.name + DAMAGED_SUFFIX)
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        log.warning("%s; put aside as %s: the draft, the history and the queue begin anew", error, aside.name)
        return CatalogueStore(path)


def catalogue_of(parts: Parts) -> CatalogueDesk:
    """The desk, which hears of every policy that comes into force; raises CatalogueError when its file cannot be opened now."""
    me = Issuer(parts.me.node, parts.me.level, BundleSeal(parts.files).sign)
    store = open_store(parts.config.data_dir / FILE_NAME)
    desk = CatalogueDesk(store, me=me, policy=parts.policy, journal=parts.journal, clock=parts.clock)
    parts.on_policy(lambda _: desk.policy_is_new())
    return desk
