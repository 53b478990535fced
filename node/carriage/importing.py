"""Imports: a parcel is fed to the engine as a session's messages would be, policy first, and what it says of marks is taken with it.

Owns: the order of checks, and when a file may move a mark. Refuses: gaps (naming what is missing), other histories, files of former lives.
Everything is idempotent: what is here already is passed over. Called by carrier.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from node.carriage.continuity import Continuity, OtherHistory, Step, missing_before
from node.carriage.errors import CarriageClosed, CarriageError, ParcelGap, ParcelRefused
from node.carriage.exporting import standing_of
from node.carriage.file_link import PROGRESS_TIMEOUT_S, FileLink
from node.carriage.office import Correspondent, Office
from node.carriage.papers import Paper, Told
from node.carriage.parcel import Opened
from node.carriage.renewing import settle_renewal, take_renewal
from node.links.handshake import Handshake
from node.links.handshake import Step as HandshakeStep
from node.store.recalled import TOMBSTONE_LIFE_DAYS, TOMBSTONE_LIFE_US
from policies.errors import PolicyError
from sync.core.messages import Ack, Answer, Bundles, Data, Heartbeat, Hello, InForce, Message, Position, Query, Refused
from sync.core.outbox import UnderWay
from sync.model import EMPTY_CHAIN, Frame, Lane, LinkError, WireError
from sync.wire.codec import Unknown, decode

TRIES_MAX = 4
"""How often a file is read when a frame in it is damaged: after three the engine quarantines the frame and goes on."""

BESIDE_MAX = 4
"""Questions and answers that are read in one file; today there is one."""

FRAMES_PER_TURN = 8
"""Frames posted before a turn of the engine is waited for: the bound of what lies in memory."""


@dataclass(slots=True)
class Imported:
    """What became of one file."""

    path: Path
    kind: str
    sender: str
    serial: int
    is_news: bool
    """True when the file is the sender's newest: its marks and refusals counted."""
    is_answer_due: bool
    """True when the sender waits for a receipt: it sent data, or has never heard of this life of this node."""
    frames_new: int = 0
    frames_here: int = 0
    refused: int = 0
    """Frames that this node refused while reading the file."""


class _Reader:
    """The decoded messages of a parcel, each read and decrypted off the event loop."""

    def __init__(self, office: Office, opened: Opened) -> None:
        self._path = opened.path
        self._limits = office.parts.config.limits
        self._links, self._sender = office.parts.links, opened.header.sender
        self._messages = opened.messages()

    async def next(self) -> Message | None:
        """The next message that this program knows; None at the end. Raises ParcelRefused."""
        while (data := await asyncio.to_thread(next, self._messages, None)) is not None:
            try:
                message = decode(data, self._limits)
            except WireError as error:
                raise ParcelRefused(self._path, f"{error}: make the file again") from None
            if not isinstance(message, Unknown):
                return message
            self._links.newer.note(self._sender, message.words)
        return None

    async def rest(self) -> AsyncIterator[Message]:
        """Everything that is left."""
        while (message := await self.next()) is not None:
            yield message


async def import_parcel(office: Office, opened: Opened) -> Imported:
    """Take a verified parcel; raises ParcelRefused (of which ParcelGap) or CarriageClosed."""
    header = opened.header
    office.links.refuse_session(header.sender)
    office.papers.keep_chain(header.sender, header.chain_pem.encode())
    peer, paper = office.correspondent(header.sender), office.papers.read(header.sender)
    if header.direction != peer.back:
        raise ParcelRefused(opened.path, f"{peer.node} sends {peer.back.word} to this node, the file says otherwise: make it again")
    if paper.incarnations and header.sender_incarnation in paper.incarnations[:-1]:
        raise ParcelRefused(opened.path, f"it is of a former life of {peer.node}: export a new one there")
    if office.parts.clock.wall_us() - header.created_wall_us > TOMBSTONE_LIFE_US:
        why = f"it is older than {TOMBSTONE_LIFE_DAYS} days, and what was recalled since could be in it: make a new one"
        raise ParcelRefused(opened.path, why)
    is_answer_due = header.kind == "data" or header.target_incarnation != office.parts.me.incarnation
    imported = Imported(opened.path, header.kind, peer.node, header.serial, paper.is_news(header), is_answer_due)
    for attempt in range(TRIES_MAX):
        imported.frames_new = imported.frames_here = 0
        try:
            await _read(office, peer, paper, opened, imported)
            break
        except _Damaged as damage:
            if attempt == TRIES_MAX - 1:
                raise ParcelRefused(opened.path, str(damage)) from None
        except WireError as error:
            raise ParcelRefused(opened.path, f"{error}: let {peer.node} make it again") from None
        except CarriageError as error:
            if isinstance(error, ParcelRefused | CarriageClosed):
                raise
            raise ParcelRefused(opened.path, str(error)) from None
    paper.imported_us = office.parts.clock.wall_us()
    office.papers.write(peer.node, paper)
    if imported.is_news:
        await standing_of(office, peer, paper)  # what the file says has arrived need not lie here any longer
    return imported


class _Damaged(CarriageError):
    """The engine broke the link over a frame that cannot be valid; reading again lets it quarantine the frame."""


async def _read(office: Office, peer: Correspondent, paper: Paper, opened: Opened, imported: Imported) -> None:
    reader = _Reader(office, opened)
    hello, statuses = await _policy_first(office, peer, opened, reader)
    held = await _held(office, peer, opened)
    missing = missing_before(opened.header.start, held)
    if missing and opened.header.kind == "data":
        before = f"number {opened.header.serial - 1}" if opened.header.serial > 1 else "an earlier one"
        raise ParcelGap(opened.path, f"{', '.join(map(str, missing))} is not here yet: import {before} of {peer.node} first")
    settle_renewal(paper, opened.header.chain_pem)
    if imported.is_news and statuses is not None:
        _hear(office, peer, statuses)
    told, known = await _positions(office, peer, paper, hello if imported.is_news else None, opened)
    facts = office.facts(peer, opened.header.sender_incarnation)
    ahead = {lane: UnderWay(place.upto, place.upto, place.chain) for lane, place in told.items() if place.upto > known[lane].upto}
    link = await office.links.open(facts, office.hello_of(peer, paper, known), ahead, may_send=False)
    told_before = _refusals(link)
    try:
        for renewal in await _feed(office, link, reader, opened, held, imported):
            take_renewal(office.parts, paper, renewal, is_parent=peer.is_parent, chain_pem=opened.header.chain_pem)
    finally:
        imported.refused += _refusals(link) - told_before
        await office.links.close(link)
    if imported.is_news:
        await _remember(office, peer, paper, opened, hello, told)


async def _policy_first(office: Office, peer: Correspondent, opened: Opened, reader: _Reader) -> tuple[Hello, Heartbeat | None]:
    """The file's Hello once its policy bundles are in force; the same checks as at the beginning of a link."""
    parts = office.parts
    shaking = Handshake(
        parts.me, peer=peer.node, is_parent=peer.is_parent, positions=lambda life: (), shelf=parts.policy, tick=parts.hybrid.tick,
        certified=(peer.level, peer.territory),
    )  # fmt: skip
    hello, bundles, beat = await reader.next(), await reader.next(), await reader.next()
    if hello is None or bundles is None:
        raise ParcelRefused(opened.path, "it ends before its policy: make it again")
    try:
        shaking.receive(hello)
        if shaking.step is HandshakeStep.CONFIRM:
            shaking.receive(hello)
        shaking.receive(bundles if isinstance(bundles, Bundles) else hello)
    except (LinkError, PolicyError) as error:
        raise ParcelRefused(opened.path, str(error)) from None
    assert isinstance(hello, Hello), "the handshake takes nothing else first"
    if hello.incarnation != opened.header.sender_incarnation:
        raise ParcelRefused(opened.path, "its header and its Hello name different lives of the sender: make it again")
    parts.hybrid.observe(hello.sent_at)
    if peer.is_parent:
        parts.forks.absence.hear_by_file(hello.sent_at.wall_us, hello.above_age_us)
        await parts.runtime.beside_commits(parts.forks.absence.write_down)
    return hello, beat if isinstance(beat, Heartbeat) else None


async def _held(office: Office, peer: Correspondent, opened: Opened) -> dict[Lane, Position]:
    """What this node holds of the sender's journal."""
    name, life = peer.node, opened.header.sender_incarnation
    positions = await office.parts.runtime.ask(lambda engine, now: engine.positions_by_incarnation(name).get(life, ()))
    return {position.lane: position for position in positions if position.direction is peer.back}


def _hear(office: Office, peer: Correspondent, beat: Heartbeat) -> None:
    """Take over what the file says of nodes, as old as the file is."""
    parts = office.parts
    at_us = min(parts.clock.wall_us(), beat.sent_at.wall_us)
    if peer.is_parent:
        parts.directory.heard_from_parent(beat.statuses, at_us)
    else:
        parts.directory.heard_from_child(peer.node, beat.statuses, at_us)


async def _positions(
    office: Office, peer: Correspondent, paper: Paper, hello: Hello | None, opened: Opened
) -> tuple[dict[Lane, Position], dict[Lane, Position]]:
    """What the file says the sender holds of this node's journal, and where the link to it resumes.

    Raises ParcelRefused for a history that was never written here.
    """
    known = await office.known(peer, paper)
    if hello is None or hello.for_incarnation != office.parts.me.incarnation:
        return known, known
    told = {lane: Position(peer.out, lane, 0, EMPTY_CHAIN) for lane in Lane}
    told |= {position.lane: position for position in hello.positions if position.direction is peer.out}
    for lane, position in told.items():
        chain = office.parts.journal.ledger_chain(peer.node, peer.out, lane, position.upto, claimed=position.chain)
        if position.upto and chain != position.chain:
            raise ParcelRefused(
                opened.path,
                f"what {peer.node} holds of lane {lane.word} at {position.upto} was never written here: this node was restored or copied; "
                f"let the two have a link once, which sorts it out",
            )
    return told, {lane: min(known[lane], told[lane], key=lambda position: position.upto) for lane in Lane}


async def _feed(
    office: Office, link: FileLink, reader: _Reader, opened: Opened, held: dict[Lane, Position], imported: Imported
) -> list[Query | Answer]:
    """Give the engine what it does not have yet, and wait until it is durable; what the file says beside the data."""
    runtime, name = office.parts.runtime, link.peer.node
    wanted: dict[Lane, int] = {}
    beside: list[Query | Answer] = []
    try:
        continuity = Continuity(opened.header.start, held)
        async for message in reader.rest():
            if isinstance(message, Data):
                if not _is_next(continuity, message.frame, imported):
                    continue
                wanted[message.frame.lane] = message.frame.span.upto
                await _wait_for_room(office, name, message.frame.lane)
                _check(office, link)
            elif isinstance(message, Query | Answer) and len(beside) < BESIDE_MAX:
                beside.append(message)
                continue
            elif not (isinstance(message, Ack | Refused | InForce) and imported.is_news):
                continue
            if isinstance(message, Refused) and office.has_entered(message, opened.header):
                continue
            runtime.post(lambda engine, now, message=message: engine.receive(name, message, now))  # type: ignore[misc]
            if imported.frames_new % FRAMES_PER_TURN == 0:
                await runtime.ask(lambda engine, now: None)
    except OtherHistory as error:
        raise ParcelRefused(
            opened.path, f"{error}: it was made before a change of policy or of links; write a receipt for {name}, then export there again"
        ) from None
    await _wait_stored(office, link, wanted)
    return beside


async def _wait_for_room(office: Office, peer: str, lane: Lane) -> None:
    """The back-pressure of a link; a lane that stays closed (the disk is full) ends the import, which can go on later."""
    try:
        async with asyncio.timeout(PROGRESS_TIMEOUT_S):
            await office.parts.runtime.wait_for_room(peer, office.parts.config.limits.inbound_jobs_max, lane)
    except TimeoutError:
        raise CarriageError(f"lane {lane.word} takes nothing: free space on this node, then import the file again") from None


def _is_next(continuity: Continuity, frame: Frame, imported: Imported) -> bool:
    if continuity.step(frame) is Step.HERE:
        imported.frames_here += 1
        return False
    imported.frames_new += 1
    return True


def _refusals(link: FileLink) -> int:
    return sum(isinstance(message, Refused) for message in link.messages)


async def _wait_stored(office: Office, link: FileLink, wanted: dict[Lane, int]) -> None:
    """Wait until the engine acknowledged every lane up to where the file leads."""
    while True:
        stored = {message.lane: message.stored for message in link.messages if isinstance(message, Ack)}
        if all(stored.get(lane, 0) >= upto for lane, upto in wanted.items()):
            return
        _check(office, link)
        await office.links.wait_moved(link)


def _check(office: Office, link: FileLink) -> None:
    broken = link.broken
    if broken is not None and not broken.fatal:
        raise _Damaged(broken.reason)
    office.links.check(link)


async def _remember(
    office: Office, peer: Correspondent, paper: Paper, opened: Opened, hello: Hello, told: dict[Lane, Position]
) -> None:
    """Note what the newest file said; parts that it covers are done."""
    node, direction = peer.node, peer.out
    marks = await office.parts.runtime.ask(lambda engine, now: {lane: engine.out_mark(node, direction, lane) for lane in Lane})
    if hello.for_incarnation == office.parts.me.incarnation:
        paper.told = {int(lane): Told(position.upto, position.chain, marks[lane].wire) for lane, position in told.items()}
        paper.receipt_us = office.parts.clock.wall_us()
    paper.hear(opened.header, hello)
