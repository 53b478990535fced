"""A desk of evidence on a real disk, fed as workers feed it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_ai.evidence.handing import Handing
from edge_ai.wire.events import EventMessage, EventRow, EvidenceInfo, Overlay
from node.audit.entry import Detail
from node.audit.errors import AuditRefused
from node.evidence.book import FILE_NAME, EvidenceBook
from node.evidence.desk import Ack, EvidenceDesk
from node.evidence.incidents import IncidentNews
from node.evidence.keeping import DAY_US, Keeping, KeepRules, KindRule
from node.evidence.store import FOLDER, EvidenceStore
from node.incidents.book import IncidentBook
from node.incidents.following import Following
from tests.edge_ai.wire.test_parts import event
from tests.node.cases.town import HandClock
from tests.node.shelf import Shelf, open_shelf

NOON_US = 1_790_000_000_000_000
"""2026-09-21."""
ROOMY = KeepRules(quota_bytes=1 << 30, floor_bytes=0, keep_us=30 * DAY_US, kinds={})
KINDS = {("c", "door"): "zone", ("c", "line"): "line"}


@dataclass(slots=True)
class Office:
    """One node's evidence."""

    folder: Path
    rules: KeepRules = ROOMY
    told: list[EventRow] = field(default_factory=list)
    """Events that went on to the rows."""
    entered: list[Detail] = field(default_factory=list)
    sure: bool = True
    """Of its clock."""
    refuses: bool = False
    """The audit log takes nothing."""
    desk: EvidenceDesk = field(init=False)
    shelf: Shelf = field(init=False)
    _followed: Following | None = None
    clock: HandClock = field(default_factory=lambda: HandClock(NOON_US))

    def __post_init__(self) -> None:
        """Open everything."""
        self.shelf = open_shelf(self.folder, node="grid-1")
        self.desk = self._opened()
        self.desk.start()

    def _opened(self) -> EvidenceDesk:
        book, store = EvidenceBook(self.folder / FILE_NAME), EvidenceStore(self.folder / FOLDER)
        return EvidenceDesk(
            book=book, store=store, keeping=Keeping(book, store, self.rules), node="grid-1",
            incidents=IncidentNews(book, self._following()), rule_kinds=KINDS, opens_incident=lambda kind: kind == "zone",
            rows=self._rows, note_gone=self._enter, clock=self.clock,
            is_clock_sure=lambda: self.sure,
        )  # fmt: skip

    def _following(self) -> Following:
        if self._followed is None:
            self._followed = Following(IncidentBook(self.folder / "incidents.db"), self.shelf.journal, "grid-1")
        return self._followed

    def again(self) -> None:
        """As after a new start of the process."""
        self.desk.book.close()
        self.desk = self._opened()
        self.desk.start()

    def close(self) -> None:
        """Release the files."""
        self.desk.book.close()
        self._following().book.close()
        self.shelf.journal.close()

    def _rows(self, row: EventRow, jpeg: bytes, thumb_rgb: bytes, ack: Ack) -> None:
        self.told.append(row)
        ack()

    async def _enter(self, detail: Detail) -> int:
        if self.refuses:
            raise AuditRefused("full")
        self.entered.append(detail)
        return 1

    def happened(
        self, event_id: str, *, original: bytes = b"", at_us: int = NOON_US, rule: str = "line", ended: bool = True, lay: bool = True,
        overlays: tuple[Overlay, ...] = (),
    ) -> EventRow:
        """An event whose original is laid down by a worker and taken by the desk."""
        data = original or f"picture of {event_id}".encode()
        digest = hashlib.sha256(data).hexdigest()
        message = event(event_id, ended=ended)
        info = EvidenceInfo(message.row.evidence_sha256, 2, 1, digest, len(data), "boxes")
        row = msgspec.structs.replace(message.row, evidence=info, time_us=at_us, rule=rule, overlays=overlays or message.row.overlays)
        if lay:
            assert Handing(self.desk.store.folder, floor_bytes=0).hand_over(EventMessage(row, b"", b"", data)) == ""
        return self.desk.admit(row)

    def ended(self, event_id: str) -> None:
        """The end of an event."""
        row = event(event_id, ended=True).row
        self.desk.admit(row, has_picture=False)

    def states(self, *event_ids: str) -> list[tuple[str, str]]:
        """State and reason of events."""
        found = [self.desk.picture(one) for one in event_ids]
        return [(one.state.value, one.why) for one in found]

    def names(self) -> Sequence[str]:
        """Files of pictures."""
        return sorted(found.sha256 for found in self.desk.store.files())


def kind_rule(*, keep_days: int = 0, quota_bytes: int = 0) -> KindRule:
    """A rule in days."""
    return KindRule(keep_days * DAY_US, quota_bytes)
