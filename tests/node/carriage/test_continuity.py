"""Which frames of a file are news, and which history they belong to."""

from __future__ import annotations

import pytest

from node.carriage.continuity import Continuity, OtherHistory, Step, missing_before
from node.carriage.parcel import LanePoint
from sync.core.messages import Position
from sync.model import EMPTY_CHAIN, Direction, Lane
from tests.node.carriage.shelf import START, chain_after, frame

FIRST, SECOND, THIRD = frame(0, 4), frame(4, 9), frame(9, 12)


def held(upto: int, chain: bytes) -> dict[Lane, Position]:
    return {Lane.BULK: Position(Direction.UP, Lane.BULK, upto, chain)}


def test_what_is_here_is_passed_over_and_the_rest_is_next() -> None:
    file = Continuity(START, held(4, chain_after(EMPTY_CHAIN, FIRST)))
    assert [file.step(entry) for entry in (FIRST, SECOND, THIRD)] == [Step.HERE, Step.NEXT, Step.NEXT]


def test_a_whole_file_that_is_here_is_passed_over() -> None:
    file = Continuity(START, held(9, chain_after(EMPTY_CHAIN, FIRST, SECOND)))
    assert [file.step(entry) for entry in (FIRST, SECOND)] == [Step.HERE, Step.HERE]


def test_parts_of_one_span_belong_together() -> None:
    halves = [frame(0, 4, part=0, parts=2), frame(0, 4, part=1, parts=2)]
    file = Continuity(START, held(4, chain_after(EMPTY_CHAIN, *halves)))
    assert [file.step(entry) for entry in (*halves, SECOND)] == [Step.HERE, Step.HERE, Step.NEXT]


def test_what_a_file_says_twice_is_passed_over_the_second_time() -> None:
    file = Continuity(START, {})
    steps = [file.step(entry) for entry in (FIRST, SECOND, FIRST, SECOND, THIRD)]
    assert steps == [Step.NEXT, Step.NEXT, Step.HERE, Step.HERE, Step.NEXT]


def test_another_history_of_the_same_stretch_is_refused() -> None:
    file = Continuity(START, held(4, bytes([1]) * 32))
    with pytest.raises(OtherHistory, match="lane bulk at 4 is not the history that is here"):
        file.step(FIRST)


def test_a_file_that_begins_on_another_history_is_refused_at_once() -> None:
    with pytest.raises(OtherHistory):
        Continuity([LanePoint(int(Lane.BULK), 4, bytes([2]) * 32)], held(4, bytes([1]) * 32))


def test_a_span_cut_elsewhere_is_refused() -> None:
    with pytest.raises(OtherHistory, match="stands at 2 here, the file goes from 0 to 4"):
        Continuity(START, held(2, bytes([1]) * 32)).step(FIRST)


def test_what_is_missing_is_named() -> None:
    start = [LanePoint(int(Lane.BULK), 9, bytes(32)), LanePoint(int(Lane.ALARM), 3, bytes(32))]
    missing = missing_before(start, held(4, bytes(32)) | {Lane.ALARM: Position(Direction.UP, Lane.ALARM, 3)})
    assert [str(entry) for entry in missing] == ["lane bulk after 4 up to 9"]
