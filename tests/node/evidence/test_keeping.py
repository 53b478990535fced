"""What goes, when, and what never goes by itself (EDGE_AI (b) 16)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.evidence.keeping import DAY_US, FLOOR, KIND_ROOM, ROOM
from node.evidence.store import EvidenceStore
from policies.catalogue import Resource
from sync.model import HybridTime
from tests.node.cases.town import put
from tests.node.evidence.conftest import Make
from tests.node.evidence.office import NOON_US, ROOMY, Office, kind_rule
from tests.node.rot import away
from tests.policies.city import city

INCIDENTS: Resource = city().resources["incidents"]


def incident(office: Office, event_id: str, state: str) -> None:
    """A row of the incident that an event opened."""
    row = (NOON_US, "370202001", 2, f"inc-{event_id}", event_id, "door", 2, "grid", state, "person")
    put(office.shelf, INCIDENTS, [row], origin="grid-1", at=HybridTime(NOON_US))


def test_beyond_the_quota_the_oldest_goes(make: Make) -> None:
    office = make(replace(ROOMY, quota_bytes=30))
    for number in range(5):
        office.happened(f"e{number}", original=f"picture {number}".encode(), at_us=NOON_US + number)
    assert office.states("e0", "e1", "e2") == [("expired", ROOM), ("expired", ROOM), ("kept", "")]
    assert len(office.names()) == 3
    assert office.desk.keeping.gone == {ROOM: 2}


def test_an_open_event_is_never_let_go_and_the_new_one_is_told_why(make: Make) -> None:
    office = make(replace(ROOMY, quota_bytes=30))
    for number in range(3):
        office.happened(f"e{number}", original=f"picture {number}".encode(), rule="door", ended=False)
    row = office.happened("e3", original=b"picture 3")
    assert office.states("e0", "e3") == [("kept", ""), ("missing", ROOM)]
    assert row.event_id == "e3"
    assert office.desk.troubles() == ["evidence_trouble"]


@pytest.mark.parametrize(("state", "goes"), [("open", False), ("handling", False), ("closed", True), ("dismissed", True)])
def test_the_original_of_an_ended_event_stays_while_its_incident_is_open(make: Make, state: str, *, goes: bool) -> None:
    office = make(replace(ROOMY, quota_bytes=30))
    for number in range(3):
        office.happened(f"e{number}", original=f"picture {number}".encode(), rule="door", ended=False)
        office.ended(f"e{number}")
    incident(office, "e1", "open")
    incident(office, "e1", state)
    office.desk.incidents.follow()
    office.happened("e3", original=b"picture 3")
    assert office.states("e1", "e3") == ([("expired", ROOM), ("kept", "")] if goes else [("kept", ""), ("missing", ROOM)])


def test_incidents_are_read_once(office: Office) -> None:
    office.happened("e1", rule="door", ended=False)
    incident(office, "e1", "closed")
    office.desk.incidents.follow()
    office.desk.incidents.follow()
    assert office.desk.book.incidents_mark() == office.shelf.journal.last_lsn
    assert office.desk.picture("e1").incident.value == "closed"


def test_an_incident_whose_rows_were_away_is_heard_of_once_they_are_back(office: Office) -> None:
    for event_id in ("e1", "e2"):
        office.happened(event_id, rule="door", ended=False)
        incident(office, event_id, "open")
    incident(office, "e1", "closed")
    journal = office.shelf.journal
    with away(journal, 2), away(journal, 3):
        incident(office, "e3", "open")
        office.desk.incidents.follow()
        assert [office.desk.picture(one).incident.value for one in ("e1", "e2")] == ["open", "open"]
        assert office.desk.book.incidents_mark() == journal.last_lsn
    office.again()
    office.desk.incidents.follow()
    assert [office.desk.picture(one).incident.value for one in ("e1", "e2")] == ["closed", "open"]
    assert office.desk.book.incidents_mark() == journal.last_lsn


def test_a_file_that_an_open_event_shares_stays(make: Make) -> None:
    office = make(replace(ROOMY, quota_bytes=10))
    office.happened("e1", original=b"one frame")
    office.happened("e2", original=b"one frame", rule="door", ended=False)
    office.happened("e3", original=b"another f")
    assert office.states("e1", "e2", "e3") == [("kept", ""), ("kept", ""), ("missing", ROOM)]


def test_a_disk_near_its_floor_gives_room_by_age(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    office = make(replace(ROOMY, floor_bytes=1_000))
    office.happened("e1")
    monkeypatch.setattr(EvidenceStore, "free_bytes", lambda store: 995 + 13 * (not list(store.files())))
    office.happened("e2")
    assert office.states("e1", "e2") == [("expired", FLOOR), ("kept", "")]


def test_a_disk_that_something_else_fills_costs_no_original(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    office = make(replace(ROOMY, floor_bytes=1_000_000))
    monkeypatch.setattr(EvidenceStore, "free_bytes", lambda store: 1_000_000)
    office.happened("e1")
    monkeypatch.setattr(EvidenceStore, "free_bytes", lambda store: 500_000)
    office.happened("e2")
    assert office.states("e1", "e2") == [("kept", ""), ("missing", FLOOR)]


async def test_nothing_goes_by_age_while_the_clock_is_unsure(office: Office) -> None:
    office.happened("e1")
    office.clock.wall, office.sure = NOON_US + 400 * DAY_US, False
    await office.desk.settle()
    assert office.states("e1") == [("kept", "")]
    office.sure = True
    await office.desk.settle()
    assert office.states("e1") == [("expired", "age")]


def test_a_disk_that_stays_full_takes_no_picture(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    office = make(replace(ROOMY, floor_bytes=1_000))
    monkeypatch.setattr(EvidenceStore, "free_bytes", lambda store: 0)
    office.happened("e1")
    assert office.states("e1") == [("missing", FLOOR)]


def test_age_counts_by_kind_of_rule(make: Make) -> None:
    office = make(replace(ROOMY, kinds={"line": kind_rule(keep_days=2), "zone": kind_rule()}))
    office.happened("line", rule="line")
    office.happened("other", rule="else")
    office.happened("zone", rule="door", ended=True)
    office.desk.keeping.expire(NOON_US + 3 * DAY_US)
    assert office.states("line", "other", "zone") == [("expired", "age"), ("kept", ""), ("kept", "")]
    office.desk.keeping.expire(NOON_US + 31 * DAY_US)
    assert office.states("other", "zone") == [("expired", "age"), ("kept", "")]


def test_a_kind_has_a_quota_of_its_own(make: Make) -> None:
    office = make(replace(ROOMY, kinds={"line": kind_rule(quota_bytes=20)}))
    for number in range(3):
        office.happened(f"e{number}", original=f"picture {number}".encode(), at_us=NOON_US + number)
    office.happened("zone", rule="door", original=b"picture of a zone")
    assert office.states("e0", "e2", "zone") == [("expired", KIND_ROOM), ("kept", ""), ("kept", "")]


def test_days_that_are_empty_go_with_their_last_file(office: Office) -> None:
    office.happened("e1")
    office.desk.keeping.expire(NOON_US + 60 * DAY_US)
    assert sorted(path.name for path in office.desk.store.folder.iterdir()) == ["incoming"]


def test_what_a_worker_laid_down_and_never_told_of_goes_after_a_week(office: Office) -> None:
    office.happened("e1")
    stray = office.desk.store.folder / "incoming" / f"{'0' * 64}.jpg"
    stray.write_bytes(b"x")
    written_us = stray.stat().st_mtime_ns // 1_000
    office.desk.keeping.expire(written_us + DAY_US)
    assert stray.exists()
    office.desk.keeping.expire(written_us + 8 * DAY_US)
    assert not stray.exists()


async def test_what_went_is_entered_in_the_audit_log_once_it_takes_it(make: Make) -> None:
    office = make(replace(ROOMY, quota_bytes=10))
    office.happened("e1", original=b"picture 1")
    office.happened("e2", original=b"picture 2")
    office.refuses = True
    await office.desk.settle()
    assert office.entered == []
    office.refuses = False
    await office.desk.settle()
    await office.desk.settle()
    assert office.entered == [{"let_go": 1, "bytes": 9, ROOM: 1}]
