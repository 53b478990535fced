"""A city of which two copies wrote, between a province and a district: who has its records by former numbers gets none of them twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.fork.sparing import KNOWN_BEFORE_REASON
from sync.model import Direction, Lane, Level, State, Stream
from tests.node.fork.copies import Copy, CopyRig

PROVINCE, CITY, DISTRICT = "shandong", "qingdao", "qd-shinan"
RETURNED = "enterprises"
SHARED, OTHERS, OWN, LATER = [1.0, 2.0], [11.0, 12.0], [21.0, 22.0, 23.0], [31.0]


@pytest.fixture
def rig(tmp_path: Path) -> CopyRig:
    return CopyRig(
        Copy(PROVINCE, Level.PROVINCIAL, tmp_path / "province").make(1),
        Copy(CITY, Level.MUNICIPAL, tmp_path / "city", PROVINCE).make(77),
        Copy(DISTRICT, Level.DISTRICT, tmp_path / "district", CITY).make(9),
    )


def write(rig: CopyRig, values: list[float]) -> None:
    """Each value a batch of its own at the city."""
    for value in values:
        rig.offer(CITY, [value], resource=RETURNED, lane=Lane.STATE)
        rig.turn(CITY)


def meet(rig: CopyRig, *neighbours: str) -> None:
    """The running copy of the city meets these, until all is stored, and leaves them."""
    for other in neighbours:
        rig.link(*((CITY, PROVINCE) if other == PROVINCE else (DISTRICT, CITY)))
    for other in neighbours:
        rig.disconnect(CITY, other)


def part(rig: CopyRig, tmp_path: Path) -> Copy:
    """Both neighbours have what the city wrote; then a copy of it is made, which stays off."""
    write(rig, SHARED)
    meet(rig, PROVINCE, DISTRICT)
    city = rig.copies[CITY]
    other = city.stop().copied(tmp_path / "copy")
    rig.use(city.start())
    return other


def run_instead(rig: CopyRig, copy: Copy) -> None:
    rig.copies[CITY].stop()
    rig.use(copy.start())


@pytest.mark.parametrize(("first", "second"), [(PROVINCE, DISTRICT), (DISTRICT, PROVINCE)])
def test_a_neighbour_that_has_the_records_by_former_numbers_gets_none_of_them_twice(
    rig: CopyRig, tmp_path: Path, first: str, second: str
) -> None:
    other = part(rig, tmp_path)
    write(rig, OTHERS)
    meet(rig, first)  # it holds what the one copy wrote
    run_instead(rig, other)
    write(rig, OWN)
    meet(rig, second)  # and this one what the other wrote, under the same numbers
    meet(rig, first)
    assert rig.resolved == 1
    write(rig, LATER)
    meet(rig, first, second)
    assert sorted(rig.values(second, RETURNED)) == SHARED + OWN + LATER
    assert sorted(rig.values(first, RETURNED)) == SHARED + OTHERS + OWN + LATER


@pytest.mark.parametrize("neighbour", [PROVINCE, DISTRICT])
def test_the_books_of_the_hop_add_up_though_nothing_went(rig: CopyRig, tmp_path: Path, neighbour: str) -> None:
    other = part(rig, tmp_path)
    finder = DISTRICT if neighbour == PROVINCE else PROVINCE
    write(rig, OTHERS)
    meet(rig, finder)
    run_instead(rig, other)
    write(rig, OWN)
    meet(rig, neighbour)
    meet(rig, finder, neighbour)
    city = rig.copies[CITY]
    direction = Direction.UP if neighbour == PROVINCE else Direction.RETURN
    stream = Stream(CITY, city.incarnation, Lane.STATE, RETURNED)
    (line,) = [line for line in city.journal.flow(neighbour, direction) if line.stream == stream]
    assert (line.produced, line.delivered, line.pending) == (len(OWN), len(OWN), 0)
    assert line.reasons == {KNOWN_BEFORE_REASON: len(OWN)}
    known = city.desk.known_before(neighbour)
    assert {stream: [(entry.first, entry.last, entry.state) for entry in known[stream]]} == {stream: [(1, len(OWN), State.PRESENT)]}


def test_what_another_copy_sent_is_not_taken_for_what_this_one_means(rig: CopyRig, tmp_path: Path) -> None:
    other = part(rig, tmp_path)
    write(rig, OTHERS)
    meet(rig, PROVINCE, DISTRICT)
    run_instead(rig, other)
    write(rig, OWN)
    meet(rig, PROVINCE, DISTRICT)
    assert rig.copies[CITY].desk.known_before(DISTRICT) == {}
    assert sorted(rig.values(DISTRICT, RETURNED)) == SHARED + OTHERS + OWN


def test_a_batch_of_which_a_part_is_known_goes_without_that_part(rig: CopyRig, tmp_path: Path) -> None:
    other = part(rig, tmp_path)
    write(rig, OTHERS)
    meet(rig, PROVINCE)
    run_instead(rig, other)
    rig.copies[DISTRICT].station.gate.refused = rig.stations[CITY].gate.forbidden = frozenset({OWN[1]})
    rig.offer(CITY, OWN, resource=RETURNED, lane=Lane.STATE)
    meet(rig, DISTRICT)
    assert sorted(rig.values(DISTRICT, RETURNED)) == [*SHARED, OWN[0], OWN[2]]
    meet(rig, PROVINCE)
    rig.copies[DISTRICT].station.gate.refused = rig.stations[CITY].gate.forbidden = frozenset()
    meet(rig, DISTRICT)
    assert sorted(rig.values(DISTRICT, RETURNED)) == SHARED + OWN
