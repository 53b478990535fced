"""Which cells of a table of totals stay hidden: the small ones, and enough others that nothing which is shown gives one away.

Owns the rule. A reader may know every total over a family (the siblings of one parent place in one group, all groups of one place), and
every window so far. So three things are hidden as well: others of a family until what is hidden there is enough; others that close a
circle where a hidden cell could be worked out by going from family to family (each hidden cell is an edge between its two families, and
an edge on no circle has one solution only; Tarjan, A Note on Finding the Bridges of a Graph, 1974); and the members of a family whose sum
was shown, until that sum has changed by k. A cell already shown stays. What is shown beside a hidden cell is rounded (release.py), because
a hidden cell on a small circle could still be guessed well by who knows the totals both ways. Called by policies/release.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from policies.catalogue import Derived
from policies.ceiling import ReleaseRule

if TYPE_CHECKING:
    from policies.release import Cell, Group

KEYS_KEPT = 1 << 16
"""Names of cells that are remembered: the same ones are asked for in every window."""

Family = tuple[str, "Group | None"]
"""Parent place and group; or a place and None for all its groups."""
Graph = dict[Family, list[tuple[str, Family]]]
"""By family, its hidden cells, each with its other family."""


def hidden_cells(cells: Sequence[Cell], rule: ReleaseRule, derived: Derived, shown: Mapping[str, int | None]) -> set[str]:
    """Keys of the cells that are not shown now; `shown` is what was shown so far."""
    final = {key for key, value in shown.items() if value is not None}
    hidden = {cell.key for cell in cells if cell.count < rule.k and cell.key not in final}
    hidden |= {cell.key for cell in _summed(cells, rule, derived, shown) if cell.key not in final}
    families = _families(cells, derived)
    while extra := _to_fill(families, hidden, final, rule) or _to_close(cells, hidden, final, derived):
        hidden |= extra
    return hidden


def beside_hidden(cells: Sequence[Cell], hidden: set[str], derived: Derived) -> set[str]:
    """Keys of the cells that stand in one family with a hidden one: exact, they would leave it in an equation with few others."""
    touched = {family for cell in cells if cell.key in hidden for family in (_family_above(cell, derived), _family_across(cell))}
    found = {cell.key for cell in cells if _family_above(cell, derived) in touched or _family_across(cell) in touched}
    return found - hidden


@lru_cache(maxsize=KEYS_KEPT)
def key_of(place: str, group: Group) -> str:
    """The name of a cell in what was shown."""
    return json.dumps([place, *group], ensure_ascii=False)


def siblings(cells: Iterable[Cell], derived: Derived) -> dict[Family, list[Cell]]:
    """The cells by parent place and group."""
    found: dict[Family, list[Cell]] = {}
    for cell in cells:
        found.setdefault(_family_above(cell, derived), []).append(cell)
    return found


def _summed(cells: Sequence[Cell], rule: ReleaseRule, derived: Derived, shown: Mapping[str, int | None]) -> Iterator[Cell]:
    """Members of families whose sum is shown and has not changed by k since: shown now, they would tell what each was then."""
    if not derived.widen_to:
        return
    for (place, group), members in siblings(cells, derived).items():
        last = shown.get(key_of(place, group or ()))
        if last is not None and abs(sum(cell.count for cell in members) - last) < rule.k:
            yield from members


def _families(cells: Sequence[Cell], derived: Derived) -> list[list[Cell]]:
    rows: dict[Family, list[Cell]] = {}
    for cell in cells:
        rows.setdefault(_family_across(cell), []).append(cell)
    return [*siblings(cells, derived).values(), *rows.values()]


def _family_above(cell: Cell, derived: Derived) -> Family:
    return cell.place[: derived.widen_to], cell.group


def _family_across(cell: Cell) -> Family:
    return cell.place, None


def _to_fill(families: list[list[Cell]], hidden: set[str], final: set[str], rule: ReleaseRule) -> set[str]:
    """For each family in which too little is hidden, the next cell to hide as well."""
    return {extra for family in families if (extra := _complement(family, hidden, final, rule))}


def _complement(family: list[Cell], hidden: set[str], final: set[str], rule: ReleaseRule) -> str:
    """The next cell of `family` to hide as well; empty when enough are hidden or none can be."""
    covered = [cell for cell in family if cell.key in hidden]
    if not covered or (len(covered) >= rule.suppressed_min and sum(cell.count for cell in covered) >= rule.k):
        return ""
    free = [cell for cell in family if cell.key not in hidden and cell.key not in final]
    return _smallest(free)


def _smallest(cells: list[Cell]) -> str:
    return min(cells, key=lambda cell: (cell.count, cell.key)).key if cells else ""


def _to_close(cells: Sequence[Cell], hidden: set[str], final: set[str], derived: Derived) -> set[str]:
    """For each hidden cell on no circle, a cell that leads back to where it came from; one of its families where none does."""
    edges = {cell.key: (_family_above(cell, derived), _family_across(cell)) for cell in cells}
    graph: Graph = {}
    for key in sorted(hidden & edges.keys()):
        above, across = edges[key]
        graph.setdefault(above, []).append((key, across))
        graph.setdefault(across, []).append((key, above))
    free: dict[Family, list[Cell]] = {}
    for cell in cells:
        if cell.key not in hidden and cell.key not in final:
            for family in edges[cell.key]:
                free.setdefault(family, []).append(cell)
    return {closing for key in _bridges(graph) if (closing := _closing(key, edges, graph, free))}


def _closing(key: str, edges: Mapping[str, tuple[Family, Family]], graph: Graph, free: Mapping[Family, list[Cell]]) -> str:
    """The smallest free cell between what lies on one side of a bridge and anything else; one that meets hidden cells there first."""
    side = min((_reached(end, graph, without=key) for end in edges[key]), key=len)
    closing = [cell for family in side for cell in free.get(family, ()) if not set(edges[cell.key]) <= side]
    near = [cell for cell in closing if set(edges[cell.key]) <= graph.keys()]
    return _smallest(near or closing)


def _reached(start: Family, graph: Graph, *, without: str) -> set[Family]:
    seen, due = {start}, [start]
    while due:
        for key, other in graph[due.pop()]:
            if key != without and other not in seen:
                seen.add(other)
                due.append(other)
    return seen


def _bridges(graph: Graph) -> list[str]:
    """Edges on no circle, by one walk through every part of the graph."""
    order: dict[Family, int] = {}
    low: dict[Family, int] = {}
    found: list[str] = []
    for root in graph:
        if root in order:
            continue
        order[root] = low[root] = len(order)
        path = [(root, "", iter(graph[root]))]
        while path:
            here, came_by, onward = path[-1]
            step = next(onward, None)
            if step is None:
                path.pop()
                if path:
                    before = path[-1][0]
                    low[before] = min(low[before], low[here])
                    if low[here] > order[before]:
                        found.append(came_by)
            elif step[0] != came_by:
                if step[1] in order:
                    low[here] = min(low[here], order[step[1]])
                else:
                    order[step[1]] = low[step[1]] = len(order)
                    path.append((step[1], step[0], iter(graph[step[1]])))
    return found
