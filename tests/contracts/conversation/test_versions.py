"""A peer of the version before and of the one after: the link stays, what both know arrives, what one does not know is held and said."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from sync.core.messages import Ack, Data, Message, Refused
from sync.model import BATCH_FORMAT, Direction, Lane, Span, signed_bytes
from sync.wire import yunnao_pb2 as pb
from sync.wire.codec import Unknown, decode
from tests.contracts.conversation.ends import End
from tests.contracts.conversation.people import CHILD, PARENT, Person
from tests.contracts.conversation.play import played
from tests.contracts.conversation.record import descriptor
from tests.contracts.conversation.script import CONVERSATIONS
from tests.contracts.conversation.tape import RECORDED, Said, messages, read_tape
from tests.contracts.conversation.test_conversations import HELD, marks_told
from tests.contracts.conversation.versions import (
    FIRST,
    NEW_LANE,
    format_of,
    in_a_new_lane,
    new_question,
    newer,
    older,
    unknown_message,
)

SAID = [said for name in CONVERSATIONS for said in messages(read_tape(name))]


# ---- the format itself


def fields_of(file: FileDescriptorProto) -> dict[str, tuple[int, int, str]]:
    """Number, type and whether it repeats, by message and field."""
    return {
        f"{message.name}.{field.name}": (field.number, field.type, f"{field.label} {field.type_name}")
        for message in file.message_type
        for field in message.field
    }


@pytest.mark.parametrize("before", [FIRST, RECORDED / "messages.binpb"], ids=["first", "v1"])
def test_the_format_only_grows(before: Path) -> None:
    now = fields_of(FileDescriptorProto.FromString(descriptor()))
    then = fields_of(format_of(before))
    assert {name: now.get(name) for name in then} == then


@pytest.mark.parametrize("before", [FIRST, RECORDED / "messages.binpb"], ids=["first", "v1"])
def test_what_is_signed_did_not_change(before: Path) -> None:
    now, then = fields_of(FileDescriptorProto.FromString(descriptor())), fields_of(format_of(before))
    signed = ("BatchHeader.", "RunTable.")
    assert {name for name in now if name.startswith(signed)} == {name for name in then if name.startswith(signed)}


# ---- the version before


def test_an_older_program_says_less_of_what_was_recorded() -> None:
    dropped = [said.kind for said in SAID if not older(said.data)]
    assert set(dropped) == {"orders", "in_force"}
    shorter = {said.kind for said in SAID if (left := older(said.data)) and len(left[0]) < len(said.data)}
    assert shorter >= {"hello", "heartbeat"}


@pytest.mark.slow
def test_a_parent_gets_everything_from_an_older_child(tmp_path: Path) -> None:
    with played(tmp_path, PARENT, change=older, names=("first-meeting", "second-meeting")) as parent:
        assert dict(parent.parts.journal.counts()) == HELD
        held = parent.parts.runtime.engine.positions_by_incarnation(CHILD.name)[CHILD.incarnation]
        assert {position.lane: position.upto for position in held} == marks_told()
        assert (parent.broken, parent.unknown) == (["qingdao ended the link: this node is being stopped"], [])


@pytest.mark.slow
def test_a_child_goes_on_with_an_older_parent(tmp_path: Path) -> None:
    with played(tmp_path, CHILD, change=older, names=("first-meeting", "second-meeting")) as child:
        books = child.parts.journal.flow(PARENT.name, Direction.UP)
        assert [flow.pending for flow in books] == [0] * len(books)
        assert sum(flow.delivered for flow in books) == sum(HELD.values()) - HELD["enterprises"]
        assert child.broken == []


# ---- the version after


@pytest.mark.slow
@pytest.mark.parametrize("person", [PARENT, CHILD], ids=["parent", "child"])
def test_a_newer_peer_is_understood_and_what_it_adds_is_left_out(tmp_path: Path, person: Person) -> None:
    with played(tmp_path, person, change=newer) as end:
        assert dict(end.parts.journal.counts()) == HELD
        assert set(end.unknown) == {"a message of field 901"}
        assert [reason for reason in end.broken if "being stopped" not in reason] == []


def with_a_new_lane(data: bytes) -> list[bytes]:
    """Every frame and mark comes once more in a lane that is not known here."""
    return [*in_a_new_lane(data), data]


@pytest.mark.slow
@pytest.mark.parametrize("person", [PARENT, CHILD], ids=["parent", "child"])
def test_a_lane_that_came_later_does_not_touch_the_others(tmp_path: Path, person: Person) -> None:
    names = ("first-meeting",)
    with played(tmp_path / "as-it-was", person, names=names) as end:
        plain = dict(end.parts.journal.counts())
    with played(tmp_path / "newer", person, change=with_a_new_lane, names=names) as end:
        assert dict(end.parts.journal.counts()) == plain
        assert set(end.unknown) >= {"data of lane 9", "ack of lane 9"}
        assert [reason for reason in end.broken if "being stopped" not in reason] == []
        assert refusals_of_new_lane(end) == ["lane 9 is not known to this version"] * end.unknown.count("data of lane 9")


def refusals_of_new_lane(end: End) -> list[str]:
    """Why the node refused frames of the lane that it does not know."""
    refused = [pb.Envelope.FromString(data).refused for _, data in end.out]
    return [entry.reason for entry in refused if entry.lane == NEW_LANE]


# ---- single frames of a newer child, signed with its key


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[End]:
    """The live parent with its link to the recorded child open."""
    with played(tmp_path, PARENT, names=("first-meeting",)) as end:
        end.out.clear()
        yield end


def frame_after(end: End, lane: Lane, change: Callable[[pb.BatchHeader], None]) -> bytes:
    """The next frame that the child would send in `lane`: like the recorded one, with new numbers and what `change` does to its header."""
    said = next(entry for entry in SAID if entry.kind == "data" and decode_lane(entry) is lane and entry.node == CHILD.name)
    envelope = pb.Envelope.FromString(said.data)
    held = end.parts.runtime.engine.positions_by_incarnation(CHILD.name)[CHILD.incarnation]
    after = {position.lane: position.upto for position in held}[lane]
    data = envelope.data
    data.span.after, data.span.upto, data.part, data.parts = after, after + 1, 0, 1
    header = pb.BatchHeader.FromString(data.header)
    for index, first in enumerate(header.runs.first):
        header.runs.first[index] = first + 1_000
    change(header)
    data.header = header.SerializeToString(deterministic=True)
    digest = hashlib.sha256(data.header).digest()
    data.manifest.header_sha256 = digest
    data.manifest.signature = CHILD.manifest_key.sign(signed_bytes(CHILD.name, digest, inputs_of(data.manifest.inputs)))
    data.ClearField("origin_manifest")
    return envelope.SerializeToString(deterministic=True)


def inputs_of(joined: bytes) -> tuple[bytes, ...]:
    return tuple(joined[start : start + 32] for start in range(0, len(joined), 32))


def decode_lane(said: Said) -> Lane:
    return Lane(pb.Envelope.FromString(said.data).data.lane)


def answers_of(end: End) -> list[Message | Unknown]:
    said = [decode(data) for _, data in end.out]
    end.out.clear()
    return said


def as_it_is(header: pb.BatchHeader) -> None:
    """A frame of this version."""


def of_a_newer_format(header: pb.BatchHeader) -> None:
    header.format = BATCH_FORMAT + 1


def in_a_state_that_came_later(header: pb.BatchHeader) -> None:
    header.runs.state[0] = 99


def of_an_unknown_resource(header: pb.BatchHeader) -> None:
    header.resource = "street-noise"


def test_the_next_frame_of_this_version_is_stored(parent: End) -> None:
    parent.hear(frame_after(parent, Lane.BULK, as_it_is))
    assert parent.parts.journal.counts()["air-quality"] == 10
    assert [type(answer) for answer in answers_of(parent)] == [Ack]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (of_a_newer_format, "header.format 2 refused: this program reads batch format 1: it is of a newer program, update this node"),
        (in_a_state_that_came_later, "runs.state 99 refused"),
        (of_an_unknown_resource, "street-noise refused: it is not in the catalogue in force here"),
    ],
)
def test_what_a_node_cannot_know_yet_is_refused_in_its_turn_and_the_link_goes_on(
    parent: End, change: Callable[[pb.BatchHeader], None], words: str
) -> None:
    before = dict(parent.parts.journal.counts())
    parent.hear(frame_after(parent, Lane.BULK, change))
    refused, ack = (answer for answer in answers_of(parent) if isinstance(answer, Ack | Refused))
    assert isinstance(refused, Refused)
    assert words in refused.reason
    assert not refused.quarantine
    assert isinstance(ack, Ack)
    assert ack.stored == refused.span.upto
    assert parent.broken == []
    assert dict(parent.parts.journal.counts()) == before
    parent.hear(frame_after(parent, Lane.BULK, as_it_is))
    assert parent.parts.journal.counts()["air-quality"] == before["air-quality"] + 5


def test_an_unreadable_frame_waits_for_its_turn_as_any_other(parent: End) -> None:
    parent.hear(frame_after(parent, Lane.BULK, of_a_newer_format))
    position = next(
        entry for entry in parent.parts.runtime.engine.positions_by_incarnation(CHILD.name)[CHILD.incarnation] if entry.lane is Lane.BULK
    )
    envelope = pb.Envelope.FromString(frame_after(parent, Lane.BULK, of_a_newer_format))
    envelope.data.span.after, envelope.data.span.upto = position.upto + 5, position.upto + 6
    parent.hear(envelope.SerializeToString(deterministic=True))
    assert parent.broken == [f"lane bulk of qingdao skipped to {Span(position.upto + 5, position.upto + 6)}"]


def test_the_refusal_of_an_unreadable_frame_is_listed_for_the_operator(parent: End) -> None:
    parent.hear(frame_after(parent, Lane.BULK, in_a_state_that_came_later))
    made = parent.parts.journal.recover().refusals
    assert [(entry.resource, entry.runs, entry.quarantine) for entry in made if "state 99" in entry.reason] == [("air-quality", (), False)]


def test_a_question_of_a_newer_program_is_answered_with_a_refusal(parent: End) -> None:
    parent.hear(new_question())
    assert [getattr(answer, "error", "") for answer in answers_of(parent)] == ["question 'weather' is not known to this version"]


def test_a_message_of_a_newer_program_is_skipped_at_any_moment(parent: End) -> None:
    parent.hear(unknown_message())
    assert (parent.unknown, parent.broken, parent.out) == (["a message of field 901"], [], [])


def test_the_recorded_frames_are_data() -> None:
    assert all(isinstance(decode(said.data), Data) for said in SAID if said.kind == "data")
