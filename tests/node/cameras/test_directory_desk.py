"""The directory of a node with a real inbox and mart: sheets and own cameras in, rows out, and questions answered by the newest row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_ai.spec import CameraKind, CameraSpec
from node.cameras.directory import DirectoryFile
from node.cameras.directory_desk import HELD_US, DirectoryDesk
from node.cameras.directory_query import Question
from node.cameras.directory_rows import RESOURCE
from node.cameras.point import PointState
from node.ingest.inbox import Inbox
from node.store.mart import Mart, MartError
from node.store.marts import Marts
from policies.bundle import schemas_of
from tests.node.cameras.folder import CODE
from tests.node.ingest.parts import StillClock
from tests.node.shelf import open_shelf
from tests.policies.city import city

SCHEMAS = schemas_of(tuple(city().resources.values()))
OTHER = "37020200001320000002"
GATE = CameraSpec(
    id="gate-1", name="Gate", kind=CameraKind.FILE, source="a.mp4", algorithm="motion-object", code=CODE, territory="370202001"
)


class Bench:
    """A desk whose turns are taken by hand; what it offers goes into a real journal."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.shelf = StillClock(), open_shelf(folder)
        self.inbox = Inbox(SCHEMAS, on_data=lambda: None)
        self.own: dict[str, CameraSpec] = {}
        self.seen: list[dict[str, object]] = []
        self.marts = Marts(folder / "marts", self.shelf.journal)
        self.desk = DirectoryDesk(
            DirectoryFile(folder / "directory.db", 1), self.inbox, self.shelf.journal, self.marts, self.clock, "370202", lambda: self.own,
            lambda: self.seen,
        )  # fmt: skip

    async def turn(self) -> list[dict[str, Any]]:
        """One look, a minute later, and the rows that are stored then."""
        self.clock.us += HELD_US
        await self.desk.turn()
        rows: list[dict[str, Any]] = []
        for batch in self.inbox.drain():
            rows += batch.rows.to_pylist()
            self.inbox.stored(batch)
        self.shelf.add(RESOURCE, rows) if rows else None
        return rows


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.marts.close()
    made.shelf.journal.close()


def entered(code: str, **facts: object) -> dict[str, object]:
    return {"code": code, "territory": "370202001", "name": code[-2:], **facts}


async def test_a_sheet_is_told_once_and_only_what_changes_after_it(bench: Bench) -> None:
    bench.desk.enter([entered(CODE, state="online"), entered(OTHER)])
    assert {row["code"] for row in await bench.turn()} == {CODE, OTHER}
    assert await bench.turn() == []
    new, faults, same = bench.desk.enter([entered(CODE, state="online"), entered(OTHER, state="fault")])
    assert ([point.code for point in new], faults, same) == ([OTHER], [], 1)
    (row,) = await bench.turn()
    assert (row["code"], row["state"], row["grade"], row["territory"]) == (OTHER, "fault", 2, "370202001")


async def test_a_sheet_with_a_bad_row_is_not_taken(bench: Bench) -> None:
    rows = [entered(CODE, territory="110101001"), entered(OTHER, longitude=120.0)]
    _, faults, _ = bench.desk.enter(rows)
    assert [(fault.index, fault.column) for fault in faults] == [(0, "territory"), (1, "longitude")]
    assert await bench.turn() == []


async def test_an_own_camera_is_a_point_that_goes_with_its_state(bench: Bench) -> None:
    bench.own, bench.seen = {CODE: GATE}, [{"camera": "gate-1", "state": "connecting"}]
    assert [(row["state"], row["camera"], row["name"]) for row in await bench.turn()] == [("unknown", "gate-1", "Gate")]
    states = []
    for state, retry in (("live", None), ("degraded", None), ("lost", 5.0), ("lost", None), ("off", None)):
        bench.seen = [{"camera": "gate-1", "state": state, "retry_in_s": retry}]
        states.append([row["state"] for row in await bench.turn()])
    assert states == [["online"], [], ["offline"], ["fault"], ["offline"]]


async def test_a_camera_that_flaps_is_told_once_a_minute(bench: Bench) -> None:
    bench.own, told = {CODE: GATE}, 0
    for index in range(30):
        bench.seen = [{"camera": "gate-1", "state": ("live", "lost")[index % 2], "retry_in_s": 1.0}]
        bench.clock.us += 6_000_000 - HELD_US
        told += len(await bench.turn())
    assert 2 <= told <= 4


async def test_a_camera_that_is_taken_out_is_offline_and_nobodys(bench: Bench) -> None:
    bench.own, bench.seen = {CODE: GATE}, [{"camera": "gate-1", "state": "live"}]
    await bench.turn()
    bench.own = {}
    assert [(row["state"], row["camera"]) for row in await bench.turn()] == [("offline", "")]
    assert await bench.turn() == []


async def test_questions_are_answered_by_the_newest_row_without_removed_points(bench: Bench) -> None:
    bench.desk.enter([entered(CODE, state="online", tier=1, address="Road 5"), entered(OTHER, state="online", tier=2)])
    await bench.turn()
    bench.desk.enter([entered(OTHER, state="fault")])
    await bench.turn()
    assert await bench.desk.counts(Question()) == {"online": 1, "fault": 1}
    found = await bench.desk.points(Question(state="fault"))
    assert [(point["code"], point["tier"], point["_origin"]) for point in found] == [(OTHER, 2, "street")]
    assert [point["code"] for point in await bench.desk.points(Question(text="ROAD"))] == [CODE]
    assert await bench.desk.points(Question(grade_max=1)) == []
    assert await bench.desk.points(Question(after=CODE, limit=1)) != []
    bench.desk.enter([entered(OTHER, state="removed")])
    await bench.turn()
    assert await bench.desk.counts(Question()) == {"online": 1}


async def test_a_code_that_two_nodes_give_to_cameras_of_theirs_names_both(bench: Bench) -> None:
    bench.own, bench.seen = {CODE: GATE}, [{"camera": "gate-1", "state": "live"}]
    (row,) = await bench.turn()
    bench.desk.enter([entered(OTHER, state="online")])
    await bench.turn()
    bench.shelf.add(RESOURCE, [row | {"camera": "door-9"}, row | {"code": OTHER, "camera": "x"}], origin="harbour")
    found = {point["code"]: point["nodes"] for point in await bench.desk.points(Question())}
    assert found == {CODE: ["harbour", "street"], OTHER: []}
    bench.own = {}
    await bench.turn()
    assert [point["nodes"] for point in await bench.desk.points(Question())] == [[], []]


async def test_a_mart_that_fails_is_no_empty_directory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(mart: Mart, sql: str, params: Sequence[object] = ()) -> None:
        raise MartError("query refused by the mart: out of memory")

    assert await bench.desk.counts(Question()) == {}
    bench.desk.has_children = lambda: True
    bench.desk.enter([entered(CODE, state="online")])
    await bench.turn()
    monkeypatch.setattr(Mart, "query", fail)
    with pytest.raises(MartError, match="out of memory"):
        await bench.desk.counts(Question())
    await bench.turn()
    assert "out of memory" in str(bench.desk.facts()["trouble"])


@pytest.mark.parametrize("has_children", [True, False])
async def test_the_status_counts_points_by_state(bench: Bench, has_children: bool) -> None:
    bench.desk.has_children = lambda: has_children
    assert bench.desk.facts() == {"points": 0, "states": {}, "trouble": ""}
    bench.desk.enter([entered(CODE, state="online"), entered(OTHER, state="fault")])
    await bench.turn()
    await bench.turn()
    assert bench.desk.facts() == {"points": 2, "states": {"fault": 1, "online": 1}, "trouble": ""}


async def test_a_failed_file_is_said_and_the_desk_goes_on(bench: Bench) -> None:
    bench.desk.file.close()
    await bench.turn()
    assert "directory.db" in bench.desk.facts()["trouble"]


def test_every_state_has_a_word() -> None:
    assert {state.value for state in PointState} == {"online", "offline", "fault", "unknown", "removed"}
