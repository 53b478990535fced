"""The short way through a column plan against the long one: the same batch to the bit, on random plans and batches."""

from __future__ import annotations

from random import Random

import numpy as np
import pyarrow as pa
import pytest

from policies import KeyRing, Way
from policies.arrow import Column, indices_of, is_dictionary, words_of
from policies.columns import kept_rows, mask_columns
from policies.cutting import GAPS_MAX, cut_and_masked
from policies.masks import REDACT, WITHHOLD, Mask, Method, TokenTable
from policies.plan import ColumnRule, GradeRule, Plan, PlanKey, RowRule, strongest
from policies.predicate import compile_predicate
from policies.words import GRADES, Distance, Reason, Verdict
from sync.model import Level

KINDS = ("wide", "narrow", "constant", "gappy", "taken", "text", "number", "time", "flag")
MASKS: tuple[Mask, ...] = (REDACT, WITHHOLD, Mask(Method.KEEP), Mask(Method.PARTIAL, head=1), Mask(Method.PARTIAL, head=2, tail=1))
MASKS += (Mask(Method.PSEUDONYM, key="k"), Mask(Method.PSEUDONYM, key="lost"))
KEY = PlanKey("things", Distance.PARENT, Way.UP, Level.DISTRICT, "")
TAKEN = "~" + "0" * 24


def batch(rng: Random, rows: int) -> pa.RecordBatch:
    """One column of each kind: dictionaries of many words, of few, of one, with nulls, with masked words in them; texts; numbers; times."""
    wide, narrow = [f"周某{rng.randrange(rows)}" for _ in range(rows)], [rng.choice(("red", "green")) for _ in range(rows)]
    texts: dict[str, list[str | None]] = {
        "wide": list(wide),
        "narrow": list(narrow),
        "constant": ["370202001001"] * rows,
        "gappy": [rng.choice((None, "one", "two")) for _ in range(rows)],
        "taken": [rng.choice((TAKEN, "***", word)) for word in wide],
    }
    arrays = {name: pa.array(values, pa.string()).dictionary_encode() for name, values in texts.items()}
    grades = pa.array([rng.choice((0, 1, 1, 2)) for _ in range(rows)], pa.int8())
    numbers = pa.array([rng.choice((None, 7, 1)) for _ in range(rows)], pa.int64())
    times = pa.array([rng.randrange(1 << 40) for _ in range(rows)], pa.timestamp("us", "UTC"))
    flags = pa.array([rng.random() < 0.5 for _ in range(rows)])
    texts_and_numbers: dict[str, Column] = {"text": pa.array(wide), "number": numbers, "time": times, "flag": flags}
    made = pa.RecordBatch.from_pydict({"grade": grades, **arrays, **texts_and_numbers})
    return made.slice(rng.randrange(3))


def plan(rng: Random) -> Plan:
    """A plan that masks some columns, sometimes by grade, sometimes by entry, and knows all columns but, sometimes, one."""

    def rules() -> tuple[ColumnRule, ...]:
        return strongest([ColumnRule(name, rng.choice(MASKS), Reason.CEILING) for name in rng.sample(KINDS, rng.randrange(len(KINDS)))])

    base = rules()
    raised = rules() if rng.random() < 0.4 else base
    grades = tuple(GradeRule(grade, Verdict.MASK, Reason.CEILING, base if grade == 1 else raised) for grade in GRADES)
    entry = RowRule("e", None, (), Verdict.ALLOW, Reason.NEGATIVE_LIST, rules())
    known = frozenset(("grade", *KINDS)) - ({"narrow"} if rng.random() < 0.2 else set())
    return Plan(KEY, None, grades, (entry,) if rng.random() < 0.2 else (), (), known)


def exact(rows: pa.RecordBatch) -> list[object]:
    """Everything that two equal batches have in common, dictionaries and their order included."""
    parts: list[object] = [rows.num_rows, rows.schema.metadata]
    for field, column in zip(rows.schema, rows.columns, strict=True):
        inside = (indices_of(column).to_pylist(), words_of(column).to_pylist()) if is_dictionary(column) else ()
        parts.append((field.name, str(field.type), field.metadata, column.to_pylist(), inside))
    return parts


@pytest.mark.parametrize("seed", range(60))
def test_the_short_way_and_the_long_one_end_with_the_same_batch(seed: int) -> None:
    rng = Random(seed)
    rows, made = batch(rng, rng.choice((3, 40, 400))), plan(rng)
    share = rng.choice((0.0, 0.01, 0.5, 0.9, 1.0))
    keep = np.array([rng.random() >= share for _ in range(rows.num_rows)], np.bool_)
    tokens = TokenTable(KeyRing({"k": b"k"}))
    cut = cut_and_masked(made, rows, keep, tokens)
    kept = kept_rows(rows, keep)
    long = mask_columns(made, kept, TokenTable(KeyRing({"k": b"k"}))) if kept.num_rows else None
    assert exact(cut.rows) == exact(long.rows if long else kept)
    assert cut.changed == (long.changed if long else ())


@pytest.mark.parametrize("gaps", [1, GAPS_MAX, GAPS_MAX + 1])
def test_few_gaps_and_many_are_cut_alike(gaps: int) -> None:
    rows = batch(Random(1), 600)
    keep = np.ones(rows.num_rows, np.bool_)
    keep[: gaps * 2 : 2] = False
    bare = Plan(KEY, None, (GradeRule(1, Verdict.ALLOW, Reason.NONE, ()),), (), (), frozenset(("grade", *KINDS)))
    assert exact(cut_and_masked(bare, rows, keep, TokenTable(KeyRing())).rows) == exact(kept_rows(rows, keep))


def test_settled_rows_are_cut_like_the_others() -> None:
    rows = batch(Random(2), 40)
    keep = np.arange(rows.num_rows) % 2 == 0
    settled = np.arange(rows.num_rows) % 4 == 0
    listed = (ColumnRule("text", REDACT, Reason.NEGATIVE_LIST),)
    rule = RowRule("e", compile_predicate("narrow = 'red'", rows.schema), (), Verdict.ALLOW, Reason.NEGATIVE_LIST, listed)
    listing = Plan(KEY, None, (GradeRule(1, Verdict.ALLOW, Reason.NONE, ()),), (rule,), (), frozenset(("grade", *KINDS)))
    cut = cut_and_masked(listing, rows, keep, TokenTable(KeyRing()), settled={"narrow": settled}).rows
    asked = [tone == "red" and not is_settled for tone, is_settled in zip(rows.column("narrow").to_pylist(), settled, strict=True)]
    shown = ["***" if asked[row] else rows.column("text")[row].as_py() for row in np.flatnonzero(keep).tolist()]
    assert any(asked)
    assert cut.column("text").to_pylist() == shown
