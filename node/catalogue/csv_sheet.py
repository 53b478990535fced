"""CSV as departments' programs write it: UTF-8 with or without a mark, UTF-16, or GBK; separated by commas, tabs or semicolons.

Refuses, in one sentence, what is too large or no text. Called by `importing` and `exporting`.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from node.catalogue.cells import CELL_CHARS_MAX, text_of
from node.catalogue.errors import SheetRefused
from node.catalogue.sheets import Row, Sheet

CSV_BYTES_MAX = 64 << 20
ROWS_MAX = 400_000
"""Rows with a value in one sheet: 20,000 resources of 20 fields."""
COLUMNS_MAX = 256
SEPARATORS = ",\t;"
FULL_WIDTH = "，；"
"""Separators where a Chinese keyboard wrote the file; taken only where the first line with any has none of the others."""
SNIFFED_CHARS = 16_384
"""Characters from the top in which separators are counted."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t")
"""First characters that a spreadsheet program may take for a formula when it opens a CSV file."""
GUARD = "'"
"""Written before such a value, and taken off again when it is read."""


def read_csv(path: Path) -> Sheet:
    """The one sheet of a CSV file, named after it; raises SheetRefused."""
    text = _decoded(path, _bytes_of(path))
    top = text[:SNIFFED_CHARS]
    separator = _separator(top)
    rows = []
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), start=1):
            row = _row(path, number, cells)
            if any(row.cells):
                rows.append(row)
            if len(rows) > ROWS_MAX:
                raise SheetRefused(f"{path.name} refused: more than {ROWS_MAX} rows; split it by department")
    except csv.Error as error:
        raise SheetRefused(f"{path.name} refused: not CSV ({error}); save it again as CSV from the program that made it") from None
    return Sheet(path.name, tuple(rows))


def _separator(top: str) -> str:
    first = next((line for line in top.splitlines() if any(sign in line for sign in SEPARATORS + FULL_WIDTH)), "")
    signs = SEPARATORS if any(sign in first for sign in SEPARATORS) or not first else FULL_WIDTH
    return max(signs, key=top.count)


def write_csv(path: Path, rows: Iterable[Sequence[str]], *, encoding: str = "utf-8-sig") -> None:
    """Rows of texts as CSV; a value that a spreadsheet program would take for a formula is guarded. Raises OSError, SheetRefused."""
    try:
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file).writerows([guarded(cell) for cell in row] for row in rows)
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.end]
        raise SheetRefused(f"{path.name} not written whole: {bad!r} does not exist in {encoding}; write it as UTF-8 or XLSX") from None


def guarded(cell: str) -> str:
    """A value with a guard where a spreadsheet program would take it for a formula; `unguarded` takes it off."""
    return GUARD + cell if cell.startswith((*FORMULA_STARTS, GUARD)) else cell


def unguarded(cell: str) -> str:
    """The inverse of `guarded`."""
    return cell[1:] if cell.startswith(GUARD) and cell[1:].startswith((*FORMULA_STARTS, GUARD)) else cell


def _row(path: Path, number: int, cells: Sequence[str]) -> Row:
    if len(cells) > COLUMNS_MAX:
        raise SheetRefused(f"{path.name} refused: row {number} has {len(cells)} columns, at most {COLUMNS_MAX}")
    if any(len(cell) > 2 * CELL_CHARS_MAX for cell in cells):
        raise SheetRefused(f"{path.name} refused: row {number} has a cell of more than {2 * CELL_CHARS_MAX} characters; an open quote?")
    texts = [text_of(cell) for cell in cells]
    exact = {place: unguarded(cell) for place, (cell, text) in enumerate(zip(cells, texts, strict=True)) if cell != text}
    return Row(number, tuple(map(unguarded, texts)), exact)


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(CSV_BYTES_MAX + 1)
    except OSError as error:
        raise SheetRefused(f"{path} cannot be read ({error.strerror})") from None
    if len(data) > CSV_BYTES_MAX:
        raise SheetRefused(f"{path.name} refused: over {CSV_BYTES_MAX >> 20} MiB; split it by department")
    return data


def _decoded(path: Path, data: bytes) -> str:
    """UTF-16 only by its mark; text that is no UTF-8 is tried as GB 18030, which contains GBK and GB 2312."""
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SheetRefused(f"{path.name} refused: neither UTF-8 nor GBK text; save it as CSV (UTF-8) or XLSX")
