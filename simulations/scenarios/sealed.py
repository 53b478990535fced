"""Returned records that a node on the way may not hold: they go past it in envelopes, on a hard day, and nobody between can read them.

The city returns enterprises to where they are. From the third second on an entry keeps them from districts alone; the street below is to
have every one of them all the same, and no byte of one made since may lie at the district.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import SimpleNamespace
from typing import cast

import numpy as np

from node.assembly import Parts
from node.ingest.handing_in import HandingIn
from node.keeping.storage import Storage
from node.sealed.desk import SealedDesk
from node.sealed.wiring import sealed_of
from policies.entry import Basis, Entry
from policies.words import Verdict, Way
from simulations.checkers import Copy, Truth
from simulations.checkers.convergence import Presence
from simulations.clock import EPOCH_US
from simulations.faults import DAY_US
from simulations.inlet import Doors
from simulations.rooms import Rooms
from simulations.scenarios.canaries import CanaryWorkload
from simulations.scenarios.script import Script, WaitLonger
from simulations.topology import NodePlan
from simulations.workload import Column
from sync.model import Level, State, Territory

RESOURCE, ENVELOPES = "enterprises", "sealed-envelopes"
CITY, BARRIER, TARGET = "m1", "d11", "s111"
MADE = 24
QUOTE = "an invented rule: districts hold no enterprises"
ENTRY = Entry(
    id="SIM-SEALED",
    effect=Verdict.DENY,
    resource=RESOURCE,
    levels=(Level.DISTRICT,),
    ways=(Way.RETURN,),
    basis=Basis("simulated instrument", "2", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest()),
    proposer="simulation",
    approver="simulation",
    valid_from_us=EPOCH_US - DAY_US,
    valid_to_us=EPOCH_US + 60 * DAY_US,
)


@dataclass(slots=True)
class TokenWorkload(CanaryWorkload):
    """The records of a day with canaries, where the names of enterprises are such texts, too."""

    def _enterprises(self, plan: NodePlan, names: list[str], wall_us: int) -> list[Column]:
        columns = CanaryWorkload._enterprises(self, plan, names, wall_us)  # noqa: SLF001 - of its own base
        columns[4] = [self._token() for _ in names]
        return columns


class SealedRooms(Rooms):
    """The rooms of a life, with the product's own desk of envelopes."""

    sealed: SealedDesk | None = None

    def close(self) -> None:
        """As Rooms."""
        Rooms.close(self)
        if self.sealed is not None:
            self.sealed.book.close()

    def _start(self) -> None:
        Rooms._start(self)  # noqa: SLF001 - of its own base
        self.sealed = self._desk()
        self._host.upkeep.loop.create_task(self.sealed.run())

    def _desk(self) -> SealedDesk:
        parts, host = self._parts(), self._host
        parts.attachments = SimpleNamespace(own=host.identity)
        if parts.parent is not None:
            parts.parent.territory = Territory(self._plans[host.plan.parent].territory)
        return sealed_of(cast(Parts, parts), self.requests, HandingIn(self.inlet.inbox, cast(Storage, Doors(host))))


class SealedPastTheDistrict(Script):
    """The district may not hold what the street below it may."""

    def begin(self) -> None:
        """Furnish the nodes; make some enterprises before the entry is in force, and most after it."""
        former = self.world.workload
        self.world.workload = TokenWorkload(**{one.name: getattr(former, one.name) for one in fields(former)})
        for host in self.world.hosts.values():
            host.furnish = lambda one: SealedRooms(one, self.world.plans)
            host.rooms = host.furnish(host)
        self.world.at(0, self._try)
        self._first = 0
        self._seen = False
        self.event(2, lambda: self.world.produce(CITY, RESOURCE, MADE))
        self.step(3, CITY, self._deny)
        self.event(3, self._note)
        for at_s in (4, 9, 15):
            self.event(at_s, lambda: self.world.produce(CITY, RESOURCE, MADE))
        self.step(15, TARGET, self._has_opened)

    async def _deny(self, rooms: Rooms) -> None:
        held = rooms.issuer.policy.held(CITY)
        assert held is not None, "a city issues a bundle at its first start"
        if ENTRY not in held.contents.entries:
            rooms.issuer.issue(rooms.issuer.next_bundle(lambda contents: replace(contents, entries=(*contents.entries, ENTRY))))

    def _note(self) -> None:
        """From the next record on, the district gets none."""
        made = self.world.workload.made.get(RESOURCE)
        self._first = made.count if made is not None else 0

    async def _has_opened(self, rooms: Rooms) -> None:
        assert isinstance(rooms, SealedRooms), "rooms of this script"
        if rooms.sealed is None or not rooms.sealed.book.listed()["opened"]:
            raise WaitLonger("no envelope was opened yet")

    # ---- in the end

    def excused(self, copies: Mapping[str, Copy], truth: Truth) -> Presence:
        """The district need not have any: what was under way when the entry came into force does not arrive."""
        made = truth.made.get(RESOURCE)
        return {} if made is None else {(BARRIER, RESOURCE): np.ones(made.rows.num_rows, np.bool_)}

    def judge(self, copies: Mapping[str, Copy], truth: Truth, presence: Presence) -> None:
        """The district has none of them, in no form; the street has all of its own; envelopes add up at the district."""
        made = truth.made[RESOURCE].rows
        since = np.arange(made.num_rows) >= self._first
        if found := int(np.count_nonzero(presence[BARRIER, RESOURCE] & since)):
            self.wrong(BARRIER, f"{found} enterprises are here that districts may not hold")
        self.erased[BARRIER] = [str(name) for name in np.asarray(made.column("name").to_pylist(), dtype=str)[since]]
        own = np.asarray([str(code).startswith(self._territory(TARGET)) for code in made.column("territory").to_pylist()], np.bool_)
        if missing := int(np.count_nonzero(own & ~presence[TARGET, RESOURCE])):
            self.wrong(TARGET, f"{missing} of its own enterprises never came")
        if not np.count_nonzero(own & since):
            self.wrong(TARGET, "no enterprise of this street was made since: the day showed nothing")
        counts = {node: self._envelopes(copies[node]) for node in (CITY, BARRIER, TARGET)}
        if len(set(counts.values())) != 1:
            self.wrong(BARRIER, f"envelopes do not add up: {counts}")

    def _territory(self, node: str) -> str:
        return self.world.hosts[node].plan.territory

    def _envelopes(self, copy: Copy) -> int:
        """Envelopes of the city that a node holds."""
        runs = copy.runs
        counted = runs.live & (runs.state == State.PRESENT)
        streams = [index for index, stream in enumerate(copy.streams) if stream.resource == ENVELOPES and stream.origin == CITY]
        chosen = counted & np.isin(runs.stream, streams)
        return int((runs.last - runs.first + 1)[chosen].sum())
