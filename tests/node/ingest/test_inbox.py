"""The inbox: what a turn takes, when acknowledgements run, and where the bound is."""

from __future__ import annotations

import pyarrow as pa
import pytest

from node.ingest.errors import IngestError
from node.ingest.inbox import Inbox, readings_of
from node.store.door_book import Mark, MarkKind
from sync.model import Limits
from tests.node.ingest.parts import NOW_US, SCHEMAS, SENSOR, reading


def make_inbox(calls: list[str] | None = None, *, offers_max: int = 100) -> Inbox:
    """An inbox that notes its wake-ups."""
    return Inbox(SCHEMAS, on_data=lambda: None if calls is None else calls.append("data"), limits=Limits(offers_max=offers_max))


def test_drain_builds_one_batch_per_resource_in_its_schema() -> None:
    inbox = make_inbox()
    inbox.put("air-quality", [reading("d1", value=1.5), reading("d2", time_us=NOW_US + 5)])
    inbox.put("traffic-flow", [reading("t1")])
    inbox.put("air-quality", [reading("d1")._replace(grade=2, territory="370203", unit=None)])
    air, traffic = inbox.drain()
    assert (air.resource, air.rows.num_rows, traffic.rows.num_rows) == ("air-quality", 3, 1)
    assert air.rows.schema == SENSOR
    assert air.rows.column("device").to_pylist() == ["d1", "d2", "d1"]
    assert (air.event_time_min_us, air.event_time_max_us, air.grade_max) == (NOW_US, NOW_US + 5, 2)
    assert air.territories == ("370202", "370203")
    assert inbox.drain() == []


def test_acknowledgements_run_only_after_stored() -> None:
    inbox, calls = make_inbox(), []
    inbox.put("air-quality", [reading()], lambda: calls.append("acked"))
    (batch,) = inbox.drain()
    assert calls == []
    inbox.stored(batch)
    assert calls == ["acked"]


def test_an_offer_without_rows_waits_for_what_came_before() -> None:
    inbox, calls = make_inbox(), []
    inbox.put("air-quality", [reading()], lambda: calls.append("first"))
    (batch,) = inbox.drain()
    inbox.put("air-quality", [], lambda: calls.append("second"))
    assert inbox.drain() == []
    assert calls == []
    inbox.stored(batch)
    inbox.put("air-quality", [], lambda: calls.append("third"))
    inbox.drain()
    assert calls == ["first", "second", "third"]


def test_offers_without_rows_never_stay_behind_a_full_turn() -> None:
    inbox, calls = make_inbox(), []
    inbox.put("air-quality", [reading()])
    inbox.put("air-quality", [], lambda: calls.append("acked"))
    (batch,) = inbox.drain(1)
    inbox.stored(batch)
    assert (inbox.waiting, calls) == (0, ["acked"])


def test_drain_takes_whole_offers_up_to_the_bound() -> None:
    inbox = make_inbox()
    for number in range(5):
        inbox.put("air-quality", [reading(f"d{number}")] * 4)
    assert [batch.rows.num_rows for batch in inbox.drain(6)] == [8]
    assert inbox.waiting == 12


def test_room_ends_at_the_bound_and_returns_with_a_drain() -> None:
    inbox, calls = make_inbox(offers_max=2), []
    inbox.put("air-quality", [reading()] * 2)
    inbox.call_when_room(lambda: calls.append("room"))
    before = inbox.has_room
    inbox.drain()
    assert (before, inbox.has_room, calls) == (False, True, ["room"])


def test_a_shut_inbox_has_no_room_until_it_opens() -> None:
    inbox, calls = make_inbox(), []
    inbox.shut()
    inbox.call_when_room(lambda: calls.append("room"))
    inbox.drain()
    assert (inbox.has_room, calls) == (False, [])
    inbox.open()
    assert (inbox.has_room, calls) == (True, ["room"])


def test_the_runtime_is_woken_once_per_filling() -> None:
    calls: list[str] = []
    inbox = make_inbox(calls)
    inbox.put("air-quality", [reading()])
    inbox.put("air-quality", [reading()])
    inbox.drain()
    inbox.put("air-quality", [reading()])
    assert calls == ["data", "data"]


def test_a_resource_without_schema_is_refused() -> None:
    with pytest.raises(IngestError, match="'noise' has no schema"):
        make_inbox().put("noise", [reading()])


def test_marks_leave_with_the_rows_they_came_with() -> None:
    inbox, first, second = make_inbox(), Mark(MarkKind.HOLD_ID, "a", 1), Mark(MarkKind.HOLD_ID, "a", 2)
    inbox.put("air-quality", [reading()], marks=[first])
    inbox.put("air-quality", [reading()], marks=[second])
    assert (inbox.has_marks, inbox.take_marks()) == (False, [])
    inbox.drain(records_max=1)
    assert (inbox.has_marks, inbox.take_marks()) == (True, [first])
    inbox.drain()
    assert inbox.take_marks() == [second]


def test_marks_without_rows_are_acknowledged_after_their_commit() -> None:
    inbox, calls = make_inbox(), []
    inbox.put("", (), lambda: calls.append("kept"), [Mark(MarkKind.RELEASE_ID, "a", 1)])
    assert inbox.drain() == []
    assert (len(inbox.take_marks()), calls) == (1, [])
    inbox.marks_stored()
    inbox.marks_stored()
    assert calls == ["kept"]


def test_who_waits_for_what_came_before_waits_for_marks_without_rows_too() -> None:
    inbox, calls = make_inbox(), []
    inbox.put("", (), lambda: calls.append("kept"), [Mark(MarkKind.HOLD_ID, "a", 1)])
    inbox.put("", (), lambda: calls.append("after"))
    inbox.drain()
    assert calls == []
    inbox.take_marks()
    inbox.marks_stored()
    assert calls == ["kept", "after"]


def test_many_territories_become_the_one_that_contains_them() -> None:
    inbox = make_inbox()
    inbox.put("air-quality", [reading()._replace(territory=f"370202{number:03d}") for number in range(100)])
    assert inbox.drain()[0].territories == ("370202",)


def test_stored_rows_come_back_as_the_readings_they_were() -> None:
    inbox, readings = make_inbox(), [reading("d1"), reading("d2")._replace(value=None, text="x", unit=None)]
    inbox.put("air-quality", readings)
    assert readings_of(inbox.drain()[0].rows) == readings


def test_absent_texts_and_values_are_nulls() -> None:
    inbox = make_inbox()
    inbox.put("air-quality", [reading()._replace(value=None, unit=None)])
    rows = inbox.drain()[0].rows
    assert rows.column("value").null_count == 1
    assert pa.types.is_dictionary(rows.column("unit").type)
    assert rows.to_pylist()[0]["unit"] is None
