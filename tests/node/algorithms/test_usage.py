"""Usage of models at one node: counted, kept over a restart, told as rows, and added up from rows that anybody below may have sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_ai.models.usage import step_of
from edge_ai.wire.states import UsageRow
from node.algorithms.usage_book import ENTRIES_MAX, UsageBook
from node.algorithms.usage_desk import UsageDesk
from node.algorithms.usage_fold import RESOURCE
from node.ingest.handing_in import NoRoom
from node.ingest.sink import Row
from policies.catalogue import COMMON_COLUMNS, Resource
from sync.model import Instant
from tests.node.station import call, make_station, running
from tests.policies.city import city

SHA, OTHER = "a" * 64, "b" * 64
DAY_US = 86_400_000_000


@dataclass
class Clock:
    """Stands still until it is moved."""

    us: int = 1_800_000_000_000_000

    def now(self) -> Instant:
        return Instant(self.us)

    def wall_us(self) -> int:
        return self.us


@dataclass
class Store:
    """Takes rows, or has no room."""

    rows: list[dict[str, object]] = field(default_factory=list)
    has_room: bool = True

    async def store(self, resource: Resource, rows: Sequence[Row]) -> None:
        if not self.has_room:
            raise NoRoom("no room in the journal for lane bulk")
        names = [*COMMON_COLUMNS, *(item.name for item in resource.fields)]
        self.rows += [dict(zip(names, row, strict=True)) for row in rows]


def used(camera: str = "cam-1", *, sha256: str = SHA, frames: int = 10, version: str = "1") -> UsageRow:
    counted = {"frames": frames, "detections": 2 * frames, "failures": 1}
    return UsageRow(camera=camera, algorithm="yard", version=version, sha256=sha256, steps=((20, frames),), **counted)


CATALOGUED = city().resources[RESOURCE]


def desk_of(folder: Path, clock: Clock, store: Store, *, resource: Resource | None = CATALOGUED) -> UsageDesk:
    book = UsageBook.open(folder, clock)
    return UsageDesk(book, "370202001001001", lambda: resource, store, None, clock)  # type: ignore[arg-type]


async def test_what_was_counted_becomes_one_row_a_model_and_day(tmp_path: Path) -> None:
    clock, store = Clock(), Store()
    desk = desk_of(tmp_path, clock, store)
    for row in (used(), used("cam-2"), used(sha256=OTHER, version="2")):
        desk.book.take(row)
    desk.book.count_event("yard", SHA)
    desk.book.count_judged("yard", SHA, is_false=True)
    desk.book.count_judged("yard", SHA, is_false=False)
    desk.book.count_rollback("yard", "2", OTHER)
    clock.us += DAY_US
    desk.book.take(used())
    assert await desk.tell()
    told = [(row["day"], row["version"], row["cameras"], row["frames"], row["events"], row["rollbacks"]) for row in store.rows]
    assert told == [("2027-01-15", "1", 2, 20, 1, 0), ("2027-01-15", "2", 1, 10, 0, 1), ("2027-01-16", "1", 1, 10, 0, 0)]
    assert (store.rows[0]["false_alarms"], store.rows[0]["confirmed"], store.rows[0]["latencies"]) == (1, 1, "20:20")
    assert len({row["usage_id"] for row in store.rows}) == 3
    assert not await desk.tell()


async def test_event_of_a_model_that_was_told_before_keeps_its_version(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, Clock(), store := Store())
    desk.book.take(used(version="7"))
    await desk.tell()
    desk.book.count_event("yard", SHA)
    await desk.tell()
    assert [(row["version"], row["events"]) for row in store.rows] == [("7", 0), ("7", 1)]


async def test_what_finds_no_room_waits_with_what_came_meanwhile(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, Clock(), store := Store(has_room=False))
    desk.book.take(used())
    assert not await desk.tell()
    desk.book.take(used("cam-2"))
    store.has_room = True
    assert await desk.tell()
    assert [(row["frames"], row["cameras"]) for row in store.rows] == [(20, 2)]


async def test_without_the_resource_it_waits_over_restarts_under_one_name(tmp_path: Path) -> None:
    clock, store = Clock(), Store()
    old = desk_of(tmp_path, clock, store, resource=None)
    old.book.take(used())
    assert not await old.tell()
    await old.stop()
    clock.us += 5_000_000
    newer = desk_of(tmp_path, clock, store)
    assert newer.book.waiting[0].name == old.book.waiting[0].name
    assert await newer.tell()
    assert store.rows[0]["frames"] == 10


def test_damaged_book_is_begun_anew_and_a_full_one_drops_the_oldest(tmp_path: Path) -> None:
    (tmp_path / "usage.json").write_bytes(b'[{"day": "x"')
    book = UsageBook.open(tmp_path, Clock())
    assert not book.waiting
    for number in range(ENTRIES_MAX + 3):
        book.take(used(sha256=f"{number:064x}"))
    assert (len(book.waiting), book.dropped) == (ENTRIES_MAX, 3)
    assert book.waiting[0].sha256 == f"{3:064x}"


def told(usage_id: str, **values: object) -> dict[str, object]:
    """A row as a node below would send it."""
    cells: dict[str, object] = {
        "event_time": 1_800_000_000_000_000, "territory": "370202001001001", "grade": 2, "usage_id": usage_id, "day": "2099-01-01",
        "algorithm": "yard", "version": "1", "algorithm_sha256": SHA, "cameras": 2, "frames": 1_000, "detections": 500, "failures": 0,
        "events": 4, "false_alarms": 1, "confirmed": 3, "rollbacks": 0, "latencies": f"{step_of(10.0)}:1000",
    }  # fmt: skip
    return cells | values


@pytest.mark.slow
async def test_rows_add_up_and_hostile_ones_count_as_nothing(tmp_path: Path) -> None:
    config = make_station(tmp_path / "n")
    slow = f"{step_of(80.0)}:1000"
    rows = [
        told("u1"),
        told("u1", frames=900),
        told("u2", day="2099-01-02", latencies=slow),
        told("u3", version="2", algorithm_sha256=OTHER, frames=10, detections=-7, events=-(1 << 40), latencies="x:1 55 900:4 -1:9 3:-5 :"),
        told("u4", territory="371302001001001", algorithm="other"),
    ]
    async with running(config):
        assert (await call(config, "algorithm_usage", id="yard"))["usage"] == []
        await call(config, "put", resource=RESOURCE, columns=list(rows[0]), rows=[list(row.values()) for row in rows])
        whole = (await call(config, "algorithm_usage", id="yard"))["usage"]
        by_day = (await call(config, "algorithm_usage", id="yard", part="day"))["usage"]
        elsewhere = (await call(config, "algorithm_usage", id="yard", territory="3713"))["usage"]
    assert isinstance(whole, list)
    assert isinstance(by_day, list)
    one, two = whole
    assert (one["nodes"], one["cameras"], one["frames"], one["events"], one["false_share"]) == (1, 2, 2_000, 8, 0.25)
    assert one["detections_per_1000"] == 500.0
    assert one["ms_p50"] == pytest.approx(10, rel=0.1)
    assert one["ms_p95"] == pytest.approx(80, rel=0.1)
    assert (two["version"], two["detections"], two["events"], two["ms_p95"]) == ("2", 0, 0, 0.0)
    assert {line["part"]: line["frames"] for line in by_day if line["version"] == "1"} == {"2099-01-01": 1_000, "2099-01-02": 1_000}
    assert elsewhere == []
