"""The summaries of a node put together from its parts. Called by node/wiring.py and node/appliance.py."""

from __future__ import annotations

from node.assembly import Parts
from node.identity.chance import new_nonce
from node.requests.wiring import Requests
from node.summaries.keying import SketchKeys
from node.summaries.pull import SummaryDesk
from node.summaries.totals import Totals


def summaries_of(parts: Parts, requests: Requests) -> SummaryDesk:
    """The desk that pulls and answers."""
    keys = SketchKeys(
        me=parts.me.node,
        parent=parts.parent.node if parts.parent is not None else "",
        path=lambda: parts.attachments.own.path,
        secret=parts.files.pseudonym_secret(),
        routes=requests.taking.routes,
        seal=requests.taking.seal,
        nonce=new_nonce,
    )
    return SummaryDesk(
        node=parts.me.node,
        depth=int(parts.me.level),
        queries=parts.queries,
        marts=parts.marts,
        children=parts.directory.children,
        subtree=parts.directory.subtree,
        linked=parts.links.children,
        may_release=parts.summary_refusal,
        grade_max=parts.summary_grade_max,
        sketch_least=parts.sketch_least,
        keys=keys,
    )


def totals_of(parts: Parts) -> Totals:
    """What goes to the parent as totals only; for a node that has one."""
    assert parts.parent is not None, "totals go to a parent"
    return Totals(
        me=parts.me,
        parent_level=parts.parent.level,
        policy=parts.policy,
        journal=parts.journal,
        inbox=parts.inbox,
        clock=parts.clock,
    )
