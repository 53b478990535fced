"""What is remembered of a peer: which file is news, which parts still hold, where the next one begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from node.carriage.errors import CarriageError
from node.carriage.papers import Paper, Papers, Part, points_of, settled, under_way_of
from node.carriage.parcel import LanePoint, Seal
from sync.core.messages import Hello, Position
from sync.core.outbox import UnderWay
from sync.model import EMPTY_CHAIN, Direction, Lane, Level, PolicyVersion
from tests.node.carriage.shelf import Desk, make_desk

POLICY = [("shandong", 1)]
HELLO = Hello("shandong", 9, Level.PROVINCIAL, "37", PolicyVersion.of({"shandong": 1}), ())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"))


def known(upto: int, chain: bytes = EMPTY_CHAIN) -> dict[Lane, Position]:
    return {lane: Position(Direction.UP, lane, 0) for lane in Lane} | {Lane.BULK: Position(Direction.UP, Lane.BULK, upto, chain)}


def points(upto: int) -> list[LanePoint]:
    return [LanePoint(int(lane), upto if lane is Lane.BULK else 0, chain_at(upto if lane is Lane.BULK else 0)) for lane in Lane]


def chain_at(upto: int) -> bytes:
    return upto.to_bytes(32, "big")


def part(desk: Desk, start: int, end: int) -> Part:
    return Part(Path(f"{end}"), desk.header(start=points(start)), Seal(end=points(end), parts=1, messages=1, body_bytes=99))


def kept(parts: list[Part], upto: int, chain: bytes | None = None, *, incarnation: int = 7) -> list[Part]:
    return settled(parts, known(upto, chain_at(upto) if chain is None else chain), incarnation=incarnation, policy=POLICY)


def test_parts_that_arrived_are_done_and_the_rest_waits(desk: Desk) -> None:
    parts = [part(desk, 0, 4), part(desk, 4, 9), part(desk, 9, 12)]
    assert [kept(parts, upto) for upto in (0, 4, 9, 12)] == [parts, parts[1:], parts[2:], []]


def test_a_part_that_arrived_half_still_holds(desk: Desk) -> None:
    parts = [part(desk, 0, 4), part(desk, 4, 9)]
    assert kept(parts, 2) == parts


def test_parts_on_a_history_that_the_peer_does_not_continue_are_void(desk: Desk) -> None:
    parts = [part(desk, 4, 9), part(desk, 9, 12)]
    assert kept(parts, 4, bytes([1]) * 32) == []
    assert kept(parts, 2) == []


def test_another_policy_or_life_makes_a_part_void_and_those_behind_it(desk: Desk) -> None:
    first, second, third = part(desk, 0, 4), part(desk, 4, 9), part(desk, 9, 12)
    other = replace(second, header=msgspec.structs.replace(second.header, policy=[("shandong", 2)]))
    assert kept([first, other, third], 0) == [first]
    assert kept([first], 0, incarnation=8) == []


def test_the_next_part_begins_behind_the_last(desk: Desk) -> None:
    parts = [part(desk, 0, 4), part(desk, 4, 9)]
    ahead = under_way_of(parts, known(4, chain_at(4)), {int(Lane.BULK): (9, 11)})
    assert ahead == {Lane.BULK: UnderWay(9, 11, chain_at(9))}
    assert under_way_of(parts, known(4, chain_at(4)), {int(Lane.BULK): (8, 11)}) == {Lane.BULK: UnderWay(9, 9, chain_at(9))}
    assert [point for point in points_of(known(4, chain_at(4)), ahead) if point.upto] == [LanePoint(int(Lane.BULK), 9, chain_at(9))]
    assert under_way_of([], known(4), {}) == {}


def test_only_a_younger_file_of_the_newest_life_is_news(desk: Desk) -> None:
    paper = Paper()
    assert paper.is_news(desk.header(number=5))
    paper.hear(desk.header(number=5), HELLO)
    assert [paper.is_news(desk.header(number=number)) for number in (4, 5, 6)] == [False, False, True]
    paper.hear(desk.header(number=1, sender_incarnation=8), HELLO)
    assert [paper.is_news(desk.header(number=99, sender_incarnation=life)) for life in (7, 8)] == [False, True]
    assert paper.heard() == HELLO


def test_a_paper_survives_a_restart_and_a_damaged_one_says_what_to_do(tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    papers.write("shandong", Paper(number=3, cursors={1: (2, 3)}))
    assert papers.read("shandong") == Paper(number=3, cursors={1: (2, 3)})
    assert (papers.peers(), papers.read("qingdao")) == (["shandong"], Paper())
    (tmp_path / "shandong" / "state.json").write_text("{", "utf-8")
    with pytest.raises(CarriageError, match="remove it, then import a new file of shandong"):
        papers.read("shandong")
