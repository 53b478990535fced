"""P5 of cases: when all is at rest, both sides of a case tell the same of it, each from the facts that reached it.

Reads the registers of the nodes' own desks; that the facts themselves are everywhere they may be is for convergence.py. Called by
simulations/trial.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice

from node.cases.kind import Case, Kind
from node.cases.register import Register
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation

CASES_MAX = 10_000
"""Cases of one kind that a node of a simulated city knows at most."""


def check_told(registers: Mapping[str, Register], kinds: Collection[Kind], unreached: AbstractSet[str]) -> list[Violation]:
    """The cases (of `kinds`) that a node with a role in them tells otherwise than another; registers by node.

    `unreached` are nodes that facts do not come to, or not all of them: cases with one of them are left out.
    """
    return list(islice((one for kind in kinds for one in _told_apart(registers, kind, unreached)), VIOLATIONS_PER_CHECK_MAX))


def _told_apart(registers: Mapping[str, Register], kind: Kind, unreached: AbstractSet[str]) -> Iterator[Violation]:
    told = {node: {case.id: case for case in register.cases(kind, limit=CASES_MAX)} for node, register in registers.items()}
    for case in {case_id: case for cases in told.values() for case_id, case in cases.items()}.values():
        sides = sorted(party.node for party in case.parties.values())
        if not unreached.isdisjoint(sides):
            continue
        states = {node: _state(told[node].get(case.id)) for node in sides}
        if len(set(states.values())) > 1:
            said = ", ".join(f"{state} at {node}" for node, state in states.items())
            yield Violation(Promise.CONVERGED, case.opening.origin, f"{kind.name} {case.id} is {said}")


def _state(case: Case | None) -> str:
    return "unknown" if case is None else case.state
