"""XLSX in and out, the home of openpyxl: read as a stream of texts under bounds, written as a stream of texts.

The file is hostile until its archive was looked through: members, sizes, compression, declared entities, encodings, macros and links to
other files are judged before the library sees it. Formulas are left in (as `=...`) for the importer to refuse with their place. Every
refusal is one SheetRefused. Nothing outside the file is ever opened. Called by `importing` and `exporting`.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import ParseError

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from node.catalogue.cells import text_of
from node.catalogue.csv_sheet import COLUMNS_MAX, ROWS_MAX
from node.catalogue.errors import SheetRefused
from node.catalogue.sheets import Row, Sheet

FILE_BYTES_MAX = 32 << 20
MEMBERS_MAX = 1_000
MEMBER_BYTES_MAX = 96 << 20
"""Of one part when unpacked."""
UNPACKED_BYTES_MAX = 160 << 20
TAGS_MAX = 6_000_000
"""Opening and closing tags of a sheet or of the shared texts: what the parser holds of them is bounded by it."""
STRETCH_TAGS_MAX = 100_000
"""Tags of a sheet without a new row, and of any other part: the library makes an object of each."""
SHEETS_MAX = 64
SHEET_ROWS_MAX = 1 << 20
"""Rows that the format itself allows; empty ones above the last value count."""
WIDTH_TOTAL_MAX = 12_000_000
"""Cells of a sheet, those between the values included."""
FORMULA = "="
CHUNK_BYTES = 1 << 20

_LARGE_PARTS = re.compile(r"/(?:worksheets/[^/]+|sharedStrings)\.xml$", re.IGNORECASE)
_ROW = re.compile(rb"<(?:[\w.-]+:)?row[\s/>]")
_OLE = b"\xd0\xcf\x11\xe0"
_XML_PARTS = re.compile(r"\.(?:xml|rels|vml)$", re.IGNORECASE)
_ENCODING = re.compile(rb"<\?xml[^>]{0,100}encoding\s*=\s*[\"']([^\"']{0,40})[\"']")
_FAULTS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, ParseError, RuntimeError, TypeError, ValueError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What the library and the parsers below it let out on a damaged file."""


def read_xlsx(path: Path) -> list[Sheet]:
    """Every sheet of a workbook as texts; raises SheetRefused."""
    with _refusals(path):
        _look_through(path)
        with warnings.catch_warnings():
            # The library warns of styles and extensions that it leaves out; none of them is a value.
            warnings.simplefilter("ignore")
            book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
            try:
                sheets = [sheet for sheet in book.worksheets if isinstance(sheet, ReadOnlyWorksheet)]
                return [Sheet(str(sheet.title), tuple(_rows(path, sheet))) for sheet in sheets[:SHEETS_MAX]]
            finally:
                book.close()


def write_xlsx(path: Path, sheets: Mapping[str, Iterable[Sequence[str]]]) -> None:
    """Sheets of texts, the first row of each a header; every value is written as a text, none as a formula. Raises OSError."""
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for number, row in enumerate(rows):
            sheet.append([_text_cell(sheet, value, is_header=number == 0) for value in row])
    book.save(path)


def _text_cell(sheet: object, value: str, *, is_header: bool) -> object:
    if not is_header and not value.startswith(FORMULA):
        return value or None
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    if is_header:
        cell.font = Font(bold=True)
    return cell


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        if isinstance(error, OSError) and error.strerror:
            raise SheetRefused(f"{path.name} cannot be read ({error.strerror}): name a file that is there and readable") from None
        reason = str(error).split("\n", 1)[0][:120] or type(error).__name__
        raise SheetRefused(f"{path.name} refused: no workbook that can be read ({reason}); open it and save it again as .xlsx") from None
    except MemoryError:
        raise SheetRefused(f"{path.name} refused: too large for this machine's memory; split it by department") from None


def _look_through(path: Path) -> None:
    """Judge the archive before anything reads it; raises SheetRefused."""
    with path.open("rb") as file:
        head = file.read(len(_OLE))
    if head == _OLE:
        raise SheetRefused(f"{path.name} refused: an old .xls file or one with a password; save it as .xlsx without a password")
    if path.stat().st_size > FILE_BYTES_MAX:
        raise SheetRefused(f"{path.name} refused: over {FILE_BYTES_MAX >> 20} MiB; split it by department, or save it as CSV")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_members(path, members)
        for member in members:
            if _XML_PARTS.search(member.filename):
                _check_part(path, archive, member)


def _check_members(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    sizes = [member.file_size for member in members]
    if len(members) > MEMBERS_MAX or sum(sizes) > UNPACKED_BYTES_MAX or max(sizes, default=0) > MEMBER_BYTES_MAX:
        raise SheetRefused(
            f"{path.name} refused: unpacks to {len(members)} parts and {sum(sizes) >> 20} MiB, at most {UNPACKED_BYTES_MAX >> 20} MiB; "
            "split it by department, or save it as CSV"
        )
    for member in members:
        name = member.filename.lower()
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
            raise SheetRefused(f"{path.name} refused: part {member.filename!r} is encrypted or packed in an unknown way; save it again")
        if "vbaproject" in name or "externallinks/" in name or "embeddings/" in name or "/connections.xml" in name:
            raise SheetRefused(
                f"{path.name} refused: it has macros or links to other files ({member.filename[:60]!r}); "
                "copy the sheets as values into a new workbook"
            )
    if len({member.filename for member in members}) < len(members):
        raise SheetRefused(f"{path.name} refused: a part is in it twice; save it again")


def _check_part(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """One XML part: UTF-8, without declared entities, with a bounded number of tags."""
    tags, stretch, tail = 0, 0, b""
    is_sheet, is_large = "/worksheets/" in member.filename, _LARGE_PARTS.search(member.filename) is not None
    with archive.open(member) as part:
        while chunk := part.read(CHUNK_BYTES):
            if not tail:
                _check_encoding(path, member, chunk)
            if b"<!" in (seen := tail + chunk) and (b"<!DOCTYPE" in seen or b"<!ENTITY" in seen):
                raise SheetRefused(f"{path.name} refused: part {member.filename!r} declares entities, which no spreadsheet program does")
            pieces = [piece.count(b"<") for piece in (_ROW.split(chunk) if is_sheet else [chunk])]
            pieces[0] += stretch
            tags, stretch, tail = tags + chunk.count(b"<"), pieces[-1], chunk[-16:]
            is_dense = max(pieces) > STRETCH_TAGS_MAX and (is_sheet or not is_large)
            if is_dense or tags > TAGS_MAX:
                raise SheetRefused(f"{path.name} refused: part {member.filename!r} has too many cells or tags; split it, or save it as CSV")


def _check_encoding(path: Path, member: zipfile.ZipInfo, start: bytes) -> None:
    """Other encodings than UTF-8 would hide from the byte patterns that are looked for."""
    encoding = _ENCODING.search(start[:200])
    is_markup = start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")
    if not is_markup or (encoding is not None and encoding[1].lower() not in (b"utf-8", b"us-ascii", b"ascii")):
        raise SheetRefused(f"{path.name} refused: part {member.filename!r} is not XML in UTF-8; save it again as .xlsx")


def _rows(path: Path, sheet: ReadOnlyWorksheet) -> Iterator[Row]:
    # The size that a file states is often wrong, and a hostile one states what it likes: it is never used.
    sheet.reset_dimensions()
    kept = width = 0
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        width += len(cells)
        if number > SHEET_ROWS_MAX or width > WIDTH_TOTAL_MAX or kept > ROWS_MAX:
            raise SheetRefused(f"{path.name} refused: sheet {sheet.title!r} is too long or too wide ({number} rows); delete what is empty")
        texts = ["" if cell.value is None else _text(cell) for cell in cells]
        if any(texts[COLUMNS_MAX:]):
            raise SheetRefused(f"{path.name} refused: sheet {sheet.title!r} row {number} has a value past column {COLUMNS_MAX}")
        if any(texts):
            kept += 1
            exact = {place: cell.value for place, cell in enumerate(cells) if isinstance(cell.value, str) and cell.value != texts[place]}
            yield Row(number, tuple(texts[:COLUMNS_MAX]), exact)


def _text(cell: object) -> str:
    value = getattr(cell, "value", None)
    if getattr(cell, "data_type", "") == "f":
        return text_of(FORMULA + str(getattr(value, "text", value)).lstrip(FORMULA))
    return text_of(value)
