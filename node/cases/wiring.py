"""The desk of the cases put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

from collections.abc import Collection

from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.cases.errors import RegisterDamaged
from node.cases.kind import Kind, Party
from node.cases.register import FILE_NAME, Register
from node.ingest.handing_in import HandingIn
from node.store.side_file import open_or_begin_anew

LOSS = "it is made again from the journal"


def cases_of(parts: Parts, handing_in: HandingIn, kinds: Collection[Kind]) -> CaseDesk:
    """The desk; raises CaseError when its file cannot be opened now."""
    above = frozenset((*parts.parent.path, parts.parent.node)) if parts.parent is not None else frozenset()
    register = open_or_begin_anew(
        parts.config.data_dir / FILE_NAME,
        lambda path: Register(path, kinds, me=parts.me.node, above=lambda: above),
        damaged=RegisterDamaged,
        loss=LOSS,
    )
    return CaseDesk(
        register=register,
        me=Party(parts.me.node, parts.me.territory),
        journal=parts.journal,
        resource=lambda code: parts.policy.ruleset.resources.get(code),
        handing_in=handing_in,
        clock=parts.clock,
        children=parts.child_territories,
        observe=parts.hybrid.observe,
    )
