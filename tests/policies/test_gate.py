"""The gate: glance, release and inspect over the preset city."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from policies import CompiledGate, Ruleset, Station, Way
from policies.arrow import words_of
from policies.catalogue import Scalar, schema
from policies.ceiling import COLUMNS, Ceiling
from policies.masks import MASK_KEY
from policies.territories import Change
from policies.words import National, Verdict
from sync.model import Direction, Level, Run, State
from sync.ports import RESEED_PURPOSE, Outcome
from tests.policies.city import END_US, NOW_US, STREET, back_to, city, gate, onward, rows_of, states, stored, up_to

RULES = city()
RESIDENTS = RULES.resources["residents"]
AIR = RULES.resources["air-quality"]
FIRMS = RULES.resources["enterprises"]


def three_residents() -> pa.RecordBatch:
    """The second of three is on the negative list."""
    return rows_of(RESIDENTS, [{"name": "周某某"}, {"name": "吴某某", "category": "受保护人员"}, {"name": "郑某"}])


def test_air_quality_passes_whole_without_looking_at_rows() -> None:
    batch = stored(AIR, rows_of(AIR, [{}, {}]))
    assert gate(Level.STREET).glance(up_to(Level.DISTRICT), batch.batch.header) is Outcome.WHOLE


def test_residents_reach_the_district_masked_and_without_the_listed() -> None:
    rows = three_residents()
    released = gate(Level.STREET).release(up_to(Level.DISTRICT), stored(RESIDENTS, rows), rows)
    assert released.outcome is Outcome.REWRITTEN
    assert states(released) == [(State.PRESENT, "", 1), (State.DENIED, "negative-list", 1), (State.PRESENT, "", 1)]
    assert released.rows is not None
    assert released.rows.column("name").to_pylist() == ["周**", "郑*"]
    assert released.rows.column("birth_year").to_pylist() == [1820, 1820]


def test_a_withheld_row_leaves_no_word_in_any_dictionary() -> None:
    rows = rows_of(RESIDENTS, [{"category": "常住"}, {"category": "protected", "resident_id": "hidden-7"}])
    released = gate(Level.STREET).release(up_to(Level.DISTRICT), stored(RESIDENTS, rows), rows)
    assert released.rows is not None
    assert "protected" not in str(words_of(released.rows.column("category")).to_pylist())


def test_the_municipality_gets_no_stream_of_residents() -> None:
    rows = three_residents()
    batch = stored(RESIDENTS, rows, distance=1)
    district = gate(Level.DISTRICT)
    assert district.glance(up_to(Level.MUNICIPAL), batch.batch.header) is Outcome.CLOSED
    released = district.release(up_to(Level.MUNICIPAL), batch, rows)
    assert (released.outcome, released.rows) == (Outcome.CLOSED, None)
    assert states(released) == [(State.AGGREGATE_ONLY, "ceiling", 3)]


def test_records_that_were_handed_over_are_closed_like_those_that_are_here() -> None:
    batch = stored(RESIDENTS, three_residents(), distance=1)
    runs = tuple(replace(run, state=State.HANDED_OVER, reason="handed-over", row_offset=-1) for run in batch.batch.header.runs)
    header = replace(batch.batch.header, runs=runs, row_count=0)
    assert states(gate(Level.DISTRICT).closed_for(up_to(Level.MUNICIPAL), header)) == [(State.AGGREGATE_ONLY, "ceiling", 3)]


def test_a_masked_batch_is_left_whole_by_the_next_equal_plan() -> None:
    rows, street = three_residents(), gate(Level.STREET)
    batch = stored(RESIDENTS, rows)
    first = street.release(up_to(Level.DISTRICT), batch, rows)
    assert first.rows is not None
    again = stored(RESIDENTS, first.rows, version=street.version.digest, runs=first.runs)
    assert street.release(up_to(Level.DISTRICT), again, first.rows).outcome is Outcome.WHOLE


def test_a_masked_column_says_so_in_its_metadata() -> None:
    rows = three_residents()
    released = gate(Level.STREET).release(up_to(Level.DISTRICT), stored(RESIDENTS, rows), rows)
    assert released.rows is not None
    assert released.rows.schema.field("name").metadata == {MASK_KEY: b"partial::ceiling"}
    assert released.rows.schema.field("category").metadata is None


def test_a_row_graded_above_its_resource_gets_that_grades_ceiling() -> None:
    rows = rows_of(AIR, [{"grade": 1}, {"grade": 4}, {"grade": 3}])
    batch = stored(AIR, rows)
    street = gate(Level.STREET)
    assert street.glance(up_to(Level.DISTRICT), batch.batch.header) is None
    released = street.release(up_to(Level.DISTRICT), batch, rows)
    assert states(released) == [(State.PRESENT, "", 1), (State.AGGREGATE_ONLY, "ceiling", 1), (State.PRESENT, "", 1)]


def test_a_plan_that_is_replaced_by_one_that_lets_something_pass_is_reopened() -> None:
    opened = gate(Level.STREET)
    former, in_force = b"f" * 32, opened.book.plan("air-quality", hops=1, way=Way.UP, level=Level.DISTRICT).hash
    assert opened.reopened(up_to(Level.DISTRICT), [("air-quality", former), ("air-quality", in_force)]) == {("air-quality", former)}


def test_a_plan_that_is_replaced_by_one_that_closes_or_is_unknown_is_not_reopened() -> None:
    closed = replace(RULES.resources["air-quality"], national=National.CORE)
    rules = replace(RULES, resources={**RULES.resources, "air-quality": closed})
    former = b"f" * 32
    opened = CompiledGate(rules, Station("street", Level.STREET), now_us=NOW_US)
    assert opened.reopened(up_to(Level.DISTRICT), [("air-quality", former), ("unknown", former)]) == frozenset()


def test_a_row_stored_while_its_resource_was_ungraded_has_its_grade_of_today() -> None:
    rows = rows_of(AIR, [{"grade": 0}, {"grade": 1}])
    batch = stored(AIR, rows)
    assert gate(Level.STREET).glance(up_to(Level.DISTRICT), batch.batch.header) is None
    released = gate(Level.STREET).release(up_to(Level.DISTRICT), batch, rows)
    assert states(released) == [(State.PRESENT, "", 2)]


@pytest.mark.parametrize("none", [None, 9, -1])
def test_a_row_without_a_grade_is_held_as_unclassified(none: int | None) -> None:
    rows = rows_of(AIR, [{}, {}])
    grade = pa.array([1, none], pa.int8())
    rows = rows.set_column(2, "grade", grade)
    batch = stored(AIR, rows)
    assert gate(Level.STREET).glance(up_to(Level.DISTRICT), batch.batch.header) is None
    released = gate(Level.STREET).release(up_to(Level.DISTRICT), batch, rows)
    assert states(released) == [(State.PRESENT, "", 1), (State.HELD, "unclassified", 1)]


def test_an_unknown_resource_is_held_whole() -> None:
    stranger = replace(AIR, code="stranger")
    rows = rows_of(AIR, [{}])
    released = gate(Level.STREET).release(up_to(Level.DISTRICT), stored(stranger, rows), rows)
    assert released.outcome is Outcome.REWRITTEN
    assert released.rows is not None
    assert released.rows.num_rows == 0
    assert states(released) == [(State.HELD, "unclassified", 1)]


def test_a_returned_batch_is_never_offered_upward() -> None:
    header = stored(AIR, rows_of(AIR, [{}]), direction=Direction.RETURN).batch.header
    street = gate(Level.STREET)
    assert street.glance(up_to(Level.DISTRICT), header) is Outcome.ELSEWHERE
    assert "never offered upward" in gate(Level.DISTRICT).inspect(up_to(Level.DISTRICT), header, None)


def test_return_carries_exactly_the_rows_of_the_territory() -> None:
    rows = rows_of(FIRMS, [{"territory": STREET}, {"territory": "370203001"}, {"territory": STREET + "001"}, {"territory": "370202"}])
    released = gate(Level.MUNICIPAL).release(back_to(STREET), stored(FIRMS, rows), rows)
    assert released.rows is not None
    assert released.rows.column("territory").to_pylist() == [STREET, STREET + "001"]
    assert [(run.first, run.last) for run in released.runs] == [(1, 1), (3, 3)]


def test_return_of_a_pure_batch_is_whole_by_its_header() -> None:
    header = stored(FIRMS, rows_of(FIRMS, [{"territory": STREET}])).batch.header
    assert gate(Level.MUNICIPAL).glance(back_to(STREET), header) is Outcome.WHOLE
    assert gate(Level.MUNICIPAL).glance(back_to("370203001"), header) is Outcome.ELSEWHERE


def test_return_follows_a_merge_of_streets_and_still_gives_the_old_street_what_was_its() -> None:
    other, united = STREET[:-1] + "8", STREET[:-1] + "9"
    merged = replace(RULES, successors=(Change(STREET, united, 10), Change(other, united, 10)))
    rows = rows_of(FIRMS, [{"territory": STREET}, {"territory": other + "001"}, {"territory": united}, {"territory": "370203001"}])
    batch = stored(FIRMS, rows)
    due = {street: gate(Level.MUNICIPAL, merged).release(back_to(street), batch, rows) for street in (STREET, other, united)}
    spans = {street: [(run.first, run.last) for run in released.runs] for street, released in due.items()}
    assert spans == {STREET: [(1, 1)], other: [(2, 2)], united: [(1, 3)]}
    taken = due[united].rows
    assert taken is not None
    header = stored(FIRMS, taken, distance=1, direction=Direction.RETURN).batch.header
    assert gate(Level.STREET, merged).inspect(back_to(united), header, taken) == ""
    assert "not of territory" in gate(Level.STREET).inspect(back_to(united), header, taken)


def test_an_entry_about_a_territory_covers_what_it_has_become_and_what_it_was() -> None:
    became, was = "370202098", "370202097"
    listed = replace(RULES.entries[0], entry=replace(RULES.entries[0].entry, predicate="", territories=(STREET,)))
    changed = replace(RULES, entries=(listed,), successors=(Change(STREET, became, 10), Change(was, STREET, 5)))
    plan = gate(Level.STREET, changed).book.plan("residents", hops=1, way=Way.UP, level=Level.DISTRICT)
    assert set(plan.rows[0].territories) == {was, became, STREET}


def test_return_does_not_send_a_node_its_own_records() -> None:
    rows = rows_of(FIRMS, [{"territory": STREET}, {"territory": STREET}])
    batch = stored(FIRMS, rows, origins=["grid-1", "city"])
    flow = back_to(STREET, subtree=frozenset({"grid-1"}))
    released = gate(Level.MUNICIPAL).release(flow, batch, rows)
    assert [run.origin for run in released.runs] == ["city"]
    own = stored(FIRMS, rows, origins=["grid-1", "grid-1"])
    assert gate(Level.MUNICIPAL).glance(flow, own.batch.header) is Outcome.ELSEWHERE


def test_a_resource_that_does_not_return_is_elsewhere() -> None:
    header = stored(AIR, rows_of(AIR, [{}])).batch.header
    assert gate(Level.MUNICIPAL).glance(back_to(STREET), header) is Outcome.ELSEWHERE


def test_a_batch_of_withheld_runs_alone_is_forwarded() -> None:
    runs = (Run("grid", 1, 1, 5, -1, State.DENIED, "negative-list", "grid"),)
    batch = stored(RESIDENTS, three_residents().slice(0, 0), runs=runs)
    street = gate(Level.STREET)
    assert street.glance(up_to(Level.DISTRICT), batch.batch.header) is Outcome.WHOLE
    assert street.release(up_to(Level.DISTRICT), batch, three_residents().slice(0, 0)).runs == runs


def test_the_receiver_accepts_what_an_equal_plan_released() -> None:
    rows, street = three_residents(), gate(Level.STREET)
    batch = stored(RESIDENTS, rows)
    released = street.release(up_to(Level.DISTRICT), batch, rows)
    header = onward(RESIDENTS, batch, released, rows, version=street.version.digest).batch.header
    assert gate(Level.DISTRICT).inspect(up_to(Level.DISTRICT), header, released.rows) == ""


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": "周某某"}, "column name is not masked"),
        ({"category": "protected"}, "denied here (negative-list)"),
        ({"grade": 4}, "header says grade 3"),
    ],
)
def test_the_receiver_refuses_what_is_looser(change: dict[str, str | int], word: str) -> None:
    masked = {"resident_id": "***", "name": "***", "id_number": "***", "phone": "***"}
    rows = rows_of(RESIDENTS, [{**masked, **change}])
    header = replace(stored(RESIDENTS, rows, distance=1).batch.header, grade_max=3)
    assert word in gate(Level.DISTRICT).inspect(up_to(Level.DISTRICT), header, rows)


def open_to_the_parent() -> Ruleset:
    """The city's rules with a ceiling that lets records of every grade go to the parent as they are."""
    assert RULES.ceiling is not None
    cells = list(RULES.ceiling.cells)
    for grade in range(4):
        cells[grade * len(COLUMNS) + COLUMNS.index("parent")] = Verdict.ALLOW
    return replace(RULES, ceiling=Ceiling(tuple(cells)))


HOSTILE = [
    ({"grade": 4}, {}, "header says grade 1 and a row has grade 4"),
    ({"grade": 0}, {}, "header says grade 1 and a row has grade 4"),
    ({"grade": 0}, {"grade_max": 4}, ""),
    ({}, {"grade_max": 0}, "header says grade 0 and a row has grade 1"),
    ({"territory": "370203001"}, {"territories": (STREET,)}, "header says territories 370202001 and a row is of 370203001"),
    ({"territory": STREET + "001"}, {"territories": (STREET,)}, ""),
    ({"territory": None}, {"territories": (STREET,)}, "header says territories 370202001 and a row is of none"),
    ({"territory": None}, {"territories": ("", STREET)}, ""),
    ({}, {"origin_distance": 0}, "header says that its records were made here"),
]


@pytest.mark.parametrize(("row", "header", "word"), HOSTILE)
@pytest.mark.parametrize("rules", [RULES, open_to_the_parent()], ids=["ceiling", "everything open to the parent"])
def test_the_receiver_refuses_a_header_that_its_rows_do_not_bear_out(
    rules: Ruleset, row: dict[str, Scalar], header: dict[str, object], word: str
) -> None:
    rows = rows_of(AIR, [{}, row])
    honest = replace(stored(AIR, rows, distance=1).batch.header, grade_max=1)
    refusal = gate(Level.DISTRICT, rules).inspect(up_to(Level.DISTRICT), replace(honest, **header), rows)  # type: ignore[arg-type]
    assert word in refusal if word else not refusal


def test_no_header_carries_a_row_past_the_parent_that_its_grade_keeps_there() -> None:
    """Where the parent may have every grade, a child that understates one must not have it passed on at a glance."""
    rules, rows = open_to_the_parent(), rows_of(AIR, [{"grade": 4}])
    understated = replace(stored(AIR, rows, distance=1).batch.header, grade_max=1)
    assert gate(Level.DISTRICT, rules).glance(up_to(Level.MUNICIPAL), understated) is Outcome.WHOLE
    assert gate(Level.DISTRICT, rules).inspect(up_to(Level.DISTRICT), understated, rows)
    assert gate(Level.DISTRICT, rules).glance(up_to(Level.MUNICIPAL), replace(understated, grade_max=4)) is not Outcome.WHOLE


@pytest.mark.parametrize("none", [None, 9, -1])
def test_the_receiver_refuses_rows_without_a_grade_where_every_grade_may_come(none: int | None) -> None:
    rows = rows_of(AIR, [{}, {}]).set_column(2, "grade", pa.array([1, none], pa.int8()))
    header = replace(stored(AIR, rows, distance=1).batch.header, grade_max=4)
    opened = gate(Level.DISTRICT, open_to_the_parent())
    assert "row 1 is held here (unclassified)" in opened.inspect(up_to(Level.DISTRICT), header, rows)


def test_the_receiver_refuses_a_column_outside_the_catalogue_where_every_grade_may_come() -> None:
    rows = rows_of(AIR, [{}]).append_column("owner_phone", pa.array(["10000000000"]))
    header = stored(AIR, rows, distance=1).batch.header
    assert "owner_phone is not masked" in gate(Level.DISTRICT, open_to_the_parent()).inspect(up_to(Level.DISTRICT), header, rows)


def test_a_column_that_is_masked_for_want_of_a_policy_in_its_dates_is_refused_with_that_reason() -> None:
    incidents = RULES.resources["incidents"]
    rows = rows_of(incidents, [{"summary": "a fight"}])
    late = gate(Level.DISTRICT, now_us=END_US + 1)
    refusal = late.inspect(up_to(Level.DISTRICT), stored(incidents, rows, distance=1).batch.header, rows)
    assert "is not masked as this node's plan says (stale-policy)" in refusal


def test_the_receiver_refuses_a_stream_its_plan_closes() -> None:
    rows = three_residents()
    header = stored(RESIDENTS, rows, distance=2).batch.header
    assert "no stream opens" in gate(Level.MUNICIPAL).inspect(up_to(Level.MUNICIPAL), header, rows)


def test_the_receiver_refuses_a_returned_row_of_elsewhere() -> None:
    rows = rows_of(FIRMS, [{"territory": STREET}, {"territory": "370203001"}])
    header = stored(FIRMS, rows, distance=1, direction=Direction.RETURN).batch.header
    assert "row 1 is not of territory" in gate(Level.STREET).inspect(back_to(STREET), header, rows)


def test_a_reseed_gives_back_what_the_catalogue_does_not_return_and_only_of_the_territory() -> None:
    rows = rows_of(AIR, [{"territory": STREET}, {"territory": "370203001"}])
    reseed = replace(back_to(STREET), subtree=frozenset(), purpose=RESEED_PURPOSE)
    assert gate(Level.MUNICIPAL).addressed(reseed) is None
    assert gate(Level.MUNICIPAL).release(back_to(STREET), stored(AIR, rows), rows).outcome is Outcome.ELSEWHERE
    released = gate(Level.MUNICIPAL).release(reseed, stored(AIR, rows), rows)
    assert released.rows is not None
    assert released.rows.column("territory").to_pylist() == [STREET]
    header = stored(AIR, rows_of(AIR, [{"territory": STREET}]), distance=1, direction=Direction.RETURN).batch.header
    assert gate(Level.STREET).inspect(reseed, header, rows.slice(0, 1)) == ""
    assert "does not return it" in gate(Level.STREET).inspect(back_to(STREET), header, rows.slice(0, 1))


def test_a_column_outside_the_catalogue_is_withheld() -> None:
    rows = rows_of(AIR, [{}])
    extra = rows.append_column("owner_phone", pa.array(["10000000000"]))
    released = gate(Level.STREET).release(up_to(Level.DISTRICT), stored(AIR, extra), extra)
    assert released.rows is not None
    assert released.rows.column("owner_phone").to_pylist() == [None]
    assert "owner_phone is not masked" in gate(Level.STREET).inspect(
        up_to(Level.STREET),
        replace(stored(AIR, extra, distance=1).batch.header, grade_max=3),
        rows.append_column("owner_phone", pa.array(["1"])),
    )


@pytest.mark.parametrize("value", ["protected", "受保护人员"])
def test_a_column_in_the_clear_that_says_it_was_masked_leads_no_listed_row_past_its_entry(value: str) -> None:
    """A hostile child marks the column that the negative list reads as masked under the policy in force."""
    opened = gate(Level.DISTRICT)
    rows = rows_of(RESIDENTS, [{"resident_id": "***", "name": "***", "id_number": "***", "phone": "***", "category": value}])
    marked = rows.schema.field("category").with_metadata({MASK_KEY: b"partial::ceiling"})
    claimed = rows.cast(rows.schema.set(rows.schema.get_field_index("category"), marked))
    header = stored(RESIDENTS, claimed, distance=1, version=opened.version.digest).batch.header
    assert "row 0 is denied here" in opened.inspect(up_to(Level.DISTRICT), header, claimed)


def test_a_column_that_was_withheld_under_the_policy_in_force_is_not_judged_again() -> None:
    opened = gate(Level.DISTRICT)
    clear = rows_of(RESIDENTS, [{"resident_id": "***", "name": "***", "id_number": "***", "phone": "***"}])
    place = clear.schema.get_field_index("category")
    field = clear.schema.field(place).with_metadata({MASK_KEY: b"withhold::no-grant"})
    taken = clear.set_column(place, field, pa.nulls(1, field.type))
    batch = stored(RESIDENTS, taken, distance=1, version=opened.version.digest)
    assert opened.inspect(up_to(Level.DISTRICT), batch.batch.header, taken) == ""
    other = replace(batch.batch.header, policy_version=b"another" * 4)
    assert "row 0 is denied here" in opened.inspect(up_to(Level.DISTRICT), other, taken)


def test_without_any_bundle_everything_is_held() -> None:
    rows = rows_of(AIR, [{}])
    released = gate(Level.STREET, Ruleset()).release(up_to(Level.DISTRICT), stored(AIR, rows), rows)
    assert states(released) == [(State.HELD, "unclassified", 1)]


def test_without_a_catalogue_what_might_return_is_held_and_not_passed_over() -> None:
    rows = rows_of(FIRMS, [{"territory": STREET}])
    header = stored(FIRMS, rows).batch.header
    bare = gate(Level.MUNICIPAL, Ruleset())
    assert bare.addressed(back_to(STREET)) is None
    assert bare.glance(back_to(STREET), header) is not Outcome.ELSEWHERE
    released = bare.release(back_to(STREET), stored(FIRMS, rows), rows)
    assert states(released) == [(State.HELD, "unclassified", 1)]


def test_past_its_end_a_bundle_lets_l1_and_the_skeleton_of_incidents_pass() -> None:
    stale = gate(Level.STREET, replace(RULES, not_after_us=1))
    incidents, events = RULES.resources["incidents"], RULES.resources["camera-events"]
    rows = rows_of(incidents, [{}])
    released = stale.release(up_to(Level.DISTRICT), stored(incidents, rows), rows)
    assert released.rows is not None
    row = released.rows.to_pylist()[0]
    assert (row["class"], row["state"], row["summary"]) == ("garbage", "open", None)
    assert stale.glance(up_to(Level.DISTRICT), stored(AIR, rows_of(AIR, [{}])).batch.header) is Outcome.WHOLE
    held = rows_of(events, [{}])
    assert states(stale.release(up_to(Level.DISTRICT), stored(events, held), held)) == [(State.HELD, "stale-policy", 1)]


def test_schemas_begin_with_the_common_columns() -> None:
    for resource in RULES.resources.values():
        assert schema(resource).names[:3] == ["event_time", "territory", "grade"]
