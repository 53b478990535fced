"""No path delivers what the naive evaluator denies: random policies of two issuers, clocks in doubt, degraded mode, records raised since.

A path is whatever the gate makes of stored rows for somebody: up, over two hops, return, what a receiver takes, grants, totals, views.
What was handed out is searched for every value that the evaluator says may not be there, in dictionaries too. One example goes through
all of them, because drawing it costs the most. What a node does with its journal is in tests/node/test_paths.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies import Entry, PolicyError, Verdict, Way
from policies.grant import Grant
from policies.release import countable
from sync.model import Direction, Level
from sync.ports import Flow, Outcome
from tests.policies.city import NOW_US, stored
from tests.policies.random_policies import (
    BASIS,
    CANARIES,
    END_US,
    KEYS,
    STREET,
    Case,
    cases,
    denied,
    field_list,
    open_case,
    resource_of,
    table_of,
    unseen,
    values_of,
    words,
)
from tests.policies.reference import CLEAR
from tests.policies.reference import Flow as Asked

pytestmark = pytest.mark.slow
EXAMPLES = 120
FIELDS = [("name", "note"), ("amount", "face", "tone"), (*CANARIES, "tone", "size", "territory")]
"""What a grant may name."""


@dataclass(frozen=True)
class Example:
    """A random policy and what else a path asks for."""

    case: Case
    fields: tuple[str, ...]
    """Columns that a grant names."""
    clearance: int


examples = st.builds(Example, cases, st.sampled_from(FIELDS), st.sampled_from([1, 2, 3, 4]))
Told = Iterator[tuple[set[object], Iterable[object]]]
"""What a path handed out, and what it may not hand out."""


def delivered(case: Case, flow: Flow, *, sender: Level, distance: int = 0, origin: str = "street") -> set[object]:
    """What the production gate hands to the flow."""
    gate, batch = case.gate(sender), case.batch
    row = stored(case.resource, batch, distance=distance, origins=[origin] * batch.num_rows)
    glance = gate.glance(flow, row.batch.header)
    if glance is not None and glance is not Outcome.WHOLE:
        return set()
    released = gate.whole_for(flow, row.batch.header) if glance else gate.release(flow, row, batch)
    return words(batch if released.outcome is Outcome.WHOLE else released.rows)


def graded(case: Case) -> pa.RecordBatch:
    """The records with the grades that they count as, as every reader of the journal takes them."""
    return case.gate(Level.STREET).regrades.graded(stored(case.resource, case.batch).batch.header, case.batch)


def up(example: Example) -> Told:
    case = example.case
    for distance, sender, level in ((0, Level.STREET, Level.DISTRICT), (1, Level.DISTRICT, Level.MUNICIPAL)):
        found = delivered(case, Flow("x", level, "37", Direction.UP), sender=sender, distance=distance)
        yield found, denied(case, Asked("up", distance + 1, level))


def over_two_hops(example: Example) -> Told:
    case, batch = example.case, example.case.batch
    street, district = case.gate(Level.STREET), case.gate(Level.DISTRICT)
    first = street.release(Flow("d", Level.DISTRICT, "37", Direction.UP), stored(case.resource, batch), batch)
    middle = batch if first.outcome is Outcome.WHOLE else first.rows
    if middle is not None:
        held = stored(case.resource, middle, distance=1, version=street.version.digest, runs=first.runs)
        second = district.release(Flow("m", Level.MUNICIPAL, "37", Direction.UP), held, middle)
        found = words(middle if second.outcome is Outcome.WHOLE else second.rows)
        yield found, {*denied(case, Asked("up", 1, Level.DISTRICT)), *denied(case, Asked("up", 2, Level.MUNICIPAL))}


def returned(example: Example) -> Told:
    case = example.case
    back = Flow("street", Level.STREET, STREET, Direction.RETURN, frozenset({"street"}))
    own = [row for row in case.rows if str(row["territory"]).startswith(STREET)] if case.resource.returns else []
    strange = values_of(row for row in case.rows if row not in own)
    yield delivered(case, back, sender=Level.DISTRICT, origin="city"), {*denied(case, Asked("return", 1, Level.STREET), own), *strange}
    # Its own records do not come back to it.
    yield delivered(case, replace(back, subtree=frozenset({"city"})), sender=Level.DISTRICT, origin="city"), values_of(case.rows)


def sealed_past_others(example: Example) -> Told:
    """What goes in an envelope past one node to another below it: nothing that the other may not hold, nor what the one may hold itself."""
    case = example.case
    own = [row for row in case.rows if str(row["territory"]).startswith(STREET)] if case.resource.returns else []
    strange = values_of(row for row in case.rows if row not in own)
    back = Flow("street", Level.STREET, STREET, Direction.RETURN, frozenset({"street"}))
    batch = stored(case.resource, case.batch, origins=["city"] * case.batch.num_rows)
    for territory in ("3702", "3799"):
        between = Flow("between", Level.MUNICIPAL, territory, Direction.RETURN, frozenset({"between", "street"}))
        released = case.gate(Level.PROVINCIAL).release_beyond([between], back, batch, case.batch)
        found = words(case.batch if released.outcome is Outcome.WHOLE else released.rows)
        asked = Asked("return", 1, Level.MUNICIPAL)
        passes = values_of(row for row in own if case.world.evaluate(row, asked)[0] in CLEAR) if territory == "3702" else set()
        yield found, {*denied(case, Asked("return", 1, Level.STREET), own), *strange, *passes}


def taken_by_a_receiver(example: Example) -> Told:
    """A sender without any gate: what the receiver does not refuse holds nothing that may not have been sent."""
    case = example.case
    header = stored(case.resource, case.batch, distance=1).batch.header
    for direction, asked in ((Direction.UP, Asked("up", 1, Level.DISTRICT)), (Direction.RETURN, Asked("return", 1, Level.DISTRICT))):
        is_taken = case.gate(Level.DISTRICT).inspect(Flow("d", Level.DISTRICT, "3702", direction), header, case.batch) == ""
        yield (words(case.batch) if is_taken else set()), denied(case, asked)


def given_by_a_grant(example: Example) -> Told:
    case, grant = example.case, Grant("g", "things", example.fields, "training", 0, END_US)
    with suppress(PolicyError):
        given = case.gate(Level.STREET).give(grant, graded(case), level=Level.DISTRICT, keys=KEYS)
        yield words(given.rows), denied(case, Asked("sideways", 1, Level.DISTRICT, "training", example.fields))


def counted_in_totals(example: Example) -> Told:
    case = example.case
    plan = case.gate(Level.DISTRICT).book.plan("things", hops=2, way=Way.UP, level=Level.MUNICIPAL)
    # The rows stay here and are counted, so what lies unused in a dictionary is told to nobody.
    found = set(countable(plan, graded(case)).column("name").to_pylist())
    uncounted = [row for row in case.rows if case.world.evaluate(row, Asked("up", 2, Level.MUNICIPAL))[0] in ("hold", "deny")]
    yield found, values_of(uncounted)


def shown_to_a_viewer(example: Example) -> Told:
    case = example.case
    found = words(case.gate(Level.STREET).view("things", graded(case), clearance=example.clearance).rows)
    yield found, unseen(case, Level.STREET, example.clearance)


PATHS = (up, over_two_hops, returned, sealed_past_others, taken_by_a_receiver, given_by_a_grant, counted_in_totals, shown_to_a_viewer)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(examples)
def test_no_path_delivers_what_the_evaluator_denies(example: Example) -> None:
    for path in PATHS:
        for found, forbidden in path(example):
            leaked = found & set(forbidden)
            assert not leaked, f"{path.__name__}: {leaked}"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_the_search_sees_everything_on_a_path_that_nothing_closes(path: Callable[[Example], Told]) -> None:
    case = open_case([{"territory": STREET, "grade": 1, "tone": "red", "size": 1, "has_values": True}])
    found = set().union(*(found for found, _ in path(Example(case, FIELDS[-1], 4))))
    assert found >= ({"name-0-x"} if path is counted_in_totals else values_of(case.rows))


def test_the_search_sees_a_leak() -> None:
    """With rows graded above their ceiling the evaluator denies, and an open gate would be seen."""
    facts = [{"territory": STREET, "grade": 4, "tone": "red", "size": 1, "has_values": True}]
    resource = resource_of(fields=field_list(0, 0, ""), grade=2, returns=True)
    case = Case(resource, (), (), table_of(0), 0, END_US, 0, facts)
    told = set(denied(case, Asked("up", 1, Level.DISTRICT)))
    assert told == {"name-0-x", "note-0-x", 7_000_001, "face-0-x", "device-0-x", 0.5}
    assert words(case.batch) & told == told
    assert not delivered(case, Flow("x", Level.DISTRICT, "37", Direction.UP), sender=Level.STREET) & told


@pytest.mark.parametrize(("unsure_us", "ends_us"), [(600_000_000, END_US), (0, NOW_US)], ids=["clock in doubt", "degraded"])
def test_an_entry_past_its_end_still_denies_where_dates_cannot_be_told(unsure_us: int, ends_us: int) -> None:
    facts: list[dict[str, object]] = [{"territory": STREET, "grade": 1, "tone": "red", "size": 1, "has_values": True}]
    entry = Entry("NL-1", Verdict.DENY, "things", basis=BASIS, approver="city", valid_from_us=0, valid_to_us=1)
    case = Case(resource_of(fields=field_list(0, 0, ""), grade=1), (entry,), (), table_of(0), 0, ends_us, unsure_us, facts)
    assert len(set(denied(case, Asked("up", 1, Level.DISTRICT)))) == len(CANARIES)
    assert not delivered(case, Flow("x", Level.DISTRICT, "37", Direction.UP), sender=Level.STREET)
    sure = replace(case, unsure_us=0, ends_us=END_US)
    assert not set(denied(sure, Asked("up", 1, Level.DISTRICT)))
    assert delivered(sure, Flow("x", Level.DISTRICT, "37", Direction.UP), sender=Level.STREET)
