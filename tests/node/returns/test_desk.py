"""Returns at a real journal: how old each is, an alarm when one is missing past its period, and what children have acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from node.identity.bundle_seal import BundleSeal
from node.policy.store import PolicyStore
from node.returns.desk import TROUBLE, Place, ReturnsDesk
from node.returns.store import ReturnsBook
from node.store.journal import SqliteJournal, open_journal
from policies import CompiledGate, Resource, Station
from policies.presets import preset_bundle
from sync.model import MICROSECONDS, ClockQuality, Direction, HybridTime, Lane, Level, Run, Span, State
from sync.model.writes import AppendLedger, OutMark, SetOutMark
from tests.contracts.batches import commit_of, entry, stored
from tests.node.identity.family import CITY, NOW_US, PROVINCE, StandingClock, make_node

HOUR_S = 3_600
GRACE_S = HOUR_S // 10
CODE = "enterprises"
TOP = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=NOW_US * 2)
ENTERPRISES = next(resource for resource in TOP.contents.catalogue if resource.code == CODE)


@dataclass
class Territory:
    """A city under a province that promises to return enterprises every hour."""

    desk: ReturnsDesk
    journal: SqliteJournal
    policy: PolicyStore
    clock: StandingClock
    province: BundleSeal

    def issue(self, resource: Resource, epoch: int) -> None:
        contents = replace(TOP.contents, catalogue=tuple(resource if one.code == CODE else one for one in TOP.contents.catalogue))
        self.policy.install(self.province.sign(replace(TOP, epoch=epoch, contents=contents)))

    def come(self, lsn: int, *, at_us: int, origin: str = "shandong", direction: Direction = Direction.RETURN) -> None:
        self.journal.commit(commit_of(stored(lsn, [run_of(origin, lsn, at_us)], resource=CODE, direction=direction)))

    def states(self) -> list[tuple[str, str, float | None]]:
        self.desk.look()
        return [(line["territory"], line["state"], line["age_s"]) for line in self.desk.listed()["received"]]


def run_of(origin: str, number: int, at_us: int) -> Run:
    return Run(origin, 77, number, number, 0, State.PRESENT, "", "", HybridTime(at_us), ClockQuality())


@pytest.fixture
def territory(tmp_path: Path) -> Iterator[Territory]:
    province = make_node(tmp_path, PROVINCE)
    city = make_node(tmp_path, CITY, parent=province)
    clock = StandingClock()
    policy = PolicyStore(
        tmp_path / "policy",
        seal=BundleSeal(city),
        compile_gate=lambda rules: CompiledGate(rules, Station("qingdao", Level.MUNICIPAL), now_us=clock.wall_us()),
        clock=clock,
    )
    journal = open_journal(tmp_path / "j.db", node="qingdao", incarnation=1)
    place = Place("qingdao", Level.MUNICIPAL, "3702", True, lambda child: {"qd-shinan": "370202"}.get(child, ""))
    desk = ReturnsDesk(ReturnsBook(tmp_path / "returns.db"), place=place, journal=journal, policy=policy, clock=clock)
    found = Territory(desk, journal, policy, clock, BundleSeal(province))
    found.issue(replace(ENTERPRISES, period_s=HOUR_S, source_level=Level.PROVINCIAL), 1)
    yield found
    desk.book.close()
    journal.close()


def test_a_return_is_as_old_as_its_newest_record_and_missing_past_its_period(territory: Territory) -> None:
    start_us = territory.clock.us
    territory.come(1, at_us=start_us - 60 * MICROSECONDS)
    assert territory.states() == [("370202", "fresh", 60.0)]
    territory.clock.us = start_us + (HOUR_S + GRACE_S) * MICROSECONDS
    assert territory.states()[0][1] == "missing"
    assert territory.desk.troubles() == [TROUBLE]
    assert territory.desk.listed()["missing"] == [CODE]
    territory.come(2, at_us=territory.clock.us)
    assert territory.states() == [("370202", "fresh", 0.0)]
    assert territory.desk.troubles() == []


def test_a_return_that_never_came_is_missing_a_period_after_it_was_first_promised(territory: Territory) -> None:
    start_us = territory.clock.us
    assert territory.states() == [("3702", "empty", None)]
    territory.clock.us = start_us + (HOUR_S + GRACE_S + 1) * MICROSECONDS
    assert territory.states() == [("3702", "missing", None)]


def test_where_sources_may_stand_anywhere_the_alarm_waits_for_the_first_return(territory: Territory) -> None:
    territory.issue(replace(ENTERPRISES, period_s=HOUR_S, source_level=None), 2)
    territory.states()
    territory.clock.us += 100 * HOUR_S * MICROSECONDS
    assert territory.states() == [("3702", "empty", None)]


def test_what_policy_closes_and_what_only_comes_from_below_is_no_alarm(territory: Territory) -> None:
    late = replace(ENTERPRISES, period_s=HOUR_S, source_level=Level.PROVINCIAL)
    territory.issue(replace(late, grade=0), 2)
    territory.states()
    territory.clock.us += 100 * HOUR_S * MICROSECONDS
    assert territory.states() == [("3702", "withheld", None)]
    territory.issue(replace(late, source_level=Level.MUNICIPAL), 3)
    assert territory.states() == []
    assert territory.desk.troubles() == []


def test_records_that_go_up_or_are_the_nodes_own_are_no_return(territory: Territory) -> None:
    territory.come(1, at_us=territory.clock.us, direction=Direction.UP)
    territory.come(2, at_us=territory.clock.us, origin="qingdao")
    assert territory.states() == [("3702", "empty", None)]


def test_a_source_whose_clock_is_ahead_is_as_fresh_as_now_and_no_fresher(territory: Territory) -> None:
    territory.come(1, at_us=territory.clock.us + 100 * HOUR_S * MICROSECONDS)
    assert territory.states() == [("370202", "fresh", 0.0)]
    territory.clock.us += 2 * HOUR_S * MICROSECONDS
    assert territory.states()[0][1] == "missing"


def test_what_a_child_acknowledged_counts_and_what_is_only_sent_does_not(territory: Territory) -> None:
    now_us = territory.clock.us
    for lsn, age_s in ((1, 500), (2, 100)):
        territory.come(lsn, at_us=now_us - age_s * MICROSECONDS)
        sent = entry(Span(lsn - 1, lsn), [run_of("shandong", lsn, 0)], peer="qd-shinan").entry
        territory.journal.commit([AppendLedger(replace(sent, direction=Direction.RETURN, resource=CODE))])
    territory.journal.commit([SetOutMark("qd-shinan", Direction.RETURN, Lane.BULK, OutMark(stored=1, wire=1))])
    territory.desk.look()
    (line,) = territory.desk.listed()["given"]
    assert (line["child"], line["territory"], line["resource"], line["age_s"], line["receipts"]) == ("qd-shinan", "370202", CODE, 500.0, 1)
    territory.journal.commit([SetOutMark("qd-shinan", Direction.RETURN, Lane.BULK, OutMark(stored=2, wire=2))])
    territory.desk.look()
    territory.desk.look()
    (line,) = territory.desk.listed()["given"]
    assert (line["age_s"], line["receipts"], line["acknowledged_us"]) == (100.0, 2, now_us)


def test_a_second_look_counts_nothing_twice(territory: Territory) -> None:
    territory.come(1, at_us=territory.clock.us)
    territory.states()
    territory.states()
    assert [line["batches"] for line in territory.desk.listed()["received"]] == [1]
