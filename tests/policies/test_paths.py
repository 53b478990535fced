"""No path delivers what the naive evaluator denies: random policies of two issuers, clocks in doubt, degraded mode.

Every cell is unlike any other. A path is whatever takes stored rows and hands something out: up, over two hops, return, what a receiver
takes, grants, totals, views. What was handed out is searched for every value that the evaluator says may not be there, in dictionaries too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies import (
    Basis,
    Bundle,
    CompiledGate,
    Contents,
    Entry,
    Field,
    KeyRing,
    PolicyError,
    Resource,
    Share,
    Station,
    Verdict,
    Way,
    merge,
)
from policies.arrow import words_of
from policies.ceiling import COLUMNS, ROWS, Ceiling
from policies.entry import Exemption
from policies.explain import row_batch
from policies.grant import Grant
from policies.granting import RECIPIENT_KEY
from policies.masks import Mask, Method
from policies.presets import city_bundle_contents
from policies.release import countable
from policies.words import National, Role
from sync.model import ClockQuality, Direction, Lane, Level
from sync.ports import Flow, Outcome
from tests.policies.city import NOW_US, stored
from tests.policies.reference import CLEAR, Row, World, unknown_matches
from tests.policies.reference import Flow as Asked

pytestmark = pytest.mark.slow
EXAMPLES = 120
END_US = NOW_US + 10**15
STREET = "370202001"
QUOTE = "q"
BASIS = Basis("instrument", "1", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())
WRONG_BASIS = replace(BASIS, quote="another text")
PREDICATES = {
    "": unknown_matches(lambda row: True),
    "tone = 'red'": unknown_matches(lambda row: None if row["tone"] is None else row["tone"] == "red"),
    "size >= 5": unknown_matches(lambda row: None if row["size"] is None else int(row["size"]) >= 5),
    "NOT size IS NULL": unknown_matches(lambda row: row["size"] is not None),
}
CANARIES = ("name", "note", "amount", "face")
"""Columns whose values are unlike any other; `tone` and `size` are there for predicates."""
KEYS = KeyRing({"token": b"k" * 32, RECIPIENT_KEY: b"r" * 32})


def field_list(note_grade: int, amount_grade: int, face: str) -> tuple[Field, ...]:
    """The fields of the resource."""
    return (
        Field("name", "string", Role.DIRECT_ID, 0, "name"),
        Field("note", "string", Role.SENSITIVE, note_grade),
        Field("amount", "int64", Role.QUASI_ID, amount_grade, "round"),
        Field("face", "string", Role.DIRECT_ID, 0, "token", face),
        Field("tone", "string"),
        Field("size", "int32"),
    )


def resource_of(**facts: object) -> Resource:
    """The resource of a random policy."""
    return Resource("things", "物", "Things", Lane.STATE, **facts)  # type: ignore[arg-type]


def may_be(value: object, other: object) -> st.SearchStrategy[object]:
    """Mostly `value`."""
    return st.sampled_from([value, value, value, other])


resources = st.builds(
    resource_of,
    fields=st.builds(field_list, st.sampled_from([0, 3, 4]), st.sampled_from([0, 0, 4]), st.sampled_from(["", "", "face-template"])),
    grade=st.sampled_from([0, 1, 1, 2, 2, 3, 3, 4]),
    share=st.sampled_from([Share.UNCONDITIONAL, Share.UNCONDITIONAL, Share.CONDITIONAL, Share.NONE]),
    purpose=st.sampled_from(["", "training"]),
    national=st.sampled_from([National.GENERAL] * 5 + [National.IMPORTANT, National.CORE]),
    categories=st.sampled_from([(), (), (), ("state-secret",), ("other",)]),
    returns=may_be(True, False),
    skeleton=st.sampled_from([(), (), ("note", "tone")]),
)
entries = st.builds(
    Entry,
    id=st.text("abcdefgh", min_size=6, max_size=6),
    effect=st.sampled_from([Verdict.DENY, Verdict.AGGREGATE, Verdict.MASK]),
    resource=st.sampled_from(["things", "th*", "other"]),
    fields=st.sampled_from([(), ("note",), ("name", "amount")]),
    predicate=st.sampled_from(sorted(PREDICATES)),
    territories=st.sampled_from([(), (), ("370202",)]),
    levels=st.sampled_from([(), (), (Level.MUNICIPAL,)]),
    ways=st.sampled_from([(), (Way.UP,), (Way.RETURN,), (Way.SIDEWAYS,), (Way.UP, Way.RETURN, Way.SIDEWAYS)]),
    purposes=st.sampled_from([(), (), ("training",)]),
    basis=st.sampled_from([BASIS, BASIS, BASIS, WRONG_BASIS, None]),
    approver=may_be("city", ""),
    valid_from_us=st.sampled_from([0, 0, NOW_US + 1]),
    valid_to_us=st.sampled_from([END_US, END_US, 1, 0]),
    exemptions=st.sampled_from(
        [(), (), (Exemption("city", (), (Level.DISTRICT,)),), (Exemption("else", (), (Level.DISTRICT, Level.MUNICIPAL)),)]
    ),
)
ceilings = st.sampled_from([0, 1, 2]).map(lambda kind: table_of(kind))
row_facts = st.fixed_dictionaries(
    {
        "territory": st.sampled_from([STREET, STREET + "001", "370202002", "3703", None]),
        "grade": st.sampled_from([0, 0, 1, 2, 3, 4, None, 9]),
        "tone": st.sampled_from(["red", "blue", None]),
        "size": st.sampled_from([1, 7, None]),
        "has_values": may_be(True, False),
    }
)


def table_of(kind: int) -> Ceiling:
    """The shipped table, one that lets everything pass, or one with its columns closed one by one."""
    shipped = city_bundle_contents(Level.PROVINCIAL).ceiling
    assert shipped is not None
    if kind == 0:
        return shipped
    if kind == 1:
        return Ceiling((Verdict.ALLOW,) * (len(ROWS) * len(COLUMNS)))
    return Ceiling(tuple(Verdict((index * 7 + index // 6) % 6) for index in range(len(ROWS) * len(COLUMNS))))


def record(index: int, facts: dict[str, object]) -> Row:
    """One record; without values where the facts say so."""
    values = (f"name-{index}-x", f"note-{index}-x", 7_000_001 + 2 * index, f"face-{index}-x")
    canaries = zip(CANARIES, values if facts["has_values"] else [None] * len(CANARIES), strict=True)
    return {**{key: value for key, value in facts.items() if key != "has_values"}, **dict(canaries)}  # type: ignore[misc]


@dataclass(frozen=True)
class Case:
    """A random policy, its rows, and what the clock says."""

    resource: Resource
    entries: tuple[Entry, ...]
    city_entries: tuple[Entry, ...]
    ceiling: Ceiling
    city_grade: int
    ends_us: int
    unsure_us: int
    facts: list[dict[str, object]]

    @property
    def bundles(self) -> list[Bundle]:
        """The province's and the city's, who may only tighten."""
        masks = (
            ("name", Mask(Method.PARTIAL, head=1)),
            ("round", Mask(Method.GENERALISE, width=1_000)),
            ("token", Mask(Method.PSEUDONYM, key="token")),
        )
        province = Contents((self.resource,), self.ceiling, self.entries, masks)
        tighter = replace(self.resource, grade=self.city_grade, national=National.GENERAL)
        city = Contents((tighter,) if self.city_grade else (), None, self.city_entries)
        return [
            Bundle("province", Level.PROVINCIAL, 1, 0, END_US, province),
            Bundle("city", Level.MUNICIPAL, 1, 0, self.ends_us, city),
        ]

    @property
    def world(self) -> World:
        """The same for the naive evaluator."""
        return World(self.bundles, PREDICATES, NOW_US, self.unsure_us)

    def gate(self, level: Level) -> CompiledGate:
        """The production gate."""
        return CompiledGate(
            merge(self.bundles), Station(level.word, level, KEYS), now_us=NOW_US, clock=ClockQuality(uncertainty_us=self.unsure_us)
        )

    @property
    def rows(self) -> list[Row]:
        """The records, with a value of its own in every cell that is searched for."""
        return [record(index, facts) for index, facts in enumerate(self.facts)]

    @property
    def batch(self) -> pa.RecordBatch:
        """The records as stored."""
        batches = [row_batch(self.resource, {"event_time": 0, **row}) for row in self.rows]
        return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()[0]


cases = st.builds(
    Case,
    resource=resources,
    entries=st.lists(entries, max_size=2, unique_by=lambda entry: entry.id).map(tuple),
    city_entries=st.lists(entries, max_size=2, unique_by=lambda entry: entry.id).map(tuple),
    ceiling=ceilings,
    city_grade=st.sampled_from([0, 0, 3, 4]),
    ends_us=st.sampled_from([END_US, END_US, NOW_US]),
    unsure_us=st.sampled_from([0, 0, 600_000_000]),
    facts=st.lists(row_facts, min_size=1, max_size=6),
)
checked = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def denied(case: Case, flow: Asked, rows: list[Row] | None = None) -> Iterator[object]:
    """Every value that the naive evaluator does not let pass."""
    for row in case.rows if rows is None else rows:
        verdict, hidden = case.world.evaluate(row, flow)
        yield from (row[name] for name in CANARIES if row[name] is not None and (verdict not in CLEAR or name in hidden))


def words(rows: pa.RecordBatch | None) -> set[object]:
    """Everything that somebody who has the rows can read, unused words of dictionaries too."""
    return {
        value for column in (rows.columns if rows is not None else ()) for value in (*words_of(column).to_pylist(), *column.to_pylist())
    }


def delivered(case: Case, flow: Flow, *, sender: Level, distance: int = 0, origin: str = "street") -> set[object]:
    """What the production gate hands to the flow."""
    gate, batch = case.gate(sender), case.batch
    row = stored(case.resource, batch, distance=distance, origins=[origin] * batch.num_rows)
    glance = gate.glance(flow, row.batch.header)
    if glance is not None and glance is not Outcome.WHOLE:
        return set()
    released = gate.whole_for(flow, row.batch.header) if glance else gate.release(flow, row, batch)
    return words(batch if released.outcome is Outcome.WHOLE else released.rows)


@checked
@given(cases, st.sampled_from([0, 1]))
def test_up(case: Case, distance: int) -> None:
    level = Level.MUNICIPAL if distance else Level.DISTRICT
    found = delivered(case, Flow("x", level, "37", Direction.UP), sender=Level.DISTRICT if distance else Level.STREET, distance=distance)
    assert not found & set(denied(case, Asked("up", distance + 1, level)))


@checked
@given(cases)
def test_over_two_hops(case: Case) -> None:
    batch, street, district = case.batch, case.gate(Level.STREET), case.gate(Level.DISTRICT)
    first = street.release(Flow("d", Level.DISTRICT, "37", Direction.UP), stored(case.resource, batch), batch)
    middle = batch if first.outcome is Outcome.WHOLE else first.rows
    if middle is None:
        return
    held = stored(case.resource, middle, distance=1, version=street.version.digest, runs=first.runs)
    second = district.release(Flow("m", Level.MUNICIPAL, "37", Direction.UP), held, middle)
    found = words(middle if second.outcome is Outcome.WHOLE else second.rows)
    assert not found & {*denied(case, Asked("up", 1, Level.DISTRICT)), *denied(case, Asked("up", 2, Level.MUNICIPAL))}


@checked
@given(cases)
def test_return(case: Case) -> None:
    found = delivered(
        case, Flow("street", Level.STREET, STREET, Direction.RETURN, frozenset({"street"})), sender=Level.DISTRICT, origin="city"
    )
    own = [row for row in case.rows if str(row["territory"]).startswith(STREET)] if case.resource.returns else []
    strange = [row for row in case.rows if row not in own]
    allowed = Asked("return", 1, Level.STREET)
    assert not found & {*denied(case, allowed, own), *(row[name] for row in strange for name in CANARIES if row[name] is not None)}
    assert not delivered(
        case, Flow("street", Level.STREET, STREET, Direction.RETURN, frozenset({"city"})), sender=Level.DISTRICT, origin="city"
    )


@checked
@given(cases)
def test_what_a_receiver_takes(case: Case) -> None:
    """A sender without any gate: what the receiver does not refuse holds nothing that may not have been sent."""
    header = stored(case.resource, case.batch, distance=1).batch.header
    for direction, asked in ((Direction.UP, Asked("up", 1, Level.DISTRICT)), (Direction.RETURN, Asked("return", 1, Level.DISTRICT))):
        taken = case.gate(Level.DISTRICT).inspect(Flow("d", Level.DISTRICT, "3702", direction), header, case.batch) == ""
        assert not taken or not set(denied(case, asked)) & words(case.batch)


@checked
@given(
    cases, st.sampled_from([("name", "note"), ("amount", "face", "tone"), ("name", "note", "amount", "face", "tone", "size", "territory")])
)
def test_what_a_grant_gives(case: Case, fields: tuple[str, ...]) -> None:
    grant = Grant("g", "things", fields, "training", 0, END_US)
    try:
        found = words(case.gate(Level.STREET).give(grant, case.batch, level=Level.DISTRICT, keys=KEYS).rows)
    except PolicyError:
        return
    assert not found & set(denied(case, Asked("sideways", 1, Level.DISTRICT, "training", fields)))


@checked
@given(cases)
def test_what_enters_totals(case: Case) -> None:
    plan = case.gate(Level.DISTRICT).book.plan("things", hops=2, way=Way.UP, level=Level.MUNICIPAL)
    # The rows stay here and are counted, so what lies unused in a dictionary is told to nobody.
    counted = set(countable(plan, case.batch).column("name").to_pylist())
    for row in case.rows:
        if case.world.evaluate(row, Asked("up", 2, Level.MUNICIPAL))[0] in ("hold", "deny") and row["name"] is not None:
            assert row["name"] not in counted


@checked
@given(cases, st.sampled_from([1, 2, 3, 4]))
def test_what_a_viewer_is_shown(case: Case, clearance: int) -> None:
    found = words(case.gate(Level.STREET).view("things", case.batch, clearance=clearance).rows)
    resource = case.resource
    base = max(resource.grade, case.city_grade) if resource.grade else 0
    on_floor = resource.national is National.CORE or "state-secret" in resource.categories
    for row in case.rows:
        own = row["grade"]
        is_seen = base and own in (0, 1, 2, 3, 4) and max(base, int(own)) <= clearance and not on_floor
        for item in resource.fields:
            if item.name in CANARIES and row[item.name] is not None and (not is_seen or item.grade > clearance or item.category):
                assert row[item.name] not in found


def test_the_search_sees_a_leak() -> None:
    """With rows graded above their ceiling the evaluator denies, and an open gate would be seen."""
    facts = [{"territory": STREET, "grade": 4, "tone": "red", "size": 1, "has_values": True}]
    resource = resource_of(fields=field_list(0, 0, ""), grade=2, returns=True)
    case = Case(resource, (), (), table_of(0), 0, END_US, 0, facts)
    told = set(denied(case, Asked("up", 1, Level.DISTRICT)))
    assert told == {"name-0-x", "note-0-x", 7_000_001, "face-0-x"}
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
