"""What a newer program may send that this one cannot take: named, and answered where its sender waits for an answer.

Owns: the reading of frames in a lane or with a header that came after this program. Nothing of them is stored, and the link goes on: the
sender hears that they were refused and keeps their records as held. Refuses what is damaged rather than new. Called by codec.
docs/compatibility.md has the rules that a newer program keeps to.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from sync.core.messages import Data
from sync.model import Batch, BatchHeader, Direction, Frame, Lane, ModelError, PolicyVersion, WireError, check_resource
from sync.wire import bounds
from sync.wire import yunnao_pb2 as pb
from sync.wire.bounds import NotKnownError
from sync.wire.check_batch import check_span
from sync.wire.codec_batch import read_manifest, read_span
from sync.wire.peek import length_delimited

UNREADABLE_RESOURCE = "unreadable"
"""What a refusal names where the header does not say which resource it is of."""
_LANES = frozenset(int(lane) for lane in Lane)
_DIRECTIONS = frozenset(int(direction) for direction in Direction)
_OF_A_LANE = frozenset(
    field.name for field in pb.Envelope.DESCRIPTOR.oneofs_by_name["body"].fields
    if field.message_type is not None and {"lane", "direction"}.issubset(field.message_type.fields_by_name)
)  # fmt: skip
"""Bodies that speak of one lane in one direction."""
_FORMAT = pb.Envelope(format=bounds.WIRE_FORMAT).SerializeToString()


@dataclass(frozen=True, slots=True)
class Beyond:
    """A message about a lane or direction that this program has no word for."""

    what: str
    answers: tuple[bytes, ...] = ()
    """Encoded messages for its sender: without them it would wait for ever."""


def beyond(envelope: pb.Envelope, body: str) -> Beyond | None:
    """What of the message lies beyond the lanes and directions of this program; None when nothing does. Raises WireError."""
    if body not in _OF_A_LANE:
        return None
    message = getattr(envelope, body)
    if message.lane in _LANES and message.direction in _DIRECTIONS:
        return None
    place = f"lane {message.lane}" if message.lane not in _LANES else f"direction {message.direction}"
    what = f"{body} of {place}"
    return Beyond(what, _refusal(message, f"{place} is not known to this version") if body == "data" else ())


def unreadable(data: pb.Data, why: NotKnownError) -> Data:
    """The frame with a stand-in for a header that holds something newer; raises WireError when its manifest does not vouch for it."""
    manifest = read_manifest(data.manifest, "manifest") if data.HasField("manifest") else None
    if manifest is None or manifest.header_sha256 != hashlib.sha256(data.header).digest():
        raise WireError(f"{why}; and it is not the header that its manifest names") from None
    lane, direction = Lane(data.lane), Direction(data.direction)
    stand_in = BatchHeader(_resource(data.header), lane, 0, 0, (), hashlib.sha256(data.payload).digest(), 0, 0, direction=direction)
    frame = Frame(lane, direction, read_span(data.span), data.part, data.parts, Batch(stand_in, b"", manifest))
    return Data(frame, unreadable=f"{why}: it is of a newer program, update this node")


def _refusal(data: pb.Data, why: str) -> tuple[bytes, ...]:
    """Refused, and with the last part an Ack. No position is kept, so after an update of this node all of the lane comes again."""
    check_span(read_span(data.span))
    nothing = PolicyVersion()
    policy = pb.PolicyVersion(digest=nothing.digest)
    refused = pb.Refused(direction=data.direction, lane=data.lane, span=data.span, part=data.part, reason=why, policy=policy)
    answers = [_message(pb.Envelope.REFUSED_FIELD_NUMBER, refused.SerializeToString(deterministic=True))]
    if data.part + 1 >= data.parts:
        ack = pb.Ack(direction=data.direction, lane=data.lane, stored=data.span.upto)
        answers.append(_message(pb.Envelope.ACK_FIELD_NUMBER, ack.SerializeToString(deterministic=True)))
    return tuple(answers)


def _message(number: int, body: bytes) -> bytes:
    return _FORMAT + length_delimited(number, body)


def _resource(header: bytes) -> str:
    try:
        return check_resource(pb.BatchHeader.FromString(header).resource)
    except (DecodeError, ModelError):
        return UNREADABLE_RESOURCE
