"""What version 1 said is understood for good: every recorded byte is read, and either side is played to a live node of today."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.identity.files import IdentityFiles
from sync.model import Direction, Lane
from sync.wire import yunnao_pb2 as pb
from sync.wire.codec import decode, encode
from tests.contracts.conversation.people import BEGAN_US, CHILD, PARENT, settle
from tests.contracts.conversation.play import played
from tests.contracts.conversation.record import record
from tests.contracts.conversation.script import CONVERSATIONS
from tests.contracts.conversation.tape import RECORDED, Said, messages, read_tape
from tests.contracts.conversation.versions import format_of

SAID = [said for name in CONVERSATIONS for said in messages(read_tape(name))]
HELD = {
    "air-quality": 8, "camera-events": 3, "camera-evidence": 1, "device-registry": 1, "enterprises": 2, "incidents": 1, "residents": 3,
}  # fmt: skip
"""Records that either node holds in the end: the two of another city were refused, one resident is withheld."""


def test_every_message_of_the_format_was_recorded() -> None:
    envelope = next(entry for entry in format_of(RECORDED / "messages.binpb").message_type if entry.name == "Envelope")
    bodies = {field.name for field in envelope.field if field.HasField("oneof_index")}
    assert {said.kind for said in SAID} == bodies


def test_data_was_recorded_in_every_lane_that_the_catalogue_uses_and_both_ways() -> None:
    frames = [decode(said.data) for said in SAID if said.kind == "data"]
    found = {(frame.frame.direction, frame.frame.lane) for frame in frames}  # type: ignore[union-attr]
    used = set(Lane) - {Lane.CONTROL}
    assert found >= {(Direction.UP, lane) for lane in used} | {(Direction.RETURN, lane) for lane in used}


@pytest.mark.parametrize("said", SAID, ids=[f"{index}-{said.node}-{said.kind}" for index, said in enumerate(SAID)])
def test_a_recorded_message_is_read_and_would_be_written_the_same(said: Said) -> None:
    message = decode(said.data)
    assert encode(message) == said.data  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_recording_depends_on_nothing_but_the_program(tmp_path: Path) -> None:
    assert record(tmp_path / "one") == record(tmp_path / "two")


@pytest.mark.slow
def test_a_parent_of_today_gets_everything_from_a_child_of_version_1(tmp_path: Path) -> None:
    with played(tmp_path, PARENT) as parent:
        assert dict(parent.parts.journal.counts()) == HELD
        held = parent.parts.runtime.engine.positions_by_incarnation(CHILD.name)[CHILD.incarnation]
        assert {position.lane: position.upto for position in held} == marks_told()
        assert parent.broken == ["qingdao ended the link: this node is being stopped"]
        assert parent.unknown == []


@pytest.mark.slow
def test_a_child_of_today_gets_everything_back_from_a_parent_of_version_1(tmp_path: Path) -> None:
    with played(tmp_path, CHILD) as child:
        assert dict(child.parts.journal.counts()) == HELD
        assert (child.reseeds_done, child.parts.forks.is_reseed_wanted) == (1, False)
        assert (child.broken, child.unknown) == ([], [])


@pytest.mark.slow
def test_a_child_of_today_takes_what_a_parent_of_version_1_says_of_its_records(tmp_path: Path) -> None:
    with played(tmp_path, CHILD, names=("first-meeting", "second-meeting")) as child:
        books = {flow.stream.resource: flow for flow in child.parts.journal.flow(PARENT.name, Direction.UP)}
        assert {resource: (flow.delivered, flow.withheld, flow.pending) for resource, flow in books.items()} == {
            "air-quality": (8, 2, 0), "camera-events": (3, 0, 0), "camera-evidence": (1, 0, 0), "device-registry": (1, 0, 0),
            "incidents": (1, 0, 0), "residents": (3, 1, 0),
        }  # fmt: skip
        assert all(flow.holds for flow in books.values())
        assert [order.node for order in child.parts.attachments.book] == ["qd-shinan"]


def test_the_recorded_certificates_still_prove_who_they_are(tmp_path: Path) -> None:
    for person in (PARENT, CHILD):
        settle(tmp_path / person.name, person, RECORDED / "identity")
        assert IdentityFiles(tmp_path / person.name).own(now_us=BEGAN_US).node == person.name


def marks_told() -> dict[Lane, int]:
    """The marks that the recorded parent told the child last in its first life."""
    marks: dict[Lane, int] = {}
    for name in ("first-meeting", "second-meeting"):
        for said in messages(read_tape(name)):
            if said.kind == "ack" and said.node == PARENT.name:
                ack = pb.Envelope.FromString(said.data).ack
                marks[Lane(ack.lane)] = ack.stored
    return marks
