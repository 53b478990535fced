"""What changed in an entry from one epoch to the next, as paths into the entry: `grade`, `listing.abstract`, `fields.phone.mask`.

Pure. Called by the desk when a bundle came into force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

VALUE_CHARS_MAX = 200
"""Characters of a value that is kept."""
PATHS_MAX = 200
"""Changed values of one entry that are kept."""
UNTOLD = frozenset({"specimen", "specimen_listed"})
"""Parts of an entry that only explanations use."""

Plain = dict[str, object]


class Change(Enum):
    """What became of an entry."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Edition:
    """One change of one entry."""

    code: str
    change: Change
    values: Mapping[str, tuple[str, str]]
    """(before, after) by path; empty for an entry that came or went whole."""


def editions(before: Mapping[str, Plain], after: Mapping[str, Plain]) -> Iterator[Edition]:
    """What changed between two catalogues of one issuer, encoded, by code."""
    for code in sorted({*before, *after}):
        if code not in before:
            yield Edition(code, Change.ADDED, {})
        elif code not in after:
            yield Edition(code, Change.REMOVED, {})
        elif before[code] != after[code]:
            yield Edition(code, Change.CHANGED, changed_values(before[code], after[code]))


def changed_values(before: Plain, after: Plain) -> dict[str, tuple[str, str]]:
    """(before, after) by path, shortened and at most PATHS_MAX."""
    old, new = _flat(before), _flat(after)
    paths = [path for path in sorted({*old, *new}) if old.get(path, "") != new.get(path, "")]
    return {path: (old.get(path, "")[:VALUE_CHARS_MAX], new.get(path, "")[:VALUE_CHARS_MAX]) for path in paths[:PATHS_MAX]}


def _flat(entry: Plain) -> dict[str, str]:
    values: dict[str, str] = {}
    for key, value in entry.items():
        if key in UNTOLD:
            continue
        if key == "fields" and isinstance(value, list | tuple):
            for item in value:
                values |= {f"fields.{item['name']}.{name}": str(part) for name, part in item.items() if name != "name"}
        elif isinstance(value, Mapping):
            values |= {f"{key}.{name}": _shown(part) for name, part in value.items()}
        else:
            values[key] = _shown(value)
    return values


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
