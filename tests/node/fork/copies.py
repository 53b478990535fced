"""The rig of tests/sync/core with nodes on real folders, which can be copied, swapped and restored; forks are resolved as a node does."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from node.fork.change import finish_change, go_on_after
from node.fork.clones import ForkMemory
from node.fork.desk import ForkDesk
from node.fork.errors import ForkFound
from node.identity.files import IdentityFiles
from node.links.handshake import Handshake
from node.store.journal import SqliteJournal, open_journal
from sync.core.messages import Data, Hello
from sync.core.ready import Event, LinkBroken, PeerFacts
from sync.model import HybridTime, Instant, Level
from sync.wire.codec import decode
from tests.sync.core.rig import NOT_MOVING, Rig, RigVouch, Shelf, Station

WALL_US = 1_700_000_000_000_000


@dataclass(slots=True)
class StandingClock:
    """Time that a test moves."""

    us: int = 0

    def now(self) -> Instant:
        return Instant(self.us)

    def wall_us(self) -> int:
        return WALL_US + self.us


@dataclass(slots=True)
class Copy:
    """One folder of a node, running as a station while `start`ed."""

    name: str
    level: Level
    folder: Path
    parent: str = ""
    lives: int = 0
    memory: ForkMemory = field(default_factory=ForkMemory)
    clock: StandingClock = field(default_factory=StandingClock)
    forks: list[ForkFound] = field(default_factory=list)
    journal: SqliteJournal = field(init=False)
    station: Station = field(init=False)
    desk: ForkDesk = field(init=False)

    @property
    def path(self) -> Path:
        return self.folder / "journal.db"

    @property
    def incarnation(self) -> int:
        return IdentityFiles(self.folder).incarnation()

    def make(self, incarnation: int) -> Copy:
        self.folder.mkdir(parents=True)
        IdentityFiles(self.folder).replace_incarnation(incarnation)
        return self.start()

    def start(self) -> Copy:
        """A new life of the process."""
        self.lives += 1
        finish_change(self.folder, self.path, node=self.name)
        # Unlike for every folder and start, as the product's random numbers are.
        life = int.from_bytes(hashlib.sha256(f"{self.folder} {self.lives}".encode()).digest()[:7], "big") | 1
        self.journal = open_journal(self.path, node=self.name, incarnation=self.incarnation, life=life)
        former = self.station.gate if self.lives > 1 else None
        self.station = Station(self.name, self.level, self.parent, incarnation=self.incarnation, journal=self.journal)
        self.station.gate = former or self.station.gate
        self.desk = ForkDesk(
            node=self.name, incarnation=self.incarnation, journal=self.journal, vouch=RigVouch(self.name), clock=self.clock,
            memory=self.memory, on_found=self.forks.append,
        )  # fmt: skip
        self.station.pipeline.known_before = self.desk.known_before
        return self

    def stop(self) -> Copy:
        self.journal.close()
        return self

    def resolve(self) -> None:
        """What node/appliance.py does with a fork that was found."""
        self.stop()
        go_on_after(self.forks.pop(), self.folder, self.path, node=self.name)
        self.start()

    def copied(self, folder: Path) -> Copy:
        """The same folder once more, stopped; this one must be stopped too."""
        shutil.copytree(self.folder, folder)
        return Copy(self.name, self.level, folder, self.parent, memory=ForkMemory())


class CopyRig(Rig):
    """A rig of copies: `use` says which folder of a node is running."""

    def __init__(self, *copies: Copy) -> None:
        self.copies = {copy.name: copy for copy in copies}
        self._hellos: dict[tuple[str, str], tuple[PeerFacts, Hello]] = {}
        self.resolved = 0
        super().__init__(*(copy.station for copy in copies))

    def use(self, copy: Copy) -> None:
        """This folder of the node runs from now on; whatever link the other had is gone."""
        for one, other in list(self.queues):
            if copy.name in (one, other):
                self.queues.pop((one, other))
                if other == copy.name:
                    self.stations[one].engine.link_down(other, self.now)
        self.copies[copy.name] = copy
        self.stations[copy.name] = copy.station

    def restart(self, name: str) -> None:
        """Stop and start the running folder of a node."""
        self.copies[name].stop().start()
        self.use(self.copies[name])

    def link(self, child: str, parent: str, *, tries: int = 3) -> None:
        """Connect and settle; a fork is resolved and the link tried again, as a node does."""
        for _ in range(tries):
            self.connect(child, parent)
            self.settle(seconds=3)
            forked = [copy for copy in (self.copies[child], self.copies[parent]) if copy.forks]
            if not forked:
                return
            for copy in forked:
                copy.resolve()
                self.resolved += 1
                self.use(copy)
        raise AssertionError(f"{child} and {parent} still fork after {tries} tries")

    def _handshake(self, name: str, peer: str, *, is_parent: bool) -> Handshake:
        station = self.stations[name]
        known = station.engine.positions_by_incarnation(peer)
        return Handshake(
            station.me(), peer=peer, is_parent=is_parent, positions=lambda life: known.get(life, ()), shelf=Shelf(),
            tick=lambda: HybridTime(1), lives=self.copies[name].desk,
        )  # fmt: skip

    def _link_up(self, name: str, peer: str, hello: Hello | None, *, is_parent: bool) -> None:
        assert hello is not None
        other = self.stations[peer]
        facts = PeerFacts(peer, other.incarnation, other.level, "37", is_parent, NOT_MOVING if is_parent else frozenset({peer}))
        self._hellos[(name, peer)] = (facts, hello)
        self.copies[name].desk.met(facts)
        super()._link_up(name, peer, hello, is_parent=is_parent)

    def _deliver(self) -> bool:
        for (source, target), queue in self.queues.items():
            if queue:
                self._note_data(source, target, list(queue))
        return super()._deliver()

    def _note_data(self, source: str, target: str, messages: list[bytes]) -> None:
        for data in messages:
            message = decode(data)
            if isinstance(message, Data):
                self.copies[target].desk.data_from(*self._hellos[(target, source)])

    def _close_broken(self, name: str, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, LinkBroken) and event.is_fork:
                self.copies[name].desk.found(*self._hellos[(name, event.peer)])
        super()._close_broken(name, events)
