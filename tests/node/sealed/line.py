"""A city, a district and a street in one process: real journals, engines, gates and certificates, with the desks of envelopes at both ends.

Time stands still unless a test moves it; links and jobs are those of tests/sync/core/rig.py. `family` makes the keys, which take longest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from node.engine.pipeline import Self
from node.engine.sealing import seal
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.keys import read_tls_key
from node.identity.verify import verify_chain
from node.ingest.sink import Row
from node.links.handshake import Me
from node.requests.envelope import Seal, Signer, sealing_key_in
from node.sealed.book import FILE_NAME, SealedBook
from node.sealed.opening import Opening
from node.sealed.places import places_below
from node.sealed.sealing import Sealing
from node.store.journal import open_journal
from node.store.records import live_rows
from node.tree.directory import Directory, NodeStatus, encode_statuses
from policies import CompiledGate, Ruleset
from policies.catalogue import ENVELOPES, Resource, Scalar, schema
from sync.core.engine import Engine
from sync.core.messages import Hello
from sync.core.ready import PeerFacts
from sync.model import HybridTime, Instant, Level, Territory
from tests.node.identity.family import NOW_US, make_node
from tests.policies.city import gate, rows_of
from tests.sync.core.rig import Rig, Station

PLACES = {
    "province": (Level.PROVINCIAL, "37"),
    "city": (Level.MUNICIPAL, "3702"),
    "district": (Level.DISTRICT, "370202"),
    "street": (Level.STREET, "370202001"),
}
"""From the top down; the province only certifies."""
NODES = tuple(PLACES)[1:]


def make_family(folder: Path) -> dict[str, IdentityFiles]:
    """Keys and certificates."""
    files: dict[str, IdentityFiles] = {}
    parent: IdentityFiles | None = None
    for node, (level, code) in PLACES.items():
        parent = files[node] = make_node(folder, NodeFacts(node, level, Territory(code)), parent=parent)
    return files


def seal_of(files: IdentityFiles, now_us: Callable[[], int] = lambda: NOW_US) -> Seal:
    """A node as one who signs and opens."""
    return Seal(
        lambda data: files.manifest_key().sign(data), lambda: files.tls().chain_pem, files.root_pem,
        lambda: read_tls_key(files.key("tls")), now_us,
    )  # fmt: skip


def signer_of(files: IdentityFiles) -> Signer:
    """A node as one to whom is sealed."""
    chain = files.tls().chain_pem
    who = verify_chain(chain, root_pem=files.root_pem(), now_us=NOW_US)
    return Signer(who, sealing_key_in(chain, who))


@dataclass
class Keys:
    """Keys of everybody but those in `unknown`."""

    files: dict[str, IdentityFiles]
    unknown: set[str] = field(default_factory=set)

    async def signer(self, target: str) -> Signer | None:
        return None if target in self.unknown else signer_of(self.files[target])


@dataclass
class StandingClock:
    us: int = NOW_US

    def wall_us(self) -> int:
        return self.us


@dataclass
class RigRuntime:
    """What the desks ask of a runtime, over the turns of the rig."""

    line: Line
    node: str

    @property
    def engine(self) -> Engine:
        return self.line.stations[self.node].engine

    async def ask(self, question: Callable[[Engine, Instant], Any]) -> Any:
        answer = question(self.engine, self.line.now)
        self.line.settle(seconds=1.0)
        return answer


class Line(Rig):
    """The three nodes, linked."""

    def __init__(self, folder: Path, files: dict[str, IdentityFiles], rules: Ruleset) -> None:
        self.folder, self.files, self.clock = folder, files, StandingClock()
        self.journals = journals = {
            name: open_journal(_made(folder / name) / "journal.db", node=name, incarnation=index) for index, name in enumerate(NODES, 1)
        }
        stations = [
            Station(name, PLACES[name][0], parent, incarnation=index, journal=journals[name])
            for index, (name, parent) in enumerate(zip(NODES, ("", *NODES), strict=False), 1)
        ]
        super().__init__(*stations)
        for station in stations:
            station.pipeline._me = Self(station.name, *PLACES[station.name])
        self.govern(rules)
        self.keys = Keys(files)
        self.old: set[str] = set()
        """Nodes whose program knows no envelopes."""
        self.books = {name: SealedBook(folder / name / FILE_NAME) for name in NODES}
        self.connect("district", "city")
        self.connect("street", "district")
        self.settle(seconds=1.0)

    def close(self) -> None:
        for book in self.books.values():
            book.close()
        for journal in self.journals.values():
            journal.close()

    def govern(self, rules: Ruleset, *nodes: str) -> None:
        """Another policy is in force at the named nodes, or at all."""
        for name in nodes or NODES:
            station = self.stations[name]
            station.gate = gate(PLACES[name][0], rules)  # type: ignore[assignment]
            if station.engine.version != rules.version:
                station.engine.policy_changed(rules.version, self.now)

    def rule(self, node: str) -> CompiledGate:
        """The gate of a node."""
        return self.stations[node].gate  # type: ignore[return-value]

    def put(self, node: str, code: str, rows: Sequence[dict[str, Scalar]]) -> None:
        """Records made at a node."""
        resource = self.rule(node).book.ruleset.resources[code]
        batch = rows_of(resource, rows)
        for local in seal(batch, resource=code, lane=resource.lane, schema_version=1, at=HybridTime(NOW_US), ticket=1):
            self.stations[node].engine.offer(local, self.now)
        self.settle(seconds=1.0)

    def sealing(self, node: str = "city") -> Sealing:
        """The sealing side of a node, as after a start."""
        return Sealing(
            me=node, journal=self.journals[node], gate=lambda: self.rule(node), places=lambda: places_below(directory()),
            book=self.books[node], keys=self.keys, seal=seal_of(self.files[node], self.clock.wall_us), storing=_Storing(self, node),
            nonce=lambda: Random(len(self.batches(node))).randbytes(16),
        )  # fmt: skip

    def opening(self, node: str = "street") -> Opening:
        """The opening side of a node, as after a start."""
        level, code = PLACES[node]
        return Opening(
            Me(node, 1, level, code), self.journals[node], self.stations[node].pipeline, RigRuntime(self, node), directory(),  # type: ignore[arg-type]
            self.books[node], seal_of(self.files[node], self.clock.wall_us), self.clock,  # type: ignore[arg-type]
        )  # fmt: skip

    def envelopes(self, node: str) -> int:
        """Envelopes that a node holds, each once."""
        found = [stored for stored in self.batches(node) if stored.batch.header.resource == ENVELOPES]
        return sum(run.count for stored in found for run in stored.live_runs if run.state.has_rows)

    def names(self, node: str) -> list[str]:
        """Names of the enterprises that a node holds and counts."""
        found = [live_rows(stored) for stored in self.batches(node) if stored.batch.header.resource == "enterprises"]
        return sorted(str(name) for table in found if table is not None for name in table.column("name").to_pylist())

    def _link_up(self, name: str, peer: str, hello: Hello | None, *, is_parent: bool) -> None:
        assert hello is not None
        hello = replace(hello, takes_envelopes=peer not in self.old)
        journal = self.journals[name]
        chains = {
            (one.direction, one.lane): journal.ledger_chain(peer, one.direction, one.lane, one.upto, claimed=one.chain)
            for one in hello.positions
        }
        below = frozenset[str]() if is_parent else frozenset({peer, "street"})
        facts = PeerFacts(peer, self.stations[peer].incarnation, *PLACES[peer], is_parent, below)
        self.queues[(name, peer)] = deque()
        self.stations[name].engine.link_up(facts, hello, chains, self.now)


@dataclass
class _Storing:
    line: Line
    node: str

    async def store(self, resource: Resource, rows: Sequence[Row]) -> None:
        names = schema(resource).names
        for row in rows:
            facts: dict[str, Scalar] = {name: _plain(value) for name, value in zip(names, row, strict=True)}
            self.line.put(self.node, resource.code, [facts])


def _plain(value: object) -> Scalar:
    return value.hex() if isinstance(value, bytes) else value  # type: ignore[return-value]


def directory() -> Directory:
    """What the city knows of those below."""
    known = Directory("city")
    statuses = [
        NodeStatus(name, name, PLACES[name][0].word, PLACES[name][1], parent, "1", "OK", [], 0, "", "", certified_as="/".join(PLACES))
        for name, parent in (("district", "city"), ("street", "district"))
    ]
    known.heard_from_child("district", encode_statuses(statuses), 0)
    return known


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Do it now."""
    return asyncio.run(work)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
