"""The bytes of a sealed envelope: batches for one node, sealed to its certified key and signed by the node that sealed them.

Owns the layout. In the clear are who sealed it, for whom, when, and a number of its own; all of it is signed with the body, so nobody
between can turn it to another node or put it together from two. The encryption and the proof of the signer are those of the requests'
papers (node/requests/envelope.py); each batch is written as the frame that a link would carry, with the bounds of a link. Refuses what
does not parse, is for another node, or is older than ENVELOPE_LIFE_US. Called by sealing.py and opening.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
from msgspec import Meta

from node.carriage.stream import POINT_BYTES, point_of
from node.identity.keys import new_tls_key
from node.identity.verify import PeerIdentity
from node.requests.envelope import (
    Nonce,
    Number,
    Paper,
    Seal,
    Signer,
    Word,
    check_format,
    opened_body,
    parsed,
    sealed_body,
    signed_paper,
    signer_of,
)
from node.requests.errors import FetchRefused
from node.sealed.errors import EnvelopeRefused
from node.store.recalled import TOMBSTONE_LIFE_US
from sync.core.messages import Data
from sync.model import DEFAULT_LIMITS, Batch, Frame, Limits, Span, WireError
from sync.wire.codec import decode, encode

FORMAT = 1
PARTS_MAX = 256
"""Batches in one envelope."""
PART_BYTES_MAX = 6 << 20
"""One batch in an envelope, encoded; a larger one stays withheld."""
ENVELOPE_BYTES_MAX = 8 << 20
"""An envelope as it travels: less than a frame holds."""
ENVELOPE_BYTES_AIM = 256 << 10
"""An envelope that holds so much takes no other batch."""
ENVELOPE_LIFE_US = TOMBSTONE_LIFE_US
"""An older envelope is refused: what it holds may have been recalled, and the recall forgotten since."""
_LABEL = b"yunnao-envelope-1\x00"
"""What signatures begin with, so that none of one paper is one of another."""


class _Front(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody on the way may read."""

    format: int = FORMAT
    sealer: Word
    target: Word
    number: Nonce
    sealed_us: Number
    ephemeral: Annotated[bytes, Meta(min_length=POINT_BYTES, max_length=POINT_BYTES)]


class _Body(msgspec.Struct, frozen=True):
    """What only the target can read: frames as a link would carry them."""

    parts: Annotated[list[Annotated[bytes, Meta(max_length=PART_BYTES_MAX)]], Meta(min_length=1, max_length=PARTS_MAX)]


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in an envelope."""

    sealer: PeerIdentity
    sealed_us: int
    batches: tuple[Batch, ...]


def part_of(batch: Batch) -> bytes:
    """A batch as it stands in an envelope; empty when it is too large for one."""
    header = batch.header
    written = encode(Data(Frame(header.lane, header.direction, Span(0, 1), 0, 1, batch)))
    return written if len(written) <= PART_BYTES_MAX else b""


def sealed_letter(parts: Sequence[bytes], target: Signer, *, me: str, number: bytes, seal: Seal) -> bytes:
    """An envelope for `target` with the batches that `part_of` wrote."""
    assert 0 < len(parts) <= PARTS_MAX, "an envelope has some parts and not too many"
    ephemeral = new_tls_key()
    front = msgspec.msgpack.encode(
        _Front(sealer=me, target=target.who.node, number=number, sealed_us=seal.now_us(), ephemeral=point_of(ephemeral.public_key()))
    )
    return signed_paper(_LABEL, front, sealed_body(msgspec.msgpack.encode(_Body(list(parts))), front, ephemeral, target.key), seal)


def opened_letter(data: bytes, *, me: str, seal: Seal, limits: Limits = DEFAULT_LIMITS) -> Opened:
    """What is in an envelope for this node. Raises EnvelopeRefused."""
    if len(data) > ENVELOPE_BYTES_MAX:
        raise EnvelopeRefused(f"envelope of {len(data)} bytes refused: at most {ENVELOPE_BYTES_MAX}")
    try:
        paper = parsed(data, Paper)
        front = parsed(paper.front, _Front)
        check_format(front.format)
        # Its certificate may have been renewed since: who signed is judged as of when it did, and how long ago that was by the own clock.
        who = signer_of(_LABEL, paper, replace(seal, now_us=lambda: front.sealed_us)).who
        _check_front(front, who, me=me, now_us=seal.now_us())
        body = parsed(opened_body(paper, front.ephemeral, who, seal), _Body)
    except FetchRefused as error:
        raise EnvelopeRefused(f"envelope refused: {error}") from None
    return Opened(who, front.sealed_us, tuple(_batch_of(part, who, limits) for part in body.parts))


def _check_front(front: _Front, who: PeerIdentity, *, me: str, now_us: int) -> None:
    if front.target != me:
        raise EnvelopeRefused(f"envelope refused: it is for {front.target}, this node is {me}")
    if front.sealer != who.node:
        raise EnvelopeRefused(f"envelope refused: it names {front.sealer} and was signed by {who.node}")
    if front.sealed_us < now_us - ENVELOPE_LIFE_US:
        days = (now_us - front.sealed_us) // 86_400_000_000
        raise EnvelopeRefused(f"envelope refused: {who.node} sealed it {days} days ago; let it seal again what is still shared")


def _batch_of(part: bytes, who: PeerIdentity, limits: Limits) -> Batch:
    try:
        message = decode(part, limits)
    except WireError as error:
        raise EnvelopeRefused(f"envelope of {who.node} refused: a batch in it cannot be read: {error}") from None
    if not isinstance(message, Data) or message.unreadable:
        raise EnvelopeRefused(f"envelope of {who.node} refused: a part of it is no batch that this program reads: update this node")
    return message.frame.batch
