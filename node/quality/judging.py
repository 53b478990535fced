"""Rules over the columns of a batch: for every row whether it breaks a rule, with nothing interpreted per record.

A rule that reads a column which policy masked, or which is not there, is not judged: what a node may not see it does not call bad. Owns no
state; what was seen before comes in as `Memory`. Called by `projection` and `recheck`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from node.quality.hashing import Hashes, hashes_of
from policies.arrow import Chosen, Column, call, is_dictionary, spread, to_flags, to_numpy, words_of
from policies.catalogue import Resource, schema
from policies.classify import identifiers
from policies.columns import masked_names
from policies.errors import PredicateError
from policies.predicate import compile_predicate
from policies.quality import Check, Identifier, Rule
from sync.model import MICROSECONDS

AHEAD_US_MAX = 300 * MICROSECONDS
"""How far an event may lie after the sealing of its record: two clocks differ by this (POLICY, hard case 2)."""
SINGLE_SOURCE = "single-source"
"""Id of the rule that a resource with one source node has by itself."""

Ints: TypeAlias = "npt.NDArray[np.int64]"
Origins: TypeAlias = "npt.NDArray[np.int32]"

_FLAT = r"[\s-]"


class Memory(Protocol):
    """What was seen of earlier batches."""

    seed: int

    def foreign(self, resource: str, rule: str, hashes: Hashes, origins: Origins) -> Chosen:
        """Which keys stand in records of another origin that came earlier; keys that are new are remembered."""

    def is_known(self, resource: str, column: str, hashes: Hashes) -> Chosen:
        """Which values stand in a column of a resource."""


@dataclass(frozen=True, slots=True)
class Lot:
    """The rows of one batch that count here."""

    resource: Resource
    rows: pa.RecordBatch
    sealed_us: Ints
    """When each row was sealed at its source."""
    origins: Origins
    """A small number for the origin of each row."""
    masked: frozenset[str]

    @classmethod
    def of(cls, resource: Resource, rows: pa.RecordBatch, sealed_us: Ints, origins: Origins) -> Lot:
        """A lot; which columns came masked is read from `rows`."""
        return cls(resource, rows, sealed_us, origins, masked_names(rows))

    def column(self, name: str) -> Column | None:
        """A column as it can be judged; None when it is not there or masked."""
        return self.rows.column(name) if name in self.rows.schema.names and name not in self.masked else None


def broken(rule: Rule, lot: Lot, memory: Memory) -> Chosen | None:
    """True for each row that breaks `rule`; None when it cannot be judged here."""
    try:
        return _JUDGES[rule.check](rule, lot, memory)
    except (pa.ArrowException, PredicateError):
        # Another layout of the resource than the rule was written for: a peer's rows stop nothing.
        return None


def _each(rule: Rule, lot: Lot, judge: Callable[[Column], Chosen]) -> Chosen | None:
    """Rows of which any field of the rule is bad; fields are judged by their distinct values."""
    found: Chosen | None = None
    for name in rule.fields:
        column = lot.column(name)
        if column is None:
            return None
        bad = _spread(judge(words_of(column)), column)
        found = bad if found is None else found | bad
    return found


def _spread(answers: Chosen, column: Column) -> Chosen:
    """Answers about the distinct values, one per row; a null is not bad."""
    words = words_of(column)
    if words.null_count:
        answers = answers & ~to_flags(words.is_null())
    if not is_dictionary(column):
        return answers
    return to_flags(call("fill_null", spread(pa.array(answers), column), False))


def _flags(column: Column, *, null: bool) -> Chosen:
    return to_flags(call("fill_null", column, null) if column.null_count else column)


def _required(rule: Rule, lot: Lot, _: Memory) -> Chosen | None:
    found: Chosen | None = None
    for name in rule.fields:
        column = lot.column(name)
        if column is None:
            return None
        missing = to_flags(column.is_null()) | _spread(_blank(words_of(column)), column)
        found = missing if found is None else found | missing
    return found


def _blank(words: Column) -> Chosen:
    if pa.types.is_floating(words.type):
        return _flags(call("is_nan", words), null=False)
    if not pa.types.is_string(words.type):
        return np.zeros(len(words), np.bool_)
    return _flags(call("equal", call("utf8_trim_whitespace", words), ""), null=False)


def _range(rule: Rule, lot: Lot, _: Memory) -> Chosen | None:
    def judge(values: Column) -> Chosen:
        numbers = to_numpy(call("fill_null", values, 0)).astype(np.float64)
        outside = np.isnan(numbers)
        if rule.low is not None:
            outside |= numbers < rule.low
        if rule.high is not None:
            outside |= numbers > rule.high
        return np.asarray(outside, np.bool_)

    return _each(rule, lot, judge)


def _pattern(rule: Rule, lot: Lot, _: Memory) -> Chosen | None:
    return _each(rule, lot, lambda words: ~identifiers.matches(words, f"^(?:{rule.pattern})$"))


def _one_of(rule: Rule, lot: Lot, _: Memory) -> Chosen | None:
    known = pa.array(rule.values, pa.string())
    return _each(rule, lot, lambda words: ~_flags(call("is_in", words, value_set=known), null=False))


def _identifier(rule: Rule, lot: Lot, _: Memory) -> Chosen | None:
    assert rule.identifier is not None, "a rule about identifiers names the kind"
    test = _IDENTIFIERS[rule.identifier]
    return _each(rule, lot, lambda words: ~test(_compact(words)))


def _compact(words: Column) -> Column:
    folded = call("utf8_upper", call("utf8_normalize", words, form="NFKC"))
    return call("replace_substring_regex", folded, pattern=_FLAT, replacement="")


_IDENTIFIERS: dict[Identifier, Callable[[Column], Chosen]] = {
    Identifier.RESIDENT_ID: identifiers.resident_ids,
    Identifier.CREDIT_CODE: identifiers.credit_codes,
    Identifier.BANK_CARD: identifiers.bank_cards,
    Identifier.MOBILE: identifiers.mobiles,
    Identifier.PLATE: identifiers.plates,
}


def _row(rule: Rule, lot: Lot, _: Memory) -> Chosen | None:
    predicate = compile_predicate(rule.predicate, schema(lot.resource))
    if any(lot.column(name) is None for name in predicate.columns):
        return None
    return ~_flags(predicate.evaluate(lot.rows), null=True)


def _fresh(rule: Rule, lot: Lot, _: Memory) -> Chosen | None:
    column = lot.column("event_time")
    if column is None:
        return None
    events = to_numpy(call("fill_null", column.cast(pa.int64()), 0))
    age_us = lot.sealed_us - events
    return np.asarray((age_us > rule.max_age_s * MICROSECONDS) | (age_us < -AHEAD_US_MAX), np.bool_)


def key_hashes(names: tuple[str, ...], lot: Lot, seed: int) -> Hashes | None:
    """The hash of each row's key; None when a field of it is not here or masked."""
    columns = [lot.column(name) for name in names]
    present = [column for column in columns if column is not None]
    return hashes_of(present, seed) if present and len(present) == len(columns) else None


def _unique(rule: Rule, lot: Lot, memory: Memory) -> Chosen | None:
    hashes = key_hashes(rule.fields, lot, memory.seed)
    if hashes is None:
        return None
    _, places, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    repeated = counts[places] > 1
    return np.asarray(repeated | memory.foreign(lot.resource.code, rule.id, hashes, lot.origins), np.bool_)


def _reference(rule: Rule, lot: Lot, memory: Memory) -> Chosen | None:
    def judge(words: Column) -> Chosen:
        return ~memory.is_known(rule.resource, rule.column, hashes_of([words], memory.seed))

    return _each(rule, lot, judge)


_JUDGES: dict[Check, Callable[[Rule, Lot, Memory], Chosen | None]] = {
    Check.REQUIRED: _required,
    Check.RANGE: _range,
    Check.PATTERN: _pattern,
    Check.ONE_OF: _one_of,
    Check.IDENTIFIER: _identifier,
    Check.UNIQUE: _unique,
    Check.ROW: _row,
    Check.FRESH: _fresh,
    Check.REFERENCE: _reference,
}
