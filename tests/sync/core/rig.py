"""A few engines wired together by hand: real codec, real pipeline, memory journals, and a gate that can withhold and close.

Time stands still unless a test moves it; jobs run inline; messages wait in queues that a test may drop, repeat or hold.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import pyarrow as pa

from node.engine.pipeline import Pipeline, Self
from node.links.handshake import Handshake, Me, Step
from sync.core.bearers import Standing
from sync.core.engine import Engine
from sync.core.messages import Hello, Message
from sync.core.ready import Event, LinkBroken, LocalBatch, PeerFacts
from sync.model import (
    DEFAULT_LIMITS,
    BatchHeader,
    ClockQuality,
    Direction,
    HybridTime,
    Instant,
    Lane,
    Level,
    Limits,
    Manifest,
    PolicyVersion,
    Segment,
    State,
    StoredBatch,
    signed_bytes,
    split_runs,
)
from sync.ports import Flow, Journal, Outcome, Released, let_rows_go
from sync.wire.codec import decode, encode
from sync.wire.payload import decoded_size, encode_payload
from tests.contracts.memory_journal import MemoryJournal

COLUMNS: dict[str, pa.DataType] = {
    "event_time": pa.timestamp("us", "UTC"),
    "territory": pa.string(),
    "grade": pa.int8(),
    "value": pa.float64(),
}
SCHEMA = pa.schema(COLUMNS)
VERSION = PolicyVersion.of({"province": 1})
NOT_MOVING = frozenset[str]()


@dataclass(slots=True)
class RigGate:
    """Withholds rows whose value is in `forbidden`, closes resources in `closed`, refuses on arrival what is in `refused`."""

    node: str
    version: PolicyVersion = VERSION
    forbidden: frozenset[float] = frozenset()
    held: frozenset[float] = frozenset()
    closed: frozenset[str] = frozenset()
    refused: frozenset[float] = frozenset()

    def addressed(self, flow: Flow) -> frozenset[str] | None:
        return None if flow.direction is Direction.UP else frozenset({"enterprises"})

    def glance(self, flow: Flow, header: BatchHeader) -> Outcome | None:
        if flow.direction is Direction.UP and header.direction is Direction.RETURN:
            return Outcome.ELSEWHERE
        if flow.direction is Direction.RETURN and header.resource != "enterprises":
            return Outcome.ELSEWHERE
        if header.resource in self.closed:
            return Outcome.CLOSED
        return Outcome.WHOLE if not (self.forbidden or self.held) or not header.row_count else None

    def closed_for(self, flow: Flow, header: BatchHeader) -> Released:
        runs = split_runs(header.runs, [Segment(0, header.row_count, State.AGGREGATE_ONLY, "ceiling")], decider=self.node)
        return Released(Outcome.CLOSED, runs, None, b"p" * 32)

    def whole_for(self, flow: Flow, header: BatchHeader) -> Released:
        return let_rows_go(Outcome.WHOLE, header.runs, None, b"p" * 32, header.grade_max)

    def release(self, flow: Flow, stored: StoredBatch, rows: pa.RecordBatch) -> Released:
        values = rows.column("value").to_pylist()
        segments = [Segment(row, row + 1, *self._verdict(value)) for row, value in enumerate(values)]
        if all(segment.state is State.PRESENT for segment in segments):
            return let_rows_go(Outcome.WHOLE, stored.batch.header.runs, None, b"p" * 32, stored.batch.header.grade_max)
        runs = split_runs(stored.batch.header.runs, segments, decider=self.node)
        kept = rows.filter(pa.array([segment.state is State.PRESENT for segment in segments]))
        return let_rows_go(Outcome.REWRITTEN, runs, kept, b"p" * 32, 1)

    def _verdict(self, value: float | None) -> tuple[State, str]:
        if value in self.forbidden:
            return State.DENIED, "negative-list"
        return (State.HELD, "unclassified") if value in self.held else (State.PRESENT, "")

    def plan_hash(self, flow: Flow, header: BatchHeader) -> bytes:
        return b"p" * 32

    def reopened(self, flow: Flow, decided: Collection[tuple[str, bytes]]) -> frozenset[tuple[str, bytes]]:
        return frozenset()

    def inspect(self, flow: Flow, header: BatchHeader, rows: pa.RecordBatch | None) -> str:
        values = set(rows.column("value").to_pylist()) if rows is not None else set()
        return "looser than our plan" if values & self.refused else ""


@dataclass(frozen=True, slots=True)
class RigVouch:
    """Signs with the issuer's name: enough to see who vouched."""

    issuer: str

    def sign(self, header_sha256: bytes, inputs: tuple[bytes, ...]) -> Manifest:
        return Manifest(self.issuer, header_sha256, inputs, self._signature(self.issuer, header_sha256, inputs))

    def check(self, manifest: Manifest, *, issuer: str) -> bool:
        return manifest.signature == self._signature(issuer, manifest.header_sha256, manifest.inputs)

    def _signature(self, issuer: str, header_sha256: bytes, inputs: tuple[bytes, ...]) -> bytes:
        return hashlib.sha512(issuer.encode() + signed_bytes(issuer, header_sha256, inputs)).digest()


@dataclass(slots=True)
class Shelf:
    """A policy store that never changes."""

    version: PolicyVersion = VERSION

    def missing_in(self, version: PolicyVersion, territory: str) -> tuple[bytes, ...]:
        return ()

    def take(self, bundles: object) -> None:
        return None


@dataclass(slots=True)
class Station:
    """One node of the rig."""

    name: str
    level: Level
    parent: str = ""
    incarnation: int = 0
    journal: Journal = field(default_factory=MemoryJournal)
    gate: RigGate = field(init=False)
    engine: Engine = field(init=False)
    pipeline: Pipeline = field(init=False)
    events: list[Event] = field(default_factory=list)
    limits: Limits = DEFAULT_LIMITS
    software: str = ""

    def __post_init__(self) -> None:
        self.incarnation = self.incarnation or sum(self.name.encode())
        self.gate = RigGate(self.name)
        me = Self(self.name, self.level, "37")
        self.pipeline = Pipeline(
            me=me, journal=self.journal, gate_of=lambda: self.gate, vouch=RigVouch(self.name), limits=self.limits, compression="lz4"
        )
        self.start()

    def start(self) -> None:
        """(Re)build the engine from the journal, as after a crash."""
        self.engine = Engine(
            node=self.name,
            incarnation=self.incarnation,
            has_parent=bool(self.parent),
            version=self.gate.version,
            recovered=self.journal.recover(),
            limits=self.limits,
            clock=ClockQuality(),
            program=self.software,
        )

    def me(self) -> Me:
        return Me(self.name, self.incarnation, self.level, "37", self.software)


class Rig:
    """Stations and the queues between them."""

    def __init__(self, *stations: Station) -> None:
        self.stations = {station.name: station for station in stations}
        self.queues: dict[tuple[str, str], deque[bytes]] = {}
        self.now = Instant(0)
        self.drop: Callable[[str, str, Message], bool] = lambda source, target, message: False
        """Messages for which this is true are lost."""
        self.former: dict[str, str] = {}
        """By child: the parent that an order moved it away from."""
        self.reseeded: set[str] = set()
        """Children that come back after they were detached."""
        self.parents: dict[str, str] = {}
        """By child: where its last link went."""
        self.announces = True
        """False: nobody hears where nodes stand now."""
        self._ticks = 0

    def offer(self, name: str, values: list[float], *, resource: str = "air-quality", lane: Lane = Lane.EVENT) -> None:
        """Records made at `name`."""
        rows = pa.RecordBatch.from_pylist(
            [{"event_time": 0, "territory": "370202", "grade": 1, "value": value} for value in values], SCHEMA
        )
        payload = encode_payload(rows, compression=None)
        digest = hashlib.sha256(payload).digest()
        local = LocalBatch(resource, lane, 1, len(values), payload, digest, decoded_size(payload), 0, 0, 1, ("370202",), HybridTime(1), 1)
        self.stations[name].engine.offer(local, self.now)

    def connect(self, child: str, parent: str) -> None:
        """Open a link: the real handshake, then both engines learn of it."""
        ends = {name: self._handshake(name, peer, is_parent=peer == parent) for name, peer in ((child, parent), (parent, child))}
        waiting = deque((parent, message) for message in ends[child].begin())
        while waiting:
            target, message = waiting.popleft()
            other = child if target == parent else parent
            waiting.extend((other, answer) for answer in ends[target].receive(decode(encode(message))))
        for name, peer in ((child, parent), (parent, child)):
            assert ends[name].step is Step.DONE
            self._link_up(name, peer, ends[name].hello, is_parent=peer == parent)
        self.parents[child] = parent
        if self.announces:
            self.announce()

    def announce(self) -> None:
        """What heartbeats do: every node hears who stands where."""
        for name, station in self.stations.items():
            children = [child for child, parent in self.parents.items() if parent == name]
            subtrees = {child: self._below(child) for child in children}
            formerly = {child: frozenset().union(*self._gone_from(nodes)) for child, nodes in subtrees.items()}
            station.engine.stands(Standing(subtrees, self._above(name), formerly))

    def _gone_from(self, nodes: frozenset[str]) -> list[frozenset[str]]:
        return [self._below(child) for child, parent in self.former.items() if parent in nodes]

    def _below(self, name: str) -> frozenset[str]:
        return frozenset({name}).union(*(self._below(child) for child, parent in self.parents.items() if parent == name))

    def _above(self, name: str) -> frozenset[str]:
        parent = self.parents.get(name)
        return frozenset() if parent is None else self._above(parent) | {parent}

    def _handshake(self, name: str, peer: str, *, is_parent: bool) -> Handshake:
        station = self.stations[name]
        known = station.engine.positions_by_incarnation(peer)
        return Handshake(
            station.me(),
            peer=peer,
            is_parent=is_parent,
            positions=lambda life: known.get(life, ()),
            shelf=Shelf(station.gate.version),
            tick=lambda: HybridTime(1),
        )

    def _link_up(self, name: str, peer: str, hello: Hello | None, *, is_parent: bool) -> None:
        assert hello is not None
        station = self.stations[name]
        mine = hello.for_incarnation == station.incarnation
        chains = {
            (position.direction, position.lane): station.journal.ledger_chain(
                peer, position.direction, position.lane, position.upto, claimed=position.chain
            )
            for position in (hello.positions if mine else ())
        }
        other = self.stations[peer]
        below = NOT_MOVING if is_parent else frozenset({peer})
        former = self.former.get(name, "") if is_parent else ""
        facts = PeerFacts(peer, other.incarnation, other.level, "37", is_parent, below, former, reseed=peer in self.reseeded)
        self.queues[(name, peer)] = deque()
        station.engine.link_up(facts, hello, chains, self.now)

    def disconnect(self, one: str, other: str) -> None:
        """The session ends; what was under way is lost."""
        for name, peer in ((one, other), (other, one)):
            self.queues.pop((name, peer), None)
            self.stations[name].engine.link_down(peer, self.now)

    def crash(self, name: str) -> None:
        """Lose everything but the journal."""
        for source, target in list(self.queues):
            if name in (source, target):
                self.queues.pop((source, target), None)
                self.stations[target if source == name else source].engine.link_down(name, self.now)
        self.stations[name].start()

    def turn(self, name: str) -> bool:
        """One turn of a node; False when it had nothing to do."""
        station = self.stations[name]
        ready = station.engine.ready(self.now)
        if ready.writes:
            station.journal.commit(ready.writes)
        for send in ready.sends:
            if (name, send.peer) in self.queues and not self.drop(name, send.peer, send.message):
                self.queues[(name, send.peer)].append(encode(send.message))
        station.events.extend(ready.events)
        station.engine.advance()
        for job in ready.jobs:
            station.engine.gated(station.pipeline.run(job), self.now)
        self._close_broken(name, ready.events)
        return not ready.is_empty

    def _close_broken(self, name: str, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, LinkBroken):
                self.disconnect(name, event.peer)

    def settle(self, *, seconds: float = 0.0) -> None:
        """Move time once per hop, each time turning and delivering until nothing happens."""
        for _ in self.stations:
            self.now = self.now.plus(seconds)
            for station in self.stations.values():
                station.engine.timeout(self.now)
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        for _ in range(10_000):
            busy = [self.turn(name) for name in self.stations]
            if not self._deliver() and not any(busy):
                return
        raise AssertionError("the rig does not come to rest")

    def _deliver(self) -> bool:
        delivered = False
        for (source, target), queue in list(self.queues.items()):
            while queue:
                message = decode(queue.popleft())
                self.stations[target].engine.receive(source, message, self.now)  # type: ignore[arg-type]
                delivered = True
        return delivered

    def values(self, name: str, resource: str = "air-quality") -> list[float]:
        """The values of all live records of a resource at a node, in journal order."""
        return [value for stored in self.batches(name) if stored.batch.header.resource == resource for value in live_values(stored)]

    def batches(self, name: str) -> list[StoredBatch]:
        """Everything in a node's journal, in order."""
        journal = self.stations[name].journal
        last = journal.recover().last_lsn
        return [stored for lsn in range(1, last + 1) if (stored := journal.batch(lsn)) is not None]


def live_values(stored: StoredBatch) -> list[float]:
    """The values of a batch's rows that count."""
    if not stored.batch.header.row_count:
        return []
    column: list[float] = pa.ipc.open_stream(stored.batch.payload).read_next_batch().column("value").to_numpy().tolist()
    return [value for run in stored.live_runs if run.state.has_rows for value in column[run.row_offset : run.row_offset + run.count]]


def newer(version: PolicyVersion) -> PolicyVersion:
    """The next epoch of every issuer."""
    return PolicyVersion(tuple((issuer, epoch + 1) for issuer, epoch in version.components))
