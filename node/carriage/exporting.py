"""Exports: what a peer lacks is gated, signed and written into parts, exactly as a link would send it; what was exported before and not yet
receipted is given out again as it is.

Owns: the rounds in which the engine fills one window after the other. Called by carrier.py, which lets one file link per peer be open.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from node.carriage.errors import CarriageError
from node.carriage.file_link import FileLink
from node.carriage.office import Correspondent, Office
from node.carriage.packing import Packing
from node.carriage.papers import Paper, Part, points_of, settled, under_way_of
from node.carriage.parcel import Header, LanePoint
from node.carriage.writer import lay
from sync.core.messages import Data, Message, Position
from sync.core.outbox import UnderWay
from sync.model import Lane

ROUNDS_MAX = 1 << 20
"""Windows of one export; at the smallest window that is a quarter of a terabyte."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export left in the folder."""

    paths: tuple[Path, ...]
    """Every part the peer has not receipted, oldest first."""
    parts_new: int
    records_new: int
    is_introduction: bool = False
    """True when the peer was never heard of: the file only says who this node is and what it holds."""


@dataclass(slots=True)
class _Standing:
    """Where an export begins."""

    known: dict[Lane, Position]
    parts: list[Part]
    under_way: dict[Lane, UnderWay]


async def export_parts(
    office: Office, peer: Correspondent, folder: Path, *, part_bytes: int, skip: frozenset[str] = frozenset()
) -> Exported:
    """Write everything the peer lacks into parts, keep them, and lay all that are not receipted into `folder`, but those in `skip`."""
    paper = office.papers.read(peer.node)
    standing = await standing_of(office, peer, paper)
    packing = await _pack(office, peer, paper, standing, part_bytes=part_bytes)
    paths = [part.path for part in standing.parts] + packing.paths
    laid = [await asyncio.to_thread(lay, path, folder) for path in paths if path.name not in skip]
    if laid:
        paper.exported_us = office.parts.clock.wall_us()
        office.papers.write(peer.node, paper)
    return Exported(tuple(laid), len(packing.paths), packing.records)


async def standing_of(office: Office, peer: Correspondent, paper: Paper) -> _Standing:
    """What the peer is known to have and which parts still hold; void parts are removed."""
    known = await office.known(peer, paper)
    parts = await asyncio.to_thread(office.papers.parts, peer.node)
    kept = settled(parts, known, incarnation=office.parts.me.incarnation, policy=office.policy)
    for part in parts:
        if part not in kept:
            part.path.unlink(missing_ok=True)
    return _Standing(known, kept, under_way_of(kept, known, paper.cursors))


async def _pack(office: Office, peer: Correspondent, paper: Paper, standing: _Standing, *, part_bytes: int) -> Packing:
    preface = await office.preface(peer, paper)

    def make_header(part: int, start: list[LanePoint]) -> Header:
        paper.serial += 1
        header = office.header(peer, paper, serial=paper.serial, part=part, start=start)
        office.papers.write(peer.node, paper)
        return header

    start = points_of(standing.known, standing.under_way)
    packing = Packing(
        office.papers.out(peer.node), make_header, office.sealing(peer), start=start, preface=preface, part_bytes=part_bytes
    )
    try:
        await _fill(office, peer, paper, standing, packing)
        await asyncio.to_thread(packing.finish)
    except BaseException:
        packing.abandon()
        raise
    if packing.paths:
        office.papers.write(peer.node, paper)
    return packing


async def _fill(office: Office, peer: Correspondent, paper: Paper, standing: _Standing, packing: Packing) -> None:
    """One window after the other, until the journal as it was when the first was full has been read for the peer."""
    hello = office.hello_of(peer, paper, standing.known)
    facts = office.facts(peer, hello.incarnation)
    under_way, goal, before = standing.under_way, dict[Lane, int](), dict[Lane, UnderWay]()
    for _ in range(ROUNDS_MAX):
        link = await office.links.open(facts, hello, under_way, may_send=True)
        if not before:
            # Taken at once: while the journal is looked at, the engine begins to send data.
            answers = taken(link)
            packing.answers = [*await office.unheard(paper), *answers]
        try:
            lanes = await _one_window(office, link, packing)
        finally:
            await office.links.close(link)
        goal = goal or dict(await office.parts.runtime.ask(lambda engine, now: engine.lane_tops))
        paper.cursors |= {int(lane): (ahead.wire, ahead.cursor) for lane, ahead in lanes.items()}
        if all(ahead.cursor >= goal[lane] for lane, ahead in lanes.items()):
            return
        if lanes == before:
            raise CarriageError(f"the export for {peer.node} does not come forward: look into the node's log, then export again")
        before = lanes
        under_way = {lane: ahead for lane, ahead in lanes.items() if ahead.wire > standing.known[lane].upto}


async def _one_window(office: Office, link: FileLink, packing: Packing) -> dict[Lane, UnderWay]:
    """Let the engine fill its window once, packing what it sends; how far that leads."""
    runtime, name = office.parts.runtime, link.peer.node
    before: dict[Lane, UnderWay] | None = None
    while True:
        await runtime.wait_for_room(name, 1)
        lanes = await runtime.ask(lambda engine, now: engine.lanes_under_way(name))
        office.links.check(link)
        frames = [message for message in taken(link) if isinstance(message, Data)]
        if frames:
            await asyncio.to_thread(packing.add, frames)
        if lanes == before and not frames:
            return lanes
        before = lanes


def taken(link: FileLink) -> list[Message]:
    """What the engine sent so far, taken out of the link."""
    messages = list(link.messages)
    link.messages.clear()
    return messages
