"""One row of a sheet, cell by cell: what it sets, and what is wrong with it.

A cell that is empty leaves what is there; `-` clears it. Values come out as `Resource.encoded` has them. Called by `importing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.catalogue import words
from node.catalogue.cells import CELL_CHARS_MAX, folded, half_width
from node.catalogue.columns import SheetKind
from node.catalogue.errors import Problem
from node.catalogue.sheets import Layout, Row
from policies.catalogue import COMMON_COLUMNS
from policies.classify.identifiers import is_credit_code
from policies.errors import BundleError
from policies.listing import Listing
from sync.model import ModelError, check_resource

CLEAR = "-"
"""A cell that says "nothing"."""
FORMULA = "="
NAME_CHARS_MAX = 120

Values = dict[str, object]


def read_row(sheet: str, layout: Layout, row: Row, problems: list[Problem]) -> Values:
    """What a row sets, by column key; cells that are wrong are reported and left out."""
    values: Values = {}
    for key, place in layout.places.items():
        cell = row.at(place)
        if not cell:
            continue
        try:
            if cell.startswith(FORMULA):
                raise ValueError("is a formula: paste it as a value")
            if len(cell) > CELL_CHARS_MAX:
                raise ValueError(f"has {len(cell)} characters, at most {CELL_CHARS_MAX}")
            values[key] = "" if cell == CLEAR else READERS[layout.kind][key](cell)
        except (ValueError, BundleError, ModelError) as error:
            problems.append(Problem(sheet, row.number, layout.headers[key], cell, str(error)))
    return values


def _text(cell: str) -> str:
    return cell


def _code(cell: str) -> str:
    return check_resource(folded(cell))


def _listed(key: str) -> Callable[[str], str]:
    """A code of the guide, checked as the bundle will check it."""

    def read(cell: str) -> str:
        value = folded(cell).upper()
        Listing(**{key: value}).check("cell")  # type: ignore[arg-type]
        return value

    return read


def _credit_code(cell: str) -> str:
    value = folded(cell).upper().replace(" ", "")
    if not is_credit_code(value):
        raise ValueError("is no unified social credit code: 18 characters, the last a check character; type it as text, not as a number")
    return value


def _day(cell: str) -> str:
    digits = folded(cell).replace("年", "-").replace("月", "-").replace("日", "").replace("/", "-").replace(".", "-").split(" ")[0]
    parts = [digits[:4], digits[4:6], digits[6:]] if len(digits) == 8 and digits.isdigit() else digits.split("-")
    value = "-".join(part.zfill(2) for part in parts)
    try:
        Listing(published_on=value).check("cell")
    except BundleError:
        raise ValueError("is no date: write 2026-05-01") from None
    return value


def _period(cell: str) -> tuple[int, bool]:
    return words.read_period(cell)


def _parts(cell: str) -> list[str]:
    text = cell
    for separator in "；;，、|":
        text = text.replace(separator, ",")
    return [part.strip() for part in text.split(",") if part.strip()]


def _name(cell: str) -> str:
    value = half_width(cell)
    if len(value) > NAME_CHARS_MAX or not value.replace("_", "a").replace("-", "a").replace(" ", "a").isalnum():
        raise ValueError(f"is no field name: at most {NAME_CHARS_MAX} letters, digits, Chinese characters, _ and -")
    if value in COMMON_COLUMNS:
        raise ValueError(f"is a column that every resource has: leave {', '.join(COMMON_COLUMNS)} out")
    return value


_RESOURCES: Mapping[str, Callable[[str], object]] = {
    "code": _code,
    "national_code": _listed("national_code"),
    "title_zh": _text,
    "title_en": _text,
    "class_code": _listed("class_code"),
    **{f"class_{tier}": _text for tier in range(1, 5)},
    "provider": _text,
    "provider_code": _credit_code,
    "owner": _text,
    "abstract": _text,
    "format": _text,
    "share": words.SHARES.read,
    "share_condition": _text,
    "share_way": _text,
    "is_open": lambda cell: words.FLAGS.read(cell) == "yes",
    "open_condition": _text,
    "period": _period,
    "published_on": _day,
    "related": _parts,
    "grade": lambda cell: int(words.GRADES.read(cell)),
    "national": words.NATIONALS.read,
    "categories": _parts,
    "lineage": _parts,
    "mode": words.MODES.read,
    "library": words.LIBRARIES.read,
    "lane": words.LANES.read,
    "purpose": _text,
    "source_level": words.LEVELS.read,
    "returns": lambda cell: words.FLAGS.read(cell) == "yes",
    "retention": words.read_seconds,
}
_FIELDS: Mapping[str, Callable[[str], object]] = {
    "code": _code,
    "national_code": _listed("national_code"),
    "resource_title": _text,
    "title": _text,
    "name": _name,
    "type": words.read_type,
    "role": words.ROLES.read,
    "grade": lambda cell: int(words.GRADES.read(cell)),
    "mask": _text,
    "category": _text,
}
READERS = {SheetKind.RESOURCES: _RESOURCES, SheetKind.FIELDS: _FIELDS}
"""How each cell is read: a text in, a value out, ValueError, BundleError or ModelError for one that will not do."""
