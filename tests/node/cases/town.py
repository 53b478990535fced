"""Desks of cases on real journals, and a courier that carries rows between them as links do: up whole, down by territory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.cases.desk import CaseDesk
from node.cases.kind import Kind, Party
from node.cases.register import FILE_NAME, Register
from node.ingest.inbox import to_record_batch
from node.ingest.sink import Row
from node.store.records import decode_rows
from policies.catalogue import Resource, schema
from sync.model import HybridTime, Instant, StoredBatch, code_contains
from tests.contracts.batches import commit_of
from tests.node.shelf import Shelf, open_shelf


@dataclass(slots=True)
class HandClock:
    """A wall clock that a test sets."""

    wall: int = 1_000

    def now(self) -> Instant:
        """The same as the wall."""
        return Instant(self.wall)

    def wall_us(self) -> int:
        """What the test set."""
        return self.wall


@dataclass(slots=True)
class Counter:
    """Stores rows in a shelf at once, each call later than the last."""

    shelf: Shelf
    clock: HandClock

    async def store(self, resource: Resource, rows: Sequence[Row]) -> None:
        """One batch, committed."""
        self.clock.wall += 1
        put(self.shelf, resource, rows, origin=self.shelf.journal.node, at=HybridTime(self.clock.wall))


def put(shelf: Shelf, resource: Resource, rows: Sequence[Row], *, origin: str, at: HybridTime) -> None:
    """Commit `rows` as one batch of `origin`."""
    batch = to_record_batch(schema(resource), list(zip(*rows, strict=True)))
    stored = shelf.append(batch, code=resource.code, lane=resource.lane, origin=origin, at=at)
    shelf.journal.commit(commit_of(stored, after=shelf.batches[:-1]))


@dataclass(slots=True)
class Office:
    """One node's desk."""

    desk: CaseDesk
    shelf: Shelf
    parent: str
    carried: dict[str, int] = field(default_factory=dict)
    """By neighbour how many batches went there."""


@dataclass(slots=True)
class Town:
    """Nodes by name."""

    folder: Path
    kinds: Sequence[Kind]
    resources: Sequence[Resource]
    clock: HandClock = field(default_factory=HandClock)
    offices: dict[str, Office] = field(default_factory=dict)

    def add(self, node: str, territory: str, parent: str = "") -> CaseDesk:
        """A node below `parent`."""
        folder = self.folder / node
        folder.mkdir()
        shelf = open_shelf(folder, node=node)
        above = [name for name in self.offices if code_contains(self.offices[name].desk.me.territory, territory)]
        desk = CaseDesk(
            register=Register(folder / FILE_NAME, self.kinds, me=node, above=lambda: above),
            me=Party(node, territory),
            journal=shelf.journal,
            resource={resource.code: resource for resource in self.resources}.get,
            handing_in=Counter(shelf, self.clock),
            clock=self.clock,
            children=lambda: [office.desk.me.territory for office in self.offices.values() if office.parent == node],
        )
        self.offices[node] = Office(desk, shelf, parent)
        return desk

    async def carry(self) -> None:
        """Carry rows until nobody has any that a neighbour lacks, and let every desk follow."""
        is_moving = True
        while is_moving:
            is_moving = False
            for name, office in list(self.offices.items()):
                await office.desk.follow()
                for other in [office.parent, *(child for child, one in self.offices.items() if one.parent == name)]:
                    is_moving |= bool(other) and self._carry(name, other)

    def _carry(self, source: str, target: str) -> bool:
        giver, taker = self.offices[source], self.offices[target]
        begin, giver.carried[target] = giver.carried.get(target, 0), len(giver.shelf.batches)
        taken = [self._hand(stored, giver, taker) for stored in giver.shelf.batches[begin:]]
        return True in taken

    def _hand(self, stored: StoredBatch, giver: Office, taker: Office) -> bool:
        (run,) = stored.batch.header.runs
        is_up = giver.parent == taker.desk.me.node
        if stored.source == taker.desk.me.node or (is_up and self._is_below(giver, run.origin) is False):
            return False
        resource = next(one for one in self.resources if one.code == stored.batch.header.resource)
        rows = decode_rows(stored.batch.payload).to_pylist()
        place = taker.desk.me.territory
        kept = [row for row in rows if is_up or code_contains(place, str(row["territory"]))]
        if not kept or (not is_up and (not resource.returns or self._is_below(taker, run.origin))):
            return False
        cells = [tuple(row.values()) for row in kept]
        put(taker.shelf, resource, cells, origin=run.origin, at=run.at)
        return True

    def _is_below(self, office: Office, node: str) -> bool:
        while node:
            if node == office.desk.me.node:
                return True
            node = self.offices[node].parent
        return False
