"""The journal: the node's durable, ordered log of batches, and everything else that one commit makes durable, in one SQLite file.

Implements sync.ports.Journal. One thread commits; any thread reads, at the same time, through its own read-only connection. Refuses to
guess: a file that is damaged, foreign or of a newer format is an error that names the file and the way out, and a commit happens whole
or not at all. Called by node/runtime.py, the link pipelines, the projections (mart.py) and the simulator. docs/journal.md describes
the tables.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from node.store import flows, queries
from node.store.failures import guarded, primary_code
from node.store.flows import Backlog, StreamFlow
from node.store.readers import Readers
from node.store.schema import DEFAULT_TUNING, Tuning, create_file, open_writer, read_meta
from node.store.verify import Finding, findings
from node.store.write_set import WriteSet
from sync.model import Direction, JournalError, Lane, Span, StoredBatch, Stream
from sync.model.writes import Recovered, Write
from sync.ports import Selection

LSN_MAX = (1 << 63) - 1
"""The highest position a journal can hold: SQLite's integers have 63 bits and a sign."""
RECENT_MAX = 1_000
"""Batches that one call of `recent` returns at most."""
HELD_MAX = 512
"""Batches that one call of `held` returns at most."""


class SqliteJournal:
    """One open journal file; made by `open_journal`."""

    def __init__(self, path: Path, writer: sqlite3.Connection, tuning: Tuning) -> None:
        self.path = path
        facts = read_meta(writer, path)
        self.node = facts["node"]
        self.incarnation = int(facts["incarnation"])
        self._writer = writer
        self._readers = Readers(path, tuning)
        self._counters = queries.counters(writer)
        self._doubt = ""
        self._present: dict[Stream, int] = {}
        self._counts: Counter[str] = Counter()
        self._count({stream: queries.present_records(run_map) for stream, run_map in self.recover().streams.items()})

    # ---- sync.ports.Journal

    def recover(self) -> Recovered:
        """Everything the engine needs to go on; raises JournalCorrupt when a row is no value."""
        with self._readers.snapshot("recovery") as connection:
            return queries.recovered(connection, self.path)

    def commit(self, writes: Sequence[Write]) -> None:
        """Make `writes` durable in one transaction. JournalFull or JournalError: nothing was written.

        After an I/O error the disk's state is unknown until the file is opened again, so every further commit is refused.
        """
        if self._doubt:
            raise JournalError(f"{self.path} takes no more writes ({self._doubt}); open the journal again")
        rows = WriteSet.of(writes, self._counters)
        with guarded(self.path, f"commit of {len(writes)} writes"):
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                rows.insert(self._writer)
                self._writer.execute("COMMIT")
            except BaseException as error:
                self._undo(error)
                raise
        self._counters = rows.counters
        self._count({stream: row.present for stream, row in rows.streams.items()})

    def read(self, lane: Lane, span: Span, *, batches_max: int, bytes_max: int, only: Selection | None = None) -> list[StoredBatch]:
        """Batches of the lane inside `span`, ascending; payload bytes stay within `bytes_max` unless the first batch alone is larger."""
        with self._readers.snapshot(f"read of lane {lane.word}") as connection:
            if only is None:
                sizes = queries.lane_sizes(connection, lane, span, batches_max)
            else:
                sizes = queries.selected_sizes(connection, lane, span, batches_max, only)
            return queries.batches_at(connection, queries.lsns_within(sizes, bytes_max))

    def batch(self, lsn: int) -> StoredBatch | None:
        """The batch at `lsn`, checksum verified; None when there is none."""
        with self._readers.snapshot(f"read of batch {lsn}") as connection:
            return next(iter(queries.batches_at(connection, [lsn])), None)

    def ledger_chain(self, peer: str, direction: Direction, lane: Lane, upto: int) -> bytes | None:
        """The manifest chain after the newest whole span that was sent to `peer` and ends at `upto`; None when there is none."""
        with self._readers.snapshot("read of the share ledger") as connection:
            return queries.chain_at(connection, peer, direction, lane, upto)

    def held(self, peer: str, direction: Direction, *, not_version: bytes, batches_max: int) -> list[StoredBatch]:
        """Batches with records that were held back from `peer`, or that `peer` refused, when they were decided under another policy version
        than `not_version`; not yet settled, ascending by lsn."""
        with self._readers.snapshot("read of held batches") as connection:
            return queries.batches_at(connection, queries.held_lsns(connection, peer, direction, not_version, min(batches_max, HELD_MAX)))

    def close(self) -> None:
        """Release the file; everything committed stays."""
        self._doubt = self._doubt or "it was closed"
        self._readers.close()
        self._writer.close()

    # ---- what only the node asks

    @property
    def last_lsn(self) -> int:
        """The newest committed lsn; 0 when the journal is empty."""
        return self._counters.lsn

    def counts(self) -> dict[str, int]:
        """Records present at this node, by resource; kept up to date in memory."""
        return {resource: count for resource, count in self._counts.items() if count}

    def backlog(self, peer: str, direction: Direction, lane: Lane) -> Backlog:
        """What lies above `peer`'s stored mark in one lane."""
        with self._readers.snapshot("read of the backlog") as connection:
            return flows.backlog(connection, peer, direction, lane)

    def flow(self, peer: str, direction: Direction, *, resource: str | None = None, origin: str | None = None) -> list[StreamFlow]:
        """The accounting equation of every stream on the hop to `peer`; None takes all resources or origins."""
        with self._readers.snapshot("read of the flow") as connection:
            return flows.flow(connection, peer, direction, resource, origin)

    def recent(self, resource: str, *, limit: int, before_lsn: int | None = None) -> list[StoredBatch]:
        """The newest batches of a resource with an lsn below `before_lsn` (None: the end), newest first."""
        with self._readers.snapshot(f"read of {resource}") as connection:
            lsns = queries.recent_lsns(connection, resource, LSN_MAX if before_lsn is None else before_lsn, min(limit, RECENT_MAX))
            return queries.batches_at(connection, lsns)[::-1]

    def find(self, resource: str, span: Span, *, batches_max: int, bytes_max: int) -> list[StoredBatch]:
        """Batches of a resource inside `span`, ascending, bounded like `read`: how projections copy in short steps."""
        with self._readers.snapshot(f"read of {resource}") as connection:
            sizes = queries.resource_sizes(connection, resource, span, batches_max)
            return queries.batches_at(connection, queries.lsns_within(sizes, bytes_max))

    def verify(self) -> list[Finding]:
        """Walk the whole file (pages, payload checksums, runs, stream maps) and say what does not hold; takes minutes on a large one."""
        with self._readers.snapshot("verification") as connection:
            return findings(connection)

    # ---- inside

    def _undo(self, error: BaseException) -> None:
        if isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_IOERR:
            # The log may hold the commit's frames although the sync failed; only a fresh look at the file can tell.
            self._doubt = str(error)
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _count(self, changed: Mapping[Stream, int]) -> None:
        counts = self._counts.copy()
        for stream, present in changed.items():
            counts[stream.resource] += present - self._present.get(stream, 0)
            self._present[stream] = present
        # Replaced, never changed in place: other threads read it.
        self._counts = counts


def open_journal(path: Path, *, node: str, incarnation: int, adopt: bool = False, tuning: Tuning = DEFAULT_TUNING) -> SqliteJournal:
    """Open the journal at `path`, or make an empty one for `node` of this life.

    `adopt` lets a node with a new incarnation go on with its own old file (after a restore). Raises JournalCorrupt for a file that
    cannot be trusted, JournalError for one that belongs to another node or life, or to a newer program.
    """
    try:
        if not path.exists():
            create_file(path, node=node, incarnation=incarnation, tuning=tuning)
        with guarded(path, "opening of the journal"):
            writer = open_writer(path, tuning)
    except OSError as error:
        raise JournalError(f"{path} cannot be opened ({error.strerror}); check its folder, owner and mode") from error
    try:
        with guarded(path, "opening of the journal"):
            _check_owner(writer, path, node, incarnation, adopt=adopt)
            return SqliteJournal(path, writer, tuning)
    except BaseException:
        writer.close()
        raise


def _check_owner(writer: sqlite3.Connection, path: Path, node: str, incarnation: int, *, adopt: bool) -> None:
    facts = read_meta(writer, path)
    if facts["node"] != node:
        raise JournalError(f"{path} belongs to node {facts['node']}, this is {node}; give this node its own folder")
    if int(facts["incarnation"]) == incarnation:
        return
    if not adopt:
        raise JournalError(
            f"{path} was written by incarnation {int(facts['incarnation']):x} of {node}, this is {incarnation:x}; "
            f"after a restore, open it as adopted"
        )
    writer.execute("UPDATE meta SET value = ? WHERE key = 'incarnation'", (str(incarnation),))
