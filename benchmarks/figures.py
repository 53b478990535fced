"""One measured figure with the raw cost of the same bytes beside it, or a ratio against the bound it has to keep.

Made by every benchmark, printed by run.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """A median of rounds."""

    name: str
    unit: str
    values: tuple[float, ...]
    """One for each round."""
    raws: tuple[float, ...]
    """The raw cost in the same rounds, in the same unit."""
    raw_name: str
    """What the raw cost is."""
    form: str
    """Payload form and durability."""
    note: str = ""

    @property
    def value(self) -> float:
        """Median of the rounds."""
        return median(self.values)

    @property
    def raw(self) -> float:
        """Median of the raw cost."""
        return median(self.raws)

    @property
    def ratio(self) -> float:
        """Median of the ratios, each within one round."""
        return median(value / raw for value, raw in zip(self.values, self.raws, strict=True))

    def encoded(self) -> dict[str, object]:
        """The figure for `--json`."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.value,
            "low": min(self.values),
            "high": max(self.values),
            "rounds": len(self.values),
            "raw": self.raw,
            "raw_name": self.raw_name,
            "ratio": self.ratio,
            "form": self.form,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio within one run, and the bound it has to keep."""

    name: str
    what: str
    """What is divided by what."""
    bound: float
    at_least: bool
    """True when the ratio may not be lower than the bound, False when it may not be higher."""
    values: tuple[float, ...]
    """One for each round; empty where it could not be measured."""
    form: str
    """Payload form and durability."""
    notes: tuple[str, ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)
    """Medians the ratio was made from, for `--json`."""

    @property
    def value(self) -> float:
        """Median of the rounds."""
        return median(self.values)

    @property
    def verdict(self) -> str:
        """PASS, FAIL, or SKIPPED where there are no values."""
        if not self.values:
            return "SKIPPED"
        return "PASS" if (self.value >= self.bound if self.at_least else self.value <= self.bound) else "FAIL"

    def encoded(self) -> dict[str, object]:
        """The target for `--json`."""
        return {
            "name": self.name,
            "what": self.what,
            "verdict": self.verdict,
            "median": self.value if self.values else None,
            "bound": self.bound,
            "at_least": self.at_least,
            "rounds": len(self.values),
            "form": self.form,
            "notes": list(self.notes),
            "parts": dict(self.parts),
        }


def target_lines(target: Target) -> Sequence[str]:
    """The target for a person."""
    bound = f"{'>=' if target.at_least else '<='} {target.bound:g}"
    spread = f" ({min(target.values):.3g} to {max(target.values):.3g}, {len(target.values)} rounds)" if target.values else ""
    value = f"{target.value:.3g}" if target.values else "-"
    lines = [f"{target.name:<8} {target.verdict:<8} {value:>8}  target {bound:<8} {target.what}{spread}", f"{'':<8} {target.form}"]
    return [*lines, *(f"{'':<8} {note}" for note in target.notes)]


def lines_of(figure: Figure) -> Sequence[str]:
    """The figure for a person."""
    low, high = _number(min(figure.values)), _number(max(figure.values))
    lines = [
        f"{figure.name:<28} {_number(figure.value):>12} {figure.unit:<11} ({low} to {high}, {len(figure.values)} rounds)",
        f"{'':<28} {_number(figure.raw):>12} {figure.unit:<11} {figure.raw_name}; ratio {figure.ratio:.3f}",
        f"{'':<28} {figure.form}",
    ]
    return [*lines, f"{'':<28} {figure.note}"] if figure.note else lines


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
