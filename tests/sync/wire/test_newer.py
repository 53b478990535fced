"""What a newer program says: skipped where it may be, answered where its sender waits, refused in its turn where it holds a place."""

from __future__ import annotations

import hashlib

import pytest

from sync.core.messages import Ack, Data, Hello, Refused
from sync.model import BATCH_FORMAT, Lane, WireError
from sync.wire import yunnao_pb2 as pb
from sync.wire.codec import Unknown, decode, encode
from sync.wire.newer import UNREADABLE_RESOURCE
from tests.sync.wire.samples import sample_frame, sample_messages

NEW_LANE = 9


def envelope_of(name: str) -> pb.Envelope:
    return pb.Envelope.FromString(encode(sample_messages()[name]))


def data_with_header(header: pb.BatchHeader) -> bytes:
    """A frame whose manifest vouches for `header`."""
    envelope = envelope_of("data")
    envelope.data.header = header.SerializeToString(deterministic=True)
    envelope.data.manifest.header_sha256 = hashlib.sha256(envelope.data.header).digest()
    return envelope.SerializeToString()


def header_of_sample() -> pb.BatchHeader:
    return pb.BatchHeader.FromString(envelope_of("data").data.header)


@pytest.mark.parametrize("name", ["ack", "refused"])
@pytest.mark.parametrize(("field", "number", "words"), [("lane", NEW_LANE, "lane 9"), ("direction", 2, "direction 2")])
def test_a_mark_of_an_unknown_lane_or_direction_is_skipped_and_named(name: str, field: str, number: int, words: str) -> None:
    envelope = envelope_of(name)
    setattr(getattr(envelope, name), field, number)
    unknown = decode(envelope.SerializeToString())
    assert isinstance(unknown, Unknown)
    assert (unknown.words, unknown.answers) == (f"{name} of {words}", ())


def test_a_frame_of_an_unknown_lane_is_refused_and_its_sender_may_go_on() -> None:
    envelope = envelope_of("data")
    envelope.data.lane, envelope.data.part = NEW_LANE, envelope.data.parts - 1
    unknown = decode(envelope.SerializeToString())
    assert isinstance(unknown, Unknown)
    refused, ack = (pb.Envelope.FromString(answer) for answer in unknown.answers)
    assert (refused.refused.lane, refused.refused.span, refused.refused.part) == (NEW_LANE, envelope.data.span, envelope.data.part)
    assert refused.refused.reason == "lane 9 is not known to this version"
    assert (ack.ack.lane, ack.ack.stored, ack.ack.secured) == (NEW_LANE, envelope.data.span.upto, 0)


def test_a_part_that_is_not_the_last_of_its_span_is_refused_and_not_acknowledged() -> None:
    envelope = envelope_of("data")
    envelope.data.lane, envelope.data.part, envelope.data.parts = NEW_LANE, 0, 2
    unknown = decode(envelope.SerializeToString())
    assert isinstance(unknown, Unknown)
    assert [pb.Envelope.FromString(answer).WhichOneof("body") for answer in unknown.answers] == ["refused"]


def test_the_answers_to_a_known_lane_would_be_read_by_this_program() -> None:
    envelope = envelope_of("data")
    envelope.data.lane, envelope.data.part = NEW_LANE, envelope.data.parts - 1
    unknown = decode(envelope.SerializeToString())
    assert isinstance(unknown, Unknown)
    answers = [pb.Envelope.FromString(answer) for answer in unknown.answers]
    answers[0].refused.lane = answers[1].ack.lane = int(Lane.BULK)
    refused, ack = (decode(answer.SerializeToString()) for answer in answers)
    assert isinstance(refused, Refused)
    assert isinstance(ack, Ack)


def test_a_span_that_cannot_be_is_refused_in_any_lane() -> None:
    envelope = envelope_of("data")
    envelope.data.lane, envelope.data.span.after, envelope.data.span.upto = NEW_LANE, 9, 3
    with pytest.raises(WireError, match=r"span\.after 9"):
        decode(envelope.SerializeToString())


def test_positions_in_unknown_lanes_and_directions_say_nothing() -> None:
    envelope = envelope_of("hello")
    before = decode(envelope.SerializeToString())
    for direction, lane in ((0, NEW_LANE), (2, 0)):
        envelope.hello.positions.add(direction=direction, lane=lane, upto=5, chain=bytes(32))
    assert isinstance(before, Hello)
    assert decode(envelope.SerializeToString()) == before


def test_a_hello_with_more_positions_than_any_program_has_is_refused() -> None:
    envelope = envelope_of("hello")
    for _ in range(65):
        envelope.hello.positions.add(lane=NEW_LANE, chain=bytes(32))
    with pytest.raises(WireError, match=r"hello\.positions refused: at most 64"):
        decode(envelope.SerializeToString())


def unknown_state(header: pb.BatchHeader) -> str:
    header.runs.state[0] = 99
    return "runs.state 99 refused"


def newer_format(header: pb.BatchHeader) -> str:
    header.format = BATCH_FORMAT + 1
    return "header.format 2 refused"


def unknown_header_lane(header: pb.BatchHeader) -> str:
    header.lane = NEW_LANE
    return "header.lane 9 refused"


@pytest.mark.parametrize("change", [unknown_state, newer_format, unknown_header_lane])
def test_a_header_with_something_newer_keeps_its_place_and_says_why(change: object) -> None:
    header = header_of_sample()
    assert callable(change)
    words = change(header)
    message = decode(data_with_header(header))
    assert isinstance(message, Data)
    assert words in message.unreadable
    frame, sample = message.frame, sample_frame()
    assert (frame.lane, frame.span, frame.part, frame.parts) == (sample.lane, sample.span, sample.part, sample.parts)
    assert (frame.batch.header.resource, frame.batch.header.runs, frame.batch.payload) == (sample.batch.header.resource, (), b"")


def test_a_header_that_is_wrong_and_not_vouched_for_is_damage_and_not_news() -> None:
    header = header_of_sample()
    words = unknown_state(header)
    envelope = envelope_of("data")
    envelope.data.header = header.SerializeToString()
    with pytest.raises(WireError, match=f"{words}.*it is not the header that its manifest names"):
        decode(envelope.SerializeToString())


def test_a_resource_that_is_no_name_gets_a_stand_in() -> None:
    header = header_of_sample()
    newer_format(header)
    header.resource = "../etc"
    message = decode(data_with_header(header))
    assert isinstance(message, Data)
    assert message.frame.batch.header.resource == UNREADABLE_RESOURCE


def test_a_span_of_an_unreadable_header_is_still_checked() -> None:
    header = header_of_sample()
    newer_format(header)
    envelope = pb.Envelope.FromString(data_with_header(header))
    envelope.data.span.after, envelope.data.span.upto = 9, 3
    with pytest.raises(WireError, match=r"span\.after 9"):
        decode(envelope.SerializeToString())


def test_ordinary_messages_are_none_of_this() -> None:
    for message in sample_messages().values():
        assert decode(encode(message)) == message
