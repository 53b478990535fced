"""One state of a small tree (children aa and bb, relay rr, parent pp, three records) and the steps that lead out of it.

Everything is the product's: engines, handshakes, codec, pipeline; only journals are in memory. A step is one delivery with the turns that
follow it, or one fault. A state is copied before each step and known by its key: what the engines hold, what lies in the journals, what is
under way and which faults are left.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

from node.engine.pipeline import Pipeline, Self
from sync import model
from sync.core import messages, ready
from sync.core.receiving import DOUBT_S
from sync.model import Lane, Level, writes
from sync.wire.codec import decode
from tests.contracts.memory_journal import MemoryJournal
from tests.sync.core.rig import Rig, RigGate, RigVouch, Station, newer

LANE = Lane.CONTROL
"""The lane that never waits, so that time need not pass."""
STALL_S = 21.0
"""Just longer than a link may go without progress."""
HELD_VALUE = 2.0
"""A record of child a that the first policy holds back and the second lets go."""
TURNS_MAX = 50

for _module in (model, messages, ready, writes):
    for _kind in vars(_module).values():
        if isinstance(_kind, type) and is_dataclass(_kind) and getattr(_kind, "__dataclass_params__").frozen:  # noqa: B009
            _kind.__deepcopy__ = lambda value, memo: value  # type: ignore[attr-defined]  # a frozen value is its own copy


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each thing may still happen."""

    lose: int = 0
    crash: int = 0
    policy: int = 0
    move: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One way out of a state."""

    word: str
    source: str = ""
    target: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.word, self.source, self.target) if part)


class SharingRig(Rig):
    """A rig whose stations are shared with the state it was copied from, until a step touches them."""

    def __init__(self, *stations: Station) -> None:
        super().__init__(*stations)
        self.owned = {station.name for station in stations}
        self.keys: dict[str, str] = {}
        """What is known of the stations that no step has touched since."""

    def own(self, *names: str) -> None:
        """Copy stations before they change."""
        for name in names:
            self.keys.pop(name, None)
            if name not in self.owned:
                self.owned.add(name)
                self.stations[name] = _copied(self.stations[name])

    def turn(self, name: str) -> bool:
        self.own(name)
        return super().turn(name)

    def disconnect(self, one: str, other: str) -> None:
        self.own(one, other)
        super().disconnect(one, other)

    def connect(self, child: str, parent: str) -> None:
        self.own(*self.stations)
        super().connect(child, parent)

    def crash(self, name: str) -> None:
        self.own(*self.stations)
        super().crash(name)


class SmallTree:
    """A state; `steps` are the ways out, `after` takes one."""

    def __init__(self, faults: Faults, *, settled: str = "") -> None:
        """`settled` is a child whose record has come to rest before the search begins."""
        self.faults = faults
        self.rig = SharingRig(
            Station("aa", Level.GRID, "rr"),
            Station("bb", Level.GRID, "rr"),
            Station("rr", Level.STREET, "pp"),
            Station("pp", Level.MUNICIPAL),
        )
        self.parents = {"aa": "rr", "bb": "rr", "rr": "pp"}
        self.rig.stations["aa"].gate = RigGate("aa", held=frozenset({HELD_VALUE}) if faults.policy else frozenset())
        for name, values in (("aa", [1.0]), ("aa", [HELD_VALUE]), ("bb", [3.0])):
            self.rig.offer(name, values, lane=LANE)
            self._rest(name)
        for child in ("rr", *((settled,) if settled else ())):
            self._connect(child)
        if settled:
            self.rig.settle()
        for child in ("aa", "bb"):
            if child != settled:
                self._connect(child)

    # ---- the ways out

    def steps(self) -> Iterator[Step]:
        """Every step that is possible here, in a fixed order."""
        waiting = [pair for pair, queue in sorted(self.rig.queues.items()) if queue]
        for source, target in waiting:
            yield Step("deliver", source, target)
            if self.faults.lose:
                yield Step("lose", source, target)
            if self.faults.crash:
                yield Step("crash-before-commit", source, target)
                yield Step("crash-before-sends", source, target)
        for child in self._unlinked():
            yield Step("connect", child)
        if self.faults.policy:
            yield Step("policy")
        if self.faults.move:
            yield Step("move")
        if not waiting and not self._unlinked() and self._is_in_flight():
            yield Step("stall")

    def after(self, step: Step) -> SmallTree:
        """The state behind a step; this one stays as it is."""
        tree = self._copy()
        tree._take(step)
        return tree

    def _take(self, step: Step) -> None:
        if step.word == "connect":
            self._connect(step.source)
        elif step.word == "policy":
            self._policy()
        elif step.word == "move":
            self._move()
        elif step.word == "stall":
            self._stall()
        else:
            self._message(step)

    def _message(self, step: Step) -> None:
        data = self.rig.queues[(step.source, step.target)].popleft()
        if step.word == "lose":
            self.faults = replace(self.faults, lose=self.faults.lose - 1)
            return
        self.rig.own(step.target)
        engine = self.rig.stations[step.target].engine
        engine.receive(step.source, decode(data), self.rig.now)  # type: ignore[arg-type]
        if step.word == "deliver":
            self._rest(step.target)
            return
        self.faults = replace(self.faults, crash=self.faults.crash - 1)
        if step.word == "crash-before-sends":
            self._to_the_first_write(step.target)
        self.rig.crash(step.target)

    def _to_the_first_write(self, name: str) -> None:
        """Turn until something is committed, and lose what that turn would have sent."""
        station = self.rig.stations[name]
        for _ in range(TURNS_MAX):
            turn = station.engine.ready(self.rig.now)
            station.journal.commit(turn.writes)
            station.engine.advance()
            if turn.writes or turn.is_empty:
                return
            for job in turn.jobs:
                station.engine.gated(station.pipeline.run(job), self.rig.now)

    def _connect(self, child: str) -> None:
        self.rig.connect(child, self.parents[child])
        self._rest(child)
        self._rest(self.parents[child])

    def _policy(self) -> None:
        self.faults = replace(self.faults, policy=self.faults.policy - 1)
        self.rig.own(*self.rig.stations)
        for name, station in self.rig.stations.items():
            station.gate = RigGate(name, version=newer(station.gate.version))
            station.engine.policy_changed(station.gate.version, self.rig.now)
            self._rest(name)

    def _move(self) -> None:
        """An order puts a below p."""
        self.faults = replace(self.faults, move=self.faults.move - 1)
        self.rig.own(*self.rig.stations)
        self.rig.disconnect("aa", "rr")
        self.parents["aa"] = self.rig.parents["aa"] = "pp"
        self.rig.former["aa"] = "rr"
        self.rig.announce()

    def _stall(self) -> None:
        self.rig.own(*self.rig.stations)
        for seconds in (DOUBT_S, STALL_S - DOUBT_S):
            self.rig.now = self.rig.now.plus(seconds)
            for name, station in list(self.rig.stations.items()):
                station.engine.timeout(self.rig.now)
                self._rest(name)

    def _rest(self, name: str) -> None:
        for _ in range(TURNS_MAX):
            if not self.rig.turn(name):
                return
        raise AssertionError(f"{name} does not come to rest")

    def _unlinked(self) -> list[str]:
        return [child for child, parent in self.parents.items() if (child, parent) not in self.rig.queues]

    def _is_in_flight(self) -> bool:
        return any(link.outbox.progressed_at is not None for station in self.rig.stations.values() for link in links_of(station))

    # ---- copies and keys

    def _copy(self) -> SmallTree:
        tree = object.__new__(SmallTree)
        tree.faults, tree.parents = self.faults, dict(self.parents)
        rig = tree.rig = SharingRig()
        rig.keys = dict(self.rig.keys)
        rig.now, rig.former, rig.parents = self.rig.now, dict(self.rig.former), dict(self.rig.parents)
        rig.queues = {pair: deque(queue) for pair, queue in self.rig.queues.items()}
        rig.stations = dict(self.rig.stations)
        return tree

    def key(self) -> bytes:
        """Equal for states that no future can tell apart."""
        for name, station in self.rig.stations.items():
            if name not in self.rig.keys:
                self.rig.keys[name] = _station_key(station)
        parts: list[object] = [self.faults, sorted(self.parents.items()), sorted(self.rig.keys.items())]
        parts += [(pair, tuple(queue)) for pair, queue in sorted(self.rig.queues.items())]
        return hashlib.sha256(repr(parts).encode()).digest()


def links_of(station: Station) -> list[Any]:
    """The links that a station's engine has, by peer."""
    links = station.engine._desk.links
    return [links[peer] for peer in sorted(links)]


def vars_of(books: object) -> object:
    """What a memory journal holds, as comparable text."""
    streams = [(stream, list(run_map)) for stream, run_map in sorted(books.streams.items())]  # type: ignore[attr-defined]
    names = ("batches", "ledger", "out_marks", "in_positions", "refusals", "settled", "bearers")
    return streams, [repr(getattr(books, name)) for name in names]


def _station_key(station: Station) -> str:
    journal = station.journal
    assert isinstance(journal, MemoryJournal)
    said = station.engine._desk.reprieves
    rounds = [(link.peer.node, said._said[link.peer.node], said.round(link.peer.node)) for link in links_of(station)]
    parts = [vars_of(journal._books), station.gate.version, [_link_key(link) for link in links_of(station)], rounds]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _link_key(link: Any) -> object:
    out, back = link.outbox.lanes[LANE], link.inbox.lanes[LANE]
    sent = (out.mark, out.wire, out.cursor, out.chain, out.is_reading, [flight.upto for flight in out.in_flight], out.waiting_since is None)
    came = (back.position, back.expected_after, back.expected_part, back.chain, back.secured, list(back.unsecured))
    return link.peer, sent, came, sorted(link.acks_due), link.requeue_due, link.is_requeueing, link.verifying_count


def _copied(station: Station) -> Station:
    copy = object.__new__(Station)
    journal = station.journal
    assert isinstance(journal, MemoryJournal)
    copy.name, copy.level, copy.parent, copy.incarnation = station.name, station.level, station.parent, station.incarnation
    copy.journal, copy.gate, copy.limits, copy.software, copy.events = journal.reopened(), replace(station.gate), station.limits, "", []
    copy.engine = deepcopy(station.engine)
    copy.pipeline = Pipeline(
        me=Self(copy.name, copy.level, "37"), journal=copy.journal, gate_of=lambda: copy.gate, vouch=RigVouch(copy.name),
        limits=copy.limits, compression=None,
    )  # fmt: skip
    return copy

