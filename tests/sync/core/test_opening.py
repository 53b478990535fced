"""What comes inside an envelope is entered under its origins' numbers: once, as backfill, and never in the node's own name."""

from __future__ import annotations

import pytest

from sync.core.engine import Engine
from sync.core.inbox import refused_header
from sync.core.ready import Arrived
from sync.model import DEFAULT_LIMITS, Batch, ClockQuality, Direction, Fate, Instant, PolicyVersion, State
from sync.model.writes import Recovered, StoreBatch
from tests.contracts.batches import NODE, run, stored

NOW = Instant(0)


def engine(node: str = "street") -> Engine:
    return Engine(
        node=node, incarnation=77, has_parent=True, version=PolicyVersion(), recovered=Recovered(), limits=DEFAULT_LIMITS,
        clock=ClockQuality(),
    )  # fmt: skip


def batch(*numbers: tuple[int, int], direction: Direction = Direction.RETURN) -> Batch:
    runs = [run(first, last, row=sum(high - low + 1 for low, high in numbers[:index])) for index, (first, last) in enumerate(numbers)]
    return stored(1, runs, direction=direction).batch


def taken(engine: Engine) -> list[StoreBatch]:
    found = [write for write in engine.ready(NOW).writes if isinstance(write, StoreBatch)]
    engine.advance()
    return found


@pytest.mark.parametrize("direction", Direction)
def test_what_is_new_is_stored_as_backfill_with_its_sealer_as_source(direction: Direction) -> None:
    made = engine()
    assert made.opened(batch((3, 5), direction=direction), "city", NOW)
    ready = made.ready(NOW)
    (write,) = [write for write in ready.writes if isinstance(write, StoreBatch)]
    assert (write.stored.source, write.stored.batch.header.backfill, write.stored.duplicates) == ("city", True, ())
    arrived = [event for event in ready.events if isinstance(event, Arrived)]
    assert [(event.resource, event.direction) for event in arrived] == [("air-quality", direction)]
    (known,) = made.streams.values()
    assert known.count(Fate.DELIVERED) == 3  # type: ignore[attr-defined]


def test_what_came_before_is_a_duplicate_record_by_record() -> None:
    made = engine()
    made.opened(batch((3, 5)), "city", NOW)
    taken(made)
    assert not made.opened(batch((4, 5)), "city", NOW)
    assert made.opened(batch((4, 7)), "city", NOW)
    (write,) = taken(made)
    assert [(one.first, one.last) for one in write.stored.live_runs] == [(6, 7)]


def test_what_was_held_becomes_present_when_it_is_opened_again() -> None:
    made = engine()
    held = refused_header(batch((1, 2)).header, decider="street", state=State.HELD)
    assert made.opened(Batch(held, b""), "city", NOW)
    (known,) = made.streams.values()
    assert known.count(Fate.WITHHELD) == 2  # type: ignore[attr-defined]
    assert made.opened(batch((1, 2)), "city", NOW)
    assert (known.count(Fate.WITHHELD), known.count(Fate.DELIVERED)) == (0, 2)  # type: ignore[attr-defined]


def test_nobody_seals_records_in_the_name_of_whoever_opens_them() -> None:
    made = engine(NODE)
    assert not made.opened(batch((1, 2)), "city", NOW)
    assert taken(made) == []
