"""Camera events as rows of the journal: the picture first, then the event that names it, then the incident that follows by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from edge_ai.wire.events import EventRow, Remasked
from node.cameras.rule_entries import severities
from node.evidence.book import Picture
from node.incidents.rows import INCIDENTS, Opened
from node.ingest.inbox import Inbox
from node.ingest.sink import Row

EVENTS, EVIDENCE, CLIPS = "camera-events", "camera-evidence", "camera-clips"
"""Resources; no row of the last is ever stored: clips are handed out one by one under a grant of it (node/evidence/clip_fetching.py)."""
GRADE = 2

INCIDENT_SEVERITY = severities()
"""Severity 1 (low) to 4 of the incident that a rule of this kind or preset opens; a line crossing is a fact, not an incident."""
REMEMBERED_MAX = 10_000
"""Messages of events that are recognised when a worker sends them again."""

Key = tuple[str, bool]
"""(event id, whether it is the event's end): one message of a worker."""


class CameraRows:
    """Puts a worker's events into the inbox; `rule_kinds` says what kind each (camera, rule) is.

    A worker sends again what it got no acknowledgement for, which may be stored already: such a message is only acknowledged.
    """

    def __init__(self, inbox: Inbox, rule_kinds: dict[tuple[str, str], str], *, territory: str) -> None:
        self._inbox = inbox
        self._rule_kinds = rule_kinds
        self._territory = territory
        self._stored: dict[Key, None] = {}
        self.on_begun: Callable[[EventRow], None] = lambda row: None
        """Told of each event once, when it is taken."""

    def recall(self, stored: Iterable[Mapping[str, object]]) -> None:
        """After a start: the newest rows of camera-events in the journal, oldest first."""
        for row in stored:
            self._remember((str(row["event_id"]), bool(row["ended"])))

    def take(self, row: EventRow, jpeg: bytes, thumb_rgb: bytes, ack: Callable[[], None]) -> None:
        """Store an event with what belongs to it; `ack` runs once all of it is durable."""
        key = (row.event_id, row.ended)
        if key in self._stored:
            ack()
            return
        if jpeg or not row.ended:
            self.on_begun(row)
        place = row.territory or self._territory
        if jpeg:
            self._inbox.put(EVIDENCE, [self._laid_out(EVIDENCE, _evidence(row, place, jpeg, thumb_rgb))])
        severity = INCIDENT_SEVERITY.get(self._rule_kinds.get((row.camera, row.rule), ""))
        if severity is not None and not row.ended:
            self._inbox.put(INCIDENTS, [_incident(row, place, severity)])
        self._inbox.put(EVENTS, [self._laid_out(EVENTS, _event(row, place))], lambda: self._is_stored(key, ack))

    def resend(self, picture: Picture, made: Remasked, at_us: int, done: Callable[[], None]) -> None:
        """Store a picture of an event that was masked anew, as a newer row; `done` runs once it is durable."""
        cells = {
            "event_time": at_us, "territory": self._territory, "grade": GRADE, "sha256": made.info.sha256, "event_id": picture.event_id,
            "camera": picture.camera, "jpeg": made.jpeg, "thumb_width": made.info.thumb_width, "thumb_height": made.info.thumb_height,
            "thumb_rgb": made.thumb_rgb, "masked": True,
        }  # fmt: skip
        self._inbox.put(EVIDENCE, [self._laid_out(EVIDENCE, cells)], done)

    def _laid_out(self, resource: str, cells: Mapping[str, object]) -> Row:
        """A row with the columns that the catalogue in force has: an older one lacks some, and one that people made may have more."""
        return tuple(cells.get(name) for name in self._inbox.columns(resource))

    def _is_stored(self, key: Key, ack: Callable[[], None]) -> None:
        self._remember(key)
        ack()

    def _remember(self, key: Key) -> None:
        self._stored[key] = None
        if len(self._stored) > REMEMBERED_MAX:
            del self._stored[next(iter(self._stored))]


def _event(row: EventRow, territory: str) -> Mapping[str, object]:
    return {
        "event_time": row.time_us, "territory": territory, "grade": GRADE, "event_id": row.event_id, "camera": row.camera,
        "rule": row.rule, "class": row.label, "score": row.score, "algorithm": row.algorithm, "algorithm_sha256": row.algorithm_sha256,
        "evidence_sha256": row.evidence_sha256, "evidence_grade": row.evidence_grade, "scene": row.scene, "place": row.place,
        "ended": row.ended, "code": row.code,
    }  # fmt: skip


def _evidence(row: EventRow, territory: str, jpeg: bytes, thumb_rgb: bytes) -> Mapping[str, object]:
    info = row.evidence
    masked = True  # by edge_ai, where the picture was taken; a rendered scene shows nobody
    return {
        "event_time": row.time_us, "territory": territory, "grade": GRADE, "sha256": row.evidence_sha256, "event_id": row.event_id,
        "camera": row.camera, "jpeg": jpeg, "thumb_width": info.thumb_width, "thumb_height": info.thumb_height, "thumb_rgb": thumb_rgb,
        "masked": masked,
    }  # fmt: skip


def _incident(row: EventRow, territory: str, severity: int) -> Row:
    summary = f"{row.label} at {row.camera}"
    return Opened(
        time_us=row.time_us, territory=territory, cause=row.event_id, rule=row.rule, severity=severity, summary=summary
    ).row()
