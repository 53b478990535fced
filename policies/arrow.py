"""The seam to pyarrow: its compute kernels by name with one typed result, and the few moves every dictionary column needs.

Owns no rule. Called by the column forms of masks, predicates and plans.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sync.wire.scrub import words_in_use

Column: TypeAlias = "pa.Array[Any]"
"""Any Arrow column."""
ArrowField: TypeAlias = "pa.Field[Any]"
ArrowScalar: TypeAlias = "pa.Scalar[Any]"
Chosen: TypeAlias = "npt.NDArray[np.bool_]"
"""One flag per row."""

WHOLE_NUMBERS = (8, 16, 32, 64)
"""Widths in bits of the numbers that NumPy knows."""
COMPARED_WORDS_MAX = 4
"""Words that the rows are compared with one by one: as dear as looking up a flag for each row."""


def call(kernel: str, *arguments: object, **options: object) -> Column:
    """The result of the compute kernel of this name over whole columns."""
    column: Column = getattr(pc, kernel)(*arguments, **options)
    return column


def is_dictionary(column: Column) -> bool:
    """True for a dictionary-encoded column."""
    return bool(pa.types.is_dictionary(column.type))


def is_dense(column: Column) -> bool:
    """True for a dictionary column in which every row has a word: what is judged of the words is judged of the rows."""
    return is_dictionary(column) and not column.null_count


def words_of(column: Column) -> Column:
    """The distinct values of a dictionary column; any other column as it is."""
    words: Column = getattr(column, "dictionary", column)
    return words


def text_hash(words: Column) -> int:
    """A number that equal columns of texts share; another column may share it too."""
    text = words.buffers()[-1]
    return hash(text.to_pybytes()) if text is not None else 0


def own_copy(words: Column) -> Column:
    """The same words in memory of their own: a dictionary that was read from a payload holds all of it."""
    return call("take", words, pa.array(np.arange(len(words))))


def spread(answers: Column, column: Column) -> Column:
    """Answers about `words_of(column)`, one per row of `column`."""
    return call("take", answers, indices_of(column)) if is_dictionary(column) else answers


def merged_words(words: Column) -> tuple[Column, Column | None]:
    """The distinct ones of `words`, and where each of `words` stands among them; None when they all differ and stand where they stood."""
    distinct = call("dictionary_encode", words)
    if len(words_of(distinct)) == len(words):
        return words, None
    return words_of(distinct), indices_of(distinct)


def with_words(column: Column, words: Column) -> Column:
    """A dictionary column with `words` in place of its distinct values; words that became equal become one."""
    return placed(column, *merged_words(words))


def placed(column: Column, words: Column, places: Column | None) -> Column:
    """A dictionary column of `words`; `places` says which of them each of its former words became, None: the one that stands there now."""
    indices = indices_of(column)
    return dictionary_of(indices if places is None else call("take", places, indices), words)


def only_used(column: Column) -> Column:
    """A dictionary column whose dictionary holds only values that a row has."""
    indices, words = indices_of(column), words_of(column)
    is_used = words_in_use(indices, len(words))
    if is_used.all():
        return column
    places = np.maximum(np.cumsum(is_used, dtype=np.int32) - 1, 0)
    return dictionary_of(call("take", pa.array(places), indices), call("filter", words, pa.array(is_used)))


def indices_of(column: Column) -> Column:
    """The indices of a dictionary column."""
    indices: Column = getattr(column, "indices")  # noqa: B009 - the stubs know it on DictionaryArray only
    return indices


def texts_of(starts: npt.NDArray[np.int64], data: bytes) -> Column:
    """A column of the texts in `data`: where each begins, and the end of the last; the caller answers for it being UTF-8."""
    offsets = pa.py_buffer(starts.astype(np.int32).tobytes())
    return pa.Array.from_buffers(pa.string(), len(starts) - 1, [None, offsets, pa.py_buffer(data)])


def laid_out(texts: Column) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where each of `texts`, of type string, begins in its bytes, with the end of the last; and the bytes."""
    _, offsets, data = texts.buffers()
    if not len(texts) or offsets is None:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    places = np.frombuffer(memoryview(offsets), np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    held = np.zeros(0, np.uint8) if data is None else np.frombuffer(memoryview(data), np.uint8)
    return places - places[0], held[places[0] : places[-1]]


def fixed_width(column: Column) -> npt.NDArray[Any] | None:
    """The values of a column without nulls as numbers of their width, whatever they stand for; None where these have no bytes."""
    kind = column.type
    data = column.buffers()[1] if pa.types.is_primitive(kind) and kind.bit_width in WHOLE_NUMBERS else None
    if data is None:
        return None
    values: npt.NDArray[Any] = np.frombuffer(memoryview(data), f"u{kind.bit_width // 8}")
    return values[column.offset : column.offset + len(column)]


def of_fixed_width(values: npt.NDArray[Any], kind: pa.DataType) -> Column:
    """The inverse of `fixed_width`."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.array(values).buffers()[1]])


def spread_flags(flags: Chosen, column: Column) -> Chosen:
    """Flags about the words of a dictionary column without nulls, one per row."""
    chosen = np.flatnonzero(flags).tolist()
    if 0 < len(chosen) <= COMPARED_WORDS_MAX:
        # A comparison reads the indices as they are; what looks flags up makes wider indices first.
        indices = to_numpy(indices_of(column))
        return reduce(np.logical_or, [indices == word for word in chosen])
    # As bytes, and by Arrow: it packs no bits then.
    return to_numpy(call("take", pa.array(flags.view(np.uint8)), indices_of(column))).view(np.bool_)


def dictionary_of(indices: Any, words: Column) -> Column:
    """A dictionary column of indices that are known to lie inside `words`: to look at each again costs as much as a mask."""
    return pa.DictionaryArray.from_arrays(indices, words, safe=False)


def nulls_like(column: Column) -> Column:
    """As many nulls, of the same type."""
    nulls: Column = pa.nulls(len(column), column.type)
    return nulls


def plain(column: Column) -> Column:
    """`column` without dictionary encoding."""
    return column.cast(column.type.value_type) if is_dictionary(column) else column


def encoded_like(column: Column, kind: pa.DataType) -> Column:
    """`column` as `kind`, dictionary-encoded where `kind` is, with only values in use."""
    if not pa.types.is_dictionary(kind):
        return column.cast(kind)
    return call("dictionary_encode", column).cast(kind)


def to_numpy(column: Column) -> npt.NDArray[Any]:
    """The values of a column without nulls."""
    return column.to_numpy(zero_copy_only=False)


def to_flags(column: Column) -> Chosen:
    """A boolean column without nulls as flags."""
    return np.asarray(to_numpy(column), dtype=np.bool_)
