"""The audit log of a node, held against itself at the end of a world: every entry where it was, every stamp over the rows it covered.

The walk is the product's, over a file that crashes tore and copies replaced. Called by simulations/trial.py.
"""

from __future__ import annotations

from node.audit.walk import walk
from node.store.journal import SqliteJournal
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation


def check_audit(node: str, journal: SqliteJournal) -> list[Violation]:
    """Nothing of the log of a node is edited, dropped, moved or cut off, and it has an entry at all."""
    walked = journal.look("walk over the audit log", walk)
    found = [Violation(Promise.AUDITED, node, f"{one.fault}: {one.text}") for one in walked.findings[:VIOLATIONS_PER_CHECK_MAX]]
    return found if walked.entries else [Violation(Promise.AUDITED, node, "the audit log has no entry")]
