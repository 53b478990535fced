"""Clips of events on their way to this node: ordered once there is room, taken over once they lie whole, or missing for a reason.

Owns the order of a clip: its row and its room, then the order to the process that reads the camera, then the file, then the row that says
it is here. What a worker laid down is found again after a crash of either side, because the files are the message and the note on the
socket only hastens it. Called by desk.py under its lock, off the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edge_ai.evidence.handing import disk_word
from edge_ai.wire.clips import CLIP_BYTES_MAX, ClipNote, ClipOrder, ClipSpan
from edge_ai.wire.events import EventRow
from node.evidence.clip_book import Clip, ClipState
from node.evidence.errors import EvidenceFault, EvidenceUnknown
from node.evidence.keeping import Keeping
from node.evidence.store import is_plain

ANSWER_US = 120_000_000
"""After a clip's end; then nobody tells of it any more."""
SPAN_US_MAX = 60_000_000
"""Of a clip; a worker that asks for more is not believed."""
NO_ANSWER, NO_READER, BAD_SPAN = "no-answer", "no-reader", "bad-span"
"""Reasons of an event without clip: the process that reads its camera ended before it was whole, nobody reads the camera here, and a wish
that makes no sense."""


@dataclass(slots=True)
class Clips:
    """One node's clips."""

    keeping: Keeping
    _orders: list[ClipOrder] = field(default_factory=list)

    def begin(self, row: EventRow, kind: str, now_us: int) -> str:
        """Order the clip that an event's rule wants, if it does; why there is none, empty when it is ordered or none is wanted.

        Raises EvidenceFault, OSError.
        """
        if row.clip is None:
            return ""
        known = self.keeping.clips.find(row.event_id)
        if known is not None and known.state is not ClipState.AWAITED:
            return ""
        made = Clip(
            event_id=row.event_id, camera=row.camera, kind=kind, at_us=row.time_us, state=ClipState.AWAITED, bytes=CLIP_BYTES_MAX,
            due_us=now_us + row.clip.until_us - row.clip.since_us + ANSWER_US,
        )  # fmt: skip
        if known is None:
            if why := self._reason_against(row.event_id, row.clip, kind):
                self._missing(made, why)
                return why
            self.keeping.clips.enter(made)
        self._orders.append(ClipOrder(row.event_id, row.camera, row.clip))
        return ""

    def orders(self) -> list[ClipOrder]:
        """The orders since the last call, for the processes that read the cameras."""
        orders, self._orders = self._orders, []
        return orders

    def take(self, note: ClipNote) -> str:
        """A worker says what became of a clip; why it is missing, empty when it is here. Raises EvidenceFault, OSError."""
        clip = self.keeping.clips.find(note.event_id)
        if clip is None or clip.camera != note.camera or clip.state is not ClipState.AWAITED:
            return ""
        if note.why:
            self._missing(clip, note.why)
            return note.why
        return self._adopt(clip) or ""

    def settle(self, now_us: int) -> None:
        """Take over what lies there although no note came, and give up what is overdue. Raises EvidenceFault, OSError."""
        for clip in self.keeping.clips.awaited():
            if self._adopt(clip) is None and now_us > clip.due_us:
                self._missing(clip, NO_ANSWER)
        for event_id in self.keeping.clip_files.waiting_boxes():
            clip_there = self.keeping.clips.find(event_id)
            if clip_there is not None and clip_there.state is ClipState.KEPT:
                self.boxes(clip_there)

    def start(self, now_us: int) -> None:
        """After a start of the node, before its workers run: what they were writing is half, what lies whole is taken over."""
        self.keeping.clip_files.clear_parts()
        self.settle(now_us)

    def original(self, event_id: str) -> tuple[Clip, bytes]:
        """A clip as the camera sent it. Raises EvidenceFault where it is not here (any more) or not what it was."""
        clip = self.kept(event_id)
        try:
            return clip, self.keeping.clip_files.read(clip.sha256, clip.at_us)
        except OSError as error:
            raise EvidenceFault(f"the clip of event {event_id} cannot be read: {error.strerror}") from error

    def kept(self, event_id: str) -> Clip:
        """What is known of a clip that is here. Raises EvidenceUnknown."""
        clip = self.keeping.clips.find(event_id)
        if clip is None:
            raise EvidenceUnknown(f"event {event_id} has no clip: its rule asks for none; set `clip_s` of the rule for events to come")
        if clip.state is not ClipState.KEPT:
            raise EvidenceUnknown(f"the clip of event {event_id} is not here: {clip.state.value} {clip.why}".rstrip())
        return clip

    def boxes(self, clip: Clip) -> bytes:
        """The boxes of a clip that is here; empty where they never came. Raises OSError."""
        return self.keeping.clip_files.fetch_boxes(clip.event_id, clip.at_us)

    def _reason_against(self, event_id: str, span: ClipSpan, kind: str) -> str:
        is_sensible = span.since_us <= span.at_us <= span.until_us and 0 < span.until_us - span.since_us <= SPAN_US_MAX
        if not is_plain(event_id) or not is_sensible:
            return BAD_SPAN
        return self.keeping.room_for(CLIP_BYTES_MAX, kind)

    def _adopt(self, clip: Clip) -> str | None:
        """Take a clip over; why it is turned away, empty when it is here, None while it has not come whole."""
        files = self.keeping.clip_files
        try:
            facts = files.facts(clip.event_id) or files.read_facts(clip.event_id, clip.at_us)
            if facts is None:
                return None
            size = files.take_over(facts, clip.at_us)
        except EvidenceFault as error:
            self._missing(clip, str(error))
            return str(error)
        except OSError as error:
            why = disk_word(error)
            self._missing(clip, why)
            return why
        kept = replace(clip, state=ClipState.KEPT, bytes=size, sha256=facts.sha256, codec=facts.codec, seconds=facts.seconds, why=facts.cut)
        self.keeping.clips.enter(kept)
        files.fetch_boxes(clip.event_id, clip.at_us)
        return ""

    def _missing(self, clip: Clip, why: str) -> None:
        self.keeping.clips.enter(replace(clip, state=ClipState.MISSING, bytes=0, why=why))
        if is_plain(clip.event_id):
            self.keeping.clip_files.turn_away(clip.event_id)
