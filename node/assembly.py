"""The parts of a node that need no open socket, put together from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.clock import Clock, HybridClock, SystemClock
from node.config import NodeConfig
from node.directory import Directory, NodeStatus
from node.handshake import Me
from node.identity.admissions import Admissions
from node.identity.bundle_seal import BundleSeal
from node.identity.errors import IdentityError
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.verify import PeerIdentity, check_child, verify_chain
from node.identity.vouch import KeyDirectory
from node.ingest.inbox import Inbox
from node.links import Context, Links
from node.marts import Marts
from node.pipeline import Pipeline, Self
from node.policy_store import PolicyStore
from node.queries import QueryDesk
from node.runtime import Runtime
from node.store.journal import SqliteJournal, open_journal
from policies.bundle import schemas_of
from policies.gate import CompiledGate, Station
from policies.masks import KeyRing
from policies.presets import PRESET_LEVELS, city_bundle_contents, preset_bundle
from policies.ruleset import Ruleset
from policies.words import Verdict, Way
from sync.core.engine import Engine
from sync.model import MICROSECONDS, ClockQuality, Lane, Level, LinkError
from sync.transport.credentials import TlsCredentials
from sync.transport.session import PeerIdentity as SessionPeer

POLICY_LIFE_US = 400 * 86_400 * MICROSECONDS
"""How long the bundle that a node issues at its first start is in force."""

BACKDATED_US = 3_600 * MICROSECONDS
"""A bundle begins this long before it is made, so that peers whose clocks are behind take it."""

SCHEMA_VERSION = 1
"""Version of the catalogue's record layouts that this program writes."""


@dataclass(slots=True)
class Parts:
    """A node without its listeners."""

    config: NodeConfig
    clock: Clock
    me: Me
    facts: NodeFacts
    files: IdentityFiles
    admissions: Admissions
    keys: KeyDirectory
    parent: PeerIdentity | None
    policy: PolicyStore
    schemas: dict[str, pa.Schema]
    journal: SqliteJournal
    inbox: Inbox
    runtime: Runtime
    directory: Directory
    queries: QueryDesk
    links: Links
    marts: Marts
    _status: list[Callable[[], NodeStatus]] = field(default_factory=list)

    def bind_status(self, status: Callable[[], NodeStatus]) -> None:
        """Where heartbeats get the node's own status."""
        self._status.append(status)

    def own_status(self) -> NodeStatus:
        """The node's own status; only after `bind_status`."""
        return self._status[-1]()

    def tls(self) -> TlsCredentials:
        """What links show and trust, as it is on disk now: a renewed certificate is used by the next session."""
        material = self.files.tls()
        return TlsCredentials(material.key_pem, material.chain_pem, material.root_pem)

    def authorise_child(self, pem: bytes, declared: str) -> SessionPeer:
        """Who opens a link here; raises LinkError unless it is an admitted child of this node."""
        peer = self._verified(pem)
        if peer.node != declared:
            raise LinkError(f"{declared} shows the certificate of {peer.node}")
        try:
            check_child(peer, own=self.files.own(now_us=self.clock.wall_us()))
        except IdentityError as error:
            raise LinkError(str(error)) from None
        if not self.admissions.is_admitted(peer.node):
            raise LinkError(f"{peer.node} is not an admitted child of {self.me.node}: join it with a token of this node")
        return self._learned(peer)

    def authorise_parent(self, pem: bytes, declared: str) -> SessionPeer:
        """Who answered our call; raises LinkError unless it is the parent this node joined."""
        peer = self._verified(pem)
        assert self.parent is not None, "only a node with a parent dials"
        if peer.path != self.parent.path:
            raise LinkError(f"{declared} is answered by {' > '.join(peer.path)}, this node joined {' > '.join(self.parent.path)}")
        return self._learned(peer)

    def summary_refusal(self, resource: str) -> str:
        """Why a summary of `resource` may not go to the parent; empty when its cells may."""
        known = self.policy.ruleset.resources.get(resource)
        if known is None:
            return "it is not in the catalogue"
        plan = self.policy.gate.book.plan(resource, hops=1, way=Way.UP, level=Level(min(self.me.level + 1, Level.PROVINCIAL)))
        if plan.base.verdict is Verdict.ALLOW:
            return ""
        return f"its outcome toward the parent is {plan.base.verdict.word}; ask for the derived resource of totals"

    def close(self) -> None:
        """Release files; call when the runtime has ended."""
        self.marts.close()
        self.journal.close()
        self.admissions.close()

    def _verified(self, pem: bytes) -> PeerIdentity:
        try:
            return verify_chain(pem, root_pem=self.files.root_pem(), now_us=self.clock.wall_us())
        except IdentityError as error:
            raise LinkError(str(error)) from None

    def _learned(self, peer: PeerIdentity) -> SessionPeer:
        if self.keys.learn(peer):
            self.admissions.keep_key(peer.node, peer.manifest_key, now_us=self.clock.wall_us())
        return SessionPeer(peer.node, peer.level, peer.territory.code)


def assemble(config: NodeConfig, *, software: str) -> Parts:
    """Open the files and wire the parts of the node in `config`. Raises NodeError, PolicyError or JournalError with the way out."""
    clock = SystemClock()
    files = IdentityFiles(config.folder)
    own = files.own(now_us=clock.wall_us())
    me = Me(config.node.id, files.incarnation(), config.level, config.territory.code, software)
    admissions = Admissions(files.database, files.authority())
    keys = KeyDirectory(admissions.learned_keys())
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    policy = _policy(config, files, clock)
    journal = open_journal(config.data_dir / "journal.db", node=me.node, incarnation=me.incarnation)
    hybrid = HybridClock(clock)
    parent = files.parent(now_us=None) if config.level is not Level.PROVINCIAL else None
    pipeline = Pipeline(
        me=Self(me.node, me.level, me.territory),
        journal=journal,
        gate_of=lambda: policy.gate,
        vouch=files.vouch(me.node, keys),
        limits=config.limits,
    )
    engine = Engine(
        node=me.node,
        incarnation=me.incarnation,
        has_parent=parent is not None,
        version=policy.version,
        recovered=journal.recover(),
        limits=config.limits,
        clock=ClockQuality(),
    )
    schemas = _schemas(policy)
    wake: list[Callable[[], None]] = []
    inbox = Inbox(schemas, on_data=lambda: wake[0](), limits=config.limits)
    runtime = Runtime(engine=engine, journal=journal, pipeline=pipeline, records=inbox, lane_of=_lanes(policy), clock=clock, hybrid=hybrid)
    wake.append(runtime.wake)
    directory, queries = Directory(me.node), QueryDesk()
    status: list[Callable[[], NodeStatus]] = []
    context = Context(me, runtime, journal, policy, directory, queries, clock, hybrid, config.limits, lambda: status[-1]())
    links = Links(context)
    queries.tell = links.tell
    return Parts(
        config=config,
        clock=clock,
        me=me,
        facts=NodeFacts(me.node, own.level, own.territory),
        files=files,
        admissions=admissions,
        keys=keys,
        parent=parent,
        policy=policy,
        schemas=schemas,
        journal=journal,
        inbox=inbox,
        runtime=runtime,
        directory=directory,
        queries=queries,
        links=links,
        marts=Marts(config.data_dir / "marts", journal),
        _status=status,
    )


def _policy(config: NodeConfig, files: IdentityFiles, clock: Clock) -> PolicyStore:
    seal, secret = BundleSeal(files), files.pseudonym_secret()

    def compile_gate(ruleset: Ruleset) -> CompiledGate:
        station = Station(config.node.id, config.level, pseudonym_keys(secret, ruleset))
        return CompiledGate(ruleset, station, now_us=clock.wall_us())

    policy = PolicyStore(config.folder / "policy", seal=seal, compile_gate=compile_gate, clock=clock)
    if config.level in PRESET_LEVELS and policy.held(config.node.id) is None:
        now_us = clock.wall_us()
        bundle = preset_bundle(
            config.level, issuer=config.node.id, not_before_us=now_us - BACKDATED_US, not_after_us=now_us + POLICY_LIFE_US
        )
        policy.install(seal.sign(bundle))
    return policy


def pseudonym_keys(secret: bytes, ruleset: Ruleset) -> KeyRing:
    """This node's pseudonym keys, one per key id that a mask in force names, all derived from one secret (HKDF, RFC 5869)."""
    names = {mask.key for mask in ruleset.masks.values() if mask.key}
    return KeyRing(
        {name: HKDF(SHA256(), 32, salt=None, info=b"yunnao-pseudonym-1 " + name.encode()).derive(secret) for name in sorted(names)}
    )


def _schemas(policy: PolicyStore) -> dict[str, pa.Schema]:
    """The record layouts of the catalogue; those that ship serve a node that has met no parent yet, whose records are held until it has."""
    shipped = schemas_of(city_bundle_contents(Level.PROVINCIAL).catalogue)
    return shipped | schemas_of(tuple(policy.ruleset.resources.values()))


def _lanes(policy: PolicyStore) -> Callable[[str], tuple[Lane, int]]:
    shipped = {resource.code: resource.lane for resource in city_bundle_contents(Level.PROVINCIAL).catalogue}

    def lane_of(code: str) -> tuple[Lane, int]:
        known = policy.ruleset.resources.get(code)
        return (known.lane if known else shipped[code]), SCHEMA_VERSION

    return lane_of
