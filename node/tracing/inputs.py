"""Every input of the engine as a value that a file can hold and a replay can give again: one struct for each method of `Engine`.

`veiled` is the input without values; `apply` gives it to an engine, with stand-ins. A test holds this table against the engine's methods.
Called by tap.py (to record) and simulations/replay.py (to give again).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import msgspec

from node.tracing.errors import TraceError
from node.tracing.values import StandIns, Veil
from sync.core.bearers import Standing
from sync.core.engine import Engine
from sync.core.messages import Ack, Data, Hello, InForce, Message, Refused, Stop
from sync.core.outbox import ByFile
from sync.core.ready import InboundResult, JobResult, LocalBatch, OutboundResult, PeerFacts, RequeueResult
from sync.model import Batch, ClockQuality, Direction, Instant, Lane, PolicyVersion, State, StoredBatch
from sync.model.writes import PutBack, Recall, StoreBatch, Write

Chains = list[tuple[Direction, Lane, bytes | None]]
WRITES: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Write)}
"""Writes by name."""


class Input(msgspec.Struct, frozen=True, tag_field="input", array_like=True):
    """One input."""

    us: int
    """The node's monotonic clock as the engine was told it; 0 where it is told no time."""

    def veiled(self, veil: Veil) -> Input:
        """The input as it may be written."""
        return self

    def apply(self, engine: Engine, now: Instant) -> None:
        """Give it to an engine."""
        raise NotImplementedError


class Offered(Input, frozen=True, tag="offer"):
    """Engine.offer."""

    local: LocalBatch

    def veiled(self, veil: Veil) -> Input:
        return Offered(self.us, veil.local(self.local))

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.offer(StandIns().local(self.local), now)


class LinkUp(Input, frozen=True, tag="link_up"):
    """Engine.link_up."""

    peer: PeerFacts
    hello: Hello
    chains: Chains
    by_file: ByFile | None = None

    def veiled(self, veil: Veil) -> Input:
        chains: Chains = [(way, lane, None if chain is None else veil.hashed(chain)) for way, lane, chain in self.chains]
        by_file = None if self.by_file is None else veil.by_file(self.by_file)
        return LinkUp(self.us, self.peer, veil.hello(self.hello), chains, by_file)

    def apply(self, engine: Engine, now: Instant) -> None:
        chains = {(way, lane): chain for way, lane, chain in self.chains}
        engine.link_up(self.peer, self.hello, chains, now, by_file=self.by_file)


class LinkDown(Input, frozen=True, tag="link_down"):
    """Engine.link_down."""

    peer: str

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.link_down(self.peer, now)


class Received(Input, frozen=True, tag="receive"):
    """Engine.receive; exactly one of the messages is there."""

    peer: str
    data: Data | None = None
    ack: Ack | None = None
    refused: Refused | None = None
    stop: Stop | None = None
    in_force: InForce | None = None

    @classmethod
    def of(cls, us: int, peer: str, message: Message) -> Received | None:
        """The input of a message; None for one that the engine does not read."""
        match message:
            case Data():
                return cls(us, peer, data=message)
            case Ack():
                return cls(us, peer, ack=message)
            case Refused():
                return cls(us, peer, refused=message)
            case Stop():
                return cls(us, peer, stop=message)
            case InForce():
                return cls(us, peer, in_force=message)
            case _:
                return None

    def veiled(self, veil: Veil) -> Input:
        return self if self.data is None else Received(self.us, self.peer, data=replace(self.data, frame=veil.frame(self.data.frame)))

    def apply(self, engine: Engine, now: Instant) -> None:
        message: Message | None = self.ack or self.refused or self.stop or self.in_force
        if self.data is not None:
            message = replace(self.data, frame=StandIns().frame(self.data.frame))
        if message is None:
            raise TraceError("a message of no kind refused: the recording is damaged, make another")
        engine.receive(self.peer, message, now)


class Gated(Input, frozen=True, tag="gated"):
    """Engine.gated; exactly one of the results is there."""

    outbound: OutboundResult | None = None
    inbound: InboundResult | None = None
    requeue: RequeueResult | None = None

    @classmethod
    def of(cls, us: int, outcome: JobResult) -> Gated:
        """The input of a job's result."""
        if isinstance(outcome, OutboundResult):
            return cls(us, outbound=outcome)
        return cls(us, inbound=outcome) if isinstance(outcome, InboundResult) else cls(us, requeue=outcome)

    def veiled(self, veil: Veil) -> Input:
        if self.outbound is not None:
            return Gated(self.us, outbound=veil.outbound(self.outbound))
        if self.inbound is not None:
            left = self.inbound.left
            return self if left is None else Gated(self.us, inbound=replace(self.inbound, left=veil.batch(left)))
        return self if self.requeue is None else Gated(self.us, requeue=veil.requeued(self.requeue))

    def apply(self, engine: Engine, now: Instant) -> None:
        outcome: JobResult | None = self.inbound
        if self.inbound is not None and self.inbound.left is not None:
            outcome = replace(self.inbound, left=StandIns().batch(self.inbound.left))
        if self.outbound is not None:
            outcome = StandIns().outbound(self.outbound)
        elif self.requeue is not None:
            outcome = RequeueResult(self.requeue.job, self.requeue.version, StandIns().batches(self.requeue.batches))
        if outcome is None:
            raise TraceError("a result of no kind refused: the recording is damaged, make another")
        engine.gated(outcome, now)


class Damaged(Input, frozen=True, tag="set_aside"):
    """Engine.set_aside."""

    stored: StoredBatch

    def veiled(self, veil: Veil) -> Input:
        return Damaged(self.us, veil.stored(self.stored))

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.set_aside(*StandIns().batches([self.stored]))


class Mended(Input, frozen=True, tag="put_back"):
    """Engine.put_back."""

    stored: StoredBatch
    was_told: bool
    passed: tuple[str, ...] = ()

    def veiled(self, veil: Veil) -> Input:
        return Mended(self.us, veil.stored(self.stored), self.was_told, self.passed)

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.put_back(*StandIns().batches([self.stored]), was_told=self.was_told, passed=frozenset(self.passed), now=now)


class Recalled(Input, frozen=True, tag="recall"):
    """Engine.recall."""

    work: Recall

    def veiled(self, veil: Veil) -> Input:
        return Recalled(self.us, veil.recall(self.work))

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.recall(replace(self.work, stored=StandIns().batches([self.work.stored])[0]))


class Freed(Input, frozen=True, tag="free"):
    """Engine.free."""

    lsns: tuple[int, ...]
    state: State

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.free(self.lsns, self.state, now)


class Stood(Input, frozen=True, tag="stands"):
    """Engine.stands."""

    standing: Standing

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.stands(self.standing)


class Detached(Input, frozen=True, tag="detach"):
    """Engine.detach."""

    peer: str

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.detach(self.peer, now)


class SentAgain(Input, frozen=True, tag="send_again"):
    """Engine.send_again."""

    batches: tuple[StoredBatch, ...]

    def veiled(self, veil: Veil) -> Input:
        return SentAgain(self.us, tuple(map(veil.stored, self.batches)))

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.send_again(StandIns().batches(self.batches), now)


class Opened(Input, frozen=True, tag="opened"):
    """Engine.opened."""

    batch: Batch
    sealer: str

    def veiled(self, veil: Veil) -> Input:
        return Opened(self.us, veil.batch(self.batch), self.sealer)

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.opened(StandIns().batch(self.batch), self.sealer, now)


class Written(Input, frozen=True, tag="write"):
    """Engine.write: a write of the shell's, by name."""

    kind: str
    body: Any

    def veiled(self, veil: Veil) -> Input:
        return Written(self.us, self.kind, veil.write(self.body))

    def apply(self, engine: Engine, now: Instant) -> None:
        kind = WRITES.get(self.kind)
        if kind is None:
            raise TraceError(f"a write {self.kind[:40]!r} refused: this program knows {', '.join(sorted(WRITES))}")
        write = msgspec.convert(self.body, kind)
        if isinstance(write, StoreBatch | PutBack):
            write = type(write)(*StandIns().batches([write.stored]))
        elif isinstance(write, Recall):
            write = replace(write, stored=StandIns().batches([write.stored])[0])
        engine.write(write)


class PolicyChanged(Input, frozen=True, tag="policy_changed"):
    """Engine.policy_changed."""

    version: PolicyVersion

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.policy_changed(self.version, now)


class DatesMoved(Input, frozen=True, tag="dates_moved"):
    """Engine.dates_moved."""

    reasons: tuple[str, ...]

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.dates_moved(frozenset(self.reasons), now)


class Timeout(Input, frozen=True, tag="timeout"):
    """Engine.timeout."""

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.timeout(now)


class ClockSet(Input, frozen=True, tag="clock"):
    """Engine.clock."""

    clock: ClockQuality

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.clock = self.clock


class DayBegan(Input, frozen=True, tag="day_began"):
    """Engine.caps.day_began."""

    midnight_us: int

    def apply(self, engine: Engine, now: Instant) -> None:
        engine.caps.day_began(Instant(self.midnight_us))


AnyInput = (
    Offered | LinkUp | LinkDown | Received | Gated | Damaged | Mended | Recalled | Freed | Stood | Detached | SentAgain | Opened | Written
    | PolicyChanged | DatesMoved
    | Timeout | ClockSet | DayBegan
)  # fmt: skip
