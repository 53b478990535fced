"""A real journal with an audit log for tests: entries, stamps over a share ledger, and hands that touch the file from outside."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.audit.entry import Detail, chained, wanted
from node.audit.walk import Walked, walk
from node.audit.words import AuditKind
from node.store.journal import SqliteJournal, open_journal
from node.store.schema import Tuning
from sync.model import Direction, Lane, LedgerEntry, Run, Span, State
from sync.model.writes import AppendLedger
from tests.contracts.batches import INCARNATION, NODE, PARENT, RESOURCE, run

TUNING = Tuning(page_bytes=4_096, is_synced=False)
BEGAN_US = 1_700_000_000_000_000


@dataclass(slots=True)
class Tick:
    """A wall clock that stands where the test puts it."""

    now_us: int = BEGAN_US

    def __call__(self) -> int:
        return self.now_us


def opened(path: Path, clock: Tick, *, incarnation: int = INCARNATION) -> SqliteJournal:
    """The journal with its log begun, as a node begins it."""
    journal = open_journal(path, node=NODE, incarnation=incarnation, tuning=TUNING)
    journal.begin_audit(clock)
    enter(journal, AuditKind.START, NODE, {"incarnation": f"{incarnation:016x}", "stamps_after": journal.audit.head.stamped})
    return journal


def enter(journal: SqliteJournal, kind: AuditKind, subject: str, detail: Detail, *, by: str = "wang") -> None:
    """One entry, written."""
    journal.audit.add(wanted(kind, subject, by, detail))
    journal.write_audit()


def ledger(number: int, *runs: Run, peer: str = PARENT) -> AppendLedger:
    """A row of the share ledger with its runs."""
    digest = hashlib.sha256(b"%d" % number).digest()
    kept = runs or (run(number, number),)
    span, hashes = Span(number - 1, number), (digest,) * 5
    return AppendLedger(LedgerEntry(peer, Direction.UP, Lane.BULK, span, 0, 1, RESOURCE, kept, *hashes))


def withheld(number: int) -> Run:
    """A run that the negative list denied."""
    return run(number, number, state=State.DENIED, reason="negative-list")


def sent(journal: SqliteJournal, numbers: Sequence[int]) -> None:
    """One commit of rows of the share ledger."""
    journal.commit([ledger(number) for number in numbers])


def filled(path: Path) -> tuple[SqliteJournal, Tick]:
    """Eight entries: a start, three acts, a stamp over three rows, two acts, a stamp over two rows."""
    clock = Tick()
    journal = opened(path, clock)
    for index in range(3):
        enter(journal, AuditKind.OPERATOR, f"act-{index}", {"n": index})
    sent(journal, [1, 2])
    clock.now_us += 60_000_000
    sent(journal, [3])
    enter(journal, AuditKind.CASE, "3f0c9a1be2d4c5f6", {"word": "approve"})
    enter(journal, AuditKind.QUERY, "air-quality", {"rows": 4})
    sent(journal, [4, 5])
    journal.write_audit(is_last=True)
    return journal, clock


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as somebody with a database tool has it."""
    connection = sqlite3.connect(path)
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


def walked(path: Path, *, wanted: frozenset[int] = frozenset()) -> Walked:
    """What the walk finds in the file."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return walk(connection, wanted=wanted)
    finally:
        connection.close()


def forge_from(connection: sqlite3.Connection, seq: int, **changes: object) -> None:
    """Write entry `seq` anew with another detail, and the hashes of everything behind it, as somebody does who has read this code."""
    previous = connection.execute("SELECT prev FROM audit_entry WHERE seq = ?", (seq,)).fetchone()[0]
    rows = connection.execute("SELECT seq, entry FROM audit_entry WHERE seq >= ? ORDER BY seq", (seq,)).fetchall()
    for number, entry in rows:
        fields = json.loads(entry)
        if number == seq:
            fields[5].update(changes)
        data = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = chained(previous, data.encode())
        connection.execute("UPDATE audit_entry SET entry = ?, prev = ?, hash = ? WHERE seq = ?", (data, previous, digest, number))
        previous = digest
    connection.execute("UPDATE audit_head SET hash = ?", (previous,))
