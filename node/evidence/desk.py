"""The evidence of a running node: takes originals over before their events become rows, keeps them, and says what is here.

Owns the order of an event: the file lies whole under its day, the book knows it, then the rows go into the journal, then the worker hears
that it may forget. Nothing about a picture stops an event: what goes wrong is a reason in the book and a word in the status. Takes events
one at a time, off the event loop; a worker sends again what found no room in the queue. Called by wiring.py and api.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import msgspec

from edge_ai.evidence.handing import disk_word
from edge_ai.wire.clips import ClipNote, ClipOrder
from edge_ai.wire.events import EventRow
from node.audit.entry import Detail
from node.audit.errors import AuditRefused
from node.clock import Clock
from node.evidence.book import EvidenceBook, Incident, Picture, State
from node.evidence.check import Report, compare
from node.evidence.clip_book import ClipState
from node.evidence.clips import NO_READER, Clips
from node.evidence.errors import EvidenceDamaged, EvidenceFault, EvidenceUnknown
from node.evidence.incidents import IncidentNews
from node.evidence.keeping import Keeping
from node.evidence.store import EvidenceStore
from node.incidents.errors import IncidentFault
from node.untrusted import UNREADABLE
from sync.model import JournalError

QUEUE_MAX = 256
"""Events that wait to be taken; beyond it the worker sends them again later."""
ROUND_S = 600.0
"""How often ages are looked at and what was let go is entered in the audit log."""
TROUBLE = "evidence_trouble"
"""Word of the status: the newest original could not be kept, or one is lost."""
PERSON = "person"
"""Why an original went that somebody let go."""

Ack = Callable[[], None]
Take = Callable[[EventRow, bytes, bytes, Ack], None]
"""Turns an event into rows, and acknowledges once they are durable."""

log = logging.getLogger("yunnao.evidence")


@dataclass(slots=True)
class EvidenceDesk:
    """One node's originals."""

    book: EvidenceBook
    store: EvidenceStore
    keeping: Keeping
    node: str
    incidents: IncidentNews
    rule_kinds: Mapping[tuple[str, str], str]
    """By (camera, rule)."""
    opens_incident: Callable[[str], bool]
    """True for a kind of rule whose events open an incident."""
    rows: Take
    note_gone: Callable[[Detail], Awaitable[int]]
    """Enters in the audit log what was let go; raises AuditRefused."""
    clock: Clock
    is_clock_sure: Callable[[], bool]
    """While it is not, nothing goes by age: a clock that jumped a year ahead would end every original at once."""
    fault: str = ""
    """Why the newest original is not kept; empty when it is."""
    order_clip: Callable[[ClipOrder], bool] = lambda order: False
    """Brings an order to the process that reads the camera, on the event loop; False when there is none."""
    wants_mosaic: Callable[[str], bool] = lambda camera: False
    """True for a camera of which nothing may leave sharp, by its wish of now."""
    lost: int = 0
    """Originals that the look at the start found gone."""
    clips: Clips = field(init=False)
    _lock: Lock = field(default_factory=Lock)
    """One at a time changes files and their rows together."""
    _queue: asyncio.Queue[tuple[EventRow, bytes, bytes, Ack] | ClipNote] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))

    def __post_init__(self) -> None:
        """Clips are kept by the same keeper."""
        self.clips = Clips(self.keeping)

    # ---- taking

    def take(self, row: EventRow, jpeg: bytes, thumb_rgb: bytes, ack: Ack) -> None:
        """An event of a worker; on the event loop. One that finds the queue full is not acknowledged, and comes again."""
        if not self._queue.full():
            self._queue.put_nowait((row, jpeg, thumb_rgb, ack))

    def take_clip(self, note: ClipNote) -> None:
        """A worker tells of a clip; on the event loop. A note that is lost costs ten minutes: then the files are looked at."""
        if not self._queue.full():
            self._queue.put_nowait(note)

    async def run(self) -> None:
        """Take events one after another, and look at ages now and then, for as long as the node runs."""
        await asyncio.gather(self._take_all(), self._keep())

    async def _take_all(self) -> None:
        while True:
            came = await self._queue.get()
            if isinstance(came, ClipNote):
                await asyncio.to_thread(self.admit_clip, came)
                continue
            row, jpeg, thumb_rgb, ack = came
            known = await asyncio.to_thread(self.admit, row, has_picture=bool(jpeg))
            self.rows(known, jpeg, thumb_rgb, ack)
            for order in self.clips.orders():
                if not self.order_clip(order):
                    await asyncio.to_thread(self.admit_clip, ClipNote(order.event_id, order.camera, NO_READER))

    def admit(self, row: EventRow, *, has_picture: bool = True) -> EventRow:
        """Take an event's original over and enter it; the event as it is told on. Blocking; raises nothing about pictures."""
        try:
            if row.ended and not has_picture and not row.evidence.original_sha256 and row.clip is None:
                self.book.end(row.event_id)
                return row
            with self._lock:
                picture = self._kept(row) if row.evidence.original_sha256 else self._entry(row, why=row.evidence.missing)
                self.book.enter(picture)
        except EvidenceFault as error:
            picture = self._entry(row, why=str(error))
        self._want_clip(row, picture.kind)
        if picture.state is not State.KEPT and picture.why:
            self.fault = f"event {row.event_id} has no original here: {picture.why}"
            log.warning("%s", self.fault)
        if picture.state is State.KEPT:
            self.fault = ""
            return row
        return msgspec.structs.replace(row, evidence=msgspec.structs.replace(row.evidence, original_sha256="", original_bytes=0))

    def _want_clip(self, row: EventRow, kind: str) -> None:
        """Order the clip of an event whose rule wants one; nothing about it stops the event."""
        try:
            with self._lock:
                why = self.clips.begin(row, kind, self.clock.wall_us())
        except (EvidenceFault, OSError) as error:
            why = str(error)
        if why:
            log.warning("event %s has no clip: %s", row.event_id, why)

    def admit_clip(self, note: ClipNote) -> None:
        """Take a clip over that a worker tells of, or note why there is none. Blocking; raises nothing."""
        try:
            with self._lock:
                why = self.clips.take(note)
        except (EvidenceFault, OSError) as error:
            why = str(error)
        if why:
            log.warning("event %s has no clip: %s", note.event_id, why)

    def _kept(self, row: EventRow) -> Picture:
        """The entry of an event whose original was laid down: kept, or turned away for a reason. Raises EvidenceFault of the book."""
        sha256, entry = row.evidence.original_sha256, self._entry(row)
        try:
            has_file = self.store.has(sha256, row.time_us)
            size = 0 if has_file else self.store.waiting_bytes(sha256)
            if why := self.keeping.room_for(size, entry.kind):
                self.store.turn_away(sha256)
                return replace(entry, state=State.MISSING, why=why)
            size = self.store.take_over(sha256, row.time_us)
            self.store.keep_boxes(row.event_id, row.time_us, boxes_of(row))
        except EvidenceDamaged as error:
            with suppress(OSError):
                self.store.turn_away(sha256)
            return replace(entry, state=State.MISSING, why=str(error))
        except EvidenceUnknown as error:
            return replace(entry, state=State.MISSING, why=str(error))
        except OSError as error:
            return replace(entry, state=State.MISSING, why=f"{disk_word(error)}: {error.strerror}")
        return replace(entry, state=State.KEPT, bytes=size)

    def _entry(self, row: EventRow, *, why: str = "") -> Picture:
        kind = self.rule_kinds.get((row.camera, row.rule), "")
        opens = self.opens_incident(kind) and not row.ended
        return Picture(
            event_id=row.event_id,
            sha256=row.evidence.original_sha256,
            masked_sha256=row.evidence_sha256,
            camera=row.camera,
            rule=row.rule,
            kind=kind,
            label=row.label,
            at_us=row.time_us,
            bytes=0,
            state=State.MISSING,
            why=why,
            ended=row.ended,
            incident=Incident.OPEN if opens else Incident.NONE,
            masking=row.evidence.masking,
        )

    # ---- keeping

    def start(self) -> None:
        """Make the folder and look both ways; before the first event. Blocking; a disk that refuses keeps no node from starting."""
        try:
            self.store.make()
            self.clips.start(self.clock.wall_us())
            report = compare(self.book, self.store, deep=False, settle=True)
        except (EvidenceFault, OSError) as error:
            self.fault = f"the folder of evidence was not looked at: {error}"
            log.warning("%s", self.fault)
            return
        self.lost = report.without_files.count
        if not report.holds or report.without_rows.count:
            log.warning(
                "evidence: %d originals are gone, %d files belong to no event; `yunnao evidence check` names them",
                report.without_files.count,
                report.without_rows.count,
            )

    async def _keep(self) -> None:
        while True:
            await self.settle()
            await asyncio.sleep(ROUND_S)

    async def settle(self) -> None:
        """One round: which incidents are over, what is past its time, and an entry of what was let go."""
        try:
            await asyncio.to_thread(self._settle)
        except (EvidenceFault, IncidentFault, JournalError, OSError) as error:
            # A book or a disk that fails must not stop a node that stores records: it is said, and tried again.
            self.fault = f"originals are not looked after: {error}"
            log.warning("%s", self.fault)
        await self._enter_gone()

    def _settle(self) -> None:
        self.incidents.follow()
        with self._lock:
            self.clips.settle(self.clock.wall_us())
            if self.is_clock_sure():
                self.keeping.expire(self.clock.wall_us())

    async def _enter_gone(self) -> None:
        gone, size = self.keeping.gone.copy(), self.keeping.gone_bytes
        if not gone:
            return
        try:
            await self.note_gone({"let_go": sum(gone.values()), "bytes": size, **gone})
        except AuditRefused as error:
            log.warning("what was let go of evidence is entered later: %s", error)
            return
        self.keeping.gone, self.keeping.gone_bytes = self.keeping.gone - gone, self.keeping.gone_bytes - size

    # ---- showing

    def picture(self, name: str) -> Picture:
        """The event or picture of that name. Blocking; raises EvidenceUnknown, EvidenceFault."""
        found = self.book.find(name)
        if found is None:
            raise EvidenceUnknown(f"evidence {name!r} is not known here: name an event or a hash from `yunnao evidence list`")
        return found

    def boxes(self, picture: Picture) -> dict[str, Any]:
        """What lies beside an original; empty when there is nothing readable. Blocking."""
        try:
            said = msgspec.json.decode(self.store.read_boxes(picture.event_id, picture.at_us) or b"{}")
        except (EvidenceDamaged, OSError, *UNREADABLE):
            return {}
        return said if isinstance(said, dict) else {}

    def file_name(self, picture: Picture) -> str:
        """Where an original lies below the node's data folder; empty when it is not here."""
        if picture.state is not State.KEPT:
            return ""
        return self.store.path_of(picture.sha256, picture.at_us).relative_to(self.store.folder.parent).as_posix()

    def original(self, name: str) -> tuple[Picture, bytes]:
        """An original with what is known of it. Blocking; raises EvidenceFault where it is not here (any more) or not what it was."""
        found = self.picture(name)
        if found.state is not State.KEPT:
            raise _not_here(found)
        try:
            return found, self.store.read(found.sha256, found.at_us)
        except OSError as error:
            raise EvidenceFault(f"the original of event {found.event_id} cannot be read: {error.strerror}") from error

    def drop(self, name: str) -> list[str]:
        """Let an original go because a person says so. Blocking; raises EvidenceFault, also while the event goes on."""
        found = self.picture(name)
        if found.state is not State.KEPT:
            raise _not_here(found)
        if not found.ended:
            raise EvidenceFault(f"event {found.event_id} goes on: its original stays until it has ended")
        try:
            with self._lock:
                if (clip := self.keeping.clips.find(found.event_id)) is not None and clip.state is ClipState.KEPT:
                    self.keeping.drop_clip(clip, PERSON)
                return self.keeping.drop(found, PERSON)
        except OSError as error:
            raise EvidenceFault(f"what is kept of event {found.event_id} cannot be removed: {error.strerror}") from error

    def check(self, *, deep: bool) -> Report:
        """Look both ways. Blocking; raises EvidenceFault."""
        try:
            return compare(self.book, self.store, deep=deep, settle=False)
        except OSError as error:
            raise EvidenceFault(f"the folder of evidence cannot be read: {error.strerror}") from error

    def facts(self) -> dict[str, Any]:
        """Counts, bytes and room. Blocking; raises EvidenceFault."""
        rules = self.keeping.rules
        counts = {"counts": self.book.counts(), "clips": self.keeping.clips.counts()}
        return counts | {"bytes": self.keeping.used_bytes(), "quota_bytes": rules.quota_bytes, "fault": self.fault}

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [TROUBLE] if self.fault or self.lost else []

    async def stop(self) -> None:
        """Release the book."""
        self.book.close()


def _not_here(picture: Picture) -> EvidenceUnknown:
    return EvidenceUnknown(f"the original of event {picture.event_id} is not here: {picture.state.value} {picture.why}".rstrip())


def boxes_of(row: EventRow) -> bytes:
    """What lies beside an original: which event it is of, what found it, and the boxes, never burnt into the picture."""
    names = ("event_id", "camera", "rule", "score", "time_us", "place", "algorithm", "algorithm_sha256", "evidence_grade", "scene")
    said = {name: getattr(row, name) for name in names} | {"class": row.label, "masked_sha256": row.evidence_sha256}
    said |= {"original_sha256": row.evidence.original_sha256, "masking": row.evidence.masking, "boxes": row.overlays}
    return msgspec.json.encode(said, order="sorted")
