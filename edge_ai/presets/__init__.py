"""Ready-made rules: for a common concern the kind, the classes and numbers that usually fit, as TOML files in this folder.

A camera's rule names one and gives its place; every value that it gives itself wins. Imports no picture code. Called by the node's
configuration and by the `rule` verb.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec

from edge_ai.errors import SpecError
from edge_ai.rule_spec import RuleKind

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The content of one file."""

    name: str
    kind: RuleKind
    severity: int
    """1 (low) to 4 of the incident that it opens; 0: none."""
    algorithms: tuple[str, ...]
    """Algorithms it was made for, the simplest first."""
    proved: str
    """What it was proved on, in words."""
    rule: dict[str, bool | int | float | str | tuple[str, ...]] = field(default_factory=dict)
    """Values of RuleSpec by name."""


@cache
def presets() -> dict[str, Preset]:
    """All presets by name."""
    files = sorted(FOLDER.glob("*.toml"))
    return {file.stem: msgspec.convert({"name": file.stem} | tomllib.loads(file.read_text("utf-8")), Preset) for file in files}


def preset_named(name: str) -> Preset:
    """The preset; raises SpecError naming those there are."""
    found = presets().get(name)
    if found is None:
        raise SpecError(f"preset {name!r} is not known: there are {', '.join(presets())}")
    return found
