"""Switch one safety rule off at a time: the checkers must see it within a few seeds, and name the promise that broke.

Every bug is planted in the classes of the product, in this process, for the length of one test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow as pa
import pytest

from node.pipeline import Pipeline
from policies.gate import CompiledGate
from simulations.checkers import Promise
from simulations.faults import read_schedule
from simulations.host import Host
from simulations.rules import Change
from simulations.run import Settings, run_seed
from sync.core.books import Accounted, Books
from sync.core.engine import Engine
from sync.core.inbox import Arrival, Inbox
from sync.core.ready import OutboundResult, Ready, RequeueResult, Stored
from sync.core.refusals import Refusals
from sync.model import Frame, State
from sync.model.writes import AppendLedger, SetInPosition
from sync.ports import Outcome, Released
from sync.wire.payload import concat_rows

HARSH = """
1000000 repeat - - 29000000 100 -
2000000 loss - - 9000000 60 -
7000000 crash g1111 - 500000 1 before-sends
7000000 crash s111 - 500000 1 in-commit
9000000 crash d11 - 500000 1 before-commit
11000000 crash m1 - 500000 1 in-commit
12500000 crash s111 - 500000 1 before-commit
13500000 crash g1111 - 500000 1 before-commit
14000000 clog - - 6000000 2500000 -
15000000 policy p0 - 0 0 -
19500000 crash d11 - 500000 1 before-commit
19500000 crash m1 - 500000 1 before-sends
20000000 crash s111 - 500000 1 before-commit
21000000 loss - - 8000000 60 -
22000000 one-way d11 m1 3000000 0 -
26000000 crash m1 - 500000 1 before-commit
26000000 crash s111 - 500000 1 before-commit
"""
"""A fault plan in which every rule matters; the seed still moves everything else."""
SETTINGS = Settings(fan_out=1, fault_s=30, rounds=8, records=12, schedule=read_schedule(HARSH))
POLICY_OVERTAKES = """
14000000 clog - - 9000000 2500000 -
15000000 policy p0 - 0 0 -
"""
"""On a slow network a stricter policy reaches receivers before senders, so that frames under way are refused."""
UNCHANGED = replace(SETTINGS, change=Change.NONE)
RELEASED = replace(SETTINGS, change=Change.RELEASE_ROWS)
OVERTAKEN = replace(SETTINGS, rounds=20, schedule=read_schedule(POLICY_OVERTAKES), change=Change.DENY_ROWS)
SEEDS_MAX = 25
"""Small worlds that may run before a planted bug must have been seen."""

Plant = Callable[[pytest.MonkeyPatch], None]


def ack_before_commit(patch: pytest.MonkeyPatch) -> None:
    commit = Host._commit

    def eager(host: Host, ready: Ready) -> bool:
        for event in ready.events:
            if isinstance(event, Stored):
                host._around.stored(host.id, event.ticket)
        return commit(host, replace(ready, events=()))

    patch.setattr(Host, "_commit", eager)
    patch.setattr(Host, "_report", lambda host, event: None if isinstance(event, Stored) else REPORT(host, event))


REPORT = Host._report


def no_dedup(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Books, "account", lambda books, header: (ACCOUNT(books, header), Accounted(header.runs, ()))[1])
    patch.setattr(Inbox, "arrival", lambda inbox, frame: Arrival.NEXT)


ACCOUNT = Books.account


def no_sender_gate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CompiledGate, "glance", lambda gate, flow, header: Outcome.ELSEWHERE if flow.direction else Outcome.WHOLE)


def no_gate_at_all(patch: pytest.MonkeyPatch) -> None:
    no_sender_gate(patch)
    patch.setattr(CompiledGate, "inspect", lambda gate, flow, header, rows: "")


def no_masking(patch: pytest.MonkeyPatch) -> None:
    release = CompiledGate.release

    def bare(gate: CompiledGate, flow, stored, rows):  # type: ignore[no-untyped-def]
        released = release(gate, flow, stored, rows)
        if released.rows is not None and released.rows.num_rows == rows.num_rows:
            return Released(Outcome.REWRITTEN, released.runs, rows, released.plan_hash, released.grade_max)
        return released

    patch.setattr(CompiledGate, "release", bare)
    patch.setattr(CompiledGate, "inspect", lambda gate, flow, header, rows: "")


def position_before_its_parts(patch: pytest.MonkeyPatch) -> None:
    """A commit may keep a position and lose the batch that it passed."""
    commit = Host._commit

    def torn(host: Host, ready: Ready) -> bool:
        if host.crash_at is not None and any(isinstance(write, SetInPosition) for write in ready.writes):
            host.journal.commit([write for write in ready.writes if isinstance(write, SetInPosition)])
            ready = replace(ready, writes=())
            host.crash()
            host._around.down(host.id)
            return False
        return commit(host, ready)

    patch.setattr(Host, "_commit", torn)


def sends_before_commit(patch: pytest.MonkeyPatch) -> None:
    commit = Host._commit

    def eager(host: Host, ready: Ready) -> bool:
        if host.crash_at is not None:
            for send in ready.sends:
                link = host._links.get(send.peer)
                if link is not None and link.is_up:
                    host._say(link, send.message, urgent=send.urgent)
        return commit(host, ready)

    patch.setattr(Host, "_commit", eager)


def requeue_lost(patch: pytest.MonkeyPatch) -> None:
    run = Pipeline.run
    patch.setattr(
        Pipeline, "run", lambda pipe, job: replace(done, batches=()) if isinstance(done := run(pipe, job), RequeueResult) else done
    )


def refusals_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Engine, "_receive_refusal", lambda engine, link, refused: None)
    patch.setattr(Refusals, "made_toward", lambda refusals, peer: [])


def withheld_runs_not_forwarded(patch: pytest.MonkeyPatch) -> None:
    run = Pipeline.run

    def forgetful(pipe, job):  # type: ignore[no-untyped-def]
        done = run(pipe, job)
        if not isinstance(done, OutboundResult):
            return done
        parts = tuple(part for part in done.parts if not part.closed and all(run.state is State.PRESENT for run in part.batch.header.runs))
        return replace(done, parts=parts)

    patch.setattr(Pipeline, "run", forgetful)


def frames_lost_in_the_engine(patch: pytest.MonkeyPatch) -> None:
    arrival = Inbox.arrival

    def careless(inbox: Inbox, frame: Frame) -> Arrival:
        state = inbox.lanes[frame.lane]
        found = arrival(inbox, frame)
        if found is Arrival.GAP:
            state.expected_after = frame.span.upto
            return Arrival.NEXT
        return found

    patch.setattr(Inbox, "arrival", careless)


def ledger_not_written(patch: pytest.MonkeyPatch) -> None:
    ready = Engine.ready
    patch.setattr(
        Engine,
        "ready",
        lambda engine, now: replace(
            out := ready(engine, now), writes=tuple(w for w in out.writes if not isinstance(w, AppendLedger) or w.entry.part)
        ),
    )


def values_changed_on_the_way(patch: pytest.MonkeyPatch) -> None:
    def reversed_rows(tables: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
        rows = concat_rows(tables)
        return rows.take(pa.array(list(reversed(range(rows.num_rows)))))

    patch.setattr("node.pipeline.concat_rows", reversed_rows)


PLANTED: list[tuple[Plant, Settings, set[Promise]]] = [
    (ack_before_commit, UNCHANGED, {Promise.KEPT}),
    (no_dedup, UNCHANGED, {Promise.ONCE, Promise.ORDER, Promise.RUNS}),
    (no_sender_gate, UNCHANGED, {Promise.GOVERNED}),
    (no_gate_at_all, UNCHANGED, {Promise.GOVERNED}),
    (no_masking, UNCHANGED, {Promise.GOVERNED}),
    (position_before_its_parts, UNCHANGED, {Promise.KEPT, Promise.CONVERGED}),
    (sends_before_commit, UNCHANGED, {Promise.ONCE, Promise.KEPT, Promise.CONVERGED, Promise.RUNS}),
    (requeue_lost, RELEASED, {Promise.CONVERGED}),
    (refusals_forgotten, OVERTAKEN, {Promise.KEPT, Promise.CONVERGED}),
    (withheld_runs_not_forwarded, UNCHANGED, {Promise.KEPT, Promise.ACCOUNTED}),
    (frames_lost_in_the_engine, UNCHANGED, {Promise.KEPT, Promise.CONVERGED, Promise.RUNS}),
    (ledger_not_written, UNCHANGED, {Promise.KEPT, Promise.ACCOUNTED}),
    (values_changed_on_the_way, UNCHANGED, {Promise.ONCE}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "settings", "promises"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_the_checkers_catch_a_planted_bug(
    plant: Plant, settings: Settings, promises: set[Promise], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(SEEDS_MAX):
        broken = {violation.promise for violation in run_seed(seed, settings).violations}
        if broken & promises:
            return
    pytest.fail(f"{plant.__name__} went unseen in {SEEDS_MAX} seeds")


@pytest.mark.slow
def test_small_worlds_are_good_without_a_planted_bug() -> None:
    assert [run_seed(seed, SETTINGS).violations for seed in range(4)] == [[]] * 4
