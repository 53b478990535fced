"""A sheet as numbered rows of texts, whatever file it came from, and where its header stands.

Called by the readers (`csv_sheet`, `xlsx`) and by `importing`. Refuses nothing: a sheet without a header that is understood is None here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from node.catalogue.cells import header_key
from node.catalogue.columns import REQUIRED, TELLING, SheetKind, spellings

HEADER_ROWS_MAX = 30
"""Rows from the top among which the header is looked for; above it stand titles and notes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row that has a value."""

    number: int
    """As the program that shows the file numbers it, from 1."""
    cells: tuple[str, ...]
    exact: Mapping[int, str] = field(default_factory=dict)
    """By place those cells that `text_of` changed, as they were: a password keeps its blanks."""

    def at(self, place: int) -> str:
        """The cell at a place, empty past the row's end."""
        return self.cells[place] if place < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a file."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of a sheet are."""

    kind: SheetKind
    places: Mapping[str, int]
    """Place of each column that is understood, by its key."""
    headers: Mapping[str, str]
    """The header of each as it stands there."""
    ignored: tuple[str, ...]
    """Headers that are not understood; their columns are not read."""
    data: tuple[Row, ...]
    """Rows below the header."""


def layout_of(sheet: Sheet) -> Layout | None:
    """The layout of a sheet, by the best header among its first rows; None when it is neither of resources nor of fields."""
    best: tuple[tuple[int, int], Layout] | None = None
    for index in range(min(HEADER_ROWS_MAX, len(sheet.rows))):
        for kind in SheetKind:
            found = _try(kind, sheet.rows, index)
            if found is None:
                continue
            score = (sum(key in found.places for key in TELLING[kind]), len(found.places))
            if best is None or score > best[0]:
                best = (score, found)
    return best[1] if best else None


def _try(kind: SheetKind, rows: Sequence[Row], index: int) -> Layout | None:
    known = spellings(kind)
    heads, below = read_header(rows, index, known)
    places: dict[str, int] = {}
    for place, head in sorted(heads.items()):
        key = known.get(header_key(head))
        if key is not None and key not in places:
            places[key] = place
    if not all(any(key in places for key in group) for group in REQUIRED[kind]):
        return None
    headers = {key: heads[place] for key, place in places.items()}
    ignored = tuple(head for place, head in sorted(heads.items()) if place not in places.values())
    return Layout(kind, places, headers, ignored, tuple(rows[below:]))


def read_header(rows: Sequence[Row], index: int, known: Collection[str]) -> tuple[dict[int, str], int]:
    """What stands over each place in a row, and the index of the row below it; `known` are headers as `header_key` writes them.

    Two rows are one header where the first names groups of columns and the second the columns: 信息资源分类 above 类, 项, 目, 细目.
    """
    heads = dict(_heads(rows[index].cells))
    below = index + 1
    if below < len(rows) and _is_second_line(rows[index], rows[below], known):
        heads |= {place: head for place, head in _heads(rows[below].cells) if header_key(head) in known}
        below += 1
    return heads, below


def _heads(cells: Sequence[str]) -> Iterator[tuple[int, str]]:
    return ((place, cell) for place, cell in enumerate(cells) if cell)


def _is_second_line(first: Row, second: Row, known: Collection[str]) -> bool:
    """True when every value of the second row is a header, and one stands where the first row has none that is understood."""
    heads = list(_heads(second.cells))
    return all(header_key(head) in known for _, head in heads) and any(header_key(first.at(place)) not in known for place, _ in heads)
