"""Small disks: a node must stay inside what there is, let go in the stated order, and refuse what it has no room for.

The product's own keeper (node/keeping/storage.py) does it; here its disk is small, and every commit that lets something go is held against
the order of DESIGN section 5. Called by simulations/inject.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from node.keeping.retention import COMMON_SHARE
from simulations.checkers import Violation
from simulations.checkers.quotas import KeptRows, check_freed, check_room, kept_rows
from simulations.host import Host
from simulations.small_disk import SmallDisk
from simulations.world import World
from sync.model import State
from sync.model.writes import FreeBatches, Write


@dataclass(slots=True)
class QuotaFaults:
    """The small disks of one world."""

    world: World
    violations: list[Violation]
    disks: dict[str, SmallDisk] = field(default_factory=dict)
    """By node, those that are small now."""
    freed: Counter[str] = field(default_factory=Counter)
    """Batches let go, by the word of their state; and looks at which doors were closed."""
    over: set[str] = field(default_factory=set)
    """Nodes that exceeded their quota: said once."""
    ever: set[str] = field(default_factory=set)
    """Nodes that had a small disk at any time."""

    def begin(self, node: str, room_bytes: int) -> bool:
        """From now on the disk has room for so many bytes of bulk more; it stays small over restarts."""
        host = self.world.hosts[node]
        if not host.is_up or node in self.disks:
            return False
        space = host.journal.space()
        self.disks[node] = SmallDisk(round((space.file_bytes - space.free_bytes + room_bytes) / COMMON_SHARE))
        self.ever.add(node)
        self.booted(host)
        return True

    def booted(self, host: Host) -> None:
        """A node begins to run: if its disk is small, it keeps inside it."""
        disk = self.disks.get(host.id)
        if disk is not None:
            host.upkeep.keep_quota(disk.under(host.journal), lambda: self._children(host.id))

    def end(self, node: str) -> None:
        """There is room again."""
        host = self.world.hosts[node]
        if self.disks.pop(node, None) is not None and host.is_up:
            host.upkeep.drop_quota()

    def heal(self) -> None:
        """There is room everywhere."""
        for node in list(self.disks):
            self.end(node)

    def committed(self, node: str, writes: Sequence[Write]) -> None:
        """A commit went through: look at what it let go, and at the room that is left."""
        disk = self.disks.get(node)
        if disk is None:
            return
        host = self.world.hosts[node]
        if node not in self.over:
            found = check_room(node, host.journal.space(), disk.bytes)
            self.over |= {node for _ in found}
            self.violations += found
        self.freed["refusing"] += bool(host.closed_lanes)
        for write in writes:
            if isinstance(write, FreeBatches):
                self.freed[write.state.name.lower()] += len(write.lsns)
                kept = self._kept(host, disk, write)
                self.violations += check_freed(node, write.lsns, kept, is_shed=write.state is State.SHED)

    def _kept(self, host: Host, disk: SmallDisk, write: FreeBatches) -> list[KeptRows]:
        children = sorted(self._children(host.id))
        return host.journal.look("look at what is kept", lambda db: kept_rows(db, write.lsns, disk.look, host.parent, children))

    def _children(self, node: str) -> frozenset[str]:
        return frozenset(host.id for host in self.world.hosts.values() if host.parent == node)
