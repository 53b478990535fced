"""Yes or no on a supplied value (一件事): whether the newest record of one subject says what the asker says, and nothing else of it.

Owns what may be asked, and the judgement of each row. The key is a field that identifies a person or thing, the condition is equality with
one value, because a range or a second condition would let an asker search. Refuses by the rules and never by the rows, so that a refusal
tells nothing of who is there. Pure. Called by the provider's answer and, before it asks, by the asker (node/verify).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum

import numpy as np
import pyarrow as pa

from policies.arrow import ArrowScalar, Chosen, Column, call, spread, to_flags, to_numpy, words_of
from policies.catalogue import ARROW_TYPES, Field, Resource
from policies.columns import mask_columns, masked_names, row_codes
from policies.compile import PlanBook
from policies.errors import PolicyError
from policies.grant import Grant, is_purpose
from policies.granting import basis_of, judged_blind, surely_asked, surely_given
from policies.masks import KeyRing, TokenTable
from policies.plan import Plan
from policies.words import Role
from sync.model import Level

VALUE_CHARS_MAX = 200
"""Characters of a value that is asked about."""
_NEVER_US = -(1 << 63)


class Answer(IntEnum):
    """What is told. Without a grant ABSENT is told as NO."""

    ABSENT = 0
    """Nothing here that may be told is about the subject."""
    NO = 1
    YES = 2

    @property
    def word(self) -> str:
        """The lower-case name for people and books."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Question:
    """Whether `field` of the subject named by `key` = `value` is `expected`."""

    resource: str
    key: str
    value: str
    field: str
    expected: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """A question that may be answered row by row."""

    question: Question
    resource: Resource
    plan: Plan
    value: ArrowScalar
    expected: ArrowScalar
    grant: Grant | None

    @property
    def subject(self) -> str:
        """Names whom the question is about, however its value was written."""
        return "\x00".join((self.resource.code, self.question.key, str(self.value.as_py())))


def allowed(book: PlanBook, question: Question, grant: Grant | None, *, level: Level) -> Allowed:
    """The question as an asker of `level` may put it, under `grant` or none; raises PolicyError with the way out."""
    if not is_purpose(question.purpose):
        raise PolicyError(f"question refused: purpose {question.purpose!r} is not a code of the tree of purposes, such as verification")
    if grant is not None:
        _check_grant(question, grant)
    plan = book.verified(question.resource, grant, level=level, purpose=question.purpose)
    resource = plan.resource
    if resource is None:
        raise PolicyError(f"{question.resource} is not in the catalogue in force here")
    key, condition = _field(resource, question.key), _field(resource, question.field)
    if key.role is not Role.DIRECT_ID:
        named = ", ".join(item.name for item in resource.fields if item.role is Role.DIRECT_ID) or "none: it cannot be asked about"
        raise PolicyError(f"question refused: {key.name} of {resource.code} does not identify anybody; fields that do: {named}")
    if key.name == condition.name:
        raise PolicyError(f"question refused: {key.name} is both the key and what is asked; name another field with --is")
    _check_told(plan, key, condition)
    return Allowed(question, resource, plan, _scalar(key, question.value), _scalar(condition, question.expected), grant)


@dataclass(slots=True)
class Inquiry:
    """The search for the answer, batch by batch, over every row: of a subject with several records the newest by its event time counts."""

    allowed: Allowed
    answer: Answer = Answer.ABSENT
    _newest_us: int = field(default=_NEVER_US)

    def read(self, rows: pa.RecordBatch) -> None:
        """Take stored `rows` into account."""
        key = self.allowed.question.key
        if key not in rows.schema.names:
            return
        mine = rows.filter(pa.array(_equal(rows.column(key), self.allowed.value)))
        if not mine.num_rows:
            return
        times = _times_us(mine)
        latest_us = int(times.max())
        if latest_us < self._newest_us:
            return
        if latest_us > self._newest_us:
            self._newest_us, self.answer = latest_us, Answer.ABSENT
        self.answer = max(self.answer, self._judged(mine.filter(pa.array(times == latest_us))))

    def _judged(self, rows: pa.RecordBatch) -> Answer:
        """What records of the subject say; those that a rule withholds or masks say nothing."""
        asked, plan = self.allowed, self.allowed.plan
        plan = replace(plan, rows=tuple(judged_blind(rule, masked_names(rows)) for rule in plan.rows))
        kept = rows.filter(pa.array(surely_given(asked.grant, asked.resource, rows)))
        kept = kept.filter(pa.array(row_codes(plan, kept) == 0))
        shown = mask_columns(plan, kept, TokenTable(KeyRing())).rows if kept.num_rows else kept
        clear = _same(kept, shown, asked.question.key) & _same(kept, shown, asked.question.field)
        told = shown.filter(pa.array(clear))
        told = told.filter(pa.array(surely_asked(asked.grant, asked.resource, told)))
        if not told.num_rows or asked.question.field not in told.schema.names:
            return Answer.ABSENT
        return Answer.YES if _equal(told.column(asked.question.field), asked.expected).any() else Answer.NO


def _check_grant(question: Question, grant: Grant) -> None:
    if grant.resource != question.resource or grant.purpose != question.purpose:
        raise PolicyError(f"question refused: the grant of request {grant.id} is of {grant.resource} for {grant.purpose}")
    beyond = sorted({question.key, question.field} - set(grant.fields))
    if beyond:
        raise PolicyError(f"question refused: request {grant.id} does not grant field {beyond[0]}; ask for it in a new request")


def _check_told(plan: Plan, key: Field, condition: Field) -> None:
    base = plan.base
    if not base.verdict.passes:
        raise PolicyError(f"{plan.key.resource} is not told, not even yes or no: {base.verdict.word} ({base.reason.word}){basis_of(plan)}")
    hidden = [rule for rule in base.columns if rule.name in (key.name, condition.name)]
    if hidden:
        raise PolicyError(
            f"question refused: {hidden[0].name} of {plan.key.resource} is withheld ({hidden[0].reason.word}); "
            "ask for a grant that names it"
        )


def _field(resource: Resource, name: str) -> Field:
    found = next((item for item in resource.fields if item.name == name), None)
    if found is None:
        known = ", ".join(item.name for item in resource.fields)
        raise PolicyError(f"question refused: {resource.code} has no field {name!r}; it has {known}")
    return found


def _scalar(item: Field, text: str) -> ArrowScalar:
    """A value as its field's type has it."""
    if not text or len(text) > VALUE_CHARS_MAX:
        raise PolicyError(f"question refused: a value of {item.name} has 1 to {VALUE_CHARS_MAX} characters")
    try:
        return pa.scalar(_READ[item.type](text), _plain_type(item))
    except (KeyError, ValueError, OverflowError, pa.ArrowException):
        raise PolicyError(f"question refused: {text[:60]!r} is no value of {item.name}, which is of type {item.type}") from None


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_READ: Mapping[str, Callable[[str], object]] = {
    "string": str, "int64": int, "int32": int, "int8": int, "float64": float, "bool": _flag, "timestamp": _moment,
}  # fmt: skip


def _plain_type(item: Field) -> pa.DataType:
    kind = ARROW_TYPES[item.type]
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _equal(column: Column, value: ArrowScalar) -> Chosen:
    """True for each row that has exactly this value."""
    same = call("fill_null", call("equal", words_of(column), value), False)
    return to_flags(call("fill_null", spread(same, column), False))


def _times_us(rows: pa.RecordBatch) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    times = rows.column("event_time").cast(pa.int64())
    return to_numpy(call("fill_null", times, 0)).astype(np.int64)


def _same(before: pa.RecordBatch, after: pa.RecordBatch, name: str) -> Chosen:
    """True for each row whose value of a column no mask changed."""
    if name not in before.schema.names:
        return np.full(before.num_rows, False)
    one, other = before.column(name), after.column(name)
    if one is other:
        return np.full(before.num_rows, True)
    return to_flags(call("fill_null", call("equal", _flat(one), _flat(other)), False))


def _flat(column: Column) -> Column:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
