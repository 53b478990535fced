"""What is left of a batch when a plan has taken rows out of it and masked the others, in one pass over the indices of each column.

Owns the short way, for plans that mask a column alike in all rows that stay: indices are cut, then led from the words that came to the
words that go, once. Where rows of one column are masked differently, `columns` goes the long way. Both give the same batch, and
`tests/policies/test_cutting.py` holds one against the other. Called by the gate.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from policies.arrow import (
    Chosen,
    Column,
    call,
    dictionary_of,
    fixed_width,
    indices_of,
    is_dictionary,
    of_fixed_width,
    only_used,
    to_numpy,
    words_of,
)
from policies.columns import (
    NOTHING_SETTLED,
    Masked,
    Settled,
    apply_rule,
    grades_of,
    kept_rows,
    layers_of,
    mask_columns,
    masked_batch,
)
from policies.masks import Mask, Method, TokenTable
from policies.plan import ColumnRule, Plan
from sync.wire.scrub import words_met

Indices = npt.NDArray[np.signedinteger[npt.NBitBase]]
GAPS_MAX = 64
"""Rows that go, up to which the stretches between them are copied one by one."""


def cut_and_masked(plan: Plan, rows: pa.RecordBatch, keep: Chosen, tokens: TokenTable, *, settled: Settled = NOTHING_SETTLED) -> Masked:
    """`mask_columns` of `kept_rows`: the same batch, to the bit. `settled` is about all rows."""
    kept = np.count_nonzero(keep)
    if kept == rows.num_rows:
        return mask_columns(plan, rows, tokens, settled=settled)
    if not kept:
        return Masked(kept_rows(rows, keep), ())
    if _masks_alike(plan, rows, keep):
        return _in_one_pass(plan, rows, keep, tokens)
    return mask_columns(plan, kept_rows(rows, keep), tokens, settled={name: flags[keep] for name, flags in settled.items()})


def _masks_alike(plan: Plan, rows: pa.RecordBatch, keep: Chosen) -> bool:
    """True when every column is masked in all rows that stay, or in none."""
    layers = plan.layers.values()
    if any(one.listed for one in layers):
        return False
    lowest = min((grade for one in layers for grade, _ in one.raised), default=None)
    return lowest is None or bool(grades_of(rows)[keep].max() < lowest)


def _in_one_pass(plan: Plan, rows: pa.RecordBatch, keep: Chosen, tokens: TokenTable) -> Masked:
    arrays: list[Column] = []
    changed: dict[int, ColumnRule] = {}
    cut = _Cut(keep)
    for index, (name, column) in enumerate(zip(rows.schema.names, rows.columns, strict=True)):
        layers = layers_of(plan, name)
        mask = layers.base.mask if layers and layers.base and layers.base.mask.method is not Method.KEEP else None
        made, is_changed = _led(column, cut, mask, tokens) if _is_led(column, mask) else _step_by_step(column, cut, mask, tokens)
        arrays.append(made)
        if layers and is_changed:
            changed[index] = layers.told
    return masked_batch(rows.schema, arrays, changed)


class _Cut:
    """The rows that stay, in the form that each kind of column is cut by."""

    def __init__(self, keep: Chosen) -> None:
        self._keep = keep
        gone = np.flatnonzero(~keep).tolist() if len(keep) - np.count_nonzero(keep) <= GAPS_MAX else None
        self._stretches: list[slice] | None = None
        """The rows between those that go, where these are few: to copy stretches takes half the time of looking at each flag."""
        if gone is not None:
            self._stretches = [slice(one + 1, other) for one, other in pairwise((-1, *gone, len(keep)))]
        self._flags: Column | None = None

    def numbers(self, values: Indices) -> Indices:
        """Of a NumPy array."""
        if self._stretches is None:
            return values[self._keep]
        return np.concatenate([values[stretch] for stretch in self._stretches])

    def column(self, column: Column) -> Column:
        """Of any column."""
        if self._stretches is not None and not column.null_count and (values := fixed_width(column)) is not None:
            return of_fixed_width(self.numbers(values), column.type)
        if self._flags is None:
            packed = pa.py_buffer(np.packbits(self._keep, bitorder="little").tobytes())
            self._flags = pa.Array.from_buffers(pa.bool_(), len(self._keep), [None, packed], 0)
        return call("filter", column, self._flags)


def _step_by_step(column: Column, cut: _Cut, mask: Mask | None, tokens: TokenTable) -> tuple[Column, bool]:
    """A column that is cut, then masked; and whether its mask changed it."""
    kept = cut.column(column)
    kept = only_used(kept) if is_dictionary(kept) else kept
    made = kept if mask is None else apply_rule(kept, mask, None, tokens)
    return made, made is not kept


def _is_led(column: Column, mask: Mask | None) -> bool:
    """True for a dictionary column in which every row has a word, unless all of them go."""
    is_kept = mask is None or mask.method is not Method.WITHHOLD
    return is_kept and is_dictionary(column) and not column.null_count and not words_of(column).null_count


def _led(column: Column, cut: _Cut, mask: Mask | None, tokens: TokenTable) -> tuple[Column, bool]:
    """A column that `_is_led`, its rows cut and led from the words that came to those that go; and whether its mask changed it."""
    indices, words, places = cut.numbers(to_numpy(indices_of(column))), words_of(column), None
    is_used = words_met(indices, len(words))
    if not is_used.all():
        places = np.maximum(np.cumsum(is_used, dtype=np.int32) - 1, 0)
        words = call("filter", words, pa.array(is_used))
    masked = None if mask is None else tokens.masked_words(words, mask)
    if masked is None or masked.words is masked.known:
        return dictionary_of(_taken(places, indices, len(words)), words), False
    if masked.places is not None:
        shown = to_numpy(masked.places)
        places = shown if places is None else shown.take(places)
    return dictionary_of(_taken(places, indices, len(masked.words)), masked.words), True


def _taken(places: Indices | None, indices: Indices, words: int) -> Indices:
    """Where each of `indices` leads among so many words; None leads each to itself."""
    if places is None:
        return indices
    return np.zeros(len(indices), places.dtype) if words == 1 else places.take(indices)
