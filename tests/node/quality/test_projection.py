"""The projection judges every committed record once, in steps, and goes on after a restart where it was."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from node.quality.judging import SINGLE_SOURCE
from node.quality.projection import Projection
from node.quality.recheck import Recheck, recheck
from node.quality.store import FILE_NAME, WHOLE, Found, QualityStore
from policies.catalogue import Resource
from tests.contracts.batches import commit_of
from tests.node.quality.school import AGES, SCHOOLS, pupils, rows
from tests.node.rot import away
from tests.node.shelf import Shelf, open_shelf
from tests.policies.city import rows_of

ONCE = {"id": "once", "check": "unique", "fields": ["number"]}


@dataclass
class Class:
    """A journal, a catalogue and the projection over both."""

    shelf: Shelf
    folder: Path
    resources: dict[str, Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """A store and a projection, as after a start."""
        self.store = QualityStore(self.folder / FILE_NAME)
        self.projection = Projection(self.store, self.shelf.journal, lambda: self.resources, lambda: 7)

    def rule(self, *rules: dict[str, Any], **more: Any) -> Resource:
        """Bring rules into force."""
        self.resources = {**self.resources, "pupils": pupils(*rules, **more)}
        return self.resources["pupils"]

    def add(self, *values: dict[str, Any], origin: str = "street", duplicate: bool = False, code: str = "pupils") -> None:
        """Commit rows as one batch."""
        batch = rows(*values) if code == "pupils" else rows_of(SCHOOLS, values)
        stored = self.shelf.append(batch, code=code, lane=SCHOOLS.lane, origin=origin, duplicate=duplicate)
        self.shelf.journal.commit(commit_of(stored, after=self.shelf.batches[:-1]))

    def found(self, rule: str, origin: str = "street") -> Found:
        """The figures of a rule."""
        return self.store.scores().get(("pupils", origin, rule), Found())

    def counts(self, rule: str, origin: str = "street") -> tuple[int, int]:
        """Judged and bad."""
        return (self.found(rule, origin).judged, self.found(rule, origin).bad)


@pytest.fixture
def school(tmp_path: Path) -> Class:
    return Class(open_shelf(tmp_path), tmp_path)


def test_bad_records_are_counted_by_origin_and_named_by_number(school: Class) -> None:
    school.rule(AGES)
    school.add({"age": 3}, {}, {"age": 99})
    school.add({}, origin="grid")
    assert school.projection.catch_up() == 4
    found = school.found("ages")
    assert (found.judged, found.bad, found.fresh, found.first_lsn) == (3, 2, 2, 1)
    assert found.samples == ("0000000000000007:1", "0000000000000007:3")
    assert school.counts("ages", "grid") == (1, 0)


def test_a_row_that_breaks_two_rules_is_one_bad_row(school: Class) -> None:
    school.rule(AGES, {"id": "named", "check": "required", "fields": ["name"]})
    school.add({"age": 3, "name": None}, {})
    school.projection.catch_up()
    assert [school.counts(rule) for rule in ("ages", "named", WHOLE)] == [(2, 1), (2, 1), (2, 1)]


def test_a_restart_judges_nothing_twice(school: Class) -> None:
    school.rule(AGES, ONCE)
    school.add({"age": 3})
    school.projection.catch_up()
    school.store.close()
    school.open()
    assert school.projection.catch_up() == 0
    school.add({"age": 3}, origin="grid")
    school.projection.catch_up()
    assert (school.counts("ages"), school.counts("once", "grid")) == ((1, 1), (1, 1))


def test_a_record_that_came_twice_counts_once(school: Class) -> None:
    school.rule(AGES)
    school.add({"age": 3})
    school.add({"age": 3}, duplicate=True)
    school.projection.catch_up()
    assert school.counts("ages") == (1, 1)


def test_other_rules_judge_what_is_here_anew(school: Class) -> None:
    school.rule(AGES)
    school.add({"age": 30})
    school.projection.catch_up()
    school.rule({**AGES, "range": {"high": 40}})
    school.projection.catch_up()
    assert school.counts("ages") == (1, 0)
    school.rule()
    assert school.projection.catch_up() == 0


def test_a_file_of_another_journal_begins_anew(school: Class, tmp_path: Path) -> None:
    school.rule(AGES)
    school.add({"age": 3})
    school.projection.catch_up()
    (tmp_path / "other").mkdir()
    other = Class(open_shelf(tmp_path / "other", node="another"), tmp_path / "other", school.resources)
    other.store.close()
    other.store = school.store
    other.projection = Projection(school.store, other.shelf.journal, lambda: school.resources, lambda: 8)
    assert other.projection.catch_up() == 0
    assert school.store.scores() == {}


def test_a_key_belongs_to_the_origin_that_had_it_first(school: Class) -> None:
    school.rule(key=["number"])
    school.add({"number": "a"})
    school.add({"number": "a"}, {"number": "b"}, origin="grid")
    school.add({"number": "a", "age": 10})
    school.projection.catch_up()
    assert (school.counts(SINGLE_SOURCE), school.counts(SINGLE_SOURCE, "grid")) == ((2, 0), (2, 1))


def test_records_of_another_node_than_the_one_source_are_bad(school: Class) -> None:
    school.rule(source="street")
    school.add({})
    school.add({}, origin="grid")
    school.projection.catch_up()
    assert (school.counts(SINGLE_SOURCE), school.counts(SINGLE_SOURCE, "grid")) == ((1, 0), (1, 1))


def test_a_reference_is_looked_up_among_what_came_before(school: Class) -> None:
    school.rule({"id": "real", "check": "reference", "fields": ["school"], "resource": "schools", "column": "school"})
    school.add({"school": "north"}, {"school": "west"})
    school.add({"school": "north"}, code="schools")
    school.projection.catch_up()
    assert school.counts("real") == (2, 1)
    school.add({"school": "west"}, code="schools")
    school.add({"school": "west"})
    school.projection.catch_up()
    assert school.counts("real") == (3, 1)


def test_a_look_at_nothing_new_writes_nothing(school: Class) -> None:
    school.rule(AGES)
    school.add({})
    school.projection.catch_up()
    with school.store.transaction() as db:
        before = db.total_changes
    school.add({}, code="schools")
    school.projection.catch_up()
    with school.store.transaction() as db:
        assert db.total_changes == before


def test_what_a_ticket_was_about_opens_none_again_under_other_rules(school: Class) -> None:
    school.rule(AGES)
    school.add({"age": 3})
    school.projection.catch_up()
    assert list(school.store.wanting()) == [("pupils", "street", "ages")]
    school.store.settle(("pupils", "street", "ages"), "ticket-1")
    assert school.store.wanting() == {}
    school.rule(replace_low(AGES, 7))
    school.projection.catch_up()
    assert (school.counts("ages"), school.store.wanting()) == ((1, 1), {})
    school.add({"age": 3})
    school.projection.catch_up()
    school.store.settle(("pupils", "street", "ages"), "ticket-1")
    assert school.store.wanting()[("pupils", "street", "ages")].fresh == 1


def again(school: Class, resource: Resource, origin: str, rule: str) -> Recheck:
    """What judging all again finds."""
    return list(recheck(school.projection, resource, origin, rule, first_lsn=1))[-1]


def replace_low(rule: dict[str, Any], low: int) -> dict[str, Any]:
    return {**rule, "range": {"low": low, "high": 20}}


def test_the_newest_version_of_each_record_counts_when_judged_again(school: Class) -> None:
    resource = school.rule(AGES, key=["number"])
    school.add({"number": "a", "age": 3}, {"number": "b", "age": 4}, {"number": "c"})
    school.projection.catch_up()
    first = again(school, resource, "street", "ages")
    assert (first.still_bad, first.passes) == (2, False)
    school.add({"number": "a"})
    school.add({"number": "b", "age": 1}, {"number": "b", "age": 12})
    assert again(school, resource, "street", "ages").passes
    school.add({"number": "a", "age": 1}, origin="grid")
    assert again(school, resource, "street", "ages").passes
    school.add({"number": "a", "age": 1})
    assert again(school, resource, "street", "ages").still_bad == 1


def test_without_a_key_the_newest_batch_must_be_good(school: Class) -> None:
    resource = school.rule(AGES)
    school.add({"age": 3})
    assert not again(school, resource, "street", "ages").passes
    school.add({}, {"age": 4})
    assert again(school, resource, "street", "ages").still_bad == 1
    school.add({})
    assert again(school, resource, "street", "ages").passes


def test_a_rule_that_is_gone_passes_nothing(school: Class) -> None:
    resource = school.rule(AGES)
    school.add({"age": 3})
    assert again(school, replace(resource, quality=pupils().quality), "street", "ages").judged == 0


def test_a_batch_that_was_away_is_judged_once_it_is_back_and_no_figure_counts_twice(school: Class) -> None:
    school.rule(AGES, ONCE)
    school.add({"age": 3, "number": "1"}, {"age": 4, "number": "2"})
    school.projection.catch_up()
    with away(school.shelf.journal, 1):
        school.add({"age": 10, "number": "1"}, {"age": 3, "number": "3"}, origin="grid")
        school.projection.catch_up()
    school.add({"age": 3, "number": "5"})
    with away(school.shelf.journal, 3):
        school.projection.catch_up()
    school.projection.catch_up()
    figures = (school.counts("ages"), school.counts("ages", "grid"), school.counts("once", "grid"))
    assert figures == ((3, 3), (2, 1), (2, 1))
    school.open()
    assert (school.projection.catch_up(), school.counts("ages")) == (0, (3, 3))
