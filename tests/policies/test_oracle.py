"""The column plan against a plain interpreter of the rules, row by row, on random policies and batches.

The interpreter below shares no code with the compiler: it reads a case as plain values and follows POLICY section 3 for each row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Basis, Bundle, CompiledGate, Contents, Entry, Field, KeyRing, Resource, Ruleset, Share, Station, Verdict, Way, merge
from policies.ceiling import Ceiling
from policies.explain import row_batch
from policies.masks import Mask, Method
from policies.presets import city_bundle_contents
from policies.words import Role
from sync.model import Direction, Lane, Level, State
from sync.ports import Flow, Outcome, Released
from tests.policies.city import END_US, NOW_US, stored

pytestmark = pytest.mark.slow

QUOTE = "q"
BASIS = Basis("instrument", "1", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())
TABLE = {row: dict(zip(("own", "parent", "above", "return"), cells, strict=True)) for row, cells in {
    1: ("allow", "allow", "allow", "allow"),
    2: ("allow", "allow", "allow", "allow"),
    3: ("allow", "mask", "aggregate", "allow"),
    4: ("allow", "aggregate", "aggregate", "mask"),
}.items()}  # fmt: skip
STRICTNESS = ["allow", "mask", "verify", "aggregate", "hold", "deny"]

Row = dict[str, str | int | None]
Judge = Callable[[Row], bool]


def unknown_matches(value: object, judge: Callable[[object], bool]) -> bool:
    """SQL's unknown counts as a match."""
    return True if value is None else judge(value)


PREDICATES: dict[str, Judge] = {
    "": lambda row: True,
    "word = 'red'": lambda row: unknown_matches(row["word"], lambda word: word == "red"),
    "number >= 5 AND word IN ('red', 'green')": lambda row: (
        not ((row["number"] is not None and int(row["number"]) < 5) or (row["word"] is not None and row["word"] not in ("red", "green")))
    ),
    "NOT (word LIKE 'gr%' OR number IS NULL)": lambda row: (
        row["number"] is not None and unknown_matches(row["word"], lambda word: not str(word).startswith("gr"))
    ),
}


@dataclass(frozen=True)
class Case:
    """A random policy: one resource and some entries."""

    resource: Resource
    entries: tuple[Entry, ...]


def resource_of(grade: int, share: Share, purpose: str, returns: bool, name_grade: int, number_grade: int) -> Resource:
    """A resource with a direct id, a plain word and a number."""
    fields = (
        Field("name", "string", Role.DIRECT_ID, name_grade, "name"),
        Field("word", "string"),
        Field("number", "int32", Role.PLAIN, number_grade),
    )
    return Resource("things", "物", "Things", Lane.STATE, fields, grade, share, purpose=purpose, returns=returns)


resources = st.builds(
    resource_of,
    grade=st.integers(0, 4),
    share=st.sampled_from(Share),
    purpose=st.sampled_from(["", "training"]),
    returns=st.booleans(),
    name_grade=st.sampled_from([0, 3, 4]),
    number_grade=st.sampled_from([0, 3, 4]),
)
entries = st.builds(
    Entry,
    id=st.text("abcdefgh", min_size=6, max_size=6),
    effect=st.sampled_from([Verdict.DENY, Verdict.AGGREGATE, Verdict.MASK]),
    resource=st.sampled_from(["things", "th*", "other"]),
    fields=st.sampled_from([(), (), ("word",), ("name", "number")]),
    predicate=st.sampled_from(sorted(PREDICATES)),
    territories=st.sampled_from([(), (), ("3702",)]),
    levels=st.sampled_from([(), (), (Level.MUNICIPAL,)]),
    ways=st.sampled_from([(), (Way.UP,), (Way.RETURN,)]),
    basis=st.sampled_from([BASIS, BASIS, BASIS, None]),
    approver=st.sampled_from(["city", "city", ""]),
    valid_from_us=st.just(0),
    valid_to_us=st.sampled_from([END_US, END_US, 1]),
)
cases = st.builds(Case, resources, st.lists(entries, max_size=3, unique_by=lambda entry: entry.id).map(tuple))
rows_strategy = st.lists(
    st.fixed_dictionaries(
        {
            "territory": st.sampled_from(["370202001", "370202002", "3703", None]),
            "grade": st.sampled_from([0, 1, 1, 2, 3, 4, None, 9]),
            "name": st.sampled_from(["周某某", "李", None]),
            "word": st.sampled_from(["red", "green", "blue", None]),
            "number": st.sampled_from([1, 7, None]),
        }
    ),
    min_size=1,
    max_size=8,
)


def rules_of(case: Case) -> Ruleset:
    """The case as rules in force, through bundles."""
    table = city_bundle_contents(Level.PROVINCIAL).ceiling
    contents = Contents((case.resource,), table, case.entries, (("name", Mask(Method.PARTIAL, head=1)),))
    return merge([Bundle("province", Level.PROVINCIAL, 1, 0, END_US, contents)])


def gate_of(case: Case, level: Level) -> CompiledGate:
    """A gate under the case."""
    return CompiledGate(rules_of(case), Station(level.word, level, KeyRing()), now_us=NOW_US)


def batch_of(case: Case, rows: list[Row]) -> pa.RecordBatch:
    """The rows as one batch."""
    batches = [row_batch(case.resource, {"event_time": 0, **row}) for row in rows]
    return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()[0]


def live(case: Case, way: str, level: Level) -> list[Entry]:
    """Entries with effect on this flow."""
    return [
        entry
        for entry in case.entries
        if entry.resource != "other"
        and entry.basis is not None
        and entry.approver
        and entry.valid_to_us == END_US
        and (not entry.levels or level in entry.levels)
        and ((not entry.ways and way == "up") or way in [known.value for known in entry.ways])
    ]


def touches(entry: Entry, row: Row) -> bool:
    """True when a row-wise or whole entry is about this row."""
    inside = not entry.territories or unknown_matches(row["territory"], lambda code: str(code).startswith("3702"))
    return inside and PREDICATES[entry.predicate](row)


def interpret(case: Case, row: Row, *, way: str, column: str, level: Level) -> tuple[str, Row]:
    """The verdict of one row and what is left of it, by reading the rules in order."""
    resource, base = case.resource, case.resource.grade or 3
    graded = row["grade"] in (0, 1, 2, 3, 4)
    grade = max(base, int(row["grade"] or 0)) if graded else base
    found = [TABLE[grade][column], "allow" if graded and resource.grade else "hold"]
    if way == "up" and resource.share is not Share.UNCONDITIONAL and not resource.purpose:
        found.append("hold")
    kept = dict(row)
    for field in resource.fields:
        kept[field.name] = by_ceiling(field, grade, column, row)
    for entry in live(case, way, level):
        if touches(entry, row):
            found.append(apply_entry(entry, kept))
    return max(found, key=STRICTNESS.index), kept


def by_ceiling(field: Field, grade: int, column: str, row: Row) -> str | int | None:
    """A field's value under the ceiling of its own grade."""
    cell = TABLE[max(grade, field.grade)][column]
    if field.grade > grade and STRICTNESS.index(cell) > 1:
        return None
    return partial(row[field.name]) if cell == "mask" and field.name == "name" else row[field.name]


def apply_entry(entry: Entry, kept: Row) -> str:
    """The verdict of one entry; masks and withheld fields are written into `kept`."""
    if entry.effect is not Verdict.MASK and not entry.fields:
        return entry.effect.word
    for name in entry.fields or ("name",):
        if entry.effect is Verdict.MASK and name == "name":
            kept[name] = partial(kept[name])
        elif entry.effect is Verdict.MASK and name == "word":
            kept[name] = None if kept[name] is None else "***"
        else:
            kept[name] = None
    return "allow"


def partial(value: str | int | None) -> str | None:
    """The first character, then stars; one character is a star."""
    text = None if value is None else str(value)
    return None if text is None else "*" if len(text) == 1 else text[0] + "*" * (len(text) - 1)


def survivors(case: Case, rows: list[Row], *, way: str, column: str, level: Level) -> tuple[list[Row], list[str]]:
    """The rows that pass, and the verdict of each row."""
    answers = [interpret(case, row, way=way, column=column, level=level) for row in rows]
    return [kept for verdict, kept in answers if verdict in ("allow", "mask")], [verdict for verdict, _ in answers]


def got(released: Released, rows: pa.RecordBatch) -> list[Row]:
    """The rows a release hands over, without times."""
    handed = rows if released.outcome is Outcome.WHOLE else released.rows
    if handed is None:
        return []
    return [{name: value for name, value in row.items() if name != "event_time"} for row in handed.to_pylist()]


STATES = {"allow": State.PRESENT, "mask": State.PRESENT, "verify": State.AGGREGATE_ONLY, "aggregate": State.AGGREGATE_ONLY}
STATES |= {"hold": State.HELD, "deny": State.DENIED}


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases, rows_strategy, st.sampled_from([0, 1]))
def test_the_column_plan_equals_the_interpreter_on_the_way_up(case: Case, rows: list[Row], distance: int) -> None:
    level = Level.DISTRICT if distance == 0 else Level.MUNICIPAL
    batch = batch_of(case, rows)
    row = stored(case.resource, batch, distance=distance)
    released = gate_of(case, Level.STREET).release(Flow("x", level, "37", Direction.UP), row, batch)
    kept, verdicts = survivors(case, rows, way="up", column="above" if distance else "parent", level=level)
    if released.outcome is Outcome.CLOSED:
        assert all(verdict not in ("allow", "mask") for verdict in verdicts)
        return
    assert got(released, batch) == kept
    assert [run.state for run in released.runs for _ in range(run.count)] == [STATES[verdict] for verdict in verdicts]


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases, rows_strategy)
def test_the_column_plan_equals_the_interpreter_on_the_way_back(case: Case, rows: list[Row]) -> None:
    batch = batch_of(case, rows)
    row = stored(case.resource, batch, origins=["city"] * len(rows))
    flow = Flow("x", Level.STREET, "370202001", Direction.RETURN)
    released = gate_of(case, Level.MUNICIPAL).release(flow, row, batch)
    own = [row for row in rows if row["territory"] == "370202001"] if case.resource.returns else []
    kept, verdicts = survivors(case, own, way="return", column="return", level=Level.STREET)
    if released.outcome is Outcome.CLOSED:
        assert all(verdict not in ("allow", "mask") for verdict in verdicts)
        return
    assert got(released, batch) == kept
    assert sorted(run.state for run in released.runs for _ in range(run.count)) == sorted(STATES[verdict] for verdict in verdicts)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases, rows_strategy, st.sampled_from([0, 1]), st.sampled_from(Direction))
def test_glance_agrees_with_release(case: Case, rows: list[Row], distance: int, direction: Direction) -> None:
    batch = batch_of(case, rows)
    row = stored(case.resource, batch, distance=distance)
    flow = Flow("x", Level.DISTRICT, "370202", direction)
    gate = gate_of(case, Level.STREET)
    seen = gate.glance(flow, row.batch.header)
    assert seen is None or seen is gate.release(flow, row, batch).outcome


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases, rows_strategy)
def test_a_receiver_with_the_same_rules_accepts_every_release_and_finds_nothing_left_to_mask(case: Case, rows: list[Row]) -> None:
    batch = batch_of(case, rows)
    sender, receiver = gate_of(case, Level.STREET), gate_of(case, Level.DISTRICT)
    flow = Flow("district", Level.DISTRICT, "370202", Direction.UP)
    released = sender.release(flow, stored(case.resource, batch), batch)
    if released.outcome is Outcome.CLOSED:
        return
    kept = batch if released.rows is None else released.rows
    arrived = stored(case.resource, kept, distance=1, version=sender.version.digest, runs=released.runs)
    assert receiver.inspect(flow, arrived.batch.header, kept) == ""
    again = replace(arrived, batch=replace(arrived.batch, header=replace(arrived.batch.header, origin_distance=0)))
    if released.rows is None or kept.num_rows:
        assert sender.release(flow, again, kept).outcome is Outcome.WHOLE


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases, rows_strategy)
def test_a_receiver_refuses_raw_rows_whenever_its_plan_would_change_them(case: Case, rows: list[Row]) -> None:
    batch = batch_of(case, rows)
    header = stored(case.resource, batch, distance=1).batch.header
    flow = Flow("district", Level.DISTRICT, "370202", Direction.UP)
    would = gate_of(case, Level.STREET).release(flow, stored(case.resource, batch), batch).outcome
    refused = gate_of(case, Level.DISTRICT).inspect(flow, header, batch)
    assert (refused == "") == (would is Outcome.WHOLE)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases, rows_strategy)
def test_composing_over_hops_never_loosens(case: Case, rows: list[Row]) -> None:
    batch = batch_of(case, rows)
    street, district = gate_of(case, Level.STREET), gate_of(case, Level.DISTRICT)
    first = street.release(Flow("d", Level.DISTRICT, "37", Direction.UP), stored(case.resource, batch), batch)
    if first.outcome is Outcome.CLOSED:
        return
    middle = batch if first.rows is None else first.rows
    held = stored(case.resource, middle, distance=1, version=street.version.digest, runs=first.runs)
    second = district.release(Flow("m", Level.MUNICIPAL, "37", Direction.UP), held, middle)
    allowed, _ = survivors(case, rows, way="up", column="parent", level=Level.DISTRICT)
    for row in got(second, middle):
        assert any(all(row[name] in (value, None, "***") for name, value in kept.items()) for kept in allowed)


def test_the_interpreters_table_is_the_shipped_one() -> None:
    table = city_bundle_contents(Level.PROVINCIAL).ceiling
    assert isinstance(table, Ceiling)
    for grade, cells in TABLE.items():
        assert {column: table.verdict(f"L{grade}", column).word for column in cells} == cells
