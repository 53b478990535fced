"""The incidents of one node over a real journal: rows come in as cameras, neighbours and people make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from node.audit.entry import Detail
from node.incidents.book import FILE_NAME, IncidentBook, Known
from node.incidents.desk import DAY_US, IncidentDesk
from node.incidents.following import Following
from node.ingest.handing_in import NoRoom
from node.ingest.inbox import to_record_batch
from node.ingest.sink import Row
from policies import schema
from policies.catalogue import Resource, Scalar
from sync.model import HybridTime
from tests.contracts.batches import commit_of
from tests.node.cases.town import HandClock
from tests.node.shelf import NODE, Shelf, open_shelf
from tests.policies.city import city, rows_of

NOON_US = 1_790_000_000_000_000
"""2026-09-21."""


@dataclass
class Watch:
    """One node's incidents."""

    folder: Path
    has_room: bool = True
    sure: bool = True
    over: set[str] = field(default_factory=set)
    """Events that have ended."""
    noted: list[Detail] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shelf: Shelf = open_shelf(self.folder)
        self.clock = HandClock(NOON_US)
        self.open()

    def open(self) -> None:
        """A desk, as after a start."""
        self.following = Following(IncidentBook(self.folder / FILE_NAME), self.shelf.journal, NODE)
        self.desk = IncidentDesk(
            me=NODE, following=self.following, resources=lambda: city().resources, hand_in=self._hand_in,
            is_over=lambda known: known.event_id in self.over, note_expired=self._note, clock=self.clock,
            is_clock_sure=lambda: self.sure, expire_us=30 * DAY_US,
        )  # fmt: skip

    def opened(self, event_id: str, *, origin: str = NODE, at_us: int = NOON_US, state: str = "open", wall_us: int | None = None) -> None:
        """A row of `incidents` that somebody made."""
        row: dict[str, Scalar] = {
            "incident_id": f"inc-{event_id}", "event_id": event_id, "class": "door", "severity": 2, "handling_level": "grid",
            "state": state, "summary": "person at c1r1", "event_time": at_us,
        }  # fmt: skip
        resource = city().resources["incidents"]
        self._append(rows_of(resource, [row]), "incidents", resource, origin, HybridTime(at_us if wall_us is None else wall_us))

    def saw(
        self, event_id: str, *, rule: str = "door", score: float = 0.5, at_us: int = NOON_US, ended: bool = False, origin: str = NODE
    ) -> None:
        """A row of `camera-events`."""
        row: dict[str, Scalar] = {
            "event_id": event_id,
            "camera": "cam",
            "rule": rule,
            "score": score,
            "event_time": at_us,
            "ended": ended,
            "place": "c1r1",
        }
        resource = city().resources["camera-events"]
        self._append(rows_of(resource, [row]), "camera-events", resource, origin, HybridTime(at_us))

    def state(self, event_id: str) -> str:
        """Of its incident, as the journal says now."""
        self.following.follow()
        known = self.following.book.find(f"inc-{event_id}")
        assert known is not None
        return known.state

    def known(self) -> list[Known]:
        """Every incident."""
        self.following.follow()
        return self.following.book.page(limit=1000)

    def close(self) -> None:
        """Release the files."""
        self.following.book.close()
        self.shelf.journal.close()

    async def _hand_in(self, resource: Resource, rows: Sequence[Row]) -> None:
        if not self.has_room:
            raise NoRoom("no room")
        self._append(
            to_record_batch(schema(resource), list(zip(*rows, strict=True))),
            resource.code,
            resource,
            NODE,
            HybridTime(self.clock.wall_us()),
        )

    def _append(self, rows: pa.RecordBatch, code: str, resource: Resource, origin: str, at: HybridTime) -> None:
        stored = self.shelf.append(rows, code=code, lane=resource.lane, origin=origin, at=at)
        self.shelf.journal.commit(commit_of(stored, after=self.shelf.batches[:-1]))

    async def _note(self, detail: Detail) -> int:
        self.noted.append(detail)
        return len(self.noted)
