"""Keeps the journal inside its quota while the node runs: looks once a second, frees what the plan says, returns pages to the disk.

Owns which lanes take data at the moment. The decisions are node/keeping/retention.py's; this asks the journal and the engine for what it is
made from. Refuses nothing itself: the ways in ask `closed`. Run by node/appliance.py beside the other services.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from node.assembly import Parts
from node.clock import Clock
from node.config.model import StorageSection
from node.keeping.retention import FREED_PER_TURN_MAX, Look, Plan, aged_upto, closed_doors, next_time, plan
from node.runtime import Runtime
from node.store.journal import SqliteJournal
from node.store.keeping import KeptBatch, KeptTime
from node.store.usage import Space
from sync.model import MICROSECONDS, Direction, Lane, State

log = logging.getLogger("yunnao.storage")

LOOK_S = 1.0
"""How often the space is looked at."""
NOTE_US = 600 * MICROSECONDS
"""How often the time is written down, and ages are compared with it."""
FREE_PAGES_BYTES = 8 << 20
"""Free pages that stay in the file for the next batches; what is above goes back to the disk."""
VACUUM_PAGES_MAX = 64
"""Pages returned in one step: a few milliseconds of the commit thread."""
SCAN_SHARE = 0.75
"""Part of the quota from which every look reads what could be freed; below it only ages matter, and they wait for a note of the time."""
DAY_US = 86_400 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Rules:
    """What the catalogue and the tree say, asked anew at every look."""

    parent: str
    """Empty at the top."""
    children: Callable[[], frozenset[str]]
    """Everybody who is attached here, heard of lately or not."""
    retention_s: Callable[[], Mapping[str, int]]
    """By resource; 0 or no entry: the configured default."""
    for_ever: Callable[[], frozenset[str]]
    """Resources of which nothing is ever let go, such as released totals: they are the memory of what was shown."""


def storage_of(parts: Parts) -> Storage:
    """The keeper of a node's journal, with the rules as its catalogue, admissions and attachment orders say them."""
    rules = Rules(
        parent=parts.parent.node if parts.parent else "",
        children=lambda: frozenset(parts.children()),
        retention_s=lambda: {code: entry.retention_s for code, entry in parts.policy.ruleset.resources.items()},
        for_ever=lambda: frozenset(code for code, entry in parts.policy.ruleset.resources.items() if entry.derived is not None),
    )
    return Storage(parts.journal, parts.runtime, parts.config.file.storage, rules, parts.clock)


class Storage:
    """The journal's keeper."""

    def __init__(self, journal: SqliteJournal, runtime: Runtime, section: StorageSection, rules: Rules, clock: Clock) -> None:
        self._journal = journal
        self._runtime = runtime
        self._section = section
        self._rules = rules
        self._clock = clock
        self._times: list[KeptTime] = []
        """When positions were reached, ascending."""
        self._noted: KeptTime | None = None
        """The newest note of the time."""
        self._seen = dict(journal.usage.lanes)
        self._space: Space | None = None
        self._look: Look | None = None
        self._payload_at_look = 0
        runtime.on_committed = self.guard
        self.closed: frozenset[Lane] = frozenset()
        """Lanes that take nothing at the moment."""
        self._asked: set[Lane] = set()
        """Lanes that somebody wanted to store in since the doors closed."""

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        await self.recall()
        while True:
            await self.turn()
            await asyncio.sleep(LOOK_S)

    async def recall(self) -> None:
        """Read the notes of earlier lives; before the first turn."""
        notes = await asyncio.to_thread(self._journal.kept_times)
        self._noted, self._times = (notes[0], notes[1:]) if notes else (None, [])

    async def turn(self) -> Plan:
        """One look and what follows from it."""
        payload = self._payload_bytes()  # before the pages: what is stored in between counts twice rather than not at all
        space = self._space = await asyncio.to_thread(self._journal.space)
        is_due = await self._note_time()
        quota = self.quota_bytes(space)
        used = space.file_bytes - space.free_bytes
        asking = self._asking()
        is_short = used > quota * SCAN_SHARE
        peers = [(self._rules.parent, Direction.UP), *((child, Direction.RETURN) for child in sorted(self._rules.children()))]
        look = self._look = Look(
            used_bytes=used,
            quota_bytes=quota,
            delivered=self._delivered(),
            kept=await asyncio.to_thread(self._kept) if is_due or is_short else {},
            aged=self._aged(),
            asking=asking,
            closed=self.closed,
            refused=await asyncio.to_thread(self._journal.refused, peers) if is_due or is_short else frozenset(),
        )
        self._payload_at_look = payload
        decided = plan(look)
        self._apply(decided)
        await self._give_back(space)
        return decided

    def guard(self) -> None:
        """After a commit: a burst that would use up a lane's share before the next look closes its door at once."""
        if self._look is None:
            return
        closed = closed_doors(self._look, self._look.used_bytes + self._payload_bytes() - self._payload_at_look)
        if closed - self.closed:
            self._turn_doors(self.closed | closed)

    def _payload_bytes(self) -> int:
        return sum(amount.payload_bytes for amount in self._journal.usage.lanes.values())

    def quota_bytes(self, space: Space) -> int:
        """Bytes the journal may use: as configured, and never the disk's reserve."""
        disk = space.file_bytes + space.disk_free_bytes - (self._section.disk_reserve_mb << 20)
        return max(1, min(disk, self._section.quota_mb << 20) if self._section.quota_mb else disk)

    def ask(self, lane: Lane) -> None:
        """Somebody was turned away for want of room in `lane`: lanes below it may be shed for it."""
        self._asked.add(lane)

    def troubles(self) -> list[str]:
        """Words of node/texts/*/state.toml for what is wrong here."""
        return ["journal_full"] if self.closed or self._runtime.is_full else []

    def report(self) -> dict[str, object]:
        """For status: usage, free space, what was let go, and what holds freeing back."""
        space, look, usage = self._space, self._look, self._journal.usage
        freed = [
            {"lane": lane.word, "resource": resource, "why": state.name.lower(), "batches": amount.batches, "records": amount.records,
             "bytes": amount.payload_bytes}
            for (lane, resource, state), amount in sorted(usage.freed.items())
        ]  # fmt: skip
        lanes = {lane.word: {"batches": amount.batches, "bytes": amount.payload_bytes} for lane, amount in sorted(usage.lanes.items())}
        report: dict[str, object] = {"lanes": lanes, "freed": freed, "closed": sorted(lane.word for lane in self.closed)}
        if space is not None and look is not None:
            report |= {
                "used_bytes": look.used_bytes, "quota_bytes": look.quota_bytes, "file_bytes": space.file_bytes,
                "free_bytes": space.free_bytes, "log_bytes": space.log_bytes, "disk_free_bytes": space.disk_free_bytes,
                "delivered_upto": {lane.word: upto for lane, upto in look.delivered.items()}, "last_lsn": self._journal.last_lsn,
                "held_back_by": self._runtime_holders(),
            }  # fmt: skip
        return report

    def _runtime_holders(self) -> list[str]:
        """Peers without which more could be freed: those whose mark is the least in some lane that has batches above it."""
        engine, children = self._runtime.engine, sorted(self._rules.children())
        holders: set[str] = set()
        for lane, amount in self._journal.usage.lanes.items():
            if not amount.batches:
                continue
            for peer in (self._rules.parent, *children) if self._rules.parent else children:
                is_parent = peer == self._rules.parent
                alone = engine.freeable_upto(lane, parent=peer if is_parent else "", children=() if is_parent else (peer,))
                if alone < engine.freeable_upto(lane, parent="", children=()):
                    holders.add(peer)
        return sorted(holders)

    def _asking(self) -> frozenset[Lane]:
        now = dict(self._journal.usage.lanes)
        grown = frozenset(lane for lane, amount in now.items() if lane not in self._seen or amount.batches > self._seen[lane].batches)
        self._seen = now
        # While doors are closed nothing grows: who asked before, or waits at a door since, asks on.
        self._asked = (self._asked if self.closed else set()) | grown | self._runtime.take_waiting_lanes()
        return frozenset(self._asked)

    def _delivered(self) -> dict[Lane, int]:
        engine = self._runtime.engine
        if not self._rules.parent and not self._section.top_frees_by_age:
            # Nobody above has it: at the top only want of room lets anything go, and that is counted as shed.
            return dict.fromkeys(Lane, 0)
        children = self._rules.children()
        return {lane: engine.freeable_upto(lane, parent=self._rules.parent, children=children) for lane in Lane}

    def _kept(self) -> dict[str, list[KeptBatch]]:
        for_ever = self._rules.for_ever()
        resources = [name for name in self._journal.kept_resources() if name not in for_ever]
        return {name: self._journal.kept(name, batches_max=FREED_PER_TURN_MAX) for name in resources}

    def _aged(self) -> dict[str, int]:
        own, default_us = self._rules.retention_s(), self._section.retention_days * DAY_US
        names = {*own, *self._journal.usage.records}
        spans = {name: own.get(name, 0) * MICROSECONDS or default_us for name in names}
        kept_us = next_time(self._noted, lsn=self._journal.last_lsn, wall_us=self._clock.wall_us()).kept_us
        return {name: aged_upto(self._times, kept_us=kept_us, retention_us=span) for name, span in spans.items() if span}

    async def _note_time(self) -> bool:
        """Write the time down when it is due; True when it was."""
        wall_us, lsn = self._clock.wall_us(), self._journal.last_lsn
        if self._noted is not None and abs(wall_us - self._noted.wall_us) < NOTE_US:
            return False
        self._noted = mark = next_time(self._noted, lsn=lsn, wall_us=wall_us)
        await self._runtime.beside_commits(lambda: self._journal.note_time(mark))
        if not self._times or self._times[-1].lsn < lsn:
            self._times.append(mark)
        return True

    def _apply(self, decided: Plan) -> None:
        for lsns, state in ((decided.retention, State.RETENTION), (decided.shed, State.SHED)):
            if lsns:
                self._runtime.post(lambda engine, now, lsns=lsns, state=state: engine.free(lsns, state, now))  # type: ignore[misc]
        if decided.shed:
            upto = max(decided.shed)
            log.warning("%d batches shed for want of room, up to lsn %d; `yunnao status --json` says which", len(decided.shed), upto)
        if decided.closed != self.closed:
            self._turn_doors(decided.closed)

    def _turn_doors(self, closed: frozenset[Lane]) -> None:
        opened = self.closed - closed
        self.closed = closed
        self._runtime.close_lanes(closed)
        words = ", ".join(lane.word for lane in sorted(closed)) or "none"
        log.warning("lanes that take nothing for want of room: %s%s", words, "; others are open again" if opened else "")

    async def _give_back(self, space: Space) -> None:
        if space.free_bytes > FREE_PAGES_BYTES:
            await self._runtime.beside_commits(lambda: self._journal.vacuum_step(VACUUM_PAGES_MAX))
