"""A worker's events as rows: picture, incident and event together, acknowledged once all are stored, stored once however often sent."""

from __future__ import annotations

import msgspec
import pytest

from edge_ai.wire.events import EventRow, EvidenceInfo
from node.cameras.rows import EVENTS, EVIDENCE, REMEMBERED_MAX, CameraRows
from node.incidents.rows import INCIDENTS
from node.ingest.inbox import Inbox, PendingBatch
from policies.bundle import schemas_of
from tests.policies.city import city

SCHEMAS = schemas_of(tuple(city().resources.values()))


class Desk:
    """Camera rows over a real inbox."""

    def __init__(self) -> None:
        self.inbox = Inbox(SCHEMAS, on_data=lambda: None)
        self.rows = CameraRows(self.inbox, {("cam", "door"): "zone", ("cam", "line"): "line"}, territory="370202001")
        self.acked: list[str] = []

    def take(self, row: EventRow, jpeg: bytes = b"jpeg") -> None:
        self.rows.take(row, jpeg, b"rgb", lambda: self.acked.append(row.event_id))

    def turn(self) -> dict[str, PendingBatch]:
        batches = self.inbox.drain()
        for batch in batches:
            self.inbox.stored(batch)
        return {batch.resource: batch for batch in batches}


@pytest.fixture
def event() -> EventRow:
    return EventRow(
        event_id="e1", camera="cam", territory="", rule="door", label="person", score=0.9, time_us=5, algorithm="street-s",
        algorithm_sha256="a" * 64, evidence_sha256="b" * 64, evidence_grade="rendered-only", scene="rendered", ended=False, place="gate",
        evidence=EvidenceInfo(sha256="b" * 64, thumb_width=1, thumb_height=1),
    )  # fmt: skip


def test_an_event_brings_its_picture_and_its_incident(event: EventRow) -> None:
    desk = Desk()
    desk.take(event)
    assert desk.acked == []
    found = desk.turn()
    assert set(found) == {EVIDENCE, INCIDENTS, EVENTS}
    assert desk.acked == ["e1"]
    assert found[INCIDENTS].rows.column("summary").to_pylist() == ["person at cam"]
    assert found[EVENTS].territories == ("370202001",)


def test_a_line_crossing_and_the_end_of_an_event_open_no_incident(event: EventRow) -> None:
    desk = Desk()
    desk.take(msgspec.structs.replace(event, rule="line"))
    desk.take(msgspec.structs.replace(event, ended=True), b"")
    assert INCIDENTS not in desk.turn()


def test_an_event_sent_again_is_only_acknowledged(event: EventRow) -> None:
    desk = Desk()
    desk.take(event)
    desk.turn()
    desk.take(event)
    assert desk.acked == ["e1", "e1"]
    assert desk.turn() == {}


def test_what_the_journal_holds_is_recognised_after_a_start(event: EventRow) -> None:
    desk = Desk()
    desk.rows.recall([{"event_id": "e1", "ended": False}])
    desk.take(event)
    assert (desk.acked, desk.turn()) == (["e1"], {})


def test_the_memory_is_bounded(event: EventRow) -> None:
    desk = Desk()
    desk.rows.recall({"event_id": f"e{number}", "ended": False} for number in range(REMEMBERED_MAX + 2))
    desk.take(event)
    assert set(desk.turn()) == {EVIDENCE, INCIDENTS, EVENTS}
