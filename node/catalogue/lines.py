"""Rows of a sheet of anything that has a name of its own, as values: headers found, cells read, every bad one kept with its place.

Owns the reading that sheets of devices, lists of cameras and the camera directory share; which columns there are, and how a cell of each is
read, is the caller's (`SheetForm`). Reads files and knows no node. Called by node/devices and node/cameras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.catalogue.cells import half_width, header_key
from node.catalogue.columns import Column
from node.catalogue.errors import Problem, SheetRefused
from node.catalogue.importing import read_files
from node.catalogue.reading import CLEAR, FORMULA
from node.catalogue.sheets import HEADER_ROWS_MAX, Row, Sheet, read_header

PROBLEMS_MAX = 1_000
"""Problems that are collected before reading ends."""
HIDDEN = "***"

Cell = str | float
Values = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class SheetForm:
    """What a kind of sheet has."""

    columns: Sequence[Column]
    readers: Mapping[str, Callable[[str], Cell]]
    """By column key; a ValueError says what is wrong with a cell and what would do."""
    key: str
    """The column that names a row; no two rows share a name."""
    lines_max: int
    """Rows of one import."""
    too_many: str = "split the file"
    """What to do with more rows than that."""
    shown: Sequence[Column] = ()
    """What an export adds; an import leaves them alone."""
    secret: frozenset[str] = frozenset()
    """Columns whose cells are never shown."""
    exact: frozenset[str] = frozenset()
    """Columns that are read to the sign, blanks and all."""
    kept: frozenset[str] = field(default_factory=frozenset)
    """Columns that cannot be cleared."""
    cleared: Mapping[str, Cell] = field(default_factory=dict)
    """What a cleared cell becomes, by column key; an empty text where none is named."""
    together: frozenset[str] = frozenset()
    """Columns that a row sets all or none of."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why a sheet is refused that has a column of this name, by header as `header_key` writes it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row."""

    sheet: str
    row: int
    values: Values
    """By column key what the row sets; an empty text, or what the form says, clears."""


@dataclass(frozen=True, slots=True)
class Read:
    """What files say."""

    lines: tuple[Line, ...]
    """Rows without a problem, each name once."""
    problems: tuple[Problem, ...]
    ignored: tuple[tuple[str, str], ...]
    """(sheet, header) of columns that are not understood."""
    skipped: tuple[str, ...]
    """Sheets without a header that is understood."""
    headers: Mapping[str, str]
    """By column key what the sheet calls it."""


@dataclass(frozen=True, slots=True)
class _Layout:
    places: Mapping[str, int]
    headers: Mapping[str, str]
    ignored: tuple[str, ...]
    data: tuple[Row, ...]


@dataclass(slots=True)
class _Reading:
    form: SheetForm
    lines: dict[str, Line] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def sheet(self, name: str, layout: _Layout) -> None:
        """Read the rows of one sheet; past PROBLEMS_MAX or the most lines the rest is left."""
        for row in layout.data:
            if len(self.problems) >= PROBLEMS_MAX or not self._row(name, layout, row):
                return

    def _row(self, name: str, layout: _Layout, row: Row) -> bool:
        before = len(self.problems)
        values = self._values(name, layout, row)
        head, word = layout.headers[self.form.key], str(values.get(self.form.key, ""))
        if len(self.problems) > before:
            return True
        if not word:
            self.problems.append(Problem(name, row.number, head, "", "is empty: every row has one"))
        elif word in self.lines:
            first = self.lines[word]
            why = f"stands in {first.sheet} row {first.row} already: keep one of them"
            self.problems.append(Problem(name, row.number, head, word, why))
        elif len(self.lines) >= self.form.lines_max:
            self.problems.append(Problem(name, row.number, "", "", f"more than {self.form.lines_max} rows: {self.form.too_many}"))
            return False
        else:
            self.lines[word] = Line(name, row.number, values)
        return True

    def _values(self, name: str, layout: _Layout, row: Row) -> Values:
        values: Values = {}
        for key, place in layout.places.items():
            cell = row.at(place)
            if not cell:
                continue
            try:
                if cell.startswith(FORMULA) and key not in self.form.secret:
                    raise ValueError("is a formula: paste it as a value")
                exact = row.exact.get(place, cell) if key in self.form.exact else cell
                values[key] = self._cleared(key) if cell == CLEAR else self.form.readers[key](exact)
            except ValueError as error:
                value = HIDDEN if key in self.form.secret else cell
                self.problems.append(Problem(name, row.number, layout.headers[key], value, str(error)))
        self._check_together(name, layout, row, values)
        return values

    def _check_together(self, name: str, layout: _Layout, row: Row, values: Values) -> None:
        given = {key: cell for key in layout.places if key in self.form.together and (cell := row.at(layout.places[key]))}
        if len(given) == len(self.form.together):
            return
        for key in given.keys() & values.keys():
            why = "stands alone: give " + " and ".join(sorted(self.form.together)) + ", or neither"
            self.problems.append(Problem(name, row.number, layout.headers[key], given[key], why))

    def _cleared(self, key: str) -> Cell:
        if key in self.form.kept:
            raise ValueError("cannot be cleared: every row has one")
        return self.form.cleared.get(key, "")


def read_lines(paths: Sequence[Path], form: SheetForm) -> Read:
    """The rows of XLSX and CSV files. Raises SheetRefused for what is not read at all."""
    reading, headers = _Reading(form), dict[str, str]()
    ignored: list[tuple[str, str]] = []
    skipped: list[str] = []
    for sheet in read_files(paths):
        layout = _layout(sheet, form)
        if layout is None:
            skipped.append(sheet.name)
            continue
        headers |= layout.headers
        ignored += [(sheet.name, head) for head in layout.ignored]
        reading.sheet(sheet.name, layout)
    if not headers:
        column = next(column for column in form.columns if column.key == form.key)
        raise SheetRefused(
            f"nothing imported: no sheet of {', '.join(skipped) or 'these files'} has a header that is understood; "
            f"one column must be {column.zh[0]} ({column.en[0]})"
        )
    if not reading.lines and not reading.problems:
        raise SheetRefused(f"nothing imported: no row below the header of {', '.join(path.name for path in paths)} has a value")
    return Read(tuple(reading.lines.values()), tuple(reading.problems), tuple(ignored), tuple(skipped), headers)


def _layout(sheet: Sheet, form: SheetForm) -> _Layout | None:
    """By the row among the first ones that names most columns; one of them must be the one that names rows."""
    known = {header_key(name): column.key for column in form.columns for name in (*column.zh, *column.en)}
    shown = {header_key(name) for column in form.shown for name in (*column.zh, *column.en)}
    best: _Layout | None = None
    for index in range(min(HEADER_ROWS_MAX, len(sheet.rows))):
        heads, below = read_header(sheet.rows, index, known)
        places: dict[str, int] = {}
        for place, head in sorted(heads.items()):
            key = known.get(header_key(head))
            if key is not None and key not in places:
                places[key] = place
        if form.key not in places or (best is not None and len(best.places) >= len(places)):
            continue
        _check_headers(sheet, heads, form)
        unread = tuple(head for place, head in sorted(heads.items()) if place not in places.values() and header_key(head) not in shown)
        best = _Layout(places, {key: heads[place] for key, place in places.items()}, unread, sheet.rows[below:])
    return best


def _check_headers(sheet: Sheet, heads: Mapping[int, str], form: SheetForm) -> None:
    for head in heads.values():
        if why := form.refused.get(header_key(head)):
            raise SheetRefused(f"{sheet.name} refused: it has a column {head!r}; {why}")


def read_territory(cell: str) -> str:
    """A territory code; a ValueError says what would do."""
    code = half_width(cell)
    if not (code.isascii() and code.isdigit()):
        raise ValueError("is no territory code: digits, such as 370202001001001")
    return code


def degrees_reader(bound: float) -> Callable[[str], Cell]:
    """Reads decimal degrees from -`bound` to `bound`."""

    def read(cell: str) -> Cell:
        try:
            number = float(half_width(cell).rstrip("°"))
        except ValueError:
            raise ValueError("are no decimal degrees, such as 120.3826") from None
        if not -bound <= number <= bound:
            raise ValueError(f"lies outside -{bound:g} to {bound:g} degrees")
        return number

    return read


def text_reader(chars_max: int) -> Callable[[str], Cell]:
    """Reads a text of at most `chars_max` characters."""

    def read(cell: str) -> Cell:
        if len(cell) > chars_max:
            raise ValueError(f"has {len(cell)} characters, at most {chars_max}")
        return cell

    return read
