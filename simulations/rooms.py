"""The rooms of a simulated node in which people and the node itself decide: cases, the negative list, changed grades, reviews, recalls.

The product's own desks, on a host's journal, policy and turns, with its inbox before them. They are written for an event loop and run on
the host's. A world has them only when a script asks (simulations/scenarios/script.py), because they cost a look a second.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from node.accumulation.counting import FILE_NAME, Counting
from node.accumulation.desk import AccumulationDesk
from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.cases.kind import Party
from node.cases.wiring import cases_of
from node.errors import NodeError
from node.ingest.handing_in import HandingIn
from node.keeping.storage import Storage
from node.links.handshake import Me
from node.negative_list.desk import ListDesk
from node.negative_list.kind import ENTRY
from node.policy.issuing import Issuer
from node.quality.kind import TICKET
from node.quality.wiring import quality_of
from node.recall.desk import RecallDesk
from node.recall.kind import RECALL
from node.recall.wiring import pages_of, recalls_of
from node.regrading.desk import RegradeDesk
from node.regrading.kind import REGRADE
from node.requests.kind import request_kind
from node.requests.terms import shipped_terms
from node.requests.wiring import requests_of
from node.reviews.desk import ReviewDesk
from node.reviews.kind import REVIEW
from node.reviews.withdrawing import withdraw
from node.runtime import Runtime
from node.store.marts import Marts
from node.summaries.totals import Totals
from policies.bundle import SignedBundle
from policies.errors import PolicyError
from simulations.inlet import Doors, Inlet
from simulations.papers import identities_of
from simulations.topology import NodePlan
from sync.core.messages import Hello
from sync.model import Level, SyncError

if TYPE_CHECKING:
    from simulations.host import Host

TERMS = shipped_terms()
KINDS = (ENTRY, RECALL, REGRADE, REVIEW, TICKET, request_kind(TERMS))


class Rooms:
    """The desks of one life of a host."""

    def __init__(self, host: Host, plans: Sequence[NodePlan]) -> None:
        """Open them on a host that has just booted; `plans` says who stands where."""
        self._host = host
        self._plans = {plan.id: plan for plan in plans}
        self.inlet = Inlet(host, lambda pending: (pending.rows, -1 - host.around.rng.getrandbits(60)))
        self.marts = Marts(host.folder / "marts", host.journal)
        self.links = SimpleNamespace(on_linked=lambda peer: None)
        """Where the desks ask to hear of a session that begins, as node/links/links.py."""
        parts = cast(Parts, self._parts())
        me, policy, clock = host.plan, host.policy, host.machine
        self.issuer = Issuer(me.id, me.level, lambda bundle: SignedBundle(bundle, b"", ""), policy, clock)
        handing_in = HandingIn(self.inlet.inbox, cast(Storage, Doors(host)))
        self.cases: CaseDesk = cases_of(parts, handing_in, KINDS)
        self.cases.naming = lambda: f"{host.around.rng.getrandbits(64):016x}"
        self.list = ListDesk(self.cases, self.issuer)
        self.regrades = RegradeDesk(self.cases, self.issuer)
        self.reviews = ReviewDesk(self.cases, policy, clock, self._authority, policy.territory_of)
        self.reviews.withdraw = lambda entry_id, why: withdraw(self.cases, self.issuer, entry_id, why)
        self.counting = Counting(host.folder / FILE_NAME, me.id.encode())
        self.accumulation = AccumulationDesk(self.counting, host.journal, self.issuer, self.reviews)
        self.requests = requests_of(parts, self.cases, TERMS)
        self.requests.giving.rng = Random(host.around.rng.getrandbits(64))  # noqa: S311 - a simulation is random on purpose
        self.quality = quality_of(parts, self.cases, self.requests.parties)
        self.recalls: RecallDesk = recalls_of(parts, self.cases, host.upkeep.repairs, pages_of(parts, self.requests))
        self.absence = host.forks.absence
        self.is_settled = False
        """True once links may open."""
        recalls = policy.closed
        policy.closed = self.marts.closed = lambda resource: self.absence.refusal(resource) or recalls(resource)
        host.upkeep.begin(self._start)

    # ---- what scripts ask

    def party(self, node: str) -> Party:
        """A node with a role in a case."""
        return Party(node, self._plans[node].territory)

    def act(
        self, work: Callable[[], Coroutine[Any, Any, object]], *, then: Callable[[], object], failed: Callable[[Exception], object]
    ) -> None:
        """Have an operator do something here; `then` once it is done. A life that ends meanwhile tells nobody."""

        async def guarded() -> None:
            try:
                await work()
            except (NodeError, PolicyError, SyncError) as error:
                failed(error)
                return
            then()

        self._host.upkeep.begin(lambda: self._host.upkeep.loop.create_task(guarded()))

    def heard_from_above(self, hello: Hello) -> bool:
        """As node/links/opening.py: the policy of those above is known here; False when this node was away for too long."""
        if self.absence.hear(hello.sent_at.wall_us, hello.above_age_us):
            return False
        self.absence.write_down()
        return True

    def stored(self, ticket: int) -> None:
        """Rows that were handed in are durable."""
        self.inlet.stored(ticket)

    def close(self) -> None:
        """The life is over."""
        self.cases.register.close()
        self.counting.close()
        self.requests.desk.shares.close()
        if self.requests.taking.fetched is not None:
            self.requests.taking.fetched.close()
        self.quality.store.close()
        self.marts.close()

    # ---- inside

    def _start(self) -> None:
        loop = self._host.upkeep.loop
        loop.create_task(self._settle())
        rooms = (self.cases, self.list, self.regrades, self.reviews, self.accumulation, self.recalls)
        for room in rooms:
            loop.create_task(room.run())
        if (parent := self._host.parent) and self._host.plan.level is not Level.GRID:
            loop.create_task(self._totals(parent).keep_releasing())

    async def _settle(self) -> None:
        """As node/fork/wiring.py."""
        runtime = self._host.upkeep.runtime
        if not self._host.plan.parent:
            self.absence.note()
        else:
            await self.absence.settle(runtime, self._host.parent, leave_no_trace=self.recalls.eraser.leave_no_trace)
        self.is_settled = True

    def _totals(self, parent: str) -> Totals:
        host, plan = self._host, self._host.plan
        me = Me(plan.id, host.incarnation, plan.level, plan.territory)
        return Totals(
            me=me, parent_level=self._plans[parent].level, policy=host.policy, journal=host.journal, inbox=self.inlet.inbox,
            clock=host.machine,
        )  # fmt: skip

    def _authority(self) -> Party:
        """The nearest node above from the municipality up, or this one."""
        line = [self._host.plan]
        while line[-1].level < Level.MUNICIPAL and line[-1].parent:
            line.append(self._plans[line[-1].parent])
        return self.party(line[-1].id)

    def _parts(self) -> SimpleNamespace:
        """The host as node/assembly.py would have it, as far as the wirings of the rooms ask."""
        host, plan = self._host, self._host.plan
        path = host.identity.path[:-1]
        runtime = cast(Runtime, host.upkeep.runtime)
        return SimpleNamespace(
            me=Me(plan.id, host.incarnation, plan.level, plan.territory),
            parent=SimpleNamespace(path=path, node=plan.parent) if plan.parent else None,
            config=SimpleNamespace(data_dir=Path(host.folder)),
            journal=host.journal,
            runtime=runtime,
            policy=host.policy,
            marts=self.marts,
            links=self.links,
            clock=host.machine,
            hybrid=host.hybrid,
            files=identities_of([*self._plans.values()])[plan.id],
            queries=host.upkeep.queries,
            directory=host.tree.directory,
            child_territories=lambda: frozenset(one.territory for one in self._plans.values() if one.parent == plan.id),
            on_policy=self.inlet.learn_with,
        )
