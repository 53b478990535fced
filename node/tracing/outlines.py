"""What came out of one turn, short: a line and a digest of each write, job, send and event, without values.

The digest covers everything but payload bytes, chains and manifest digests (values.py); the lines are for whoever reads a difference.
Pure; called by tap.py for the live node and by simulations/replay.py for the engine that is compared with it.
"""

from __future__ import annotations

import hashlib

import msgspec

from node.tracing.values import Veil
from sync.core.messages import Ack, Data, Message, Refused
from sync.core.ready import Event, InboundJob, Job, OutboundJob, Ready, Send
from sync.model.writes import AppendLedger, SetInPosition, SetOutMark, StoreBatch, Write

DIGEST_BYTES = 8

_encoder = msgspec.msgpack.Encoder(order="deterministic")
"""Sets in one order, whatever the process."""


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One thing that a turn led to."""

    line: str
    digest: bytes


class Outline(msgspec.Struct, frozen=True, array_like=True):
    """Everything a turn led to, in order."""

    items: tuple[Item, ...]
    wake_us: int | None = None
    """When the turn wants to be woken, on the node's monotonic clock."""


def outline(ready: Ready, veil: Veil) -> Outline:
    """The outline of a turn's output."""
    items = [
        *(_item(_write_line(write), veil.write(write)) for write in ready.writes),
        *(_item(_job_line(job), veil.job(job)) for job in ready.jobs),
        *(_item(f"send {_message_line(send)}", veil.send(send)) for send in ready.sends),
        *(_item(_event_line(event), event) for event in ready.events),
    ]
    return Outline(tuple(items), None if ready.wake_at is None else ready.wake_at.us)


def _item(line: str, value: object) -> Item:
    return Item(line, hashlib.sha256(_encoder.encode(value)).digest()[:DIGEST_BYTES])


def _write_line(write: Write) -> str:
    name = type(write).__name__
    match write:
        case StoreBatch(stored):
            header = stored.batch.header
            return f"{name} {stored.lsn} {header.resource} {header.row_count} rows"
        case AppendLedger(entry):
            return f"{name} {entry.peer} {entry.lane.word} {entry.span.after}..{entry.span.upto} part {entry.part}/{entry.parts}"
        case SetOutMark(peer, _, lane, mark):
            return f"{name} {peer} {lane.word} {mark.stored}/{mark.secured}"
        case SetInPosition(peer, _, _, lane, position):
            return f"{name} {peer} {lane.word} {position.upto}"
        case _:
            return name


def _job_line(job: Job) -> str:
    name = f"{type(job).__name__} {job.id} {job.peer.node}"
    if isinstance(job, OutboundJob):
        return f"{name} {job.lane.word} {job.after}..{job.upto}"
    if isinstance(job, InboundJob):
        return f"{name} {job.frame.lane.word} {job.frame.span.after}..{job.frame.span.upto} part {job.frame.part}"
    return name


def _message_line(send: Send) -> str:
    message: Message = send.message
    name = f"{type(message).__name__} {send.peer}"
    match message:
        case Data(frame):
            return f"{name} {frame.lane.word} {frame.span.after}..{frame.span.upto} part {frame.part}/{frame.parts}"
        case Ack(_, lane, stored, secured):
            return f"{name} {lane.word} {stored}/{secured}"
        case Refused(_, lane, span, part):
            return f"{name} {lane.word} {span.after}..{span.upto} part {part}"
        case _:
            return name


def _event_line(event: Event) -> str:
    return f"{type(event).__name__} {getattr(event, 'peer', '')}".strip()
