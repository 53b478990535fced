"""The parts of a node that need no open socket, put together from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from node.attachment.desk import AttachmentDesk, MovedAway
from node.attachment.orders import Reattached, Signer
from node.audit.desk import AuditDesk
from node.audit.retention import CheckpointSeal
from node.clock import FlooredClock, HybridClock
from node.config.config import NodeConfig
from node.engine.engine_room import EngineRoom, journal_path, open_engine_room, record_layouts, shipped_codes
from node.fork.change import finish_change
from node.fork.clones import ForkMemory
from node.fork.desk import ForkDesk
from node.identity.admissions import Admissions, Stage
from node.identity.certificate_keeper import CertificateKeeper, Terms
from node.identity.errors import IdentityError
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.passport import Passport, open_passport
from node.identity.verify import PeerIdentity, check_child, verify_chain
from node.identity.vouch import KeyDirectory
from node.ingest.inbox import Inbox
from node.links.handshake import Me
from node.links.links import Links
from node.links.peer import Context
from node.policy.slicing import Slicing
from node.policy.store import PolicyStore
from node.runtime import Runtime
from node.sealed.places import is_foster_parent
from node.store.journal import SqliteJournal
from node.store.marts import Marts
from node.tree.attendance import Attendance
from node.tree.directory import Directory, NodeStatus
from node.tree.queries import QueryDesk
from policies.plan import Plan
from policies.release import sketch_least
from policies.words import Verdict, Way
from sync.core.engine import Engine
from sync.core.messages import Stop
from sync.model import ClockQuality, Level, LinkError
from sync.transport.credentials import TlsCredentials
from sync.transport.session import PeerIdentity as SessionPeer
from sync.wire.bounds import ORDER_BYTES_MAX
from sync.wire.codec import encode


@dataclass(slots=True)
class Parts:
    """A node without its listeners."""

    config: NodeConfig
    clock: FlooredClock
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
    hybrid: HybridClock
    directory: Directory
    queries: QueryDesk
    links: Links
    marts: Marts
    keeper: CertificateKeeper
    forks: ForkDesk
    attachments: AttachmentDesk
    attendance: Attendance
    audit: AuditDesk
    uplink_address: str
    """HOST:PORT of the parent's links: of the order that moved this node, else of its configuration."""
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
        if self.attachments.admits(peer):
            return self._learned(peer)
        try:
            check_child(peer, own=self.files.own(now_us=None))
        except IdentityError as error:
            raise LinkError(str(error)) from None
        if not self.admissions.is_admitted(peer.node):
            raise LinkError(f"{peer.node} is not an admitted child of {self.me.node}: join it with a token of this node")
        return self._learned(peer)

    def authorise_link(self, pem: bytes, declared: str) -> SessionPeer:
        """As authorise_child, but a node that an order moved away is let in to hear that order, and nothing else."""
        try:
            return self.authorise_child(pem, declared)
        except MovedAway as moved:
            order = moved.order.raw if len(moved.order.raw) <= ORDER_BYTES_MAX else b""
            peer = self._verified(pem)
            stop = encode(Stop(str(moved), order))
            return SessionPeer(peer.node, peer.level, peer.territory.code, peer.not_after_us, dismissal=stop)

    def authorise_parent(self, pem: bytes, declared: str) -> SessionPeer:
        """Who answered our call; raises LinkError unless it is the parent this node joined."""
        peer = self._verified(pem)
        assert self.parent is not None, "only a node with a parent dials"
        if peer.path != self.parent.path:
            raise LinkError(f"{declared} is answered by {' > '.join(peer.path)}, this node joined {' > '.join(self.parent.path)}")
        return self._learned(peer)

    def children(self) -> list[str]:
        """Nodes that are attached here, linked or not."""
        admitted = {entry.node for entry in self.admissions.all() if entry.stage is Stage.ACCEPTED}
        moved = {order.node: order.new.path == self.attachments.own.path for order in self.attachments.book}
        return sorted({node for node in admitted if moved.get(node, True)} | {node for node, is_here in moved.items() if is_here})

    def child_territories(self) -> frozenset[str]:
        """Territory codes of the nodes that this one admitted."""
        return frozenset(entry.territory.code for entry in self.admissions.all() if entry.stage is Stage.ACCEPTED)

    def detach_silent(self) -> list[str]:
        """Close the queues of children that are silent for too long; who they are. On the event loop."""
        silent = self.attendance.look(self.children(), self.links.children(), self.clock.now())
        for child in silent:
            self.runtime.post(lambda engine, now, child=child: None if child in engine.link_peers() else engine.detach(child, now))  # type: ignore[misc]
        return silent

    def summary_refusal(self, resource: str) -> str:
        """Why a summary of `resource` may not go to the parent; empty when its cells may."""
        if self.parent is not None and is_foster_parent(self.parent.territory.code, self.me.territory):
            return f"{self.parent.node} is a foster parent outside the territory chain, past which nothing goes but sealed envelopes"
        known = self.policy.ruleset.resources.get(resource)
        if known is None:
            return "it is not in the catalogue"
        for plan in self._plans_above(resource):
            if plan.base.verdict is not Verdict.ALLOW:
                return f"its outcome toward the parent is {plan.base.verdict.word}; ask for the derived resource of totals"
            if plan.rows:
                return "an entry of the negative list judges its rows one by one, and cells would tell of those withheld"
        return ""

    def summary_grade_max(self, resource: str) -> int:
        """The highest grade whose rows a summary of `resource` may tell of: those above are treated otherwise than the resource."""
        return min(plan.grade_free for plan in self._plans_above(resource))

    def sketch_least(self, resource: str, grade: int) -> int | None:
        """Distinct ids from which on a sketch over rows of `resource`, `grade` the highest of them, may go up; None: never."""
        rules = self.policy.ruleset
        known = rules.resources.get(resource)
        return None if known is None else sketch_least(rules.release, max(known.grade, grade))

    def _plans_above(self, resource: str) -> list[Plan]:
        """The plans toward the parent and toward whoever it tells: levels may be skipped, so any level above may be either."""
        book, above = self.policy.gate.book, [level for level in Level if level > self.me.level] or [Level.PROVINCIAL]
        return [book.plan(resource, hops=hops, way=Way.UP, level=level) for hops in (1, 2) for level in above]

    def on_policy(self, learn: Callable[[dict[str, pa.Schema]], None]) -> None:
        """Have `learn` called with the record layouts of every policy that comes into force, before peers hear of it."""
        spread = self.policy.on_new

        def learned() -> None:
            self.schemas = record_layouts(self.policy)
            self.inbox.learn(self.schemas)
            learn(self.schemas)
            spread()

        self.policy.on_new = learned

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
        return SessionPeer(peer.node, peer.level, peer.territory.code, peer.not_after_us)


def assemble(config: NodeConfig, *, software: str, memory: ForkMemory | None = None) -> Parts:
    """Open the files and wire the parts of the node in `config`. Raises NodeError, PolicyError or JournalError with the way out."""
    finish_change(config.folder, journal_path(config), node=config.node.id)
    passport = open_passport(config, software=software)
    room = open_engine_room(config, passport)
    directory, queries = Directory(passport.me.node), QueryDesk()
    status: list[Callable[[], NodeStatus]] = []
    forks = _forks(config, passport, room, memory or ForkMemory())
    attachments = _attachments(passport, directory, room.runtime)
    attendance = Attendance(config.data_dir / "silent.json", detach_after_days=config.limits.detach_after_days)
    context = Context(
        passport.me, room.runtime, room.journal, room.policy, _slicing(config, passport, room), directory, queries, passport.clock,
        room.hybrid, config.limits, lambda: status[-1](), forks, attachments, attendance,
    )  # fmt: skip
    links = Links(context)
    queries.tell = links.tell
    keeper = _keeper(config, passport, room.runtime, links)
    keeper.certifier, keeper.is_cut_off = attachments.certifier, lambda: bool(links.trouble)
    keeper.has_moved = passport.orders.of(passport.own.node) is not None
    keeper.on_recertified = lambda: room.runtime.fail(Reattached(f"the certificate of {passport.own.node} has another issuer now"))
    room.runtime.pipeline.fosters, room.runtime.pipeline.known_before = attachments.fosters, forks.known_before
    room.runtime.pipeline.seals_to = lambda peer: peer.is_parent and is_foster_parent(peer.territory, config.territory.code)
    marts = Marts(config.data_dir / "marts", room.journal)
    marts.regrades = lambda: room.policy.gate.regrades
    return Parts(
        config=config,
        clock=passport.clock,
        me=passport.me,
        facts=passport.facts,
        files=passport.files,
        admissions=passport.admissions,
        keys=passport.keys,
        parent=passport.parent,
        policy=room.policy,
        schemas=room.schemas,
        journal=room.journal,
        inbox=room.inbox,
        runtime=room.runtime,
        hybrid=room.hybrid,
        directory=directory,
        queries=queries,
        links=links,
        marts=marts,
        keeper=keeper,
        forks=forks,
        attachments=attachments,
        attendance=attendance,
        audit=_audit(passport, room),
        uplink_address=passport.uplink_address,
        _status=status,
    )


def _slicing(config: NodeConfig, passport: Passport, room: EngineRoom) -> Slicing:
    wanted = config.file.policy.slices
    configured = {entry.resource for entry in config.devices.profiles} | set(config.file.policy.resources)
    codes = {*shipped_codes(), *room.journal.kept_resources(), *configured}
    is_sliced = wanted == "on" or (wanted == "auto" and config.level is Level.GRID)
    parent = passport.parent.node if passport.parent else ""
    return Slicing(room.policy, node=passport.me.node, parent=parent, is_sliced=is_sliced, codes=codes)


def _audit(passport: Passport, room: EngineRoom) -> AuditDesk:
    seal = CheckpointSeal(passport.me.node, passport.files.manifest_key)
    desk = AuditDesk(passport.me.node, room.journal, room.runtime, passport.clock, seal)
    parent, policy = passport.parent.node if passport.parent else "", room.policy.version.digest.hex()
    desk.begin(software=passport.me.software, parent=parent, policy=policy)
    return desk


def _forks(config: NodeConfig, passport: Passport, room: EngineRoom, memory: ForkMemory) -> ForkDesk:
    return ForkDesk(
        node=passport.me.node,
        incarnation=passport.me.incarnation,
        journal=room.journal,
        vouch=passport.vouch,
        clock=passport.clock,
        memory=memory,
        on_found=room.runtime.fail,
        on_away=room.runtime.fail,
        folder=config.folder,
        is_top=passport.parent is None,
    )


def _attachments(passport: Passport, directory: Directory, runtime: Runtime) -> AttachmentDesk:
    files = passport.files
    return AttachmentDesk(
        own=passport.own,
        parent=passport.parent.node if passport.parent else "",
        book=passport.orders,
        directory=directory,
        clock=passport.clock,
        signer=lambda: Signer(files.own(now_us=None), files.tls().chain_pem, files.manifest_key()),
        on_moved=runtime.fail,
    )


def _keeper(config: NodeConfig, passport: Passport, runtime: Runtime, links: Links) -> CertificateKeeper:
    address = config.parent.join_address if passport.parent is not None else ""
    return CertificateKeeper(
        passport.files,
        Terms(passport.facts, config.identity.leaf_life_s, config.identity.ca_life_s, address),
        admissions=passport.admissions,
        clock=passport.clock,
        on_renewed=links.renew_uplink,
        on_clock=lambda quality: runtime.post(lambda engine, now: _stamp(engine, quality)),
    )


def _stamp(engine: Engine, quality: ClockQuality) -> None:
    engine.clock = quality
