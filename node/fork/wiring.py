"""What too long an absence means to the parts of a node: who is not to be read, and what is done before the first link. Called by
node/appliance.py.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from node.assembly import Parts
from node.recall.eraser import Eraser


def close_readers(parts: Parts) -> None:
    """From now on readers are refused, too, while this node may hold what everybody else has erased."""
    away, recalls = parts.forks.absence.refusal, parts.policy.closed
    parts.policy.closed = parts.marts.closed = lambda resource: away(resource) or recalls(resource)


async def settle_absence(parts: Parts, eraser: Eraser) -> None:
    """Before any link opens: let go what must come anew. The top of the tree has nobody above to hear from. Raises JournalError."""
    absence = parts.forks.absence
    if parts.parent is None:
        await parts.runtime.beside_commits(absence.note)
        return

    async def leave_no_trace() -> None:
        for resource in sorted(parts.policy.ruleset.resources):
            await parts.marts.wipe(resource)
        await eraser.leave_no_trace()

    await absence.settle(parts.runtime, parts.parent.node, leave_no_trace=leave_no_trace)


def keep_noting(parts: Parts) -> Coroutine[Any, Any, object]:
    """Notes that this node hears from above, for as long as it runs."""
    return parts.forks.absence.keep(parts.runtime, lambda: parts.links.link_status().state == "up")
