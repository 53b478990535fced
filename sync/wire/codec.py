"""Messages to bytes and back: the one door between a link and the engine.

Owns: the envelope, the size of each body, the order of checks (size, structure, sense). Refuses everything else with WireError, naming the
field and its value. Called by node/links, node/carriage and the simulator. What a payload holds is sync/wire/payload.py's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as PbMessage

from sync.core.messages import Ack, Answer, Bundles, Data, Heartbeat, Hello, InForce, Message, Orders, Query, Refused, Stop, Wants
from sync.model import DEFAULT_LIMITS, Limits, WireError
from sync.wire import bounds
from sync.wire import codec_messages as small
from sync.wire import yunnao_pb2 as pb
from sync.wire.check_messages import check_message
from sync.wire.codec_batch import frame_message, read_frame
from sync.wire.newer import beyond, unreadable
from sync.wire.peek import length_delimited, outer_fields


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a newer program that this one has no word for: count it, leave it, go on with the link."""

    format: int
    """Format the sender wrote, 1 or higher."""
    fields: tuple[int, ...]
    """Field numbers of the envelope that this program does not know, ascending."""
    what: str = ""
    """What a message of a known kind is about that this program does not know: a lane, a direction."""
    answers: tuple[bytes, ...] = ()
    """Encoded messages that its sender waits for: send them as they are."""

    @property
    def words(self) -> str:
        """What it is, for a log."""
        return self.what or f"a message of field {', '.join(map(str, self.fields))}"


_SMALL_BODIES = frozenset({"hello", "ack", "refused", "in_force", "stop"})
_BODY_NUMBERS = {field.number: field.name for field in pb.Envelope.DESCRIPTOR.oneofs_by_name["body"].fields}
_BODY_OF_NAME = {name: number for number, name in _BODY_NUMBERS.items()}
_FORMAT = pb.Envelope(format=bounds.WIRE_FORMAT).SerializeToString()
# An envelope is written as its two fields side by side: setting a body into a message would copy the payload twice more.
_READERS: dict[str, Callable[[pb.Envelope], Message]] = {
    "hello": lambda envelope: small.read_hello(envelope.hello),
    "ack": lambda envelope: small.read_ack(envelope.ack),
    "refused": lambda envelope: small.read_refused(envelope.refused),
    "in_force": lambda envelope: small.read_in_force(envelope.in_force),
    "bundles": lambda envelope: small.read_bundles(envelope.bundles),
    "wants": lambda envelope: small.read_wants(envelope.wants),
    "orders": lambda envelope: small.read_orders(envelope.orders),
    "heartbeat": lambda envelope: small.read_heartbeat(envelope.heartbeat),
    "query": lambda envelope: small.read_query(envelope.query),
    "answer": lambda envelope: small.read_answer(envelope.answer),
    "stop": lambda envelope: small.read_stop(envelope.stop),
}


def encode(message: Message, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of `message`; raises WireError when the other end would refuse it, so that the mistake shows where it was made."""
    check_message(message, limits)
    try:
        name, body = _body(message)
        data = _FORMAT + length_delimited(_BODY_OF_NAME[name], body.SerializeToString(deterministic=True))
    except (ValueError, TypeError) as error:
        raise WireError(f"{type(message).__name__} cannot be encoded: {error}") from error
    _check_size(outer_fields(data), len(data), limits)
    return data


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Message | Unknown:
    """The message in `data`; `Unknown` when a newer program speaks of something else; raises WireError for what is no message."""
    sizes = outer_fields(data)
    _check_size(sizes, len(data), limits)
    try:
        envelope = pb.Envelope.FromString(data)
    except DecodeError as error:
        raise WireError(f"message of {len(data)} bytes refused: not an envelope ({error})") from None
    if envelope.format < 1:
        raise WireError(f"envelope.format {envelope.format} refused: expected 1 or higher")
    body = envelope.WhichOneof("body")
    if body is None:
        return _unknown(envelope, sizes)
    if (newer := beyond(envelope, body)) is not None:
        return Unknown(envelope.format, (), newer.what, newer.answers)
    message = _read_data(envelope.data, limits) if body == "data" else _READERS[body](envelope)
    check_message(message, limits)
    return message


def _read_data(data: pb.Data, limits: Limits) -> Data:
    try:
        return Data(read_frame(data, limits))
    except bounds.NotKnownError as error:
        return unreadable(data, error)


def _unknown(envelope: pb.Envelope, sizes: dict[int, int]) -> Unknown:
    fields = tuple(sorted(number for number in sizes if number not in _BODY_NUMBERS and number != pb.Envelope.FORMAT_FIELD_NUMBER))
    if not fields:
        raise WireError(f"envelope of format {envelope.format} refused: it has no body")
    return Unknown(envelope.format, fields)


def _check_size(sizes: dict[int, int], total: int, limits: Limits) -> None:
    bodies = [name for number, name in _BODY_NUMBERS.items() if number in sizes]
    if len(bodies) > 1:
        raise WireError(f"envelope refused: it has more than one body ({', '.join(bodies)})")
    most = bounds.SMALL_BYTES_MAX if _SMALL_BODIES.issuperset(bodies) and bodies else limits.frame_bytes_max
    most = min(most, bounds.HEARTBEAT_BYTES_MAX) if bodies == ["heartbeat"] else most
    if total > most:
        raise WireError(f"{bodies[0] if bodies else 'message'} of {total} bytes refused: at most {most}")


def _body(message: Message) -> tuple[str, PbMessage]:
    match message:
        case Data(frame):
            return "data", frame_message(frame)
        case Hello():
            return "hello", small.hello_message(message)
        case Ack():
            return "ack", small.ack_message(message)
        case Refused():
            return "refused", small.refused_message(message)
        case InForce():
            return "in_force", small.in_force_message(message)
        case Bundles():
            return "bundles", small.bundles_message(message)
        case Wants():
            return "wants", small.wants_message(message)
        case Orders():
            return "orders", small.orders_message(message)
        case Heartbeat():
            return "heartbeat", small.heartbeat_message(message)
        case Query():
            return "query", small.query_message(message)
        case Answer():
            return "answer", small.answer_message(message)
        case Stop():
            return "stop", small.stop_message(message)
