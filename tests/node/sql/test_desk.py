"""A query shows what its clearance may see and no more, is entered before it reads, and ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.audit.words import AuditKind
from node.sql import views as views_module
from node.sql.desk import WAITING_MAX, Query, SqlDesk
from node.sql.errors import QueryFailed, SqlError, StatementRefused
from policies.gate import CompiledGate
from policies.ruleset import Ruleset
from sync.model import Level
from tests.node.cases.town import HandClock
from tests.node.shelf import Shelf, open_shelf
from tests.policies.city import city, gate


@dataclass
class Book:
    """An audit log that is kept in a list, or takes nothing."""

    entries: list[tuple[AuditKind, str, str, dict[str, Any]]] = field(default_factory=list)
    is_full: bool = False

    async def note(self, kind: AuditKind, subject: str, *, by: str, detail: Any) -> int:
        """Kept, or refused."""
        if self.is_full:
            raise SqlError("the audit log takes no entry")
        self.entries.append((kind, subject, by, dict(detail)))
        return len(self.entries)


@dataclass
class Rules:
    """The policy in force at a street."""

    gate: CompiledGate = field(default_factory=lambda: gate(Level.STREET))
    ruleset: Ruleset = field(default_factory=city)
    pending: set[str] = field(default_factory=set)
    """Resources of which a recall is not carried out here yet."""

    def closed(self, resource: str) -> str:
        """As PolicyStore.closed."""
        return f"a recall of {resource} is not carried out here yet" if resource in self.pending else ""


@dataclass
class Hall:
    """A journal and its desk."""

    shelf: Shelf
    book: Book
    desk: SqlDesk
    rules: Rules

    async def ask(self, text: str, clearance: int = 2, *, why: str = "", rows: int = 100) -> dict[str, Any]:
        """Ask as li."""
        return await self.desk.ask(Query(text, clearance, "li", why, rows))


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    shelf, book = open_shelf(tmp_path), Book()
    shelf.add("residents", [{"name": "CANARY", "resident_id": "r1"}, {"name": "CANARY-4", "grade": 4}])
    shelf.add("air-quality", [{"device": "d1", "value": 3.0}, {"device": "d2", "value": 5.0}])
    shelf.add("air-quality", [{"device": "d1", "value": 7.0}], origin="grid")
    shelf.add("air-quality", [{"device": "d1", "value": 99.0}], duplicate=True)
    rules = Rules()
    desk = SqlDesk(shelf.journal, rules, book, HandClock())  # type: ignore[arg-type]
    yield Hall(shelf, book, desk, rules)
    desk._thread.shutdown()
    shelf.journal.close()


async def test_rows_that_count_are_added_up_whatever_batch_they_came_in(hall: Hall) -> None:
    answer = await hall.ask("select device, sum(value) s from air_quality group by device order by device")
    assert (answer["columns"], answer["rows"]) == (["device", "s"], [["d1", 10.0], ["d2", 5.0]])
    assert answer["resources"]["air-quality"] == {"read": 3, "withheld": {}, "masks": {}, "is_whole": True}


async def test_nothing_is_read_of_a_resource_while_a_recall_of_it_is_not_carried_out(hall: Hall) -> None:
    hall.rules.pending.add("air-quality")
    with pytest.raises(QueryFailed, match="a recall of air-quality is not carried out here yet"):
        await hall.ask("select * from air_quality")
    assert (await hall.ask("select count(*) from residents"))["rows"] == [[0]]


async def test_the_origin_of_a_record_may_be_asked_for(hall: Hall) -> None:
    answer = await hall.ask("select _origin, count(*) from air_quality group by 1 order by 1")
    assert answer["rows"] == [["grid", 1], ["street", 2]]


@pytest.mark.parametrize(("clearance", "names"), [(1, []), (2, []), (3, [["CANARY"]]), (4, [["CANARY"], ["CANARY-4"]])])
async def test_rows_above_the_clearance_are_not_there_to_be_asked_for(hall: Hall, clearance: int, names: list[list[str]]) -> None:
    answer = await hall.ask("select name from residents order by name", clearance, why="a test")
    assert answer["rows"] == names
    assert sum(answer["resources"]["residents"]["withheld"].values()) == 2 - len(names)
    probe = await hall.ask("select count(*) from residents where name like 'CANARY%'", clearance, why="a test")
    assert probe["rows"] == [[len(names)]]


async def test_a_resource_without_records_is_an_empty_table(hall: Hall) -> None:
    assert (await hall.ask("select count(*), max(name) from enterprises"))["rows"] == [[0, None]]


async def test_a_query_is_entered_before_it_reads_and_its_text_is_not(hall: Hall) -> None:
    await hall.ask("select name from residents where name = 'CANARY'", 3, why="a complaint")
    ((kind, subject, by, detail),) = hall.book.entries
    assert (kind, subject, by, detail["clearance"], detail["why"]) == (AuditKind.QUERY, "residents", "li", 3, "a complaint")
    assert "CANARY" not in str(detail)
    hall.book.is_full = True
    with pytest.raises(SqlError, match="audit log"):
        await hall.ask("select name from residents")


@pytest.mark.parametrize("clearance", [3, 4])
async def test_a_high_clearance_needs_a_reason(hall: Hall, clearance: int) -> None:
    with pytest.raises(SqlError, match=f"L{clearance} needs a reason"):
        await hall.ask("select name from residents", clearance, why="  ")
    assert hall.book.entries == []


async def test_what_is_no_query_is_refused_before_it_is_entered(hall: Hall) -> None:
    with pytest.raises(StatementRefused):
        await hall.ask("drop table residents")
    assert hall.book.entries == []


async def test_an_answer_is_cut_and_says_so(hall: Hall) -> None:
    answer = await hall.ask("select device from air_quality", rows=2)
    assert (len(answer["rows"]), answer["is_cut"]) == (2, True)
    assert not (await hall.ask("select device from air_quality", rows=3))["is_cut"]


async def test_only_the_newest_records_are_read_and_that_is_said(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_module, "SCAN_ROWS_MAX", 1)
    answer = await hall.ask("select value from air_quality")
    assert (answer["rows"], answer["resources"]["air-quality"]["is_whole"]) == ([[7.0]], False)


@pytest.mark.slow
async def test_a_query_past_its_time_ends_and_the_next_is_answered(hall: Hall) -> None:
    hall.shelf.add("air-quality", [{"device": f"d{number}"} for number in range(200)])
    await hall.ask("select count(*) from air_quality")
    hall.desk.time_s = 0.3
    with pytest.raises(QueryFailed, match="time is over"):
        await hall.ask(f"select count(*) from {', '.join(f'air_quality a{n}' for n in range(6))} where a0.value + a1.value <> a5.value")
    hall.desk.time_s = 20.0
    assert (await hall.ask("select count(*) from air_quality"))["rows"] == [[203]]


async def test_queries_wait_for_each_other_and_too_many_are_refused(hall: Hall) -> None:
    asked = [hall.ask("select count(*) from air_quality") for _ in range(WAITING_MAX + 3)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, QueryFailed) for one in found) == 2
    assert sum(isinstance(one, dict) and one["rows"] == [[3]] for one in found) == WAITING_MAX + 1
