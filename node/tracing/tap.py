"""The engine of a node that is being recorded: the production engine, and a tap that sees each input before it and each Ready after it.

A node gets one when its first recording begins and keeps it until it ends; without recordings it has a plain Engine and pays nothing.
Nothing is copied on the event loop: the tap keeps the values themselves, which are immutable, until desk.py takes them to a thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.tracing.inputs import (
    ClockSet,
    Damaged,
    DatesMoved,
    DayBegan,
    Detached,
    Freed,
    Gated,
    Input,
    LinkDown,
    LinkUp,
    Mended,
    Offered,
    Opened,
    PolicyChanged,
    Recalled,
    Received,
    SentAgain,
    Stood,
    Timeout,
    Written,
)
from sync.core.bearers import Standing
from sync.core.engine import ChainAt, Engine
from sync.core.messages import Data, Hello, Message
from sync.core.outbox import ByFile
from sync.core.ready import JobResult, LocalBatch, OutboundResult, PeerFacts, Ready, RequeueResult
from sync.model import Batch, ClockQuality, Instant, Limits, PolicyVersion, State, StoredBatch
from sync.model.writes import Recall, Recovered, Write

PENDING_MAX = 100_000
PENDING_BYTES_MAX = 64 << 20
"""Inputs, and bytes of their payloads, that wait for the thread that writes; with more the recording ends and the node goes on."""

TOO_FAST = "the node was faster than its recording"


class Tap:
    """What was seen since the last `take`."""

    def __init__(self) -> None:
        self.is_open = True
        self.reason = ""
        """Why it closed by itself; empty while it is open, or when it was closed."""
        self._seen: list[Input | tuple[int, Ready]] = []
        self._bytes = 0
        self._midnight: Instant | None = None

    def saw(self, seen: Input | tuple[int, Ready], *, payload_bytes: int = 0) -> None:
        """Keep an input, or a turn's moment and output."""
        self._bytes += payload_bytes
        if len(self._seen) >= PENDING_MAX or self._bytes > PENDING_BYTES_MAX:
            # What was taken is whole: the file ends with the last turn before this.
            self.is_open, self.reason = False, TOO_FAST
            return
        self._seen.append(seen)

    def saw_day(self, midnight: Instant | None, now: Instant) -> None:
        """When the local day began, as the caps have it before a turn."""
        if midnight is not None and midnight != self._midnight:
            self._midnight = midnight
            self.saw(DayBegan(now.us, midnight.us))

    def take(self) -> list[Input | tuple[int, Ready]]:
        """What was seen; the tap is empty again."""
        seen, self._seen, self._bytes = self._seen, [], 0
        return seen


class TracedEngine(Engine):
    """An engine with a tap on it; every method does what it does in Engine."""

    def __init__(
        self,
        tap: Tap,
        *,
        node: str,
        incarnation: int,
        has_parent: bool,
        version: PolicyVersion,
        recovered: Recovered,
        limits: Limits,
        clock: ClockQuality,
        program: str = "",
    ) -> None:
        self._tap = tap
        self._clock = clock
        super().__init__(
            node=node, incarnation=incarnation, has_parent=has_parent, version=version, recovered=recovered, limits=limits, clock=clock,
            program=program,
        )  # fmt: skip

    @property
    def clock(self) -> ClockQuality:
        """As in Engine."""
        return self._clock

    @clock.setter
    def clock(self, clock: ClockQuality) -> None:
        if clock != self._clock and self._tap.is_open:
            self._tap.saw(ClockSet(0, clock))
        self._clock = clock

    def offer(self, local: LocalBatch, now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Offered(now.us, local), payload_bytes=len(local.payload))
        super().offer(local, now)

    def link_up(self, peer: PeerFacts, hello: Hello, chains: ChainAt, now: Instant, *, by_file: ByFile | None = None) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(LinkUp(now.us, peer, hello, [(*place, chain) for place, chain in chains.items()], by_file))
        was_open, self._tap.is_open = self._tap.is_open, False  # the engine ends the link before by its own `link_down`
        super().link_up(peer, hello, chains, now, by_file=by_file)
        self._tap.is_open = was_open

    def link_down(self, peer: str, now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(LinkDown(now.us, peer))
        super().link_down(peer, now)

    def receive(self, peer: str, message: Message, now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open and (seen := Received.of(now.us, peer, message)) is not None:
            self._tap.saw(seen, payload_bytes=len(message.frame.batch.payload) if isinstance(message, Data) else 0)
        super().receive(peer, message, now)

    def gated(self, outcome: JobResult, now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Gated.of(now.us, outcome), payload_bytes=_payload_bytes(outcome))
        super().gated(outcome, now)

    def set_aside(self, stored: StoredBatch) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Damaged(0, stored))
        super().set_aside(stored)

    def put_back(self, stored: StoredBatch, *, was_told: bool, passed: frozenset[str], now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Mended(now.us, stored, was_told, tuple(sorted(passed))), payload_bytes=len(stored.batch.payload))
        super().put_back(stored, was_told=was_told, passed=passed, now=now)

    def recall(self, work: Recall) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Recalled(0, work), payload_bytes=len(work.stored.batch.payload))
        super().recall(work)

    def free(self, lsns: Sequence[int], state: State, now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Freed(now.us, tuple(lsns), state))
        super().free(lsns, state, now)

    def stands(self, standing: Standing) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Stood(0, standing))
        super().stands(standing)

    def detach(self, peer: str, now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Detached(now.us, peer))
        super().detach(peer, now)

    def send_again(self, batches: Sequence[StoredBatch], now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(SentAgain(now.us, tuple(batches)), payload_bytes=sum(len(stored.batch.payload) for stored in batches))
        super().send_again(batches, now)

    def opened(self, batch: Batch, sealer: str, now: Instant) -> bool:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Opened(now.us, batch, sealer), payload_bytes=len(batch.payload))
        return super().opened(batch, sealer, now)

    def write(self, write: Write) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Written(0, type(write).__name__, write))
        super().write(write)

    def policy_changed(self, version: PolicyVersion, now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(PolicyChanged(now.us, version))
        super().policy_changed(version, now)

    def dates_moved(self, reasons: frozenset[str], now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(DatesMoved(now.us, tuple(sorted(reasons))))
        super().dates_moved(reasons, now)

    def timeout(self, now: Instant) -> None:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw(Timeout(now.us))
        super().timeout(now)

    def ready(self, now: Instant) -> Ready:
        """As in Engine."""
        if self._tap.is_open:
            self._tap.saw_day(self.caps.midnight, now)
        ready = super().ready(now)
        if self._tap.is_open:
            self._tap.saw((now.us, ready))
        return ready


def _payload_bytes(outcome: JobResult) -> int:
    if isinstance(outcome, OutboundResult):
        return sum(len(part.batch.payload) for part in outcome.parts)
    return sum(len(stored.batch.payload) for stored in outcome.batches) if isinstance(outcome, RequeueResult) else 0
