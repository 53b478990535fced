"""Which incidents are over, as the rows of `incidents` at this node say: until then nobody lets the originals of their events go.

Reads the journal from where it stopped. Called by desk.py, off the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from node.evidence.book import EvidenceBook, Incident
from node.incident_rows import INCIDENTS
from node.store.journal import SqliteJournal
from node.store.records import live_parts
from sync.model import Span

CLOSED_STATES = frozenset({"closed", "resolved", "dismissed", "cancelled"})
"""States of an incident after which its evidence may go; any other keeps it."""
BATCHES_MAX = 64
BYTES_MAX = 4 << 20
READS_MAX = 1_000
"""Short reads in one round."""


@dataclass(frozen=True, slots=True)
class IncidentBook:
    """How far the incidents of the journal are known."""

    book: EvidenceBook
    journal: SqliteJournal

    def follow(self) -> None:
        """Read what came since. Raises EvidenceFault, JournalError."""
        last = self.journal.last_lsn
        for _ in range(READS_MAX):
            position = self.book.incidents_mark()
            if position >= last:
                return
            found = self.journal.find(INCIDENTS, Span(position, last), batches_max=BATCHES_MAX, bytes_max=BYTES_MAX)
            states = [state for stored in found for rows, _ in live_parts(stored) for state in _states_in(rows)]
            self.book.settle_incidents(states, found[-1].lsn if found else last)


def _states_in(rows: pa.RecordBatch) -> list[tuple[str, Incident]]:
    """What rows say of the incidents of events."""
    told = zip(rows.column("event_id").to_pylist(), rows.column("state").to_pylist(), strict=True)
    return [(event_id, Incident.CLOSED if state in CLOSED_STATES else Incident.OPEN) for event_id, state in told if event_id]
