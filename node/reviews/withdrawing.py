"""Taking an entry out of this node's own bundle again: by a fact of its case where a case brought it there, else by the next epoch.

Called by the desk, when the time of a contradiction has passed and nobody showed on which law the entry stands.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from node.cases.desk import CaseDesk
from node.negative_list.kind import ENTRY, ENTRY_PREFIX
from node.policy.issuing import Issuer
from node.reviews.kind import BY_ITSELF


async def withdraw(cases: CaseDesk, issuer: Issuer, entry_id: str, why: str) -> None:
    """Make an entry of this node void; one that is gone already changes nothing. Raises CaseError, NoRoom, PolicyError, IssueRefused."""
    case_id = entry_id.removeprefix(ENTRY_PREFIX)
    case = await asyncio.to_thread(cases.register.case, ENTRY, case_id) if entry_id.startswith(ENTRY_PREFIX) else None
    if case is not None:
        if case.state == "approved":
            await cases.say(ENTRY, case_id, "revoke", {"why": why}, by=BY_ITSELF)
        return
    held = issuer.policy.held(issuer.node)
    if held is None or entry_id not in {entry.id for entry in held.contents.entries}:
        return
    bundle = issuer.next_bundle(lambda now: replace(now, entries=tuple(entry for entry in now.entries if entry.id != entry_id)))
    await issuer.issue_aside(bundle)
