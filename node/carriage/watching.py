"""A pair of watched folders between two nodes (a one-way network gap): what is for the peer goes into one, its files appear in the other.

Devices at such gaps copy files in any order, twice, or half, and delete them. So: half files wait, early files wait, files that cannot be
taken are renamed, taken ones are removed, and parts without a receipt are laid out again from time to time. Owns: the rhythm. Called by
node/appliance.py, one task per [[carriage]].
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.assembly import Parts
from node.carriage.carrier import FILES_MAX, Carrier, Delivery, Refusal
from node.carriage.errors import CarriageClosed, CarriageError
from node.carriage.parcel import SUFFIX
from node.config.config import NodeConfig
from node.errors import NodeError
from sync.model import MICROSECONDS, Direction, Lane, SyncError

log = logging.getLogger("yunnao.carriage")

RELAY_INTERVALS = 10
"""After so many intervals without a receipt the parts are laid out again: the device may have deleted them on the way."""
REFUSED_SUFFIX = ".refused"
REFUSED_KEPT_MAX = 100
"""Refused files that stay for a person to look at; the oldest go first."""


@dataclass(frozen=True, slots=True)
class FolderPair:
    """One [[carriage]] of node.toml."""

    peer: str
    out: Path
    back: Path
    """Where files of the peer appear."""
    interval_s: float
    part_mb: int


class Watch:
    """Keeps one folder pair going."""

    def __init__(self, pair: FolderPair, carrier: Carrier, *, wall_us: Callable[[], int], marks: Callable[[], object]) -> None:
        """`marks` gives a value that changes when a receipt would say more than the last one."""
        self._pair = pair
        self._carrier = carrier
        self._wall_us = wall_us
        self._marks = marks
        self._marks_told: object = None
        self._laid: dict[str, int] = {}
        """When each part was laid out last, by name."""
        self._receipt: Path | None = None
        self._receipt_us = 0
        carrier.serve_by_folder(pair.peer)

    async def run(self) -> None:
        """Go on for as long as the node runs."""
        trouble = ""
        while True:
            try:
                await self.turn()
                why = ""
            except (NodeError, SyncError, OSError) as error:
                why = str(error)
            if why and why != trouble:
                log.warning("carriage to %s: %s", self._pair.peer, why)
            trouble = why
            self._carrier.note_trouble(self._pair.peer, why)
            await asyncio.sleep(self._pair.interval_s)

    async def turn(self) -> None:
        """Take what came, then lay out what is to go. While a session with the peer is open nothing is laid out."""
        for folder in (self._pair.out, self._pair.back):
            await asyncio.to_thread(_make, folder)
        trouble = await self._take()
        try:
            await self._give()
        except CarriageClosed:
            # A session carries everything, or the peer's certificate comes with its first file; both end by themselves.
            if not trouble:
                raise
        if trouble:
            raise CarriageError(trouble)

    async def _take(self) -> str:
        files = await asyncio.to_thread(lambda: sorted(self._pair.back.glob(f"*{SUFFIX}")))
        if not files:
            return ""
        delivery = await self._carrier.take(files[:FILES_MAX], receipts=None)
        await asyncio.to_thread(_clear, delivery)
        if any(imported.is_answer_due for imported in delivery.taken):
            self._marks_told = None
        return next((refusal.why for refusal in delivery.refusals if not refusal.is_early), "")

    async def _give(self) -> None:
        now_us = self._wall_us()
        has_met = await self._carrier.has_met(self._pair.peer)
        if has_met:
            await self._lay_parts(now_us)
        marks = self._marks()
        is_unheard = not has_met and now_us - self._receipt_us >= self._again_us
        if marks != self._marks_told or is_unheard:
            before, self._receipt = self._receipt, await self._carrier.write_receipt(self._pair.peer, self._pair.out)
            self._marks_told, self._receipt_us = marks, now_us
            if before is not None:
                await asyncio.to_thread(before.unlink, missing_ok=True)

    @property
    def _again_us(self) -> int:
        return round(self._pair.interval_s * RELAY_INTERVALS * MICROSECONDS)

    async def _lay_parts(self, now_us: int) -> None:
        """Export what is new; parts that were laid out a while ago, or went unreceipted for long, are laid out again."""
        waiting = {part.path.name for part in await self._carrier.waiting(self._pair.peer)}
        for name in self._laid.keys() - waiting:
            await asyncio.to_thread((self._pair.out / name).unlink, missing_ok=True)
        self._laid = {name: at_us for name, at_us in self._laid.items() if name in waiting and now_us - at_us < self._again_us}
        exported = await self._carrier.export(
            self._pair.peer, self._pair.out, part_mb=self._pair.part_mb, skip=frozenset(self._laid)
        )
        self._laid |= dict.fromkeys((path.name for path in exported.paths), now_us)


def watches(config: NodeConfig, parts: Parts, carrier: Carrier) -> list[Watch]:
    """The watches of a node's [[carriage]] entries."""

    def marks_of(peer: str) -> Callable[[], object]:
        # What a receipt tells: how far the peer's journal is here, and how far the own parent has ours.
        engine = parts.runtime.engine
        above = parts.parent.node if parts.parent is not None else ""
        return lambda: (
            engine.positions_by_incarnation(peer),
            [engine.out_mark(above, Direction.UP, lane) for lane in Lane],
            parts.policy.version,
        )

    return [
        Watch(
            FolderPair(entry.peer, config.resolve(entry.out), config.resolve(entry.back), entry.interval_s, entry.part_mb),
            carrier,
            wall_us=parts.clock.wall_us,
            marks=marks_of(entry.peer),
        )
        for entry in config.file.carriage
    ]


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _clear(delivery: Delivery) -> None:
    """Remove what was taken; rename what never can be, so that it is not tried for ever."""
    for imported in delivery.taken:
        imported.path.unlink(missing_ok=True)
    for refusal in delivery.refusals:
        if not refusal.is_early:
            _put_aside(refusal)


def _put_aside(refusal: Refusal) -> None:
    log.warning("%s", refusal.why)
    if refusal.path.exists():
        refusal.path.replace(refusal.path.with_name(refusal.path.name + REFUSED_SUFFIX))
    kept = sorted(refusal.path.parent.glob(f"*{REFUSED_SUFFIX}"), key=lambda path: path.stat().st_mtime)
    for path in kept[:-REFUSED_KEPT_MAX]:
        path.unlink(missing_ok=True)
