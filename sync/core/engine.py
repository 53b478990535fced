"""The replication engine of a node: a pure state machine.

Inputs are method calls; `ready()` returns what they led to. The shell (node/runtime.py, or the simulator) makes `Ready.writes` durable
in one transaction, then hands out sends, jobs and events, then calls `advance`. No port is called from here, no clock is read, nothing
is random. What arrives is decided in receiving.py, what leaves in sending.py; both work on one desk.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sync.core.bearers import BY_WAY_OF, NO_ORDER, Standing
from sync.core.desk import Desk, Turn
from sync.core.freeing import Freeing, freeable_upto
from sync.core.inbox import Inbox
from sync.core.lanes import FRESH_FIRST_LANES
from sync.core.link import Link, next_wake
from sync.core.messages import Ack, Data, Hello, InForce, Message, Position, Refused, Stop
from sync.core.opening import Opening
from sync.core.outbox import ByFile, LinkPace, Outbox, UnderWay, positions_by_lane
from sync.core.pacing import CapTable
from sync.core.ready import (
    InboundJob,
    InboundResult,
    JobResult,
    LocalBatch,
    OutboundJob,
    OutboundResult,
    PeerFacts,
    Ready,
    RequeueJob,
    RequeueResult,
    Stored,
)
from sync.core.recalling import Recalling
from sync.core.receiving import Receiving, settles_at
from sync.core.repairing import Repairing
from sync.core.sending import Sending
from sync.core.window import Window
from sync.model import (
    Batch,
    BatchHeader,
    ClockQuality,
    Direction,
    ForkError,
    Instant,
    Lane,
    Limits,
    PolicyVersion,
    Run,
    State,
    StoredBatch,
    Stream,
)
from sync.model.writes import OutMark, Recall, Recovered, Write

ChainAt = Mapping[tuple[Direction, Lane], bytes | None]
"""The share ledger's chain at each position a peer's Hello names."""


class Engine:
    """What one node has, gives and gets. See the module docstring for the contract."""

    def __init__(
        self,
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
        """`program` is the software of this node as its Hello names it; empty: peers are not told under which one a frame was refused."""
        self.node = node
        self.incarnation = incarnation
        self.clock = clock
        """Quality of the wall clock, stamped on every run made here."""
        self._limits = limits
        self._desk = Desk(
            node=node, incarnation=incarnation, has_parent=has_parent, version=version, recovered=recovered, limits=limits,
            program=program,
        )  # fmt: skip
        self._receiving = Receiving(self._desk)
        self._sending = Sending(self._desk)
        self._freeing = Freeing(self._desk)
        self._repairing = Repairing(self._desk)
        self._recalling = Recalling(self._desk)
        self._opening = Opening(self._desk)
        self._caps = CapTable()
        self._is_handed_out = False

    # ---- what the shell may ask

    @property
    def version(self) -> PolicyVersion:
        """The policy version in force."""
        return self._desk.version

    @property
    def program(self) -> str:
        """The software of this node."""
        return self._desk.program

    @property
    def last_lsn(self) -> int:
        """The newest lsn given out."""
        return self._desk.last_lsn

    @property
    def streams(self) -> Mapping[Stream, object]:
        """The run maps of this node by stream."""
        return self._desk.books.streams

    def out_mark(self, peer: str, direction: Direction, lane: Lane) -> OutMark:
        """How far `peer` has our journal in a lane."""
        return self._desk.out_mark(peer, direction, lane)

    def lanes_under_way(self, peer: str) -> dict[Lane, UnderWay]:
        """How far the frames handed out for `peer` lead, lane by lane; empty without a link. For links whose wire is a file."""
        link = self._desk.links.get(peer)
        lanes = {} if link is None else link.outbox.lanes
        return {lane: UnderWay(state.wire, state.cursor, state.chain) for lane, state in lanes.items()}

    @property
    def caps(self) -> CapTable:
        """The bandwidth caps of this node's links; the shell puts its own here before any link is up, and tells when a local day began."""
        return self._caps

    @caps.setter
    def caps(self, caps: CapTable) -> None:
        self._caps = caps

    @property
    def fresh_first(self) -> frozenset[Lane]:
        """Lanes whose backlog is put off at link-up; the shell names them before any link is up."""
        return self._desk.fresh_first

    @fresh_first.setter
    def fresh_first(self, lanes: frozenset[Lane]) -> None:
        assert lanes <= FRESH_FIRST_LANES, "a lane that must stay oldest-first"
        self._desk.fresh_first = lanes

    @property
    def standing(self) -> Standing:
        """Where nodes are known to stand, as told last."""
        return self._desk.bearers.standing

    @property
    def lane_tops(self) -> Mapping[Lane, int]:
        """The newest lsn of each lane."""
        return dict(self._desk.tops)

    def freeable_upto(self, lane: Lane, *, parent: str, children: Iterable[str]) -> int:
        """The highest lsn of a lane that no hop needs any more (sync/core/freeing.py)."""
        return freeable_upto(self._desk.out_marks, lane, top=self._desk.tops[lane], parent=parent, children=children)

    def pace(self, peer: str, now: Instant) -> LinkPace | None:
        """How fast the link to `peer` is in the direction in which this node sends; None without a link."""
        link = self._desk.links.get(peer)
        return link.outbox.pace(now) if link is not None else None

    def is_to_try_again(self, peer: str) -> bool:
        """True while frames that `peer` refused wait for their next round."""
        return self._desk.reprieves.due_at(peer) is not None

    def link_peers(self) -> list[str]:
        """Peers with a link, sorted."""
        return sorted(self._desk.links)

    def positions_by_incarnation(self, peer: str) -> dict[int, tuple[Position, ...]]:
        """What we hold of the journals of `peer`, by the incarnation they were written in."""
        held: dict[int, tuple[Position, ...]] = {}
        for (name, incarnation, direction, lane), position in sorted(self._desk.in_positions.items()):
            if name == peer:
                held[incarnation] = (*held.get(incarnation, ()), Position(direction, lane, position.upto, position.chain))
        return held

    # ---- inputs

    def offer(self, local: LocalBatch, now: Instant) -> None:
        """Records made here: number them, store them, and report Stored once that is durable."""
        stream = Stream(self.node, self.incarnation, local.lane, local.resource)
        first, last = self._desk.books.number(stream, local.row_count)
        run = Run(self.node, self.incarnation, first, last, 0, at=local.at, clock=self.clock)
        stored = self._desk.append(Batch(_local_header(local, run), local.payload), self.node, (), now)
        self._desk.turn.events.append(Stored(local.ticket, stored.lsn))

    def link_up(self, peer: PeerFacts, hello: Hello, chains: ChainAt, now: Instant, *, by_file: ByFile | None = None) -> None:
        """Both Hellos are in and the policies are exchanged: data may flow. A peer that is not our continuation breaks the link."""
        self.link_down(peer.node, now)
        try:
            self._desk.links[peer.node] = self._open(peer, hello, chains, now, by_file)
        except ForkError as error:
            self._desk.break_link(peer.node, str(error), fatal=True, is_fork=True)

    def link_down(self, peer: str, now: Instant) -> None:
        """The session with `peer` ended; whatever was in flight will be asked for again."""
        self._desk.close_link(peer)

    def receive(self, peer: str, message: Message, now: Instant) -> None:
        """A message of an open link. What the engine does not read (Heartbeat, Query, ...) is the shell's."""
        link = self._desk.links.get(peer)
        if link is None:
            return  # a message that crossed the end of its link
        if isinstance(message, Data):
            self._receiving.frame(link, message.frame, unreadable=message.unreadable)
        elif isinstance(message, Ack):
            self._sending.acked(link, message, now)
        elif isinstance(message, Refused):
            self._sending.refused(link, message)
        elif isinstance(message, InForce):
            self._sending.stands_elsewhere(link, message)
        elif isinstance(message, Stop):
            self._desk.break_link(peer, f"{peer} ended the link: {message.reason}", fatal=False)

    def gated(self, outcome: JobResult, now: Instant) -> None:
        """A job's answer; the answers of closed links are dropped."""
        asked = self._desk.finished(outcome.job)
        if asked is None:
            return
        link, job = asked
        if isinstance(outcome, OutboundResult) and isinstance(job, OutboundJob):
            self._sending.gated(link, job, outcome, now)
        elif isinstance(outcome, InboundResult) and isinstance(job, InboundJob):
            self._receiving.gated(link, outcome, now)
        elif isinstance(outcome, RequeueResult) and isinstance(job, RequeueJob):
            self._sending.requeued(link, outcome, now)

    def set_aside(self, stored: StoredBatch) -> None:
        """A payload of the own journal does not match its hash: as Repairing.set_aside."""
        self._repairing.set_aside(stored)

    def put_back(self, stored: StoredBatch, *, was_told: bool, passed: frozenset[str], now: Instant) -> None:
        """A peer gave the bytes of a damaged batch again: as Repairing.put_back."""
        self._repairing.put_back(stored, was_told=was_told, passed=passed, now=now)

    def recall(self, work: Recall) -> None:
        """Rows of a stored batch were recalled: as Recalling.recall."""
        self._recalling.recall(work)

    def opened(self, batch: Batch, sealer: str, now: Instant) -> bool:
        """A sealed envelope was opened and what is in it judged: as Opening.take."""
        return self._opening.take(batch, sealer, now)

    def free(self, lsns: Sequence[int], state: State, now: Instant) -> None:
        """Let the payloads of stored batches go, as RETENTION or SHED: peers that have not got them get the account of their records."""
        self._freeing.free(lsns, state)

    def stands(self, standing: Standing) -> None:
        """Where nodes are known to stand. Call when it changed."""
        subtrees = standing.subtrees
        self._desk.bearers.stands(standing)
        for name, link in self._desk.links.items():
            link.liars.clear()
            if not link.peer.is_parent and name in subtrees:
                link.peer = replace(link.peer, subtree=subtrees[name] | {name}, formerly=self._desk.bearers.formerly(name))
        self._desk.over |= {BY_WAY_OF, NO_ORDER}
        self._receiving.policy_moved()

    def detach(self, peer: str, now: Instant) -> None:
        """A child was silent for `Limits.detach_after_days`: its return queue becomes a marker. Call again while the silence lasts."""
        self._freeing.detach(peer)

    def send_again(self, batches: Sequence[StoredBatch], now: Instant) -> None:
        """A neighbour lost the records of these batches: as Repairing.send_again."""
        self._repairing.send_again(batches, now)

    def write(self, write: Write) -> None:
        """Make a write of the shell's durable with this turn."""
        self._desk.write(write)

    def policy_changed(self, version: PolicyVersion, now: Instant) -> None:
        """Another policy version is in force: what was held back is decided again, results of the old version are discarded."""
        self._desk.version = version
        self._receiving.policy_moved()
        for link in self._desk.links.values():
            link.requeue_due = True

    def dates_moved(self, reasons: frozenset[str], now: Instant) -> None:
        """The plans of the same policy version are others since a date passed: records held for one of `reasons` are decided again, and
        what peers refused of frames that left under the former plans.

        Once: what is put back lies above the lsn that bounds this.
        """
        self._desk.again |= dict.fromkeys(reasons, self._desk.last_lsn)
        self._desk.dated_upto = self._desk.last_lsn
        self._receiving.policy_moved()
        for link in self._desk.links.values():
            link.requeue_due = True

    def timeout(self, now: Instant) -> None:
        """Time passed: links without progress are broken (lingering lanes fall due in `ready`)."""
        for peer, link in list(self._desk.links.items()):
            if link.outbox.is_stalled(now):
                link.window.stalled()
                reason = f"{peer} acknowledged nothing for {self._limits.progress_timeout_s:g} s"
                self._desk.break_link(peer, reason, fatal=False)

    # ---- output

    def ready(self, now: Instant) -> Ready:
        """Everything the inputs since the last call led to. Persist, hand out, then call `advance`."""
        assert not self._is_handed_out, "ready() before advance()"
        desk = self._desk
        for link in list(desk.links.values()):
            self._receiving.settle(link, now)
        for link in desk.links.values():
            self._sending.start_jobs(link, now)
        self._receiving.flush_acks()
        wake_at = next_wake([moment for link in desk.links.values() for moment in self._wakes(link, now)])
        turn, desk.turn = desk.turn, Turn()
        writes = (*turn.writes, *desk.books.take_dirty())
        self._is_handed_out = True
        return Ready(writes, tuple(turn.jobs), tuple(turn.sends), tuple(turn.events), wake_at)

    def advance(self) -> None:
        """The last Ready is durable and handed out."""
        self._is_handed_out = False

    def _wakes(self, link: Link, now: Instant) -> tuple[Instant | None, ...]:
        return link.outbox.wake_at(now), settles_at(link), self._desk.reprieves.due_at(link.peer.node)

    # ---- links

    def _open(self, peer: PeerFacts, hello: Hello, chains: ChainAt, now: Instant, by_file: ByFile | None) -> Link:
        out, back = (Direction.UP, Direction.RETURN) if peer.is_parent else (Direction.RETURN, Direction.UP)
        desk = self._desk
        peer = replace(peer, formerly=desk.bearers.formerly(peer.node), takes_envelopes=hello.takes_envelopes)
        limits = self._limits if by_file is None else by_file.limits
        window = Window(limits)
        caps = self._caps.of(peer.node, is_parent=peer.is_parent) if by_file is None else None
        outbox = Outbox(peer, out, limits, window, caps)
        known = hello.positions if hello.for_incarnation == self.incarnation else ()
        positions = positions_by_lane(known, out)
        for lane in Lane:
            mark = _reopened(desk.out_mark(peer.node, out, lane)) if peer.reseed else desk.out_mark(peer.node, out, lane)
            outbox.resume(lane, positions.get(lane), mark, chains.get((out, lane)), top=desk.tops[lane], now=now)
            if by_file is not None and lane in by_file.under_way:
                outbox.go_behind(lane, by_file.under_way[lane], top=desk.tops[lane], now=now)
        held = {lane: position for lane in Lane if (position := desk.in_positions.get((peer.node, peer.incarnation, back, lane)))}
        link = Link(peer, window, outbox, Inbox(peer, back, held), requeue_due=True)
        desk.reprieves.linked(peer.node, hello.policy, hello.software)
        self._sending.resume(link)
        self._receiving.resume(link, list(held))
        return link


def _reopened(mark: OutMark) -> OutMark:
    """The mark of a detached child as it comes back: from where its own journal ends, whatever was closed meanwhile."""
    return OutMark(mark.wire, min(mark.secured, mark.wire), mark.wire)


def _local_header(local: LocalBatch, run: Run) -> BatchHeader:
    return BatchHeader(
        resource=local.resource,
        lane=local.lane,
        schema_version=local.schema_version,
        row_count=local.row_count,
        runs=(run,),
        payload_sha256=local.payload_sha256,
        payload_bytes=len(local.payload),
        decoded_bytes=local.decoded_bytes,
        event_time_min_us=local.event_time_min_us,
        event_time_max_us=local.event_time_max_us,
        grade_max=local.grade_max,
        territories=local.territories,
    )
