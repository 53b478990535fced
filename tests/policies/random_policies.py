"""Random policies of two issuers over records whose every cell is unlike any other: what the tests of all paths draw from.

Owns the strategies, the search for values that may not be there, and one policy that lets everything pass, by which a path shows that
the search would see a leak on it. Called by test_paths.py here and in tests/node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
from hypothesis import strategies as st

from policies import (
    Basis,
    Bundle,
    CompiledGate,
    Contents,
    Entry,
    Field,
    KeyRing,
    Resource,
    Ruleset,
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
from policies.granting import RECIPIENT_KEY
from policies.masks import Mask, Method
from policies.presets import city_bundle_contents
from policies.regrade import Regrade, numbers_text
from policies.words import National, Role
from sync.model import ClockQuality, Lane, Level
from tests.policies.city import NOW_US
from tests.policies.reference import CLEAR, Flow, Row, World, unknown_matches

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
CANARIES = ("name", "note", "amount", "face", "device", "value")
"""Columns whose values are unlike any other; `tone` and `size` are there for predicates, `device` and `value` for summaries."""
LIVES = (1, 7)
"""Incarnations under which tests number these records."""
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
        Field("device", "string"),
        Field("quantity", "string"),
        Field("value", "float64"),
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
    levels=st.sampled_from([(), (), (Level.MUNICIPAL,), (Level.PROVINCIAL,)]),
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
ceilings = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5]).map(lambda kind: table_of(kind))
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
    """The shipped table, one that lets everything pass, or, from 2 on, one with its columns closed in some order of its own."""
    shipped = city_bundle_contents(Level.PROVINCIAL).ceiling
    assert shipped is not None
    if kind == 0:
        return shipped
    if kind == 1:
        return Ceiling((Verdict.ALLOW,) * (len(ROWS) * len(COLUMNS)))
    return Ceiling(tuple(Verdict((index * (2 * kind + 3) + index // 6) % 6) for index in range(len(ROWS) * len(COLUMNS))))


def record(index: int, facts: dict[str, object]) -> Row:
    """One record; without values where the facts say so."""
    words = [f"{name}-{index}-x" for name in ("name", "note", "face", "device")]
    values = (words[0], words[1], 7_000_001 + 2 * index, words[2], words[3], 0.5 + index)
    canaries = zip(CANARIES, values if facts["has_values"] else [None] * len(CANARIES), strict=True)
    return {**{key: value for key, value in facts.items() if key != "has_values"}, "quantity": "heat", **dict(canaries)}  # type: ignore[misc, arg-type]


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
    raised: tuple[int, ...] = ()
    """Numbers of records, from 1, that somebody graded L4 since."""

    @cached_property
    def bundles(self) -> list[Bundle]:
        """The province's and the city's, who may only tighten."""
        masks = (
            ("name", Mask(Method.PARTIAL, head=1)),
            ("round", Mask(Method.GENERALISE, width=1_000)),
            ("token", Mask(Method.PSEUDONYM, key="token")),
        )
        province = Contents((self.resource,), self.ceiling, self.entries, masks, regrades=self.regrades)
        tighter = replace(self.resource, grade=self.city_grade, national=National.GENERAL)
        city = Contents((tighter,) if self.city_grade else (), None, self.city_entries)
        return [
            Bundle("province", Level.PROVINCIAL, 1, 0, END_US, province),
            Bundle("city", Level.MUNICIPAL, 1, 0, self.ends_us, city),
        ]

    @property
    def regrades(self) -> tuple[Regrade, ...]:
        """The decision about the records that were raised."""
        numbers = numbers_text((number, number) for number in self.raised)
        streams = tuple((origin, life, numbers) for origin in ("city", "street") for life in LIVES)
        return (Regrade("RG-1", "things", True, 4, streams, BASIS, "s", "city"),) if self.raised else ()

    @property
    def world(self) -> World:
        """The same for the naive evaluator."""
        return World(self.bundles, PREDICATES, NOW_US, self.unsure_us)

    @cached_property
    def rules(self) -> Ruleset:
        """What the product makes of the bundles."""
        return merge(self.bundles)

    def gate(self, level: Level) -> CompiledGate:
        """The production gate."""
        return CompiledGate(self.rules, Station(level.word, level, KEYS), now_us=NOW_US, clock=ClockQuality(uncertainty_us=self.unsure_us))

    @cached_property
    def stored(self) -> list[Row]:
        """The records as they were made, with a value of its own in every cell that is searched for."""
        return [record(index, facts) for index, facts in enumerate(self.facts)]

    @cached_property
    def rows(self) -> list[Row]:
        """The records as they count now."""
        is_raised = [number in self.raised and row["grade"] in (0, 1, 2, 3, 4) for number, row in enumerate(self.stored, 1)]
        return [{**row, "grade": 4} if raised else row for raised, row in zip(is_raised, self.stored, strict=True)]

    @cached_property
    def batch(self) -> pa.RecordBatch:
        """The records as stored."""
        batches = [row_batch(self.resource, {"event_time": 0, **row}) for row in self.stored]
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
    raised=st.sampled_from([(), (), (1,), (2, 3)]),
)


def open_case(facts: list[dict[str, object]]) -> Case:
    """A policy that lets everything pass whole, so that a path which delivers nothing under it is no test."""
    resource = resource_of(fields=field_list(0, 0, ""), grade=1, returns=True)
    return Case(resource, (), (), table_of(1), 0, END_US, 0, facts)


def denied(case: Case, flow: Flow, rows: Iterable[Row] | None = None) -> Iterator[object]:
    """Every value that the naive evaluator does not let pass."""
    for row in case.rows if rows is None else rows:
        verdict, hidden = case.world.evaluate(row, flow)
        yield from (row[name] for name in CANARIES if row[name] is not None and (verdict not in CLEAR or name in hidden))


def unseen(case: Case, level: Level, clearance: int) -> Iterator[object]:
    """Every value that a person of a clearance at a node of `level` may not see."""
    for row in case.rows:
        hidden = case.world.unseen(row, level, clearance)
        yield from (row[name] for name in CANARIES if row[name] is not None and name in hidden)


def values_of(rows: Iterable[Row]) -> set[object]:
    """Every value that is searched for."""
    return {row[name] for row in rows for name in CANARIES if row[name] is not None}


def words(rows: pa.RecordBatch | None) -> set[object]:
    """Everything that somebody who has the rows can read, unused words of dictionaries too."""
    return {
        value for column in (rows.columns if rows is not None else ()) for value in (*words_of(column).to_pylist(), *column.to_pylist())
    }
