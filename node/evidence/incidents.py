"""Which incidents are over, as the node's book of incidents says: until then nobody lets the originals of their events go.

Takes what changed there since the last round; all of it once more when rows came back behind that place. Called by desk.py, off the event
loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.evidence.book import EvidenceBook, Incident
from node.incidents.following import Following

CHANGES_MAX = 1_000
"""Incidents of one step, more only where one batch changed more."""
STEPS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class IncidentNews:
    """How far changes of incidents are known."""

    book: EvidenceBook
    following: Following

    def follow(self) -> None:
        """Take what changed since. Raises EvidenceFault, IncidentFault, JournalError."""
        put_back = self.following.follow()
        if put_back is not None:
            self.book.incidents_after(put_back)
        for _ in range(STEPS_MAX):
            changed = self.following.book.changed(self.book.incidents_mark(), CHANGES_MAX)
            if not changed:
                return
            states = [(event_id, Incident.CLOSED if closed else Incident.OPEN) for event_id, closed, _ in changed if event_id]
            self.book.settle_incidents(states, changed[-1][2])
