"""Restored backups and clones on real journal files: nobody acts, nothing is lost, nothing is applied twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.fork.clones import FORKS_MAX, FORKS_WITHIN_US, ForkMemory
from node.verbs.restore import begin_new_life
from sync.model import Direction, Lane, Level
from sync.model.writes import InPosition, SetInPosition
from tests.node.fork.copies import Copy, CopyRig

SHARED, FIRST, SECOND = [1.0, 2.0, 3.0], [11.0, 12.0], [21.0, 22.0, 23.0]


@pytest.fixture
def city(tmp_path: Path) -> Copy:
    return Copy("qingdao", Level.MUNICIPAL, tmp_path / "qingdao").make(900)


@pytest.fixture
def district(tmp_path: Path) -> Copy:
    return Copy("qd-shinan", Level.DISTRICT, tmp_path / "qd-shinan", "qingdao").make(77)


@pytest.fixture
def rig(city: Copy, district: Copy) -> CopyRig:
    return CopyRig(city, district)


def write(rig: CopyRig, values: list[float], *, lane: Lane = Lane.EVENT, resource: str = "air-quality") -> None:
    """Each value a batch of its own at the district."""
    for value in values:
        rig.offer("qd-shinan", [value], lane=lane, resource=resource)
        rig.turn("qd-shinan")


def clone(rig: CopyRig, district: Copy, folder: Path) -> Copy:
    """A copy of the district as it is; the original goes on."""
    rig.disconnect("qd-shinan", "qingdao")
    other = district.stop().copied(folder)
    district.start()
    rig.use(district)
    return other


def test_a_restored_backup_without_new_records_comes_back_by_itself(rig: CopyRig, district: Copy, tmp_path: Path) -> None:
    write(rig, SHARED)
    rig.link("qd-shinan", "qingdao")
    backup = clone(rig, district, tmp_path / "backup")
    write(rig, FIRST)
    rig.link("qd-shinan", "qingdao")
    district.stop()
    rig.use(backup.start())
    rig.link("qd-shinan", "qingdao")
    assert rig.resolved == 1
    assert backup.incarnation != 77
    assert sorted(rig.values("qingdao")) == SHARED + FIRST
    write(rig, SECOND)
    rig.settle(seconds=3)
    assert sorted(rig.values("qingdao")) == SHARED + FIRST + SECOND


def test_a_restored_backup_that_wrote_offline_loses_nothing_and_doubles_nothing(rig: CopyRig, district: Copy, tmp_path: Path) -> None:
    write(rig, SHARED[:2])
    rig.link("qd-shinan", "qingdao")
    rig.disconnect("qd-shinan", "qingdao")
    write(rig, SHARED[2:])  # in the backup, not yet sent: both copies have it
    backup = clone(rig, district, tmp_path / "backup")
    write(rig, FIRST)
    rig.link("qd-shinan", "qingdao")
    district.stop()
    rig.use(backup.start())
    write(rig, SECOND)
    rig.link("qd-shinan", "qingdao")
    assert rig.resolved == 1
    assert sorted(rig.values("qingdao")) == SHARED + FIRST + SECOND


@pytest.mark.parametrize("order", ["first then second", "second then first"])
def test_two_clones_that_both_wrote_offline_both_deliver(rig: CopyRig, district: Copy, tmp_path: Path, order: str) -> None:
    write(rig, SHARED)
    other = clone(rig, district, tmp_path / "other")
    write(rig, FIRST)
    rig.use(other.start())
    write(rig, SECOND)
    for copy in (district, other) if order == "first then second" else (other, district):
        rig.use(copy)
        rig.link("qd-shinan", "qingdao")
    assert rig.resolved == 1
    assert sorted(rig.values("qingdao")) == SHARED + FIRST + SECOND


def test_shared_records_that_neither_had_sent_in_another_lane_are_applied_once(rig: CopyRig, district: Copy, tmp_path: Path) -> None:
    write(rig, [1.0], lane=Lane.ALARM, resource="alarms")
    write(rig, SHARED, lane=Lane.BULK)
    other = clone(rig, district, tmp_path / "other")
    rig.drop = lambda source, target, message: getattr(getattr(message, "frame", None), "lane", None) is Lane.BULK
    write(rig, [31.0], lane=Lane.ALARM, resource="alarms")
    write(rig, FIRST, lane=Lane.BULK)
    rig.link("qd-shinan", "qingdao")  # only the alarms arrive
    rig.use(other.start())
    write(rig, [41.0], lane=Lane.ALARM, resource="alarms")
    write(rig, SECOND, lane=Lane.BULK)
    rig.drop = lambda source, target, message: False
    rig.link("qd-shinan", "qingdao")
    rig.use(district)
    rig.link("qd-shinan", "qingdao")
    assert sorted(rig.values("qingdao", "alarms")) == [1.0, 31.0, 41.0]
    assert sorted(rig.values("qingdao")) == SHARED + FIRST + SECOND


def test_clones_that_take_turns_both_deliver_and_the_parent_names_both_lives(
    rig: CopyRig, city: Copy, district: Copy, tmp_path: Path
) -> None:
    write(rig, SHARED)
    other = clone(rig, district, tmp_path / "other")
    other.start()
    written = list(SHARED)
    for turn in range(6):
        rig.use((district, other)[turn % 2])
        write(rig, [100.0 + turn])
        written.append(100.0 + turn)
        rig.link("qd-shinan", "qingdao")
    assert sorted(rig.values("qingdao")) == sorted(written)
    assert rig.resolved == 1
    assert city.desk.troubles() == ["clone_suspected"]
    (clones,) = city.desk.clones()
    assert {clones["incarnation"], clones["other_incarnation"]} == {f"{district.incarnation:016x}", f"{other.incarnation:016x}"}


def test_a_restart_is_no_fork(rig: CopyRig, district: Copy, city: Copy) -> None:
    write(rig, SHARED)
    for value in FIRST:
        rig.link("qd-shinan", "qingdao")
        write(rig, [value])
        rig.settle(seconds=3)
        rig.restart("qd-shinan")
        rig.restart("qingdao")
    rig.link("qd-shinan", "qingdao")
    assert (rig.resolved, district.incarnation, city.incarnation) == (0, 77, 900)
    assert sorted(rig.values("qingdao")) == SHARED + FIRST


def test_a_parent_restored_from_a_backup_gets_the_lost_records_again(rig: CopyRig, city: Copy, tmp_path: Path) -> None:
    write(rig, SHARED)
    rig.link("qd-shinan", "qingdao")
    rig.disconnect("qd-shinan", "qingdao")
    backup = city.stop().copied(tmp_path / "city backup")
    city.start()
    rig.use(city)
    rig.link("qd-shinan", "qingdao")
    write(rig, FIRST)
    rig.settle(seconds=3)
    assert sorted(rig.values("qingdao")) == SHARED + FIRST
    city.stop()
    rig.use(backup.start())
    rig.link("qd-shinan", "qingdao")
    assert sorted(rig.values("qingdao")) == SHARED + FIRST
    assert rig.resolved == 0


def test_a_fork_whose_peer_knows_no_lives_is_divided_by_the_share_ledger(rig: CopyRig, district: Copy, tmp_path: Path) -> None:
    write(rig, SHARED)
    rig.link("qd-shinan", "qingdao")
    backup = clone(rig, district, tmp_path / "backup")
    write(rig, FIRST)
    rig.copies["qingdao"].journal.lives._known.clear()
    rig.copies["qingdao"].desk.data_from = lambda peer, hello: None  # type: ignore[method-assign]
    rig.link("qd-shinan", "qingdao")
    district.stop()
    rig.use(backup.start())
    write(rig, SECOND)
    rig.link("qd-shinan", "qingdao")
    assert sorted(rig.values("qingdao")) == SHARED + FIRST + SECOND


def enterprise(rig: CopyRig, value: float) -> None:
    """A record of the city that returns to the district."""
    rig.offer("qingdao", [value], resource="enterprises", lane=Lane.STATE)
    rig.turn("qingdao")


def test_a_restored_parent_learns_of_its_fork_from_a_child_that_shows_its_signature(rig: CopyRig, city: Copy, tmp_path: Path) -> None:
    rig.link("qd-shinan", "qingdao")
    enterprise(rig, 1.0)
    rig.settle(seconds=3)
    rig.disconnect("qd-shinan", "qingdao")
    backup = city.stop().copied(tmp_path / "city backup")
    rig.use(city.start())
    rig.link("qd-shinan", "qingdao")
    enterprise(rig, 11.0)
    rig.settle(seconds=3)
    assert rig.values("qd-shinan", "enterprises") == [1.0, 11.0]
    city.stop()
    rig.use(backup.start())
    enterprise(rig, 21.0)
    rig.link("qd-shinan", "qingdao")
    assert rig.resolved == 1
    assert backup.incarnation != 900
    assert sorted(rig.values("qd-shinan", "enterprises")) == [1.0, 11.0, 21.0]


def test_a_child_that_claims_a_fork_without_proof_changes_nothing(rig: CopyRig, city: Copy, district: Copy) -> None:
    rig.link("qd-shinan", "qingdao")
    enterprise(rig, 1.0)
    rig.settle(seconds=3)
    rig.disconnect("qd-shinan", "qingdao")
    lied = [SetInPosition("qingdao", 900, Direction.RETURN, Lane.STATE, InPosition(1 << 40, b"x" * 32))]
    district.journal.commit(lied)
    rig.restart("qd-shinan")
    rig.link("qd-shinan", "qingdao")
    assert (rig.resolved, city.incarnation, city.forks) == (0, 900, [])
    assert "qingdao" not in rig.stations["qd-shinan"].engine.link_peers()


def test_a_relay_that_was_restored_keeps_the_records_of_its_children_as_they_are(rig: CopyRig, district: Copy, tmp_path: Path) -> None:
    street = Copy("qd-street", Level.STREET, tmp_path / "street", "qd-shinan").make(55)
    rig.copies["qd-street"] = street
    rig.stations["qd-street"] = street.station
    rig.link("qd-shinan", "qingdao")
    rig.link("qd-street", "qd-shinan")
    write(rig, SHARED)
    rig.offer("qd-street", [51.0])
    rig.settle(seconds=3)
    for pair in (("qd-street", "qd-shinan"), ("qd-shinan", "qingdao")):
        rig.disconnect(*pair)
    backup = district.stop().copied(tmp_path / "backup")
    rig.use(district.start())
    rig.link("qd-shinan", "qingdao")
    rig.link("qd-street", "qd-shinan")
    rig.offer("qd-street", [52.0])
    write(rig, FIRST)
    rig.settle(seconds=3)
    rig.disconnect("qd-street", "qd-shinan")
    district.stop()
    rig.use(backup.start())
    write(rig, SECOND)
    rig.link("qd-street", "qd-shinan")  # the street sends 52 again: the backup lacks it
    rig.link("qd-shinan", "qingdao")
    rig.link("qd-street", "qd-shinan")
    assert rig.resolved == 1
    assert sorted(rig.values("qingdao")) == sorted([*SHARED, *FIRST, *SECOND, 51.0, 52.0])
    assert sorted(rig.values("qd-shinan")) == sorted([*SHARED, *SECOND, 51.0, 52.0])


def test_the_books_hold_and_the_files_are_whole_after_a_fork(rig: CopyRig, city: Copy, district: Copy, tmp_path: Path) -> None:
    write(rig, SHARED)
    rig.stations["qd-shinan"].gate.forbidden = frozenset({12.0, 22.0})
    rig.stations["qingdao"].gate.refused = frozenset({99.0})
    write(rig, [99.0], resource="traffic", lane=Lane.ALARM)
    rig.link("qd-shinan", "qingdao")  # refused here, and again after the fork
    other = clone(rig, district, tmp_path / "other")
    write(rig, FIRST)
    rig.link("qd-shinan", "qingdao")
    district.stop()
    rig.use(other.start())
    other.station.gate.forbidden = frozenset({12.0, 22.0})
    write(rig, SECOND)
    rig.link("qd-shinan", "qingdao")
    assert rig.resolved == 1
    flows = other.journal.flow("qingdao", Direction.UP)
    assert all(flow.holds and not flow.pending for flow in flows)
    assert sum(flow.produced for flow in flows) == len(SHARED) + len(SECOND) + 1
    assert sum(flow.withheld for flow in flows) == 2  # 22 denied here, 99 refused there
    assert other.journal.verify() == city.journal.verify() == []


def test_forks_without_end_are_resolved_a_bounded_number_of_times() -> None:
    memory = ForkMemory()
    assert [memory.may_resolve(0, by_child=True), memory.may_resolve(1, by_child=True)] == [True, False]
    assert [memory.may_resolve(2, by_child=False) for _ in range(FORKS_MAX)] == [True] * (FORKS_MAX - 1) + [False]
    assert memory.may_resolve(FORKS_WITHIN_US + 2, by_child=True)


def test_a_backup_that_was_restored_with_the_verb_meets_no_fork(rig: CopyRig, district: Copy, tmp_path: Path) -> None:
    write(rig, SHARED)
    rig.link("qd-shinan", "qingdao")
    backup = clone(rig, district, tmp_path / "backup")
    write(rig, FIRST)
    rig.link("qd-shinan", "qingdao")
    district.stop()
    begin_new_life(backup.folder, backup.path, node="qd-shinan")
    rig.use(backup.start())
    write(rig, SECOND)
    rig.link("qd-shinan", "qingdao")
    assert rig.resolved == 0
    assert sorted(rig.values("qingdao")) == SHARED + FIRST + SECOND
