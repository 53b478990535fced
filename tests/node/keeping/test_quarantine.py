"""Poison to the end: refused for good, seen on both sides, sent again or left alone by an operator; what a policy mends goes by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.clock import SystemClock
from node.keeping.quarantine import Decide, Listing, QuarantineDesk, QuarantineError
from node.store.journal import SqliteJournal, open_journal
from node.tree.queries import QueryDesk
from sync.core.messages import Answer, Query
from sync.core.poison import POISON_TRIES
from sync.model import Direction, Fate, Level, Manifest, State
from tests.sync.core.rig import Rig, RigVouch, Station, newer

CHILD, PARENT = "grid", "street"


class Distrust(RigVouch):
    """A key that was replaced: nothing of the child is signed by it."""

    def check(self, manifest: Manifest, *, issuer: str) -> bool:
        return False


class RigRuntime:
    """A question of the shell, answered in a turn of the rig."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig, self._name = rig, name

    async def ask(self, question: Callable[..., Any]) -> Any:
        answer = question(self._rig.stations[self._name].engine, self._rig.now)
        self._rig.settle()
        return answer


class Hop:
    """A child, its parent, and the operator's desk on each."""

    def __init__(self, folder: Path) -> None:
        self.journals = {name: open_journal(folder / f"{name}.db", node=name, incarnation=sum(name.encode())) for name in (CHILD, PARENT)}
        child = Station(CHILD, Level.GRID, parent=PARENT, journal=self.journals[CHILD])
        self.rig = Rig(child, Station(PARENT, Level.STREET, journal=self.journals[PARENT]))
        self.queries = {name: QueryDesk() for name in self.journals}
        self.queries[PARENT].tell = self._down
        self.desks = {name: self._desk(name, journal) for name, journal in self.journals.items()}

    def _desk(self, name: str, journal: SqliteJournal) -> QuarantineDesk:
        runtime: Any = RigRuntime(self.rig, name)
        desk = QuarantineDesk(name, PARENT if name == CHILD else "", journal, runtime, self.queries[name], SystemClock())
        desk.start()
        return desk

    def _down(self, peer: str, message: Query | Answer) -> bool:
        assert isinstance(message, Query)
        assert peer == CHILD
        is_linked = (CHILD, PARENT) in self.rig.queues
        if is_linked:
            self.queries[CHILD].asked(message, lambda answer: self.queries[PARENT].answered(CHILD, answer))
        return is_linked

    def trust(self, *, is_trusted: bool) -> None:
        """Whether the parent knows the child's key."""
        self.rig.stations[PARENT].pipeline._vouch = RigVouch(PARENT) if is_trusted else Distrust(PARENT)

    def link(self) -> None:
        """Connect as often as a poisoned frame may break the link."""
        for _ in range(POISON_TRIES):
            if (CHILD, PARENT) not in self.rig.queues:
                self.rig.connect(CHILD, PARENT)
            self.rig.settle(seconds=1.0)

    def poison(self, values: list[float]) -> None:
        """Records of the child that the parent cannot trust."""
        self.trust(is_trusted=False)
        self.rig.offer(CHILD, values)
        self.link()
        self.trust(is_trusted=True)

    def counts(self, fate: Fate) -> int:
        """Records of the hop in a column of the equation, by the child's books."""
        return sum(getattr(stream, fate.value) for stream in self.journals[CHILD].flow(PARENT, Direction.UP))

    def states(self, name: str) -> set[State]:
        """States of all records known at a node."""
        return {entry.state for ranges in self.journals[name].recover().streams.values() for entry in ranges}


@pytest.fixture
def hop(tmp_path: Path) -> Iterator[Hop]:
    made = Hop(tmp_path)
    yield made
    for journal in made.journals.values():
        journal.close()


async def listed(hop: Hop, name: str, *, decided: bool = False) -> list[dict[str, Any]]:
    return list((await hop.desks[name].listing(Listing(decided=decided)))["refusals"])


async def test_a_frame_that_cannot_be_valid_is_seen_on_both_sides(hop: Hop) -> None:
    hop.poison([1.0, 2.0])
    for name, by in ((PARENT, "self"), (CHILD, "peer")):
        (entry,) = await listed(hop, name)
        assert (entry["refused_by"], entry["kind"], entry["records"], entry["resource"]) == (by, "quarantined", 2, "air-quality")
        assert (entry["runs"], entry["tries"], len(entry["sha256"])) == (["grid 1..2"], POISON_TRIES, 64)
        assert "not signed by grid" in entry["reason"]
        assert hop.desks[name].troubles() == ["quarantine"]
    assert hop.counts(Fate.WITHHELD) == 2
    assert hop.states(PARENT) == {State.QUARANTINED}


async def test_records_behind_a_quarantined_frame_go_on(hop: Hop) -> None:
    hop.poison([1.0])
    hop.rig.offer(CHILD, [2.0])
    hop.rig.settle(seconds=1.0)
    assert hop.rig.values(PARENT) == [2.0]


async def test_no_policy_brings_quarantined_records_back(hop: Hop) -> None:
    hop.poison([1.0])
    for station in hop.rig.stations.values():
        station.gate.version = newer(station.gate.version)
        station.engine.policy_changed(station.gate.version, hop.rig.now)
    hop.rig.settle(seconds=1.0)
    assert hop.rig.values(PARENT) == []


async def test_requeue_at_the_sender_sends_them_again_as_backfill_under_the_same_policy(hop: Hop) -> None:
    hop.poison([1.0, 2.0])
    (entry,) = await listed(hop, CHILD)
    answer = await hop.desks[CHILD].decide(Decide(entry["id"], "requeue"))
    hop.rig.settle(seconds=1.0)
    assert answer == {"id": entry["id"], "decision": "requeued", "batches": 1, "at": CHILD}
    assert hop.rig.values(PARENT) == [1.0, 2.0]
    assert hop.rig.batches(PARENT)[-1].batch.header.backfill
    assert (hop.counts(Fate.DELIVERED), hop.counts(Fate.WITHHELD)) == (2, 0)
    for name in (CHILD, PARENT):
        assert await listed(hop, name) == []
        assert hop.desks[name].troubles() == []
    assert [entry["decision"] for entry in await listed(hop, CHILD, decided=True)] == ["requeued"]


async def test_requeue_at_the_receiver_is_done_by_the_child(hop: Hop) -> None:
    hop.poison([1.0])
    (entry,) = await listed(hop, PARENT)
    answer = await hop.desks[PARENT].decide(Decide(entry["id"], "requeue", "the key is right again"))
    hop.rig.settle(seconds=1.0)
    assert (answer["at"], answer["batches"]) == (CHILD, 1)
    assert hop.rig.values(PARENT) == [1.0]
    assert [entry["why"] for entry in await listed(hop, CHILD, decided=True)] == ["the key is right again"]


@pytest.mark.parametrize("name", [CHILD, PARENT])
async def test_dismissed_records_stay_quarantined_on_both_sides_and_are_no_trouble(hop: Hop, name: str) -> None:
    hop.poison([1.0])
    (entry,) = await listed(hop, name)
    await hop.desks[name].decide(Decide(entry["id"], "dismiss", "sensor is gone"))
    assert await listed(hop, CHILD) == []
    assert (hop.counts(Fate.WITHHELD), hop.states(PARENT)) == (1, {State.QUARANTINED})
    assert hop.desks[name].troubles() == []


async def test_a_dismissed_refusal_that_a_policy_could_mend_is_left_alone_by_it(hop: Hop) -> None:
    gates = [station.gate for station in hop.rig.stations.values()]
    hop.rig.stations[PARENT].gate.refused = frozenset({1.0})
    hop.link()
    hop.rig.offer(CHILD, [1.0])
    hop.rig.settle(seconds=1.0)
    (entry,) = await listed(hop, CHILD)
    assert (entry["kind"], hop.desks[CHILD].troubles()) == ("held", [])
    await hop.desks[CHILD].decide(Decide(entry["id"], "dismiss"))
    hop.rig.stations[PARENT].gate.refused = frozenset()
    for gate in gates:
        gate.version = newer(gate.version)
        hop.rig.stations[gate.node].engine.policy_changed(gate.version, hop.rig.now)
    hop.rig.settle(seconds=1.0)
    assert hop.rig.values(PARENT) == []


async def test_a_decision_is_durable_and_the_first_one_stays(hop: Hop) -> None:
    hop.poison([1.0])
    (entry,) = await listed(hop, CHILD)
    await hop.desks[CHILD].decide(Decide(entry["id"], "dismiss"))
    hop.rig.crash(CHILD)
    with pytest.raises(QuarantineError, match="was dismissed already"):
        await hop.desks[CHILD].decide(Decide(entry["id"], "requeue"))


async def test_without_a_link_the_receiver_says_where_to_decide(hop: Hop) -> None:
    hop.poison([1.0])
    hop.rig.disconnect(CHILD, PARENT)
    (entry,) = await listed(hop, PARENT)
    with pytest.raises(QuarantineError, match=r"grid has no link.*on grid, which has them"):
        await hop.desks[PARENT].decide(Decide(entry["id"], "requeue"))
    assert len(await listed(hop, PARENT)) == len(await listed(hop, CHILD)) == 1


async def test_an_unknown_number_is_refused(hop: Hop) -> None:
    with pytest.raises(QuarantineError, match="refusal 7 is not known here"):
        await hop.desks[CHILD].decide(Decide(7, "dismiss"))


async def test_the_word_quarantine_reaches_a_child_that_was_away_when_it_was_told(hop: Hop) -> None:
    hop.rig.drop = lambda source, target, message: type(message).__name__ == "Refused"
    hop.poison([1.0])
    assert await listed(hop, CHILD) == []
    hop.rig.drop = lambda source, target, message: False
    hop.rig.disconnect(CHILD, PARENT)
    hop.rig.crash(PARENT)
    hop.link()
    assert [entry["kind"] for entry in await listed(hop, CHILD)] == ["quarantined"]


async def test_a_resource_the_receiver_does_not_know_is_held_and_goes_once_it_does(hop: Hop) -> None:
    gate = hop.rig.stations[PARENT].gate
    hop.rig.stations[PARENT].gate.refused = frozenset({1.0})
    hop.link()
    hop.rig.offer(CHILD, [1.0])
    hop.rig.settle(seconds=1.0)
    assert (hop.rig.values(PARENT), hop.counts(Fate.WITHHELD)) == ([], 1)
    gate.refused = frozenset()
    for station in hop.rig.stations.values():
        station.gate = replace(station.gate, version=newer(station.gate.version))
        station.engine.policy_changed(station.gate.version, hop.rig.now)
    hop.rig.settle(seconds=1.0)
    assert (hop.rig.values(PARENT), hop.counts(Fate.DELIVERED)) == ([1.0], 1)
    assert await listed(hop, CHILD) == await listed(hop, PARENT) == []
