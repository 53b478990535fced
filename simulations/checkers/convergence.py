"""P1 and P5: what was acknowledged is there, and after heal and quiesce everything permitted is everywhere it may be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from node.attachment.handover import HANDED_OVER_REASON
from node.store.flows import StreamFlow
from simulations.checkers.copies import Copy
from simulations.checkers.oracle import May, Oracle, Origins
from simulations.checkers.records import Flags, Ints
from simulations.checkers.returning import RETURNING
from simulations.checkers.truth import Truth, names_of
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation
from sync.model import Direction, Lane, State, Stream
from sync.model.writes import OutKey, OutMark

Presence = Mapping[tuple[str, str], Flags]
"""By node and resource: which of the records made are live there."""


def check_kept(node: str, truth: Truth, presence: Presence, acknowledged: Mapping[str, Ints]) -> list[Violation]:
    """P1 at the origin: every acknowledged record of `node` is live there; ids by resource."""
    found = []
    for resource, ids in acknowledged.items():
        missing = ids[~presence[node, resource][ids]]
        names = names_of(truth.made[resource].rows, resource)
        found += [
            Violation(Promise.KEPT, node, f"acknowledged record {names[int(record)].as_py()} is gone")
            for record in missing[:VIOLATIONS_PER_CHECK_MAX]
        ]
    return found


def check_secured(
    parent: str, secured: Mapping[str, Ints], truth: Truth, presence: Presence, oracle: Oracle, epochs: range
) -> list[Violation]:
    """P1 after the loss of a disk: what its node's parent had called secured, and may hold under every epoch, is at that parent."""
    found = []
    for resource, ids in secured.items():
        made = truth.made[resource]
        origins = Origins(tuple(truth.nodes), made.origin)
        mays = [oracle.may_hold(resource, made.rows, origins, holder=parent, epoch=epoch) for epoch in oracle.kinds(epochs)]
        may = np.minimum.reduce(mays) != May.NOTHING
        missing = ids[may[ids] & ~presence[parent, resource][ids]]
        names = names_of(made.rows, resource)
        found += [
            Violation(Promise.KEPT, parent, f"record {names[int(record)].as_py()} was secured, and is lost with its origin's disk")
            for record in missing[:VIOLATIONS_PER_CHECK_MAX]
        ]
    return found


def check_handed_on(
    copy: Copy, lines: Iterable[StreamFlow], parent: Copy, *, is_rebuilt: bool, moved: Collection[str] = ()
) -> list[Violation]:
    """P1 above the origin: every record a node holds is delivered or withheld on the hop to its parent, and what was delivered is there.

    A node that lost its disk (`is_rebuilt`) may withhold today what its former life delivered: then more is there than its books say.
    So it is with origins that `moved`: another child brings what they make. What is handed over is another hop's word and not looked for.
    """
    return _bounded(_not_handed_on(copy, lines, parent, is_rebuilt=is_rebuilt, moved=moved), Promise.KEPT, copy.holder.id)


def _bounded(texts: Iterable[str], promise: Promise, node: str) -> list[Violation]:
    return [Violation(promise, node, text) for text in islice(texts, VIOLATIONS_PER_CHECK_MAX)]


def _not_handed_on(
    copy: Copy, flow: Iterable[StreamFlow], parent: Copy, *, is_rebuilt: bool, moved: Collection[str]
) -> Iterator[str]:
    books = _delivered(parent)
    lines = {line.stream: line for line in flow}
    for stream, count in _upward(copy).items():
        where = f"{stream.origin}/{stream.resource} on the hop to {parent.holder.id}"
        line = lines.get(stream)
        delivered, withheld, expired = (line.delivered, line.withheld, line.expired) if line else (0, 0, 0)
        if count > delivered + withheld + expired:
            yield f"{count} records of {where} are held, {delivered} delivered, {withheld} withheld and {expired} expired"
        there = books.get(stream, 0)
        handed_over = line.reasons.get(HANDED_OVER_REASON, 0) if line else 0
        if delivered - handed_over > there or (delivered < there and not is_rebuilt and stream.origin not in moved):
            yield f"{delivered} records of {where} count as delivered, {there} are there"


def _delivered(copy: Copy) -> dict[Stream, int]:
    """Records of each stream that a node holds, held until a recall, or need not have because an old parent had them; each once."""
    runs = copy.runs
    counts = _counted(copy, runs.live & (runs.state == State.PRESENT))
    # Both may name a number that a later batch holds: an old parent's word of it, and what was recalled and came again.
    also = runs.live & ((runs.state == State.HANDED_OVER) | (runs.state == State.RECALLED))
    for index in np.unique(runs.stream[also]):
        known = runs.live & (runs.stream == index) & ((runs.state == State.PRESENT) | also)
        counts[copy.streams[index]] = _covered(runs.first[known], runs.last[known])
    return counts


def _covered(first: Ints, last: Ints) -> int:
    """Numbers in ranges that may overlap."""
    order = np.argsort(first, kind="stable")
    first, last = first[order], last[order]
    before = np.concatenate(([0], np.maximum.accumulate(last)[:-1]))
    return int(np.maximum(0, last - np.maximum(first - 1, before)).sum())


def _upward(copy: Copy) -> dict[Stream, int]:
    runs = copy.runs
    return _counted(copy, runs.live & ~runs.returned & (runs.state == State.PRESENT))


def _counted(copy: Copy, chosen: Flags) -> dict[Stream, int]:
    runs = copy.runs
    counts = np.bincount(runs.stream[chosen], (runs.last - runs.first + 1)[chosen], minlength=len(copy.streams))
    return {stream: int(count) for stream, count in zip(copy.streams, counts, strict=True) if count}


def check_converged(
    copies: Mapping[str, Copy], truth: Truth, presence: Presence, oracle: Oracle, epoch: int, excused: Presence | None = None
) -> list[Violation]:
    """P5: every record at its origin, or at a neighbour of the node that would hand it on, is at every node that may hold it in the end.

    `excused` are records that need not be at a node (excuses.py).
    """
    found: list[Violation] = []
    for target in copies.values():
        missing = _missing(copies, target, truth, presence, oracle, epoch, excused or {})
        found += _bounded(missing, Promise.CONVERGED, target.holder.id)
    return found


def _missing(
    copies: Mapping[str, Copy], target: Copy, truth: Truth, presence: Presence, oracle: Oracle, epoch: int, excused: Presence
) -> Iterator[str]:
    holder = target.holder.id
    nodes = tuple(truth.nodes)
    for resource, made in truth.made.items():
        may = oracle.may_hold(resource, made.rows, Origins(nodes, made.origin), holder=holder, epoch=epoch) != May.NOTHING
        missing = may & _offered(copies, target, presence, resource, made.origin, nodes) & ~presence[holder, resource]
        absent = np.flatnonzero(missing & ~excused[holder, resource] if (holder, resource) in excused else missing)
        names = names_of(made.rows, resource)
        yield from (f"record {names[int(record)].as_py()} of {resource} may be here and is not" for record in absent)


def _offered(copies: Mapping[str, Copy], target: Copy, presence: Presence, resource: str, origin: Ints, nodes: tuple[str, ...]) -> Flags:
    """Records that their origin holds, other than the target itself, or a neighbour that hands on to it."""
    offered = np.zeros(len(origin), np.bool_)
    for place, node in enumerate(nodes):
        if node in copies and node != target.holder.id:
            offered |= (origin == place) & presence[node, resource]
    for copy in copies.values():
        is_below = copy.holder.parent == target.holder.id
        is_above = target.holder.parent == copy.holder.id and resource in RETURNING
        if is_below or is_above:
            offered |= presence[copy.holder.id, resource]
    own = nodes.index(target.holder.id)
    mine: Flags = origin == own
    return offered & ~mine


def check_drained(copy: Copy, marks: Mapping[OutKey, OutMark], peers: Sequence[tuple[str, Direction]]) -> list[Violation]:
    """P5: every lane is sent, stored and secured up to its top, toward every peer; `marks` as the journal recovers them."""
    found: list[Violation] = []
    for peer, direction in peers:
        for lane in Lane:
            top = copy.lane_tops.get(lane, 0)
            mark = marks.get((peer, direction, lane))
            stored, secured = (mark.stored, mark.secured) if mark else (0, 0)
            if (stored, secured) != (top, top):
                where = f"lane {lane.word} toward {peer} stands at {stored} of {top}, secured up to {secured}"
                found.append(Violation(Promise.CONVERGED, copy.holder.id, where))
    return found
