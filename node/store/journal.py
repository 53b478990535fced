"""The journal: the node's durable, ordered log of batches, and everything else that one commit makes durable, in one SQLite file.

Implements sync.ports.Journal. One thread commits; any thread reads, at the same time, through its own read-only connection. Refuses to
guess: a file that is damaged, foreign or of a newer format is an error that names the file and the way out, and a commit happens whole or
not at all. Opened by node/assembly.py; called by the runtime, the link pipelines, the projections and the simulator. docs/journal.md
describes the tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from node.audit.book import AuditBook
from node.store import delivered, flows, keeping, queries
from node.store.door_book import DoorBook
from node.store.failures import ForeignJournal, guarded, primary_code
from node.store.file import create_file, open_writer, read_meta
from node.store.flows import Backlog, StreamFlow
from node.store.keeping import KeptBatch, KeptTime
from node.store.lives import LifeBook
from node.store.readers import Readers
from node.store.repaired import NEVER, Repaired, repaired
from node.store.schema import BUSY_TIMEOUT_S, DEFAULT_TUNING, Tuning
from node.store.usage import Space, Usage, read_space, read_usage
from node.store.verify import Finding, findings
from node.store.write_set import WriteSet
from sync.model import Direction, JournalError, Lane, Life, RunMap, Span, StoredBatch, Stream
from sync.model.writes import Recovered, Write
from sync.ports import NO_REPRIEVE, NOTHING_AGAIN, Reprieve, Selection

Answer = TypeVar("Answer")

LSN_MAX = (1 << 63) - 1
"""The highest position a journal can hold: SQLite's integers have 63 bits and a sign."""
RECENT_MAX = 1_000
"""Batches that one call of `recent` returns at most."""
HELD_MAX = 512
"""Batches that one call of `held` returns at most."""


class SqliteJournal:
    """One open journal file; made by `open_journal`."""

    def __init__(self, path: Path, writer: sqlite3.Connection, tuning: Tuning, *, life: int = 0) -> None:
        self.path = path
        facts = read_meta(writer, path)
        self.node = facts["node"]
        self.incarnation = int(facts["incarnation"])
        self._writer = writer
        self._readers = Readers(path, tuning)
        self._counters = queries.counters(writer)
        self._doubt = ""
        self.lives = LifeBook(writer, beginning=Life(life, self._counters.lsn) if life else None)
        self.audit = AuditBook(writer)
        self.door = DoorBook()
        """What the sensor door must not forget; staged marks ride on the next commit."""
        self._usage = read_usage(writer, path)
        self._repaired = repaired(writer)

    # ---- sync.ports.Journal

    def recover(self) -> Recovered:
        """Everything the engine needs to go on; raises JournalCorrupt when a row is no value."""
        with self._readers.snapshot("recovery") as connection:
            return queries.recovered(connection, self.path)

    def commit(self, writes: Sequence[Write]) -> None:
        """Make `writes` durable in one transaction. JournalFull or JournalError: nothing was written.

        After an I/O error the disk's state is unknown until the file is opened again, so every further commit is refused.
        """
        rows = WriteSet.of(writes, self._counters)
        with self._transaction(f"commit of {len(writes)} writes", is_erasing=bool(rows.recalls)) as writer:
            rows.insert(writer)
            self.lives.insert(writer, has_batches=bool(rows.batches))
            self.audit.insert(writer, rows.ledger, rows.ledger_runs)
            self.door.insert(writer)
        self.lives.committed()
        self.door.committed()
        self.audit.committed()
        self._counters = rows.counters
        if rows.repairs:
            self._repaired = repaired(self._writer)
        is_rewritten = bool(rows.freed or rows.repairs or rows.recalls)
        self._usage = read_usage(self._writer, self.path) if is_rewritten else self._usage.with_stored(rows.stored)

    def read(self, lane: Lane, span: Span, *, batches_max: int, bytes_max: int, only: Selection | None = None) -> list[StoredBatch]:
        """Batches of the lane inside `span`, ascending; payload bytes stay within `bytes_max` unless the first batch alone is larger."""
        with self._readers.snapshot(f"read of lane {lane.word}") as connection:
            if only is None:
                weights = queries.lane_weights(connection, lane, span, batches_max)
            else:
                weights = queries.selected_weights(connection, lane, span, batches_max, only)
            return queries.batches_at(connection, queries.lsns_within(weights, bytes_max))

    def batch(self, lsn: int) -> StoredBatch | None:
        """The batch at `lsn`, checksum verified; None when there is none."""
        with self._readers.snapshot(f"read of batch {lsn}") as connection:
            return next(iter(queries.batches_at(connection, [lsn])), None)

    def ledger_chain(self, peer: str, direction: Direction, lane: Lane, upto: int, *, claimed: bytes = b"") -> bytes | None:
        """The manifest chain after the newest whole span that was sent to `peer` and ends at `upto`, or `claimed` where one of them has
        it; None when there is none."""
        with self._readers.snapshot("read of the share ledger") as connection:
            return queries.chain_at(connection, peer, direction, lane, upto, claimed)

    def held(
        self, peer: str, direction: Direction, *, not_version: bytes, batches_max: int, again: Mapping[str, int] = NOTHING_AGAIN,
        reprieve: Reprieve = NO_REPRIEVE, plans: Collection[tuple[str, bytes]] = (),
    ) -> list[StoredBatch]:  # fmt: skip
        """Batches with records that were held back from `peer`, or that `peer` refused, when they were decided under another policy version
        than `not_version`, or for a reason in `again` and not above its lsn, or refused as `reprieve` says, or denied under one of `plans`;
        not yet settled, ascending by lsn."""
        with self._readers.snapshot("read of held batches") as connection:
            lsns = queries.held_lsns(connection, peer, direction, not_version, min(batches_max, HELD_MAX), again, reprieve, plans)
            return queries.batches_at(connection, lsns)

    def plans_decided(self, peer: str, direction: Direction) -> frozenset[tuple[str, bytes]]:
        """The plans (resource, hash) under which anything toward `peer` was decided."""
        with self._readers.snapshot(f"read of the plans toward {peer}") as connection:
            return queries.plans_decided(connection, peer, direction)

    def refused(self, peers: Iterable[tuple[str, Direction]]) -> frozenset[int]:
        """lsns of the oldest batches that one of `peers` refused and that go to it again when its policy moves; those gone again are not in
        it."""
        with self._readers.snapshot("read of refused batches") as connection:
            return queries.refused_lsns(connection, peers)

    def delivered_to(self, peer: str) -> Mapping[Stream, RunMap]:
        """What became of every record that `peer` above has acknowledged, by stream. Walks the whole share ledger of that hop."""
        with self._readers.snapshot(f"read of what {peer} got") as connection:
            return delivered.delivered_to(connection, peer)

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

    def repaired(self, resource: str) -> Repaired:
        """How often batches of a resource were set aside or put back; kept up to date in memory, never ahead of what a read finds."""
        return self._repaired.get(resource, NEVER)

    @property
    def put_back(self) -> int:
        """How often a batch of any resource was put back."""
        return sum(one.put_back for one in self._repaired.values())

    def counts(self) -> dict[str, int]:
        """Records whose rows are at this node, by resource; kept up to date in memory."""
        return dict(self._usage.records)

    @property
    def usage(self) -> Usage:
        """What lies here and what was let go; kept up to date in memory."""
        return self._usage

    def space(self) -> Space:
        """The pages of the file, its log and its disk."""
        with self._readers.snapshot("look at the space") as connection:
            return read_space(connection, self.path)

    def kept(self, resource: str, *, batches_max: int) -> list[KeptBatch]:
        """The oldest batches of a resource whose payload is here, ascending."""
        with self._readers.snapshot(f"look at what is kept of {resource}") as connection:
            return keeping.kept(connection, resource, batches_max)

    def kept_resources(self) -> list[str]:
        """Resources of which a payload is here, sorted."""
        with self._readers.snapshot("look at what is kept") as connection:
            return keeping.kept_resources(connection)

    def kept_times(self) -> list[KeptTime]:
        """When positions were reached, ascending."""
        with self._readers.snapshot("look at the time kept") as connection:
            return keeping.kept_times(connection)

    def note_time(self, mark: KeptTime) -> None:
        """Write down that the journal ends at `mark.lsn` now; on the commit thread."""
        with self._transaction("note of the time") as writer:
            keeping.note(writer, mark)

    def begin_audit(self, wall_us: Callable[[], int]) -> None:
        """Keep the audit log from now on, with the time that `wall_us` says; before the first commit."""
        with guarded(self.path, "opening of the audit log"):
            self.audit.begin(self._writer, wall_us)

    def write_audit(self, *, is_last: bool = False) -> None:
        """Write the audit entries that wait, if any; `is_last` stamps what is open too. On the commit thread."""
        if self.audit.has_work(is_last=is_last):
            with self._transaction("entry of the audit log") as writer:
                self.audit.insert(writer, is_last=is_last)
            self.audit.committed()

    def forget_audit(self, upto: int) -> None:
        """Let audit entries up to `upto` go, in one transaction with those that wait (the checkpoint is one). On the commit thread."""
        with self._transaction("end of old audit entries") as writer:
            self.audit.insert(writer)
            self.audit.forget(writer, upto)
        self.audit.committed()

    def vacuum_step(self, pages_max: int) -> int:
        """Give up to `pages_max` free pages back to the disk; how many it were. On the commit thread.

        0 for a file that was made without incremental auto-vacuum: `yunnao journal compact` converts it.
        """
        self._refuse_in_doubt()
        with guarded(self.path, "return of free pages"):
            before = int(self._writer.execute("PRAGMA freelist_count").fetchone()[0])
            # A script, because the statement gives a row without columns for every page, and `execute` stops at the first.
            self._writer.executescript(f"PRAGMA incremental_vacuum({pages_max})")
            return before - int(self._writer.execute("PRAGMA freelist_count").fetchone()[0])

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
            weights = queries.resource_weights(connection, resource, span, batches_max)
            return queries.batches_at(connection, queries.lsns_within(weights, bytes_max))

    def on_damage(self, tell: Callable[[int], None]) -> None:
        """Have `tell` called with the lsn of every batch that is found not to match its hash, on the thread that reads it."""
        self._readers.on_damage = tell

    def look(self, doing: str, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """What one of this package's reading functions finds in a snapshot of the file; errors name `doing`."""
        with self._readers.snapshot(doing) as connection:
            return question(connection)

    def enter(self, doing: str, change: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Make one of this package's changes in a transaction of its own that leaves nothing of what it deletes; on the commit thread."""
        with self._transaction(doing, is_erasing=True) as writer:
            return change(writer)

    def empty_log(self) -> bool:
        """Move the log into the file and cut it to nothing; False while a reader still needs it. On the commit thread."""
        self._refuse_in_doubt()
        with guarded(self.path, "emptying of the log"):
            # Commits do not wait for a reader here: whoever asks asks again.
            self._writer.execute("PRAGMA busy_timeout = 0")
            busy: int = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self._writer.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1_000)}")
            return not busy

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

    def _refuse_in_doubt(self) -> None:
        if self._doubt:
            raise JournalError(f"{self.path} takes no more writes ({self._doubt}); open the journal again")

    @contextmanager
    def _transaction(self, doing: str, *, is_erasing: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction of the commit thread: all of the block is durable when it ends, or nothing.

        `is_erasing`: pages that it frees are overwritten, so that no value of a deleted row is left in the file.
        """
        self._refuse_in_doubt()
        with guarded(self.path, doing):
            try:
                if is_erasing:
                    self._writer.execute("PRAGMA secure_delete = ON")
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException as error:
                self._undo(error)
                raise
            finally:
                if is_erasing:
                    self._writer.execute("PRAGMA secure_delete = FAST")


def open_journal(
    path: Path, *, node: str, incarnation: int, adopt: bool = False, life: int = 0, tuning: Tuning = DEFAULT_TUNING
) -> SqliteJournal:
    """Open the journal at `path`, or make an empty one for `node` of this incarnation.

    `life` is a random number that names this start of the node (sync/model/lives.py); 0 for whoever only reads. `adopt` lets a node with
    a new incarnation go on with its own old file. Raises JournalCorrupt for a file that cannot be trusted, JournalError for one that
    belongs to another node or incarnation, or to a newer program.
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
            return SqliteJournal(path, writer, tuning, life=life)
    except BaseException:
        writer.close()
        raise


def _check_owner(writer: sqlite3.Connection, path: Path, node: str, incarnation: int, *, adopt: bool) -> None:
    facts = read_meta(writer, path)
    if facts["node"] != node:
        raise ForeignJournal(f"{path} belongs to node {facts['node']}, this is {node}; give this node its own folder")
    if int(facts["incarnation"]) == incarnation:
        return
    if not adopt:
        raise ForeignJournal(
            f"{path} was written by incarnation {int(facts['incarnation']):x} of {node}, this is {incarnation:x}; "
            f"put back the folder's own incarnation file, or begin anew after a restore with `yunnao restore`"
        )
    writer.execute("UPDATE meta SET value = ? WHERE key = 'incarnation'", (str(incarnation),))
