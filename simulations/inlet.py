"""The way in of rows that desks of a simulated node make: the product's inbox before the host's turns.

Who opens an inlet says under which ticket its batches are stored. Called by simulations/rooms.py and casework.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from node.engine.engine_room import record_layouts
from node.ingest.inbox import Inbox, PendingBatch
from node.ingest.sink import Row

if TYPE_CHECKING:
    from simulations.host import Host

Enter = Callable[[PendingBatch], tuple[pa.RecordBatch, int]]
"""From a batch that is about to be stored to its rows and its ticket."""
Learn = Callable[[dict[str, Any]], None]
"""Told of the layouts of the catalogue in force."""


@dataclass(slots=True)
class Doors:
    """As much of node/keeping/storage.py as whoever hands rows in asks."""

    host: Host

    @property
    def closed(self) -> frozenset[object]:
        """Lanes that take nothing."""
        return frozenset(self.host.closed_lanes)

    def troubles(self) -> list[str]:
        """A simulated disk that is full ends the turn instead."""
        return []

    def ask(self, lane: object) -> None:
        """Who waits is looked for by the keeper of the quota."""


@dataclass(slots=True)
class Inlet:
    """The product's inbox of one life, drained into the host's turns."""

    host: Host
    enter: Enter
    inbox: Inbox = field(init=False)
    _pending: dict[int, PendingBatch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take rows of every resource that is known."""
        self.inbox = Inbox(record_layouts(self.host.policy), on_data=lambda: self.host.later(0, self._drain))

    def learn_with(self, learn: Learn) -> None:
        """As Parts.on_policy of node/assembly.py: before peers hear of a policy that comes into force."""
        policy = self.host.policy
        spread = policy.on_new

        def learned() -> None:
            layouts = record_layouts(policy)
            self.inbox.learn(layouts)
            learn(layouts)
            spread()

        policy.on_new = learned

    async def store(self, resource: str, rows: Sequence[Row]) -> None:
        """Return once `rows`, fields in schema order, are durable."""
        stored = self.host.upkeep.loop.create_future()
        self.inbox.put(resource, rows, lambda: None if stored.done() else stored.set_result(None))
        await stored

    def stored(self, ticket: int) -> None:
        """A batch is durable."""
        if (pending := self._pending.pop(ticket, None)) is not None:
            self.inbox.stored(pending)

    def _drain(self) -> None:
        resources = self.host.policy.ruleset.resources
        for pending in self.inbox.drain():
            rows, ticket = self.enter(pending)
            self._pending[ticket] = pending
            self.host.offer(pending.resource, resources[pending.resource].lane, rows, ticket)
        if self.inbox.waiting:
            self.host.later(0, self._drain)
