"""Entries as the two sheets that departments know: what `importing` reads back to the same entries.

Called by the verb. Refuses a kind of file that is not XLSX or CSV.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from node.catalogue import words
from node.catalogue.columns import COLUMNS, SHEET_NAMES, SheetKind
from node.catalogue.csv_sheet import write_csv
from node.catalogue.errors import SheetRefused
from policies.catalogue import Field, Resource

GBK = "gb18030"
UTF8 = "utf-8-sig"
"""With a mark, without which spreadsheet programs take UTF-8 for something else."""
LIST_MARK = "；"


def export_files(path: Path, resources: Sequence[Resource], *, language: str, encoding: str = UTF8) -> list[Path]:
    """Write an XLSX file of two sheets, or two CSV files beside each other; the files written. Raises OSError, SheetRefused."""
    sheets = {kind: rows_of(kind, resources, language) for kind in SheetKind}
    if path.suffix.lower() == ".xlsx":
        from node.catalogue.xlsx import write_xlsx

        write_xlsx(path, {SHEET_NAMES[kind][language]: rows for kind, rows in sheets.items()})
        return [path]
    if path.suffix.lower() != ".csv":
        raise SheetRefused(f"{path.name} refused: name a file that ends in .xlsx or .csv")
    written = []
    for kind, rows in sheets.items():
        part = path.with_name(f"{path.stem}-{kind.value}.csv")
        write_csv(part, rows, encoding=encoding)
        written.append(part)
    return written


def rows_of(kind: SheetKind, resources: Iterable[Resource], language: str) -> Iterator[list[str]]:
    """The header and the rows of one sheet."""
    yield [column.name(language) for column in COLUMNS[kind]]
    for resource in resources:
        if kind is SheetKind.RESOURCES:
            cells = _resource_cells(resource, language)
            yield [cells[column.key] for column in COLUMNS[kind]]
            continue
        for item in resource.fields:
            cells = _field_cells(resource, item, language)
            yield [cells[column.key] for column in COLUMNS[kind]]


def _resource_cells(resource: Resource, language: str) -> dict[str, str]:
    listing = resource.listing
    names = [*listing.class_names, "", "", "", ""]
    return {
        **{key: getattr(listing, key) for key in ("class_code", "national_code", "provider_code", "abstract", "format", "published_on")},
        **{key: getattr(listing, key) for key in ("share_condition", "share_way", "open_condition")},
        **{key: getattr(resource, key) for key in ("code", "title_zh", "title_en", "provider", "owner", "purpose")},
        **{f"class_{tier}": names[tier - 1] for tier in range(1, 5)},
        "share": words.SHARES.write(resource.share.value, language),
        "is_open": words.FLAGS.write("yes" if listing.is_open else "no", language),
        "period": words.write_period(resource.period_s, is_irregular=listing.is_irregular, language=language),
        "related": LIST_MARK.join(listing.related),
        "grade": words.GRADES.write(str(resource.grade), language),
        "national": words.NATIONALS.write(resource.national.value, language),
        "categories": LIST_MARK.join(resource.categories),
        "lineage": LIST_MARK.join(resource.lineage),
        "mode": words.MODES.write(resource.mode.value, language),
        "library": words.LIBRARIES.write(resource.library, language) if resource.library in words.LIBRARIES.table else "",
        "lane": resource.lane.word,
        "source_level": words.LEVELS.write(resource.source_level.word, language) if resource.source_level else "",
        "returns": words.FLAGS.write("yes" if resource.returns else "no", language),
        "retention": words.write_seconds(resource.retention_s, language) if resource.retention_s else "",
    }


def _field_cells(resource: Resource, item: Field, language: str) -> dict[str, str]:
    return {
        "code": resource.code,
        "national_code": resource.listing.national_code,
        "resource_title": resource.title_zh,
        "title": item.title,
        "name": item.name,
        "type": words.TYPES.write(item.type, language),
        "role": words.ROLES.write(item.role.value, language),
        "grade": words.GRADES.write(str(item.grade), language) if item.grade else "",
        "mask": item.mask,
        "category": item.category,
    }
