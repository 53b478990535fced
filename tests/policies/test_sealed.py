"""Which rows travel in envelopes past nodes that may not hold them, whom envelopes pass, and what goes past a foster parent."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pyarrow as pa
import pytest

from policies import Basis, CompiledGate, Contents, Entry, Verdict, Way, merge
from policies.bundle import Bundle
from policies.catalogue import ENVELOPES, Scalar
from policies.presets import preset_bundle
from sync.model import Direction, Level, State
from sync.ports import Flow, Outcome
from tests.policies.city import END_US, STREET, city, gate, rows_of, states, stored

RULES = city()
FIRMS, LETTERS, RESIDENTS = RULES.resources["enterprises"], RULES.resources[ENVELOPES], RULES.resources["residents"]
BELOW = frozenset({"district", "street", "grid"})
DISTRICT = Flow("district", Level.DISTRICT, "370202", Direction.RETURN, BELOW)
TARGET = Flow("street", Level.STREET, STREET, Direction.RETURN, frozenset({"street"}))
STRANGER = Flow("stranger", Level.DISTRICT, "370203", Direction.RETURN, BELOW)
UP = Flow("province", Level.PROVINCIAL, "37", Direction.UP)
BASIS = Basis("order", "1", "q", hashlib.sha256(b"q").hexdigest())


def entry(**facts: object) -> Entry:
    """Districts may not be returned enterprises, or what `facts` say instead."""
    told: dict[str, object] = {"levels": (Level.DISTRICT,), "ways": (Way.RETURN,), "predicate": "", **facts}
    return Entry("NL-1", Verdict.DENY, "enterprises", basis=BASIS, approver="city", valid_from_us=0, valid_to_us=END_US, **told)  # type: ignore[arg-type]


def city_gate(*entries: Entry, epoch: int = 1) -> CompiledGate:
    """The city's gate with these entries beside what ships."""
    own = Bundle("qingdao", Level.MUNICIPAL, epoch, 0, END_US, Contents(entries=entries))
    return gate(Level.MUNICIPAL, merge([preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=END_US), own]))


def firms(*rows: dict[str, Scalar]) -> pa.RecordBatch:
    return rows_of(FIRMS, [{"territory": STREET, **row} for row in rows])


def letters(*targets: tuple[str, str]) -> pa.RecordBatch:
    """Envelopes by target and territory."""
    return rows_of(LETTERS, [{"target": target, "territory": code} for target, code in targets])


def test_what_the_district_may_not_hold_is_for_the_street_below_it() -> None:
    found, rows = city_gate(entry(predicate="status = 'closed'")), firms({"status": "closed"}, {"status": "open"}, {"status": "closed"})
    batch = stored(FIRMS, rows, origins=["city"] * 3)
    released = found.release_beyond([DISTRICT], TARGET, batch, rows)
    assert released.rows is not None
    assert released.rows.column("status").to_pylist() == ["closed", "closed"]
    assert [(run.first, run.state, run.row_offset) for run in released.runs] == [(1, State.PRESENT, 0), (3, State.PRESENT, 1)]
    assert [(state, count) for state, _, count in states(found.release(DISTRICT, batch, rows))] == [
        (State.DENIED, 1), (State.PRESENT, 1), (State.DENIED, 1)]  # fmt: skip


def test_a_batch_that_goes_past_altogether_keeps_its_bytes() -> None:
    rows = firms({}, {})
    released = city_gate(entry()).release_beyond([DISTRICT], TARGET, stored(FIRMS, rows, origins=["city", "city"]), rows)
    assert (released.outcome, released.rows) == (Outcome.WHOLE, None)


@pytest.mark.parametrize("facts", [{"levels": ()}, {"levels": (Level.STREET,)}], ids=["everybody", "the-street"])
def test_what_the_target_may_not_hold_either_is_in_no_envelope(facts: dict[str, object]) -> None:
    found, rows = city_gate(entry(**facts)), firms({})
    batch = stored(FIRMS, rows, origins=["city"])
    assert found.release_beyond([DISTRICT], TARGET, batch, rows).outcome is Outcome.ELSEWHERE
    assert not found.beyond([DISTRICT], TARGET, "enterprises")
    assert not found.may_go_beyond([DISTRICT], TARGET, batch.batch.header)


def test_every_node_between_must_be_one_that_may_not_hold_it() -> None:
    found, rows = city_gate(entry()), firms({})
    batch = stored(FIRMS, rows, origins=["city"])
    street = replace(TARGET, subtree=frozenset({"street", "grid"}))
    community = Flow("grid", Level.GRID, STREET, Direction.RETURN, frozenset({"grid"}))
    assert found.release_beyond([DISTRICT], street, batch, rows).outcome is Outcome.WHOLE
    assert found.release_beyond([DISTRICT, street], community, batch, rows).outcome is Outcome.ELSEWHERE


@pytest.mark.parametrize(
    ("row", "origin"), [({"territory": "370203001"}, "city"), ({}, "street"), ({}, "district")], ids=["elsewhere", "its-own", "brought"]
)
def test_what_is_of_another_territory_or_was_brought_from_below_is_in_no_envelope(row: dict[str, Scalar], origin: str) -> None:
    rows = firms(row)
    released = city_gate(entry()).release_beyond([DISTRICT], TARGET, stored(FIRMS, rows, origins=[origin]), rows)
    assert (released.outcome, released.rows) == (Outcome.ELSEWHERE, None)


def test_everything_returned_to_a_node_below_a_foster_parent_goes_past_it_sealed() -> None:
    rows = firms({})
    batch = stored(FIRMS, rows, origins=["city"])
    assert city_gate().release(STRANGER, batch, rows).outcome is Outcome.ELSEWHERE
    assert city_gate().release_beyond([STRANGER], TARGET, batch, rows).outcome is Outcome.WHOLE
    assert city_gate().release_beyond([DISTRICT], TARGET, batch, rows).outcome is Outcome.ELSEWHERE


def test_an_envelope_goes_down_to_where_its_target_is_and_nowhere_else() -> None:
    rows = letters(("street", STREET), ("other", "370203001"), ("grid", "370203009"))
    batch = stored(LETTERS, rows, origins=["city"] * 3)
    released = city_gate(entry(levels=())).release(DISTRICT, batch, rows)
    assert released.rows is not None
    assert released.rows.column("target").to_pylist() == ["street", "grid"]
    assert city_gate().glance(DISTRICT, batch.batch.header) is None


def test_an_envelope_for_somebody_below_is_closed_toward_the_parent_and_one_for_it_goes() -> None:
    rows = letters(("street", STREET))
    released = city_gate().release(UP, stored(LETTERS, rows, origins=["city"]), rows)
    assert (released.outcome, states(released)) == (Outcome.CLOSED, [(State.DENIED, "not-addressed", 1)])
    rows = letters(("province", "37"), ("street", STREET))
    mixed = city_gate().release(UP, stored(LETTERS, rows, origins=["grid", "grid"]), rows)
    assert states(mixed) == [(State.PRESENT, "", 1), (State.DENIED, "not-addressed", 1)]


def test_an_older_program_is_given_no_envelope_and_they_wait_for_another() -> None:
    rows = letters(("street", STREET))
    old = replace(DISTRICT, takes_envelopes=False)
    assert states(city_gate().release(old, stored(LETTERS, rows, origins=["city"]), rows)) == [(State.HELD, "old-peer", 1)]


def test_no_entry_is_about_envelopes_whatever_its_selector_says() -> None:
    found = city_gate(replace(entry(levels=(), ways=(Way.UP, Way.RETURN)), resource="sealed*"))
    rows = letters(("street", STREET))
    assert found.release(DISTRICT, stored(LETTERS, rows, origins=["city"]), rows).outcome is Outcome.WHOLE


def test_only_the_resource_of_the_shipped_layout_is_one_of_envelopes() -> None:
    assert LETTERS.is_of_envelopes
    assert not replace(LETTERS, code="letters").is_of_envelopes
    assert not replace(LETTERS, fields=(*LETTERS.fields, FIRMS.fields[0])).is_of_envelopes


def test_a_receiver_takes_envelopes_for_anybody_and_none_that_is_graded_up() -> None:
    flow = Flow("district", Level.DISTRICT, "370202", Direction.RETURN)
    rows = letters(("grid", "370203009"))
    header = stored(LETTERS, rows, distance=1, direction=Direction.RETURN).batch.header
    assert gate(Level.DISTRICT).inspect(flow, header, rows) == ""
    graded = rows_of(LETTERS, [{"target": "grid", "grade": 9}])
    header = stored(LETTERS, graded, distance=1, direction=Direction.RETURN).batch.header
    assert "graded above" in gate(Level.DISTRICT).inspect(flow, header, graded)


def test_past_a_foster_parent_goes_nothing_but_envelopes() -> None:
    found, flow = gate(Level.GRID), replace(UP, peer="foster", peer_level=Level.STREET, peer_territory="370203001", sealed_only=True)
    rows = rows_of(FIRMS, [{}])
    header = stored(FIRMS, rows).batch.header
    assert found.glance(flow, header) is Outcome.CLOSED
    assert states(found.closed_for(flow, header)) == [(State.DENIED, "foster-parent", 1)]
    assert found.release(flow, stored(FIRMS, rows), rows).rows is None
    sealed = letters(("city", "3702"))
    assert found.release(flow, stored(LETTERS, sealed, origins=["grid"]), sealed).outcome is Outcome.WHOLE


def test_what_was_closed_for_a_foster_parent_is_decided_again_when_it_is_none() -> None:
    found, flow = gate(Level.GRID), replace(UP, peer="foster", peer_level=Level.STREET, sealed_only=True)
    header = stored(FIRMS, firms({})).batch.header
    closed = {("enterprises", found.closed_for(flow, header).plan_hash)}
    assert found.reopened(flow, closed) == frozenset()
    assert found.reopened(replace(flow, sealed_only=False), closed) == closed


def test_what_goes_up_past_a_foster_parent_is_judged_by_the_distance_of_its_target() -> None:
    found = gate(Level.GRID)
    assert found.upward(UP, "enterprises")
    assert not found.upward(UP, ENVELOPES)
    assert not found.upward(UP, "no-such-resource")
