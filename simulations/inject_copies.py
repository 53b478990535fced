"""Faults of copied disks: a backup that is put back, and a clone that takes turns with the node it was made from.

A node that comes back as it was before must be told (`yunnao restore`), or must find out by itself; either way nothing that it writes from
then on may be taken for what the other copy wrote. What was only on the copy that is put away is lost with it, as with any disk.
Called by simulations/inject.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.store.rebrand import read_facts
from simulations.checkers import Holder, Truth, read_copy
from simulations.checkers.records import Ints
from simulations.disks import copy_disk, exchange_disks, wipe_disk
from simulations.host import Host
from simulations.inject_disks import DiskFaults
from simulations.world import World
from sync.model import MICROSECONDS, Lane, Level

TOLD = "told"
"""Word of a restore that begins with `yunnao restore`; any other finds out by itself."""
DOWN_US = 2 * MICROSECONDS
RETRY_US = MICROSECONDS


@dataclass(slots=True)
class CopyFaults:
    """Backups and clones of one world: one node at most, because what its copies wrote apart is lost with one of them."""

    world: World
    disks: DiskFaults
    down: Callable[[str, int], None]
    """(node, microseconds): it is off for so long."""
    later: Callable[[int, Callable[[], object]], None]
    city: str = ""
    """The city whose disk was copied; empty when none was."""
    node: str = ""
    """The node whose disk was copied; empty when none was."""
    _clone: Host | None = None
    """The node whose clone runs in its place at the moment."""

    def restore(self, node: str, *, after_us: int, is_told: bool) -> bool:
        """Make a backup now and put it back later."""
        return self._begin(node, after_us, lambda host: self._put_back(host, is_told=is_told))

    def clone(self, node: str, *, after_us: int) -> bool:
        """Copy the disk now, run the copy in the node's place later, and the node itself again after that."""
        return self._begin(node, after_us, lambda host: self._run_clone(host, after_us))

    def heal(self) -> None:
        """No clone stays."""
        if self._clone is not None:
            self._end_clone(self._clone)

    def _begin(self, node: str, after_us: int, then: Callable[[Host], None]) -> bool:
        host = self.world.hosts[node]
        if not host.is_up or self.disks.is_spent:
            return False
        self.disks.is_spent, self.node = True, node
        if host.plan.level is Level.MUNICIPAL:
            self.city = node
        copy_disk(host.folder, self._aside(host))
        self._when_up(host, after_us, lambda: then(host))
        return True

    def _when_up(self, host: Host, after_us: int, action: Callable[[], None]) -> None:
        self.later(after_us, lambda: action() if host.is_up else self._when_up(host, RETRY_US, action))

    def _put_back(self, host: Host, *, is_told: bool) -> None:
        self._stop(host)
        self.disks.lose(host, but=self._made(host, self._aside(host)))
        wipe_disk(host.folder)
        self._aside(host).rename(host.folder)
        if is_told:
            end = read_facts(host.journal_path, node=host.id).end
            host.begin_incarnation(dict.fromkeys(Lane, end))
        self.down(host.id, DOWN_US)

    def _run_clone(self, host: Host, for_us: int) -> None:
        self._stop(host)
        exchange_disks(host.folder, self._aside(host))
        self._clone = host
        self.down(host.id, DOWN_US)
        self._when_up(host, for_us, lambda: self._end_clone(host))

    def _end_clone(self, host: Host) -> None:
        self._clone = None
        self._stop(host)
        self.disks.lose(host, but=self._made(host, self._aside(host)))
        exchange_disks(host.folder, self._aside(host))
        self.down(host.id, DOWN_US)

    def _stop(self, host: Host) -> None:
        self.disks.remember_marks(host)
        if host.is_up:
            host.crash()

    def _made(self, host: Host, folder: Path) -> dict[str, Ints]:
        """Ids of the records of a node's own that are on a disk, by resource."""
        holder = Holder(host.id, host.plan.level, host.plan.territory, host.parent, folder / host.journal_path.name)
        copy = read_copy(holder)
        truth = Truth.of(self.world.workload.made, tuple(self.world.hosts), self.world.numbered)
        own = np.array([stream.origin == host.id for stream in copy.streams], np.bool_)
        return {
            resource: truth.ids(copy, resource, records.live & (records.stream >= 0) & own[records.stream])
            for resource, records in copy.records.items()
        }

    def _aside(self, host: Host) -> Path:
        return host.folder.with_name(f"{host.id}.copy")

