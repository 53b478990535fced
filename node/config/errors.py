"""Errors of node.toml, each with its file and line, and the finding of that line. Called by config.py."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from node.errors import EXIT_CONFIG, NodeError

KeyPath = tuple[str | int, ...]
"""Where a value stands: table names, keys, and indexes into arrays."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration."""

    at: KeyPath
    text: str


class ConfigError(NodeError):
    """node.toml cannot be used; `problems` are all that were found at once, each line of the message names file and line."""

    exit_code: ClassVar[int] = EXIT_CONFIG

    def __init__(self, path: Path, problems: Sequence[Problem], lines: dict[KeyPath, int] | None = None) -> None:
        places = [(line_of(problem.at, lines or {}), problem.text) for problem in problems]
        super().__init__("\n".join(f"{path}:{line}: {text}" for line, text in sorted(places)))
        self.path = path
        self.problems = tuple(problems)


def line_of(at: KeyPath, lines: dict[KeyPath, int]) -> int:
    """The line of the value at `at`, or of the nearest table around it; 1 when none is known."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def find_lines(text: str) -> dict[KeyPath, int]:
    """The line number of every table header and key of a TOML text that parses."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.fullmatch(line)
        if header is not None:
            table = _enter(_names(header[2]), counts, is_array=header[1] == "[[")
            lines[table] = number
            continue
        key = _KEY.match(line)
        if key is not None:
            lines.setdefault((*table, *_names(key[1])), number)
    return lines


def _names(dotted: str) -> list[str]:
    return [name.strip().strip("\"'") for name in dotted.split(".")]


def _enter(names: list[str], counts: dict[KeyPath, int], *, is_array: bool) -> KeyPath:
    at: KeyPath = ()
    for index, name in enumerate(names):
        at = (*at, name)
        if is_array and index == len(names) - 1:
            counts[at] = counts.get(at, 0) + 1
        if at in counts:
            at = (*at, counts[at] - 1)
    return at
