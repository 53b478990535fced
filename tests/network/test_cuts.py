"""Links that are cut without a word: one way, both ways, and by a parent that is killed. Nothing lost, nothing twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.network.shaper import Wire
from tests.network.thin import TwoNodes

pytestmark = pytest.mark.slow

WIRE = Wire(kbit_s=2_000, delay_ms=20, loss=0.01, seed=3)
LIMITS = "\n[limits]\nreconnect_floor_s = 0.2\nreconnect_cap_s = 1.0\nheartbeat_s = 0.5\nprogress_timeout_s = 3\n"
READING = ["device", "quantity", "value", "text", "unit"]
INCIDENT = ["incident_id", "event_id", "class", "severity", "handling_level", "state", "summary"]
NOTICED_S = 20.0
"""A cut is noticed on both ends by then: 3 s without progress, or 11 s without a word."""


class Feed:
    """Puts bulk records and alarms at the child and knows how many."""

    def __init__(self, pair: TwoNodes) -> None:
        self.pair = pair
        self.count = 0

    def put(self, records: int) -> None:
        """So many readings, and as many alarms."""
        numbers = range(self.count, self.count + records)
        readings = [[f"dev-{number}", "PM10", float(number), "", "ug/m3"] for number in numbers]
        alarms = [[f"inc-{number}", "", "fire", 3, "street", "open", "smoke"] for number in numbers]
        self.pair.child.call("put", resource="air-quality", columns=READING, rows=readings)
        self.pair.child.call("put", resource="incidents", columns=INCIDENT, rows=alarms)
        self.count += records

    def wait_arrived(self) -> None:
        """Everything put so far is at the parent, once."""
        for resource in ("air-quality", "incidents"):
            self.pair.cluster.wait_records(resource, self.count, self.pair.parent.id)
            assert numbers_of(self.pair.parent.journal, resource) == list(range(1, self.count + 1))


def numbers_of(journal: Path, resource: str) -> list[int]:
    """The sequence numbers of a resource's live rows in a journal, as often as they are there."""
    query = """
        SELECT r.first_seq, r.last_seq FROM batch b JOIN batch_run r USING (lsn)
        WHERE b.resource = ? AND r.duplicate = 0 AND r.row_offset IS NOT NULL ORDER BY r.first_seq
    """
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        rows = connection.execute(query, (resource,)).fetchall()
    return [number for first, last in rows for number in range(first, last + 1)]


def wait_noticed(pair: TwoNodes, *, at_child: bool = True) -> None:
    """Both ends know that the link is gone."""
    if at_child:
        pair.cluster.wait("the child to notice", lambda: pair.status(pair.child)["link"]["state"] != "up", timeout_s=NOTICED_S)
    pair.cluster.wait("the parent to notice", lambda: children_of(pair) == [], timeout_s=NOTICED_S)


def children_of(pair: TwoNodes) -> list[str]:
    """Children with an open link, as the parent says."""
    return [link["peer"] for link in pair.parent.call("status")["links"] if link["role"] == "child"]


@pytest.mark.parametrize("direction", ["a", "b"])
def test_a_link_that_is_cut_one_way_is_built_again(folder: Path, direction: str) -> None:
    with TwoNodes(folder, WIRE, limits=LIMITS) as pair:
        pair.cluster.start()
        pair.cluster.wait_linked()
        feed = Feed(pair)
        feed.put(20)
        feed.wait_arrived()
        pair.pipe.tell(f"cut {direction}")
        feed.put(30)
        wait_noticed(pair)
        pair.pipe.tell("heal")
        feed.put(10)
        feed.wait_arrived()


def test_a_half_open_link_is_noticed_by_both_ends_with_nothing_to_send(folder: Path) -> None:
    with TwoNodes(folder, WIRE, limits=LIMITS) as pair:
        pair.cluster.start()
        pair.cluster.wait_linked()
        feed = Feed(pair)
        feed.put(5)
        feed.wait_arrived()
        pair.pipe.tell("cut both")
        wait_noticed(pair)
        feed.put(30)
        pair.pipe.tell("heal")
        feed.wait_arrived()


def test_a_parent_that_is_killed_again_and_again_gets_everything_once(folder: Path) -> None:
    with TwoNodes(folder, WIRE, limits=LIMITS) as pair:
        pair.cluster.start()
        pair.cluster.wait_linked()
        feed = Feed(pair)
        for _ in range(3):
            feed.put(40)
            pair.parent.kill()
            feed.put(20)
            pair.cluster.start(pair.parent.id)
        feed.wait_arrived()
