"""What a batch header says about its rows, read from the rows themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os.path import commonprefix
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from policies.columns import highest_grade
from sync.model import DEFAULT_LIMITS, TERRITORY_DIGITS, BatchHeader
from sync.wire.payload import decoded_size
from sync.wire.scrub import words_in_use


@dataclass(frozen=True, slots=True)
class RowFacts:
    """The header fields that describe a payload's rows; all zero or empty when there are none."""

    event_time_min_us: int = 0
    event_time_max_us: int = 0
    grade_max: int = 0
    territories: tuple[str, ...] = ()


def facts_of(rows: pa.RecordBatch) -> RowFacts:
    """The facts of `rows`, which carry the three common columns event_time, territory and grade."""
    if not rows.num_rows:
        return RowFacts()
    earliest, latest = _span_of(rows.column("event_time").cast(pa.int64()))
    return RowFacts(
        event_time_min_us=earliest,
        event_time_max_us=latest,
        grade_max=highest_grade(rows),  # as the gate judges it: a row without a grade counts as the highest
        territories=merged_territories([tuple(_distinct(rows.column("territory")))]),
    )


def _span_of(times: pa.Array[Any]) -> tuple[int, int]:
    present = (times.drop_null() if times.null_count else times).to_numpy(zero_copy_only=False)
    return (int(present.min()), int(present.max())) if len(present) else (0, 0)


def _distinct(column: pa.Array[Any]) -> list[str]:
    """The values of a column; "" for rows without one: nobody knows where they are from, so no header may say that it does."""
    if isinstance(column, pa.DictionaryArray) and not column.null_count:
        used = column.dictionary.filter(pa.array(words_in_use(column.indices, len(column.dictionary))))
        return [code or "" for code in used.to_pylist()]
    return [code or "" for code in pc.unique(column).to_pylist()]


def merged_territories(lists: Sequence[tuple[str, ...]], *, most: int = DEFAULT_LIMITS.territories_per_batch_max) -> tuple[str, ...]:
    """Distinct codes of several batches, sorted; the smallest territory that contains them all when there are more than `most`."""
    codes = sorted({code for codes in lists for code in codes})
    return tuple(codes) if len(codes) <= most else (common_territory(codes),)


def common_territory(codes: Sequence[str]) -> str:
    """The smallest territory that contains all `codes`; empty when they share no province."""
    prefix = commonprefix(list(codes))  # noqa: RUF071 - codes nest by digits, not by path components
    return next((prefix[:digits] for digits in reversed(TERRITORY_DIGITS) if len(prefix) >= digits), "")


def sealed_header(header: BatchHeader, rows: pa.RecordBatch, payload: bytes) -> BatchHeader:
    """`header` for other rows than it had, which are encoded as `payload`."""
    # A withheld row must not show in the header either, so its facts are read again from the rows that stay.
    facts = facts_of(rows)
    return replace(
        header,
        event_time_min_us=facts.event_time_min_us,
        event_time_max_us=facts.event_time_max_us,
        grade_max=facts.grade_max,
        territories=facts.territories,
        row_count=rows.num_rows,
        payload_sha256=hashlib.sha256(payload).digest(),
        payload_bytes=len(payload),
        decoded_bytes=decoded_size(payload),
    )
