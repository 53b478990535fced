"""What may be where: the shipped policy and the changes of simulations/rules.py, written down by hand a second time.

Nothing of the product's compiler is used, so an error there cannot hide itself here.
Called by the checkers of wire, stores and convergence.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from simulations.checkers.copies import Holder, RecordRow
from simulations.rules import LIMIT_VALUE, Change
from simulations.workload import PROTECTED
from sync.model import Level

SECRET_COLUMNS = ("resident_id", "name", "id_number", "phone")
"""Columns of residents that no node but the street may hold in clear."""
ABOVE_DISTRICT = (Level.MUNICIPAL, Level.PROVINCIAL)


class May(IntEnum):
    """How much of a record a node may hold; the higher the more."""

    NOTHING = 0
    MASKED = 1
    ALL = 2


class Oracle:
    """Answers for one world."""

    def __init__(self, holders: Mapping[str, Holder], change: Change) -> None:
        self._holders = holders
        self._change = change

    def may_hold(self, resource: str, row: RecordRow, *, origin: str, holder: str, epoch: int) -> May:
        """How much of a record made at `origin` the node `holder` may get under the province's `epoch`; 0 means no policy at all."""
        if origin == holder:
            return May.ALL
        if epoch == 0:
            return May.NOTHING
        if self.is_above(holder, origin):
            return self._up(resource, row, self._holders[holder].level, epoch)
        # Everything else comes down or across: only enterprises do, and only to where they are.
        is_own = resource == "enterprises" and str(row["territory"]).startswith(self._holders[holder].territory)
        return May.ALL if is_own else May.NOTHING

    def is_above(self, upper: str, lower: str) -> bool:
        """True when `upper` is an ancestor of `lower`."""
        parent = self._holders[lower].parent
        return bool(parent) and (parent == upper or self.is_above(upper, parent))

    def shows_secrets(self, row: RecordRow, secrets: frozenset[object]) -> list[str]:
        """The columns of a resident's row that stand in clear; `secrets` are the values as they were made."""
        return [name for name in SECRET_COLUMNS if row.get(name) in secrets]

    def _up(self, resource: str, row: RecordRow, level: Level, epoch: int) -> May:
        if resource == "residents":
            return self._resident(row, level, epoch)
        if resource == "air-quality" and self._is_high_withheld(row, level, epoch):
            return May.NOTHING
        if resource == "camera-events" and self._change is Change.RELEASE_ALL and epoch == 1 and level in ABOVE_DISTRICT:
            return May.NOTHING
        return May.ALL

    def _resident(self, row: RecordRow, level: Level, epoch: int) -> May:
        is_closed = self._change is Change.TIGHTEN and epoch > 1
        if row["category"] == PROTECTED or level is not Level.DISTRICT or is_closed:
            return May.NOTHING
        return May.MASKED

    def _is_high_withheld(self, row: RecordRow, level: Level, epoch: int) -> bool:
        value = row["value"]
        assert isinstance(value, float), "an air reading without a number"
        if value <= LIMIT_VALUE:
            return False
        if self._change is Change.DENY_ROWS:
            return epoch > 1 and level in ABOVE_DISTRICT
        return self._change is Change.RELEASE_ROWS and epoch == 1
