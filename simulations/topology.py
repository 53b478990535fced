"""Which nodes exist and who is whose parent."""

from __future__ import annotations

from collections.abc import Sequence
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


def two_streets() -> tuple[NodePlan, ...]:
    """A line of five nodes, and a second street in its district."""
    line = binary_tree(fan_out=1)
    district = next(plan for plan in line if plan.level is Level.DISTRICT)
    return (*line, _child(district, Level.STREET, 2, 3))


def _child(parent: NodePlan, level: Level, index: int, digits: int) -> NodePlan:
    name = f"{'gsdmp'[level - 1]}{parent.id[1:] if level < Level.MUNICIPAL else ''}{index}"
    return NodePlan(name, level, f"{parent.territory}{index:0{digits}d}", parent.id)


def parents_for(plan: NodePlan, plans: Sequence[NodePlan]) -> list[str]:
    """Nodes below which an order may put this one without another policy applying to what it makes.

    A grid goes below any street or district, a street below another district, a district below any city or the province.
    """
    levels = {
        Level.GRID: (Level.STREET, Level.DISTRICT),
        Level.STREET: (Level.DISTRICT,),
        Level.DISTRICT: (Level.MUNICIPAL, Level.PROVINCIAL),
    }.get(plan.level, ())
    top = plan.territory[:2]
    return [other.id for other in plans if other.level in levels and other.id != plan.parent and other.territory.startswith(top)]
