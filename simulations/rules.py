"""The policies of a world: what the province issues at epoch 1 and, in some seeds, at later epochs.

Bundles are made from the shipped ones. What a change must lead to is written down a second time, by hand,
in simulations/checkers/oracle.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from enum import Enum
from random import Random

from policies.bundle import Bundle, Contents
from policies.ceiling import COLUMNS, ROWS, Ceiling
from policies.entry import Basis, Entry
from policies.words import Verdict, Way
from simulations.clock import EPOCH_US
from simulations.topology import NodePlan
from simulations.world import POLICY_LIFE_US, preset_of
from sync.model import Level

EPOCHS_MAX = 4
"""Epochs that a province issues in one world."""
LIMIT_VALUE = 120.0
"""Air readings above this are what the row-wise changes are about."""


class Change(Enum):
    """How the province's later epochs differ from its epoch 1."""

    NONE = "none"
    """Epoch 2 says the same again."""
    TIGHTEN = "tighten"
    """Grade 3 may no longer go to the parent, masked or not: residents stay in their street."""
    DENY_ROWS = "deny-rows"
    """High air readings no longer go to the municipality and above."""
    RELEASE_ALL = "release-all"
    """Camera events were held back from the municipality and above, and pass now."""
    RELEASE_ROWS = "release-rows"
    """High air readings were held back everywhere, and pass now."""
    LIFT_ALL = "lift-all"
    """Camera events were denied to the municipality and above, and pass now."""
    LIFT_ROWS = "lift-rows"
    """High air readings were denied everywhere, and pass now."""


DRAWN = (Change.NONE, Change.TIGHTEN, Change.DENY_ROWS, Change.RELEASE_ALL, Change.RELEASE_ROWS)
LIFTED = {Change.RELEASE_ALL: Change.LIFT_ALL, Change.RELEASE_ROWS: Change.LIFT_ROWS}
OPENING = frozenset(LIFTED) | frozenset(LIFTED.values())
"""Changes whose even epochs let pass what odd ones do not."""


def draw_change(rng: Random, *, lifts: bool) -> Change:
    """One of the changes; with `lifts` what is released later was denied before and not only held."""
    drawn = rng.choice(DRAWN)
    return LIFTED.get(drawn, drawn) if lifts else drawn


def is_changed(change: Change, epoch: int) -> bool:
    """True when `epoch` is of the second kind. Odd epochs hold back again what even ones release; what is forbidden stays so."""
    return epoch % 2 == 0 if change in OPENING else epoch > 1


def provincial_bundle(plan: NodePlan, change: Change, *, epoch: int) -> Bundle:
    """What the province issues at an epoch."""
    shipped = preset_of(plan)
    return replace(shipped, epoch=epoch, contents=_contents(shipped.contents, change, epoch))


def first_bundle(plan: NodePlan, change: Change) -> Bundle:
    """What a node that rules issues when the world begins."""
    return provincial_bundle(plan, change, epoch=1) if plan.level is Level.PROVINCIAL else preset_of(plan)


def _contents(shipped: Contents, change: Change, epoch: int) -> Contents:
    is_second = is_changed(change, epoch)
    if change is Change.TIGHTEN and is_second:
        assert shipped.ceiling is not None, "the shipped bundle of a province has a ceiling"
        return replace(shipped, ceiling=_closed_to_parent(shipped.ceiling))
    entry = {
        Change.DENY_ROWS: _entry(Verdict.DENY, "air-quality", f"value > {LIMIT_VALUE}", above=True) if is_second else None,
        Change.RELEASE_ALL: None if is_second else _entry(Verdict.HOLD, "camera-events", "", above=True),
        Change.RELEASE_ROWS: None if is_second else _entry(Verdict.HOLD, "air-quality", f"value > {LIMIT_VALUE}", above=False),
        Change.LIFT_ALL: None if is_second else _entry(Verdict.DENY, "camera-events", "", above=True),
        Change.LIFT_ROWS: None if is_second else _entry(Verdict.DENY, "air-quality", f"value > {LIMIT_VALUE}", above=False),
    }.get(change)
    return replace(shipped, entries=(*shipped.entries, entry)) if entry else shipped


def _closed_to_parent(table: Ceiling) -> Ceiling:
    cells = list(table.cells)
    cells[ROWS.index("L3") * len(COLUMNS) + COLUMNS.index("parent")] = Verdict.AGGREGATE
    return Ceiling(tuple(cells))


def _entry(effect: Verdict, resource: str, predicate: str, *, above: bool) -> Entry:
    quote = "an invented rule of a simulated province"
    return Entry(
        id="SIM-1",
        effect=effect,
        resource=resource,
        predicate=predicate,
        levels=(Level.MUNICIPAL, Level.PROVINCIAL) if above else (),
        ways=(Way.UP,),
        basis=Basis("simulated instrument", "1", quote, hashlib.sha256(quote.encode()).hexdigest()),
        proposer="simulation",
        approver="simulation",
        valid_from_us=EPOCH_US - POLICY_LIFE_US,
        valid_to_us=EPOCH_US + POLICY_LIFE_US,
        demonstration=True,
    )
