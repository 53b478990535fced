"""Rows of a child that lie outside its territory: found by the receiver before commit. Called by node/engine/pipeline.py."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from policies.arrow import call, words_of
from sync.model import code_contains

TERRITORY = "territory"


def foreign_code(rows: pa.RecordBatch, territory: str) -> str:
    """The first code in `rows` that is neither inside `territory` nor around it (masks shorten codes); empty when there is none."""
    if TERRITORY not in rows.schema.names:
        return ""
    column = rows.column(TERRITORY)
    # A dictionary may name more than the rows use, and it is short: only when one of its words is foreign are the rows looked at.
    if isinstance(column, pa.DictionaryArray) and not _first_foreign(words_of(column).to_pylist(), territory):
        return ""
    return _first_foreign(call("unique", column).to_pylist(), territory)


def _first_foreign(codes: Iterable[object], territory: str) -> str:
    found = (str(code) for code in codes if code is not None)
    return next((code for code in found if not (code_contains(territory, code) or code_contains(code, territory))), "")
