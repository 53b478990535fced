"""Receipts: a file that carries no data, only what this node holds of the peer's journal, its marks and refusals, and its own policy.

The first file to a peer that was never heard of is one too: an introduction. Owns: its name. Called by carrier.py, at any time: secured
marks come later than stored ones, so a further receipt may say more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from node.carriage.errors import CarriageError
from node.carriage.exporting import taken
from node.carriage.office import Correspondent, Office
from node.carriage.papers import Paper, points_of
from node.carriage.parcel import SUFFIX, Header
from node.carriage.writer import ParcelWriter, Sealing, lay
from sync.core.messages import Data, Message
from sync.wire.codec import encode


async def write_receipt(office: Office, peer: Correspondent, folder: Path) -> Path:
    """Write a receipt for the peer into `folder`; its path. Raises CarriageError."""
    paper = office.papers.read(peer.node)
    known = await office.known(peer, paper)
    messages = [*await office.preface(peer, paper), *await _answers(office, peer, paper)]
    header = office.header(peer, paper, serial=0, part=1, start=points_of(known, {}))
    office.papers.write(peer.node, paper)
    own = office.papers.out(peer.node).parent / f"{header.sender}-{header.target}-receipt-{header.number:08}{SUFFIX}"
    try:
        await asyncio.to_thread(_write, own, header, office.sealing(peer), messages)
        return await asyncio.to_thread(lay, own, folder)
    except OSError as error:
        raise CarriageError(f"{own} cannot be written ({error.strerror}): free space in the node's folder") from error
    finally:
        own.unlink(missing_ok=True)


async def _answers(office: Office, peer: Correspondent, paper: Paper) -> list[Message]:
    """The refusals and marks that the engine tells a peer at the beginning of a link."""
    heard = paper.heard()
    if heard is None:
        return []
    known = await office.known(peer, paper)
    link = await office.links.open(office.facts(peer, heard.incarnation), office.hello_of(peer, paper, known), {}, may_send=False)
    try:
        return [*await office.unheard(paper), *(message for message in taken(link) if not isinstance(message, Data))]
    finally:
        await office.links.close(link)


def _write(path: Path, header: Header, sealing: Sealing, messages: Sequence[Message]) -> None:
    writer = ParcelWriter(path, header, sealing)
    try:
        for message in messages:
            writer.add(encode(message))
        writer.finish(end=header.start, parts=1)
    except BaseException:
        writer.abandon()
        raise
