"""Whether an audit log holds, as one answer: the walk over it, what witnesses say, and the verdict with its exit code.

Owns the verdict. 0: nothing was touched and a witness confirms the end; 1: something was edited, dropped, reordered or cut off, and what
it is; 2: the file alone holds, and no witness could be heard or compared. Called by api.py for a running node, by the verb for a stopped
one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from node.audit.walk import walk
from node.audit.weighing import asked_for, weigh
from node.audit.witness import Told
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.store.file import read_meta
from node.store.readers import Readers
from node.store.schema import DEFAULT_TUNING
from sync.model import JournalError

HOLDS, TOUCHED, UNKNOWN = "holds", "touched", "cannot-tell"
EXIT_CODES = {HOLDS: EXIT_OK, TOUCHED: EXIT_NEGATIVE, UNKNOWN: EXIT_USAGE}
STOPPED = "the node is not running: nobody was asked"
NO_WITNESS = "no neighbour that could witness has a link"

Plain = dict[str, Any]


def report(
    connection: sqlite3.Connection, told: Mapping[str, Sequence[Told]], *, keys: frozenset[str], unheard: Mapping[str, str], why: str = ""
) -> Plain:
    """The answer of `yunnao audit verify` from one snapshot. `told` and `unheard` are by witness; `why` says why nobody was asked."""
    found = walk(connection, wanted=asked_for(entry for entries in told.values() for entry in entries))
    weighed = {peer: weigh(found, peer, entries, keys=keys | found.keys) for peer, entries in told.items()}
    unproven = [sentence for one in weighed.values() for sentence in one.unproven]
    upto = max((one.upto for one in weighed.values()), default=0)
    open_words = [f"{peer}: {reason}" for peer, reason in sorted(unheard.items())] + [why] * bool(why) + unproven
    if not open_words and not upto and found.entries:
        open_words = ["no witness has noted anything of this log yet"]
    return {
        "verdict": TOUCHED if found.findings else UNKNOWN if open_words else HOLDS,
        "node": found.node,
        "incarnation": f"{found.incarnation:016x}",
        "entries": found.entries,
        "first": found.first,
        "last": found.last,
        "hash": found.hash.hex(),
        "stamps": found.stamps,
        "rows": found.rows,
        "open_rows": found.open_rows,
        "witnessed": upto,
        "witnesses": sorted(told),
        "open": open_words,
        "findings": [
            {"fault": finding.fault.value, "entry": finding.seq, "text": finding.text}
            for finding in sorted(found.findings, key=lambda finding: finding.seq)
        ],
    }


def report_of_file(path: Path) -> Plain:
    """As `report`, of a stopped node's journal, read only. Raises JournalError, JournalCorrupt."""
    return look_at_file(path, "walk over the audit log", lambda found: report(found, {}, keys=frozenset(), unheard={}, why=STOPPED))


def look_at_file(path: Path, doing: str, question: Callable[[sqlite3.Connection], Plain]) -> Plain:
    """What `question` finds in the journal of a stopped node, read only. Raises JournalError, JournalCorrupt."""
    if not path.exists():
        raise JournalError(f"{path} is not there: give the folder of a node with --dir")
    with closing(Readers(path, DEFAULT_TUNING)) as readers, readers.snapshot(doing) as connection:
        read_meta(connection, path)
        return question(connection)
