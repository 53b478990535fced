"""Every check judges whole columns: what it calls bad, what it leaves alone, and when it says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from node.quality.hashing import Hashes, hashes_of
from node.quality.judging import Lot, Origins, broken
from policies.arrow import Chosen
from policies.masks import MASK_KEY
from tests.node.quality.school import AGES, NOW_US, pupils, rows


class Nothing:
    """A memory that has seen one pupil of origin 1 and the school north."""

    seed = 7

    def foreign(self, resource: str, rule: str, hashes: Hashes, origins: Origins) -> Chosen:
        return np.asarray(origins != 1, np.bool_)

    def is_known(self, resource: str, column: str, hashes: Hashes) -> Chosen:
        return np.asarray(np.isin(hashes, hashes_of([pa.array(["north"])], self.seed)), np.bool_)


def judged(rule: dict[str, Any], *values: dict[str, Any], origin: int = 1, batch: pa.RecordBatch | None = None) -> list[bool] | None:
    resource = pupils({"id": "x", **rule})
    batch = batch or rows(*values)
    sealed = np.full(batch.num_rows, NOW_US, np.int64)
    lot = Lot.of(resource, batch, sealed, np.full(batch.num_rows, origin, np.int32))
    found = broken(resource.quality.rules[0], lot, Nothing())
    return None if found is None else found.tolist()


def test_a_required_field_is_neither_null_nor_blank() -> None:
    rule = {"check": "required", "fields": ["name", "age"]}
    assert judged(rule, {}, {"name": None}, {"name": " \u3000"}, {"age": None}) == [False, True, True, True]


def test_a_range_leaves_nulls_to_completeness() -> None:
    assert judged(AGES, {"age": 6}, {"age": 5}, {"age": 21}, {"age": None}) == [False, True, True, False]


def test_a_pattern_matches_the_whole_value() -> None:
    rule = {"check": "pattern", "fields": ["number"], "pattern": "p[0-9]+|q"}
    assert judged(rule, {"number": "p12"}, {"number": "xp1"}, {"number": "q1"}, {"number": None}) == [False, True, True, False]


def test_a_code_table_names_what_may_stand() -> None:
    rule = {"check": "one-of", "fields": ["school"], "values": ["north", "south"]}
    assert judged(rule, {}, {"school": "west"}, {"school": None}) == [False, True, False]


def test_an_identifier_is_proved_by_its_check_digit() -> None:
    rule = {"check": "identifier", "fields": ["card"], "identifier": "resident-id"}
    cards = ["110105 19491231 002x", "110105194912310021", "11010519491231002Ｘ"]
    assert judged(rule, *({"card": card} for card in cards)) == [False, True, False]


def test_the_same_key_twice_in_a_batch_is_bad_and_so_is_that_of_another_origin() -> None:
    rule = {"check": "unique", "fields": ["number", "school"]}
    assert judged(rule, {"number": "a"}, {"number": "b"}, {"number": "a"}) == [True, False, True]
    assert judged(rule, {"number": "a"}, origin=2) == [True]


def test_a_row_predicate_that_cannot_be_judged_calls_nothing_bad() -> None:
    rule = {"check": "row", "predicate": "age > 8 OR school = 'south'"}
    assert judged(rule, {}, {"age": 7}, {"age": None}) == [False, True, False]


def test_a_record_sealed_late_or_before_its_event_is_not_timely() -> None:
    rule = {"check": "fresh", "max_age_s": 60}
    ages = [0, 60, 61, -300, -301]
    assert judged(rule, *({"event_time": NOW_US - age * 1_000_000} for age in ages)) == [False, False, True, False, True]


def test_a_reference_must_stand_in_the_other_resource() -> None:
    rule = {"check": "reference", "fields": ["school"], "resource": "schools", "column": "school"}
    assert judged(rule, {}, {"school": "west"}, {"school": None}) == [False, True, False]


@pytest.mark.parametrize("rule", [AGES, {"check": "row", "predicate": "age > 3"}, {"check": "unique", "fields": ["name", "age"]}])
def test_a_masked_column_is_not_judged(rule: dict[str, Any]) -> None:
    batch = rows({"age": 99})
    fields = [item.with_metadata({MASK_KEY: b"generalise::ceiling"}) if item.name == "age" else item for item in batch.schema]
    assert judged(rule, batch=pa.RecordBatch.from_arrays(batch.columns, schema=pa.schema(fields))) is None


def test_an_absent_column_and_one_of_another_type_are_not_judged() -> None:
    batch = rows({"age": 99})
    place = batch.schema.get_field_index("age")
    assert judged(AGES, batch=batch.remove_column(place)) is None
    assert judged(AGES, batch=batch.set_column(place, "age", pa.array(["old"]))) is None


def test_a_null_inside_the_words_of_a_dictionary_is_a_null() -> None:
    batch = rows({})
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array([None, "west"]))
    two = pa.Table.from_batches([batch, batch]).combine_chunks().to_batches()[0]
    odd = two.set_column(two.schema.get_field_index("school"), "school", words)
    assert judged({"check": "one-of", "fields": ["school"], "values": ["north"]}, batch=odd) == [False, True]
    assert judged({"check": "required", "fields": ["school"]}, batch=odd) == [True, False]
