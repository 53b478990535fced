"""Which nodes exist and who is whose parent."""

from __future__ import annotations

from dataclasses import dataclass

from sync.model import Level


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node of a world."""

    id: str
    level: Level
    territory: str
    parent: str = ""


def binary_tree(*, provinces: int = 1, fan_out: int = 2) -> tuple[NodePlan, ...]:
    """Five levels with `fan_out` children at each: 31 nodes when it is two. Parents come before children."""
    plans = [NodePlan(f"p{index}", Level.PROVINCIAL, f"{37 + index}") for index in range(provinces)]
    for level, digits in ((Level.MUNICIPAL, 2), (Level.DISTRICT, 2), (Level.STREET, 3), (Level.GRID, 6)):
        above = [plan for plan in plans if plan.level == level + 1]
        plans += [_child(parent, level, index, digits) for parent in above for index in range(1, fan_out + 1)]
    return tuple(plans)


def _child(parent: NodePlan, level: Level, index: int, digits: int) -> NodePlan:
    name = f"{'gsdmp'[level - 1]}{parent.id[1:] if level < Level.MUNICIPAL else ''}{index}"
    return NodePlan(name, level, f"{parent.territory}{index:0{digits}d}", parent.id)
