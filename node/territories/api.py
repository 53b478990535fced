"""The verbs of the local API about changes of territories. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from node.cases.verbs import Name, Plain, Table
from node.territories.desk import TerritoryDesk
from policies.territories import CHANGES_MAX, Change

Code = Annotated[str, Meta(pattern="^[0-9]{2,15}$")]
Moment = Annotated[int, Meta(ge=0, le=1 << 53)]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """Every change in force here."""


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What begins with `old` begins with `new` from then on."""

    old: Code
    new: Code
    from_us: Moment
    basis: Name


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    """Changes that are not made yet."""

    changes: Annotated[list[Wanted], Meta(max_length=CHANGES_MAX)]


class Issue(msgspec.Struct, forbid_unknown_fields=True):
    """Changes for this node's next bundle."""

    changes: Annotated[list[Wanted], Meta(min_length=1, max_length=CHANGES_MAX)]
    by: Name


class Drop(msgspec.Struct, forbid_unknown_fields=True):
    """A change of this node's that has not begun."""

    old: Code
    from_us: Moment
    by: Name


@dataclass(frozen=True, slots=True)
class TerritoryVerbs:
    """Answers the verbs; the desk is asked for when one is called."""

    desk: Callable[[], TerritoryDesk]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "territory_list": (Listing, self._list),
            "territory_plan": (Plan, lambda asked: asyncio.to_thread(self.desk().plan, _changes(asked.changes))),
            "territory_issue": (Issue, lambda asked: self.desk().issue(_changes(asked.changes))),
            "territory_drop": (Drop, lambda asked: self.desk().drop(asked.old, asked.from_us)),
        }

    async def _list(self, _: Listing) -> Plain:
        return {"changes": await asyncio.to_thread(self.desk().listed)}


def _changes(wanted: list[Wanted]) -> list[Change]:
    return [Change.of(msgspec.to_builtins(one), f"changes[{place}]") for place, one in enumerate(wanted)]
