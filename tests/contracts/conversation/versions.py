"""The messages of another version of the program, made from those of this one by the formats themselves.

OLDER says nothing that was added after the first format (`first.binpb`): fields and whole messages are dropped, as a program of then would
neither send nor read them. NEWER adds to every message and between them: fields at every depth, a message, a lane, a question.
Headers are left alone: they are signed, and a field more there is another BATCH_FORMAT.
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message as PbMessage
from google.protobuf.message_factory import GetMessageClass

from sync.wire import yunnao_pb2 as pb
from sync.wire.peek import length_delimited

FIRST = Path(__file__).parent / "first.binpb"
"""A FileDescriptorProto: the format before lives, forks, reseed, quarantine and attachment orders."""
NEW_FIELD = 900
"""Number of a field that no version has yet."""
NEW_LANE = 9
NEW_VERB = "weather"


def format_of(path: Path) -> FileDescriptorProto:
    """A stored message format."""
    return FileDescriptorProto.FromString(path.read_bytes())


def _envelope_of(file: FileDescriptorProto) -> type[PbMessage]:
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("yunnao.v1.Envelope"))


_OLD_ENVELOPE = _envelope_of(format_of(FIRST))


def older(data: bytes) -> list[bytes]:
    """What a program of the first format would have said; nothing for a message that it did not have."""
    envelope = _OLD_ENVELOPE.FromString(data)
    envelope.DiscardUnknownFields()
    return [envelope.SerializeToString(deterministic=True)] if envelope.WhichOneof("body") else []


def newer(data: bytes) -> list[bytes]:
    """The message with more in it, and one of a kind that nobody knows before and behind it."""
    envelope = pb.Envelope.FromString(data)
    _grow(envelope)
    if envelope.WhichOneof("body") == "hello":
        envelope.hello.protocol_newest += 1
        for lane, direction in ((NEW_LANE, 0), (0, 2)):
            envelope.hello.positions.add(direction=direction, lane=lane, upto=7, chain=bytes(32))
    return [unknown_message(), envelope.SerializeToString(deterministic=True), unknown_message()]


def unknown_message() -> bytes:
    """A message that this program has no word for."""
    return pb.Envelope(format=2).SerializeToString() + length_delimited(NEW_FIELD + 1, b"news")


def in_a_new_lane(data: bytes) -> list[bytes]:
    """What a newer program says of a lane that came after this one: its own frame, a mark and a refusal like those in `data`."""
    envelope = pb.Envelope.FromString(data)
    body = envelope.WhichOneof("body")
    if body not in ("data", "ack", "refused"):
        return []
    getattr(envelope, body).lane = NEW_LANE
    return [envelope.SerializeToString(deterministic=True)]


def new_question() -> bytes:
    """A question that only a newer program answers."""
    return pb.Envelope(format=1, query=pb.Query(id=77, verb=NEW_VERB, body=b"{}")).SerializeToString(deterministic=True)


def _grow(message: PbMessage) -> None:
    """Give `message` and every message in it a field more."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                _grow(inner)
    message.MergeFromString(length_delimited(NEW_FIELD, b"of a newer program"))
