"""Totals of what may not go up as records: the k-rule, finality, and no crash that could give a person away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from node.ingest.inbox import Inbox, PendingBatch
from node.links.handshake import Me
from node.summaries.totals import Totals
from policies import Entry, Ruleset, Verdict
from policies.bundle import schemas_of
from policies.catalogue import Scalar
from policies.ceiling import ReleaseRule
from policies.regrade import Regrade, numbers_text
from policies.ruleset import IssuedEntry, IssuedRegrade
from sync.model import Level
from tests.contracts.batches import commit_of
from tests.node.identity.family import StandingClock
from tests.node.shelf import INCARNATION, NODE, Shelf, open_shelf
from tests.policies.city import city, gate
from tests.policies.random_policies import BASIS, END_US

RESIDENTS, SUMMARY = "residents", "residents-summary"
START_US = 1_000_000


class Policy:
    """The preset city in force, with release rules that a test may take away."""

    def __init__(self) -> None:
        self.rules = city()
        self.gate = gate(Level.DISTRICT)
        self.release: dict[int, ReleaseRule] | None = None

    @property
    def ruleset(self) -> Ruleset:
        return self.rules if self.release is None else replace(self.rules, release=self.release)


class Office:
    """A district with residents of its streets, whose totals go to the municipality."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.policy = Policy()
        self.inbox = Inbox(schemas_of(tuple(self.policy.rules.resources.values())), on_data=lambda: None)
        self.restart()

    def restart(self) -> None:
        """A new life with the same journal; nothing else is kept."""
        me = Me(NODE, 7, Level.DISTRICT, "370202")
        self.totals = Totals(
            me=me,
            parent_level=Level.MUNICIPAL,
            policy=self.policy,  # type: ignore[arg-type]
            journal=self.shelf.journal,
            inbox=self.inbox,
            clock=StandingClock(),
        )

    def count(self) -> dict[tuple[str, object], int | None]:
        """What one window would release, by place and decade; empty when nothing is due or new."""
        for resource, derived in self.totals._due():
            rows = self.totals._prepare(resource, derived, START_US)
            if rows is not None:
                self.rows = rows
                return {(row["place"], row["decade"]): row["count"] for row in rows.to_pylist()}
        return {}

    def commit(self) -> None:
        """Make the counted rows durable, as the runtime would."""
        resource = self.policy.rules.resources[SUMMARY]
        stored = self.shelf.append(self.rows, code=SUMMARY, lane=resource.lane, origin=NODE)
        self.shelf.journal.commit(commit_of(stored, after=self.shelf.batches[:-1]))

    def move_in(self, count: int, *, first: int = 0, street: str = "370202001", year: int = 1805) -> None:
        self.shelf.add(RESIDENTS, [person(number, street, year) for number in range(first, first + count)], origin="street-1")


def person(number: int, street: str, year: int) -> dict[str, Scalar]:
    return {"resident_id": f"r{street}-{year}-{number}", "territory": street, "birth_year": year}


def raising(rules: Ruleset, *numbers: int) -> Ruleset:
    """The rules with a raise of some records of street-1 to L4."""
    streams = (("street-1", INCARNATION, numbers_text((number, number) for number in numbers)),)
    raised = Regrade("RG-1", RESIDENTS, True, 4, streams, BASIS, "a", "b")
    return replace(rules, regrades=(IssuedRegrade("qingdao", Level.MUNICIPAL, raised),))


def denying(rules: Ruleset, predicate: str) -> Ruleset:
    """The rules with an entry that lets nothing of some residents go up."""
    entry = Entry("NL-1", Verdict.DENY, RESIDENTS, predicate=predicate, basis=BASIS, approver="city", valid_from_us=0, valid_to_us=END_US)
    return replace(rules, entries=(*rules.entries, IssuedEntry("qingdao", Level.MUNICIPAL, entry)))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    shelf = open_shelf(tmp_path)
    yield Office(shelf)
    shelf.journal.close()


def shown(found: dict[tuple[str, object], int | None]) -> list[int]:
    return sorted(count for count in found.values() if count is not None)


def k_of(office: Office) -> int:
    return office.policy.rules.release[3].k


def test_a_cell_of_fewer_than_k_is_not_shown(office: Office) -> None:
    office.move_in(k_of(office) - 1)
    assert shown(office.count()) == []


def test_a_large_cell_is_shown_once(office: Office) -> None:
    office.move_in(60)
    assert 60 in shown(office.count())
    office.commit()
    assert office.count() == {}


def test_a_person_is_counted_once_however_often_corrected(office: Office) -> None:
    office.move_in(60)
    office.move_in(60)
    assert 60 in shown(office.count())


def test_a_shown_cell_changes_only_by_k(office: Office) -> None:
    office.move_in(60)
    office.count()
    office.commit()
    office.move_in(1, first=60)
    assert shown(office.count()) == []
    office.move_in(k_of(office), first=61)
    assert shown(office.count()) == [61 + k_of(office)]


def test_a_restart_remembers_what_was_shown(office: Office) -> None:
    office.move_in(60)
    office.count()
    office.commit()
    office.restart()
    office.move_in(1, first=60)
    assert shown(office.count()) == []


def test_a_crash_before_the_commit_shows_nothing_twice(office: Office) -> None:
    office.move_in(60)
    office.count()
    office.restart()
    assert 60 in shown(office.count())


def test_without_a_release_rule_nothing_is_shown_until_there_is_one(office: Office) -> None:
    office.policy.release = {}
    office.move_in(60)
    assert office.count() == {}
    office.policy.release = None
    assert 60 in shown(office.count())


def test_totals_of_another_node_are_not_this_nodes_memory(office: Office) -> None:
    office.move_in(60)
    office.count()
    resource = office.policy.rules.resources[SUMMARY]
    foreign = office.shelf.append(office.rows, code=SUMMARY, lane=resource.lane, origin="district-9")
    office.shelf.journal.commit(commit_of(foreign, after=office.shelf.batches[:-1]))
    office.restart()
    assert 60 in shown(office.count())


async def test_a_release_waits_until_its_rows_are_stored(office: Office) -> None:
    office.move_in(60)
    office.count()
    releasing = asyncio.create_task(office.totals._release(office.policy.rules.resources[SUMMARY], office.rows))
    await asyncio.sleep(0)
    batches: list[PendingBatch] = office.inbox.drain()
    assert [batch.resource for batch in batches] == [SUMMARY]
    assert not releasing.done()
    office.inbox.stored(batches[0])
    await releasing
    assert pa.Table.from_batches([batches[0].rows]).num_rows == office.rows.num_rows


def test_a_record_that_was_raised_beyond_counting_leaves_the_window_though_nothing_new_came(office: Office) -> None:
    """With the raise the table is graded L4, whose k is 20: 30 people stay enough, 12 do not."""
    office.move_in(30)
    office.move_in(12, year=1815)
    assert shown(office.count()) == [12, 30]
    assert office.count() == {}, "one window, one count"
    office.policy.gate = gate(Level.DISTRICT, raising(office.policy.rules, 3))
    found = office.count()
    assert found
    assert shown(found) == []


def test_what_an_entry_denies_since_is_counted_no_longer_though_nothing_new_came(office: Office) -> None:
    office.move_in(30)
    office.move_in(30, year=1815)
    assert shown(office.count()) == [30, 30]
    office.policy.gate = gate(Level.DISTRICT, denying(office.policy.rules, "birth_year = 1815"))
    assert shown(office.count()) == [30]
