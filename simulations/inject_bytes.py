"""Faults of single bytes: stored payloads that rot, and links that tamper with what passes them.

A payload rots only where somebody else still has its records: what nobody has cannot be repaired, and P1 speaks of the loss of one disk.
In the end every payload of such a node is looked at, as the product does over a day. Called by simulations/inject.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simulations.host import Host
from simulations.inject_disks import DiskFaults
from simulations.tampering import Garbler, Replayer, Tamper, flipped
from simulations.world import World
from sync.model import Direction, Lane
from sync.model.writes import OutMark

_ROTTING = """
    SELECT b.lsn FROM batch b WHERE b.row_count > 0 AND b.freed = 0 AND b.payload_bytes > 0 AND b.lane = :lane
        AND (b.source <> :node OR (b.resource IN ('incidents', 'traffic-flow') AND EXISTS (
            SELECT 1 FROM ledger l JOIN ledger_run h ON h.ledger_id = l.id
            WHERE l.peer = :parent AND l.direction = 0 AND l.lane = b.lane AND l.resource = b.resource AND l.closed = 0 AND h.state = 1
                AND l.span_after < b.lsn AND l.span_upto >= b.lsn AND l.span_upto <= :stored)))
    ORDER BY b.lsn
"""
"""Batches that came from a neighbour, and own ones that went to the parent and are stored there."""


@dataclass(slots=True)
class ByteFaults:
    """Wrong bytes and old messages in one world."""

    world: World
    disks: DiskFaults
    later: Callable[[int, Callable[[], object]], None]
    rotten: set[str] = field(default_factory=set)
    """Nodes with a damaged payload that nobody has found yet, perhaps."""
    tampers: list[Tamper] = field(default_factory=list)

    def rot(self, node: str, payloads: int) -> bool:
        """One bit of some stored payloads turns."""
        host = self.world.hosts[node]
        if not host.is_up or (self.disks.is_spent and node not in self.rotten):
            return False
        lsns = [lsn for lane in Lane for lsn in self._rotting(host, lane)]
        for lsn in self.world.rng.sample(lsns, min(payloads, len(lsns))):
            self._flip(host, lsn)
        if lsns:
            self.disks.is_spent = True
            self.rotten.add(node)
        return bool(lsns)

    def garble(self, pair: tuple[str, str], share: float, for_us: int) -> None:
        """Some frames arrive with a wrong byte."""
        self._tamper(pair, Garbler(self._chance(), share), for_us)

    def replay(self, pair: tuple[str, str], share: float, for_us: int) -> None:
        """Old messages arrive again."""
        self._tamper(pair, Replayer(self._chance(), share), for_us)

    def heal(self) -> None:
        """Every payload of a node with damage is looked at."""
        for node in sorted(self.rotten):
            self.world.hosts[node].upkeep.scrub()

    def _chance(self) -> Random:
        return Random(self.world.rng.getrandbits(64))  # noqa: S311 - a simulation is random on purpose

    def _tamper(self, pair: tuple[str, str], tamper: Tamper, for_us: int) -> None:
        active = self.world.network.faults.tampers
        active[pair] = tamper
        self.tampers.append(tamper)
        self.later(for_us, lambda: active.pop(pair, None))

    def _rotting(self, host: Host, lane: Lane) -> list[int]:
        mark = host.journal.recover().out_marks.get((host.parent, Direction.UP, lane), OutMark())
        values = {"node": host.id, "parent": host.parent, "lane": int(lane), "stored": mark.stored}
        return [lsn for (lsn,) in host.journal.look("choice of a payload", lambda db: db.execute(_ROTTING, values).fetchall())]

    def _flip(self, host: Host, lsn: int) -> None:
        disk = host.journal._writer  # noqa: SLF001 - the disk rots, whatever the product thinks
        (payload,) = disk.execute("SELECT payload FROM batch WHERE lsn = ?", (lsn,)).fetchone()
        disk.execute("UPDATE batch SET payload = ? WHERE lsn = ?", (flipped(payload, self.world.rng), lsn))
