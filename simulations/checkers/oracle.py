"""What may be where: the shipped policy and the changes of simulations/rules.py, written down by hand a second time.

Nothing of the product's compiler is used, so an error there cannot hide itself here. Answers are columns, one value for each row.
Called by the checkers of wire, stores and convergence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simulations.checkers.copies import Holder
from simulations.checkers.records import Flags, flags
from simulations.checkers.returning import RETURNING
from simulations.rules import LIMIT_VALUE, Change, is_changed
from simulations.workload import PROTECTED
from sync.model import Level

SECRET_COLUMNS = ("resident_id", "name", "id_number", "phone")
"""Columns of residents that no node but the street may hold in clear."""
SKELETON_RESOURCE = "incidents"
STRIPPED_COLUMNS = frozenset({"event_id", "summary"})
"""What of an incident stays behind when a node on its way believes that no policy is in its dates: an alarm goes on without them."""
NEEDED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "residents": ("category",),
    "air-quality": ("value",),
    **{resource: (returning.place,) for resource, returning in RETURNING.items()},
}
"""Columns that `may_hold` looks at, by resource; all others are judged without their rows."""
ABOVE_DISTRICT = (Level.MUNICIPAL, Level.PROVINCIAL)

Mays = npt.NDArray[np.int8]
"""A May for each row."""


class May(IntEnum):
    """How much of a record a node may hold; the higher the more."""

    NOTHING = 0
    MASKED = 1
    ALL = 2


class Side(IntEnum):
    """Where a record was made, seen from the node that holds it."""

    ELSEWHERE = 0
    BELOW = 1
    HERE = 2


@dataclass(frozen=True, slots=True)
class Origins:
    """Who made each row: an index into `nodes`, -1 for nobody known."""

    nodes: tuple[str, ...]
    index: npt.NDArray[np.int64]


class Oracle:
    """Answers for one world. `parents` may change while the world runs; then tell `moved`."""

    def __init__(self, holders: Mapping[str, Holder], change: Change) -> None:
        self._holders = holders
        self._change = change
        self.homes: Mapping[str, tuple[str, ...]] = {}
        """Territories besides its own whose returned records a node may have, by node."""
        self._above = {(holder, holder): True for holder in holders}
        for node in holders:
            self.moved(node, self._line(node))

    def moved(self, node: str, ancestors: Iterable[str]) -> None:
        """`ancestors` are, or were, above `node`: what it made may lie there."""
        for upper in ancestors:
            self._above[upper, node] = True

    def is_above(self, upper: str, lower: str) -> bool:
        """True when `upper` is an ancestor of `lower`."""
        return upper != lower and self._above.get((upper, lower), False)

    def may_hold(self, resource: str, rows: pa.Table, origins: Origins, *, holder: str, epoch: int) -> Mays:
        """How much of each record the node `holder` may get under the province's `epoch`; 0 means no policy at all."""
        sides = self._sides(holder, origins)
        may = np.zeros(len(origins.index), np.int8)
        may[sides == Side.HERE] = May.ALL
        if epoch == 0:
            return may
        below = sides == Side.BELOW
        if below.any():
            may[below] = self._up(resource, rows, self._holders[holder].level, epoch, count=len(may))[below]
        if (returning := RETURNING.get(resource)) is not None:
            own = returning.goes_to(rows, (self._holders[holder].territory, *self.homes.get(holder, ())))
            may[(sides == Side.ELSEWHERE) & own] = May.ALL
        return may

    def comes_down(self, origins: Origins, *, holder: str) -> Flags:
        """Where a record was made neither at `holder` nor below it: only a return can bring it."""
        return np.asarray(self._sides(holder, origins) == Side.ELSEWHERE, np.bool_)

    def kinds(self, epochs: Iterable[int]) -> list[int]:
        """One epoch of each kind among `epochs`: those of a kind allow the same."""
        return list({is_changed(self._change, epoch): epoch for epoch in epochs}.values())

    def shows_secrets(self, rows: pa.Table, secrets: Collection[str]) -> Flags:
        """Where a resident's row has a column in the clear; `secrets` are the values as they were made."""
        shown = np.zeros(rows.num_rows, np.bool_)
        for name in SECRET_COLUMNS:
            if name in rows.schema.names and pa.types.is_string(rows.schema.field(name).type):
                shown |= np.fromiter((value in secrets for value in rows.column(name).to_pylist()), np.bool_, rows.num_rows)
        return shown

    def _line(self, node: str) -> list[str]:
        line: list[str] = []
        while parent := self._holders[node].parent:
            line.append(parent)
            node = parent
        return line

    def _sides(self, holder: str, origins: Origins) -> npt.NDArray[np.int8]:
        return np.array([*(self._side(holder, node) for node in origins.nodes), Side.ELSEWHERE], np.int8)[origins.index]

    def _side(self, holder: str, origin: str) -> Side:
        if origin == holder:
            return Side.HERE
        return Side.BELOW if self.is_above(holder, origin) else Side.ELSEWHERE

    def _up(self, resource: str, rows: pa.Table, level: Level, epoch: int, *, count: int) -> Mays:
        changed = is_changed(self._change, epoch)
        may = np.full(count, May.ALL, np.int8)
        if resource == "residents":
            is_closed = level is not Level.DISTRICT or (self._change is Change.TIGHTEN and changed)
            may[:] = May.NOTHING if is_closed else May.MASKED
            may[flags(pc.equal(rows.column("category"), pa.scalar(PROTECTED)))] = May.NOTHING
        elif resource == "air-quality" and self._withholds_high(level, changed=changed):
            may[rows.column("value").to_numpy() > LIMIT_VALUE] = May.NOTHING
        elif resource == "camera-events" and self._withholds_events(level, changed=changed):
            may[:] = May.NOTHING
        return may

    def _withholds_events(self, level: Level, *, changed: bool) -> bool:
        return self._change in (Change.RELEASE_ALL, Change.LIFT_ALL) and not changed and level in ABOVE_DISTRICT

    def _withholds_high(self, level: Level, *, changed: bool) -> bool:
        if self._change is Change.DENY_ROWS:
            return changed and level in ABOVE_DISTRICT
        return self._change in (Change.RELEASE_ROWS, Change.LIFT_ROWS) and not changed
