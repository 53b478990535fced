"""What a simulated node does beside replication, with the product's own desks: repairs damaged batches and keeps inside its quota.

They are written for an event loop and get one in the time of the world (simulations/loop.py). Called by simulations/host.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from node.audit.desk import AuditDesk
from node.config.model import StorageSection
from node.engine.pipeline import Pipeline
from node.keeping.storage import Rules, Storage
from node.repair.desk import RepairDesk
from node.repair.giving import Giver
from node.repair.scrub import Scrub
from node.tree.queries import QueryDesk
from simulations.loop import WorldLoop
from sync.core.engine import Engine
from sync.core.messages import Answer, Query
from sync.core.ready import PeerFacts
from sync.model import Instant, Lane

if TYPE_CHECKING:
    from simulations.host import Host

Result = TypeVar("Result")
SCRUB_EVERY_S = 3_600.0


class HostRuntime:
    """The part of node/runtime.py that the desks ask, over the turns of a host."""

    is_full = False

    def __init__(self, host: Host, loop: WorldLoop) -> None:
        self._host = host
        self._loop = loop
        self.on_damage: Callable[[int, Callable[[], None]], None] = lambda lsn, then: None
        self.on_committed: Callable[[], None] = lambda: None
        self.after_commit: list[Callable[[], None]] = []

    @property
    def engine(self) -> Engine:
        """The engine of this life."""
        return self._host.engine

    @property
    def pipeline(self) -> Pipeline:
        """What runs the links' jobs."""
        return self._host.pipeline

    def post(self, apply: Callable[[Engine, Instant], None]) -> None:
        """As Runtime.post."""
        self._host.post(apply)

    async def ask(self, question: Callable[[Engine, Instant], Result]) -> Result:
        """As Runtime.ask: the answer comes once its turn is durable."""
        waiting = self._loop.create_future()

        def answer(engine: Engine, now: Instant) -> None:
            value = question(engine, now)
            self.after_commit.append(lambda: None if waiting.done() else waiting.set_result(value))

        self._host.post(answer)
        found: Result = await waiting
        return found

    async def beside_commits(self, work: Callable[[], Result]) -> Result:
        """As Runtime.beside_commits."""
        return work()

    def close_lanes(self, lanes: frozenset[Lane]) -> None:
        """As Runtime.close_lanes."""
        opened = self._host.closed_lanes - lanes
        self._host.closed_lanes = lanes
        if opened:
            self._host.later(0, self._host.sessions.lanes_opened)

    def take_waiting_lanes(self) -> set[Lane]:
        """As Runtime.take_waiting_lanes."""
        waiting, self._host.waiting_lanes = self._host.waiting_lanes, set()
        return waiting


class Upkeep:
    """The desks of one life."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.loop = WorldLoop(lambda: host.clock.world.us, host.later)  # type: ignore[abstract]
        self.runtime = cast(Any, HostRuntime(host, self.loop))
        self.queries = QueryDesk(tell=host.sessions.tell)
        self._is_scrubbing = False
        self._storage: asyncio.Task[None] | None = None
        """Keeps the node inside its quota; None while it has none."""
        giver = Giver(host.journal, host.pipeline, lambda: host.policy.version)
        self.repairs = RepairDesk(
            host.id, host.parent, host.journal, self.runtime, self.queries, giver, facts=self._facts, linked=self._linked,
            is_child=self._is_child, on_repaired=lambda resource: host.around.trace.note(host.id, "repair", resource),
        )  # fmt: skip
        self.begin(self._start)

    def end(self) -> None:
        """The life is over."""
        self.loop.end()

    def keep_quota(self, journal: Any, children: Callable[[], frozenset[str]]) -> None:
        """Keep `journal`, as it looks on its small disk, inside that from now on; `children` are those attached here."""
        host = self._host
        resources = host.policy.ruleset.resources
        rules = Rules(
            parent=host.parent,
            children=children,
            retention_s=lambda: {code: entry.retention_s for code, entry in resources.items()},
            for_ever=lambda: frozenset(code for code, entry in resources.items() if entry.derived is not None),
        )
        storage = Storage(journal, self.runtime, StorageSection(disk_reserve_mb=0), rules, host.machine)
        self.begin(lambda: setattr(self, "_storage", self.loop.create_task(storage.run())))

    def keep_log(self, audit: AuditDesk) -> None:
        """Write entries of the audit log that no commit takes along: an idle node commits nothing."""
        self.begin(lambda: self.loop.create_task(audit.run()))

    def drop_quota(self) -> None:
        """There is room again: nothing is let go any more, and every door opens."""
        # On the loop, behind the beginning of the keeper, which waits there while the node stands still.
        self.begin(self._end_storage)

    def scrub(self) -> None:
        """Look at every stored payload once, as node/repair/scrub.py does over a day."""
        self._is_scrubbing = True
        self.begin(lambda: self.loop.create_task(self._scrub()))

    @property
    def is_busy(self) -> bool:
        """True while stored payloads are looked at, or a damaged one is asked for."""
        return self._is_scrubbing or bool(self.repairs.damage.asked)

    # ---- what the host tells

    def committed(self) -> None:
        """A commit went through."""
        self.runtime.on_committed()

    def durable(self) -> None:
        """A turn is durable: questions that were put in it are answered. Raises what ended a desk."""
        answers, self.runtime.after_commit = self.runtime.after_commit, []
        for tell in answers:
            tell()
        if self.loop.failures:
            raise self.loop.failures.pop()

    def damaged(self, lsn: int, *, then: Callable[[], None]) -> None:
        """A job could not read the batch at `lsn`; `then` starts it again once that is settled."""
        self.begin(lambda: self.runtime.on_damage(lsn, then))

    def lost(self, peer: str) -> None:
        """The link with `peer` is gone."""
        self.begin(lambda: self.queries.lost(peer))

    def asked(self, peer: str, query: Query) -> None:
        """A question of a neighbour."""
        self.begin(lambda: self.queries.asked_by(peer, query, lambda answer: self._host.sessions.tell(peer, answer)))

    def answered(self, peer: str, answer: Answer) -> None:
        """The answer to a question of this node."""
        self.begin(lambda: self.queries.answered(peer, answer))

    def met(self, peer: str) -> None:
        """A session with `peer` begins."""
        self.begin(lambda: self.repairs.met(peer))
        if (rooms := self._host.rooms) is not None:
            self.begin(lambda: rooms.links.on_linked(peer))

    # ---- inside

    def begin(self, action: Callable[[], object]) -> None:
        """Do something on the loop: the desks ask which one runs."""
        self.loop.call_soon(action)

    def _end_storage(self) -> None:
        if self._storage is not None:
            self._storage.cancel()
        self.runtime.on_committed = lambda: None
        self.runtime.close_lanes(frozenset())

    async def _scrub(self) -> None:
        await Scrub(self._host.journal, SCRUB_EVERY_S).walk(0.0)
        self._is_scrubbing = False

    def _start(self) -> None:
        self.repairs.start()
        self.loop.create_task(self.repairs.keep_repairing())

    def _facts(self, peer: str) -> PeerFacts | None:
        link = self._host.sessions.links.get(peer)
        return None if link is None else link.facts

    def _is_child(self, node: str) -> bool:
        """As Parts.children: what is not the parent's or a former parent's came from a child, which an order may have moved away."""
        desk = self._host.tree.desk
        order = desk.book.of(node)
        return node not in (desk.parent, desk.former) and (order is None or order.new.node == self._host.id)

    def _linked(self) -> Sequence[str]:
        return sorted(peer for peer, link in self._host.sessions.links.items() if link.is_up)
