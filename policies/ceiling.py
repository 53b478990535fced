"""The ceiling table and the release rules: what a grade allows at each distance, and when totals may be shown.

Owns the table of POLICY section 4 as data. Refuses a table with holes. Called by bundles, the compiler and the release of totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.errors import BundleError
from policies.reading import Reader
from policies.words import Distance, Verdict, Way, from_word

ROUNDING_MIN = 5
"""Counts beside hidden ones are rounded to this at least."""
ROWS = ("L1", "L2", "L3", "L4", "important", "core")
COLUMNS = ("own", "parent", "above", "return", "sideways", "open")

_UP = {Distance.OWN: "own", Distance.PARENT: "parent", Distance.ABOVE: "above"}


def column_of(way: Way, distance: Distance) -> str:
    """The table's column for a flow; sideways and peers share one."""
    if way is Way.UP:
        return _UP[distance]
    return {Way.RETURN: "return", Way.OPEN: "open"}.get(way, "sideways")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A complete table: a verdict for every row and column."""

    cells: tuple[Verdict, ...]
    """Row by row in the order of ROWS and COLUMNS."""

    def verdict(self, row: str, column: str) -> Verdict:
        """The cell."""
        return self.cells[ROWS.index(row) * len(COLUMNS) + COLUMNS.index(column)]

    def strictest(self, other: Ceiling) -> Ceiling:
        """The stricter of two tables, cell by cell."""
        return Ceiling(tuple(max(pair) for pair in zip(self.cells, other.cells, strict=True)))

    @classmethod
    def of(cls, value: object, where: str) -> Ceiling:
        """A table from decoded JSON or TOML (`{row: {column: verdict}}`); raises BundleError."""
        outer = Reader(value, where)
        cells: list[Verdict] = []
        for row in ROWS:
            inner = Reader(outer.table(row), f"{where}.{row}")
            cells += [from_word(Verdict, inner.text(column), what=f"{where}.{row}.{column}") for column in COLUMNS]
            inner.done()
        outer.done()
        return cls(tuple(cells))

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        return {row: {column: self.verdict(row, column).word for column in COLUMNS} for row in ROWS}


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """When totals of records of one grade may be shown."""

    grade: int
    k: int
    """Smallest count that is shown, and smallest change that is shown later."""
    suppressed_min: int = 2
    """Cells hidden per parent when any is, so that a total gives none away."""
    window_s: int = 86_400
    """Totals are released once per window of this length."""
    rounding: int = 0
    """Counts beside hidden ones are shown as multiples of this; 0: half of k, and ROUNDING_MIN at least."""

    @property
    def step(self) -> int:
        """What counts beside hidden ones are rounded to."""
        return self.rounding or max(ROUNDING_MIN, self.k // 2)

    @classmethod
    def of(cls, value: object, where: str) -> ReleaseRule:
        """A rule from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(
            grade=reader.integer("grade", low=1, high=4),
            k=reader.integer("k", low=1, high=1_000_000),
            suppressed_min=reader.integer("suppressed_min", 2, low=2, high=1_000),
            window_s=reader.integer("window_s", 86_400, low=1),
            rounding=reader.integer("rounding", 0, low=0, high=1_000_000),
        )
        reader.done()
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        plain: dict[str, object] = {"grade": self.grade, "k": self.k, "suppressed_min": self.suppressed_min, "window_s": self.window_s}
        # Written only where it is set, so that older bundles keep their bytes.
        return plain | ({"rounding": self.rounding} if self.rounding else {})

    def strictest(self, other: ReleaseRule) -> ReleaseRule:
        """The stricter of two rules for one grade."""
        return ReleaseRule(
            self.grade,
            max(self.k, other.k),
            max(self.suppressed_min, other.suppressed_min),
            max(self.window_s, other.window_s),
            max(self.step, other.step) if self.rounding or other.rounding else 0,
        )


def check_rules(rules: tuple[ReleaseRule, ...], where: str) -> tuple[ReleaseRule, ...]:
    """`rules` if no grade has two; raises BundleError."""
    if len({rule.grade for rule in rules}) != len(rules):
        raise BundleError(f"{where} refused: two release rules for one grade")
    return rules


def rules_by_grade(rules: tuple[ReleaseRule, ...]) -> Mapping[int, ReleaseRule]:
    """The rules by grade, combined strictest-wins."""
    combined: dict[int, ReleaseRule] = {}
    for rule in rules:
        known = combined.get(rule.grade)
        combined[rule.grade] = rule if known is None else known.strictest(rule)
    return combined
