"""Grades of single records: their numbers as short text, who may change them, and what the gate makes of them at both ends."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Bundle, BundleError, CompiledGate, Contents, Ruleset, Station
from policies.entry import Basis
from policies.regrade import NUMBERS_CHARS_MAX, Regrade, numbers_text, read_numbers, streams_of
from policies.ruleset import IssuedRegrade
from sync.model import Level, Run, State
from sync.ports import Flow, Outcome
from tests.policies.city import END_US, NOW_US, city, gate, onward, rows_of, states, stored, up_to

RESIDENTS = city().resources["residents"]
QUOTE = "the persons named"
BASIS = Basis("an invented order", "article 1", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())
DISTRICT, MUNICIPAL = up_to(Level.DISTRICT), up_to(Level.MUNICIPAL)


def regrade(*stretches: tuple[int, int], raises: bool = True, grade: int = 4, name: str = "RG-1", **change: object) -> Regrade:
    """A regrade of residents of the node `street`."""
    streams = streams_of([("street", 1, first, last) for first, last in stretches])
    return replace(Regrade(name, "residents", raises, grade, streams, BASIS, "li", "wang"), **change)  # type: ignore[arg-type]


def under(*regrades: Regrade) -> Ruleset:
    """The city with regrades of the municipality."""
    return replace(city(), regrades=tuple(IssuedRegrade("qingdao", Level.MUNICIPAL, one) for one in regrades))


def people(count: int = 5, **same: object) -> pa.RecordBatch:
    return rows_of(RESIDENTS, [{"resident_id": f"r{n}", **same} for n in range(count)])  # type: ignore[dict-item]


def grades(rows: pa.RecordBatch | None) -> list[object]:
    assert rows is not None
    return rows.column("grade").to_pylist()


# ---- numbers


@given(st.lists(st.tuples(st.integers(1, 1 << 40), st.integers(0, 1 << 20)), max_size=60))
def test_numbers_come_back_from_their_text_joined_and_in_order(found: list[tuple[int, int]]) -> None:
    stretches = [(first, first + more) for first, more in found]
    read = read_numbers(numbers_text(stretches))
    assert all(one[1] + 1 < other[0] for one, other in pairwise(read))
    assert all(any(one[0] <= first and last <= one[1] for one in read) for first, last in stretches)
    assert read_numbers(numbers_text(read)) == read


def test_a_thousand_records_of_a_million_fit_into_one_stream() -> None:
    chosen = Random(1).sample(range(1, 1_000_001), 1_000)
    text = numbers_text((one, one) for one in chosen)
    assert len(text) < NUMBERS_CHARS_MAX
    assert [one for first, last in read_numbers(text) for one in range(first, last + 1)] == sorted(chosen)
    with pytest.raises(BundleError, match="make several regrades"):
        numbers_text((one, one) for one in range(1, 5_000_000, 1_000))


@given(st.text(max_size=60))
def test_text_of_anybody_is_numbers_or_one_clear_error(text: str) -> None:
    with suppress(BundleError):
        assert all(1 <= first <= last for first, last in read_numbers(text))


@pytest.mark.parametrize("text", ["Aw==", "/////////////////w==", "gA==", "AAAA" * 2_000_000, "-"])
def test_numbers_that_end_early_or_have_no_bound_are_refused(text: str) -> None:
    with pytest.raises(BundleError, match="are no stretches"):
        read_numbers(text)


# ---- bundles


def bundle(level: Level, one: Regrade, issuer: str = "street") -> Bundle:
    return Bundle(issuer, level, 1, 0, END_US, Contents(regrades=(one,)))


def test_a_bundle_with_regrades_reads_back_and_one_without_keeps_its_bytes() -> None:
    made = bundle(Level.MUNICIPAL, regrade((1, 3), (7, 7)))
    assert Bundle.of(made.encoded()) == made
    assert "regrades" not in Contents().encoded()


def test_below_the_municipality_a_node_raises_its_own_records_and_nothing_else() -> None:
    assert bundle(Level.STREET, regrade((1, 1))).contents.regrades
    with pytest.raises(BundleError, match="records of street"):
        bundle(Level.DISTRICT, regrade((1, 1)), issuer="district")
    with pytest.raises(BundleError, match="a lower grade"):
        bundle(Level.STREET, regrade((1, 1), raises=False, grade=3))
    assert bundle(Level.MUNICIPAL, regrade((1, 1), raises=False, grade=3), issuer="qingdao").contents.regrades


@pytest.mark.parametrize(
    ("change", "why"),
    [({"grade": 5}, "grade"), ({"streams": []}, "1 to 200 streams"), ({"more": 1}, "unknown key"), ({"streams": [{}]}, "missing")],
)
def test_a_regrade_that_is_none_is_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(BundleError, match=why):
        Regrade.of(regrade((1, 1)).encoded() | change, "regrade")


# ---- the gate


def test_raised_records_stay_behind_and_the_others_go_untouched() -> None:
    batch = stored(RESIDENTS, people())
    raised = gate(Level.STREET, under(regrade((2, 2), (4, 4)))).release(DISTRICT, batch, people())
    plain = gate(Level.STREET).release(DISTRICT, batch, people())
    assert states(raised) == [
        (State.PRESENT, "", 1), (State.AGGREGATE_ONLY, "ceiling", 1), (State.PRESENT, "", 1),
        (State.AGGREGATE_ONLY, "ceiling", 1), (State.PRESENT, "", 1),
    ]  # fmt: skip
    assert raised.rows is not None
    assert plain.rows is not None
    assert raised.rows.to_pylist() == [row for n, row in enumerate(plain.rows.to_pylist()) if n not in (1, 3)]


def test_a_raise_that_still_passes_travels_in_the_record() -> None:
    rules = under(replace(regrade((2, 2), grade=3), resource="enterprises"))
    enterprises = rules.resources["enterprises"]
    rows = rows_of(enterprises, [{"credit_code": str(n)} for n in range(3)])
    batch = stored(enterprises, rows)
    sender, receiver = gate(Level.STREET, rules), gate(Level.DISTRICT, rules)
    released = sender.release(DISTRICT, batch, rows)
    assert (released.outcome, grades(released.rows), released.grade_max) == (Outcome.REWRITTEN, [1, 3, 1], 3)
    assert sender.glance(DISTRICT, batch.batch.header) is None
    arriving = onward(enterprises, batch, released, rows, version=b"")
    assert released.rows is not None
    assert receiver.inspect(DISTRICT, arriving.batch.header, released.rows) == ""
    kept = receiver.release(MUNICIPAL, arriving, released.rows)
    assert [state for state, _, _ in states(kept)] == [State.PRESENT, State.AGGREGATE_ONLY, State.PRESENT]


def test_a_receiver_refuses_a_record_that_does_not_carry_its_raised_grade() -> None:
    rules = under(replace(regrade((2, 2), grade=3), resource="enterprises"))
    enterprises = rules.resources["enterprises"]
    rows = rows_of(enterprises, [{"credit_code": str(n)} for n in range(3)])
    released = gate(Level.STREET).release(DISTRICT, stored(enterprises, rows), rows)
    arriving = onward(enterprises, stored(enterprises, rows), released, rows, version=b"")
    assert "does not carry the grade" in gate(Level.DISTRICT, rules).inspect(DISTRICT, arriving.batch.header, rows)


def test_a_lowered_record_goes_and_a_raise_wins_over_it() -> None:
    rows = people(3, grade=4)
    batch = stored(RESIDENTS, rows)
    lower = regrade((1, 2), raises=False, grade=3, name="RG-2")
    released = gate(Level.STREET, under(lower, regrade((2, 2)))).release(DISTRICT, batch, rows)
    assert [state for state, _, _ in states(released)] == [State.PRESENT, State.AGGREGATE_ONLY]
    assert (grades(released.rows), states(released)[1][2]) == ([3], 2)


def test_a_record_never_counts_as_less_than_its_resource() -> None:
    rows = people(2)
    one = gate(Level.STREET, under(regrade((1, 2), raises=False, grade=1))).release(DISTRICT, stored(RESIDENTS, rows), rows)
    other = gate(Level.STREET).release(DISTRICT, stored(RESIDENTS, rows), rows)
    assert one.rows is not None
    assert other.rows is not None
    assert one.rows.drop_columns(["grade"]) == other.rows.drop_columns(["grade"])


@pytest.mark.parametrize("change", [{"basis": replace(BASIS, quote="another text")}, {"approver": ""}])
def test_without_a_basis_or_an_approver_nothing_is_regraded(change: dict[str, object]) -> None:
    void = gate(Level.STREET, under(replace(regrade((1, 5)), **change)))  # type: ignore[arg-type]
    batch = stored(RESIDENTS, people())
    assert states(void.release(DISTRICT, batch, people())) == [(State.PRESENT, "", 5)]
    assert not void.regrades.touches(batch.batch.header)


def test_records_of_other_streams_and_lives_are_others() -> None:
    one = gate(Level.STREET, under(regrade((1, 5))))
    for run in (Run("other", 1, 1, 5, 0), Run("street", 2, 1, 5, 0), Run("street", 1, 6, 10, 0)):
        assert not one.regrades.touches(stored(RESIDENTS, people(), runs=(run,)).batch.header), run


def test_a_relayed_batch_of_several_runs_is_regraded_row_by_row() -> None:
    runs = (Run("other", 1, 1, 2, 0), Run("street", 1, 7, 8, -1, State.LOST, "x", "street"), Run("street", 1, 9, 11, 2))
    batch = stored(RESIDENTS, people(), runs=runs)
    graded = gate(Level.STREET, under(regrade((8, 9), (11, 11)))).regrades.graded(batch.batch.header, people())
    assert grades(graded) == [3, 3, 4, 3, 4]
    assert graded.schema.equals(people().schema, check_metadata=True)


# ---- what is decided again


def flow() -> Flow:
    return DISTRICT


def reopened(before: Ruleset, after: Ruleset) -> bool:
    old = CompiledGate(before, Station("street", Level.STREET), now_us=NOW_US)
    new = CompiledGate(after, Station("street", Level.STREET), now_us=NOW_US)
    digest = old.plan_hash(flow(), stored(RESIDENTS, people()).batch.header)
    return bool(new.reopened(flow(), [("residents", digest)]))


def test_only_what_may_let_records_pass_has_them_decided_again() -> None:
    first, second = regrade((1, 1), approved_us=1), regrade((2, 2), name="RG-2", approved_us=2)
    lower = regrade((3, 3), raises=False, grade=3, name="RG-3")
    assert not reopened(under(), under(first))
    assert not reopened(under(first), under(second, first))
    assert not reopened(under(), under(first, second))
    assert reopened(under(first), under())
    assert reopened(under(first, second), under(first))
    assert reopened(under(first), under(first, lower))
    assert not reopened(under(lower), under(lower, first))
