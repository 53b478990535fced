"""The changes of territories that a running node issues: planned first, with what they mean here, then part of its next bundle.

Who may issue is the bundle's rule: the municipality and above. Here a node changes only codes of its own territory, and names the order
that made the change. A change whose date has come is history: it is not taken out, another one follows it. Called by the local API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from node.policy.issuing import Issuer
from node.territories.errors import TerritoryRefused
from node.tree.directory import NodeStatus
from policies.bundle import Contents
from policies.territories import Change, Successors, check_changes
from sync.model import Level

NODES_SHOWN_MAX = 50
"""Known nodes that a plan names."""

Plain = dict[str, Any]


@dataclass(slots=True)
class TerritoryDesk:
    """One node's changes of territories."""

    issuer: Issuer
    territory: str
    below: Callable[[], Sequence[NodeStatus]]
    """Nodes known below this one."""
    _issuing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def listed(self) -> list[Plain]:
        """Every change in the bundles in force here, whoever issued it, by date. Blocking."""
        now_us, own = self.issuer.clock.wall_us(), self._own()
        changes = sorted(self.issuer.policy.ruleset.successors, key=lambda one: (one.from_us, one.old))
        return [{**one.encoded(), "in_force": one.from_us <= now_us, "own": one in own} for one in changes]

    def plan(self, changes: Sequence[Change]) -> Plain:
        """What issuing `changes` would do. Blocking; raises TerritoryRefused, PolicyError, IssueRefused."""
        new = self._new(changes)
        self.issuer.next_bundle(lambda held: _with(held, new))
        after = Successors.at((*self.issuer.policy.ruleset.successors, *new), max((one.from_us for one in new), default=0))
        nodes = [status for status in self.below() if any(status.territory.startswith(one.old) for one in new)]
        return {
            "changes": [one.encoded() for one in new],
            "known": len(changes) - len(new),
            "nodes": [_node(one, after) for one in nodes[:NODES_SHOWN_MAX]],
            "nodes_count": len(nodes),
        }

    async def issue(self, changes: Sequence[Change]) -> Plain:
        """Make `changes` part of the next bundle. Raises TerritoryRefused, PolicyError, IssueRefused."""
        async with self._issuing:
            plan = await asyncio.to_thread(self.plan, changes)
            new = self._new(changes)
            if new:
                await self._bring(lambda held: _with(held, new))
            return plan | {"epoch": self._epoch()}

    async def drop(self, old: str, from_us: int) -> Plain:
        """Take out a change of this node's that has not begun. Raises TerritoryRefused, PolicyError, IssueRefused."""
        async with self._issuing:
            found = [one for one in self._own() if (one.old, one.from_us) == (old, from_us)]
            if not found:
                raise TerritoryRefused(
                    f"change of {old} not taken out: this node has issued none from that date; see `yunnao territory list`"
                )
            if from_us <= self.issuer.clock.wall_us():
                raise TerritoryRefused(f"change of {old} not taken out: it has begun, and records follow it; issue another change after it")
            await self._bring(lambda held: replace(held, successors=tuple(one for one in held.successors if one not in found)))
            return {"dropped": found[0].encoded(), "epoch": self._epoch()}

    async def _bring(self, change: Callable[[Contents], Contents]) -> None:
        bundle = await asyncio.to_thread(self.issuer.next_bundle, change)
        await self.issuer.issue_aside(bundle)

    def _own(self) -> tuple[Change, ...]:
        held = self.issuer.policy.held(self.issuer.node)
        return held.contents.successors if held else ()

    def _epoch(self) -> int:
        held = self.issuer.policy.held(self.issuer.node)
        return held.epoch if held else 0

    def _new(self, changes: Sequence[Change]) -> tuple[Change, ...]:
        """Those of `changes` that are not there already, checked."""
        if self.issuer.level < Level.MUNICIPAL:
            raise TerritoryRefused(f"change refused: level {self.issuer.level.word} changes no territories; ask the municipality")
        for one in changes:
            for code in (one.old, one.new):
                if not code.startswith(self.territory):
                    raise TerritoryRefused(f"change of {one.old} refused: {code} lies outside {self.territory}, the territory of this node")
            if one.old == one.new:
                raise TerritoryRefused(f"change of {one.old} refused: it becomes itself")
            if not one.basis.strip():
                raise TerritoryRefused(f"change of {one.old} refused: name the order that makes it, with --basis")
        own = self._own()
        new = tuple(one for one in dict.fromkeys(changes) if one not in own)
        check_changes((*own, *new), "successors")
        return new


def _node(status: NodeStatus, after: Successors) -> Plain:
    """A known node that stands where something changes."""
    return {"id": status.id, "territory": status.territory, "becomes": after.present(status.territory)}


def _with(held: Contents, new: tuple[Change, ...]) -> Contents:
    """The contents with the new changes; what is held stays."""
    return replace(held, successors=(*held.successors, *(one for one in new if one not in held.successors)))
