"""The renumbering of a forked journal: what this node wrote since its copies parted goes on under a new incarnation.

One transaction on a journal that no node has open. Owns: tables `meta` and `renumbered`, and the numbers of this node's own records in
batches, stream maps, share ledger and refusals. Payloads and positions in the journal stay as they are; batches of other origins are not
touched.
Refuses a file of another node or incarnation. Called by node/fork/change.py, which makes it survive a crash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from node.store.failures import ForeignJournal, guarded
from node.store.file import open_writer, read_meta
from node.store.schema import DEFAULT_TUNING, Tuning
from sync.model import JournalError, Lane


@dataclass(frozen=True, slots=True)
class Renumbering:
    """What is to be done to one journal."""

    node: str
    old: int
    """Incarnation that the journal has now."""
    new: int
    shared: Mapping[Lane, int]
    """Last lsn of each lane that other copies have too; own records above it get new numbers. A lane that is missing is shared whole."""


_CUT = """
    CREATE TEMP TABLE cut AS
    SELECT b.lane, b.resource,
        max(CASE WHEN b.lsn <= s.upto THEN r.last_seq ELSE 0 END) AS base,
        max(r.last_seq) AS top
    FROM batch b JOIN batch_run r ON r.lsn = b.lsn JOIN temp.shared s ON s.lane = b.lane
    WHERE r.origin = :node AND r.incarnation = :old AND r.duplicate = 0
    GROUP BY b.lane, b.resource HAVING top > base
"""
"""Numbers of a stream ascend with the journal, so one number divides what is shared from what is not."""

_MOVE = """
    UPDATE {runs} SET incarnation = :new,
        first_seq = first_seq - (SELECT c.base FROM temp.cut c JOIN {owner} o USING (lane, resource) WHERE o.{key} = {runs}.{ref}),
        last_seq = last_seq - (SELECT c.base FROM temp.cut c JOIN {owner} o USING (lane, resource) WHERE o.{key} = {runs}.{ref})
    WHERE origin = :node AND incarnation = :old
        AND first_seq > (SELECT c.base FROM temp.cut c JOIN {owner} o USING (lane, resource) WHERE o.{key} = {runs}.{ref})
"""
_STRADDLING = """
    SELECT count(*) FROM {runs} t JOIN {owner} o ON o.{key} = t.{ref} JOIN temp.cut c USING (lane, resource)
    WHERE t.origin = :node AND t.incarnation = :old AND t.first_seq <= c.base AND t.last_seq > c.base
"""
_RUN_TABLES = (
    {"runs": "batch_run", "owner": "batch", "key": "lsn", "ref": "lsn"},
    {"runs": "ledger_run", "owner": "ledger", "key": "id", "ref": "ledger_id"},
    {"runs": "refusal_run", "owner": "refusal", "key": "id", "ref": "refusal_id"},
)

_SPLIT_RANGE = """
    INSERT INTO stream_range
    SELECT r.origin, r.incarnation, r.lane, r.resource, c.base + 1, r.last_seq, r.state
    FROM stream_range r JOIN temp.cut c USING (lane, resource)
    WHERE r.origin = :node AND r.incarnation = :old AND r.first_seq <= c.base AND r.last_seq > c.base
"""
_CLIP_RANGE = """
    UPDATE stream_range SET
        last_seq = (SELECT c.base FROM temp.cut c WHERE c.lane = stream_range.lane AND c.resource = stream_range.resource)
    WHERE origin = :node AND incarnation = :old AND EXISTS (
        SELECT 1 FROM temp.cut c WHERE c.lane = stream_range.lane AND c.resource = stream_range.resource
            AND stream_range.first_seq <= c.base AND stream_range.last_seq > c.base)
"""
_MOVE_RANGE = """
    UPDATE stream_range SET incarnation = :new,
        first_seq = first_seq - (SELECT c.base FROM temp.cut c WHERE c.lane = stream_range.lane AND c.resource = stream_range.resource),
        last_seq = last_seq - (SELECT c.base FROM temp.cut c WHERE c.lane = stream_range.lane AND c.resource = stream_range.resource)
    WHERE origin = :node AND incarnation = :old
        AND first_seq > (SELECT c.base FROM temp.cut c WHERE c.lane = stream_range.lane AND c.resource = stream_range.resource)
"""

_FORGET_POSITIONS = (
    # Peers begin at 0 under the new incarnation: everything is sent, decided and refused once more.
    "DELETE FROM out_mark",
    "DELETE FROM refusal_run WHERE refusal_id IN (SELECT id FROM refusal WHERE by_peer = 1)",
    "DELETE FROM refusal WHERE by_peer = 1",
)

_REMEMBER = """
    INSERT INTO renumbered (old, new, lane, resource, base)
    SELECT :old, :new, lane, resource, base FROM temp.cut ORDER BY lane, resource
"""
"""A peer may have some of these records by their former numbers: node/store/renumbered.py."""


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """Whose a journal is, and how long."""

    incarnation: int
    end: int
    """The newest lsn; 0 when it is empty."""


def read_facts(path: Path, *, node: str) -> JournalFacts:
    """What the journal at `path` says of itself; raises JournalCorrupt for a damaged one, JournalError for that of another node."""
    with guarded(path, "look at the journal"), closing(open_writer(path, DEFAULT_TUNING)) as connection:
        facts = read_meta(connection, path)
        if facts["node"] != node:
            raise ForeignJournal(f"{path} belongs to node {facts['node']}, this is {node}; give this node its own folder")
        end = int(connection.execute("SELECT coalesce(max(lsn), 0) FROM batch").fetchone()[0])
        return JournalFacts(int(facts["incarnation"]), end)


def renumber(path: Path, work: Renumbering, *, tuning: Tuning = DEFAULT_TUNING) -> int:
    """Do it in one transaction; how many records got new numbers. Raises JournalError, and then nothing was changed."""
    with guarded(path, "renumbering"), closing(open_writer(path, tuning)) as connection:
        facts = read_meta(connection, path)
        if (facts["node"], int(facts["incarnation"])) != (work.node, work.old):
            raise JournalError(
                f"{path} is of {facts['node']}, incarnation {int(facts['incarnation']):x}, not of {work.node}, incarnation {work.old:x}: "
                f"nothing was renumbered"
            )
        connection.execute("BEGIN IMMEDIATE")
        try:
            moved = _apply(connection, path, work)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return moved


def _apply(connection: sqlite3.Connection, path: Path, work: Renumbering) -> int:
    names: dict[str, object] = {"node": work.node, "old": work.old, "new": work.new}
    connection.execute("CREATE TEMP TABLE shared (lane INTEGER PRIMARY KEY, upto INTEGER NOT NULL)")
    connection.executemany("INSERT INTO temp.shared VALUES (?, ?)", [(int(lane), upto) for lane, upto in work.shared.items()])
    connection.execute(_CUT, names)
    for table in _RUN_TABLES:
        if connection.execute(_STRADDLING.format(**table), names).fetchone()[0]:
            raise JournalError(f"{path} has a run in {table['runs']} across the place where copies parted: move it away and re-seed")
        connection.execute(_MOVE.format(**table), names)
    for statement in (_SPLIT_RANGE, _CLIP_RANGE, _MOVE_RANGE):
        connection.execute(statement, names)
    for statement in _FORGET_POSITIONS:
        connection.execute(statement)
    connection.execute(_REMEMBER, names)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'incarnation'", (str(work.new),))
    return int(connection.execute("SELECT coalesce(sum(top - base), 0) FROM temp.cut").fetchone()[0])
