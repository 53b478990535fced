"""A recall of readings takes what the watch made of them: averages, groups and alarms that hold, of memory and of the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from node.config.model import SensorGroupEntry
from node.recall.eraser import Kept
from node.sensor_alarms.alarm import SeriesKey
from node.sensor_alarms.forgetting import forgetting_of, series_of
from node.sensor_alarms.store import FILE_NAME
from sync.model import Lane, Stream
from tests.node.sensor_alarms.site import Site
from tests.node.shelf import INCARNATION, NODE

CANARY = "air-kzq7-w0v3n"
ONE, TWO = SeriesKey("air-quality", CANARY, "CO"), SeriesKey("air-quality", "air-2", "CO")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    group = SensorGroupEntry(name="roof", resource="air-quality", members=[f"{CANARY}/CO", "air-2/CO"])
    return Site(tmp_path, groups=(group,))


def kept(*ranges: tuple[int, int]) -> Kept:
    return Kept({Stream(NODE, INCARNATION, Lane.BULK, "air-quality"): [*ranges]})


def files(site: Site) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(site.folder.glob(FILE_NAME + "*")))


async def judged(site: Site) -> None:
    """Two sensors, one of them with an alarm that holds; both learnt and saved."""
    site.measure(50.0, 120.0, device=CANARY)
    site.measure(40.0, 50.0, device="air-2")
    await site.desk.look()
    await site.desk.look()


@pytest.mark.parametrize("numbers", [[(1, 1)], [(1, 2)]])
async def test_a_sensor_of_which_a_reading_is_recalled_is_learnt_anew_and_others_are_not(
    site: Site, numbers: Sequence[tuple[int, int]]
) -> None:
    await judged(site)
    assert [one["device"] for one in site.desk.listed()["holding"]] == [CANARY]
    await forgetting_of(site.desk, site.shelf.journal)(kept(*numbers))
    assert site.desk.listed()["holding"] == []
    assert site.desk.store.states().keys() == {TWO}
    assert len(site.desk.watcher) == 1
    assert CANARY.encode() not in files(site)
    site.measure(60.0, device=CANARY)
    await site.desk.look()
    await site.desk.stop()
    site.open()
    assert {*site.desk.store.states()} >= {ONE, TWO}


async def test_what_is_recalled_of_other_resources_is_no_business_of_the_watch(site: Site) -> None:
    await judged(site)
    before = site.desk.watcher
    stream = Stream(NODE, INCARNATION, Lane.BULK, "residents")
    await forgetting_of(site.desk, site.shelf.journal)(Kept({stream: [(1, 9)]}))
    assert site.desk.watcher is before
    assert len(site.desk.listed()["holding"]) == 1


def test_sensors_are_found_by_the_numbers_of_their_readings(site: Site) -> None:
    site.measure(1.0, 2.0, device=CANARY)
    site.measure(3.0, device="air-2")
    stream = next(iter(site.shelf.journal.recover().streams))
    assert series_of(site.shelf.journal, {stream: [(2, 2)]}) == {ONE}
    assert series_of(site.shelf.journal, {stream: [(1, 1), (3, 9)]}) == {ONE, TWO}
    assert series_of(site.shelf.journal, {stream: [(4, 9)]}) == frozenset()
