"""Small jobs within one turn: one commit a hop, the same books as with jobs on threads, and nothing skipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from benchmarks.workload import RESOURCE, ping_batches
from node.engine.small_jobs import JOBS_AT_ONCE_MAX, SMALL_ROWS_MAX, SmallJobs
from sync.core.messages import Ack, Data
from sync.core.ready import InboundJob, OutboundJob, Ready
from sync.model import Lane, Level
from sync.model.writes import AppendLedger, StoreBatch, Write
from tests.contracts.memory_journal import MemoryJournal
from tests.node.station import until
from tests.node.two_nodes import two_nodes
from tests.sync.core.rig import Rig, Station

CHAIN = (("city", Level.MUNICIPAL, ""), ("district", Level.DISTRICT, "city"), ("street", Level.STREET, "district"))


class PowerCut(Exception):
    """The commit that the test cut off."""


class CountingJournal(MemoryJournal):
    """Counts commits and reads; fails a commit while `is_cut`."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Sequence[Write]] = []
        self.is_cut = False

    def commit(self, writes: Sequence[Write]) -> None:
        if self.is_cut:
            raise PowerCut
        super().commit(writes)
        self.commits.append(writes)


class QuickRig(Rig):
    """A rig whose turns go on with their small jobs, as node/runtime.py does it."""

    def __init__(self, *stations: Station) -> None:
        super().__init__(*stations)
        self.tops = {name: station.engine.lane_tops for name, station in self.stations.items()}

    def ready(self, name: str) -> Ready:
        station = self.stations[name]
        ready = SmallJobs(station.pipeline, self.tops[name], lambda peer: False).ready(station.engine, self.now)
        self.tops[name] = station.engine.lane_tops
        return ready

    def turn(self, name: str) -> bool:
        station = self.stations[name]
        plain, ready = station.engine.ready, self.ready(name)
        station.engine.ready = lambda now: ready  # type: ignore[method-assign]
        try:
            return super().turn(name)
        finally:
            station.engine.ready = plain  # type: ignore[method-assign]


def chain(kind: type[Rig] = QuickRig) -> Rig:
    rig = kind(*(Station(name, level, parent, journal=CountingJournal()) for name, level, parent in CHAIN))
    for name, _, parent in CHAIN[1:]:
        rig.connect(name, parent)
    rig.settle()
    return rig


def journal_of(rig: Rig, name: str) -> CountingJournal:
    journal = rig.stations[name].journal
    assert isinstance(journal, CountingJournal)
    return journal


def test_an_alarm_passes_a_middle_node_with_one_commit_and_no_job_left() -> None:
    rig = chain()
    rig.offer("street", [1.0], lane=Lane.ALARM)
    rig.turn("street")
    rig._deliver()
    assert isinstance(rig, QuickRig)
    ready = rig.ready("district")
    assert [type(write) for write in ready.writes].count(StoreBatch) == 1
    assert [type(write) for write in ready.writes].count(AppendLedger) == 1
    assert {(send.peer, type(send.message)) for send in ready.sends} == {("street", Ack), ("city", Data)}
    assert ready.jobs == ()


def test_nothing_is_sent_when_the_one_commit_fails_and_all_of_it_comes_again() -> None:
    rig = chain()
    rig.offer("street", [1.0], lane=Lane.ALARM)
    rig.turn("street")
    rig._deliver()
    journal_of(rig, "district").is_cut = True
    with pytest.raises(PowerCut):
        rig.turn("district")
    assert not rig.queues[("district", "city")]
    journal_of(rig, "district").is_cut = False
    rig.crash("district")
    rig.connect("district", "city")
    rig.connect("street", "district")
    rig.settle(seconds=1.0)
    assert rig.values("city") == [1.0]


@pytest.mark.parametrize("rows", [SMALL_ROWS_MAX, SMALL_ROWS_MAX + 1])
def test_a_frame_of_more_rows_is_left_to_the_threads(rows: int) -> None:
    rig = chain()
    rig.offer("street", [1.0] * rows, lane=Lane.ALARM)
    for _ in range(2):
        rig.turn("street")
    rig._deliver()
    assert isinstance(rig, QuickRig)
    assert [type(job) for job in rig.ready("district").jobs] == ([InboundJob] if rows > SMALL_ROWS_MAX else [])


def test_what_an_earlier_turn_stored_is_read_from_the_journal_and_not_skipped() -> None:
    rig = chain()
    street = rig.stations["street"]
    rig.disconnect("street", "district")
    rig.offer("street", [1.0], lane=Lane.ALARM)
    rig.turn("street")
    rig.connect("street", "district")
    rig.offer("street", [2.0], lane=Lane.ALARM)
    assert isinstance(rig, QuickRig)
    ready = rig.ready("street")
    assert any(isinstance(job, OutboundJob) for job in ready.jobs)
    street.journal.commit(ready.writes)
    street.engine.advance()
    for job in ready.jobs:
        street.engine.gated(street.pipeline.run(job), rig.now)
    rig.settle()
    assert rig.values("city") == [1.0, 2.0]


def test_a_link_with_a_job_out_keeps_its_order() -> None:
    rig = chain()
    rig.offer("street", [1.0], lane=Lane.ALARM)
    street = rig.stations["street"]
    ready = SmallJobs(street.pipeline, dict.fromkeys(Lane, 0), lambda peer: True).ready(street.engine, rig.now)
    assert [type(job) for job in ready.jobs] == [OutboundJob]


def test_many_jobs_at_once_go_to_the_threads() -> None:
    names = [f"street{number}" for number in range(JOBS_AT_ONCE_MAX + 1)]
    rig = QuickRig(Station("district", Level.DISTRICT), *(Station(name, Level.STREET, "district") for name in names))
    for name in names:
        rig.connect(name, "district")
        rig.settle()
    for name in names:
        rig.offer(name, [1.0], lane=Lane.ALARM)
        rig.turn(name)
    rig._deliver()
    assert len(rig.ready("district").jobs) == len(names)


def test_a_frame_made_of_what_is_at_hand_is_the_frame_made_of_the_journal() -> None:
    rig = chain(Rig)
    rig.stations["street"].gate.forbidden = frozenset({2.0})
    rig.offer("street", [1.0, 2.0, 3.0], lane=Lane.ALARM)
    street = rig.stations["street"]
    ready = street.engine.ready(rig.now)
    street.journal.commit(ready.writes)
    (job,) = (job for job in ready.jobs if isinstance(job, OutboundJob))
    at_hand = [write.stored for write in ready.writes if isinstance(write, StoreBatch)]
    assert street.pipeline.run(job, at_hand=at_hand) == street.pipeline.run(job)


@pytest.mark.parametrize("seed", range(20))
def test_any_history_leads_to_the_same_records_above(seed: int) -> None:
    rng, rigs = Random(seed), [chain(QuickRig), chain(Rig)]
    made: list[float] = []
    for step in range(60):
        chance = rng.random()
        name, lane = rng.choice(("street", "district")), rng.choice((Lane.ALARM, Lane.EVENT, Lane.BULK))
        values = [float(step * 10 + row) for row in range(rng.randrange(1, 4))]
        link = rng.choice((("street", "district"), ("district", "city")))
        turns = rng.randrange(3)
        for rig in rigs:
            if chance < 0.5:
                rig.offer(name, values, lane=lane)
            elif chance < 0.6:
                rig.disconnect(*link)
                rig.connect(*link)
            elif chance < 0.7:
                rig.crash("district")
                rig.connect("district", "city")
                rig.connect("street", "district")
            for _ in range(turns):
                for station in rig.stations:
                    rig.turn(station)
                rig._deliver()
        if chance < 0.5:
            made.extend(values)
    for rig in rigs:
        rig.settle(seconds=5.0)
    quick, plain = (sorted(rig.values("city")) for rig in rigs)
    assert quick == plain
    assert set(quick) <= set(made)
    assert len(quick) == len(set(quick))


@pytest.mark.slow
async def test_an_alarm_of_a_real_node_is_stored_and_entered_in_the_ledger_by_one_commit(tmp_path: Path) -> None:
    async with two_nodes(tmp_path) as pair:
        pair.connect()
        await until(lambda: pair.child.runtime.engine.link_peers() == ["province"])
        commits: list[set[type[Write]]] = []
        journal, commit = pair.child.journal, pair.child.journal.commit

        def noted(writes: Sequence[Write]) -> None:
            commit(writes)
            commits.append({type(write) for write in writes})

        setattr(journal, "commit", noted)  # noqa: B010 - mypy takes no assignment to a method
        alarm = next(ping_batches())
        for number in (1, 2):  # a link that begins has a job out: it asks what was held
            await pair.child.runtime.ask(lambda engine, now: engine.offer(alarm, now))
            await until(lambda number=number: pair.parent.journal.counts() == {RESOURCE: number * alarm.row_count})  # type: ignore[misc]
            await until(lambda: not pair.child.runtime._has_job_out("province"))
        assert any({StoreBatch, AppendLedger} <= kinds for kinds in commits)
