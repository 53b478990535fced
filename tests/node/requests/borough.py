"""A province, a city, two districts and two streets in one process: desks on real journals, and questions carried between neighbours.

Every message that a node passes on is kept as it travels (`taps`), because what a relay can see is what these tests are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from node.cases.kind import Case, Kind, Party
from node.identity.bundle_seal import BundleSeal
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.keys import read_tls_key
from node.policy.store import PolicyStore
from node.requests.desk import RequestDesk
from node.requests.envelope import Cursor, Seal
from node.requests.giving import FETCH, Giving
from node.requests.kind import Ask, request_kind
from node.requests.shares import FILE_NAME, Shares
from node.requests.taking import Taking
from node.requests.terms import shipped_terms
from node.tree.directory import Directory, NodeStatus, encode_statuses
from node.tree.queries import QueryDesk
from node.tree.routes import RouteDesk
from policies import CompiledGate, KeyRing, Ruleset, Station
from policies.granting import RECIPIENT_KEY
from policies.presets import preset_bundle
from sync.core.messages import Answer, Query
from sync.model import ClockQuality, HybridTime, Level, Territory
from tests.node.cases.town import Town, put
from tests.node.identity.family import make_node
from tests.policies.city import city

WALL_US = 1_790_000_000_000_000
"""2026-09-21, a Monday."""
DAY_US = 86_400_000_000
TREE = {
    "shandong": (Level.PROVINCIAL, "37", ""),
    "qingdao": (Level.MUNICIPAL, "3702", "shandong"),
    "shinan": (Level.DISTRICT, "370202", "qingdao"),
    "badaguan": (Level.STREET, "370202006", "shinan"),
    "shibei": (Level.DISTRICT, "370203", "qingdao"),
    "liaoyuan": (Level.STREET, "370203010", "shibei"),
}
ASKER, PROVIDER, ARBITER = "badaguan", "liaoyuan", "qingdao"
RESIDENTS = city().resources["residents"]
TERMS = shipped_terms()


def identities(folder: Path) -> dict[str, IdentityFiles]:
    """Keys and certificates of every node: made once, because they take longest."""
    files: dict[str, IdentityFiles] = {}
    for node, (level, territory, parent) in TREE.items():
        facts = NodeFacts(node, level, Territory(territory))
        files[node] = make_node(folder, facts, parent=files.get(parent), now_us=WALL_US)
    return files


def party(node: str) -> Party:
    """A node as a party."""
    return Party(node, TREE[node][1])


@dataclass(slots=True)
class Borough:
    """The tree; `down` holds nodes whose links are cut."""

    folder: Path
    files: dict[str, IdentityFiles]
    town: Town = field(init=False)
    kind: Kind = field(default_factory=lambda: request_kind(TERMS))
    desks: dict[str, RequestDesk] = field(default_factory=dict)
    giving: dict[str, Giving] = field(default_factory=dict)
    taking: dict[str, Taking] = field(default_factory=dict)
    queries: dict[str, QueryDesk] = field(default_factory=dict)
    routes: dict[str, RouteDesk] = field(default_factory=dict)
    policies: dict[str, PolicyStore] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    taps: dict[str, list[bytes]] = field(default_factory=dict)
    quality: ClockQuality = field(default_factory=ClockQuality)

    def __post_init__(self) -> None:
        """Make every node."""
        (self.folder / "town").mkdir()
        self.town = Town(self.folder / "town", [self.kind], [city().resources["requests"], RESIDENTS])
        self.town.clock.wall = WALL_US
        for node in TREE:
            self._add(node)

    def _add(self, node: str) -> None:
        level, territory, parent = TREE[node]
        cases, clock = self.town.add(node, territory, parent), self.town.clock
        policy = self.policies[node] = self._policy(node)
        queries = self.queries[node] = QueryDesk(tell=partial(self._tell, node))
        routes = self.routes[node] = RouteDesk(node, parent, directory_of(node), queries)
        shares = Shares(self.folder / "town" / node / FILE_NAME)
        self.desks[node] = RequestDesk(cases, self.kind, TERMS, lambda: policy.ruleset, shares, clock)
        seal = seal_of(self.files[node], clock.wall_us)
        self.taking[node] = Taking(cases, self.kind, policy, routes, seal, level, clock)
        self.giving[node] = Giving(
            cases, self.kind, policy, cases.journal, shares, seal, clock, lambda: self.quality, partial(_keys, node), Random(1)
        )  # fmt: skip
        routes.answering[FETCH] = self.giving[node].answer

    def _policy(self, node: str) -> PolicyStore:
        level, clock = TREE[node][0], self.town.clock

        def compile_gate(rules: Ruleset) -> CompiledGate:
            return CompiledGate(rules, Station(node, level), now_us=clock.wall_us())

        top = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=WALL_US * 2)
        policy = PolicyStore(self.folder / f"policy-{node}", seal=BundleSeal(self.files[node]), compile_gate=compile_gate, clock=clock)
        policy.install(BundleSeal(self.files["shandong"]).sign(top))
        return policy

    def _tell(self, source: str, target: str, message: object) -> bool:
        """One message between neighbours; both keep what passed."""
        if {source, target} & self.down:
            return False
        assert isinstance(message, Query)
        for node in (source, target):
            self.taps.setdefault(node, []).append(message.body)

        def reply(answer: Answer) -> None:
            for node in (source, target):
                self.taps.setdefault(node, []).append(answer.body)
            self.queries[source].answered(target, answer)

        self.queries[target].asked_by(source, message, reply)
        return True

    # ---- what tests do

    def store(self, rows: Sequence[tuple[object, ...]], *, node: str = PROVIDER) -> None:
        """Residents at a node: (id, name, number, phone, year, category) each."""
        now_us, territory = self.town.clock.wall, TREE[node][1]
        cells: list[Any] = [(now_us, territory, 3, *row) for row in rows]
        put(self.town.offices[node].shelf, RESIDENTS, cells, origin=node, at=HybridTime(now_us))

    async def asked(self, **change: Any) -> Case:
        """A request of the asker to the provider, carried to everybody."""
        said: dict[str, Any] = {
            "resource": "residents",
            "fields": ("name", "category"),
            "purpose": "city-management",
            "why": "care",
            "until_us": WALL_US + 60 * DAY_US,
        }
        case = await self.desks[ASKER].ask(Ask(**(said | change)), by="li", provider=party(PROVIDER), arbiter=party(ARBITER))
        await self.town.carry()
        return case

    async def granted(self, changes: dict[str, object] | None = None, **change: Any) -> Case:
        """A request with its grant."""
        case = await self.asked(**change)
        found = await self.desks[PROVIDER].grant(case.id, changes or {}, by="zhao")
        await self.town.carry()
        return found

    async def fetched(self, case_id: str) -> list[dict[str, object]]:
        """Every row, page by page."""
        cursor, found = Cursor(), list[dict[str, object]]()
        while True:
            rows, facts = await self.taking[ASKER].page(case_id, cursor, by="li")
            found += [] if rows is None else rows.to_pylist()
            cursor = Cursor(facts["after_lsn"], facts["skip_rows"], facts["upto_lsn"])
            if facts["is_last"]:
                return found

    def close(self) -> None:
        """Release the files."""
        for node, office in self.town.offices.items():
            office.shelf.journal.close()
            office.desk.register.close()
            self.desks[node].shares.close()


def seal_of(files: IdentityFiles, now_us: Any) -> Seal:
    return Seal(
        sign=lambda data: files.manifest_key().sign(data),
        chain_pem=lambda: files.tls().chain_pem,
        root_pem=files.root_pem,
        tls_key=lambda: read_tls_key(files.key("tls")),
        now_us=now_us,
    )


def _keys(node: str, asker: str, resource: str) -> KeyRing:
    key = f"{node} {asker} {resource}".encode()
    return KeyRing({RECIPIENT_KEY: key, "resident-token": key})


def directory_of(node: str) -> Directory:
    directory = Directory(node)
    above = [_status(name) for name in TREE if name != node and _is_below(node, name)]
    directory.heard_from_parent(encode_statuses(above), 0)
    for child in (name for name, place in TREE.items() if place[2] == node):
        below = [_status(name) for name in TREE if _is_below(name, child) or name == child]
        directory.heard_from_child(child, encode_statuses(below), 0)
    return directory


def _is_below(node: str, other: str) -> bool:
    while node:
        node = TREE[node][2]
        if node == other:
            return True
    return False


def _status(node: str) -> NodeStatus:
    level, territory, parent = TREE[node]
    return NodeStatus(node, node, level.word, territory, parent, "1", "OK", [], 0, "test", "")
