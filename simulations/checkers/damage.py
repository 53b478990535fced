"""P1 over damaged payloads: what a neighbour still had is whole again. Called by simulations/trial.py once the world is at rest."""

from __future__ import annotations

from node.store.aside import damage
from node.store.journal import SqliteJournal
from simulations.checkers.values import Promise, Violation


def check_repaired(node: str, journal: SqliteJournal) -> list[Violation]:
    """No batch of a node waits for its bytes, and none is given up."""
    found = journal.look("count of damaged batches", damage)
    if not (found.asked or found.lost):
        return []
    return [Violation(Promise.KEPT, node, f"{found.asked + found.lost} damaged batches are not whole again, {found.lost} of them given up")]
