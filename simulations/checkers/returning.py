"""What comes down, by hand: which resources return to the territories, by which column, and to whom (docs/returns.md).

A record of any other resource lies at its origin and above it and nowhere else. No change of simulations/rules.py is about the way down, so
what returns does so whole, under every epoch. Called by oracle.py, convergence.py and excuses.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from simulations.checkers.records import Flags, starts_with_any


@dataclass(frozen=True, slots=True)
class Returning:
    """How one resource comes down."""

    place: str = "territory"
    """Column with the code of the territory that a record belongs to."""

    def goes_to(self, rows: pa.Table, territories: Iterable[str]) -> Flags:
        """Where a record belongs to one of `territories`, those of one node: it must get the record from the node above it."""
        return starts_with_any(rows.column(self.place), territories)


RETURNING: Mapping[str, Returning] = {
    "enterprises": Returning(),
    "incident-steps": Returning(),
    "quality-tickets": Returning(),
}
"""By resource. Enterprises are made by cities alone; facts of cases anywhere, each for the territory of its own node or of one below."""
