"""Rows that a grant gives: the strictest of the legal floor, live entries, the ceiling with the grant, and both filters of the request.

Owns the order: rows judged as they are stored, masks, the columns granted, then the requester's own filter over what is left, so that no
filter tells more than the columns do. Owns the rule of pictures, too: what was not masked is given only where a filter of the grant speaks
of it, so that nobody grants unmasked pictures by granting rows. What is given is a derived set: it carries no origins and no numbers, and
pseudonyms under the recipient's own key, so that two recipients cannot join theirs. Pure. Called by `CompiledGate.give` and, at the
recipient, `check_given`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from policies.arrow import Chosen, Column, call, is_dictionary, to_flags, to_numpy, with_words, words_of
from policies.catalogue import Resource, schema
from policies.columns import compacted, grades_of, mask_columns, masked_names, row_codes, state_of
from policies.compile import PlanBook
from policies.errors import PolicyError
from policies.grant import Grant
from policies.masks import MASK_KEY, PSEUDONYM_PATTERN, KeyRing, TokenTable, pseudonyms
from policies.plan import Plan, RowRule
from policies.predicate import Predicate, compile_predicate
from policies.words import GRADES
from sync.model import Level

MASKED = "masked"
"""The column, true or false, of what shows people: whether pixels were masked. What a grant does not speak of it does not open."""
GRADE_COLUMN = "grade"
"""Travels with every row: who receives it is bound by it."""
MASK_BYTES_MAX = 100
"""Bytes of what a column says of its mask that are passed on: a peer may have written it."""
RECIPIENT_KEY = "recipient"
"""Id, in the recipient's key ring, of the key under which pseudonyms of other flows are minted again."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a grant gives of a batch."""

    rows: pa.RecordBatch
    """The columns granted, in the order of the schema, and the grade."""
    withheld: Mapping[str, int]
    """Rows inside the filter of the grant that are withheld all the same, by class of reason."""
    masks: Mapping[str, str]
    """By column, the strongest mask it went through, here or before: `method:reason`. A withheld value is not an absent one."""
    plan_hash: bytes


def give(book: PlanBook, grant: Grant, rows: pa.RecordBatch, *, level: Level, keys: KeyRing) -> Given:
    """What `grant` gives of stored `rows` to a requester of `level`; `keys` are the recipient's own, RECIPIENT_KEY among them.

    Raises PolicyError when nothing of the resource may be given, or when a filter does not fit.
    """
    plan = book.granted(grant, level=level)
    resource = _open(plan, grant)
    plan = replace(plan, rows=tuple(judged_blind(rule, masked_names(rows)) for rule in plan.rows))
    wanted = rows.filter(pa.array(surely_given(grant, resource, rows)))
    codes = row_codes(plan, wanted)
    withheld = Counter(state_of(int(code))[1] for code in codes if code)
    kept = compacted(wanted.filter(pa.array(codes == 0)))
    tokens = TokenTable(keys)
    masked = mask_columns(plan, _minted_again(kept, tokens), tokens).rows if kept.num_rows else kept
    given = _selected(grant, resource, masked)
    final = compacted(given.filter(pa.array(surely_asked(grant, resource, given))))
    return Given(final, dict(withheld), masks_of(masked, given_names(grant, resource)), plan.hash)


def check_given(book: PlanBook, grant: Grant, rows: pa.RecordBatch, *, level: Level) -> None:
    """The recipient's check of what arrived: nothing beyond the grant, and nothing that its own rules close. Raises PolicyError.

    Entries that judge rows were judged by the provider, where the values were.
    """
    plan = book.granted(grant, level=level)
    resource = _open(plan, grant)
    names = given_names(grant, resource)
    if rows.schema.names != names:
        raise PolicyError(f"rows of {grant.resource} refused: columns {', '.join(rows.schema.names)} are not those granted")
    known = schema(resource)
    wrong = [name for name in names if _flat(known.field(name).type) != _flat(rows.schema.field(name).type)]
    if wrong:
        raise PolicyError(f"rows of {grant.resource} refused: column {wrong[0]} is not of the catalogue's type")
    if MASKED in names and _unspoken(grant, resource, rows).any():
        raise PolicyError(f"rows of {grant.resource} refused: one was not masked, and the grant does not speak of that")
    plan = replace(plan, rows=())
    codes = row_codes(plan, rows)
    if codes.any():
        state, reason = state_of(int(codes[np.flatnonzero(codes)[0]]))
        raise PolicyError(f"rows of {grant.resource} refused: one is {state.name.lower()} here ({reason})")
    changed = mask_columns(plan, rows, TokenTable(KeyRing())).changed
    if changed:
        raise PolicyError(f"rows of {grant.resource} refused: column {changed[0]} is not masked as this node's rules say")


def speaks_of(grant: Grant, resource: Resource, column: str, text: str | None = None) -> bool:
    """True when a filter of the grant reads `column`, or compares it with `text` where that is given; what passes is the gate's."""
    known = schema(resource)
    filters = [compile_predicate(one, known) for one in (grant.asked, grant.limit) if one]
    return any(column in one.columns if text is None else (column, text) in one.named for one in filters)


def _unspoken(grant: Grant, resource: Resource, rows: pa.RecordBatch) -> Chosen:
    """True for each row that is not surely masked, under a grant that does not speak of that."""
    if not _tells_of_masking(resource) or speaks_of(grant, resource, MASKED):
        return np.full(rows.num_rows, False)
    if MASKED not in rows.schema.names:
        return np.full(rows.num_rows, True)
    return ~to_flags(call("fill_null", rows.column(MASKED), False))


def _tells_of_masking(resource: Resource) -> bool:
    return any(item.name == MASKED and item.type == "bool" for item in resource.fields)


def check_filter(resource: Resource, text: str, columns: tuple[str, ...] | None) -> None:
    """Raise PolicyError unless `text` is empty or a predicate that fits the resource and reads `columns` alone; None: any."""
    if text:
        _compiled(resource, text, columns)


def _compiled(resource: Resource, text: str, columns: tuple[str, ...] | None) -> Predicate:
    predicate = compile_predicate(text, schema(resource))
    beyond = sorted(predicate.columns - set(columns)) if columns is not None else []
    if beyond:
        raise PolicyError(f"filter refused: it reads {beyond[0]}, which is not given; ask for it, or leave it out of the filter")
    return predicate


def _open(plan: Plan, grant: Grant) -> Resource:
    """The resource, where something of it may be given at all."""
    if plan.resource is None:
        raise PolicyError(f"{grant.resource} is not in the catalogue in force here")
    if unknown := grant.unknown_in(plan.resource):
        raise PolicyError(f"{grant.resource} has no field {unknown[0]!r}: the catalogue changed, ask again")
    if not plan.base.verdict.passes:
        raise PolicyError(f"{grant.resource} is not given: {plan.base.verdict.word} ({plan.base.reason.word}){basis_of(plan)}")
    return plan.resource


def basis_of(plan: Plan) -> str:
    """The law and the appeal of the entry that closes a plan, if one does."""
    steps = [step for step in plan.steps if step.rule == "negative-list" and step.verdict is plan.base.verdict]
    values = dict(steps[0].values) if steps else {}
    return f"; basis: {values.get('instrument')}, {values.get('article')}; appeal: {values.get('appeal') or 'none named'}" if values else ""


def judged_blind(rule: RowRule, masked: frozenset[str]) -> RowRule:
    """An entry that reads a column which came masked cannot judge it: then every row counts as meant."""
    return replace(rule, predicate=None) if rule.columns_read & masked else rule


def surely_given(grant: Grant | None, resource: Resource, rows: pa.RecordBatch) -> Chosen:
    """True for each stored row that the grant speaks of and that is inside the provider's filter; without a grant for every row."""
    if grant is None:
        return _surely(None, rows)
    predicate = _compiled(resource, grant.limit, None) if grant.limit else None
    return np.logical_and(_surely(predicate, rows), ~_unspoken(grant, resource, rows))


def surely_asked(grant: Grant | None, resource: Resource, rows: pa.RecordBatch) -> Chosen:
    """True for each row, as it would be given, inside the requester's filter; without a grant for every row."""
    predicate = _compiled(resource, grant.asked, (*grant.fields, GRADE_COLUMN)) if grant is not None and grant.asked else None
    return _surely(predicate, rows)


def _surely(predicate: Predicate | None, rows: pa.RecordBatch) -> Chosen:
    """True for each row that surely matches: a filter of a request lets out, so what cannot be judged stays."""
    if predicate is None:
        return np.full(rows.num_rows, True)
    if not predicate.columns <= set(rows.schema.names):
        return np.full(rows.num_rows, False)
    return to_flags(call("fill_null", predicate.evaluate(rows), False))


def given_names(grant: Grant, resource: Resource) -> list[str]:
    """The columns that a grant gives, in the order of the schema, and the grade."""
    return [name for name in schema(resource).names if name in grant.fields or name == GRADE_COLUMN]


def _selected(grant: Grant, resource: Resource, rows: pa.RecordBatch) -> pa.RecordBatch:
    """The columns granted; one that the batch lacks (an older layout) is empty."""
    known = schema(resource)
    grades = np.maximum(grades_of(rows), resource.grade or GRADES[0]).astype(np.int8)
    arrays: list[Column] = []
    for name in given_names(grant, resource):
        kind = known.field(name).type
        if name == GRADE_COLUMN:
            arrays.append(pa.array(grades, kind))
        elif name in rows.schema.names:
            arrays.append(rows.column(name).cast(kind))
        else:
            arrays.append(pa.nulls(rows.num_rows, kind))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([known.field(name) for name in given_names(grant, resource)]))


def masks_of(rows: pa.RecordBatch, names: list[str]) -> dict[str, str]:
    """What the columns say of their masks, without the ids of keys."""
    said = {item.name: (item.metadata or {}).get(MASK_KEY, b"") for item in rows.schema}
    parts = {name: said[name][:MASK_BYTES_MAX].decode(errors="replace").split(":") for name in names if said.get(name)}
    return {name: f"{words[0]}:{words[-1]}" for name, words in parts.items()}


def _minted_again(rows: pa.RecordBatch, tokens: TokenTable) -> pa.RecordBatch:
    """Pseudonyms that other flows minted, under the recipient's key: two recipients must not be able to join theirs."""
    arrays = [_again(column, tokens) if is_dictionary(column) else column for column in rows.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=rows.schema)


def _again(column: Column, tokens: TokenTable) -> Column:
    words = words_of(column)
    is_token = call("fill_null", call("match_substring_regex", words, PSEUDONYM_PATTERN), False)
    if not to_numpy(is_token).any():
        return column
    return with_words(column, call("if_else", is_token, pseudonyms(words, RECIPIENT_KEY, tokens), words))


def _flat(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
