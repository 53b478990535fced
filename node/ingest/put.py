"""Rows of one resource as an operator or an agency's program hands them over: checked cell by cell before anything is stored.

Owns what a row from outside may look like. Refuses unknown, missing and repeated columns, values of the wrong type, territories outside
this node's, grades below the resource's, and resources that this node is no source of. Called by node/api.py for the verb `put`.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.ingest.errors import IngestError
from node.ingest.sink import Row
from policies.catalogue import COMMON_COLUMNS, Resource
from sync.model import TERRITORY_DIGITS, Level, code_contains

PUT_ROWS_MAX = 5_000
"""Rows one call may carry."""
TEXT_CHARS_MAX = 10_000
"""Characters of one text value."""
BINARY_BYTES_MAX = 200_000
"""Bytes of one binary value."""
GRADE_MAX = 4

_INTEGERS = {"int8": 1 << 7, "int32": 1 << 31, "int64": 1 << 63, "timestamp": 1 << 62}
"""Bound of each integer type; times are microseconds since 1970 UTC."""


class PutRefused(IngestError):
    """Rows that are not stored: which row and column, and the way out."""


@dataclass(frozen=True, slots=True)
class PutPlace:
    """Where rows are handed in."""

    level: Level
    territory: str
    now_us: int
    """Event time of rows that name none, microseconds since 1970 UTC."""


def rows_of(resource: Resource, columns: Sequence[str], cells: Sequence[Sequence[object]], here: PutPlace) -> list[Row]:
    """`cells` as rows in the order of the resource's schema; all rows are good or none is taken. Raises PutRefused.

    Binary values are base64. Common columns left out or null are filled in: event time now, the node's territory, the resource's grade.
    """
    _check_source(resource, here.level)
    _check_columns(resource, columns)
    makers = _makers(resource, here)
    places = [columns.index(name) if name in columns else None for name, _ in makers]
    rows = []
    for number, row in enumerate(cells, start=1):
        if len(row) != len(columns):
            raise PutRefused(f"row {number} refused: it has {len(row)} values for {len(columns)} columns")
        rows.append(tuple(_made(make, name, row, place, number) for (name, make), place in zip(makers, places, strict=True)))
    return rows


def _check_source(resource: Resource, level: Level) -> None:
    if resource.derived is not None:
        raise PutRefused(f"resource {resource.code} refused: its rows are totals of {resource.derived.source} that nodes make themselves")
    if resource.source_level is not None and resource.source_level is not level:
        raise PutRefused(
            f"resource {resource.code} refused: its source is the {resource.source_level.word} level and this node is {level.word}: "
            "put it there"
        )


def _check_columns(resource: Resource, columns: Sequence[str]) -> None:
    wanted = [entry.name for entry in resource.fields]
    known = [*COMMON_COLUMNS, *wanted]
    for name in columns:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known)}"
            raise PutRefused(f"column {name!r} refused: {resource.code} has no such field; {hint}")
    if len(set(columns)) < len(columns):
        raise PutRefused(f"columns {', '.join(columns)} refused: one is there twice")
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise PutRefused(f"column {missing[0]!r} of {resource.code} is missing: add it, null where it is not known")


Maker = Callable[[object], object]
"""A value as it came, None where there is none -> the value as it is stored; raises ValueError with the reason."""


def _makers(resource: Resource, here: PutPlace) -> list[tuple[str, Maker]]:
    common: list[tuple[str, Maker]] = [
        ("event_time", lambda value: here.now_us if value is None else _integer(value, "timestamp")),
        ("territory", lambda value: here.territory if value is None else _place(value, here.territory)),
        ("grade", lambda value: resource.grade if value is None else _grade(value, resource.grade)),
    ]
    return common + [(entry.name, _maker(entry.type)) for entry in resource.fields]


def _made(make: Maker, name: str, row: Sequence[object], place: int | None, number: int) -> object:
    try:
        return make(None if place is None else row[place])
    except ValueError as error:
        raise PutRefused(f"row {number} refused: {name} {error}") from None


def _maker(kind: str) -> Maker:
    typed: dict[str, Maker] = {"string": _text, "float64": _number, "bool": _flag, "binary": _binary}
    make = typed.get(kind) or (lambda value: _integer(value, kind))
    return lambda value: None if value is None else make(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX:
        raise ValueError(f"is no text of at most {TEXT_CHARS_MAX} characters: {str(value)[:60]!r}")
    return value


def _integer(value: object, kind: str) -> int:
    bound = _INTEGERS[kind]
    if isinstance(value, bool) or not isinstance(value, int) or not -bound <= value < bound:
        raise ValueError(f"is no {kind}: {str(value)[:60]!r}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"is no number: {str(value)[:60]!r}")
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is neither true nor false: {str(value)[:60]!r}")
    return value


def _binary(value: object) -> bytes:
    try:
        data = base64.b64decode(_encoded(value), validate=True)
    except binascii.Error as error:
        raise ValueError(f"is not base64 ({error})") from None
    if len(data) > BINARY_BYTES_MAX:
        raise ValueError(f"has {len(data)} bytes, at most {BINARY_BYTES_MAX}")
    return data


def _encoded(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is no base64 text: {str(value)[:60]!r}")
    return value


def _place(value: object, territory: str) -> str:
    code = _text(value)
    if not code.isascii() or not code.isdigit() or len(code) not in TERRITORY_DIGITS or not code_contains(territory, code):
        raise ValueError(f"{code[:60]!r} is no territory inside this node's {territory}")
    return code


def _grade(value: object, least: int) -> int:
    grade = _integer(value, "int8")
    if not max(least, 1) <= grade <= GRADE_MAX:
        raise ValueError(f"{grade} is not from {max(least, 1)}, the grade of the resource, to {GRADE_MAX}")
    return grade
