"""One measured figure with the raw cost of the same bytes beside it. Made by every benchmark, printed by run.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
