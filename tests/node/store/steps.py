"""The steps by which a journal file changes, in one table: between any two of them the power may go.

Owns the names and what each promises; test_steps.py takes the disk's image between every two, cuts and damages what was not synced, and
opens what is left. Whoever writes the file in a new way adds the step here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.audit.book import AuditBook
from node.audit.entry import Wanted, wanted
from node.audit.retention import Checkpoint, CheckpointSeal
from node.audit.words import AuditKind
from node.store import keeping, queries
from node.store.file import open_writer
from node.store.keeping import KeptTime
from node.store.schema import Tuning
from node.store.write_set import WriteSet
from sync.model import State
from sync.model.writes import FreeBatches, StoreBatch, Write
from tests.contracts.batches import NODE

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Step(Enum):
    """One thing done to the file; the value says what holds once it is over."""

    OPEN = "the log is recovered and the tables are those of this program"
    BEGIN = "nothing changed"
    INSERT = "nothing changed: the rows are in no transaction that ended"
    COMMIT = "the batches are acknowledged"
    CHECKPOINT = "the log's pages are in the file as well"
    FREE = "the payloads are gone, their accounts stay"
    VACUUM = "free pages are at the disk's disposal"
    NOTE_TIME = "the time is noted"
    ENTER_AUDIT = "an entry is in the audit log, and the chain holds"
    FORGET_AUDIT = "the older half of the audit log is gone behind a checkpoint, and the chain holds"
    ROTATE = "the log is empty"
    CLOSE = "the file is alone"


@dataclass(slots=True)
class Bench:
    """A file under the steps, and what it has promised so far."""

    path: Path
    tuning: Tuning
    commits: Sequence[Sequence[Write]]
    """What each COMMIT writes, in order."""
    writer: sqlite3.Connection | None = None
    acked: int = 0
    """lsn up to which batches are acknowledged."""
    freed: frozenset[int] = frozenset()
    done: int = 0
    """Commits made."""

    def do(self, step: Step) -> None:
        """Take one step."""
        _ACTIONS[step](self)

    @property
    def connection(self) -> sqlite3.Connection:
        """The writing connection; only between OPEN and CLOSE."""
        assert self.writer is not None, "a step on a file that is not open"
        return self.writer


def _open(bench: Bench) -> None:
    bench.writer = open_writer(bench.path, bench.tuning)
    bench.acked = queries.counters(bench.connection).lsn


def _begin(bench: Bench) -> None:
    bench.connection.execute("BEGIN IMMEDIATE")


def _insert(bench: Bench) -> None:
    WriteSet.of(bench.commits[bench.done], queries.counters(bench.connection)).insert(bench.connection)


def _commit(bench: Bench) -> None:
    bench.connection.execute("COMMIT")
    stored = [write.stored.lsn for write in bench.commits[bench.done] if isinstance(write, StoreBatch)]
    bench.acked, bench.done = max(stored), bench.done + 1


def _checkpoint(bench: Bench) -> None:
    bench.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _free(bench: Bench) -> None:
    lsns = tuple(range(1, bench.acked, 2))
    bench.connection.execute("BEGIN IMMEDIATE")
    WriteSet.of([FreeBatches(lsns, State.RETENTION)], queries.counters(bench.connection)).insert(bench.connection)
    bench.connection.execute("COMMIT")
    bench.freed = frozenset(lsns)


def _vacuum(bench: Bench) -> None:
    # A script, because the statement gives a row without columns for every page, and `execute` stops at the first.
    bench.connection.executescript("PRAGMA incremental_vacuum(1000)")


def _note_time(bench: Bench) -> None:
    keeping.note(bench.connection, KeptTime(bench.acked, 1, 0))


def _enter_audit(bench: Bench) -> None:
    _audit(bench, wanted(AuditKind.OPERATOR, NODE, "somebody", {"batches": bench.acked}), forget=0)


def _forget_audit(bench: Bench) -> None:
    upto = AuditBook(bench.connection).head.seq // 2
    digest = bench.connection.execute("SELECT hash FROM audit_entry WHERE seq = ?", (upto,)).fetchone()[0]
    detail = CheckpointSeal(NODE, lambda: KEY).signed(Checkpoint(NODE, upto, digest))
    _audit(bench, wanted(AuditKind.CHECKPOINT, NODE, "", detail), forget=upto)


def _audit(bench: Bench, entry: Wanted, *, forget: int) -> None:
    book = AuditBook(bench.connection)
    book.begin(bench.connection, lambda: 1)
    book.add(entry)
    bench.connection.execute("BEGIN IMMEDIATE")
    book.insert(bench.connection, is_last=True)
    book.forget(bench.connection, forget)
    bench.connection.execute("COMMIT")


def _rotate(bench: Bench) -> None:
    bench.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _close(bench: Bench) -> None:
    bench.connection.close()
    bench.writer = None


_ACTIONS: dict[Step, Callable[[Bench], None]] = {
    Step.OPEN: _open,
    Step.BEGIN: _begin,
    Step.INSERT: _insert,
    Step.COMMIT: _commit,
    Step.CHECKPOINT: _checkpoint,
    Step.FREE: _free,
    Step.VACUUM: _vacuum,
    Step.NOTE_TIME: _note_time,
    Step.ENTER_AUDIT: _enter_audit,
    Step.FORGET_AUDIT: _forget_audit,
    Step.ROTATE: _rotate,
    Step.CLOSE: _close,
}

_STORE = (Step.BEGIN, Step.INSERT, Step.COMMIT)
STEPS: tuple[Step, ...] = (
    Step.OPEN, *_STORE, Step.ENTER_AUDIT, *_STORE, Step.CHECKPOINT, *_STORE, Step.FREE, Step.VACUUM, Step.NOTE_TIME, Step.CHECKPOINT,
    Step.ENTER_AUDIT, *_STORE, Step.ROTATE, *_STORE, Step.FREE, Step.ROTATE, Step.VACUUM, Step.FORGET_AUDIT, Step.ROTATE, Step.CLOSE,
)  # fmt: skip
"""The table: a life in which every step comes behind every state of the log that it may meet."""
