"""Row predicates: a small part of SQL, checked against a schema when written and evaluated as pyarrow columns.

Allowed: comparisons of a column with a literal, IN, IS [NOT] NULL, LIKE with a prefix, AND, OR, NOT, parentheses. Everything else is
refused with its place. Logic is SQL's (three values); `matches` reads unknown as a match, because a predicate here withholds: what
cannot be judged is not let out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, reduce

import numpy as np
import pyarrow as pa
from sqlglot import errors as sql_errors
from sqlglot import exp, parse_one

from policies.arrow import (
    ArrowField,
    ArrowScalar,
    Chosen,
    Column,
    call,
    is_dense,
    own_copy,
    spread,
    spread_flags,
    text_hash,
    to_flags,
    words_of,
)
from policies.errors import PredicateError

TEXT_CHARS_MAX = 2_000
NODES_MAX = 400
PARSED_MAX = 4_096
"""Compiled predicates remembered."""
JUDGED_MAX = 64
JUDGED_WORDS_MAX = 256
"""Dictionaries, of so many words at most, of which each predicate remembers its answer; a full memo is emptied."""

Evaluate = Callable[[pa.RecordBatch], Column]
"""Rows in, booleans with nulls for unknown out."""

_COMPARE: dict[type[exp.Expr], str] = {
    exp.EQ: "equal",
    exp.NEQ: "not_equal",
    exp.LT: "less",
    exp.LTE: "less_equal",
    exp.GT: "greater",
    exp.GTE: "greater_equal",
}
_MIRRORED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}


@dataclass(frozen=True, slots=True)
class Predicate:
    """A compiled row predicate."""

    text: str
    columns: frozenset[str]
    """Columns it reads."""
    evaluate: Evaluate
    named: frozenset[tuple[str, str]] = frozenset()
    """Texts that a column is compared with, by column: what the condition speaks of by name."""
    _judged: dict[tuple[int, int], tuple[Column, Chosen] | None] = field(init=False, repr=False, compare=False, default_factory=dict)

    def matches(self, rows: pa.RecordBatch) -> Column:
        """True for each row that matches or cannot be judged; a missing column cannot be judged."""
        return pa.array(self.flags(rows))

    def flags(self, rows: pa.RecordBatch) -> Chosen:
        """`matches` as flags."""
        if not self.columns <= set(rows.schema.names):
            return np.ones(rows.num_rows, np.bool_)
        if len(self.columns) > 1 or not is_dense(column := rows.column(*self.columns)):
            return to_flags(call("fill_null", self.evaluate(rows), True))
        matched = self._of_words(words_of(column))
        return spread_flags(matched, column) if matched.any() else np.zeros(rows.num_rows, np.bool_)

    def _of_words(self, words: Column) -> Chosen:
        """`flags` of a dictionary's words; of short ones that came before, remembered: a category has the same words in every batch."""
        lookup = (len(words), text_hash(words))
        known = self._judged.get(lookup)
        # Two dictionaries may share a hash: what is remembered counts for equal words alone.
        if known is not None and known[0].equals(words):
            return known[1]
        batch = pa.RecordBatch.from_arrays([words], names=list(self.columns))
        matched = to_flags(call("fill_null", self.evaluate(batch), True))
        if len(words) <= JUDGED_WORDS_MAX:
            if len(self._judged) >= JUDGED_MAX:
                self._judged.clear()
            self._judged[lookup] = (own_copy(words), matched) if lookup in self._judged else None
        return matched


@lru_cache(maxsize=PARSED_MAX)
def compile_predicate(text: str, schema: pa.Schema) -> Predicate:
    """The predicate `text` over rows of `schema`; raises PredicateError with the position of what is not allowed."""
    builder = _Builder(text, schema)
    evaluate = builder.build(_parsed(text))
    return Predicate(text, frozenset(builder.columns), evaluate, frozenset(builder.named))


@lru_cache(maxsize=PARSED_MAX)
def _parsed(text: str) -> exp.Expr:
    """The condition as a tree: one entry is about many layouts, and to read it takes ten times as long as to fit it to one."""
    if len(text) > TEXT_CHARS_MAX:
        raise PredicateError(f"predicate of {len(text)} characters refused: at most {TEXT_CHARS_MAX}")
    try:
        tree = parse_one(text, dialect="duckdb")
    except (sql_errors.SqlglotError, RecursionError, ValueError) as error:
        place = _error_place(error)
        raise PredicateError(
            f"predicate refused at character {place}: {text[:80]!r} cannot be read as a condition", position=place
        ) from None
    if sum(1 for _ in tree.walk()) > NODES_MAX:
        raise PredicateError(f"predicate refused: more than {NODES_MAX} parts; split it into two entries")
    return tree


class _Builder:
    def __init__(self, text: str, schema: pa.Schema) -> None:
        self._text = text
        self._schema = schema
        self.columns: set[str] = set()
        self.named: set[tuple[str, str]] = set()

    def build(self, node: exp.Expr) -> Evaluate:
        if isinstance(node, exp.Paren):
            return self.build(node.this)
        if isinstance(node, exp.And | exp.Or):
            return self._join(node)
        if isinstance(node, exp.Not):
            inner = self.build(node.this)
            return lambda rows: call("invert", inner(rows))
        if type(node) in _COMPARE:
            return self._compare(node)
        if isinstance(node, exp.In):
            return self._within(node)
        if isinstance(node, exp.Is):
            return self._is_null(node)
        if isinstance(node, exp.Like):
            return self._prefix(node)
        raise self._refusal(node, "only comparisons, IN, IS NULL, LIKE 'prefix%', AND, OR and NOT are allowed")

    def _join(self, node: exp.Expr) -> Evaluate:
        left, right = self.build(node.this), self.build(node.expression)
        if isinstance(node, exp.And):
            return lambda rows: call("and_kleene", left(rows), right(rows))
        return lambda rows: call("or_kleene", left(rows), right(rows))

    def _compare(self, node: exp.Expr) -> Evaluate:
        name, column, literal = _COMPARE[type(node)], node.this, node.expression
        if not isinstance(column, exp.Column):
            column, literal, name = literal, column, _MIRRORED.get(name, name)
        field = self._field(column)
        value = self._literal(literal, field)
        return _over_values(field.name, lambda values: call(name, values, value))

    def _within(self, node: exp.In) -> Evaluate:
        if not node.expressions:
            raise self._refusal(node, "IN needs a list of literals")
        field = self._field(node.this)
        values = [self._literal(item, field) for item in node.expressions]

        def among(column: Column) -> Column:
            return reduce(_either, [call("equal", column, value) for value in values])

        return _over_values(field.name, among)

    def _is_null(self, node: exp.Is) -> Evaluate:
        if not isinstance(node.expression, exp.Null):
            raise self._refusal(node, "IS is allowed with NULL only")
        name = self._field(node.this).name
        return lambda rows: call("is_null", rows.column(name))

    def _prefix(self, node: exp.Like) -> Evaluate:
        field = self._field(node.this)
        pattern = self._literal(node.expression, field).as_py()
        if not isinstance(pattern, str) or not pattern.endswith("%") or set(pattern[:-1]) & set("%_\\"):
            raise self._refusal(node, "LIKE is allowed with a prefix only, such as 'abc%'")
        return _over_values(field.name, lambda values: call("starts_with", values, pattern[:-1]))

    def _field(self, node: exp.Expr | None) -> ArrowField:
        if not isinstance(node, exp.Column) or node.table:
            raise self._refusal(node, "expected a column on one side and a literal on the other")
        index = self._schema.get_field_index(node.name)
        if index < 0:
            raise self._refusal(node, f"no column {node.name!r}; columns are {', '.join(self._schema.names)}")
        self.columns.add(node.name)
        return self._schema.field(index)

    def _literal(self, node: exp.Expr | None, field: ArrowField) -> ArrowScalar:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        value = _literal_value(node)
        if value is None:
            raise self._refusal(node, "expected a literal: a quoted text, a number, TRUE or FALSE")
        if isinstance(value, str):
            self.named.add((field.name, value))
        try:
            return _scalar(value, kind)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            raise self._refusal(node, f"{value!r} cannot be compared with column {field.name} of type {kind}") from None

    def _refusal(self, node: exp.Expr | None, why: str) -> PredicateError:
        place = self._place(node)
        return PredicateError(f"predicate refused at character {place}: {why}", position=place)

    def _place(self, node: exp.Expr | None) -> int:
        starts = [] if node is None else [part.meta["start"] for part in node.walk() if "start" in part.meta]
        if starts:
            return int(min(starts)) + 1
        shown = "" if node is None else str(node.name or node.this or "")
        return max(self._text.find(shown), 0) + 1


def _over_values(name: str, judge: Callable[[Column], Column]) -> Evaluate:
    """Judge the distinct values of a dictionary column, then spread the answer over its rows."""

    def evaluate(rows: pa.RecordBatch) -> Column:
        column = rows.column(name)
        return spread(judge(words_of(column)), column)

    return evaluate


def _either(left: Column, right: Column) -> Column:
    return call("or_kleene", left, right)


def _literal_value(node: exp.Expr | None) -> str | int | float | bool | None:
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg):
        inner = _literal_value(node.this)
        return -inner if isinstance(inner, int | float) and not isinstance(inner, bool) else None
    if not isinstance(node, exp.Literal):
        return None
    text = str(node.this)
    if node.is_string:
        return text
    return int(text) if text.isdigit() else float(text)


def _scalar(value: str | float | bool, kind: pa.DataType) -> ArrowScalar:
    if pa.types.is_timestamp(kind):
        if not isinstance(value, str):
            raise TypeError("a time is written as text")
        moment = datetime.fromisoformat(value)
        time: ArrowScalar = pa.scalar(moment if moment.tzinfo else moment.replace(tzinfo=UTC), kind)
        return time
    if isinstance(value, str) != pa.types.is_string(kind) or isinstance(value, bool) != pa.types.is_boolean(kind):
        raise TypeError("kinds differ")
    if isinstance(value, float) and pa.types.is_integer(kind) and not value.is_integer():
        raise ValueError("an integer column never equals a fraction")
    scalar: ArrowScalar = pa.scalar(value, kind)
    return scalar


def _error_place(error: Exception) -> int:
    if isinstance(error, sql_errors.ParseError) and error.errors:
        return int(error.errors[0].get("col") or 1)
    return 1
