"""What the node offers of carriage: export, import and receipt by file, and how each peer that is served so stands.

Owns: one lock per peer, so that one file link at a time is open. Called by api_verbs.py for the verb `bundle` and by watching.py.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from node.assembly import Parts
from node.carriage.errors import CarriageError, ParcelGap, ParcelRefused, ParcelUnfinished
from node.carriage.exporting import Exported, export_parts, standing_of
from node.carriage.file_link import FileLinks
from node.carriage.importing import Imported, import_parcel
from node.carriage.office import Correspondent, Office
from node.carriage.papers import Papers, Part
from node.carriage.parcel import SUFFIX, Header, peek_header
from node.carriage.receipts import write_receipt
from sync.model import MICROSECONDS

PART_MB = 256
"""Size of a part unless the caller names one: a stick of the FAT file system takes files below 4096 MB."""
FILES_MAX = 4_096
"""Files one call imports."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken, and why."""

    path: Path
    why: str
    is_early: bool
    """True when it may be taken later as it is: the copy goes on, or what comes before it is still missing."""


@dataclass(slots=True)
class Delivery:
    """What one call of `take` did."""

    taken: list[Imported] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    receipts: list[Path] = field(default_factory=list)


class Carrier:
    """Carriage of a running node."""

    def __init__(self, parts: Parts) -> None:
        links = FileLinks(parts.runtime, is_linked=parts.links.is_linked, limits=parts.config.limits)
        self._office = Office(parts, Papers(parts.config.data_dir / "carriage"), links)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: dict[str, list[Part]] = {}
        """The parts without a receipt as they were last seen, for status while a file is being worked on."""
        self._means: dict[str, str] = {}
        self._troubles: dict[str, str] = {}

    def serve_by_folder(self, peer: str) -> None:
        """A watched folder pair serves the peer; shown in its status."""
        self._means[peer] = "folder"

    async def export(self, peer: str, folder: Path, *, part_mb: int = PART_MB, skip: frozenset[str] = frozenset()) -> Exported:
        """Lay everything the peer lacks into `folder`, but the parts named in `skip`; an introduction when it was never heard of.

        Raises CarriageError.
        """
        async with self._locks[peer]:
            office = self._office
            whom = office.correspondent(peer)
            office.links.refuse_session(peer)
            if not await self._has_met(whom):
                return Exported((await write_receipt(office, whom, folder),), 0, 0, is_introduction=True)
            return await export_parts(office, whom, folder, part_bytes=part_mb << 20, skip=skip)

    async def take(self, paths: Iterable[Path], *, receipts: Path | None) -> Delivery:
        """Import files in the order they were written, whatever order they are named in, and write one receipt per sender."""
        delivery = Delivery()
        for path, header in await asyncio.to_thread(_in_order, list(paths), self._office.parts.me.node, delivery):
            try:
                async with self._lock_of(header.sender):
                    delivery.taken.append(await import_parcel(self._office, await self._office.open(path)))
            except CarriageError as error:
                delivery.refusals.append(Refusal(path, str(error), isinstance(error, (ParcelGap, ParcelUnfinished))))
        for sender in sorted({imported.sender for imported in delivery.taken if imported.is_answer_due}):
            if receipts is not None:
                delivery.receipts.append(await self.write_receipt(sender, receipts))
        return delivery

    async def take_receipt(self, path: Path) -> Imported:
        """Take one receipt; raises CarriageError, also for a data file and for a receipt older than one already taken."""
        opened = await self._office.open(path)
        if opened.header.kind != "receipt":
            raise ParcelRefused(path, "it carries data: take it with `yunnao bundle import`")
        async with self._lock_of(opened.header.sender):
            imported = await import_parcel(self._office, opened)
        if not imported.is_news:
            raise ParcelRefused(path, f"a newer file of {imported.sender} was taken already: nothing changed")
        return imported

    async def write_receipt(self, peer: str, folder: Path) -> Path:
        """Write a receipt for the peer, with the marks as they are now. Raises CarriageError."""
        async with self._locks[peer]:
            self._office.links.refuse_session(peer)
            return await write_receipt(self._office, self._office.correspondent(peer), folder)

    async def waiting(self, peer: str) -> list[Part]:
        """The parts the peer has not receipted, oldest first; void ones are removed."""
        async with self._locks[peer]:
            office = self._office
            return (await standing_of(office, office.correspondent(peer), office.papers.read(peer))).parts

    async def has_met(self, peer: str) -> bool:
        """True when the peer was heard of, by file or by link: before that a file only introduces this node. Raises CarriageClosed."""
        return await self._has_met(self._office.correspondent(peer))

    async def _has_met(self, whom: Correspondent) -> bool:
        paper = self._office.papers.read(whom.node)
        if paper.heard() is not None:
            return True
        return any(position.upto for position in (await self._office.known(whom, paper)).values())

    def _lock_of(self, sender: str) -> asyncio.Lock:
        """The lock of a sender; of one that may not send, only for the moment: files name whom they like."""
        parts = self._office.parts
        is_known = parts.admissions.is_admitted(sender) or (parts.parent is not None and parts.parent.node == sender)
        return self._locks[sender] if is_known else asyncio.Lock()

    def note_trouble(self, peer: str, why: str) -> None:
        """Why the folder pair of a peer does not work; empty when it does."""
        self._troubles[peer] = why

    def status(self) -> list[dict[str, object]]:
        """How each peer served by file stands: like a link, with ages instead of a state. Reads a few small files."""
        return [self._status_of(peer) for peer in sorted({*self._office.papers.peers(), *self._means})]

    def _status_of(self, peer: str) -> dict[str, object]:
        parts, paper = self._office.parts, self._office.papers.read(peer)
        if not self._locks[peer].locked():
            self._waiting[peer] = self._office.papers.parts(peer)
        waiting = self._waiting.get(peer, [])
        now_us = parts.clock.wall_us()
        oldest_us = min((part.header.created_wall_us for part in waiting), default=now_us)
        is_parent = parts.parent is not None and parts.parent.node == peer
        return {
            "peer": peer,
            "role": "parent" if is_parent else "child",
            "kind": self._means.get(peer, "stick"),
            "last_export_us": paper.exported_us,
            "last_import_us": paper.imported_us,
            "last_receipt_us": paper.receipt_us,
            "parts_waiting": len(waiting),
            "oldest_unreceipted_s": max(0, now_us - oldest_us) / MICROSECONDS,
            "trouble": self._troubles.get(peer, ""),
        }


def _in_order(paths: list[Path], own: str, delivery: Delivery) -> list[tuple[Path, Header]]:
    """The parcels among `paths` (folders are looked into) with their headers, in the order they were written; others are refused.

    What a folder holds for other nodes is passed over: a stick that makes the round has something for each.
    """
    found: list[tuple[Path, Header]] = []
    for path in _files(paths):
        try:
            header = peek_header(path)
        except ParcelRefused as error:
            delivery.refusals.append(Refusal(path, str(error), is_early=isinstance(error, ParcelUnfinished)))
            continue
        if header.target == own or path in paths:
            found.append((path, header))
    # A receipt of a newer number must not overtake the parts before it: their marks would count as old.
    return sorted(found, key=lambda entry: (entry[1].sender, entry[1].sender_incarnation, entry[1].number))


def _files(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if len(files) > FILES_MAX:
        raise CarriageError(f"{len(files)} files in one call, at most {FILES_MAX}: import them folder by folder")
    return files
