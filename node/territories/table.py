"""A published table of changed divisions, read as changes from old codes to new ones. Pure.

Owns the layout (columns `code, level, change, old_name, new_name, old_parent, new_parent`; codes of twelve digits, padded) and one rule:
what was removed lives on in what was added on its tier under the same name, in the same parent or in what that parent became. Guesses
nothing else: what has no heir by that rule, or several, is left to a person, who names one. Called by the verb.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.territories.errors import TableRefused

ROWS_MAX = 20_000
NAME_CHARS_MAX = 200
CODE_DIGITS = 12
DIGITS = {"province": 2, "city": 4, "district": 6, "street": 9, "village": 12}
"""Digits of a code that count on each tier, from the top down."""
COLUMNS = ("code", "level", "change", "old_name", "new_name", "old_parent", "new_parent")
CHANGES = frozenset({"added", "removed", "renamed"})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    code: str
    """The digits that count on its tier."""
    digits: int
    change: str
    name: str
    parent: str
    """Twelve digits, as the table has it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the table says."""

    changes: tuple[tuple[str, str], ...]
    """Old and new code."""
    orphans: tuple[tuple[str, str], ...]
    """Code and name of what was removed and has no heir by the rule."""
    renamed: int
    """Lines that change a name alone: the code stays, and nothing follows from it."""


def read_table(lines: Iterable[str]) -> list[Row]:
    """The rows of a table; raises TableRefused."""
    reader = csv.DictReader(lines)
    lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if lacking:
        raise TableRefused(f"the table has no column {lacking[0]!r}; it needs {', '.join(COLUMNS)}")
    rows: list[Row] = []
    try:
        for row in reader:
            if len(rows) >= ROWS_MAX:
                raise TableRefused(f"the table has more than {ROWS_MAX} lines: split it")
            rows.append(_row(row, reader.line_num))
    except csv.Error as error:
        raise TableRefused(f"line {reader.line_num} of the table cannot be read: {error}") from None
    return rows


def _row(row: Mapping[str, str | None], line: int) -> Row:
    digits, change = DIGITS.get(row["level"] or ""), row["change"] or ""
    if digits is None:
        raise TableRefused(f"line {line}: level {(row['level'] or '')[:20]!r} is not one of {', '.join(DIGITS)}")
    if change not in CHANGES:
        raise TableRefused(f"line {line}: change {change[:20]!r} is not one of {', '.join(sorted(CHANGES))}")
    side = "new" if change == "added" else "old"
    code, name = row["code"] or "", row[f"{side}_name"] or ""
    if len(code) != CODE_DIGITS or not (code.isascii() and code.isdigit()) or code[digits:].strip("0"):
        raise TableRefused(
            f"line {line}: code {code[:20]!r} is none of a {row['level']}: {digits} digits, then zeros, {CODE_DIGITS} together"
        )
    if not name or len(name) > NAME_CHARS_MAX:
        raise TableRefused(f"line {line}: {side}_name is missing, or longer than {NAME_CHARS_MAX} characters")
    return Row(code[:digits], digits, change, name, row[f"{side}_parent"] or "")


def found_in(rows: Sequence[Row], heirs: Mapping[str, str]) -> Found:
    """What the rows say, tier by tier from the top; `heirs` are named by a person and hold before the rule. Raises TableRefused."""
    removed = sorted((row for row in rows if row.change == "removed"), key=lambda row: (row.digits, row.code))
    unknown = sorted(set(heirs) - {row.code for row in removed})
    if unknown:
        raise TableRefused(f"heir of {unknown[0]} refused: the table removes no such code")
    added: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.change == "added":
            added[row.digits, row.name].append(row)
    became: dict[str, str] = {}
    changes: list[tuple[str, str]] = []
    orphans: list[tuple[str, str]] = []
    for row in removed:
        heir = heirs.get(row.code) or _heir(row, added[row.digits, row.name], became)
        if heir is None:
            orphans.append((row.code, row.name))
        elif heir != _carried(row.code, became):
            changes.append((row.code, heir))
        if heir is not None:
            became[row.code] = heir
    return Found(tuple(changes), tuple(orphans), sum(row.change == "renamed" for row in rows))


def _heir(row: Row, added: Sequence[Row], became: Mapping[str, str]) -> str | None:
    """The one of those `added` under its name that lies in its parent, or in what that became."""
    parents = {row.parent, _carried(row.parent, became)}
    fitting = [one.code for one in added if one.parent in parents]
    return fitting[0] if len(fitting) == 1 else None


def _carried(code: str, became: Mapping[str, str]) -> str:
    """Where a code goes by the changes of the tiers above it."""
    for digits in sorted(DIGITS.values(), reverse=True):
        if digits <= len(code) and code[:digits] in became:
            return became[code[:digits]] + code[digits:]
    return code
