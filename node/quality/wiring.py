"""The quality desk put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.identity.chance import new_incarnation
from node.quality.desk import QualityDesk
from node.quality.errors import StoreDamaged
from node.quality.projection import Projection
from node.quality.store import FILE_NAME, QualityStore
from node.requests.arbiters import Parties
from node.store.side_file import open_or_begin_anew

LOSS = "what the journal holds is judged anew"


def quality_of(parts: Parts, cases: CaseDesk, parties: Parties) -> QualityDesk:
    """The desk; raises QualityError when its file cannot be opened now."""
    store = open_or_begin_anew(parts.config.data_dir / FILE_NAME, QualityStore, damaged=StoreDamaged, loss=LOSS)
    projection = Projection(store, parts.journal, lambda: parts.policy.ruleset.resources, new_incarnation)
    return QualityDesk(
        cases=cases,
        projection=projection,
        store=store,
        find=parties.provider,
        clock=parts.clock,
        resources=lambda: parts.policy.ruleset.resources,
    )
