"""Which node is asked to approve what is proposed here: the one that was named, this one, or the nearest above that may.

Called by the api modules of the negative list and of changed grades.
"""

from __future__ import annotations

from node.cases.errors import CaseRefused
from node.cases.kind import Party
from node.tree.directory import Directory, NodeStatus
from sync.model import Level


def approver_of(directory: Directory, me: Party, named: str, *, is_me: bool) -> Party:
    """The node to approve; `is_me` says that it is this one where none is named. Raises CaseRefused when none is known."""
    if named == me.node or (not named and is_me):
        return me
    above = [status for name in directory.ancestors() if (status := directory.above(name)) is not None]
    fitting = [status for status in sorted(above, key=_rank) if (status.id == named if named else _rank(status) >= Level.MUNICIPAL)]
    if not fitting:
        known = ", ".join(sorted(status.id for status in above)) or "none yet: the link has not been up"
        raise CaseRefused(f"no node to approve it is known here; name one with --approver (above this node are {known})")
    return Party(fitting[0].id, fitting[0].territory)


def _rank(status: NodeStatus) -> Level:
    return Level.from_word(status.level)
