"""Parts of a size: they end between spans only, and each begins where the one before it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.carriage.packing import Packing
from node.carriage.parcel import Header, LanePoint, peek_header, peek_seal
from sync.core.messages import Ack, Data, Stop
from sync.model import EMPTY_CHAIN, Direction, Frame, Lane
from sync.wire.codec import decode
from tests.node.carriage.shelf import START, Desk, chain_after, frame, make_desk

PAYLOAD = bytes(40_000)
PART_BYTES = 100_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"))


def packing(folder: Path, desk: Desk) -> Packing:
    def make_header(part: int, start: list[LanePoint]) -> Header:
        return desk.header(serial=part, part=part, number=part, start=start)

    made = Packing(folder, make_header, desk.sealing(), start=START, preface=[Stop("preface")], part_bytes=PART_BYTES)
    made.answers = [Ack(Direction.RETURN, Lane.BULK, 1, 1)]
    return made


def frames(count: int) -> list[Frame]:
    return [frame(number, number + 1, payload=PAYLOAD) for number in range(count)]


def test_parts_follow_each_other_without_a_gap(tmp_path: Path, desk: Desk) -> None:
    packed = packing(tmp_path, desk)
    sent = frames(5)
    packed.add([Data(entry) for entry in sent])
    paths = packed.finish()
    assert [path.name for path in paths] == [f"qingdao-shandong-0000000{number}.parcel" for number in (1, 2, 3)]
    assert [peek_seal(path).parts for path in paths] == [0, 0, 3]
    assert [peek_header(path).start for path in paths[1:]] == [peek_seal(path).end for path in paths[:-1]]
    (end,) = [point for point in peek_seal(paths[-1]).end if point.lane == int(Lane.BULK)]
    assert (end.upto, end.chain) == (5, chain_after(EMPTY_CHAIN, *sent))
    assert packed.records == 5


def test_every_part_has_the_preface_and_the_first_the_answers(tmp_path: Path, desk: Desk) -> None:
    packed = packing(tmp_path, desk)
    packed.add([Data(entry) for entry in frames(4)])
    kinds = [[type(decode(message)).__name__ for message in desk.open(path).messages()] for path in packed.finish()]
    assert kinds == [["Stop", "Ack", "Data", "Data"], ["Stop", "Data", "Data"]]


def test_a_part_never_ends_inside_a_span(tmp_path: Path, desk: Desk) -> None:
    packed = packing(tmp_path, desk)
    packed.add([Data(frame(0, 1, part=part, parts=4, payload=PAYLOAD)) for part in range(4)])
    packed.add([Data(frame(1, 2, payload=PAYLOAD))])
    assert [peek_seal(path).messages for path in packed.finish()] == [6, 2]


def test_nothing_packed_is_no_file_and_abandoning_leaves_none(tmp_path: Path, desk: Desk) -> None:
    assert packing(tmp_path, desk).finish() == []
    packed = packing(tmp_path, desk)
    packed.add([Data(entry) for entry in frames(1)])
    packed.abandon()
    assert list(tmp_path.iterdir()) == []
