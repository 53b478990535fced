"""Cases in a simulated city: at every node the product's own desk of the cases, and the people who open cases and answer them.

Two kinds of case are played: steps about incidents, said above and taken below, and tickets about quality, reported anywhere and corrected
by any other node. So facts go up, come down, and are passed on by the node where two ways part. Whatever a desk hands in counts as made
there (`World.take`), and the checkers ask of it what they ask of all records; in the end both sides of a case must tell the same of it.
Called by simulations/trial.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import cast

from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.cases.errors import CaseError, CaseUnknown
from node.cases.kind import Kind, Party
from node.cases.register import Register
from node.cases.wiring import cases_of
from node.incidents.step_case import KEEPER, STEP_CASE
from node.ingest.handing_in import HandingIn, NoRoom
from node.keeping.storage import Storage
from node.links.handshake import Me
from node.quality.kind import HOLDER, SOURCE, TICKET
from simulations.host import Host
from simulations.inlet import Doors, Inlet
from simulations.topology import NodePlan
from simulations.world import World
from sync.model import MICROSECONDS, JournalCorrupt

KINDS = (STEP_CASE, TICKET)
ANSWERS: Mapping[tuple[str, str], tuple[str, str]] = {
    (STEP_CASE.name, "waits"): (KEEPER, "apply"),
    (TICKET.name, "open"): (SOURCE, "correct"),
    (TICKET.name, "corrected"): (HOLDER, "verify"),
}
"""By kind and state of a case: the role whose turn it is, and what it says."""
BY = "li"
"""Who says everything."""
TRY_AGAIN_S = 2.0
TRIES = 20
"""How often people try when there is no room, or when what they need has not arrived."""
STEP_LASTS_US = 86_400 * MICROSECONDS
"""How long a step waits to be taken."""


class CaseRoom:
    """The desk of one life of a host, and the people at it."""

    def __init__(self, host: Host, world: World) -> None:
        """Open it on a host that has just booted."""
        self._host = host
        self._plans = {plan.id: plan for plan in world.plans}
        self.inlet = Inlet(host, lambda pending: world.take(host.id, pending.resource, pending.rows))
        handing_in = HandingIn(self.inlet.inbox, cast(Storage, Doors(host)))
        self.desk: CaseDesk = cases_of(cast(Parts, self._parts()), handing_in, KINDS)
        self.desk.naming = lambda: f"{host.around.rng.getrandbits(64):016x}"
        self.desk.on_change(lambda kind, case_id: self._have(lambda: self._answer(kind, case_id)))
        self.inlet.learn_with(lambda layouts: None)
        self.busy = 0
        """People who have something to say."""
        host.upkeep.begin(lambda: host.upkeep.loop.create_task(self._run()))

    def stored(self, ticket: int) -> None:
        """Rows that were handed in are durable."""
        self.inlet.stored(ticket)

    def close(self) -> None:
        """The life is over."""
        self.desk.register.close()

    def open(self, other: str, number: int) -> None:
        """Have a case with another node opened; a life that ends meanwhile opens none."""
        self._host.upkeep.begin(lambda: self._have(lambda: self._open(self._plans[other], number)))

    # ---- inside

    async def _run(self) -> None:
        """As node/appliance.py: a damaged batch ends a life of the desk, and is set aside before the next one reads anything."""
        while True:
            try:
                await self.desk.run()
            except JournalCorrupt as error:
                if error.lsn is None:
                    raise
                is_aside = asyncio.Event()
                self._host.upkeep.damaged(error.lsn, then=is_aside.set)
                await is_aside.wait()

    def _have(self, act: Callable[[], Awaitable[object]]) -> None:
        self.busy += 1
        self._host.upkeep.loop.create_task(self._patiently(act))

    async def _patiently(self, act: Callable[[], Awaitable[object]]) -> None:
        for _ in range(TRIES):
            try:
                await act()
            except CaseUnknown:
                break  # said, and of no effect: the case shows why
            except (CaseError, NoRoom):
                await asyncio.sleep(TRY_AGAIN_S)
            else:
                break
        self.busy -= 1

    async def _open(self, other: NodePlan, number: int) -> None:
        plan, party = self._host.plan, Party(other.id, other.territory)
        if plan.level > other.level and other.territory.startswith(plan.territory):
            expires_us = self._host.machine.wall_us() + STEP_LASTS_US
            step = {"about": f"inc-{number}", "step": "resolve", "seen": "open", "expires_us": expires_us}
            await self.desk.open(STEP_CASE, step, by=BY, parties={KEEPER: party})
        else:
            ticket = {"resource": "air-quality", "why": f"reading {number} is wrong"}
            await self.desk.open(TICKET, ticket, by=BY, parties={SOURCE: party})

    async def _answer(self, kind: Kind, case_id: str) -> None:
        """Say what is to be said here about a case that changed, if anything."""
        case = self.desk.case(kind, case_id)
        role, word = ANSWERS.get((kind.name, case.state), ("", ""))
        if role in case.roles_of(self._host.id):
            await self.desk.say(kind, case_id, word, {}, by=BY)

    def _parts(self) -> SimpleNamespace:
        """The host as node/assembly.py would have it, as far as the wiring of the cases asks."""
        host, plan = self._host, self._host.plan
        order = host.tree.desk.book.of(plan.id)
        path = host.identity.path[:-1] if order is None else order.new.path
        return SimpleNamespace(
            me=Me(plan.id, host.incarnation, plan.level, plan.territory),
            parent=SimpleNamespace(path=path, node=host.parent) if host.parent else None,
            config=SimpleNamespace(data_dir=host.folder),
            journal=host.journal,
            policy=host.policy,
            clock=host.machine,
            hybrid=host.hybrid,
            child_territories=lambda: frozenset(one.territory for one in self._plans.values() if one.parent == plan.id),
        )


@dataclass(slots=True)
class Casework:
    """The cases of one world."""

    world: World
    is_played: bool = False
    """True once the nodes have desks."""

    def begin(self, cases: int, until_us: int) -> None:
        """Put a desk into every node, and have `cases` opened one by one until then, each between two nodes that the seed draws."""
        self.is_played = True
        for host in self.world.hosts.values():
            host.seat = lambda one: CaseRoom(one, self.world)
            host.desk = host.seat(host)
        chance = Random(f"cases {self.world.seed}")  # noqa: S311 - a simulation is random on purpose
        for number in range(1, cases + 1):
            one, other = self._sides(chance)
            self.world.at(number * until_us // (cases + 1), lambda one=one, other=other, number=number: self._open(one, other, number))  # type: ignore[misc]

    def _sides(self, chance: Random) -> tuple[str, str]:
        """Who opens a case and with whom: half of the time one of them is above the other, else they are any two."""
        plans = {plan.id: plan for plan in self.world.plans}
        if chance.random() < 0.5:
            one, other = chance.sample(list(plans), 2)
            return one, other
        line = [chance.choice([plan.id for plan in plans.values() if plan.parent])]
        while parent := plans[line[-1]].parent:
            line.append(parent)
        sides = [line[0], chance.choice(line[1:])]
        chance.shuffle(sides)
        return sides[0], sides[1]

    def _open(self, one: str, other: str, number: int) -> None:
        host = self.world.hosts[one]
        if host.is_up and host.desk is not None:
            host.desk.open(other, number)

    @property
    def is_busy(self) -> bool:
        """True while somebody somewhere has something to say."""
        return any(host.desk.busy for host in self.world.hosts.values() if host.is_up and host.desk is not None)

    @property
    def registers(self) -> dict[str, Register]:
        """What the desks know, by node; of nodes that are up."""
        return {node: host.desk.desk.register for node, host in self.world.hosts.items() if host.is_up and host.desk is not None}
