"""The book of incidents is a fold of the journal: in whatever order rows arrive, and after every restart."""

from __future__ import annotations

import random

import pytest

from node.incidents.book import IncidentBook
from node.incidents.events import Count
from node.incidents.following import Following
from node.incidents.states import Verdict
from tests.node.incidents.watch import NOON_US, Watch
from tests.node.rot import away


@pytest.mark.parametrize("seed", range(6))
def test_the_state_does_not_depend_on_the_order_of_arrival(watch: Watch, seed: int) -> None:
    rows = [("street", 0, "open"), ("district", 10, "acknowledged"), ("street", 20, "dismissed"), ("district", 20, "resolved")]
    random.Random(seed).shuffle(rows)
    for origin, second, state in rows:
        watch.opened("e1", origin=origin, state=state, at_us=NOON_US + second * 1_000_000)
    (known,) = watch.known()
    assert (known.state, known.opened_us, known.origin) == ("dismissed", NOON_US, "street")
    assert [said.state for said in watch.following.book.history("inc-e1")] == ["open", "acknowledged", "resolved", "dismissed"]


def test_hybrid_time_counts_not_what_a_row_says_of_its_time(watch: Watch) -> None:
    watch.opened("e1", wall_us=NOON_US)
    watch.opened("e1", state="resolved", at_us=NOON_US - 9_000_000, wall_us=NOON_US + 1)
    assert watch.state("e1") == "resolved"


def test_a_book_that_is_lost_is_made_again_from_the_journal(watch: Watch) -> None:
    watch.opened("e1")
    watch.opened("e1", state="resolved", at_us=NOON_US + 1)
    watch.saw("e1")
    before = watch.known()
    again = Following(IncidentBook(watch.folder / "again.db"), watch.shelf.journal, "street")
    again.follow()
    assert (again.book.page(limit=9), again.book.changed(0, 9)) == (before, [("e1", True, 2)])
    again.book.close()


def test_rows_are_read_once_and_unknown_words_stay_open(watch: Watch) -> None:
    watch.opened("e1", state="handed over")
    assert watch.known() == watch.known()
    assert watch.following.book.page(limit=9, only_open=True) == watch.known()
    assert watch.following.book.read_to("incidents", 0) == 1


def test_verdicts_of_incidents_and_of_events_are_counted_by_camera_and_rule(watch: Watch) -> None:
    for number, state in enumerate(("dismissed", "resolved", "acknowledged", "expired")):
        watch.saw(f"event-{number}")
        watch.opened(f"event-{number}", state=state)
    watch.saw("old", at_us=NOON_US - 9)
    watch.saw("of another node", origin="other")
    watch.following.follow()
    assert watch.desk.events.counts(NOON_US) == [Count("cam", "door", true=1, false=1, unjudged=2, last_us=NOON_US)]


def test_the_end_of_an_event_is_its_second_row(watch: Watch) -> None:
    watch.saw("an-event")
    watch.saw("an-event", at_us=NOON_US + 7, ended=True)
    watch.following.follow()
    event = watch.desk.events.find("an-event")
    assert event is not None
    assert (event.at_us, event.ended_us) == (NOON_US, NOON_US + 7)


def test_changes_come_in_whole_batches(watch: Watch) -> None:
    for number in range(3):
        watch.opened(f"event-{number}")
    watch.following.follow()
    book = watch.following.book
    assert [lsn for _, _, lsn in book.changed(0, 2)] == [1, 2]
    assert [lsn for _, _, lsn in book.changed(2, 2)] == [3]


def test_the_closed_go_first_when_there_are_too_many(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.incidents.book.ROWS_MAX", 2)
    for number, state in enumerate(("open", "dismissed", "open", "open")):
        watch.opened(f"event-{number}", state=state)
        watch.following.follow()
    assert sorted(known.event_id for known in watch.known()) == ["event-0", "event-2", "event-3"]


def test_rows_that_were_away_when_the_book_came_past_are_read_once_they_are_back(watch: Watch) -> None:
    watch.opened("e1")
    watch.saw("e1")
    watch.opened("e1", state="resolved", at_us=NOON_US + 1)
    watch.saw("e1", at_us=NOON_US + 7, ended=True)
    journal = watch.shelf.journal
    with away(journal, 2), away(journal, 3), away(journal, 4):
        watch.opened("e2")
        assert (watch.state("e1"), watch.desk.events.find("e1")) == ("open", None)
    assert watch.state("e1") == "resolved"
    assert watch.desk.events.verdicts(["e1"])
    assert watch.desk.events.counts(NOON_US) == [Count("cam", "door", true=1, false=0, unjudged=0, last_us=NOON_US)]


def test_a_verdict_outlives_the_reading_from_the_beginning(watch: Watch) -> None:
    watch.saw("an-event")
    watch.following.follow()
    watch.desk.events.judge("an-event", Verdict.FALSE)
    with away(watch.shelf.journal, 1):
        watch.following.follow()
    watch.following.follow()
    assert watch.desk.events.counts(NOON_US) == [Count("cam", "door", true=0, false=1, unjudged=0, last_us=NOON_US)]


def test_a_book_that_is_still_being_read_says_so(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.incidents.following.READS_MAX", 1)
    monkeypatch.setattr("node.incidents.following.BATCHES_MAX", 1)
    for number in range(2):
        watch.opened(f"event-{number}")
    assert [watch.following.follow() for _ in range(3)] == [None, 0, 0]
    with away(watch.shelf.journal, 1):
        pass
    assert [watch.following.follow() for _ in range(3)] == [None, 1, 1]
