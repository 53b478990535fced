"""Sealed envelopes: which rows of a batch travel in one past nodes that may not hold them, and whom an envelope is for. Pure.

An envelope is a row of one resource that ships (`ENVELOPES`): the node that it is for, and bytes that only that node can open. To every
node between it is one record of its sealing node, counted like any other. Owns what the gate asks about both. Refuses nothing: what is in
an envelope was let go by the gate of its sealing node and is judged by that of its target. Called by the gate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from policies.arrow import Chosen, Column, call, spread, to_flags, words_of
from policies.plan import Plan
from policies.words import Reason, Verdict
from sync.model import Direction
from sync.ports import Flow


def may_stop(plan: Plan) -> bool:
    """True when a plan withholds some row, whatever its grade; masks withhold none."""
    return not (all(rule.verdict.passes for rule in plan.grades) and all(rule.verdict.passes for rule in plan.rows))


def may_pass_beyond(barriers: Sequence[Plan], plan: Plan) -> bool:
    """True when the plan of a target may let rows pass that each of the nodes between stops; plans that rule alike stop alike."""
    return all(may_stop(barrier) and (barrier.grades, barrier.rows) != (plan.grades, plan.rows) for barrier in barriers)


def unaddressed(flow: Flow, rows: pa.RecordBatch) -> Chosen:
    """Which envelopes do not pass this way: down, what is for nobody at or below the peer; up, what is for somebody below it."""
    territory, target = rows.column("territory"), rows.column("target")
    inside = to_flags(call("fill_null", spread(call("starts_with", words_of(territory), flow.peer_territory), territory), False))
    if flow.direction is Direction.UP:
        return inside & ~_is_one_of(target, frozenset({flow.peer}))
    return ~(inside | _is_one_of(target, flow.subtree))


def refused_by(flow: Flow) -> tuple[Verdict, Reason] | None:
    """Why a peer is given no envelope at all; None when it takes them."""
    return None if flow.takes_envelopes else (Verdict.HOLD, Reason.OLD_PEER)


def _is_one_of(column: Column, nodes: frozenset[str]) -> Chosen:
    known = [name is not None and name in nodes for name in column.to_pylist()]
    return np.asarray(known, np.bool_)
