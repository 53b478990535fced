"""Who may put records of a resource (一数一源): its one source node, and for a record that stands here already, the node it is of.

Refuses what another node would put, before anything is stored, and names the way out. Called by the desk for the API's `put`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from node.ingest.inbox import to_record_batch
from node.ingest.sink import Row
from node.quality.errors import NotTheSource
from node.quality.judging import SINGLE_SOURCE, Lot, key_hashes
from node.quality.projection import StoredMemory
from node.quality.store import subject_of
from policies.catalogue import Resource, schema


def check_source(resource: Resource, me: str) -> None:
    """Refuse a node that is not the one source; raises NotTheSource."""
    source = resource.quality.source
    if source and source != me:
        raise NotTheSource(
            f"records of {resource.code} are put by {source} alone, and this node is {me}: nothing was stored; tell the source with "
            f"`yunnao quality report {resource.code} --source {source} --why TEXT`"
        )


def check_keys(resource: Resource, me: str, rows: Sequence[Row], memory: StoredMemory) -> None:
    """Refuse rows whose key stands here in records of another node; raises NotTheSource. Blocking."""
    batch = to_record_batch(schema(resource), list(zip(*rows, strict=True)))
    counts = np.zeros(batch.num_rows, np.int64)
    hashes = key_hashes(resource.quality.key, Lot.of(resource, batch, counts, counts.astype(np.int32)), memory.seed)
    if hashes is None:
        return
    mine = memory.numbers([me])[me]
    origins = memory.known(subject_of(resource.code, rule=SINGLE_SOURCE)).origins_of(hashes)
    foreign = np.flatnonzero((origins >= 0) & (origins != mine))
    if len(foreign):
        owner = memory.store.origin(int(origins[foreign[0]]))
        raise NotTheSource(
            f"row {int(foreign[0]) + 1} refused: its {', '.join(resource.quality.key)} is that of a record of {owner}, and only its source "
            f"corrects a record: nothing was stored; tell it with `yunnao quality report {resource.code} --source {owner} --why TEXT`"
        )
