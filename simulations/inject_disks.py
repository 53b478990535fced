"""Faults of whole disks: lost, exchanged. And what a lost disk may take along: only what nobody else had yet.

Called by simulations/inject.py. Finds a violation itself where a node starts from another node's disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from simulations.checkers import Holder, Promise, Truth, Violation, read_copy
from simulations.checkers.records import Flags, Ints, Records
from simulations.disks import exchange_disks, wipe_disk
from simulations.host import Host
from simulations.world import World
from sync.model import Direction, JournalError, Lane, Stream
from sync.model.writes import OutKey, OutMark


@dataclass(frozen=True, slots=True)
class LostDisk:
    """A disk that is gone for good."""

    node: str
    parent: str
    made: dict[str, Ints]
    """Ids of all records that the node had made, by resource."""
    secured: dict[str, Ints]
    """Those of them that its parent had called secured."""


@dataclass(slots=True)
class DiskFaults:
    """What was done to the disks of one world."""

    world: World
    violations: list[Violation]
    lost: dict[str, LostDisk] = field(default_factory=dict)
    is_spent: bool = False
    """True when a disk was lost, or will be: P1 speaks of one."""
    _marks: Mapping[OutKey, OutMark] = field(default_factory=dict)

    def wipe(self, node: str) -> bool:
        """Lose the disk of a node that runs; it has a new incarnation when it starts again."""
        host = self.world.hosts[node]
        if not host.is_up or self.is_spent:
            return False
        self.is_spent = True
        self.remember_marks(host)
        host.crash()
        self.lose(host, but={})
        wipe_disk(host.folder)
        host.renew(self.world.rng.getrandbits(62) | 1)
        return True

    def remember_marks(self, host: Host) -> None:
        """What its peers had of a node that is about to lose its disk."""
        if host.is_up:
            self._marks = host.journal.recover().out_marks

    def lose(self, host: Host, *, but: Mapping[str, Ints]) -> None:
        """Count the disk of a stopped node as lost, without the records in `but`, which are on another disk of that node."""
        found = self._loss(host, self._marks)
        self.lost[host.id] = LostDisk(host.id, found.parent, _without(found.made, but), _without(found.secured, but))

    def exchange(self, one: str, other: str) -> bool:
        """Two running nodes go down, find each other's disks, must refuse to start, and have their own again."""
        hosts = [self.world.hosts[node] for node in (one, other)]
        if not all(host.is_up for host in hosts):
            return False
        for host in hosts:
            host.crash()
        exchange_disks(hosts[0].folder, hosts[1].folder)
        for host in hosts:
            self._must_refuse(host)
        exchange_disks(hosts[0].folder, hosts[1].folder)
        return True

    def _must_refuse(self, host: Host) -> None:
        try:
            host.boot()
        except JournalError:
            return
        host.crash()
        self.violations.append(Violation(Promise.RUNS, host.id, "started from the disk of another node"))

    def _loss(self, host: Host, marks: Mapping[OutKey, OutMark]) -> LostDisk:
        holder = Holder(host.id, host.plan.level, host.plan.territory, host.parent, host.journal_path)
        copy = read_copy(holder)
        truth = Truth.of(self.world.workload.made, tuple(self.world.hosts), self.world.numbered)
        own = np.array([stream.origin == host.id for stream in copy.streams], np.bool_)
        tops = np.array([_secured(marks, host.parent, stream.lane) for stream in copy.streams], np.int64)
        made, secured = {}, {}
        for resource, records in copy.records.items():
            chosen = records.live & (records.stream >= 0) & own[records.stream]
            made[resource] = truth.ids(copy, resource, chosen)
            is_safe = (records.lsn <= tops[records.stream]) & _shared(host, copy.streams, records)
            secured[resource] = made[resource][is_safe[chosen]]
        return LostDisk(host.id, host.parent, made, secured)


def _without(ids: Mapping[str, Ints], others: Mapping[str, Ints]) -> dict[str, Ints]:
    return {resource: np.setdiff1d(found, others.get(resource, _NONE)) for resource, found in ids.items()}


def _shared(host: Host, streams: Sequence[Stream], records: Records) -> Flags:
    """Records that the ledger says went to the parent and were not held back or refused at any time: those it can have."""
    with closing(sqlite3.connect(f"{host.journal_path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(_LEDGER, {"peer": host.parent}).fetchall()
    index = {(stream.origin, stream.incarnation, stream.lane, stream.resource): place for place, stream in enumerate(streams)}
    sent, kept = np.zeros(records.count, np.bool_), np.zeros(records.count, np.bool_)
    for origin, life, lane, resource, first, last, is_sent in rows:
        touched = (records.stream == index.get((origin, life, lane, resource), -2)) & (records.number >= first) & (records.number <= last)
        (sent if is_sent else kept)[touched] = True
    return sent & ~kept


_NONE: Ints = np.array([], np.int64)
_LEDGER = """
    SELECT h.origin, h.incarnation, l.lane, l.resource, h.first_seq, h.last_seq, l.closed = 0 AND h.state = 1
    FROM ledger l JOIN ledger_run h ON h.ledger_id = l.id WHERE l.peer = :peer AND l.direction = 0
    UNION ALL
    SELECT h.origin, h.incarnation, f.lane, f.resource, h.first_seq, h.last_seq, 0
    FROM refusal f JOIN refusal_run h ON h.refusal_id = f.id WHERE f.peer = :peer AND f.by_peer = 1
"""


def _secured(marks: Mapping[OutKey, OutMark], parent: str, lane: Lane) -> int:
    return marks.get((parent, Direction.UP, lane), OutMark()).secured
